"""From the levels that a side should have to the fewest commands: which orders may stay, which must go, which levels lack one. Pure.

An order is bound to no level: orders and levels, both sorted from the best outwards, are matched by price. So a grid that shifts by one step keeps all orders
but one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mm_trader.orders.order import Order
from mm_trader.orders.states import OPEN_STATES, OrderState
from mm_trader.strategy.base import Quote

_STANDS = OPEN_STATES | {OrderState.PENDING}
"""States in which an order stands for a level. One on its way out stands for none, and an UNKNOWN one for nobody knows which."""


def match(
    live: Sequence[Order], levels: Sequence[Quote], tolerance: float, room: Callable[[int], int]
) -> tuple[list[Order], list[Quote]]:
    """Live orders of one side against its levels. Returns (orders that must go, levels without an order, the best first).

    `tolerance`: ticks. `room`: lots that the limits leave for one more order at a price; asked only about an order that is small for its level.
    Both lists are sorted and the tolerance is the same for all, so taking the first that fits gives the most matches there can be.
    A PENDING order is never among those that must go: it is judged when the venue has answered.
    """
    orders = [order for order in live if order.state in _STANDS and not order.leftover]
    sign = orders[0].side.sign if orders else 1
    if len(orders) > 1:
        orders.sort(key=lambda order: -sign * order.price)
    stale: list[Order] = []
    missing: list[Quote] = []
    i = j = 0
    while i < len(levels) and j < len(orders):
        level, order = levels[i], orders[j]
        nearer = (order.price - level.price) * sign
        if nearer < -tolerance:
            missing.append(level)
            i += 1
            continue
        j += 1
        if nearer <= tolerance and (order.state is OrderState.PENDING or _right_size(order, level, room)):
            i += 1
        elif order.state is not OrderState.PENDING:
            stale.append(order)
    missing += levels[i:]
    stale += [order for order in orders[j:] if order.state is not OrderState.PENDING]
    return stale, missing


def _right_size(order: Order, level: Quote, room: Callable[[int], int]) -> bool:
    """Not more than wanted, and not less than half of what could be had in its place."""
    rest = order.size - order.filled
    if rest > level.size:
        return False
    return 2 * rest >= level.size or 2 * rest >= min(level.size, rest + room(order.price))
