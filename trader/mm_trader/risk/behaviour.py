"""How the trader behaves towards the venue: order rate, cancel ratio, fill rate, streak of refusals. A maker that is refused again and again, or cancels nearly
everything, has a fault that its PnL does not show yet."""

from __future__ import annotations

from collections import deque
from typing import Final

from mm_trader.core.units import NS_PER_S

WINDOW_S: Final = 60
"""Ratios are taken over this long."""
MIN_SAMPLE: Final = 20
"""Orders within the window below which a ratio says nothing."""
LEAVE: Final = 0.95
"""A raised ratio must fall to this part of its limit before it counts as calm again."""


class _Bucket:
    """What went on in one second."""

    __slots__ = ("canceled", "filled", "placed", "second")

    def __init__(self, second: int) -> None:
        self.second = second
        self.placed = self.canceled = self.filled = 0


class BehaviourMonitor:
    """Counters over the last second and the last minute, in buckets of one second: bounded whatever happens."""

    def __init__(self) -> None:
        self._last_second: deque[int] = deque()
        self._buckets: deque[_Bucket] = deque(maxlen=WINDOW_S)
        self.reject_streak = 0
        self.ratio_raised = False
        self._judged_second = -1
        self.fills_raised = False
        self._fills_second = -1

    def placed(self, ts: int) -> None:
        """An order goes out."""
        self._last_second.append(ts)
        self._bucket(ts).placed += 1

    def canceled(self, ts: int) -> None:
        """A cancel goes out."""
        self._bucket(ts).canceled += 1

    def filled(self, ts: int) -> None:
        """A fill came in."""
        self._bucket(ts).filled += 1

    def accepted(self) -> None:
        """The venue took an order: the streak ends."""
        self.reject_streak = 0

    def refused(self) -> None:
        """The venue refused one (post-only refusals do not count: they are the market's doing)."""
        self.reject_streak += 1

    def orders_this_second(self, ts: int) -> int:
        """Orders within the second before `ts`."""
        recent = self._last_second
        while recent and ts - recent[0] >= NS_PER_S:
            recent.popleft()
        return len(recent)

    def cancel_ratio(self, ts: int) -> float | None:
        """Cancels over orders within the window; None: too few orders to say."""
        second = ts // NS_PER_S
        placed = canceled = 0
        for bucket in self._buckets:
            if second - bucket.second < WINDOW_S:
                placed += bucket.placed
                canceled += bucket.canceled
        return canceled / placed if placed >= MIN_SAMPLE else None

    def fills_per_minute(self, ts: int) -> int:
        """Fills within the window, which is a minute."""
        second = ts // NS_PER_S
        filled = 0
        for bucket in self._buckets:
            if second - bucket.second < WINDOW_S:
                filled += bucket.filled
        return filled

    def fills_too_fast(self, ts: int, limit: int) -> bool:
        """True while fills come faster than the limit, with some hysteresis. Worked out once a second."""
        second = ts // NS_PER_S
        if second != self._fills_second:
            self._fills_second = second
            rate = self.fills_per_minute(ts)
            self.fills_raised = rate > limit or (self.fills_raised and rate >= limit * LEAVE)
        return self.fills_raised

    def cancels_too_much(self, ts: int, limit: float) -> bool:
        """True while the ratio is above its limit, with some hysteresis. Worked out once a second."""
        second = ts // NS_PER_S
        if second == self._judged_second:
            return self.ratio_raised
        self._judged_second = second
        ratio = self.cancel_ratio(ts)
        if ratio is None:
            self.ratio_raised = False
        elif ratio > limit:
            self.ratio_raised = True
        elif ratio < limit * LEAVE:
            self.ratio_raised = False
        return self.ratio_raised

    def _bucket(self, ts: int) -> _Bucket:
        second = ts // NS_PER_S
        if not self._buckets or self._buckets[-1].second != second:
            self._buckets.append(_Bucket(second))
        return self._buckets[-1]
