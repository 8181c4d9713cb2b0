"""What a filter of the venue would refuse is refused here, before it costs a request: a list of small functions over the symbol's rules.

The kernel fits its orders to most of these long before. This is the last look in front of the socket, for whatever sends orders.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from mm_trader.core.commands import Place
from mm_trader.core.events import PublicTrade, Side
from mm_trader.core.units import NS_PER_S, SymbolRules

FILTER_FAILURE = "refused locally: filter "
_BUCKET_NS = 10 * NS_PER_S


class ReferencePrice:
    """The mean price, weighted by size, of the public trades of the last minutes: the venue judges an order's distance by it.

    Ours begins with the first trade we see, the venue's does not: near the bounds the two may differ, and then the venue has the last word.
    """

    def __init__(self, minutes: int) -> None:
        self._length_ns = minutes * 60 * NS_PER_S
        self._buckets: deque[list[int]] = deque()
        """[number of the bucket, sum of price x size, sum of size], oldest first."""
        self._money = 0
        self._size = 0
        self._last = 0

    def on_trade(self, trade: PublicTrade) -> None:
        """Ticks and lots; `ts` is monotonic ns."""
        self._last = trade.price
        money, number = trade.price * trade.size, trade.ts // _BUCKET_NS
        buckets = self._buckets
        if not buckets or buckets[-1][0] != number:
            buckets.append([number, 0, 0])
            oldest = (trade.ts - self._length_ns) // _BUCKET_NS
            while buckets[0][0] < oldest:
                _, gone_money, gone_size = buckets.popleft()
                self._money -= gone_money
                self._size -= gone_size
        buckets[-1][1] += money
        buckets[-1][2] += trade.size
        self._money += money
        self._size += trade.size

    def ticks(self) -> float | None:
        """None before the first trade."""
        if self._length_ns and self._size:
            return self._money / self._size
        return self._last or None


Filter = Callable[[Place, SymbolRules, float | None], bool]
"""(order, rules, reference price in ticks) → passes."""


def _price(place: Place, rules: SymbolRules, _reference: float | None) -> bool:
    """Whole ticks by construction; lowest and highest price."""
    return rules.min_price <= place.price <= rules.max_price


def _percent(place: Place, rules: SymbolRules, reference: float | None) -> bool:
    """Within the side's factors of the reference price."""
    bands = rules.bands
    if bands is None or not reference:
        return True
    buy = place.side is Side.BUY
    up, down = (bands.bid_up, bands.bid_down) if buy else (bands.ask_up, bands.ask_down)
    return place.price >= float(down) * reference and (not up or place.price <= float(up) * reference)


def _lot(place: Place, rules: SymbolRules, _reference: float | None) -> bool:
    """Whole lots by construction; smallest and largest size."""
    return rules.min_quantity <= place.size <= rules.max_quantity


def _notional(place: Place, rules: SymbolRules, _reference: float | None) -> bool:
    """Smallest and largest price x size."""
    notional = rules.price(place.price) * rules.quantity(place.size)
    return rules.min_notional <= notional and (rules.max_notional is None or notional <= rules.max_notional)


FILTERS: tuple[tuple[str, Filter], ...] = (
    ("PRICE_FILTER", _price),
    ("PERCENT_PRICE_BY_SIDE", _percent),
    ("LOT_SIZE", _lot),
    ("NOTIONAL", _notional),
)


def first_failure(place: Place, rules: SymbolRules, reference: float | None) -> str | None:
    """The name of the first filter that the order does not pass; None: it passes all."""
    for name, passes in FILTERS:
        if not passes(place, rules, reference):
            return name
    return None
