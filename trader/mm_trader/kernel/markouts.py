"""Mark-outs: how the mid moved after own fills, in basis points of the fill price, at fixed horizons. Negative: we were picked off.

m(h) = side x (mid at t + h − fill price) / fill price (Huang & Stoll 1996). The mid at t + h is the last one known then: the kernel asks with the mid it had
before the first update after the horizon. Without a fresh mid the sample is dropped, not guessed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

from mm_trader.core.units import NS_PER_MS

HORIZONS_MS = (100, 1_000, 5_000, 30_000)
_LIMIT = 4_096
"""Fills waiting per horizon; beyond that the oldest goes without a sample."""
NEVER: Final = 2**62 - 1
"""Later than any time, and the largest number that machine code compares at once."""


class MarkOuts:
    """Fills of one symbol that wait for their horizons."""

    __slots__ = ("_record", "_waiting", "next_due")

    def __init__(self, record: Callable[[int, float], None]) -> None:
        """`record`: called with (horizon in ms, mark-out in bp)."""
        self._record = record
        self._waiting: tuple[tuple[int, deque[tuple[int, int, int]]], ...] = tuple(
            (horizon, deque(maxlen=_LIMIT)) for horizon in HORIZONS_MS
        )
        self.next_due = NEVER

    def add(self, ts: int, sign: int, price: int) -> None:
        """A fill at `price` ticks."""
        for horizon, waiting in self._waiting:
            waiting.append((ts + horizon * NS_PER_MS, sign, price))
        self.next_due = min(self.next_due, ts + HORIZONS_MS[0] * NS_PER_MS)

    def settle(self, ts: int, mid2: int | None) -> None:
        """Take the samples that are due, at the mid (half ticks) that stands now; None: there is no mid to trust."""
        soonest = NEVER
        for horizon, waiting in self._waiting:
            while waiting and waiting[0][0] <= ts:
                _, sign, price = waiting.popleft()
                if mid2 is not None:
                    self._record(horizon, sign * (mid2 - 2 * price) / (2 * price) * 1e4)
            if waiting and waiting[0][0] < soonest:
                soonest = waiting[0][0]
        self.next_due = soonest
