"""Merges what journal and store remember into what the kernel starts from. The newest wins; the venue is asked about all of it anyway."""

from __future__ import annotations

import structlog

from mm_api.redis_contract import Evidence, Latch, LedgerRecord, OrderRecord, PositionRecord, TraderPhase
from mm_trader.core.state import Restored
from mm_trader.shell.journal import JournalReport
from mm_trader.shell.journal_state import JournalState
from mm_trader.shell.store.port import StoredState

log = structlog.get_logger("restore")


def merge(
    journal: JournalState,
    report: JournalReport,
    stored: StoredState,
    latches: tuple[Latch, ...],
    *,
    clean: bool,
) -> Restored:
    """`clean`: as `was_clean` judged it before this incarnation wrote its first line."""
    orders: dict[str, OrderRecord] = {record.client_id: record for record in stored.orders}
    for record in journal.orders:
        known = orders.get(record.client_id)
        # quantity before time: it only grows, while the wall clock may have been set back
        if known is None or (record.filled, record.updated_ms) >= (known.filled, known.updated_ms):
            orders[record.client_id] = record
    ledger = newest_ledger(journal.ledger, stored.ledger)
    log.info(
        "state_restored",
        clean=clean,
        orders=len(orders),
        ledger_from=_origin(ledger, journal.ledger, stored.ledger),
        evidence=stored.evidence is not None,
        halts=len(latches),
        corrupt_lines=report.corrupt_lines,
    )
    return Restored(
        ledger=ledger,
        orders=tuple(orders.values()),
        fills=journal.fills,
        latches=latches,
        evidence=stored.evidence,
        clean=clean,
    )


def was_clean(journal: JournalState, stored: StoredState) -> bool:
    """Did the incarnation before say goodbye? By the journal where it tells of one, else by the last reported state."""
    if journal.counter:
        return not journal.running
    return stored.state is None or stored.state.phase is TraderPhase.STOPPED


def newest_ledger(one: LedgerRecord | None, other: LedgerRecord | None) -> LedgerRecord | None:
    """The one that has seen more trades; of two that have seen the same, the later one."""
    if one is None or other is None:
        return one or other
    ahead = _trades_ahead(one, other)
    behind = _trades_ahead(other, one)
    if ahead != behind:
        return one if ahead else other
    return one if one.updated_ms >= other.updated_ms else other


def newest_evidence(stored: Evidence | None, own: Evidence) -> Evidence:
    """The one that has seen more of the scope: a store that went back has an older one than the running kernel."""
    if stored is None or stored.scope != own.scope:
        return own
    return stored if stored.uptime_ms > own.uptime_ms else own


def _trades_ahead(one: LedgerRecord, other: LedgerRecord) -> bool:
    """`one` has booked a trade that `other` has not."""
    none = PositionRecord()
    for symbol, position in one.positions.items():
        against = other.positions.get(symbol, none)
        known = set(against.booked_trade_ids)
        newest = max((position.last_trade_id, *position.booked_trade_ids))
        if newest > max((against.last_trade_id, *known)):
            return True
        if any(trade > against.last_trade_id and trade not in known for trade in position.booked_trade_ids):
            return True
    return False


def _origin(ledger: LedgerRecord | None, journal: LedgerRecord | None, stored: LedgerRecord | None) -> str:
    if ledger is None:
        return "nothing"
    return "journal" if ledger is journal else "store" if ledger is stored else "unknown"
