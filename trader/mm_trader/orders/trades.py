"""Which trades of a symbol are in the ledger: every trade is booked exactly once, whichever way, and however often, it is heard of.

A watermark says: all own trades up to here are booked. It moves only with the venue's own list (a reconcile), because the user stream has no replay and
may have lost one in the middle. Trades heard of above the watermark are remembered one by one.
"""

from __future__ import annotations

from collections.abc import Iterable

CROWDED = 200
"""So many trades above the watermark ask for a reconcile, which moves it; they are written out with each ledger record."""


class TradeLog:
    """De-duplication by trade id for one symbol."""

    def __init__(self, watermark: int = -1, above: Iterable[int] = ()) -> None:
        """`watermark`: the last trade id up to which all is booked; `above`: booked ids beyond it."""
        self.watermark = watermark
        self._above = {trade_id for trade_id in above if trade_id > watermark}

    def take(self, trade_id: int) -> bool:
        """True exactly once per trade: book it now."""
        if trade_id <= self.watermark or trade_id in self._above:
            return False
        self._above.add(trade_id)
        return True

    def settle(self, up_to: int) -> None:
        """The venue listed all own trades up to this id, and all of them have been taken."""
        if up_to > self.watermark:
            self.watermark = up_to
            self._above = {trade_id for trade_id in self._above if trade_id > up_to}

    def restart(self) -> None:
        """The venue's trade ids begin anew."""
        self.watermark = -1
        self._above.clear()

    @property
    def above(self) -> list[int]:
        """Booked ids beyond the watermark, ascending."""
        return sorted(self._above)

    @property
    def crowded(self) -> bool:
        """A reconcile should move the watermark soon."""
        return len(self._above) >= CROWDED
