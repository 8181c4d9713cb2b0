"""The background traders of the seeded market: a liquidity provider, noise takers and informed takers.

They hold background accounts and place real orders; what they may see is stated per class.
"""

from __future__ import annotations

import math
from random import Random

from ..engine.account import Account
from ..engine.errors import RefusalError
from ..engine.exchange import Exchange
from ..engine.types import E8, NewOrder, Order, OrderType, Side, StpMode, SymbolSpec, TimeInForce
from .latent import BP
from .preset import Preset

RESIZE_SHARE = 0.1
"""Share of levels whose size the liquidity provider changes at each refresh, so that the book is never still."""
TOLERANCE = 0.3
"""A quote is moved once it is this share of a level step away from where it belongs."""


def lots_for(spec: SymbolSpec, notional: float, price: float) -> int:
    """Whole lots worth about `notional` of quote asset at `price`, as few or as many as an order may have."""
    low, high = spec.sizes
    return min(max(low, 1, int(notional / price * E8 / spec.lot_e8)), high)


def ticks_for(spec: SymbolSpec, price: float, up: bool) -> int:
    scaled = price * E8 / spec.tick_e8
    return max(1, math.ceil(scaled) if up else math.floor(scaled))


class LiquidityProvider:
    """A ladder of limit orders around the public price. Sees the public price only."""

    def __init__(
        self, exchange: Exchange, account: Account, symbol: str, preset: Preset, rng: Random
    ) -> None:
        self.exchange = exchange
        self.account = account
        self.spec = exchange.market(symbol).spec
        self.preset = preset
        self.rng = rng
        self._slots: dict[tuple[Side, int], Order] = {}

    def refresh(self, public: float) -> None:
        """Bring the ladder to where it belongs around `public`, as one book update."""
        step = self.preset.maker_step_bp * BP * public
        tolerance = max(1, int(TOLERANCE * step * E8 / self.spec.tick_e8))
        wanted: list[tuple[Side, int, int]] = []
        lowest, highest = self.spec.prices
        with self.exchange.batch():
            # every stale quote goes before any new one comes: a ladder never trades with itself
            for side in (Side.BUY, Side.SELL):
                sign = -1 if side is Side.BUY else 1
                for index in range(self.preset.maker_levels):
                    distance = (self.preset.maker_half_spread_bp + index * self.preset.maker_step_bp) * BP
                    ticks = ticks_for(self.spec, public * (1 + sign * distance), up=sign > 0)
                    order = self._slots.get((side, index))
                    if order is not None and not order.is_final:
                        moved = abs(order.price - ticks) > tolerance
                        if not moved and self.rng.random() > RESIZE_SHARE:
                            continue
                        if not moved:
                            ticks = order.price
                        self.exchange.cancel(order)
                    if lowest <= ticks <= highest:  # where nobody may quote it does not either
                        wanted.append((side, index, ticks))
            for side, index, ticks in wanted:
                self._place(side, index, ticks, public)

    def _place(self, side: Side, index: int, ticks: int, public: float) -> None:
        notional = self.preset.maker_notional * (1 + 0.2 * index) * math.exp(self.rng.gauss(0, 0.3))
        new = NewOrder(
            self.spec.name,
            side,
            OrderType.LIMIT,
            "",
            TimeInForce.GTC,
            lots_for(self.spec, notional, public) * self.spec.lot_e8,
            ticks * self.spec.tick_e8,
            stp=StpMode.EXPIRE_MAKER,
        )
        self._slots[side, index] = self.exchange.place(self.account, new).order

    def forget(self) -> None:
        self._slots.clear()


class NoiseTaker:
    """Buys or sells at the market for reasons of its own. Sees nothing."""

    def __init__(
        self, exchange: Exchange, account: Account, symbol: str, preset: Preset, rng: Random
    ) -> None:
        self.exchange = exchange
        self.account = account
        self.spec = exchange.market(symbol).spec
        self.preset = preset
        self.rng = rng

    def trade(self, public: float) -> None:
        side = Side.BUY if self.rng.random() < 0.5 else Side.SELL
        notional = self.preset.noise_notional * math.exp(self.rng.gauss(0, self.preset.noise_sigma))
        lots = lots_for(self.spec, notional, public)
        try:
            self.exchange.place(
                self.account,
                NewOrder(self.spec.name, side, OrderType.MARKET, "", qty_e8=lots * self.spec.lot_e8),
            )
        except RefusalError:
            return  # a halted symbol refuses everybody; the taker goes away


class InformedTaker:
    """Knows the latent value; takes every quote that is at least `informed_edge_bp` worse than it."""

    def __init__(self, exchange: Exchange, account: Account, symbol: str, preset: Preset) -> None:
        self.exchange = exchange
        self.account = account
        self.market = exchange.market(symbol)
        self.preset = preset

    def trade(self, value: float) -> None:
        edge = self.preset.informed_edge_bp * BP
        self.sweep(value * (1 - edge), value * (1 + edge), self.preset.informed_notional)

    def sweep(self, buy_below: float, sell_above: float, notional: float) -> None:
        """Take asks at or below `buy_below`, bids at or above `sell_above`, up to `notional` of quote asset."""
        spec = self.market.spec
        bid, _, ask, _ = self.market.book.touch()
        buy = ticks_for(spec, buy_below, up=False)
        sell = ticks_for(spec, sell_above, up=True)
        if ask and ask <= buy:
            side, price = Side.BUY, buy
        elif bid and bid >= sell:
            side, price = Side.SELL, sell
        else:
            return
        lots = lots_for(spec, notional, buy_below)
        try:
            self.exchange.place(
                self.account,
                NewOrder(
                    spec.name,
                    side,
                    OrderType.LIMIT,
                    "",
                    TimeInForce.IOC,
                    lots * spec.lot_e8,
                    min(price, spec.prices[1]) * spec.tick_e8,
                ),
            )
        except RefusalError:
            return  # halted: nobody trades
