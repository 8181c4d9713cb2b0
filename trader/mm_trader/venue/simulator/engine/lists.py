"""Order lists: two or three orders that end, or begin, one another."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from .types import Order

if TYPE_CHECKING:
    from .account import Account

PAIR = 2


class ListKind(StrEnum):
    """Contingency types: one cancels the other; one triggers the other (or a pair of the first kind)."""

    OCO = "OCO"
    OTO = "OTO"


class ListStep(StrEnum):
    """What a report of a list tells."""

    EXEC_STARTED = "EXEC_STARTED"
    UPDATED = "UPDATED"
    ALL_DONE = "ALL_DONE"


@dataclass(slots=True, eq=False)
class OrderList:
    """One list. In a pair the stop loss comes first; of an OTO the working order does."""

    id: int
    account: Account
    symbol: str
    kind: ListKind
    client_id: str
    orders: tuple[Order, ...]
    created_ns: int
    pending: bool = False
    """OTO: the working order is not filled yet."""
    done: bool = False

    @property
    def pair(self) -> tuple[Order, ...]:
        """The two of which one ends the other; none in an OTO of two."""
        if self.kind is ListKind.OCO:
            return self.orders
        return self.orders[1:] if len(self.orders) > PAIR else ()

    @property
    def step(self) -> ListStep:
        """As queries show it."""
        return ListStep.ALL_DONE if self.done else ListStep.EXEC_STARTED

    def other(self, order: Order) -> Order | None:
        """The open order that `order` ends when it begins to trade."""
        pair = self.pair
        return next((o for o in pair if o is not order and not o.is_final), None) if order in pair else None
