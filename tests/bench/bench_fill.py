"""A fill: the user stream's frame comes in → the frames of the orders it brings about are written. A whole trader in this process, on the loop that traders
use; the simulator in another on a core of its own, over loopback sockets.

The time begins when the link hands the frame to the gateway and ends when the last place, cancel or cancel-replace that it causes has been handed to the
socket: decode, kernel, journal, and the way out.
"""

from __future__ import annotations

import itertools
import math
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvloop
import websockets
from benchkit import Figure
from simkit import Program, apart, program, signed

sys.path.append(str(Path(__file__).parents[1] / "integration"))

from shellkit.processes import trader_config
from shellkit.waiting import until

from mm_api.redis_contract import OrderRecord
from mm_api.trader_config import LoggingConfig, TraderConfig
from mm_trader.core.clock import Clock
from mm_trader.core.commands import Place
from mm_trader.shell import logs
from mm_trader.shell.app import App
from mm_trader.venue.binance import Credentials
from mm_trader.venue.binance.choice import gateway_for
from mm_trader.venue.binance.transport.session import Session
from mm_trader.venue.binance.user_feed import UserFeed
from mm_trader.venue.port import VenueGateway

SYMBOL = "ETHUSDC"
FILLS = 300
WARM_UP = 20
CHANGES = ("Cancel", "CancelReplace", "Amend")
STRATEGY = {
    "parameters": {"baseSpread": "0.0005", "baseSize": "0.02", "maxInventory": "1", "skewFactor": "1"}
}


def run(data_dir: Path | None) -> list[Figure]:
    """The figure. Recorded data are not used: what is measured does not depend on the market."""
    del data_dir
    with tempfile.TemporaryDirectory(prefix="mm-bench-") as folder, Path(os.devnull).open("w") as nowhere:
        logs.configure(LoggingConfig(), nowhere)
        with program("--symbols", SYMBOL) as venue:
            watch = uvloop.run(_measure(Path(folder), venue))
    note = f"{len(watch.of_changes) - WARM_UP} fills, {watch.frames / len(watch.of_all):.1f} frames each"
    return [
        _figure(
            "fill frame in → cancel/replace frames written, p99", watch.of_changes[WARM_UP:], "≤ 1", note
        ),
        _figure(
            "fill frame in → all its orders' frames written, p99",
            watch.of_all[WARM_UP:],
            "",
            "the same, with the new order of the filled side",
        ),
    ]


def _figure(name: str, times: list[float], target: str, note: str) -> Figure:
    ordered = sorted(times)
    p99 = ordered[min(len(ordered) - 1, math.ceil(len(ordered) * 0.99) - 1)]
    text = f"{note}; median {statistics.median(ordered):.2f} ms, slowest {ordered[-1]:.2f} ms"
    return Figure(name, p99, "ms", target, text)


class Watch:
    """Pairs each TRADE frame with the order frames that it causes."""

    def __init__(self) -> None:
        self.of_changes: list[float] = []
        """Ms until the last cancel, cancel-replace or amend of a fill that has any was written."""
        self.of_all: list[float] = []
        """Ms until the last frame was written."""
        self.frames = 0
        self._began = 0
        self._changes = self._places = 0
        """Frames that are still to come."""

    def began(self, at: int, changes: int, places: int) -> None:
        """A fill was digested; so many frames follow from it."""
        self._began, self._changes, self._places = at, changes, places
        self.frames += changes + places

    def written(self, at: int, place: bool) -> None:
        """A frame has been handed to the socket."""
        if not self._changes + self._places:
            return
        took = (at - self._began) / 1e6
        if place:
            self._places -= 1
        else:
            self._changes -= 1
            if not self._changes:
                self.of_changes.append(took)
        if not self._changes + self._places:
            self.of_all.append(took)


async def _measure(folder: Path, venue: Program) -> Watch:
    watch = Watch()
    wire = trader_config(
        folder,
        venue.url,
        None,
        symbols=[SYMBOL],
        strategy=STRATEGY,
        risk={"capital": "100000", "dailyLossLimit": "100000", "maxDrawdown": "1", "maxOrderRate": 1000},
        engine={"requoteTolerance": "0.01"},
    )
    app = App(TraderConfig.model_validate(wire), "bench", gateway_factory=_gateway)
    await app.start()
    try:
        async with websockets.connect(f"{venue.ws_url}/ws-api/v3", compression=None) as counterparty:
            with (
                _watched(app, watch),
                apart(venue.process.pid),
            ):  # from here on: threads of the trader that stand may run anywhere
                await _be_filled(app, watch, counterparty)
    finally:
        await app.stop("bench over")
    return watch


def _gateway(config: TraderConfig, clock: Clock, before_send: Callable[[Place], None]) -> VenueGateway:
    make = gateway_for(config.venue.kind)
    return make(config.venue, clock, before_send=before_send, credentials=Credentials("k0", "s0"))


async def _be_filled(app: App, watch: Watch, counterparty: websockets.ClientConnection) -> None:
    """Quotes of both sides are taken by turns."""

    def position() -> Any:
        status = app.kernel_status()
        return status.positions[SYMBOL] if status is not None else 0

    def resting() -> OrderRecord | None:
        side = "SELL" if position() > 0 else "BUY"
        kernel = app.dispatcher.kernel
        orders = kernel.open_orders() if kernel is not None else ()
        return next((order for order in orders if order.state == "NEW" and order.side == side), None)

    for number in itertools.count(1):
        if len(watch.of_changes) >= FILLS + WARM_UP:
            return
        order: OrderRecord = await until(resting, "a quote rests", 60)
        before = position()
        taking = {
            "symbol": SYMBOL,
            "side": "BUY" if order.side == "SELL" else "SELL",
            "type": "LIMIT",
            "timeInForce": "IOC",
        }
        size = order.quantity - order.filled
        await counterparty.send(
            signed(number, 1, "order.place", **taking, price=str(order.price), quantity=str(size))
        )
        reply = await counterparty.recv()
        if '"status":"FILLED"' in str(reply):  # else the quote had moved away, or another stood before it
            await until(lambda before=before: position() != before, "the fill is booked", 10)


@contextmanager
def _watched(app: App, watch: Watch) -> Iterator[None]:
    hear, send, write = UserFeed.on_frame, Session.send, Session.write_now
    commands = app.dispatcher.commands

    def count() -> tuple[int, int]:
        return sum(commands.get(name, 0) for name in CHANGES), commands.get("Place", 0)

    early: list[tuple[int, bool]] = []
    """Frames that are written while the fill is still being digested."""
    inside = False

    def heard(self: UserFeed, session: Session, frame: bytes) -> None:
        nonlocal inside
        if b'"x":"TRADE"' not in frame:
            hear(self, session, frame)
            return
        before, inside = count(), True
        early.clear()
        at = time.perf_counter_ns()
        hear(self, session, frame)
        inside = False
        after = count()
        watch.began(at, after[0] - before[0], after[1] - before[1])
        for each in early:
            watch.written(*each)

    def note(frame: Any) -> None:
        if b'"order.' in frame:
            seen = time.perf_counter_ns(), b'"order.place"' in frame
            early.append(seen) if inside else watch.written(*seen)

    async def sent(self: Session, frame: Any) -> None:
        await send(self, frame)
        note(frame)

    def written(self: Session, frame: bytes) -> None:
        write(self, frame)
        note(frame)

    UserFeed.on_frame, Session.send, Session.write_now = heard, sent, written  # type: ignore[method-assign]
    try:
        yield
    finally:
        UserFeed.on_frame, Session.send, Session.write_now = hear, send, write  # type: ignore[method-assign]
