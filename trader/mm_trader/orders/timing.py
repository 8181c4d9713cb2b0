"""How long to wait for answers, and how long between two attempts."""

from __future__ import annotations

import msgspec

from mm_trader.core.units import NS_PER_MS, NS_PER_S

ENGINE_TIMEOUT_NS = 10 * NS_PER_S
"""The venue's matching engine answers within 10 s or never: an accepted message cannot appear later."""

FIRST_PAUSE_NS = 100 * NS_PER_MS
LONGEST_PAUSE_NS = 10 * NS_PER_S
MAX_CANCEL_REFUSALS = 12
"""With doubling pauses from 0.1 s to 10 s this is about a minute of being refused."""


class Timings(msgspec.Struct, frozen=True, kw_only=True):
    """All in ns."""

    order_timeout: int
    recv_window: int


def pause(attempt: int) -> int:
    """Ns to wait after the given number of attempts: 0.1, 0.2, 0.4 … 10 s."""
    return min(FIRST_PAUSE_NS << max(0, attempt - 1), LONGEST_PAUSE_NS) if attempt < 16 else LONGEST_PAUSE_NS
