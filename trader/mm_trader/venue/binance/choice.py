"""The gateway class of a product; each is imported only where it is used."""

from __future__ import annotations

from mm_api.kinds.common import Venue
from mm_trader.venue.binance.gateway import BinanceGateway


def gateway_for(venue: Venue) -> type[BinanceGateway]:
    """Spot or USD-M futures."""
    if venue is Venue.BINANCE:
        return BinanceGateway
    from mm_trader.venue.binance.usdm.gateway import UsdmGateway

    return UsdmGateway
