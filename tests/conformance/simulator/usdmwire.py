"""A client of the futures profile for tests: the spot one's ways with `/fapi/` paths and the futures WebSocket API."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import yaml
from simwire import KEY, Reply, Socket, Wire, config
from yarl import URL

from mm_trader.venue.simulator import ManualClock, Simulator, SimulatorConfig
from mm_trader.venue.simulator.config import Product
from mm_trader.venue.simulator.market import preset

PRESETS = Path(preset.__file__).parent / "presets"


def usdm_config(market: str = "seeded:7", **changes: Any) -> SimulatorConfig:
    """As `config`, with perpetuals."""
    return config(market, product=Product.USDM, **changes)


class FuturesWire(Wire):
    """Paths are below `/fapi/`, with their version."""

    root = "/fapi"
    order_path = "v1/order"
    quantity = "0.100"
    ticker_path = "v1/ticker/bookTicker"
    api_path = "/ws-fapi/v1"

    def address(self, path: str) -> URL:
        """As it is: what was signed must not be encoded in another way."""
        return URL(self.sim.url + path, encoded=True)

    async def keyed(self, method: str, path: str, key: str = KEY) -> Reply:
        return await self.raw(method, f"{self.root}/{path}", headers={"X-MBX-APIKEY": key})

    async def taken(self, side: str, quantity: str = "0.100", **more: Any) -> Reply:
        return await self.signed(
            "POST", "v1/order", symbol="ETHUSDC", side=side, type="MARKET", quantity=quantity, **more
        )

    async def far(self, side: str) -> str:
        """A price that nobody reaches, within the venue's band."""
        book = await self.book()
        return (
            f"{float(book['bidPrice']) * 0.97:.2f}"
            if side == "BUY"
            else f"{float(book['askPrice']) * 1.03:.2f}"
        )

    async def user_stream(self) -> Socket:
        key = (await self.keyed("POST", "v1/listenKey")).body["listenKey"]
        return await self.socket(f"/private/ws?listenKey={key}")

    async def position(self) -> Any:
        rows = (await self.signed("GET", "v3/positionRisk", symbol="ETHUSDC")).body
        return rows[0] if rows else None

    async def account(self) -> Any:
        return (await self.signed("GET", "v3/account")).body


@asynccontextmanager
async def trading(settings: SimulatorConfig | None = None) -> AsyncIterator[FuturesWire]:
    """A futures venue on a manual clock and a client of it."""
    async with (
        Simulator(settings or usdm_config(), ManualClock()) as sim,
        aiohttp.ClientSession() as session,
    ):
        yield FuturesWire(sim, session)


def quiet_market(directory: Path) -> str:
    """A market in which nearly nothing happens: hours of it pass in a moment."""
    slow = {"noise_per_s": 0.001, "informed_per_s": 0.001, "jump_per_s": 0.0, "maker_refresh_s": 600.0}
    file = directory / "quiet.yaml"
    file.write_text(yaml.safe_dump(yaml.safe_load((PRESETS / "calm.yaml").read_text()) | slow))
    return f"seeded:7:{file}"
