"""What each product can do, without importing its gateway: the shell asks before it makes one."""

from __future__ import annotations

from mm_api.kinds.common import Venue
from mm_trader.venue.port import Capabilities

SPOT = Capabilities(
    dead_man=False,
    modify_price=False,
    short_without_inventory=False,
    amend_keeps_priority=True,
    cancel_replace=True,
)
USDM = Capabilities(dead_man=True, modify_price=True, short_without_inventory=True, reduce_only=True)

CAPABILITIES = {Venue.BINANCE: SPOT, Venue.BINANCE_USDM: USDM}
