"""The loss of each symbol within the UTC day, against a limit of its own. A breach halts that symbol alone; limits of the account: `risk.pnl`."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from mm_trader.core.units import from_money, to_money
from mm_trader.risk.ledger import Position


class SymbolLosses:
    """Where each symbol's day began, and the net PnL at which it has lost too much."""

    def __init__(
        self, positions: Mapping[str, Position], limit: int | None, starts: Mapping[str, Decimal]
    ) -> None:
        """`starts`: of the running day, as they were stored; a symbol without one begins now."""
        self._positions = positions
        self._limit = limit
        self._starts = {
            symbol: to_money(starts[symbol]) if symbol in starts else position.net
            for symbol, position in positions.items()
        }

    def use_limit(self, limit: int | None) -> None:
        """Money; None: no limit per symbol."""
        self._limit = limit

    def floor(self, symbol: str) -> int | None:
        """Net PnL of the symbol at and below which it halts; None: no limit per symbol."""
        return None if self._limit is None else self._starts[symbol] - self._limit

    def loss(self, symbol: str) -> int:
        """Money lost since the day began; negative: gained."""
        return self._starts[symbol] - self._positions[symbol].net

    def begin(self, symbol: str) -> None:
        """Count from here: a new day, a position marked for the first time, or a loss that a person has accepted."""
        self._starts[symbol] = self._positions[symbol].net

    def record(self) -> dict[str, Decimal]:
        """For the ledger."""
        return {symbol: from_money(start) for symbol, start in self._starts.items()}
