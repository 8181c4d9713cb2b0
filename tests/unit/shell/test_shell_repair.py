"""What a store lacks that came back older, and which of it the journal can give back."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from shell_doubles import RULES, fill, ledger

from mm_api.redis_contract import FillRecord, Keys, LedgerRecord
from mm_trader.core.clock import ManualClock
from mm_trader.shell.journal import Journal
from mm_trader.shell.journal_state import RECENT_FILLS
from mm_trader.shell.repair import (
    PAGE,
    Recalled,
    missing_fills,
    reaches_back,
    recall,
    unaccounted,
    unknown_to_journal,
)
from mm_trader.shell.store.memory import MemoryStore
from mm_trader.shell.store.port import Operation, StoredState, Token
from mm_trader.shell.writer import stream_entry

IDENTITY = "sim.acc1"
KEYS = Keys(IDENTITY)


def ids(fills: list[FillRecord] | tuple[FillRecord, ...]) -> list[int]:
    return [each.trade_id for each in fills]


def has(booked: LedgerRecord | None, *tail: int) -> Recalled:
    """A store with this ledger, and these fills at the end of its stream."""
    return Recalled(stored=StoredState(ledger=booked), tail=tuple(fill(number) for number in tail))


def holding(position: str) -> LedgerRecord:
    """A ledger that has booked trade 7."""
    return LedgerRecord.model_validate({"positions": {"ETHUSDC": {"position": position, "lastTradeId": 7}}})


async def store_with(fills: range, booked: LedgerRecord | None) -> MemoryStore:
    store = MemoryStore(IDENTITY, ManualClock())
    answer = await store.acquire("pod-a", 60_000, 1, issue_own=True)
    operations = [Operation(command="ONCE", key=KEYS.fence, arguments=("1-1-1", ""))]
    operations += [stream_entry(KEYS.fills, "fill", fill(number).to_json_line()) for number in fills]
    if booked is not None:
        operations.append(Operation(command="SET", key=KEYS.ledger, arguments=(booked.to_json_line(),)))
    token = Token(holder="pod-a", epoch=1, counter=answer.counter)
    assert await store.commit(token, operations) is None
    return store


async def test_the_tail_reaches_from_the_newest_fill_to_one_that_is_booked_and_as_far_as_the_journals_memory() -> (
    None
):
    store = await store_with(range(3 * PAGE), ledger(PAGE - 1))
    recalled = await recall(store, "local")
    assert recalled.stored.batch == "1-1-1"
    assert ids(recalled.tail) == list(range(3 * PAGE)), "the first page that has a booked one is the last"
    booked = await store_with(range(3 * PAGE), ledger(3 * PAGE))
    assert ids((await recall(booked, "local")).tail) == list(range(3 * PAGE - RECENT_FILLS, 3 * PAGE))
    without = await store_with(range(3 * PAGE), None)
    assert len((await recall(without, "local")).tail) == 3 * PAGE


def test_missing_is_what_is_neither_booked_nor_behind_the_booked_ones_each_once_and_in_order() -> None:
    known = [fill(number) for number in (3, 5, 6, 8, 7, 8)]
    assert ids(missing_fills(known, has(ledger(5), 4, 5, 6))) == [8, 7]
    assert ids(missing_fills(known, has(None))) == [3, 5, 6, 8, 7]
    assert missing_fills(known, has(ledger(8))) == []


def test_a_store_that_has_the_oldest_known_fill_lacks_none_before_it() -> None:
    assert reaches_back(None, has(None))
    assert reaches_back(fill(3), has(ledger(3)))
    assert reaches_back(fill(3), has(ledger(2), 3))
    assert not reaches_back(fill(3), has(ledger(2)))


def test_the_journal_takes_over_what_only_the_store_has_but_not_what_it_forgot_in_good_order() -> None:
    store = has(ledger(7), 1, 2, 3, 4, 5, 6, 7)
    assert ids(unknown_to_journal(store, [])) == [1, 2, 3, 4, 5, 6, 7]
    assert ids(unknown_to_journal(store, [fill(4), fill(6)])) == [5, 7]


@pytest.mark.parametrize(
    ("held", "missing", "gone"),
    [
        ("0.03", (6, 7), {}),
        ("0.03", (7,), {"ETHUSDC": Decimal("0.01")}),
        ("0.01", (), {}),
    ],
)
def test_fills_that_nobody_has_any_more_are_seen_by_what_they_did_to_the_position(
    held: str, missing: tuple[int, ...], gone: dict[str, Decimal]
) -> None:
    now = holding(held)
    lost = [fill(number) for number in missing]
    assert unaccounted(lost, has(ledger(5), 5), now, {"ETHUSDC": RULES}) == gone


def test_a_commission_in_the_base_asset_is_gone_from_the_position() -> None:
    now = holding("0.0199")
    paid = fill(6).model_copy(update={"commission": Decimal("0.0001"), "commission_asset": "ETH"})
    assert unaccounted([paid], has(ledger(5)), now, {"ETHUSDC": RULES}) == {}
    assert unaccounted([paid], has(ledger(5)), now, {}) == {}, (
        "a symbol of before: nobody knows what it was paid in"
    )


def test_the_segments_have_more_fills_than_the_journal_keeps_in_memory(tmp_path: Path) -> None:
    journal = Journal(tmp_path, ManualClock(), segment_bytes=400_000)
    journal.open()
    many = RECENT_FILLS + 500
    for number in range(many):
        journal.fill(fill(number), ledger(number) if number % 7 == 0 else None)
    journal.ledger(ledger(many))
    assert journal._number > 1
    assert ids(journal.state.fills) == list(range(500, many))
    assert journal.state.oldest_fill == fill(500)
    assert ids(journal.fills_on_disk()) == list(range(many))
    segment = sorted(tmp_path.glob("journal-*.jsonl"))[-1]
    with segment.open("ab") as file:
        file.write(b'00000000 {"t":"fill","ms":1,"b":{"fill":{"half')
    assert ids(journal.fills_on_disk()) == list(range(many))
    journal.close()
