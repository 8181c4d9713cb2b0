"""Ledgers of symbols that the config does not name (any more). They are kept to the last digit, so that a symbol that comes back goes on from what it holds.

Their money, at their last mark, stays in every sum: leaving a symbol out neither forgives the loss it has made nor makes one. What they hold is not marked,
not quoted, and counts against no limit on exposure: people are told of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from mm_api.redis_contract import PositionRecord
from mm_trader.core.units import from_money, to_asset_units, to_money


class Dormant:
    """Of one identity."""

    def __init__(self, records: Mapping[str, PositionRecord]) -> None:
        """`records`: of the symbols that are not configured."""
        self._records = dict(records)
        self._day_starts: dict[str, Decimal] = {}
        self.net = sum(net_of(record) for record in records.values())
        """Net PnL of all of them, money."""

    @property
    def records(self) -> dict[str, PositionRecord]:
        """For the ledger."""
        return dict(self._records)

    @property
    def day_starts(self) -> dict[str, Decimal]:
        """For the ledger: a symbol that comes back within the day has lost what it had."""
        return dict(self._day_starts)

    @property
    def held(self) -> dict[str, Decimal]:
        """Symbol → base units, of those that hold any."""
        return {symbol: record.position for symbol, record in self._records.items() if record.position}

    def begin_day(self, starts: Mapping[str, Decimal]) -> None:
        """`starts`: net PnL of each symbol where the running day began, as it was stored. Without any the day's loss counts from where they are."""
        self._day_starts = {symbol: start for symbol, start in starts.items() if symbol in self._records}

    def write_off(self) -> None:
        """What was held is no more, and trade ids begin anew (a testnet started over): closed at the last mark, so that net PnL stays what it was."""
        self._records = {symbol: _closed(record) for symbol, record in self._records.items()}


def net_of(record: PositionRecord) -> int:
    """Net PnL at the record's own mark, money; to the last digit what a `Position` made of it would have."""
    return to_money(record.cash) + (to_asset_units(record.position) * to_asset_units(2 * record.mark) >> 1)


def _closed(record: PositionRecord) -> PositionRecord:
    net = from_money(net_of(record))
    return record.model_copy(
        update={
            "position": Decimal(0),
            "cash": net,
            "realised": net,
            "average_price": Decimal(0),
            "last_trade_id": -1,
            "booked_trade_ids": [],
        }
    )
