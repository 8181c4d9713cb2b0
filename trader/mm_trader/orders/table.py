"""All orders the kernel knows, and nothing unbounded: live ones, ended ones whose fills are not all booked yet, and a window of recently ended ones."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from typing import Final

from mm_trader.orders.order import Order
from mm_trader.orders.states import UNKNOWN

_RECENT: Final = 2_000
"""Ended orders kept for late fills and reports. An older one's fill is still booked, only without its order."""


class SymbolOrders:
    """What may still change the position of one symbol, by client id, oldest first. The table alone writes here; a reader that runs at every look reads
    without a copy, and changes nothing meanwhile."""

    __slots__ = ("by_venue", "live", "unsettled")

    def __init__(self) -> None:
        self.live: dict[str, Order] = {}
        """Open, or perhaps open."""
        self.unsettled: dict[str, Order] = {}
        """Ended with fills that the ledger has not seen."""
        self.by_venue: dict[int, Order] = {}
        """Any order still known, by the venue's id."""

    def may_move(self) -> Iterable[Order]:
        """Everything that may still change the position."""
        live, unsettled = self.live.values(), self.unsettled
        return [*live, *unsettled.values()] if unsettled else live


class OrderTable:
    """Look-ups by client id and venue id."""

    def __init__(self, symbols: tuple[str, ...]) -> None:
        self._symbols = {symbol: SymbolOrders() for symbol in symbols}
        self._recent: OrderedDict[str, Order] = OrderedDict()

    def of(self, symbol: str) -> SymbolOrders:
        """Of one symbol; the same object for ever."""
        return self._symbols[symbol]

    def add(self, order: Order) -> None:
        """A new live order."""
        self._symbols[order.symbol].live[order.client_id] = order
        self.index(order)

    def index(self, order: Order) -> None:
        """Make it findable by its venue id, once it has one."""
        if order.venue_id is not None:
            self._symbols[order.symbol].by_venue[order.venue_id] = order

    def file(self, order: Order) -> None:
        """Put it where its state says: live, unsettled or recent."""
        orders, name = self._symbols[order.symbol], order.client_id
        if not order.over:
            if orders.live.get(name) is not order:
                orders.live[name] = order
                orders.unsettled.pop(name, None)
                self._recent.pop(name, None)
            return
        orders.live.pop(name, None)
        if order.unbooked > 0:
            orders.unsettled[name] = order
            return
        orders.unsettled.pop(name, None)
        self._recent[name] = order
        if len(self._recent) > _RECENT:
            _, oldest = self._recent.popitem(last=False)
            if oldest.venue_id is not None:
                self._symbols[oldest.symbol].by_venue.pop(oldest.venue_id, None)

    def get(self, symbol: str, client_id: str) -> Order | None:
        """Any order still known."""
        orders = self._symbols.get(symbol)
        if orders is None:
            return None
        return orders.live.get(client_id) or orders.unsettled.get(client_id) or self._recent.get(client_id)

    def by_venue_id(self, symbol: str, venue_id: int) -> Order | None:
        """Any order still known."""
        orders = self._symbols.get(symbol)
        return None if orders is None else orders.by_venue.get(venue_id)

    def live(self, symbol: str) -> list[Order]:
        """Open, or perhaps open, oldest first."""
        return list(self._symbols[symbol].live.values())

    def has_live(self, symbol: str) -> bool:
        """True: something is, or may be, open in this symbol."""
        return bool(self._symbols[symbol].live)

    def all_live(self) -> Iterator[Order]:
        """Over all symbols; a copy, so that the table may change meanwhile."""
        return iter([order for orders in self._symbols.values() for order in orders.live.values()])

    def unsettled(self, symbol: str) -> list[Order]:
        """Ended orders with fills that the ledger has not seen."""
        return list(self._symbols[symbol].unsettled.values())

    def may_move(self, symbol: str) -> list[Order]:
        """Everything that may still change the position: live and unsettled."""
        return list(self._symbols[symbol].may_move())

    def counts(self) -> tuple[int, int]:
        """(open or perhaps open, of these UNKNOWN)."""
        live = list(self.all_live())
        return len(live), sum(order.state is UNKNOWN for order in live)
