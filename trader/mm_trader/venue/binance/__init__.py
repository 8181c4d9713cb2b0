"""Binance spot behind the venue port: `wire` (pure) → `transport` (sockets) → the parts → `BinanceGateway`."""

from mm_trader.venue.binance.credentials import Credentials, load_credentials
from mm_trader.venue.binance.gateway import BinanceGateway
from mm_trader.venue.binance.settings import GatewaySettings

__all__ = ["BinanceGateway", "Credentials", "GatewaySettings", "load_credentials"]
