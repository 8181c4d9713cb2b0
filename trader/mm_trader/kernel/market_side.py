"""The market's events: top of book (the hot path), depth, the market streams' state. Marks positions, samples volatility, and says which symbols must look."""

from __future__ import annotations

from mm_trader.core import events as ev
from mm_trader.core.commands import RequestDepth
from mm_trader.core.units import NS_PER_S
from mm_trader.kernel.desk import Core, Desk
from mm_trader.kernel.halting import Halting

_BOOK_RETRY_NS = NS_PER_S
"""A depth snapshot that has not come by then is asked for again."""


class MarketSide:
    """Handlers of market events."""

    def __init__(self, core: Core, halting: Halting) -> None:
        self._core = core
        self._halting = halting

    def on_ticker(self, event: ev.BookTicker, ts: int) -> bool:
        """The hot path; `ts` is the event's. False: nothing came of it, and there is nothing to send."""
        core = self._core
        desk = core.desks.get(event.symbol)
        if desk is None:
            return False
        top = desk.top
        if ts >= desk.marks.next_due:
            desk.marks.settle(ts, top.mid2 if top.fresh(ts, core.settings.stale_after) else None)
        if not top.update(event):
            return False
        signals, book, position, mid2 = desk.signals, desk.book, desk.position, top.mid2
        if not top.valid:
            if signals is not None:
                signals.on_gap()
            # where nobody else quotes, our quote makes a market that its cancel takes away again: without a pause that goes on as fast as the venue answers
            desk.hold_until = max(desk.hold_until, ts + core.settings.requote_interval)
            desk.dirty = True
            return True
        if signals is not None:
            signals.on_top(top)
        if book.last_id == top.update_id and not book.agrees_with_top(
            top.bid, top.bid_size, top.ask, top.ask_size
        ):
            self._lose_book(desk, ts)
        if mid2 != position.mark2 and core.pnl.remark(position, mid2):
            self._halting.check_losses(ts)
        if desk.loss_floor is not None and position.net <= desk.loss_floor:
            self._halting.check_symbol(desk, ts)
        if ts >= desk.volatility.next_sample:
            desk.volatility.sample(ts, mid2)
            desk.guards.jump.sample(ts, mid2)
        if ts >= desk.next_look:
            desk.dirty = True
        return desk.dirty

    def on_trade(self, event: ev.PublicTrade) -> None:
        """A trade of anybody's, with the side that took."""
        desk = self._core.desks.get(event.symbol)
        if desk is None or event.size <= 0:
            return
        desk.guards.vpin.add(event.ts, event.size, buyer_is_maker=event.buyer_is_maker)
        if desk.signals is not None:
            desk.signals.on_trade(event.ts, event.price, desk.top, sell=event.buyer_is_maker)

    def on_depth(self, event: ev.DepthUpdate) -> None:
        desk = self._core.desks.get(event.symbol)
        if desk is None:
            return
        book, top = desk.book, desk.top
        usable = book.usable
        if book.on_update(event):
            self.ask_book(desk, event.ts)
        elif (
            event.last_id == top.update_id == book.last_id
            and top.valid
            and not book.agrees_with_top(top.bid, top.bid_size, top.ask, top.ask_size)
        ):
            self._lose_book(desk, event.ts)
        if usable and not book.usable:
            desk.dirty = True

    def on_snapshot(self, event: ev.DepthSnapshot) -> None:
        desk = self._core.desks.get(event.symbol)
        if desk is None:
            return
        if desk.book.on_snapshot(event):
            desk.book_due = event.ts + _BOOK_RETRY_NS // 4
            return
        desk.book_due = None
        desk.dirty = True

    def _lose_book(self, desk: Desk, ts: int) -> None:
        desk.book.invalidate()
        desk.dirty = True
        self.ask_book(desk, ts)

    def ask_book(self, desk: Desk, ts: int) -> None:
        desk.book_due = ts + _BOOK_RETRY_NS
        self._core.outbox.emit(RequestDepth(symbol=desk.symbol))

    def on_stream(self, event: ev.StreamStatus) -> None:
        core = self._core
        core.streams[event.stream] = event.up
        if event.stream is ev.StreamName.MARKET:
            for desk in core.desks.values():
                desk.top.reset()
                desk.book.reset()
                desk.volatility.forget_last()
                if desk.signals is not None:
                    desk.signals.on_gap()
                desk.guards.jump.forget_last()
                desk.book_due = None
        elif event.stream is ev.StreamName.USER and event.up and core.allowed:
            # the stream has no replay: whatever happened meanwhile is read from the venue before anything is quoted
            for symbol in core.desks:
                core.reconciler.begin(symbol, "reconnect", event.ts)
        self._halting.look_everywhere()
