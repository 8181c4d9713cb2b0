"""Orders that wait for a price, and which of them a trade sets off.

A waiting order rests on no level: its money is locked, the book does not show it. A `STOP_LOSS` to buy and a
`TAKE_PROFIT` to sell wait for a trade at or above their stop price, the other two for one at or below it. What trades
set off is due in the order in which the price passed it; the exchange works it off after the operation that traded, so
that a cascade is a loop in which each order is set off once.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from typing import TYPE_CHECKING

from .types import Order, OrderType

if TYPE_CHECKING:
    from .lists import OrderList

LOSSES = frozenset({OrderType.STOP_LOSS, OrderType.STOP_LOSS_LIMIT})

Entry = tuple[int, int, Order]
"""(stop price, the next one highest; minus the order's id; the order)."""


def rises(order: Order) -> bool:
    """Whether the order waits for the price to rise to its stop price."""
    return order.is_buy == (order.type in LOSSES)


class Stops:
    """The waiting orders of one symbol. Each row has the one that is set off next as its last."""

    __slots__ = ("_falling", "_rising", "due", "lists")

    def __init__(self) -> None:
        self._rising: list[Entry] = []
        self._falling: list[Entry] = []
        self.due: deque[Order] = deque()
        """Set off and not yet at work, or of a list and touched by a trade; in the order in which it happened."""
        self.lists: set[OrderList] = set()
        """Order lists that are not done."""

    def __bool__(self) -> bool:
        return bool(self._rising or self._falling or self.due or self.lists)

    def __contains__(self, order: Order) -> bool:
        """Whether it waits for its price, or is due."""
        return any(order is entry[2] for entry in self._place(order)[0]) or order in self.due

    def _place(self, order: Order) -> tuple[list[Entry], Entry]:
        if rises(order):
            return self._rising, (-order.stop, -order.id, order)
        return self._falling, (order.stop, -order.id, order)

    def add(self, order: Order) -> None:
        row, entry = self._place(order)
        insort(row, entry)

    def remove(self, order: Order) -> None:
        """Forget an order that ends before it is at work."""
        row, entry = self._place(order)
        index = bisect_left(row, entry)
        if index < len(row) and row[index][2] is order:
            del row[index]
        else:
            self.due.remove(order)

    def traded(self, maker: Order, taker: Order, price: int) -> None:
        """A trade between two orders."""
        if maker.list is not None:
            self.due.append(maker)
        if taker.list is not None:
            self.due.append(taker)
        self.see(price)

    def see(self, price: int) -> None:
        """A trade at `price` (ticks): what it sets off is due."""
        row = self._rising
        while row and -row[-1][0] <= price:
            self.due.append(row.pop()[2])
        row = self._falling
        while row and row[-1][0] >= price:
            self.due.append(row.pop()[2])
