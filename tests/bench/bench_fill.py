"""A fill: the user stream's frame comes in → the frames of the orders it brings about are written. A whole trader in this process, the simulator on a
loopback socket.

The time begins when the link hands the frame to the gateway and ends when the last place, cancel or cancel-replace that it causes has been handed to the
socket: decode, kernel, journal, and the way out. The simulator shares processor and loop with the trader: a trader alone takes no longer.
"""

from __future__ import annotations

import asyncio
import math
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchkit import Figure

sys.path.insert(0, str(Path(__file__).parents[1] / "integration"))

from shellkit.desk import Desk, Side, desk
from shellkit.waiting import until

from mm_api.trader_config import LoggingConfig
from mm_trader.shell import logs
from mm_trader.venue.binance.transport.session import Session
from mm_trader.venue.binance.user_feed import UserFeed

FILLS = 300
WARM_UP = 20
SENT = ("Place", "Cancel", "CancelReplace", "Amend")
STRATEGY = {
    "parameters": {"baseSpread": "0.0005", "baseSize": "0.02", "maxInventory": "1", "skewFactor": "1"}
}


def run(data_dir: Path | None) -> list[Figure]:
    """The figure. Recorded data are not used: what is measured does not depend on the market."""
    del data_dir
    with tempfile.TemporaryDirectory(prefix="mm-bench-") as folder, Path(os.devnull).open("w") as nowhere:
        logs.configure(LoggingConfig(), nowhere)
        watch = asyncio.run(_measure(Path(folder)))
    ordered = sorted(watch.times[WARM_UP:])
    p99 = ordered[min(len(ordered) - 1, math.ceil(len(ordered) * 0.99) - 1)]
    note = (
        f"{len(ordered)} fills, {watch.frames / max(1, len(watch.times)):.1f} frames each, "
        f"median {statistics.median(ordered):.2f} ms, slowest {ordered[-1]:.2f} ms"
    )
    return [Figure("fill frame in → cancel/replace frames written, p99", p99, "ms", "≤ 1", note)]


class Watch:
    """Pairs each TRADE frame with the order frames that it causes."""

    def __init__(self) -> None:
        self.times: list[float] = []
        """Ms."""
        self.frames = 0
        self._began = 0
        self._expected = 0

    def began(self, at: int, expected: int) -> None:
        """A fill was digested; so many frames follow from it."""
        self._began, self._expected = at, expected
        self.frames += expected

    def written(self, at: int) -> None:
        """A frame has been handed to the socket."""
        if self._expected:
            self._expected -= 1
            if not self._expected:
                self.times.append((at - self._began) / 1e6)


async def _measure(folder: Path) -> Watch:
    watch = Watch()
    limits = {"capital": "100000", "dailyLossLimit": "100000", "maxDrawdown": "1", "maxOrderRate": "1000"}
    engine = {"requoteTolerance": "0.01"}
    async with desk(folder, strategy=STRATEGY, risk=limits, engine=engine) as d:
        with _watched(d, watch):
            while len(watch.times) < FILLS + WARM_UP:
                side = Side.SELL if d.position() > 0 else Side.BUY
                order = await d.quoted(side)
                before = d.position()
                d.take(order, order.remaining)
                await until(lambda before=before: d.position() != before, "the fill is booked", 10)
    return watch


@contextmanager
def _watched(d: Desk, watch: Watch) -> Iterator[None]:
    hear, send, write = UserFeed.on_frame, Session.send, Session.write_now
    commands = d.app.dispatcher.commands

    def count() -> int:
        return sum(commands.get(name, 0) for name in SENT)

    early: list[int] = []
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
        watch.began(at, count() - before)
        for each in early:
            watch.written(each)

    def note(frame: Any) -> None:
        if b'"order.' in frame:
            now = time.perf_counter_ns()
            early.append(now) if inside else watch.written(now)

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
