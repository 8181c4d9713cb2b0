"""The signals that one symbol's strategy asked for, and no others: a symbol whose strategy asks for none has no object of this kind, and pays nothing."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from mm_trader.market.book import L2Book
from mm_trader.market.intensity import ArrivalIntensity
from mm_trader.market.micro_price import MicroPrice
from mm_trader.market.order_flow import OrderFlow
from mm_trader.market.top import TopOfBook
from mm_trader.strategy.base import Intensity, Signal

DEPTH_LEVELS = 5
DEPTH_DECAY = 0.7
"""Weight of a level over that of the one before it."""


class Signals:
    """Holds the estimators that are needed, and answers with None for the rest and for what is not known yet."""

    __slots__ = ("_depth", "_flow", "_intensity", "_micro")

    def __init__(self, needs: AbstractSet[Signal]) -> None:
        self._micro = MicroPrice() if Signal.MICRO_PRICE in needs else None
        self._flow = OrderFlow() if Signal.ORDER_FLOW in needs else None
        self._intensity = ArrivalIntensity() if Signal.INTENSITY in needs else None
        self._depth = Signal.DEPTH_IMBALANCE in needs

    def on_top(self, top: TopOfBook) -> None:
        """A good update of the top of book."""
        if self._micro is not None:
            self._micro.update(top.bid, top.bid_size, top.ask, top.ask_size)
        if self._flow is not None:
            self._flow.update(top.ts, top.bid, top.bid_size, top.ask, top.ask_size)

    def on_trade(self, ts: int, price: int, top: TopOfBook, *, sell: bool) -> None:
        """A public trade."""
        if self._intensity is not None and top.valid:
            self._intensity.on_trade(ts, price, top.mid2, sell=sell)

    def on_timer(self, ts: int) -> None:
        """Fits that are due."""
        if self._micro is not None:
            self._micro.refit_if_due()
        if self._intensity is not None:
            self._intensity.refit_if_due(ts)

    def on_gap(self) -> None:
        """The market stream was lost, or the top was not to be trusted: no transition across the gap."""
        if self._micro is not None:
            self._micro.forget_last()
        if self._flow is not None:
            self._flow.reset()
        if self._intensity is not None:
            self._intensity.reset()

    def micro_price(self, top: TopOfBook) -> float | None:
        """Ticks."""
        adjustment = None if self._micro is None else self._micro.adjustment
        return None if adjustment is None else top.mid2 / 2 + adjustment

    @property
    def order_flow(self) -> float | None:
        """Expected move, ticks."""
        return None if self._flow is None else self._flow.expected_move

    def depth_imbalance(self, book: L2Book) -> float | None:
        """[-1, 1]; None while the book is not in sync: a symbol without depth data never knows it."""
        if not self._depth or not book.synced:
            return None
        return book.weighted_imbalance(DEPTH_LEVELS, DEPTH_DECAY)

    @property
    def intensity(self) -> Intensity | None:
        """The last fit."""
        return None if self._intensity is None else self._intensity.fit
