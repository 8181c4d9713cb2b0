"""The gateway against a simulator in another process: how long an order takes from the decision to the venue's word, and how many it bears a second."""

from __future__ import annotations

import asyncio
import itertools
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import uvloop
import yaml
from benchkit import Figure

sys.path.append(str(Path(__file__).parents[1] / "integration"))

from shellkit.processes import ACCOUNT, API_KEY, BALANCES, SECRET, Venue

from mm_api.kinds.common import Environment
from mm_api.trader_config import VenueConfig
from mm_trader.core.commands import Cancel, Place
from mm_trader.core.events import (
    BookTicker,
    CommandDropped,
    CommandRefused,
    CommandUnknown,
    Event,
    ExecutionReport,
    OrderAccepted,
    Side,
    StreamStatus,
)
from mm_trader.shell.clock import SystemClock
from mm_trader.venue.binance import BinanceGateway, Credentials

SYMBOL = "ETHUSDC"
PREFIX = "mm0bench00-"
RUNS = 5
RATE, ORDERS = 100, 300
FLOOD = 3_000
IN_FLIGHT = 50
AWAY_TICKS = 20_000
UNLIMITED = {
    "orders_per_10s": 10**6,
    "orders_per_day": 10**8,
    "weight_per_minute": 10**8,
    "raw_per_5_minutes": 10**8,
}


class Sink:
    """Remembers when each order was answered."""

    def __init__(self) -> None:
        self.touch: BookTicker | None = None
        self.up: set[str] = set()
        self.answered: dict[str, int] = {}
        self.refused = 0
        self.why = ""
        """Of the last refusal."""
        self.more = asyncio.Event()
        self.on_accepted: Callable[[OrderAccepted], None] = lambda _: None

    def __call__(self, event: Event) -> None:
        if isinstance(event, BookTicker):
            self.touch = event
        elif isinstance(event, StreamStatus):
            (self.up.add if event.up else self.up.discard)(event.stream.value)
        elif isinstance(event, OrderAccepted):
            self._answer(event.client_id)
            self.on_accepted(event)
        elif isinstance(event, ExecutionReport):
            self._answer(event.order.client_id)
        elif isinstance(event, CommandRefused | CommandDropped | CommandUnknown) and event.command == "place":
            self.refused += 1
            self.why = getattr(event, "message", "") or getattr(event, "reason", "")
            self._answer(event.client_id)
        self.more.set()

    def _answer(self, client_id: str) -> None:
        self.answered.setdefault(client_id, time.monotonic_ns())

    async def until(self, done: object) -> None:
        async with asyncio.timeout(60):
            while not done():  # type: ignore[operator]
                self.more.clear()
                await self.more.wait()


class Client:
    """One gateway that is connected."""

    def __init__(self, gateway: BinanceGateway, sink: Sink) -> None:
        self.gateway, self.sink = gateway, sink
        self._numbers = itertools.count(1)
        # a venue bears 200 open orders a symbol: each is cancelled once it is acknowledged
        sink.on_accepted = lambda event: gateway.submit(
            Cancel(symbol=SYMBOL, client_id=event.client_id, venue_id=event.venue_id)
        )

    def place(self) -> tuple[str, int]:
        """Decide now: a bid where nobody trades."""
        assert self.sink.touch is not None
        client_id = f"{PREFIX}1-1-{next(self._numbers)}"
        price = self.sink.touch.bid - AWAY_TICKS
        decided = time.monotonic_ns()
        self.gateway.submit(Place(symbol=SYMBOL, client_id=client_id, side=Side.BUY, price=price, size=100))
        return client_id, decided

    async def paced(self) -> list[float]:
        """Latencies in ms at a steady rate."""
        began = time.monotonic()
        sent: dict[str, int] = {}
        for number in range(ORDERS):
            await asyncio.sleep(max(0.0, began + number / RATE - time.monotonic()))
            client_id, decided = self.place()
            sent[client_id] = decided
        await self.sink.until(lambda: sent.keys() <= self.sink.answered.keys())
        return [(self.sink.answered[i] - decided) / 1e6 for i, decided in sent.items()]

    async def flood(self) -> float:
        """Orders a second, answered, as fast as they go: each cancelled once it is acknowledged."""
        began = time.monotonic()
        sent: list[str] = []
        before = len(self.sink.answered)
        while len(sent) < FLOOD:
            await self.sink.until(lambda: len(sent) - (len(self.sink.answered) - before) < IN_FLIGHT)
            sent.append(self.place()[0])
            if len(sent) % 20 == 0:
                await asyncio.sleep(0)
        await self.sink.until(lambda: all(i in self.sink.answered for i in sent))
        return FLOOD / (time.monotonic() - began)


async def measure() -> tuple[list[tuple[float, float]], list[float]]:
    """(P95, P99) per run, orders/s per run. A refused order ends it: what is refused is no order."""
    with tempfile.TemporaryDirectory(prefix="mm-bench-") as name:
        directory = Path(name)
        options = directory / "simulator.yaml"
        options.write_text(
            yaml.safe_dump(
                {
                    "limits": UNLIMITED,
                    "account": [f"{ACCOUNT}:{API_KEY}:{SECRET}:{BALANCES.replace('50000', '900000000')}"],
                }
            )
        )
        venue = Venue(directory, symbols=SYMBOL)
        words = venue._words
        at = words.index("--account")
        venue._words = [*words[:at], *words[at + 2 :], "--config", str(options)]
        await venue.start()
        sink = Sink()
        socket = venue.url.replace("http", "ws", 1)
        config = VenueConfig(
            environment=Environment.SIMULATOR,
            rest_url=venue.url,
            ws_api_url=f"{socket}/ws-api/v3",
            stream_url=socket,
        )
        gateway = BinanceGateway(
            config, SystemClock(), before_send=lambda _: None, credentials=Credentials(API_KEY, SECRET)
        )
        try:
            rules = await gateway.load_rules([SYMBOL])
            await gateway.start(rules, PREFIX, sink)
            await sink.until(lambda: len(sink.up) == 3 and sink.touch is not None)
            client = Client(gateway, sink)
            await client.paced()
            latencies = []
            for _ in range(RUNS):
                found = sorted(await client.paced())
                latencies.append((found[int(0.95 * len(found))], found[int(0.99 * len(found))]))
            rates = [await client.flood() for _ in range(RUNS)]
            if sink.refused:
                raise SystemExit(f"bench_orders: {sink.refused} orders were refused: {sink.why}")
            return latencies, rates
        finally:
            await gateway.stop()
            await venue.kill()


def run(_data_dir: Path | None) -> list[Figure]:
    """Medians of five runs."""
    latencies, rates = uvloop.run(measure())  # the trader's own loop
    note = f"{RUNS} runs of {ORDERS} orders at {RATE}/s, simulator in another process on loopback"
    return [
        Figure(
            "order: decision → ack, P95", statistics.median(p95 for p95, _ in latencies), "ms", "≤ 5", note
        ),
        Figure(
            "order: decision → ack, P99", statistics.median(p99 for _, p99 in latencies), "ms", "≤ 10", note
        ),
        Figure(
            "orders placed, acknowledged and cancelled again",
            statistics.median(rates),
            "orders/s",
            "≥ 1000",
            f"{RUNS} runs of {FLOOD:,}, {IN_FLIGHT} in flight; slowest {min(rates):,.0f}",
        ),
    ]
