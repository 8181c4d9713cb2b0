"""From a view of the market to the fewest commands: may we quote, what does the strategy want, what do the limits leave of it, what must change at the venue.

One order a side. A replacement is placed only when the venue has confirmed the end of the one before: a side never has two orders that could both fill.
That costs a round trip per move, and buys that no limit is ever lent out twice.
"""

from __future__ import annotations

from math import ceil, floor

import msgspec

from mm_trader.core.events import Side, StreamName
from mm_trader.core.state import RiskLevel
from mm_trader.core.units import to_money
from mm_trader.kernel.desk import Core, Desk
from mm_trader.kernel.halting import Halting
from mm_trader.orders.order import Order
from mm_trader.orders.states import OPEN_STATES, OrderState
from mm_trader.risk.checks import Facts, Intent, first_refusal, self_cross
from mm_trader.risk.exposure import Exposure, exposure_of
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

    def look(self, desk: Desk, ts: int) -> None:
        """Bring the orders of a symbol to where they should be."""
        core = self._core
        desk.dirty = False
        patience = CAUTIOUS_PATIENCE if core.risk.level is RiskLevel.CAUTIOUS else 1
        desk.next_look = ts + patience * core.settings.requote_interval
        desk.blocked = self._why_not(desk, ts)
        if desk.blocked:
            desk.next_look = ts  # nothing to be patient for: quote as soon as it can be
            for order in core.table.live(desk.symbol):
                if not (order.leftover and order.state is OrderState.UNKNOWN):
                    core.manager.cancel(order, ts)
            return
        if core.pnl.settle():
            # causes that follow from state are judged before every quote, the first of an incarnation included
            self._halting.check_losses(ts)
            return
        desired = self._desired(desk)
        self._work_side(desk, Side.BUY, desired.bid, desired.half_spread, ts)
        self._work_side(desk, Side.SELL, desired.ask, desired.half_spread, ts)

    # --- may we -----------------------------------------------------------------------------------------------------------------------

    def _why_not(self, desk: Desk, ts: int) -> str:
        """Why nothing may rest in this symbol, CamelCase; empty: it may."""
        core = self._core
        if core.stopping:
            return "Stopping"
        if core.halts.level is RiskLevel.HALTED:
            return "Halted"
        if not core.allowed:
            return core.allowed_reason
        for stream, up in core.streams.items():
            if not up:
                return _STREAM_REASONS[stream]
        if not desk.rules.trading:
            return "SymbolNotTrading"
        if not core.reconciler.current(desk.symbol, ts):
            return "Reconciling"
        if core.table.unsettled(desk.symbol):
            return "FillsMissing"
        if any(
            order.leftover and order.state is not OrderState.UNKNOWN for order in core.table.live(desk.symbol)
        ):
            return "CancelingLeftovers"
        if not desk.top.fresh(ts, core.settings.stale_after):
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

    def _desired(self, desk: Desk) -> DesiredQuotes:
        """The strategy's wish, after what the risk level makes of it."""
        top = desk.top
        position = desk.position
        desired = desk.strategy.quote(
            MarketView(
                bid=top.bid,
                ask=top.ask,
                mid=top.mid,
                weighted_mid=top.weighted_mid,
                volatility=desk.volatility.sigma,
                position=position.base / 1e8,
            )
        )
        level = self._core.risk.level
        if level is RiskLevel.CAUTIOUS:
            return DesiredQuotes(
                bid=self._cautious(desk, desired.bid, top.mid2),
                ask=self._cautious(desk, desired.ask, top.mid2),
                half_spread=desired.half_spread * CAUTIOUS_WIDEN,
            )
        if level is RiskLevel.REDUCE_ONLY:
            held = position.whole_lots
            return DesiredQuotes(
                bid=_capped(desired.bid, -held),
                ask=_capped(desired.ask, held),
                half_spread=desired.half_spread,
            )
        return desired

    def _cautious(self, desk: Desk, quote: Quote | None, mid2: int) -> Quote | None:
        """Farther from the mid and smaller, but not smaller than the venue takes."""
        if quote is None:
            return None
        distance = (quote.price - mid2 / 2) * CAUTIOUS_WIDEN
        price = ceil(mid2 / 2 + distance) if distance > 0 else floor(mid2 / 2 + distance)
        size = min(quote.size, max(quote.size // CAUTIOUS_SIZE, _least_lots(desk, quote.price)))
        return Quote(price, size) if price > 0 else None

    # --- what must change -------------------------------------------------------------------------------------------------------------

    def _work_side(self, desk: Desk, side: Side, quote: Quote | None, half_spread: float, ts: int) -> None:
        core = self._core
        live = core.table.on_side(desk.symbol, side)
        exposures = {symbol: self._exposure(other) for symbol, other in core.desks.items()}
        exposure = exposures.pop(desk.symbol)
        elsewhere = sum(other.money for other in exposures.values())
        if live:
            self._tend(desk, live, quote, half_spread, exposure, elsewhere, ts)
            return
        if quote is None or ts < desk.hold_until:
            return
        facts = self._facts(desk, side, exposure, elsewhere, ts)
        size = min(quote.size, _room(side, quote.price, facts))
        if size < _least_lots(desk, quote.price):
            return
        intent = Intent(side, quote.price, size)
        if self_cross(intent, facts) is not None:
            return  # the other side's old order is on its way out; its end brings us here again
        if first_refusal(intent, facts) is None:
            core.manager.place(desk.symbol, side, quote.price, size, ts)
        else:
            core.evidence.count("orders_refused_locally")

    def _tend(
        self,
        desk: Desk,
        live: list[Order],
        quote: Quote | None,
        half_spread: float,
        exposure: Exposure,
        elsewhere: int,
        ts: int,
    ) -> None:
        """Keep an order while it is near enough to where it should be: its place in the queue is worth more than a tick."""
        core = self._core
        over = exposure.money > desk.capital or exposure.money + elsewhere > core.settings.capital
        tolerance = core.settings.requote_tolerance * half_spread
        for order in live:
            adds = exposure.base * order.side.sign >= 0
            if order.leftover:
                continue  # an UNKNOWN one: the question about it is on its way, and it is cancelled if it is there
            if quote is None or (over and adds):
                core.manager.cancel(order, ts)
            elif order.state in OPEN_STATES:
                rest = order.size - order.filled
                if abs(order.price - quote.price) > tolerance or rest > quote.size or 2 * rest < quote.size:
                    core.manager.cancel(order, ts)

    def _exposure(self, desk: Desk) -> Exposure:
        return exposure_of(desk.position, self._core.table.may_move(desk.symbol))

    def _facts(self, desk: Desk, side: Side, exposure: Exposure, elsewhere: int, ts: int) -> Facts:
        core, settings = self._core, self._core.settings
        opposite = [order.price for order in core.table.on_side(desk.symbol, side.opposite)]
        asset = desk.rules.quote_asset if side is Side.BUY else desk.rules.base_asset
        top = desk.top
        return Facts(
            rules=desk.rules,
            tick=desk.position.tick,
            lot=desk.position.lot,
            level=max(core.risk.level, core.halts.level),
            market_age=ts - top.ts if top.valid else None,
            stale_after=settings.stale_after,
            bid=top.bid,
            ask=top.ask,
            price_band=settings.price_band,
            exposure=exposure,
            max_inventory=desk.max_inventory,
            symbol_capital=desk.capital,
            other_exposure=elsewhere,
            capital=settings.capital,
            max_order_money=settings.max_order_money,
            available=core.balances.available(asset, core.own_locked()),
            orders_this_second=core.behaviour.orders_this_second(ts),
            max_order_rate=settings.max_order_rate,
            side_busy=bool(core.table.on_side(desk.symbol, side)),
            own_opposite=(min(opposite) if side is Side.BUY else max(opposite)) if opposite else None,
            open_orders=len(core.table.live(desk.symbol)),
        )


def _capped(quote: Quote | None, lots: int) -> Quote | None:
    """At most `lots`; none at all where that is not above zero."""
    if quote is None or lots <= 0:
        return None
    return msgspec.structs.replace(quote, size=min(quote.size, lots))


def _least_lots(desk: Desk, price: int) -> int:
    """The smallest size the venue takes at this price."""
    per_lot = price * desk.position.tick * desk.position.lot
    return max(desk.rules.min_quantity, -(-to_money(desk.rules.min_notional) // per_lot))


def _room(side: Side, price: int, facts: Facts) -> int:
    """Lots that inventory, capital and balance leave for one more order of this side. Never negative."""
    money_price = price * facts.tick
    per_lot = money_price * facts.lot
    exposure = facts.exposure
    if side is Side.BUY:
        inventory = facts.max_inventory - exposure.longest
        bringing_back = max(0, -exposure.longest)
        balance = (facts.available or 0) * 10**8 // per_lot
    else:
        inventory = facts.max_inventory + exposure.shortest
        bringing_back = max(0, exposure.shortest)
        balance = (facts.available or 0) // facts.lot
    money = min(facts.symbol_capital - exposure.money, facts.capital - exposure.money - facts.other_exposure)
    capital = bringing_back + max(0, money) // money_price
    return max(
        0,
        min(
            inventory // facts.lot,
            capital // facts.lot,
            facts.max_order_money // per_lot,
            balance,
            facts.rules.max_quantity,
        ),
    )
