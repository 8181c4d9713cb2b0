"""What a filter of the venue would refuse is refused here, before it costs a request: a list of small functions over the symbol's rules.

The kernel fits its orders to most of these long before. This is the last look in front of the socket, for whatever sends orders.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import NamedTuple

from mm_trader.core.commands import Modify, Place
from mm_trader.core.events import AccountUpdate, Event, PublicTrade, ReconcileSnapshot, Side
from mm_trader.core.units import NS_PER_S, SymbolRules
from mm_trader.venue.port import EventSink

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


class Known(NamedTuple):
    """What the filters look at beside the order and the rules. None: not known, and left to the venue."""

    reference: float | None = None
    """Ticks."""
    held: Decimal | None = None
    """Base in the account, free and locked."""


Wanted = Place | Modify
"""What brings an order to a price and a size."""
Filter = Callable[[Wanted, SymbolRules, Known], bool]
"""Whether the order passes."""


def _price(order: Wanted, rules: SymbolRules, _known: Known) -> bool:
    """Whole ticks by construction; lowest and highest price."""
    return rules.min_price <= order.price <= rules.max_price


def _percent(order: Wanted, rules: SymbolRules, known: Known) -> bool:
    """Within the side's factors of the reference price."""
    bands, reference = rules.bands, known.reference
    if bands is None or not reference:
        return True
    buy = order.side is Side.BUY
    up, down = (bands.bid_up, bands.bid_down) if buy else (bands.ask_up, bands.ask_down)
    return order.price >= float(down) * reference and (not up or order.price <= float(up) * reference)


def _lot(order: Wanted, rules: SymbolRules, _known: Known) -> bool:
    """Whole lots by construction; smallest and largest size."""
    return rules.min_quantity <= order.size <= rules.max_quantity


def _notional(order: Wanted, rules: SymbolRules, _known: Known) -> bool:
    """Smallest and largest price x size. On margin, what can only make a position smaller has no smallest."""
    if rules.initial_margin is not None and isinstance(order, Place) and order.reduce_only:
        return True
    notional = rules.price(order.price) * rules.quantity(order.size)
    return rules.min_notional <= notional and (rules.max_notional is None or notional <= rules.max_notional)


def _position(order: Wanted, rules: SymbolRules, known: Known) -> bool:
    """What is held and this order within the largest position; the venue counts other open orders too, and has the last word."""
    if rules.max_position is None or known.held is None or order.side is not Side.BUY:
        return True
    return known.held + rules.quantity(order.size) <= rules.max_position


FILTERS: tuple[tuple[str, Filter], ...] = (
    ("PRICE_FILTER", _price),
    ("PERCENT_PRICE_BY_SIDE", _percent),
    ("LOT_SIZE", _lot),
    ("NOTIONAL", _notional),
    ("MAX_POSITION", _position),
)


def first_failure(order: Wanted, rules: SymbolRules, known: Known) -> str | None:
    """The name of the first filter that the order does not pass; None: it passes all."""
    for name, passes in FILTERS:
        if not passes(order, rules, known):
            return name
    return None


class LastLook:
    """Keeps what the filters need beside the order, and says what would refuse it. `rules`: by symbol, kept up to date by their owner."""

    def __init__(self, rules: Mapping[str, SymbolRules]) -> None:
        self._rules = rules
        self._references = {
            symbol: ReferencePrice(rule.bands.minutes if rule.bands is not None else 0)
            for symbol, rule in rules.items()
        }
        self._marks: dict[str, float] = {}
        self._held: dict[str, Decimal] = {}

    def on_mark(self, symbol: str, ticks: float) -> None:
        """The venue's mark price, by which it judges orders of a symbol on margin."""
        self._marks[symbol] = ticks

    def on_trade(self, trade: PublicTrade) -> None:
        """A public trade."""
        self._references[trade.symbol].on_trade(trade)

    def listening(self, sink: EventSink) -> EventSink:
        """The sink, with an ear on what the account holds."""

        def hear(event: Event) -> None:
            if isinstance(event, AccountUpdate | ReconcileSnapshot):
                for asset, (free, locked) in event.balances.items():
                    self._held[asset] = free + locked
            sink(event)

        return hear

    def refuses(self, order: Wanted) -> str | None:
        """Why it must not be sent; None: nothing that is known here speaks against it."""
        rules = self._rules[order.symbol]
        if rules.initial_margin is None:
            reference = self._references[order.symbol].ticks()
        else:
            reference = self._marks.get(order.symbol)
        failed = first_failure(order, rules, Known(reference, self._held.get(rules.base_asset)))
        return None if failed is None else f"{FILTER_FAILURE}{failed}"
