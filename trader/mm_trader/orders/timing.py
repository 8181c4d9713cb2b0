"""How long to wait for answers. How long between two attempts: `retry.py`."""

from __future__ import annotations

import msgspec

from mm_trader.core.units import NS_PER_S

ENGINE_TIMEOUT_NS = 10 * NS_PER_S
"""The venue's matching engine answers within 10 s or never: an accepted message cannot appear later."""


class Timings(msgspec.Struct, frozen=True, kw_only=True):
    """All in ns."""

    order_timeout: int
    recv_window: int
