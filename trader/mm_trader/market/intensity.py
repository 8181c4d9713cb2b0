"""How often the market reaches a distance δ from the mid: λ(δ) = A·exp(−k·δ) (Avellaneda & Stoikov 2008), fitted on public trades.

A sweep (trades of one direction within a millisecond) reaches as far as its farthest trade, and would have filled a quote at every distance up to there. Sweeps
are counted per distance bucket, decayed over τ; ln(count/s) against δ is fitted by weighted least squares over the near buckets alone, where there is something
to count. The papers' A is that of one side: sweeps of both directions are counted together, over twice the time. R² is reported, because the exponential is a
model: who uses A and k should look at it.
"""

from __future__ import annotations

from math import exp, log

from mm_trader.strategy.base import Intensity

_BUCKETS = 20
_WIDTH = 5e-6
"""Width of a bucket, of the price: twenty of them reach 1 bp."""
_TAU_S = 600.0
_SWEEP_NS = 1_000_000
_MIN_COUNT = 5.0
"""Sweeps in a bucket below which it says nothing; nearer ones are used alone."""
_MIN_BUCKETS = 4
_REFIT_NS = 5_000_000_000


class ArrivalIntensity:
    """A, k and R² of one symbol."""

    __slots__ = (
        "_counts",
        "_last_ts",
        "_next_fit",
        "_reach",
        "_seconds",
        "_side",
        "_started",
        "_width",
        "fit",
    )

    def __init__(self) -> None:
        self._counts = [0.0] * _BUCKETS
        """[i]: decayed sweeps that reached bucket i or farther."""
        self._seconds = 0.0
        """Decayed time they were counted over."""
        self._width = 0.0
        self._started = self._last_ts = self._next_fit = 0
        self._reach, self._side = -1, False
        self.fit: Intensity | None = None

    def reset(self) -> None:
        """After a gap in the data: the gap is no time without trades."""
        self._started = 0
        self._reach = -1

    def on_trade(self, ts: int, price: int, mid2: int, *, sell: bool) -> None:
        """A public trade at `price` ticks; `mid2`: twice the mid before it. `sell`: the aggressor sold."""
        if not self._started:
            self._started = self._last_ts = ts
            self._next_fit = ts + _REFIT_NS
        if not self._width:
            self._width = max(0.5, mid2 / 2 * _WIDTH)
        distance = (mid2 - 2 * price if sell else 2 * price - mid2) / 2
        bucket = min(int(distance / self._width), _BUCKETS - 1) if distance > 0 else 0
        if self._reach >= 0 and self._side is sell and ts - self._last_ts <= _SWEEP_NS:
            for index in range(self._reach + 1, bucket + 1):
                self._counts[index] += 1
            self._reach = max(self._reach, bucket)
        else:
            for index in range(bucket + 1):
                self._counts[index] += 1
            self._reach, self._side = bucket, sell
        self._seconds += max(0.0, (ts - self._last_ts) / 1e9)
        self._last_ts = max(ts, self._last_ts)

    def refit_if_due(self, ts: int) -> None:
        """Fit again every few seconds, and let old counts fade. For the timer."""
        if not self._started or ts < self._next_fit:
            return
        self._next_fit = ts + _REFIT_NS
        self._seconds += max(0.0, (ts - self._last_ts) / 1e9)
        self._last_ts = max(ts, self._last_ts)
        self.fit = fit_exponential(self._counts, 2 * self._seconds, self._width)
        fade = exp(-_REFIT_NS / 1e9 / _TAU_S)
        self._counts = [count * fade for count in self._counts]
        self._seconds *= fade


def fit_exponential(counts: list[float], seconds: float, width: float) -> Intensity | None:
    """A (1/s), k (1/tick) and R² from counts that reached i·width or farther; None: too little, or not falling.

    Weights are counts: the logarithm of a count varies as 1/count.
    """
    points: list[tuple[float, float, float]] = []
    for index, count in enumerate(counts):
        if count < _MIN_COUNT or seconds <= 0:
            break
        points.append((index * width, log(count / seconds), count))
    if len(points) < _MIN_BUCKETS:
        return None
    weight = sum(w for _, _, w in points)
    mean_x = sum(w * x for x, _, w in points) / weight
    mean_y = sum(w * y for _, y, w in points) / weight
    xx = sum(w * (x - mean_x) ** 2 for x, _, w in points)
    xy = sum(w * (x - mean_x) * (y - mean_y) for x, y, w in points)
    yy = sum(w * (y - mean_y) ** 2 for _, y, w in points)
    slope = xy / xx
    if slope >= 0 or yy <= 0:
        return None
    return Intensity(a=exp(mean_y - slope * mean_x), k=-slope, r2=xy * xy / (xx * yy))
