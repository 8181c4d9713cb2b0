"""What the gateway's tests share: a simulator with one account, a gateway in front of it, and a recorder of events with deadlines instead of sleeps."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from mm_api.kinds.common import Environment
from mm_api.trader_config import VenueConfig
from mm_trader.core.commands import Place
from mm_trader.core.events import BookTicker, Event, Side, StreamName, StreamStatus
from mm_trader.core.units import SymbolRules
from mm_trader.venue.binance import BinanceGateway, Credentials, GatewaySettings
from mm_trader.venue.simulator.config import AccountConfig, KeyConfig, LimitConfig, SimulatorConfig
from mm_trader.venue.simulator.engine.types import E8
from mm_trader.venue.simulator.simulator import Simulator

SYMBOL = "ETHUSDC"
PREFIX = "mm0badcafe-"
API_KEY = "canaryApiKey0123456789"
SECRET = "canarySecretAbcdefghijk"
DEADLINE_S = 10.0

FAST = GatewaySettings(
    backoff_first_s=0.01,
    backoff_max_s=0.05,
    reply_timeout_s=0.4,
    linger_s=0.1,
    clock_samples=2,
    clock_resync_min_s=0.0,
    depth_retry_s=0.02,
    sweep_pause_s=0.01,
    sweep_timeout_s=2.0,
)

E = TypeVar("E", bound=Event)


class RealClock:
    """The machine's clocks."""

    def wall_ns(self) -> int:
        return time.time_ns()

    def monotonic_ns(self) -> int:
        return time.monotonic_ns()


class Recorder:
    """The sink: keeps everything, and lets a test wait for what it expects."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._waiters: list[tuple[Callable[[Event], bool], asyncio.Future[Event]]] = []

    def __call__(self, event: Event) -> None:
        self.events.append(event)
        for waiter in list(self._waiters):
            wanted, future = waiter
            if not future.done() and wanted(event):
                self._waiters.remove(waiter)
                future.set_result(event)

    def of(self, kind: type[E]) -> list[E]:
        """All events of a kind so far."""
        return [event for event in self.events if isinstance(event, kind)]

    async def next(self, kind: type[E], wanted: Callable[[E], bool] = lambda _: True, *, since: int = 0) -> E:
        """The first event of the kind from index `since` on that is wanted; waits for it until the deadline."""

        def fits(event: Event) -> bool:
            return isinstance(event, kind) and wanted(event)

        for event in self.events[since:]:
            if isinstance(event, kind) and wanted(event):
                return event
        future: asyncio.Future[Event] = asyncio.get_running_loop().create_future()
        self._waiters.append((fits, future))
        async with asyncio.timeout(DEADLINE_S):
            found = await future
        assert isinstance(found, kind)
        return found

    async def status(self, stream: StreamName, up: bool, *, since: int = 0) -> StreamStatus:
        """A connection went up or down."""
        return await self.next(StreamStatus, lambda e: e.stream is stream and e.up is up, since=since)

    @property
    def mark(self) -> int:
        """Where the next event will be."""
        return len(self.events)


class Desk:
    """A started gateway and what a test does with it."""

    def __init__(
        self, sim: Simulator, gateway: BinanceGateway, recorder: Recorder, rules: dict[str, SymbolRules]
    ) -> None:
        self.sim = sim
        self.gateway = gateway
        self.seen = recorder
        self.rules = rules
        self._numbers = itertools.count(1)

    def new_id(self) -> str:
        return f"{PREFIX}1-1-{next(self._numbers)}"

    async def touch(self) -> BookTicker:
        """The latest best bid and ask."""
        await self.seen.next(BookTicker)
        return self.seen.of(BookTicker)[-1]

    async def quiet_order(self, side: Side = Side.BUY, size: int = 100, away: int = 5000) -> Place:
        """An order far from the touch, where nobody trades."""
        touch = await self.touch()
        price = touch.bid - away if side is Side.BUY else touch.ask + away
        return Place(symbol=SYMBOL, client_id=self.new_id(), side=side, price=price, size=size)

    def open_at_venue(self) -> list[str]:
        """Client ids that rest at the venue, seen from inside it."""
        return sorted(o.client_id for o in self.sim.engine.accounts["desk"].open.values())


def venue_config(sim: Simulator, credentials_dir: str | None = None) -> VenueConfig:
    return VenueConfig(
        environment=Environment.SIMULATOR,
        rest_url=sim.url,
        ws_api_url=f"{sim.ws_url}/ws-api/v3",
        stream_url=sim.ws_url,
        recv_window=timedelta(milliseconds=1000),
        credentials_dir=credentials_dir,
    )


def simulator(limits: LimitConfig | None = None, public_key: Ed25519PublicKey | None = None) -> Simulator:
    key = KeyConfig(API_KEY, SECRET) if public_key is None else KeyConfig(API_KEY, public_key=public_key)
    account = AccountConfig("desk", (key,), {"ETH": 10 * E8, "USDC": 50_000 * E8})
    return Simulator(SimulatorConfig(accounts=(account,), limits=limits or LimitConfig()))


def pem(key: Ed25519PrivateKey) -> str:
    """As it is kept in a file."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@asynccontextmanager
async def desk(
    settings: GatewaySettings = FAST,
    *,
    before_send: Callable[[Place], None] | None = None,
    limits: LimitConfig | None = None,
    ed25519: Ed25519PrivateKey | None = None,
) -> AsyncIterator[Desk]:
    """A simulator and a gateway that is connected to it, by an HMAC key unless an Ed25519 one is given."""
    secret = SECRET if ed25519 is None else pem(ed25519)
    async with simulator(limits, None if ed25519 is None else ed25519.public_key()) as sim:
        gateway = BinanceGateway(
            venue_config(sim),
            RealClock(),
            credentials=Credentials(API_KEY, secret),
            settings=settings,
            before_send=before_send,
        )
        recorder = Recorder()
        try:
            rules = await gateway.load_rules([SYMBOL])
            await gateway.start(rules, PREFIX, recorder)
            yield Desk(sim, gateway, recorder, rules)
        finally:
            await gateway.stop()


async def until(condition: Callable[[], bool]) -> None:
    """Let the event loop turn until something that sends no event is so, such as a state inside the simulator."""
    async with asyncio.timeout(DEADLINE_S):
        while not condition():
            await asyncio.sleep(0)
