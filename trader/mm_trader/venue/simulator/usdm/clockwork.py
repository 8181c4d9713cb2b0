"""What a futures venue does by itself: mark prices every second, funding settlements, the end of listen keys."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from aiohttp import web

from ..engine.account import Account
from ..engine.checks import from_e8
from ..engine.events import TradeEvent
from ..server.connection import dumps
from ..server.listen_keys import PrivateStreams
from ..time import NS_PER_MS, NS_PER_S
from .algo import OPEN, WorkingType
from .algo_shapes import listed
from .desk import futures_desk
from .shapes import margin_call, position_risk
from .streams import add_routes

if TYPE_CHECKING:
    from ..simulator import Simulator

SLOW_EVERY = 3
"""`@markPrice` is sent every third second, `@markPrice@1s` every second."""


class Clockwork:
    """The futures profile's extras."""

    def __init__(self, sim: Simulator) -> None:
        self.sim = sim
        self.desk = futures_desk(sim.desk)
        self.exchange = self.desk.futures
        self.streams = PrivateStreams(sim)
        sim.wsapi.listeners = [self.streams.listeners]
        self._settles_ns = 0

    def routes(self, app: web.Application) -> None:
        """The split streams."""
        add_routes(app, self.sim, self.streams)

    def start(self) -> None:
        """The first marks, from the book that the market has just made, and every second from now on."""
        self._settles_ns = self.exchange.funding.next_ns(self.sim.venue_clock.now())
        self._take_marks()
        self.sim.scheduler.call_at((self.sim.clock.now() // NS_PER_S + 1) * NS_PER_S, self._second)

    def reset(self) -> None:
        """Testnet reset: no countdown runs any more."""
        self.desk.forget()

    def positions(self, account: Account) -> list[dict[str, Any]]:
        """The account's open positions, as positionRisk shows them."""
        margin = self.exchange.margin
        return [
            position_risk(symbol, held, margin.specs[symbol], margin.marks[symbol], older=True)
            for symbol, held in margin.of(account).items()
            if held.lots
        ]

    def conditional(self, account: Account) -> list[dict[str, Any]]:
        """Conditional orders that wait, or whose order is open, as lists show them."""
        return [
            listed(order, self.desk.spec(order.symbol))
            for order in self.desk.algos.of(account)
            if order.status in OPEN
        ]

    def cancel_conditional(self, account: Account) -> int:
        """End the account's conditional orders that wait; how many."""
        return self.desk.algos.cancel_all(account)

    def call_margin(self, account: str) -> int:
        """Send MARGIN_CALL; with how many positions."""
        owner, margin = self.exchange.accounts[account], self.exchange.margin
        positions = self.positions(owner)
        quotes = {margin.specs[row["symbol"]].quote for row in positions}
        wallet = sum(owner.balance(asset).free for asset in quotes)
        text = dumps(margin_call(wallet, positions, self.desk.now_ms()))
        self.sim.publisher.user_sink(account, text)
        return len(positions)

    def expire_key(self, account: str) -> bool:
        """End an account's listen key now. False: it has none."""
        return self.streams.expire(account)

    def fund(self, symbol: str, rate_e8: int | None = None) -> None:
        """Settle funding of one symbol now."""
        self.exchange.fund(symbol, rate_e8)
        self.sim.publisher.pump()

    def _take_marks(self) -> None:
        """The mark is the middle of the book, rounded down to a tick; without a book it stays where it was."""
        for symbol, market in self.exchange.markets.items():
            bid, _, ask, _ = market.book.touch()
            if bid and ask:
                mark = (bid + ask) // 2
                self.exchange.set_mark(symbol, mark)
                self.desk.algos.see(symbol, mark, WorkingType.MARK_PRICE)
                self.desk.mark_candles[symbol].add(
                    TradeEvent(symbol, -1, mark, 0, self.sim.venue_clock.now(), False, 0)
                )

    def _second(self) -> None:
        sim = self.sim
        now = sim.venue_clock.now()
        try:
            self._take_marks()
            self.desk.expire_due()
            if now >= self._settles_ns:
                self._settles_ns = self.exchange.funding.next_ns(now)
                for symbol in self.exchange.markets:
                    self.fund(symbol)
            self.streams.expire_ended()
            self._publish(now)
        finally:
            sim.scheduler.call_at((sim.clock.now() // NS_PER_S + 1) * NS_PER_S, self._second)

    def _publish(self, now: int) -> None:
        hub = self.sim.hub
        slow = now // NS_PER_S % SLOW_EVERY == 0
        marks = []
        for symbol, market in self.exchange.markets.items():
            mark = from_e8(self.exchange.margin.marks[symbol] * market.spec.tick_e8)
            event = {
                "e": "markPriceUpdate",
                "E": now // NS_PER_MS,
                "s": symbol,
                "p": mark,
                "i": mark,
                "P": mark,
                "r": from_e8(self.exchange.funding.rate_e8),
                "T": self._settles_ns // NS_PER_MS,
            }
            marks.append(event)
            text = dumps(event)
            hub.publish(f"{symbol.lower()}@markPrice@1s", partial(str, text))
            if slow:
                hub.publish(f"{symbol.lower()}@markPrice", partial(str, text))
        hub.publish("!markPrice@arr@1s", partial(dumps, marks))
        if slow:
            hub.publish("!markPrice@arr", partial(dumps, marks))
