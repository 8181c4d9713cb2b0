"""How long to wait for answers. How long between two attempts: `retry.py`."""

from __future__ import annotations

from typing import Final

import msgspec

from mm_trader.core.units import NS_PER_MS, NS_PER_S

ENGINE_TIMEOUT_NS = 10 * NS_PER_S
"""The venue's matching engine answers within 10 s or never: an accepted message cannot appear later."""

ASK_AFTER_NS: Final = 500 * NS_PER_MS
"""An answer takes some ms, from the other side of the world some hundred. From here on the venue is asked as well: an order that is there is known within a
second, whatever happened to its answer and its user event."""
LEAVES_WITHIN_NS = 250 * NS_PER_MS
"""A place that has not left this long after it was decided does not leave any more: its price is old, and the time until which it can land counts from its
decision."""
CLOCK_ERROR_NS = 250 * NS_PER_MS
"""The venue judges recvWindow by its own clock, and ours is measured to within half of a round trip: an order may land this much later."""


class Timings(msgspec.Struct, frozen=True, kw_only=True):
    """All in ns."""

    order_timeout: int
    recv_window: int

    @property
    def ask_before(self) -> int:
        """So long before an answer is overdue the venue is asked; 0: only then."""
        return max(0, self.order_timeout - ASK_AFTER_NS)

    def certain_after(self, ts: int) -> int:
        """See the function."""
        return certain_after(ts, self.recv_window)


def certain_after(ts: int, recv_window: int) -> int:
    """Who asks later than this about an order of `ts` and is told that there is none knows that there will be none. All in ns."""
    refused_from = ts + LEAVES_WITHIN_NS + CLOCK_ERROR_NS + recv_window  # by the venue itself: too old
    return refused_from + ENGINE_TIMEOUT_NS
