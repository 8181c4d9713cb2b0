"""One symbol's two-sided order book with price-time priority.

Each side keeps its prices sorted so that the best one is last (bids ascending, asks by falling price), which makes
the frequent changes near the touch cheap. A level is a linked list of orders: O(1) append, removal and head.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator

from .types import Order


class Level:
    """All orders at one price, oldest first. `qty` is their remaining total in lots."""

    __slots__ = ("head", "price", "qty", "tail")

    def __init__(self, price: int) -> None:
        self.price = price
        self.qty = 0
        self.head: Order | None = None
        self.tail: Order | None = None

    def append(self, order: Order) -> None:
        order.level = self
        order.prev = self.tail
        order.next = None
        if self.tail is None:
            self.head = order
        else:
            self.tail.next = order
        self.tail = order
        self.qty += order.qty - order.executed - order.prevented

    def remove(self, order: Order, remaining: int) -> None:
        """Unlink `order`, taking `remaining` lots from the level's total."""
        before, after = order.prev, order.next
        if before is None:
            self.head = after
        else:
            before.next = after
        if after is None:
            self.tail = before
        else:
            after.prev = before
        order.prev = order.next = order.level = None
        self.qty -= remaining

    def __iter__(self) -> Iterator[Order]:
        order = self.head
        while order is not None:
            following = order.next
            yield order
            order = following


class BookSide:
    """Levels of one side. `sign` is +1 for bids and −1 for asks: `keys` holds sign × price, best last."""

    __slots__ = ("best", "keys", "levels", "sign")

    def __init__(self, sign: int) -> None:
        self.sign = sign
        self.keys: list[int] = []
        self.levels: dict[int, Level] = {}
        self.best: Level | None = None

    def level(self, price: int) -> Level:
        """The level at `price`, made if absent."""
        found = self.levels.get(price)
        if found is None:
            found = self.levels[price] = Level(price)
            key = price * self.sign
            keys = self.keys
            if not keys or key > keys[-1]:
                keys.append(key)
                self.best = found
            else:
                keys.insert(bisect_left(keys, key), key)
        return found

    def drop(self, level: Level) -> None:
        """Take a level without orders away."""
        del self.levels[level.price]
        key = level.price * self.sign
        keys = self.keys
        if keys[-1] == key:
            keys.pop()
            self.best = self.levels[keys[-1] * self.sign] if keys else None
        else:
            del keys[bisect_left(keys, key)]

    def clear(self) -> None:
        self.keys.clear()
        self.levels.clear()
        self.best = None

    def qty_at(self, price: int) -> int:
        found = self.levels.get(price)
        return found.qty if found is not None else 0

    def top(self, count: int) -> list[tuple[int, int]]:
        """The best `count` levels as (price ticks, quantity lots), best first."""
        sign = self.sign
        levels = self.levels
        return [(key * sign, levels[key * sign].qty) for key in reversed(self.keys[-count:])]

    def from_best(self) -> Iterator[Level]:
        sign = self.sign
        for key in reversed(self.keys):
            yield self.levels[key * sign]


class Book:
    """Both sides of one symbol."""

    __slots__ = ("asks", "bids")

    def __init__(self) -> None:
        self.bids = BookSide(1)
        self.asks = BookSide(-1)

    def touch(self) -> tuple[int, int, int, int]:
        """(bid price, bid qty, ask price, ask qty) in ticks and lots, zeros for an empty side."""
        bid, ask = self.bids.best, self.asks.best
        return (
            bid.price if bid else 0,
            bid.qty if bid else 0,
            ask.price if ask else 0,
            ask.qty if ask else 0,
        )
