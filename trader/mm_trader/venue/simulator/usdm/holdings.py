"""A position in one-way mode: size, what it cost, what its open orders could add. Amounts are integers: lots, and 10^-8 of the quote asset."""

from __future__ import annotations

from dataclasses import dataclass

from ..engine.types import Side


@dataclass(slots=True)
class Holding:
    """One account's position in one symbol."""

    leverage: int
    lots: int = 0
    """Above zero long, below short."""
    cost: int = 0
    """Signed: what the present position was opened at, price x lots, average cost."""
    bids: int = 0
    """Notional of open buy orders."""
    asks: int = 0
    realised: int = 0
    """Profit realised so far, commissions and funding apart."""
    updated_ns: int = 0

    def value(self, mark: int, mult: int) -> int:
        """Notional at the mark, signed."""
        return self.lots * mark * mult

    def profit(self, mark: int, mult: int) -> int:
        """Unrealised profit at the mark."""
        return self.value(mark, mult) - self.cost

    def position_margin(self, mark: int, mult: int) -> int:
        """Initial margin of the position alone, rounded up."""
        return -(-abs(self.value(mark, mult)) // self.leverage)

    def margin(self, mark: int, mult: int, more_bids: int = 0, more_asks: int = 0) -> int:
        """Initial margin of position and open orders: of whichever side would leave the larger position, rounded up."""
        value = self.value(mark, mult)
        worst = max(abs(value), abs(value + self.bids + more_bids), abs(value - self.asks - more_asks))
        return -(-worst // self.leverage)

    def fill(self, side: Side, price: int, lots: int, mult: int) -> int:
        """Carry a fill into the position; the profit it realises. A division rounds between realised and unrealised, never in their sum."""
        change = lots if side is Side.BUY else -lots
        before = self.lots
        realised = 0
        if before * change < 0:
            closed = min(abs(change), abs(before))
            sign = 1 if before > 0 else -1
            part = self.cost * closed // abs(before)
            realised = sign * closed * price * mult - part
            self.cost -= part
            self.lots += closed if change > 0 else -closed
            change += sign * closed
        self.cost += change * price * mult
        self.lots += change
        self.realised += realised
        return realised
