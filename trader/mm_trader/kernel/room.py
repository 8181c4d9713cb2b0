"""What the limits leave for one symbol during one look: worked out once, and kept up with every order placed, so that two levels never use the same room."""

from __future__ import annotations

from mm_trader.core.events import BUY, Side
from mm_trader.core.units import margin_of
from mm_trader.kernel.desk import Core, Desk
from mm_trader.orders.order import Order
from mm_trader.orders.states import UNKNOWN
from mm_trader.portfolio.cross import correlated_room, directional, net_room
from mm_trader.risk.breaker import Endpoint
from mm_trader.risk.checks import Facts
from mm_trader.risk.exposure import Exposure, exposure_of

_ORDERS = Endpoint.ORDERS  # quick to look up: see `events.BUY`


class Room:
    """Limits less exposure, of one symbol at one instant."""

    def __init__(self, core: Core, desk: Desk, ts: int) -> None:
        self._core = core
        self._desk = desk
        self._ts = ts
        self.exposure = _exposure(core, desk)
        self._money = self.exposure.money
        self._locked: dict[str, int] | None = None
        """What own orders lock, once asked for; a place makes it old."""
        self._elsewhere = 0
        for other in core.desks.values():
            if other is not desk:
                self._elsewhere += _exposure(core, other).money

    def must_shrink(self, side: Side) -> bool:
        """Orders of this side may not stay: they can make the position larger, and more is at risk than may be (a limit has shrunk, or a price moved)."""
        if self.exposure.base * side.sign < 0:
            return False
        over = self._money > self._desk.capital or self._money + self._elsewhere > self._core.settings.capital
        return over or any(room is not None and room < 0 for room in self._cross(side))

    @property
    def rate_spent(self) -> bool:
        """The orders of this second are used up."""
        return self._core.behaviour.orders_this_second(self._ts) >= self._core.settings.max_order_rate

    def lots(self, side: Side, price: int) -> int:
        """Lots that inventory, capital and balance leave for one more order. Never negative."""
        core, desk, exposure = self._core, self._desk, self.exposure
        position = desk.position
        money_price = price * position.tick
        per_lot = money_price * position.lot
        available = self._available(side) or 0
        if side is BUY:
            inventory = desk.max_inventory - exposure.longest
            bringing_back = max(0, -exposure.longest)
            balance = available * 10**8 // per_lot
        else:
            inventory = desk.max_inventory + exposure.shortest
            bringing_back = max(0, exposure.shortest)
            balance = available // position.lot
        margin = desk.rules.initial_margin
        if margin is not None:
            reducing = max(0, -exposure.base * side.sign) // position.lot
            balance = reducing + available * 10**8 // max(1, margin_of(per_lot, margin))
        cross = [max(0, room) for room in self._cross(side) if room is not None]
        money = min(desk.capital, core.settings.capital - self._elsewhere) - self._money
        capital = bringing_back + max(0, min([money, *cross])) // money_price
        return max(
            0,
            min(
                inventory // position.lot,
                capital // position.lot,
                core.settings.max_order_money // per_lot,
                balance,
                desk.rules.max_quantity,
            ),
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
        core, desk, settings = self._core, self._desk, self._core.settings
        own = [order for order in core.table.on_side(desk.symbol, side) if order is not instead_of]
        opposite = [
            price for order in core.table.on_side(desk.symbol, side.opposite) for price in _prices(order)
        ]
        top = desk.top
        net, correlated = self._cross(side)
        return Facts(
            rules=desk.rules,
            tick=desk.position.tick,
            lot=desk.position.lot,
            level=max(core.risk.level, core.halts.level, desk.guards.level),
            market_age=self._ts - top.ts if top.valid else None,
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
            orders_this_second=core.behaviour.orders_this_second(self._ts),
            max_order_rate=settings.max_order_rate,
            side_busy=len(own) >= wanted or any(order.state is UNKNOWN for order in own),
            own_opposite=(min(opposite) if side is BUY else max(opposite)) if opposite else None,
            open_orders=len(core.table.live(desk.symbol)),
            clock_skew=core.skew.ns,
            max_clock_skew=settings.max_clock_skew,
            circuit_open=not core.breakers[_ORDERS].allows(self._ts),
            net_room=net,
            correlated_room=correlated,
        )

    def _cross(self, side: Side) -> tuple[int | None, int | None]:
        """Money that the limits over all symbols leave in this direction: (net, correlated); None: no such limit."""
        core, settings = self._core, self._core.settings
        if settings.max_net_exposure is None and settings.max_correlated_exposure is None:
            return None, None
        sides = {
            symbol: directional(self.exposure if other is self._desk else _exposure(core, other))
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
        asset = rules.quote_asset if side is BUY or on_margin else rules.base_asset
        if self._locked is None:
            self._locked = self._core.own_locked()
        return self._core.balances.available(asset, self._locked)


def _prices(order: Order) -> tuple[int, ...]:
    """Where it may be: at two prices while a change is on its way."""
    return (order.price,) if order.change is None else (order.price, order.change.before[0])


def _exposure(core: Core, desk: Desk) -> Exposure:
    return exposure_of(desk.position, core.table.may_move(desk.symbol))
