"""Binance behind the venue port: `wire` (pure) → `transport` (sockets) → the parts → `BinanceGateway`.

The names are imported when they are asked for: the dead man uses `wire` alone and must stay small."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mm_trader.venue.binance.choice import gateway_for
    from mm_trader.venue.binance.credentials import Credentials, load_credentials
    from mm_trader.venue.binance.gateway import BinanceGateway
    from mm_trader.venue.binance.settings import GatewaySettings
    from mm_trader.venue.binance.usdm.gateway import UsdmGateway

_HOMES = {
    "BinanceGateway": "gateway",
    "Credentials": "credentials",
    "GatewaySettings": "settings",
    "UsdmGateway": "usdm.gateway",
    "gateway_for": "choice",
    "load_credentials": "credentials",
}


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{home}"), name)


__all__ = [
    "BinanceGateway",
    "Credentials",
    "GatewaySettings",
    "UsdmGateway",
    "gateway_for",
    "load_credentials",
]
