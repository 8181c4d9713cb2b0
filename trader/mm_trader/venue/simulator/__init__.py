"""A simulator of Binance spot's wire protocol: REST, WebSocket API, streams and user data on one port.

Layers, each knowing only those before it: `engine` (matching, pure) → `market` (what moves prices) → `server`
(the wire) → `simulator` (puts them together) → `cli`. `Simulator` is also the embeddable form that tests and the
stand-alone demo use.
"""

from __future__ import annotations

from .config import AccountConfig, ConfigError, MarketConfig, SimulatorConfig
from .simulator import Simulator
from .time import ManualClock, SystemClock

__all__ = [
    "AccountConfig",
    "ConfigError",
    "ManualClock",
    "MarketConfig",
    "Simulator",
    "SimulatorConfig",
    "SystemClock",
]
