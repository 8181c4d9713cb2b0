"""Waiting times between attempts: exponential, with jitter, so that many clients do not come back in step."""

from __future__ import annotations

import random


class Backoff:
    """Doubles from `first_s` to `max_s`; each wait is half to all of that."""

    def __init__(self, first_s: float, max_s: float, rng: random.Random) -> None:
        self._first_s = first_s
        self._max_s = max_s
        self._rng = rng
        self._next_s = first_s

    def next_s(self) -> float:
        """The next wait in seconds."""
        wait_s = self._next_s * (0.5 + self._rng.random() / 2)
        self._next_s = min(self._max_s, self._next_s * 2)
        return wait_s

    def reset(self) -> None:
        """Start over: the last attempt held."""
        self._next_s = self._first_s
