"""Resident memory over a million order lives: the kernel and the simulator's engine in one process, quotes placed, moved, filled and reconciled."""

from __future__ import annotations

import gc
import os
import sys
from collections import deque
from collections.abc import Callable
from pathlib import Path

import psutil
from benchkit import Figure

from mm_api.kinds.common import Environment
from mm_api.trader_config import EngineConfig, RiskConfig, StrategyConfig, TraderConfig, VenueConfig
from mm_trader.core import events as ev
from mm_trader.core.commands import Cancel, Command, Place, QueryOrder, RequestDepth, RequestReconcile
from mm_trader.core.ids import ClientIds
from mm_trader.core.state import Restored
from mm_trader.kernel import Kernel
from mm_trader.venue.simulator.engine.errors import RefusalError

sys.path.append(str(Path(__file__).parents[1] / "simulation"))

from dst.plan import Plan
from dst.timeline import MS, WALL, Timeline
from dst.venue import Venue, classify

SYMBOL = "ETHUSDC"
LIVES = int(os.environ.get("MM_BENCH_LIVES", "1000000"))
WARM = max(LIVES // 10, 1)
"""Lives until every bounded collection is full: the engine keeps 20,000 closed orders and trades, the kernel 2,000."""
STEP_NS = 300 * MS
_MOVE = 40
"""Ticks: farther than a quote may be off, so that both sides are quoted anew at every step."""


class World:
    """A kernel and an engine that answer each other at once."""

    def __init__(self) -> None:
        plan = Plan(1)
        plan.symbols, plan.fee_e8, plan.hit, plan.drift = (SYMBOL,), 0, 0.1, 0
        self._plan = plan
        self._timeline = Timeline()
        self._events: deque[Callable[[int], ev.Event]] = deque()
        self._venue = Venue(self._timeline, plan, self._publish, lambda _who, _what: None)
        self._up = True
        config = TraderConfig(
            identity="bench",
            scope="bench",
            symbols=[SYMBOL],
            venue=VenueConfig(
                environment=Environment.SIMULATOR,
                rest_url="http://x",
                ws_api_url="ws://x",
                stream_url="ws://x",
            ),
            strategy=StrategyConfig(parameters={"baseSpread": "0.0002", "maxInventory": "0.2"}),
            risk=RiskConfig(capital=100_000, daily_loss_limit=10**9, max_drawdown=1, max_cancel_ratio=1),
            engine=EngineConfig(),
        )
        self.kernel = Kernel(
            config,
            {SYMBOL: self._venue.rules(SYMBOL)},
            ClientIds("bench", 1, 1),
            Restored(),
            ts=0,
            wall_ns=WALL,
        )
        for stream in ev.StreamName:
            self._feed(ev.StreamStatus(ts=0, stream=stream, up=True))
        self._feed(ev.TradingAllowed(ts=0, allowed=True))

    def step(self) -> int:
        """The market moves, and everything that follows from it. Orders of the trader that the venue has taken so far."""
        venue, timeline = self._venue, self._timeline
        timeline.now += STEP_NS
        venue.mids[SYMBOL] += _MOVE if self._up else -_MOVE
        self._up = not self._up
        if self._plan.rng.random() < self._plan.hit:
            venue._take(SYMBOL)
        self._feed(ev.Tick(ts=timeline.now, wall_ns=WALL + timeline.now))
        venue._lay(SYMBOL)
        venue.pump()
        self._drain()
        taken = len(venue.accepted)
        venue.accepted.clear()
        venue.trades.clear()
        return taken

    def _publish(self, stream: str, making: Callable[[int], ev.Event]) -> None:
        self._events.append(making)

    def _drain(self) -> None:
        while self._events:
            event = self._events.popleft()(self._timeline.now)
            if not isinstance(event, ev.DepthUpdate):
                self._feed(event)

    def _feed(self, event: ev.Event) -> None:
        for command in self.kernel.on_event(event):
            self._execute(command)
        self._drain()

    def _execute(self, command: Command) -> None:
        venue, ts = self._venue, self._timeline.now
        if isinstance(command, Place):
            try:
                order = venue.place(
                    command.symbol, command.client_id, command.side, command.price, command.size
                )
            except RefusalError as error:
                refused = ev.CommandRefused(
                    ts=ts,
                    symbol=command.symbol,
                    client_id=command.client_id,
                    command="place",
                    error=classify(error),
                    code=error.code,
                    message=error.msg,
                )
                self._events.append(lambda _ts: refused)
            else:
                accepted = ev.OrderAccepted(
                    ts=ts, symbol=command.symbol, client_id=command.client_id, venue_id=order.id
                )
                self._events.append(lambda _ts: accepted)
        elif isinstance(command, Cancel):
            if venue.open_under(command.symbol, command.client_id) is not None:
                found = venue.order_view(venue.cancel(command.symbol, command.client_id))
                self._events.append(lambda ts: ev.OrderFound(ts=ts, order=found))
        elif isinstance(command, QueryOrder):
            known = venue.find(command.symbol, command.client_id)
            if known is not None:
                view = venue.order_view(known)
                self._events.append(lambda ts: ev.OrderFound(ts=ts, order=view))
        elif isinstance(command, RequestReconcile):
            snapshot = ev.ReconcileSnapshot(
                ts=ts,
                symbol=SYMBOL,
                asked_ts=ts,
                open_orders=[venue.order_view(order) for order in venue.open_orders(SYMBOL)],
                foreign_open_orders=0,
                trades=venue.trades_from(SYMBOL, command.from_trade_id),
                balances=venue.balances(),
                cause=command.cause,
            )
            self._events.append(lambda _ts: snapshot)
        elif isinstance(command, RequestDepth):
            last, bids, asks = venue.depth(SYMBOL)
            depth = ev.DepthSnapshot(ts=ts, symbol=SYMBOL, last_id=last, bids=bids, asks=asks)
            self._events.append(lambda _ts: depth)


def _resident_mib() -> float:
    gc.collect()
    return float(psutil.Process().memory_info().rss) / 2**20


def run(_data_dir: Path | None) -> list[Figure]:
    """Memory after the warm-up, and how far it is from there in the end."""
    world = World()
    lives = 0
    while lives < WARM:
        lives += world.step()
    before = _resident_mib()
    cpu = psutil.Process().cpu_times().user
    while lives < LIVES:
        lives += world.step()
    spent = psutil.Process().cpu_times().user - cpu
    after = _resident_mib()
    status = world.kernel.status()
    note = (
        f"kernel and engine in one process, {lives:,} order lives; {before:.1f} MiB after the first {WARM:,}, "
        f"{after:.1f} MiB in the end; {spent / max(lives - WARM, 1) * 1e6:.0f} µs of processor time per life, market included; "
        f"{status.unknown_orders} unknown, {len(status.halts)} halts"
    )
    return [Figure("resident memory, growth over the order lives", after - before, "MiB", "≤ 2", note)]


if __name__ == "__main__":
    for figure in run(None):
        print(figure)
