"""From engine events to the futures wire: bookTicker at once, depth in batches chained by `pu`, aggTrade, orders and account updates."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from ..engine.checks import from_e8, plain
from ..engine.events import BalanceEvent, BookUpdate, ExecutionEvent, TradeEvent, TransferEvent
from ..engine.market import Market
from ..faults import DEPTH_KINDS
from ..server import tickers
from ..server.connection import dumps
from ..server.publisher import EVERY_TOUCH, Publisher
from ..time import NS_PER_MS
from . import shapes
from .algo import AlgoOrder, AlgoService, WorkingType
from .algo_shapes import algo_update
from .exchange import FuturesExchange
from .margin import MarginEvent
from .shapes import levels, price_text, qty_text

MARK_NS = 50 * NS_PER_MS
SPEEDS = (("@0ms", 1), ("@100ms", 2), ("", 5), ("@500ms", 10))
"""Stream suffix, and every how many marks it is sent: `@depth` alone is 250 ms. Nothing documents `@0ms`, but clients use it."""
SPELT_OUT = "@250ms"
"""The speed without a suffix, as some clients name it."""
MARKS_A_SECOND = 20
PARTIAL_DEPTHS = (5, 10, 20)


class _Batch:
    """Changed prices of one symbol since the last batch of one speed."""

    __slots__ = ("asks", "bids", "sent_u")

    def __init__(self, u: int) -> None:
        self.bids: dict[int, None] = {}
        self.asks: dict[int, None] = {}
        self.sent_u = u


USD_MARGINED = 1
"""What a symbol is, since one stream may carry coin-margined ones too (2026-06)."""


class FuturesPublisher(Publisher):
    """Owns the way out; see Publisher for its arguments."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._batches = {
            symbol: {suffix: _Batch(market.u) for suffix, _ in SPEEDS}
            for symbol, market in self.exchange.markets.items()
        }
        assert isinstance(self.exchange, FuturesExchange), "the futures profile makes its own exchange"
        self.algos = AlgoService(self.exchange, self._algo)

    def pump(self) -> None:
        """See Publisher; then what the prices have triggered."""
        super().pump()
        while self.algos.due:
            self.algos.work()
            super().pump()

    def start(self) -> None:
        now = self.scheduler.clock.now()
        self.scheduler.call_at((now // MARK_NS + 1) * MARK_NS, self._mark)

    # --- user side --------------------------------------------------------------------------------------------------
    def _execution(self, event: ExecutionEvent, now_ms: int) -> None:
        self.counts["executions"] += 1
        spec = self.exchange.markets[event.order.symbol].spec
        self.journal.execution(event, spec)
        name = event.order.account.name
        lite = dumps(shapes.trade_lite(event, event.fill, spec, now_ms)) if event.fill is not None else ""
        self.user_sink(name, dumps(shapes.order_update(event, spec, now_ms)), lite)
        self.algos.follow(event)

    def _algo(self, order: AlgoOrder) -> None:
        """A conditional order has changed."""
        spec, name = self.exchange.markets[order.symbol].spec, order.account.name
        self.journal.add(
            "algo",
            order.updated_ns,
            name,
            symbol=order.symbol,
            algoId=order.id,
            clientAlgoId=order.client_id,
            side=order.side.value,
            type=order.type.value,
            price=plain(order.trigger_e8 or order.activate_e8, spec.price_digits),
            status=order.status.value,
        )
        self.user_sink(name, dumps(algo_update(order, spec, self.exchange.clock() // NS_PER_MS)))

    def _balance(self, event: BalanceEvent, now_ms: int) -> None:
        assert isinstance(event, MarginEvent), "the margin ledger reports in its own events"
        assert isinstance(self.exchange, FuturesExchange)
        margin = self.exchange.margin
        funding = event.reason == "FUNDING_FEE"
        named = [] if funding else event.positions
        held = {s: (margin.holding(event.account, s), margin.specs[s], margin.marks[s]) for s in named}
        if funding:
            self.journal.add(
                "funding",
                event.time_ns,
                event.account.name,
                symbol=event.positions[0],
                amount=from_e8(event.change),
                asset=event.balances[0][0],
            )
        self.user_sink(event.account.name, dumps(shapes.account_update(event, held, now_ms)))
        for symbol in named:
            self.algos.position_changed(event.account, symbol)

    def _transfer(self, event: TransferEvent, now_ms: int) -> None:
        """ACCOUNT_UPDATE says it."""

    # --- market side ------------------------------------------------------------------------------------------------
    def _book(self, update: BookUpdate) -> None:
        self.counts["bookUpdates"] += 1
        for batch in self._batches[update.symbol].values():
            for price in update.bids:
                batch.bids[price] = None
            for price in update.asks:
                batch.asks[price] = None
        stream = f"{update.symbol.lower()}@bookTicker"
        if not update.touch_changed or self.stale(update.symbol):
            return
        if self.hub.wanted(stream) or self.hub.wanted(EVERY_TOUCH):
            market = self.exchange.markets[update.symbol]
            update = self._crossed(update)
            self.hub.publish(stream, lambda: book_ticker_text(market, update))
            self.hub.publish(EVERY_TOUCH, lambda: book_ticker_text(market, update))

    def _trade(self, event: TradeEvent, now_ms: int) -> None:
        self.counts["trades"] += 1
        self._remember(event)
        if self.algos.waiting:
            self.algos.see(event.symbol, event.price, WorkingType.CONTRACT_PRICE)
        if self.stale(event.symbol):
            return
        spec = self.exchange.markets[event.symbol].spec
        self.hub.publish(
            f"{event.symbol.lower()}@trade",
            lambda: dumps(
                {
                    "e": "trade",
                    "E": now_ms,
                    "T": event.time_ns // NS_PER_MS,
                    "s": event.symbol,
                    "t": event.id,
                    "p": price_text(spec, event.price),
                    "q": qty_text(spec, event.qty),
                    "X": "MARKET",
                    "m": event.buyer_is_maker,
                }
            ),
        )

    def _mark(self) -> None:
        """A 50 ms mark of the clock: send the batches that are due."""
        self.pump()
        number = self.scheduler.clock.now() // MARK_NS
        now = self.exchange.clock()
        for symbol, market in self.exchange.markets.items():
            if self.stale(symbol):
                continue
            for suffix, every in SPEEDS:
                if number % every == 0:
                    self._send(symbol, market, suffix, now // NS_PER_MS)
        if number % MARKS_A_SECOND == 0:
            tickers.publish(self, now // NS_PER_MS)
        self.scheduler.call_at((number + 1) * MARK_NS, self._mark)

    def _send(self, symbol: str, market: Market, suffix: str, now_ms: int) -> None:
        batch = self._batches[symbol][suffix]
        if market.u == batch.sent_u:
            return
        name, previous = symbol.lower(), batch.sent_u
        suffixes = (suffix,) if suffix else ("", SPELT_OUT)
        wanted = [s for s in (f"{name}@depth{x}" for x in suffixes) if self.hub.wanted(s)]
        if wanted and not self._struck(DEPTH_KINDS, symbol):
            for stream in wanted:
                self.hub.publish(
                    stream, lambda: depth_text(market, _changed(market, batch), previous, now_ms)
                )
        for count in PARTIAL_DEPTHS:
            top: Callable[[], str] = partial(_top_text, market, count, previous, now_ms)
            for spelt in suffixes:
                self.hub.publish(f"{name}@depth{count}{spelt}", top)
        batch.bids.clear()
        batch.asks.clear()
        batch.sent_u = market.u


def book_ticker_text(market: Market, update: BookUpdate) -> str:
    spec, now = market.spec, update.time_ns // NS_PER_MS
    bid, bid_qty, ask, ask_qty = update.touch
    return (
        f'{{"e":"bookTicker","u":{update.u},"s":"{update.symbol}","b":"{price_text(spec, bid)}",'
        f'"B":"{qty_text(spec, bid_qty)}","a":"{price_text(spec, ask)}","A":"{qty_text(spec, ask_qty)}",'
        f'"T":{now},"E":{now}}}'
    )


Sides = tuple[list[list[str]], list[list[str]]]


def _changed(market: Market, batch: _Batch) -> Sides:
    spec, book = market.spec, market.book
    bids = [
        [price_text(spec, p), qty_text(spec, book.bids.qty_at(p))] for p in sorted(batch.bids, reverse=True)
    ]
    asks = [[price_text(spec, p), qty_text(spec, book.asks.qty_at(p))] for p in sorted(batch.asks)]
    return bids, asks


def _top_text(market: Market, count: int, previous: int, now_ms: int) -> str:
    return depth_text(market, levels(market, count), previous, now_ms)


def depth_text(market: Market, sides: Sides, previous: int, now_ms: int) -> str:
    """`previous`: `u` of the event before in this stream."""
    return dumps(
        {
            "e": "depthUpdate",
            "E": now_ms,
            "T": now_ms,
            "s": market.spec.name,
            "U": previous + 1,
            "u": market.u,
            "pu": previous,
            "b": sides[0],
            "a": sides[1],
            "ps": market.spec.name,
            "st": USD_MARGINED,
        }
    )
