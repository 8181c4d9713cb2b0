"""All orders the kernel knows, and nothing unbounded: live ones, ended ones whose fills are not all booked yet, and a window of recently ended ones."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator

from mm_trader.core.events import Side
from mm_trader.orders.order import Order
from mm_trader.orders.states import OrderState

_RECENT = 2_000
"""Ended orders kept for late fills and reports. An older one's fill is still booked, only without its order."""


class OrderTable:
    """Look-ups by client id and venue id."""

    def __init__(self, symbols: tuple[str, ...]) -> None:
        self._live: dict[str, dict[str, Order]] = {symbol: {} for symbol in symbols}
        self._unsettled: dict[str, dict[str, Order]] = {symbol: {} for symbol in symbols}
        self._recent: OrderedDict[str, Order] = OrderedDict()
        self._by_venue: dict[tuple[str, int], Order] = {}

    def add(self, order: Order) -> None:
        """A new live order."""
        self._live[order.symbol][order.client_id] = order
        self.index(order)

    def index(self, order: Order) -> None:
        """Make it findable by its venue id, once it has one."""
        if order.venue_id is not None:
            self._by_venue[order.symbol, order.venue_id] = order

    def file(self, order: Order) -> None:
        """Put it where its state says: live, unsettled or recent."""
        live, unsettled = self._live[order.symbol], self._unsettled[order.symbol]
        if not order.over:
            live[order.client_id] = order
            unsettled.pop(order.client_id, None)
            self._recent.pop(order.client_id, None)
            return
        live.pop(order.client_id, None)
        if order.unbooked > 0:
            unsettled[order.client_id] = order
            return
        unsettled.pop(order.client_id, None)
        self._recent[order.client_id] = order
        if len(self._recent) > _RECENT:
            _, oldest = self._recent.popitem(last=False)
            if oldest.venue_id is not None:
                self._by_venue.pop((oldest.symbol, oldest.venue_id), None)

    def get(self, symbol: str, client_id: str) -> Order | None:
        """Any order still known."""
        if symbol not in self._live:
            return None
        return (
            self._live[symbol].get(client_id)
            or self._unsettled[symbol].get(client_id)
            or self._recent.get(client_id)
        )

    def by_venue_id(self, symbol: str, venue_id: int) -> Order | None:
        """Any order still known."""
        return self._by_venue.get((symbol, venue_id))

    def live(self, symbol: str) -> list[Order]:
        """Open, or perhaps open, oldest first."""
        return list(self._live[symbol].values())

    def each_live(self, symbol: str) -> Iterable[Order]:
        """The same, without a copy: for a reader that changes nothing meanwhile."""
        return self._live[symbol].values()

    def has_live(self, symbol: str) -> bool:
        """True: something is, or may be, open in this symbol."""
        return bool(self._live[symbol])

    def all_live(self) -> Iterator[Order]:
        """Over all symbols; a copy, so that the table may change meanwhile."""
        return iter([order for orders in self._live.values() for order in orders.values()])

    def on_side(self, symbol: str, side: Side) -> list[Order]:
        """Live orders of one side."""
        return [order for order in self._live[symbol].values() if order.side is side]

    def is_unsettled(self, symbol: str) -> bool:
        """True: an order of this symbol ended with fills that the ledger has not seen."""
        return bool(self._unsettled[symbol])

    def unsettled(self, symbol: str) -> list[Order]:
        """Ended orders with fills that the ledger has not seen."""
        return list(self._unsettled[symbol].values())

    def may_move(self, symbol: str) -> list[Order]:
        """Everything that may still change the position: live and unsettled."""
        orders, unsettled = list(self._live[symbol].values()), self._unsettled[symbol]
        if unsettled:
            orders.extend(unsettled.values())
        return orders

    def counts(self) -> tuple[int, int]:
        """(open or perhaps open, of these UNKNOWN)."""
        live = [order for orders in self._live.values() for order in orders.values()]
        return len(live), sum(order.state is OrderState.UNKNOWN for order in live)
