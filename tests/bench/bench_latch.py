"""Risk latch: an event that breaches a loss limit → the cancel frames are written. A whole trader in this process, the simulator on a real loopback socket.

The time begins with the event's entry into the dispatcher and ends when the last cancel frame has been handed to the socket. Between two breaches the halt is
lifted, which accepts the loss, and the trader quotes again.
"""

from __future__ import annotations

import asyncio
import math
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchkit import Figure

sys.path.insert(0, str(Path(__file__).parents[1] / "integration"))

from shellkit.desk import SYMBOL, Desk, Side, desk
from shellkit.waiting import until

from mm_api.trader_config import LoggingConfig
from mm_trader.core.events import BookTicker
from mm_trader.shell import logs
from mm_trader.venue.binance.transport.session import Session

BREACHES = 100
MOVE = 0.9
"""Move of the price against the position in the breaching event, as a fraction: enough for the limit that the bench sets."""


def run(data_dir: Path | None) -> list[Figure]:
    """The figure. Recorded data are not used: what is measured does not depend on the market."""
    del data_dir
    with tempfile.TemporaryDirectory(prefix="mm-bench-") as folder, Path(os.devnull).open("w") as nowhere:
        logs.configure(
            LoggingConfig(), nowhere
        )  # a trader's own level and form, and nothing on this terminal
        times = asyncio.run(_measure(Path(folder)))
    ordered = sorted(times)
    p99 = ordered[min(len(ordered) - 1, math.ceil(len(ordered) * 0.99) - 1)]
    note = f"{len(times)} breaches, median {statistics.median(times):.2f} ms, slowest {ordered[-1]:.2f} ms"
    return [Figure("risk latch: breach event → cancel frames written, p99", p99, "ms", "≤ 2", note)]


async def _measure(folder: Path) -> list[float]:
    written: list[int] = []
    send = Session.send

    async def timed(self: Session, frame: Any) -> None:
        await send(self, frame)
        if b"order.cancel" in frame:
            written.append(time.perf_counter_ns())

    write = Session.write_now

    def timed_now(self: Session, frame: bytes) -> None:
        write(self, frame)
        if b"order.cancel" in frame:
            written.append(time.perf_counter_ns())

    Session.send, Session.write_now = timed, timed_now  # type: ignore[method-assign]
    try:
        risk = {"capital": "10000", "dailyLossLimit": "1", "maxDrawdown": "1"}
        async with desk(folder, risk=risk) as d:
            return [await _breach(d, written) for _ in range(BREACHES)]
    finally:
        Session.send, Session.write_now = send, write  # type: ignore[method-assign]


async def _breach(d: Desk, written: list[int]) -> float:
    while d.position() == 0:  # the market trades with us, too
        order = await d.quoted(Side.BUY)
        d.take(order, order.remaining)
        await until(lambda: d.position() != 0, "the quote is taken", 10)
    await d.quoted(Side.SELL if d.position() > 0 else Side.BUY)
    core = d.app.dispatcher.kernel._core  # the bench needs the top that stands, to fall from it
    top = core.desks[SYMBOL].top
    usual = top.bid
    against = -1 if d.position() > 0 else 1
    price = int(usual * (1 + against * MOVE))
    written.clear()
    event = BookTicker(
        ts=d.app.clock.monotonic_ns(),
        symbol=SYMBOL,
        update_id=top.update_id + 1,
        bid=price,
        bid_size=1,
        ask=price + 1,
        ask_size=1,
    )
    began = time.perf_counter_ns()
    d.app.dispatcher(event)
    expected = sum(order.cancel_in_flight for order in core.table.all_live())
    assert expected, "nothing was cancelled: the event was no breach"
    await until(lambda: len(written) >= expected, "the cancels are written", 10)
    took = (written[expected - 1] - began) / 1e6
    await until(lambda: not d.open_at_venue(), "nothing is open", 10)
    await until(lambda: d.app.halts.pending == 0, "the latch is durable", 10)
    await until(lambda: abs(top.bid - usual) < usual * MOVE / 2, "the market's own price is back", 10)
    for latch in d.app.halts.current:
        await d.store.lift(latch.id)
    return took
