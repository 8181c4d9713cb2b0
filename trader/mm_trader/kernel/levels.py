"""From the levels that a side should have to the fewest commands: which orders may stay, which must go, which levels lack one. Pure.

An order is bound to no level: orders and levels, both sorted from the best outwards, are matched by price. So a grid that shifts by one step keeps all orders
but one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from mm_trader.orders.order import Order
from mm_trader.orders.states import OPEN_STATES, PENDING
from mm_trader.strategy.base import Quote

_STANDS: Final = OPEN_STATES | {PENDING}
"""States in which an order stands for a level. One on its way out stands for none, and an UNKNOWN one for nobody knows which."""


class Match(NamedTuple):
    """What must change on one side."""

    stale: list[Order]
    """Must go, the best first."""
    missing: list[Quote]
    """Levels without an order, the best first."""
    large: list[tuple[Order, int]]
    """Well placed, and may stay with so many lots open."""


def match(
    live: Sequence[Order],
    levels: Sequence[Quote],
    tolerance: float,
    room: Callable[[int], int],
    shrinks: Callable[[Order, int], bool] = lambda _order, _lots: False,
) -> Match:
    """Live orders of one side against its levels.

    `tolerance`: ticks. `room`: lots that the limits leave for one more order at a price; asked only about an order that is small for its level.
    `shrinks`: whether an order can be made smaller where it is, down to so many open lots; asked only about one that is too large.
    Both lists are sorted and the tolerance is the same for all, so taking the first that fits gives the most matches there can be.
    An order of which an answer is awaited is never among those that must go: it is judged when the venue has spoken.
    """
    orders = [order for order in live if order.state in _STANDS and not order.leftover]
    sign = orders[0].side.sign if orders else 1
    if len(orders) > 1:
        orders.sort(key=lambda order: -sign * order.price)
    stale: list[Order] = []
    missing: list[Quote] = []
    large: list[tuple[Order, int]] = []
    i = j = 0
    while i < len(levels) and j < len(orders):
        level, order = levels[i], orders[j]
        nearer = (order.price - level.price) * sign
        if nearer < -tolerance:
            missing.append(level)
            i += 1
            continue
        j += 1
        awaited = _awaited(order)
        if nearer <= tolerance and (awaited or _right_size(order, level, room)):
            i += 1
        elif nearer <= tolerance and order.size - order.filled > level.size and shrinks(order, level.size):
            large.append((order, level.size))
            i += 1
        elif not awaited:
            stale.append(order)
    if i < len(levels):
        missing += levels[i:]
    while j < len(orders):
        if not _awaited(orders[j]):
            stale.append(orders[j])
        j += 1
    return Match(stale, missing, large)


def _awaited(order: Order) -> bool:
    return order.state is PENDING or order.change is not None


def _right_size(order: Order, level: Quote, room: Callable[[int], int]) -> bool:
    """Not more than wanted, and not less than half of what could be had in its place."""
    rest = order.size - order.filled
    if rest > level.size:
        return False
    return 2 * rest >= level.size or 2 * rest >= min(level.size, rest + room(order.price))
