"""Most looks at the quotes end with nothing to do. That is seen here, in a few comparisons: the orders stand where they should, and no limit asks for less.

`stands` may say no where nothing would be done either (an order that is partly filled, a limit that is merely near); it never says yes where something would.
"""

from __future__ import annotations

from mm_trader.core.events import Side
from mm_trader.kernel.desk import Core, Desk
from mm_trader.orders.states import OrderState
from mm_trader.risk.exposure import exposure_of
from mm_trader.strategy.base import DesiredQuotes


def tolerance_of(core: Core, desired: DesiredQuotes) -> float:
    """Ticks that an order may be away from its level: a fraction of the half spread, and of the distance between levels where that is smaller."""
    basis = min(desired.half_spread, desired.spacing) if desired.spacing else desired.half_spread
    return core.settings.requote_tolerance * basis


def stands(core: Core, desk: Desk, desired: DesiredQuotes) -> bool:
    """True: each level has its order, open, unfilled, not being changed, of its size and within the tolerance; there is no other; and even if every order
    filled, no limit on capital would be passed. Then there is nothing to send for this symbol."""
    settings, orders = core.settings, core.table.live(desk.symbol)
    bids, asks = desired.bids, desired.asks
    if len(orders) != len(bids) + len(asks):
        return False
    if settings.max_net_exposure is not None or settings.max_correlated_exposure is not None:
        return False
    buys = [order for order in orders if order.side is Side.BUY]
    sells = [order for order in orders if order.side is Side.SELL]
    if len(buys) != len(bids):
        return False
    if len(orders) > 2:
        buys.sort(key=lambda order: -order.price)
        sells.sort(key=lambda order: order.price)
    tolerance, resting = tolerance_of(core, desired), 0
    for side, levels in ((buys, bids), (sells, asks)):
        for order, level in zip(side, levels, strict=True):
            if (
                order.state is not OrderState.NEW
                or order.filled
                or order.leftover
                or order.change is not None
                or order.size != level.size
                or not -tolerance <= order.price - level.price <= tolerance
            ):
                return False
            resting += order.price * order.size
    position = desk.position
    mark = (position.mark2 * position.tick + 1) // 2
    # the exposure counts only what could make the position larger: never more than this
    worst = abs(position.base) * mark + resting * position.tick * position.lot
    if worst > desk.capital:
        return False
    for other in core.desks.values():
        if other is not desk:
            worst += exposure_of(other.position, core.table.may_move(other.symbol)).money
    return worst <= settings.capital
