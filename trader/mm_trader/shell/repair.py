"""What a store lacks that has come back older than what it had acknowledged: a restored backup, a replica that lagged, a second of the append-only file.

The journal has every fill before the store hears of it, and the store's stream has every fill that the store's own ledger has booked. So what is to
be appended is what the journal has and neither that ledger has booked nor the stream shows behind the last fill that it has booked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

import msgspec

from mm_api.redis_contract import FillRecord, LedgerRecord, PositionRecord
from mm_trader.core.units import SymbolRules
from mm_trader.shell.journal_state import RECENT_FILLS
from mm_trader.shell.store.port import Store, StoredState

PAGE = 1000
"""Fills asked for at once: about 300 KB."""
_NOTHING = PositionRecord()


class Recalled(msgspec.Struct, frozen=True, kw_only=True):
    """What the store has, as of one batch."""

    stored: StoredState
    tail: tuple[FillRecord, ...] = ()
    """Newest fills of its stream, oldest first: all that its ledger has not booked, and as many as the journal keeps in memory."""

    def has(self, fill: FillRecord) -> bool:
        """The stored ledger has booked it, so the stream has it too (or had, before it was trimmed)."""
        ledger = self.stored.ledger
        position = ledger.positions.get(fill.symbol, _NOTHING) if ledger is not None else _NOTHING
        return position.has_booked(fill.trade_id)


async def recall(store: Store, scope: str, fills: int = RECENT_FILLS) -> Recalled:
    """Read everything that a trader must know before it writes; of the stream at least `fills` entries. Raises StoreUnavailableError, StoreRefusedError."""
    found = Recalled(stored=await store.load(scope))
    tail: list[FillRecord] = []
    entry, reached = "", False
    while True:
        page = await store.fills_before(entry, PAGE)
        entry = page[-1][0] if page else entry
        for _, fill in page:
            if fill is not None:
                tail.append(fill)
                reached = reached or found.has(fill)
        if len(page) < PAGE or (reached and len(tail) >= fills):
            return msgspec.structs.replace(found, tail=tuple(reversed(tail)))


def missing_fills(known: Iterable[FillRecord], recalled: Recalled) -> list[FillRecord]:
    """Those of `known` that the store has not, each once, in the order given."""
    there = {key(fill) for fill in recalled.tail}
    missing: dict[tuple[str, int], FillRecord] = {}
    for fill in known:
        if key(fill) not in there and not recalled.has(fill):
            missing.setdefault(key(fill), fill)
    return list(missing.values())


def unknown_to_journal(recalled: Recalled, journaled: Sequence[FillRecord]) -> list[FillRecord]:
    """Fills of the stream that the journal should have and has not: its volume was lost, or its end in a power cut, or another pod traded meanwhile.

    Those older than everything the journal has of their symbol were forgotten by it in good order."""
    have = {key(fill) for fill in journaled}
    oldest: dict[str, int] = {}
    for fill in journaled:
        oldest[fill.symbol] = min(fill.trade_id, oldest.get(fill.symbol, fill.trade_id))
    return [
        fill
        for fill in recalled.tail
        if key(fill) not in have and fill.trade_id > oldest.get(fill.symbol, -1)
    ]


def reaches_back(oldest: FillRecord | None, recalled: Recalled) -> bool:
    """The oldest of the known fills is in the store, or there are none: none that is older can be missing there."""
    return oldest is None or not missing_fills((oldest,), recalled)


def unaccounted(
    missing: Iterable[FillRecord],
    recalled: Recalled,
    ledger: LedgerRecord,
    rules: Mapping[str, SymbolRules],
) -> dict[str, Decimal]:
    """Symbol → base units by which `ledger` is beyond what the store has once `missing` is written there: fills that nobody has any more. Empty: none.

    Fills that cancel each other out to the last digit are not seen, nor those of a symbol without rules, which is not configured any more: in which
    asset its commissions were taken cannot be told."""
    before = recalled.stored.ledger or LedgerRecord()
    unbooked = [fill for fill in recalled.tail if not recalled.has(fill)]
    gained: dict[str, Decimal] = {}
    for fill in (*unbooked, *missing):
        gained[fill.symbol] = gained.get(fill.symbol, Decimal(0)) + _base(fill, rules)
    found = {}
    for symbol, position in ledger.positions.items():
        if symbol not in rules:
            continue
        was = before.positions.get(symbol, _NOTHING).position
        difference = position.position - was - gained.get(symbol, Decimal(0))
        if difference:
            found[symbol] = difference
    return found


def key(fill: FillRecord) -> tuple[str, int]:
    """What a fill is known by."""
    return fill.symbol, fill.trade_id


def _base(fill: FillRecord, rules: Mapping[str, SymbolRules]) -> Decimal:
    """What it did to the position, in base units; a commission paid in the base asset is gone from it."""
    amount = fill.quantity if fill.side == "BUY" else -fill.quantity
    known = rules.get(fill.symbol)
    return amount - fill.commission if known and fill.commission_asset == known.base_asset else amount
