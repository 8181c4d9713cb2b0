"""From a centre and a half spread to levels that may rest: what every strategy has in common, so that none can forget it.

- Never tighter than it costs: the half spread is at least the maker's fee plus one tick, whatever the model says (a rebate lowers this to one
  tick, never below). So bid and ask of a pair are always 2·(fee + 1 tick) apart or more; the skewed side alone may
  stand nearer to the fair price than the floor.
- Never through the other side: the best bid is below the market's ask, the best ask above its bid.
- Never beyond the inventory: the levels of a side together fit between the position and `maxInventory`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from math import ceil, floor
from typing import Final

from mm_trader.core.units import SymbolRules
from mm_trader.strategy.base import DesiredQuotes, MarketView, Quote
from mm_trader.strategy.parameters import parameter

_LOT_EPSILON: Final = 1e-6
"""A whole number of lots must survive its way through a float; the exact check comes later, in integers."""

ORDER_SIZE = parameter("orderSize", "0.01", "0.00000001", "1000000", "base units", "Size of each quote.")
MAX_INVENTORY = parameter(
    "maxInventory",
    "0.05",
    "0.00000001",
    "1000000",
    "base units",
    "Largest position, either way, open orders included.",
)
MIN_SPREAD = parameter(
    "minSpread",
    "0",
    "0",
    "0.1",
    "of the price",
    "Floor of the spread, both sides together; the fee floor holds besides.",
)
MAX_SPREAD = parameter(
    "maxSpread", "0.01", "0.00001", "0.5", "of the price", "Cap of the spread, the fee floor apart."
)


class Shaper:
    """The common part of one strategy on one symbol."""

    def __init__(
        self,
        rules: SymbolRules,
        *,
        sizes: Sequence[Decimal],
        max_inventory: Decimal,
        min_spread: Decimal,
        max_spread: Decimal,
    ) -> None:
        """`sizes`: base units per level, the nearest first. Spreads: of the price, both sides together."""
        self._sizes = tuple(rules.floor_lots(size) for size in sizes)
        self._max_lots = float(max_inventory / rules.lot)
        self._lot = float(rules.lot)
        self._min_half = float(min_spread) / 2
        self._max_half = float(max_spread) / 2
        # a rebate is a reason to be content, not to quote through the tick
        self._fee = max(float(rules.maker_fee), 0.0)

    def half(self, wanted: float, fair: float) -> float:
        """`wanted` half spread in ticks within floor and cap; the fee floor comes last and wins."""
        low, high, fee = fair * self._min_half, fair * self._max_half, fair * self._fee + 1
        half = low if wanted < low else wanted  # a NaN stays one, and stops trading where it is rounded
        if half > high:
            half = high
        return fee if half < fee else half

    def pair(self, view: MarketView, centre: float, half: float) -> DesiredQuotes:
        """One level a side. `half` has been through `half`."""
        bid, ask = floor(centre - half), ceil(centre + half)
        if bid >= view.ask:
            bid = view.ask - 1
        if ask <= view.bid:
            ask = view.bid + 1
        held = view.position / self._lot
        size = bid_size = ask_size = self._sizes[0]
        bid_room, ask_room = self._max_lots - held + _LOT_EPSILON, self._max_lots + held + _LOT_EPSILON
        if bid_room < size:
            bid_size = floor(bid_room)
        if ask_room < size:
            ask_size = floor(ask_room)
        return DesiredQuotes(
            bids=(Quote(bid, bid_size),) if bid_size > 0 and bid > 0 else (),
            asks=(Quote(ask, ask_size),) if ask_size > 0 else (),
            half_spread=half,
        )

    def layers(
        self, view: MarketView, centre: float, half: float, offsets: Sequence[float], spacing: float
    ) -> DesiredQuotes:
        """One level a side per offset (ticks beyond the half spread, ascending from 0); levels that round to one price are one level."""
        held = view.position / self._lot
        bids: list[Quote] = []
        asks: list[Quote] = []
        bid_room = floor(self._max_lots - held + _LOT_EPSILON)
        ask_room = floor(self._max_lots + held + _LOT_EPSILON)
        last_bid, last_ask = view.ask, view.bid
        for offset, size in zip(offsets, self._sizes, strict=True):
            bid = min(floor(centre - half - offset), last_bid - 1)
            ask = max(ceil(centre + half + offset), last_ask + 1)
            last_bid, last_ask = bid, ask
            bid_size, ask_size = min(size, bid_room), min(size, ask_room)
            if bid_size > 0 and bid > 0:
                bids.append(Quote(bid, bid_size))
                bid_room -= bid_size
            if ask_size > 0:
                asks.append(Quote(ask, ask_size))
                ask_room -= ask_size
        return DesiredQuotes(bids=tuple(bids), asks=tuple(asks), half_spread=half, spacing=spacing)


def check_common(
    values: Mapping[str, Decimal], *, size: str = "orderSize", spread: str = "minSpread"
) -> list[str]:
    """The cap must leave room for the spread, and one quote must fit the inventory."""
    problems = []
    if values["maxSpread"] < values[spread]:
        problems.append(
            f"strategy.parameters.maxSpread: {values['maxSpread']} is below {spread} {values[spread]}"
        )
    if values["maxInventory"] < values[size]:
        problems.append(
            f"strategy.parameters.maxInventory: {values['maxInventory']} is below {size} {values[size]}; no quote would ever fit"
        )
    return problems


__all__ = ["MAX_INVENTORY", "MAX_SPREAD", "MIN_SPREAD", "ORDER_SIZE", "Shaper", "check_common"]
