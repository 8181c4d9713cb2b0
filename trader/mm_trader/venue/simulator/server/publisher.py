"""From engine events to the wire: market streams, user events and the journal, all from the same list.

`pump` is called after every operation. bookTicker goes out at once; depth is batched to the clock's 100 ms and 1000 ms
marks with contiguous U…u; partial books at the same marks.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Protocol, TypeVar

from msgspec.structs import replace

from ..engine.checks import from_e8, plain
from ..engine.events import BalanceEvent, BookUpdate, ExecutionEvent, ListEvent, TradeEvent, TransferEvent
from ..engine.exchange import Exchange
from ..engine.market import Market
from ..engine.types import ExecType
from ..faults import DEPTH_KINDS, TICKER_KINDS, FaultBoard, FaultKind
from ..journal import Journal
from ..time import NS_PER_MS, Scheduler
from . import list_shapes, tickers
from .candles import Candles
from .connection import dumps
from .info import book_levels
from .limits import RateLimits
from .shapes import account_position, balance_update, execution_report
from .streams import StreamHub

Item = TypeVar("Item")
HISTORY = 1000
"""At least this many prints of a symbol are kept for REST."""

FAST_NS = 100 * NS_PER_MS
SLOW_EVERY = 10
"""Every tenth fast mark is a slow (1000 ms) one."""
SPELT_OUT = "@1000ms"
"""The slow speed as some clients name it; the documentation leaves it out."""
PARTIAL_DEPTHS = (5, 10, 20)
MAKER_COUNT_BACK = 5
"""Unfilled-order count given back at an order's first maker fill; 1 at its first taker fill (docs' example values)."""

EVERY_TOUCH = "!bookTicker"
"""The stream of all symbols' bookTicker."""


class UserSink(Protocol):
    """Takes the JSON text of an account's event; `ahead` is another that goes before it and shares its fate."""

    def __call__(self, account: str, text: str, ahead: str = "", /) -> None: ...


class _DepthBatch:
    """Changed prices of one symbol since the last batch of one speed."""

    __slots__ = ("asks", "bids", "sent_u")

    def __init__(self, u: int) -> None:
        self.bids: dict[int, None] = {}
        self.asks: dict[int, None] = {}
        self.sent_u = u

    def add(self, update: BookUpdate) -> None:
        for price in update.bids:
            self.bids[price] = None
        for price in update.asks:
            self.asks[price] = None


class Publisher:
    """Owns the way out.

    `user_sink` delivers a user event to an account's subscriptions; `faults` may eat, cross or stop what markets send.
    """

    def __init__(
        self,
        exchange: Exchange,
        hub: StreamHub,
        limits: RateLimits,
        journal: Journal,
        scheduler: Scheduler,
        user_sink: UserSink,
        faults: FaultBoard,
    ) -> None:
        self.listened_to: Callable[[str], bool] = lambda _account: True
        """Whether anybody would get an account's user events; for the others none are made."""
        self.exchange = exchange
        self.hub = hub
        self.limits = limits
        self.journal = journal
        self.scheduler = scheduler
        self.user_sink = user_sink
        self.faults = faults
        self._fast = {s: _DepthBatch(m.u) for s, m in exchange.markets.items()}
        self._slow = {s: _DepthBatch(m.u) for s, m in exchange.markets.items()}
        self._aggregate_ids = dict.fromkeys(exchange.markets, 0)
        self.counts = {"trades": 0, "bookUpdates": 0, "executions": 0}
        self.last_trades: dict[str, list[TradeEvent]] = {s: [] for s in exchange.markets}
        self.candles = {s: Candles() for s in exchange.markets}
        self.last_aggregates: dict[str, list[dict[str, Any]]] = {s: [] for s in exchange.markets}
        """As REST shows them."""

    def start(self) -> None:
        now = self.scheduler.clock.now()
        self.scheduler.call_at((now // FAST_NS + 1) * FAST_NS, self._mark)

    def pump(self) -> None:
        """Send out everything the engine has reported since the last call."""
        events = self.exchange.drain()
        if not events:
            return
        now_ms = self.exchange.clock() // NS_PER_MS
        run: list[TradeEvent] = []
        for event in events:
            if isinstance(event, TradeEvent):
                if run and (run[-1].taker_order != event.taker_order or run[-1].price != event.price):
                    self._aggregate(run, now_ms)
                    run = []
                run.append(event)
                self._trade(event, now_ms)
            elif isinstance(event, BookUpdate):
                self._book(event)
            elif isinstance(event, ExecutionEvent):
                self._execution(event, now_ms)
            elif isinstance(event, BalanceEvent):
                self._balance(event, now_ms)
            elif isinstance(event, ListEvent):
                self._list(event, now_ms)
            elif isinstance(event, TransferEvent):
                self._transfer(event, now_ms)
        if run:
            self._aggregate(run, now_ms)

    # --- user side ------------------------------------------------------------------------------------------
    def _execution(self, event: ExecutionEvent, now_ms: int) -> None:
        self.counts["executions"] += 1
        spec = self.exchange.markets[event.order.symbol].spec
        if event.exec_type is not ExecType.REJECTED:  # which the journal has as a refusal
            self.journal.execution(event, spec)
        fill = event.fill
        if fill is not None and event.executed == fill.qty:
            self.limits.add_orders(event.order.account.name, -MAKER_COUNT_BACK if fill.is_maker else -1)
        name = event.order.account.name
        if self.listened_to(name):
            self.user_sink(name, dumps(execution_report(event, spec, now_ms)))

    def _balance(self, event: BalanceEvent, now_ms: int) -> None:
        if self.listened_to(event.account.name):
            self.user_sink(event.account.name, dumps(account_position(event, now_ms)))

    def _list(self, event: ListEvent, now_ms: int) -> None:
        if self.listened_to(event.list.account.name):
            self.user_sink(event.list.account.name, dumps(list_shapes.list_status(event, now_ms)))

    def _transfer(self, event: TransferEvent, now_ms: int) -> None:
        if self.listened_to(event.account.name):
            self.user_sink(event.account.name, dumps(balance_update(event, now_ms)))

    # --- market side ----------------------------------------------------------------------------------------
    def _book(self, update: BookUpdate) -> None:
        self.counts["bookUpdates"] += 1
        self._fast[update.symbol].add(update)
        self._slow[update.symbol].add(update)
        if update.touch_changed and not self.stale(update.symbol):
            stream = f"{update.symbol.lower()}@bookTicker"
            if self.hub.wanted(stream) or self.hub.wanted(EVERY_TOUCH):
                market, shown = self.exchange.markets[update.symbol], self._crossed(update)
                self.hub.publish(stream, lambda: book_ticker_text(market, shown))
                self.hub.publish(EVERY_TOUCH, lambda: book_ticker_text(market, shown))

    def _crossed(self, update: BookUpdate) -> BookUpdate:
        """The update, or one with bid and ask changed for each other where a fault strikes it."""
        if not self._struck(TICKER_KINDS, update.symbol):
            return update
        bid, bid_qty, ask, ask_qty = update.touch
        return replace(update, touch=(ask, bid_qty, bid, ask_qty))

    def stale(self, symbol: str) -> bool:
        """Whether a fault keeps the symbol's streams where they are."""
        return bool(self.faults.stale) and self.faults.is_stale(symbol, self.scheduler.clock.now())

    def _struck(self, kinds: frozenset[FaultKind], symbol: str) -> bool:
        return bool(self.faults.armed) and self.faults.take(kinds, symbol=symbol) is not None

    def _trade(self, event: TradeEvent, now_ms: int) -> None:
        self.counts["trades"] += 1
        self._remember(event)
        if self.stale(event.symbol):
            return
        spec = self.exchange.markets[event.symbol].spec
        self.hub.publish(
            f"{event.symbol.lower()}@trade",
            lambda: dumps(
                {
                    "e": "trade",
                    "E": now_ms,
                    "s": event.symbol,
                    "t": event.id,
                    "p": from_e8(event.price * spec.tick_e8),
                    "q": from_e8(event.qty * spec.lot_e8),
                    "T": event.time_ns // NS_PER_MS,
                    "m": event.buyer_is_maker,
                    "M": True,
                }
            ),
        )

    def _remember(self, event: TradeEvent) -> None:
        """For REST."""
        _keep(self.last_trades[event.symbol], event)
        self.candles[event.symbol].add(event)

    def _aggregate(self, run: list[TradeEvent], now_ms: int) -> None:
        first, last = run[0], run[-1]
        self._aggregate_ids[first.symbol] += 1
        spec = self.exchange.markets[first.symbol].spec
        shape = {
            "a": self._aggregate_ids[first.symbol],
            "p": plain(first.price * spec.tick_e8, spec.price_digits),
            "q": plain(sum(t.qty for t in run) * spec.lot_e8, spec.qty_digits),
            "f": first.id,
            "l": last.id,
            "T": first.time_ns // NS_PER_MS,
            "m": first.buyer_is_maker,
        }
        if spec.perpetual:
            shape["nq"] = shape["q"]  # without orders that only retail may meet: there are none here
        else:
            shape["M"] = True
        _keep(self.last_aggregates[first.symbol], shape)
        if self.stale(first.symbol):
            return
        self.hub.publish(
            f"{first.symbol.lower()}@aggTrade",
            lambda: dumps({"e": "aggTrade", "E": now_ms, "s": first.symbol, **shape}),
        )

    def _mark(self) -> None:
        """A 100 ms mark of the clock: send the batches that are due."""
        self.pump()
        mark = self.scheduler.clock.now() // FAST_NS
        now = self.exchange.clock()
        for symbol, market in self.exchange.markets.items():
            if self.stale(symbol):
                continue  # the batches grow, so that nothing is missing when the streams go on
            self._flush(symbol, market, self._fast[symbol], "@100ms", now)
            if mark % SLOW_EVERY == 0:
                self._flush(symbol, market, self._slow[symbol], "", now)
        if mark % SLOW_EVERY == 0:
            tickers.publish(self, now // NS_PER_MS)
        self.scheduler.call_at((mark + 1) * FAST_NS, self._mark)

    def _flush(self, symbol: str, market: Market, batch: _DepthBatch, suffix: str, now: int) -> None:
        if market.u == batch.sent_u:
            return
        name = symbol.lower()
        first = batch.sent_u + 1
        suffixes = (suffix,) if suffix else ("", SPELT_OUT)
        wanted = [s for s in (f"{name}@depth{x}" for x in suffixes) if self.hub.wanted(s)]
        if wanted and not self._struck(DEPTH_KINDS, symbol):
            for stream in wanted:
                self.hub.publish(stream, lambda: depth_text(market, batch, first, now // NS_PER_MS))
        for count in PARTIAL_DEPTHS:
            for spelt in suffixes:
                self.hub.publish(f"{name}@depth{count}{spelt}", partial(partial_text, market, count))
        batch.bids.clear()
        batch.asks.clear()
        batch.sent_u = market.u


def book_ticker_text(market: Market, update: BookUpdate) -> str:
    spec = market.spec
    bid, bid_qty, ask, ask_qty = update.touch
    return (
        f'{{"u":{update.u},"s":"{update.symbol}","b":"{from_e8(bid * spec.tick_e8)}",'
        f'"B":"{from_e8(bid_qty * spec.lot_e8)}","a":"{from_e8(ask * spec.tick_e8)}",'
        f'"A":"{from_e8(ask_qty * spec.lot_e8)}"}}'
    )


def depth_text(market: Market, batch: _DepthBatch, first: int, now_ms: int) -> str:
    spec, book = market.spec, market.book
    tick, lot = spec.tick_e8, spec.lot_e8
    bids = [[from_e8(p * tick), from_e8(book.bids.qty_at(p) * lot)] for p in sorted(batch.bids, reverse=True)]
    asks = [[from_e8(p * tick), from_e8(book.asks.qty_at(p) * lot)] for p in sorted(batch.asks)]
    return dumps(
        {"e": "depthUpdate", "E": now_ms, "s": spec.name, "U": first, "u": market.u, "b": bids, "a": asks}
    )


def _keep(kept: list[Item], item: Item) -> None:
    """Append; of more than 2,000 the older half goes."""
    kept.append(item)
    if len(kept) > 2 * HISTORY:
        del kept[:HISTORY]


def partial_text(market: Market, count: int) -> str:
    bids, asks = book_levels(market, count)
    return dumps({"lastUpdateId": market.u, "bids": bids, "asks": asks})
