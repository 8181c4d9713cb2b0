"""Most looks at the quotes end with nothing to do. That is seen here, in a few comparisons: the orders stand where they should, and no limit asks for less.

`stands` may say no where nothing would be done either (an order that is partly filled, a limit that is merely near); it never says yes where something would.
"""

from __future__ import annotations

from mm_trader.core.events import BUY
from mm_trader.kernel.desk import Core, Desk
from mm_trader.orders.order import Order
from mm_trader.orders.states import NEW
from mm_trader.risk.exposure import exposure_of
from mm_trader.strategy.base import DesiredQuotes


def tolerance_of(core: Core, desired: DesiredQuotes) -> float:
    """Ticks that an order may be away from its level: a fraction of the half spread, and of the distance between levels where that is smaller."""
    basis = min(desired.half_spread, desired.spacing) if desired.spacing else desired.half_spread
    return core.settings.requote_tolerance * basis


def stands(core: Core, desk: Desk, desired: DesiredQuotes) -> bool:
    """True: each level has its order, open, unfilled, not being changed, of its size and within the tolerance; there is no other; and even if every order
    filled, no limit on capital would be passed. Then there is nothing to send for this symbol."""
    settings, live = core.settings, desk.orders.live
    bids, asks = desired.bids, desired.asks
    count = len(live)
    if count != len(bids) + len(asks):
        return False
    if settings.max_net_exposure is not None or settings.max_correlated_exposure is not None:
        return False
    tolerance = tolerance_of(core, desired)
    bid = ask = resting = 0
    for order in live.values() if count <= 2 else sorted(live.values(), key=_from_the_best):
        if order.side is BUY:
            if bid == len(bids):
                return False
            level = bids[bid]
            bid += 1
        else:
            if ask == len(asks):
                return False
            level = asks[ask]
            ask += 1
        price = order.price
        if (
            not -tolerance <= price - level.price <= tolerance
            or order.size != level.size
            or order.state is not NEW
            or order.filled
            or order.leftover
            or order.change is not None
        ):
            return False
        resting += price * level.size
    position = desk.position
    mark = (position.mark2 * position.tick + 1) // 2
    # the exposure counts only what could make the position larger: never more than this
    worst = abs(position.base) * mark + resting * position.tick * position.lot
    if worst > desk.capital:
        return False
    for other in desk.others:
        worst += exposure_of(other.position, other.orders.may_move()).money
    return worst <= settings.capital


def _from_the_best(order: Order) -> int:
    """Sorts the orders of each side from its best price outwards."""
    return -order.side.sign * order.price
