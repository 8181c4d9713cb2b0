"""A kernel and an engine that answer each other at once, with nothing between them: order lives by the thousand, for what grows with their number.

A life is an order that the venue has taken and that has ended, by a fill, a cancel or a move to another price. In between the kernel reconciles as it does
live; it sees every book update; orders, fills, ledger and evidence are written down, in a journal on disk and a store in memory.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable
from pathlib import Path

from mm_api.kinds.common import Environment
from mm_api.trader_config import EngineConfig, RiskConfig, StrategyConfig, TraderConfig, VenueConfig
from mm_trader.core import events as ev
from mm_trader.core.commands import (
    Alert,
    Amend,
    Cancel,
    CancelReplace,
    Command,
    FillBooked,
    OrderChanged,
    Place,
    QueryOrder,
    RequestDepth,
    RequestReconcile,
)
from mm_trader.core.ids import ClientIds
from mm_trader.core.state import Restored
from mm_trader.kernel import Kernel
from mm_trader.venue.simulator.engine.errors import RefusalError

from .plan import Plan
from .scribe import Scribe
from .timeline import MS, WALL, Timeline
from .venue import START, Venue, classify

SYMBOLS = ("BNBUSDC", "BTCUSDC", "ETHUSDC", "PAXGUSDC")
STEP_NS = 300 * MS
"""A little more than the kernel's patience with its quotes (`requoteInterval`)."""
REPORT_STEPS = 3
"""Steps between two writes of the evidence: most of a second, as live."""
SPREAD, MOVE = "0.002", 0.0005
"""Of the price. The mid goes to and fro: farther than a quote may be off (a fifth of half the spread), so that both sides move at every step, and not so
far that it runs into them: what fills is what the crowd takes."""
IDLE_STEPS = 10_000
"""So long without the end of one order, and there is nothing to measure: most of an hour of the market's time."""
PROGRESS_S = 15
ENDED = ("FILLED", "CANCELED")


class World:
    """A kernel and an engine that answer each other at once."""

    def __init__(self, directory: Path) -> None:
        """`directory`: of the journal."""
        plan = Plan(1)
        plan.symbols, plan.fee_e8, plan.hit, plan.drift, plan.in_place = SYMBOLS, 0, 0.5, 0, True
        self._plan = plan
        self._timeline = Timeline()
        self._waiting: deque[Callable[[int], ev.Event]] = deque()
        self._venue = Venue(self._timeline, plan, self._publish, lambda _who, _what: None)
        self._sign = 1
        self.ended: Counter[str] = Counter()
        """Orders by how they ended."""
        self.asked: Counter[str] = Counter()
        """Commands by name."""
        config = TraderConfig(
            identity="bench",
            scope="bench",
            symbols=list(SYMBOLS),
            venue=VenueConfig(
                environment=Environment.SIMULATOR,
                rest_url="http://x",
                ws_api_url="ws://x",
                stream_url="ws://x",
            ),
            strategy=StrategyConfig(parameters={"baseSpread": SPREAD, "maxInventory": "0.2"}),
            risk=RiskConfig(
                capital=1_000_000,
                daily_loss_limit=10**9,
                max_drawdown=1,
                max_cancel_ratio=1,
                max_order_rate=1000,
            ),
            engine=EngineConfig(),
        )
        self.kernel = Kernel(
            config,
            {symbol: self._venue.rules(symbol) for symbol in SYMBOLS},
            ClientIds("bench", 1, 1),
            Restored(),
            ts=0,
            wall_ns=WALL,
        )
        self.scribe = Scribe(directory, self.kernel)
        self._steps = 0
        for stream in ev.StreamName:
            self._feed(ev.StreamStatus(ts=0, stream=stream, up=True))
        self._feed(ev.TradingAllowed(ts=0, allowed=True))

    @property
    def lives(self) -> int:
        """Orders that the venue had taken and that have ended."""
        return sum(self.ended[state] for state in ENDED)

    def live(self, lives: int, tell: Callable[[str], None] = lambda _line: None) -> None:
        """Until so many orders have ended. Raises RuntimeError when no more do. `tell`: hears of the progress now and then."""
        idle, before = 0, self.lives
        said, spoken = time.monotonic(), before
        while before < lives:
            self.step()
            idle = 0 if self.lives > before else idle + 1
            before = self.lives
            if idle >= IDLE_STEPS:
                raise RuntimeError(f"no order has ended for {idle:,} steps: {self.kernel.status()}")
            now = time.monotonic()
            if now - said >= PROGRESS_S:
                tell(f"{before:>9,} lives, {(before - spoken) / (now - said):,.0f}/s")
                said, spoken = now, before

    def step(self) -> None:
        """The market moves, and everything that follows from it."""
        venue, timeline, plan = self._venue, self._timeline, self._plan
        timeline.now += STEP_NS
        self._sign = -self._sign
        with venue.engine.batch():  # what a take has emptied is laid anew in the same update
            for symbol in SYMBOLS:
                if plan.rng.random() < plan.hit:
                    venue._take(symbol)
                venue.mids[symbol] = START[symbol] + self._sign * round(START[symbol] * MOVE / 2)
                venue._lay(symbol)
        venue.pump()
        self._feed(ev.Tick(ts=timeline.now, wall_ns=WALL + timeline.now))
        venue.accepted.clear()
        venue.trades.clear()
        self._steps += 1
        if self._steps % REPORT_STEPS == 0:
            self.scribe.report(REPORT_STEPS * STEP_NS)

    def _publish(self, stream: str, making: Callable[[int], ev.Event]) -> None:
        self._waiting.append(making)

    def _feed(self, event: ev.Event) -> None:
        self._waiting.append(lambda _ts: event)
        self._settle()

    def _settle(self) -> None:
        waiting, on_event = self._waiting, self.kernel.on_event
        while waiting:
            for command in on_event(waiting.popleft()(self._timeline.now)):
                self._execute(command)

    def _execute(self, command: Command) -> None:
        """Raises RuntimeError for a command that has no answer here: the kernel would wait for it, and trade no more."""
        self.asked[type(command).__name__] += 1
        match command:
            case OrderChanged():
                self.scribe.order(command)
                if command.closed:
                    self.ended[command.state] += 1
            case FillBooked():
                self.scribe.fill(command)
            case Alert():
                pass
            case Place():
                self._place(command)
            case Cancel():
                self._cancel(command.symbol, command.client_id)
            case CancelReplace():
                if self._cancel(command.symbol, command.client_id):
                    self._place(command.place)
                else:
                    self._say(
                        ev.CommandDropped(
                            ts=self._timeline.now,
                            symbol=command.symbol,
                            client_id=command.place.client_id,
                            command="place",
                            reason="not attempted",
                        )
                    )
            case Amend():
                self._amend(command)
            case QueryOrder():
                self._query(command)
            case RequestReconcile():
                self._reconcile(command)
            case RequestDepth():
                last, bids, asks = self._venue.depth(command.symbol)
                self._say(
                    ev.DepthSnapshot(
                        ts=self._timeline.now, symbol=command.symbol, last_id=last, bids=bids, asks=asks
                    )
                )
            case _:
                raise RuntimeError(f"nobody here answers {command}")

    # --- the venue's answers ------------------------------------------------------------------------------

    def _say(self, event: ev.Event) -> None:
        self._waiting.append(lambda _ts: event)

    def _refuse(self, symbol: str, client_id: str, what: str, error: RefusalError) -> None:
        self._say(
            ev.CommandRefused(
                ts=self._timeline.now,
                symbol=symbol,
                client_id=client_id,
                command=what,
                error=classify(error),
                code=error.code,
                message=error.msg,
            )
        )

    def _place(self, place: Place) -> None:
        symbol, client_id = place.symbol, place.client_id
        try:
            order = self._venue.place(symbol, client_id, place.side, place.price, place.size)
        except RefusalError as error:
            self._refuse(symbol, client_id, "place", error)
        else:
            self._say(
                ev.OrderAccepted(ts=self._timeline.now, symbol=symbol, client_id=client_id, venue_id=order.id)
            )

    def _cancel(self, symbol: str, client_id: str) -> bool:
        """False: there was nothing to cancel."""
        try:
            order = self._venue.cancel(symbol, client_id)
        except RefusalError as error:
            self._refuse(symbol, client_id, "cancel", error)
            return False
        self._say(ev.OrderFound(ts=self._timeline.now, order=self._venue.order_view(order)))
        return True

    def _amend(self, amend: Amend) -> None:
        try:
            order = self._venue.amend(amend.symbol, amend.client_id, amend.size)
        except RefusalError as error:
            self._refuse(amend.symbol, amend.client_id, "amend", error)
        else:
            self._say(ev.OrderAmended(ts=self._timeline.now, order=self._venue.order_view(order)))

    def _query(self, query: QueryOrder) -> None:
        known, ts = self._venue.find(query.symbol, query.client_id), self._timeline.now
        if known is None:
            self._say(ev.OrderNotFound(ts=ts, symbol=query.symbol, client_id=query.client_id, asked_ts=ts))
        else:
            self._say(ev.OrderFound(ts=ts, order=self._venue.order_view(known)))

    def _reconcile(self, asked: RequestReconcile) -> None:
        venue, symbol, ts = self._venue, asked.symbol, self._timeline.now
        self._say(
            ev.ReconcileSnapshot(
                ts=ts,
                symbol=symbol,
                asked_ts=ts,
                open_orders=[venue.order_view(order) for order in venue.open_orders(symbol)],
                foreign_open_orders=0,
                trades=venue.trades_from(symbol, asked.from_trade_id),
                balances=venue.balances(),
                cause=asked.cause,
            )
        )
