"""Correlation of the mids of all symbols: EWMA of products of simultaneous returns over a fixed step. What is not known counts as 1: the cautious end.

    c_ij ← w·c_ij + (1 − w)·r_i·r_j,   w = exp(−step/τ),   ρ_ij = c_ij / √(c_ii·c_jj)
Returns are taken over ten seconds, because over one second trades of two symbols do not yet meet (Epps 1979).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import exp, log, sqrt

STEP_NS = 10_000_000_000
_TAU_S = 600.0
_MIN_SAMPLES = 30
"""Five minutes before a correlation is believed."""


class Correlations:
    """EWMA covariances of the symbols of one trader."""

    def __init__(self, symbols: Sequence[str]) -> None:
        self._symbols = tuple(symbols)
        self._last: dict[str, float] | None = None
        self._covariance = {(a, b): 0.0 for a in symbols for b in symbols}
        self._weight = exp(-STEP_NS / 1e9 / _TAU_S)
        self._samples = 0
        self.next_sample = 0

    def sample(self, ts: int, mids: Mapping[str, int | None]) -> None:
        """Take all mids at once; a symbol without a fresh one (None) makes this step a gap for all. Callers skip the call while `ts < next_sample`."""
        if ts < self.next_sample:
            return
        self.next_sample = ts + STEP_NS
        now: dict[str, float] = {}
        for symbol in self._symbols:
            mid = mids.get(symbol)
            if mid is None or mid <= 0:
                self._last = None
                return
            now[symbol] = log(mid)
        if self._last is not None:
            returns = {symbol: now[symbol] - self._last[symbol] for symbol in self._symbols}
            w = self._weight
            for a, b in self._covariance:
                self._covariance[a, b] = w * self._covariance[a, b] + (1 - w) * returns[a] * returns[b]
            self._samples += 1
        self._last = now

    def of(self, a: str, b: str) -> float:
        """ρ in [-1, 1]; 1 while it is not known."""
        if a == b:
            return 1.0
        variances = self._covariance[a, a] * self._covariance[b, b]
        if self._samples < _MIN_SAMPLES or variances <= 0:
            return 1.0
        return max(-1.0, min(1.0, self._covariance[a, b] / sqrt(variances)))

    @property
    def known(self) -> bool:
        """Enough has been seen to believe it."""
        return self._samples >= _MIN_SAMPLES
