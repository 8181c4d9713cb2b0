"""Worst case of one symbol: what is held plus everything that is, or may be, open. UNKNOWN orders count as open, filled-but-unbooked lots as not yet filled.

Exposure in money = |position| at the mark + orders that would add to it, at their own price + whatever opposing orders would turn over beyond zero,
at the highest of their prices. Orders that only bring a position back add nothing: they could otherwise be refused just when they are needed.
Amounts are 10^-8 base, prices 10^-8 quote, money 10^-16 quote.
"""

from __future__ import annotations

from collections.abc import Iterable

from mm_trader.core.events import BUY, Side
from mm_trader.orders.order import Order
from mm_trader.risk.ledger import Position


class Exposure:
    """See the module's docstring. Never changed once it is made."""

    __slots__ = ("base", "buy_high", "buy_money", "buys", "mark", "sell_high", "sell_money", "sells")

    def __init__(
        self,
        *,
        base: int,
        mark: int,
        buys: int = 0,
        buy_money: int = 0,
        buy_high: int = 0,
        sells: int = 0,
        sell_money: int = 0,
        sell_high: int = 0,
    ) -> None:
        """`mark`: a price; 0 only while nothing is held."""
        self.base = base
        self.mark = mark
        self.buys = buys
        self.buy_money = buy_money
        self.buy_high = buy_high
        self.sells = sells
        self.sell_money = sell_money
        self.sell_high = sell_high

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Exposure) and self._sides() == other._sides()

    def __hash__(self) -> int:
        return hash(self._sides())

    def _sides(self) -> tuple[int, ...]:
        buys, sells = (
            (self.buys, self.buy_money, self.buy_high),
            (self.sells, self.sell_money, self.sell_high),
        )
        return (self.base, self.mark, *buys, *sells)

    def plus(self, side: Side, amount: int, price: int) -> Exposure:
        """With one more order."""
        buys, buy_money, buy_high = self.buys, self.buy_money, self.buy_high
        sells, sell_money, sell_high = self.sells, self.sell_money, self.sell_high
        if side is BUY:
            buys, buy_money, buy_high = buys + amount, buy_money + amount * price, max(buy_high, price)
        else:
            sells, sell_money, sell_high = sells + amount, sell_money + amount * price, max(sell_high, price)
        return Exposure(
            base=self.base,
            mark=self.mark,
            buys=buys,
            buy_money=buy_money,
            buy_high=buy_high,
            sells=sells,
            sell_money=sell_money,
            sell_high=sell_high,
        )

    @property
    def money(self) -> int:
        """Quote currency at risk in the worst case."""
        base = self.base
        if base > 0:
            return base * self.mark + self.buy_money + max(0, self.sells - base) * self.sell_high
        if base < 0:
            return -base * self.mark + self.sell_money + max(0, self.buys + base) * self.buy_high
        return self.buy_money + self.sell_money

    @property
    def longest(self) -> int:
        """The position if every buy fills and no sell."""
        return self.base + self.buys

    @property
    def shortest(self) -> int:
        """The position if every sell fills and no buy."""
        return self.base - self.sells


def exposure_of(position: Position, orders: Iterable[Order]) -> Exposure:
    """Worst case of a position and its orders."""
    tick, lot = position.tick, position.lot
    buys = buy_money = buy_high = sells = sell_money = sell_high = 0
    for order in orders:
        amount = order.unbooked * lot
        if amount < 0:
            amount = 0
        price = order.risk_price * tick
        if order.side is BUY:
            buys += amount
            buy_money += amount * price
            if price > buy_high:
                buy_high = price
        else:
            sells += amount
            sell_money += amount * price
            if price > sell_high:
                sell_high = price
    return Exposure(
        base=position.base,
        mark=(position.mark2 * tick + 1) // 2,
        buys=buys,
        buy_money=buy_money,
        buy_high=buy_high,
        sells=sells,
        sell_money=sell_money,
        sell_high=sell_high,
    )
