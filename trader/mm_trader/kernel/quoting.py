"""From a view of the market to what should rest: may we quote, what does the strategy want, what does the risk level leave of it. `work` sees to the rest."""

from __future__ import annotations

from math import ceil, floor

from mm_trader.core.events import StreamName
from mm_trader.core.state import CAUTIOUS, HALTED, NORMAL, REDUCE_ONLY, RiskLevel
from mm_trader.kernel.desk import Core, Desk
from mm_trader.kernel.halting import Halting
from mm_trader.kernel.misfits import nothing_wanted
from mm_trader.kernel.standing import stands
from mm_trader.kernel.work import Work, least_lots
from mm_trader.orders.states import UNKNOWN
from mm_trader.risk.levels import CAUTIOUS_PATIENCE, CAUTIOUS_SIZE, CAUTIOUS_WIDEN
from mm_trader.strategy.base import DesiredQuotes, MarketView, Quote

_STREAM_REASONS = {
    StreamName.USER: "UserStreamDown",
    StreamName.ORDERS: "OrderStreamDown",
    StreamName.MARKET: "MarketStreamDown",
}


class Quoter:
    """Looks at one symbol's quotes whenever something changed, and the throttle allows."""

    def __init__(self, core: Core, halting: Halting) -> None:
        self._core = core
        self._halting = halting
        self._work = Work(core)

    def look(self, desk: Desk, ts: int) -> None:
        """Bring the orders of a symbol to where they should be."""
        core = self._core
        desk.dirty = False
        level, guarded = core.risk.level, desk.guards.level
        if guarded > level:
            level = guarded
        interval = core.settings.requote_interval
        desk.next_look = ts + (interval * CAUTIOUS_PATIENCE if level is CAUTIOUS else interval)
        desk.blocked = blocked = self._why_not(desk, ts)
        if blocked:
            desk.next_look = ts  # nothing to be patient for: quote as soon as it can be
            self._withdraw(desk, ts)
            return
        if core.pnl.settle():
            # causes that follow from state are judged before every quote, the first of an incarnation included
            self._halting.check_losses(ts)
            return
        if desk.loss_floor is not None and desk.position.net <= desk.loss_floor:
            self._halting.check_symbol(desk, ts)
            if desk.symbol in core.halts.symbols:
                return
        desired = self._desired(desk, level, ts)
        if desired.waiting:
            desk.blocked = desired.waiting
            self._withdraw(desk, ts)
            return
        if not (desired.bids or desired.asks):
            desk.misfit = nothing_wanted(desk)
        if not stands(core, desk, desired):
            self._work.do(desk, desired, ts)

    def _withdraw(self, desk: Desk, ts: int) -> None:
        """Cancel whatever is, or may be, open."""
        for order in self._core.table.live(desk.symbol):
            if not (order.leftover and order.state is UNKNOWN) and not (order.closing and self._core.closing):
                self._core.manager.cancel(order, ts)

    # --- may we -----------------------------------------------------------------------------------------------------------------------

    def _why_not(self, desk: Desk, ts: int) -> str:
        """Why nothing may rest in this symbol, CamelCase; empty: it may."""
        core, halts, orders = self._core, self._core.halts, desk.orders
        if core.stopping:
            return "Stopping"
        if halts.level is HALTED:
            return "Halted"
        if desk.symbol in halts.symbols:
            return "SymbolHalted"
        if not core.allowed:
            return core.allowed_reason
        if False in core.streams.values():
            return next(_STREAM_REASONS[stream] for stream, up in core.streams.items() if not up)
        settings = core.settings
        if abs(core.skew.ns) > settings.max_clock_skew:
            return "ClockSkew"
        if not desk.rules.trading:
            return "SymbolNotTrading"
        if not core.reconciler.current(desk.symbol, ts):
            return "Reconciling"
        if orders.unsettled:
            return "FillsMissing"
        for order in orders.live.values():
            if order.leftover and order.state is not UNKNOWN:
                return "CancelingLeftovers"
        if not desk.top.fresh(ts, settings.stale_after):
            return "StaleMarket"
        if not desk.book.usable:
            return "BookOutOfSync"
        return "" if core.pnl.scope_begun or self._begin_scope(ts) else "WaitingForMarks"

    def _begin_scope(self, ts: int) -> bool:
        """The scope's baselines are set once everything that is held has a price of now."""
        core = self._core
        for desk in core.desks.values():
            if not core.reconciler.current(desk.symbol, ts):
                return False
            if desk.position.base and not desk.top.fresh(ts, core.settings.stale_after):
                return False
        core.pnl.begin_scope()
        return True

    # --- what do we want --------------------------------------------------------------------------------------------------------------

    def _desired(self, desk: Desk, level: RiskLevel, ts: int) -> DesiredQuotes:
        """The strategy's wish, after what the risk level makes of it."""
        desired = desk.strategy.quote(self._view(desk, ts))
        if level is NORMAL:
            return desired
        if level is CAUTIOUS:
            mid2 = desk.top.mid2
            return DesiredQuotes(
                bids=tuple(_cautious(desk, quote, mid2) for quote in desired.bids),
                asks=tuple(_cautious(desk, quote, mid2) for quote in desired.asks),
                half_spread=desired.half_spread * CAUTIOUS_WIDEN,
                spacing=desired.spacing * CAUTIOUS_WIDEN,
                waiting=desired.waiting,
            )
        if level is REDUCE_ONLY:
            held = desk.position.whole_lots
            return DesiredQuotes(
                bids=_within(desired.bids, -held),
                asks=_within(desired.asks, held),
                half_spread=desired.half_spread,
                spacing=desired.spacing,
                waiting=desired.waiting,
            )
        return desired

    def _view(self, desk: Desk, ts: int) -> MarketView:
        top, signals = desk.top, desk.signals
        return MarketView(
            bid=top.bid,
            ask=top.ask,
            mid=top.mid2 / 2,
            weighted_mid=top.weighted_mid,
            volatility=desk.volatility.sigma,
            position=desk.position.base / 1e8,
            wall_s=self._core.wall.ms(ts) / 1e3,
            micro_price=None if signals is None else signals.micro_price(top),
            depth_imbalance=None if signals is None else signals.depth_imbalance(desk.book),
            order_flow=None if signals is None else signals.order_flow,
            intensity=None if signals is None else signals.intensity,
        )


def _cautious(desk: Desk, quote: Quote, mid2: int) -> Quote:
    """Farther from the mid and smaller, but not smaller than the venue takes."""
    distance = (quote.price - mid2 / 2) * CAUTIOUS_WIDEN
    price = ceil(mid2 / 2 + distance) if distance > 0 else floor(mid2 / 2 + distance)
    size = min(quote.size, max(quote.size // CAUTIOUS_SIZE, least_lots(desk, quote.price)))
    return Quote(price, size)


def _within(quotes: tuple[Quote, ...], lots: int) -> tuple[Quote, ...]:
    """At most `lots` in all, the best levels first; none at all where that is not above zero."""
    kept: list[Quote] = []
    for quote in quotes:
        if lots <= 0:
            break
        kept.append(Quote(quote.price, min(quote.size, lots)))
        lots -= quote.size
    return tuple(kept)
