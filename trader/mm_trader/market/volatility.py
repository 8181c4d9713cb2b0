"""EWMA volatility of the mid on irregular ticks, for dynamic spreads and the volatility column of the status.

v ← w·v + (1 − w)·r²/Δt with w = exp(−Δt/τ), r the relative change of the mid over Δt seconds: RiskMetrics (1996) carried to irregular spacing,
so τ is a time and not a count of ticks; half-life = τ·ln 2. Samples closer than one second are merged, which damps the bounce between bid and ask.

Worked: τ = 60 s, v = (1e-4)², a sample one second later with r = 3e-4: w = 0.98347, v = 0.98347e-8 + 0.01653·9e-8 = 1.1322e-8, σ = 1.064e-4 per √s.
"""

from __future__ import annotations

from math import exp, sqrt

SECONDS_PER_YEAR = 365 * 86_400
"""Crypto trades all year round."""

PRIOR = 3e-4
"""σ per √s before there is data: about 170 % a year, cautious for the majors. A neutral zero would quote tightest when least is known."""

_SAMPLE_NS = 1_000_000_000
_TAU_S = 60.0


def annualised(per_sqrt_second: float) -> float:
    """σ per √s → σ per √year, both as fractions: 1.42e-4 → 0.80."""
    return per_sqrt_second * sqrt(SECONDS_PER_YEAR)


class EwmaVolatility:
    """σ of the mid per √second, as a fraction of the price."""

    __slots__ = ("_last_mid2", "_last_ts", "_tau", "_variance", "next_sample", "sigma")

    def __init__(self, tau_s: float = _TAU_S, prior: float = PRIOR) -> None:
        """`tau_s`: memory in seconds. `prior`: σ to begin with, per √s."""
        self._tau = tau_s
        self._variance = prior * prior
        self._last_mid2 = 0
        self._last_ts = 0
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
        self.next_sample = ts + _SAMPLE_NS

    def forget_last(self) -> None:
        """After a gap in the data: keep the estimate, but do not take the jump across the gap for a tick."""
        self._last_mid2 = 0
        self.next_sample = 0
