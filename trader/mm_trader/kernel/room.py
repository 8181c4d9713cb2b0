"""What the limits leave for one symbol during one look: worked out once, and kept up with every order placed, so that two levels never use the same room."""

from __future__ import annotations

from typing import Final

from mm_trader.core.events import BUY, Side
from mm_trader.core.units import margin_of
from mm_trader.kernel.desk import Core, Desk
from mm_trader.orders.order import Order
from mm_trader.orders.states import UNKNOWN
from mm_trader.portfolio.cross import correlated_room, directional, net_room
from mm_trader.risk.breaker import Endpoint
from mm_trader.risk.checks import Facts
from mm_trader.risk.exposure import exposure_of
from mm_trader.risk.reasons import Refusal

_ORDERS: Final = Endpoint.ORDERS  # quick to look up: see `events.BUY`
_LIMITS = (
    Refusal.INVENTORY,
    Refusal.SYMBOL_CAPITAL,
    Refusal.ORDER_NOTIONAL,
    Refusal.BALANCE,
    Refusal.LOT_SIZE,
)


class Room:
    """Limits less exposure, of one symbol at one instant."""

    def __init__(self, core: Core, desk: Desk, ts: int) -> None:
        self._core = core
        self._desk = desk
        self._ts = ts
        self.exposure = exposure_of(desk.position, desk.orders.may_move())
        self._money = self.exposure.money
        self._locked: dict[str, int] | None = None
        """What own orders lock, once asked for; a place makes it old."""
        self._elsewhere = 0
        for other in desk.others:
            self._elsewhere += exposure_of(other.position, other.orders.may_move()).money

    def must_shrink(self, side: Side) -> bool:
        """Orders of this side may not stay: they can make the position larger, and more is at risk than may be (a limit has shrunk, or a price moved)."""
        if self.exposure.base * side.sign < 0:
            return False
        if self._money > self._desk.capital or self._money + self._elsewhere > self._core.settings.capital:
            return True
        net, correlated = self._cross(side)
        return (net is not None and net < 0) or (correlated is not None and correlated < 0)

    @property
    def rate_spent(self) -> bool:
        """The orders of this second are used up."""
        return self._core.behaviour.orders_this_second(self._ts) >= self._core.settings.max_order_rate

    def lots(self, side: Side, price: int) -> int:
        """Lots that inventory, capital and balance leave for one more order. Never negative."""
        most = min(self._limits(side, price))
        return most if most > 0 else 0

    def tightest(self, side: Side, price: int) -> Refusal:
        """Which of them leaves least."""
        limits = self._limits(side, price)
        return _LIMITS[limits.index(min(limits))]

    def _limits(self, side: Side, price: int) -> tuple[int, int, int, int, int]:
        """Lots that each leaves, in the order of `_LIMITS`."""
        desk, exposure, settings = self._desk, self.exposure, self._core.settings
        position, lot = desk.position, desk.position.lot
        money_price = price * position.tick
        per_lot = money_price * lot
        available = self._available(side) or 0
        if side is BUY:
            reached = exposure.longest
            balance = available * 10**8 // per_lot
        else:
            reached = -exposure.shortest
            balance = available // lot
        margin = desk.rules.initial_margin
        if margin is not None:
            reducing = max(0, -exposure.base * side.sign) // lot
            balance = reducing + available * 10**8 // max(1, margin_of(per_lot, margin))
        money = min(desk.capital, settings.capital - self._elsewhere) - self._money
        for room in self._cross(side):
            if room is not None and room < money:
                money = room
        capital = money // money_price if money > 0 else 0
        if reached < 0:
            capital -= reached  # what brings the position back is free
        return (
            (desk.max_inventory - reached) // lot,
            capital // lot,
            settings.max_order_money // per_lot,
            balance,
            desk.rules.max_quantity,
        )

    def placed(self, side: Side, price: int, lots: int) -> None:
        """An order has gone out: it takes its room."""
        position = self._desk.position
        self.exposure = self.exposure.plus(side, lots * position.lot, price * position.tick)
        self._money = self.exposure.money
        self._locked = None

    def facts(self, side: Side, wanted: int, instead_of: Order | None = None) -> Facts:
        """Everything the pre-trade checks look at. `wanted`: levels that this side should have. `instead_of`: the order that makes way; it counts in
        everything but the number of orders, as it may fill before it does."""
        core, desk, settings, ts = self._core, self._desk, self._core.settings, self._ts
        top, position, live, own = desk.top, desk.position, desk.orders.live, 0
        busy, opposite = False, list[int]()
        for order in live.values():
            if order.side is not side:
                opposite.append(order.price)
                if order.change is not None:
                    opposite.append(order.change.before[0])  # until it is answered it may be at either price
            elif order is not instead_of:
                own += 1
                busy = busy or order.state is UNKNOWN
        net, correlated = self._cross(side)
        return Facts(
            rules=desk.rules,
            tick=position.tick,
            lot=position.lot,
            level=max(core.risk.level, core.halts.level, desk.guards.level),
            market_age=ts - top.ts if top.valid else None,
            stale_after=settings.stale_after,
            bid=top.bid,
            ask=top.ask,
            price_band=settings.price_band,
            exposure=self.exposure,
            max_inventory=desk.max_inventory,
            symbol_capital=desk.capital,
            other_exposure=self._elsewhere,
            capital=settings.capital,
            max_order_money=settings.max_order_money,
            available=self._available(side),
            orders_this_second=core.behaviour.orders_this_second(ts),
            max_order_rate=settings.max_order_rate,
            side_busy=busy or own >= wanted,
            own_opposite=(min(opposite) if side is BUY else max(opposite)) if opposite else None,
            open_orders=len(live),
            clock_skew=core.skew.ns,
            max_clock_skew=settings.max_clock_skew,
            circuit_open=not core.breakers[_ORDERS].allows(ts),
            net_room=net,
            correlated_room=correlated,
        )

    def _cross(self, side: Side) -> tuple[int | None, int | None]:
        """Money that the limits over all symbols leave in this direction: (net, correlated); None: no such limit."""
        core, settings = self._core, self._core.settings
        if settings.max_net_exposure is None and settings.max_correlated_exposure is None:
            return None, None
        sides = {
            symbol: directional(
                self.exposure if other is self._desk else exposure_of(other.position, other.orders.may_move())
            )
            for symbol, other in core.desks.items()
        }
        net = correlated = None
        if settings.max_net_exposure is not None:
            net = net_room(settings.max_net_exposure, sides, side.sign)
        if settings.max_correlated_exposure is not None:
            correlated = correlated_room(
                settings.max_correlated_exposure, sides, self._desk.symbol, side.sign, core.correlations.of
            )
        return net, correlated

    def _available(self, side: Side) -> int | None:
        """Of the asset that an order of this side locks, 10^-8; None: nobody knows."""
        rules = self._desk.rules
        on_margin = rules.initial_margin is not None
        asset = rules.quote_asset if on_margin or side is BUY else rules.base_asset
        if self._locked is None:
            self._locked = self._core.own_locked()
        return self._core.balances.available(asset, self._locked)
