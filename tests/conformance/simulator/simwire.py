"""A client of the simulator's wire for tests: signed REST and WebSocket requests on loopback, with deadlines."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import itertools
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote, urlencode

import aiohttp
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from yarl import URL

from mm_trader.venue.simulator import ManualClock, Simulator, SimulatorConfig
from mm_trader.venue.simulator.config import Product, parse_account, parse_market, parse_symbols

DEADLINE_S = 30
KEY, SECRET = "ALPHAKEY", "alpha-secret"
BETA_KEY, BETA_SECRET = "BETAKEY", "beta-secret"
ED_KEY = "EDKEY"
ED_PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
ED_PUBLIC = base64.b64encode(ED_PRIVATE.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()
MS = 1_000_000
S = 1_000_000_000


def config(
    market: str = "seeded:7",
    symbols: str = "ETHUSDC,BTCUSDC",
    product: Product = Product.SPOT,
    **changes: Any,
) -> SimulatorConfig:
    """Three accounts: `alpha` and `beta` with HMAC keys, `ed` with an Ed25519 key. 50,000 USDC each, on spot with coins beside."""
    coins = "ETH=10,BTC=1," if product is Product.SPOT else ""
    return SimulatorConfig(
        accounts=(
            parse_account(f"alpha:{KEY}:{SECRET}:{coins}USDC=50000"),
            parse_account(f"beta:{BETA_KEY}:{BETA_SECRET}:{coins}USDC=50000"),
            parse_account(f"ed:{ED_KEY}:ed25519={ED_PUBLIC}:{coins.replace('BTC=1,', '')}USDC=50000"),
        ),
        product=product,
        market=parse_market(market),
        symbols=parse_symbols(symbols, product),
        **changes,
    )


class Reply:
    """Status, headers and parsed body of a REST answer."""

    def __init__(self, status: int, headers: Any, text: str) -> None:
        self.status = status
        self.headers = headers
        self.text = text

    @property
    def body(self) -> Any:
        return json.loads(self.text)

    @property
    def error(self) -> tuple[int, int, str]:
        return self.status, self.body["code"], self.body["msg"]


class Socket:
    """A WebSocket that waits with a deadline."""

    def __init__(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        self.ws = ws

    async def send(self, value: Any) -> None:
        await self.ws.send_str(value if isinstance(value, str) else json.dumps(value))

    async def text(self) -> str:
        async with asyncio.timeout(DEADLINE_S):
            message = await self.ws.receive()
        assert message.type is aiohttp.WSMsgType.TEXT, message
        return str(message.data)

    async def json(self) -> Any:
        return json.loads(await self.text())

    async def until(self, test: Any) -> Any:
        """The first message that `test` accepts."""
        while True:
            message = await self.json()
            if test(message):
                return message

    async def end(self) -> None:
        """Wait until the other side is gone, reading what it still sent."""
        async with asyncio.timeout(DEADLINE_S):
            async for _ in self.ws:
                continue


class Wire:
    """A running simulator and a client session. What products differ in are the names here."""

    root = "/api/v3"
    order_path = "order"
    quantity = "0.0100"
    ticker_path = "ticker/bookTicker"
    api_path = "/ws-api/v3"

    def __init__(self, sim: Simulator, session: aiohttp.ClientSession) -> None:
        self.sim = sim
        self.session = session
        self._ids = itertools.count(1)

    def timestamp(self) -> int:
        return self.sim.clock.now() // MS

    def address(self, path: str) -> str | URL:
        return self.sim.url + path

    async def raw(self, method: str, path: str, **kwargs: Any) -> Reply:
        async with (
            asyncio.timeout(DEADLINE_S),
            self.session.request(method, self.address(path), **kwargs) as reply,
        ):
            return Reply(reply.status, reply.headers, await reply.text())

    async def get(self, path: str, **params: str) -> Reply:
        return await self.raw("GET", f"{self.root}/{path}" + (f"?{urlencode(params)}" if params else ""))

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
        headers = {"X-MBX-APIKEY": key}
        if in_body:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            return await self.raw(method, f"{self.root}/{path}", data=sent, headers=headers)
        return await self.raw(method, f"{self.root}/{path}?{sent}", headers=headers)

    async def order(self, side: str, price: str, quantity: str = "", /, **more: Any) -> Reply:
        params = {"symbol": "ETHUSDC", "side": side, "type": "LIMIT", "timeInForce": "GTC"}
        params |= {"quantity": quantity or self.quantity, "price": price, **more}
        return await self.signed("POST", self.order_path, **params)

    async def socket(self, path: str) -> Socket:
        return Socket(await self.session.ws_connect(self.sim.ws_url + path, max_msg_size=0))

    async def api(self) -> Api:
        return Api(self, await self.socket(self.api_path))

    async def book(self, symbol: str = "ETHUSDC") -> Any:
        return (await self.get(self.ticker_path, symbol=symbol)).body


class Api:
    """A WebSocket API connection: requests are answered by id, everything else is kept as events."""

    def __init__(self, wire: Wire, socket: Socket) -> None:
        self.wire = wire
        self.socket = socket
        self.events: list[Any] = []

    async def call(self, method: str, **params: Any) -> Any:
        number = next(self.wire._ids)
        await self.socket.send({"id": number, "method": method, "params": params})
        return await self.reply(number)

    async def reply(self, number: Any) -> Any:
        while True:
            message = await self.socket.json()
            if message.get("id", "") == number and "status" in message:
                return message
            self.events.append(message)

    async def signed(self, method: str, key: str = KEY, secret: str = SECRET, **params: Any) -> Any:
        params |= {"apiKey": key}
        params.setdefault("timestamp", self.wire.timestamp())
        return await self.call(method, **params, signature=sign(ws_payload(params), secret))

    async def event(self, test: Any = None) -> Any:
        """The next (matching) user event."""
        while True:
            message = self.events.pop(0) if self.events else await self.socket.json()
            event = message.get("event")
            if event is not None and (test is None or test(event)):
                return event


def ws_payload(params: dict[str, Any]) -> str:
    return "&".join(f"{k}={json.dumps(v) if isinstance(v, bool) else v}" for k, v in sorted(params.items()))


def sign(payload: str, secret: str) -> str:
    """HMAC hex, or with `secret` = "ed25519" the percent-encoded Ed25519 signature of the test key."""
    if secret == "ed25519":
        return quote(base64.b64encode(ED_PRIVATE.sign(payload.encode())).decode(), safe="")
    return hmac.new(secret.encode(), payload.encode(), hashlib.sha256).hexdigest()


def ed_sign(payload: str) -> str:
    return base64.b64encode(ED_PRIVATE.sign(payload.encode())).decode()


@asynccontextmanager
async def running(settings: SimulatorConfig | None = None) -> AsyncIterator[Wire]:
    """A simulator on a manual clock and a client of it."""
    async with (
        Simulator(settings or config(), ManualClock()) as sim,
        aiohttp.ClientSession() as session,
    ):
        yield Wire(sim, session)
