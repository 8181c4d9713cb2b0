"""EWMA volatility of the mid on irregular ticks, for dynamic spreads and the volatility column of the status.

v ← w·v + (1 − w)·r²/Δt with w = exp(−Δt/τ), r the relative change of the mid over Δt seconds: RiskMetrics (1996) carried to irregular spacing,
so τ is a time and not a count of ticks; half-life = τ·ln 2. Samples closer than one second are merged, which damps the bounce between bid and ask.

Worked: τ = 60 s, v = (1e-4)², a sample one second later with r = 3e-4: w = 0.98347, v = 0.98347e-8 + 0.01653·9e-8 = 1.1322e-8, σ = 1.064e-4 per √s.
"""

from __future__ import annotations

from collections import deque
from math import exp, log, sqrt
from typing import Final

from mm_trader.market.two_scale import realised_variance, two_scale_variance

SECONDS_PER_YEAR = 365 * 86_400
"""Crypto trades all year round."""

PRIOR = 3e-4
"""σ per √s before there is data: about 170 % a year, cautious for the majors. A neutral zero would quote tightest when least is known."""

_SAMPLE_NS: Final = 1_000_000_000
_TAU_S = 60.0
_RING = 300
"""Samples kept: five minutes of a market that is never still."""
_MIN_RING = 60
_SCALE = 10
"""Grids of the slow scale: ten seconds."""


def annualised(per_sqrt_second: float) -> float:
    """σ per √s → σ per √year, both as fractions: 1.42e-4 → 0.80."""
    return per_sqrt_second * sqrt(SECONDS_PER_YEAR)


class EwmaVolatility:
    """σ of the mid per √second, as a fraction of the price."""

    __slots__ = ("_last_mid2", "_last_ts", "_recent", "_tau", "_variance", "next_sample", "sigma")

    def __init__(self, tau_s: float = _TAU_S, prior: float = PRIOR) -> None:
        """`tau_s`: memory in seconds. `prior`: σ to begin with, per √s."""
        self._tau = tau_s
        self._variance = prior * prior
        self._last_mid2 = 0
        self._last_ts = 0
        self._recent: deque[tuple[int, float]] = deque(maxlen=_RING)
        """Ring of (ts, ln of the mid): the last five minutes."""
        self.next_sample = 0
        self.sigma = prior

    def sample(self, ts: int, mid2: int) -> None:
        """Take the mid (in half ticks) at `ts` ns. Callers skip the call while `ts < next_sample`; a call before that changes nothing."""
        if ts < self.next_sample or mid2 <= 0:
            return
        if self._last_mid2:
            dt = (ts - self._last_ts) / 1e9
            change = (mid2 - self._last_mid2) / self._last_mid2
            weight = exp(-dt / self._tau)
            self._variance = weight * self._variance + (1 - weight) * change * change / dt
            self.sigma = sqrt(self._variance)
        self._last_mid2 = mid2
        self._last_ts = ts
        self._recent.append((ts, log(mid2)))
        self.next_sample = ts + _SAMPLE_NS

    def forget_last(self) -> None:
        """After a gap in the data: keep the estimate, but do not take the jump across the gap for a tick."""
        self._last_mid2 = 0
        self._recent.clear()
        self.next_sample = 0

    @property
    def sigma_annual(self) -> float:
        """σ per √year, as a fraction: 0.8 is 80 %."""
        return annualised(self.sigma)

    def two_scale_sigma(self) -> float | None:
        """σ per √s over the ring, freed of the bounce between bid and ask; None before there are a few minutes without a gap."""
        if len(self._recent) < _MIN_RING:
            return None
        variance = two_scale_variance([value for _, value in self._recent], _SCALE)
        seconds = (self._recent[-1][0] - self._recent[0][0]) / 1e9
        return None if variance is None else sqrt(variance / seconds)

    def noise_share(self) -> float | None:
        """Part of the realised variance over the ring that is bounce and not movement, in [0, 1]; None before there is enough, or nothing moved."""
        slow = self.two_scale_sigma()
        fast = realised_variance([value for _, value in self._recent])
        if slow is None or fast <= 0:
            return None
        seconds = (self._recent[-1][0] - self._recent[0][0]) / 1e9
        return min(1.0, max(0.0, 1 - slow * slow * seconds / fast))
