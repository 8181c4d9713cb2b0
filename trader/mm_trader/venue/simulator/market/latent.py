"""The latent fair value of one symbol and the public price that follows it.

log F moves by a diffusion whose volatility switches between regimes, a slowly turning trend, and jumps; the public
price P follows F with a lag. Informed takers see F, everybody else sees P: the gap is what adverse selection is made of.
"""

from __future__ import annotations

import math
from random import Random

from .preset import Preset

BP = 1e-4


class LatentValue:
    """F and P of one symbol, stepped in time. All randomness comes from the `rng` passed in."""

    def __init__(self, preset: Preset, start: float, rng: Random) -> None:
        self.preset = preset
        self.rng = rng
        self.value = start
        self.public = start
        self._trend = 0.0
        self._regime = 0
        self._drifts: list[tuple[float, float]] = []
        """(seconds left, log change per second) of moves asked for from outside."""

    def step(self, dt: float) -> None:
        """Advance by `dt` seconds."""
        preset, rng = self.preset, self.rng
        regime = preset.regimes[self._regime]
        if len(preset.regimes) > 1 and rng.random() < dt / regime.mean_s:
            self._regime = (self._regime + 1) % len(preset.regimes)
        volatility = preset.volatility_bp_sqrt_s * preset.regimes[self._regime].multiplier
        decay = dt / preset.trend_mean_s
        self._trend += -self._trend * decay + preset.trend_bp_s * math.sqrt(2 * decay) * rng.gauss(0, 1)
        change = volatility * math.sqrt(dt) * rng.gauss(0, 1) + self._trend * dt
        if preset.jump_per_s and rng.random() < preset.jump_per_s * dt:
            change += preset.jump_bp * rng.gauss(0, 1)
        moved = change * BP + self._drift(dt)
        self.value *= math.exp(moved)
        lag = preset.public_lag_s
        follow = 1.0 if lag <= dt else dt / lag
        self.public += (self.value - self.public) * follow

    def shift(self, by_bp: float) -> None:
        """Move both at once: news that everybody sees."""
        factor = 1 + by_bp * BP
        self.value *= factor
        self.public *= factor

    def drift(self, by_bp: float, over_s: float) -> None:
        """Move F by `by_bp` in equal parts over the next `over_s` seconds; P follows with its lag."""
        self._drifts.append((over_s, math.log(1 + by_bp * BP) / over_s))

    def _drift(self, dt: float) -> float:
        total = 0.0
        left: list[tuple[float, float]] = []
        for seconds, rate in self._drifts:
            total += rate * min(dt, seconds)
            if seconds > dt:
                left.append((seconds - dt, rate))
        self._drifts = left
        return total
