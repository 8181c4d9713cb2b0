"""A client of the futures profile for tests: the spot one's ways with `/fapi/` paths and the futures WebSocket API."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlencode

import aiohttp
from simwire import (
    BETA_KEY,
    BETA_SECRET,
    DEADLINE_S,
    ED_KEY,
    ED_PUBLIC,
    KEY,
    SECRET,
    Api,
    Reply,
    Socket,
    Wire,
    sign,
)
from yarl import URL

from mm_trader.venue.simulator import ManualClock, Simulator, SimulatorConfig
from mm_trader.venue.simulator.config import Product, parse_account, parse_market, parse_symbols


def usdm_config(
    market: str = "seeded:7", symbols: str = "ETHUSDC,BTCUSDC", **changes: Any
) -> SimulatorConfig:
    """Three accounts with 50,000 USDC each."""
    return SimulatorConfig(
        accounts=(
            parse_account(f"alpha:{KEY}:{SECRET}:USDC=50000"),
            parse_account(f"beta:{BETA_KEY}:{BETA_SECRET}:USDC=50000"),
            parse_account(f"ed:{ED_KEY}:ed25519={ED_PUBLIC}:USDC=50000"),
        ),
        product=Product.USDM,
        market=parse_market(market),
        symbols=parse_symbols(symbols, Product.USDM),
        **changes,
    )


class FuturesWire(Wire):
    """Paths are below `/fapi/`, with their version."""

    async def raw(self, method: str, path: str, **kwargs: Any) -> Reply:
        """As it is: what was signed must not be encoded in another way."""
        url = URL(self.sim.url + path, encoded=True)
        async with asyncio.timeout(DEADLINE_S), self.session.request(method, url, **kwargs) as reply:
            return Reply(reply.status, reply.headers, await reply.text())

    async def get(self, path: str, **params: str) -> Reply:
        return await self.raw("GET", f"/fapi/{path}" + (f"?{urlencode(params)}" if params else ""))

    async def signed(
        self,
        method: str,
        path: str,
        key: str = KEY,
        secret: str = SECRET,
        in_body: bool = False,
        **params: Any,
    ) -> Reply:
        params.setdefault("timestamp", self.timestamp())
        payload = urlencode(params)
        sent = f"{payload}&signature={sign(payload, secret)}"
        return await self.raw(method, f"/fapi/{path}?{sent}", headers={"X-MBX-APIKEY": key})

    async def keyed(self, method: str, path: str, key: str = KEY) -> Reply:
        return await self.raw(method, f"/fapi/{path}", headers={"X-MBX-APIKEY": key})

    async def order(self, side: str, price: str, quantity: str = "0.100", /, **more: Any) -> Reply:
        params = {"symbol": "ETHUSDC", "side": side, "type": "LIMIT", "timeInForce": "GTC"}
        return await self.signed(
            "POST", "v1/order", **{**params, "quantity": quantity, "price": price, **more}
        )

    async def taken(self, side: str, quantity: str = "0.100", **more: Any) -> Reply:
        return await self.signed(
            "POST", "v1/order", symbol="ETHUSDC", side=side, type="MARKET", quantity=quantity, **more
        )

    async def api(self) -> Api:
        return Api(self, await self.socket("/ws-fapi/v1"))

    async def book(self, symbol: str = "ETHUSDC") -> Any:
        return (await self.get("v1/ticker/bookTicker", symbol=symbol)).body

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
