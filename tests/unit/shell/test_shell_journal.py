"""The journal: what is written is what is read, whatever happens in between."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shell_doubles import fill, latch, ledger, order

from mm_trader.core.clock import ManualClock
from mm_trader.shell.errors import JournalInUseError
from mm_trader.shell.journal import Journal, decode_line, encode_line
from mm_trader.shell.journal_state import RECENT_FILLS, JournalState, Kind


def opened(directory: Path, **options: int) -> Journal:
    journal = Journal(directory, ManualClock(), **options)
    journal.open()
    return journal


def test_everything_written_is_there_after_a_restart(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    journal.start((1, 7), 7, "local")
    journal.order(order("a"), closed=False, cause="placed")
    journal.order(order("b"), closed=False, cause="placed")
    journal.order(order("a", state="CANCELED"), closed=True, cause="canceled")
    journal.fill(fill(5), ledger(5))
    journal.latch(latch("risk-X-1"))
    journal.latch(latch("risk-Y-2"))
    journal.lifted("risk-X-1")
    journal.tighten("rev1", {"dailyLossLimit": "50"})
    journal.close()
    state = opened(tmp_path).state
    assert [record.client_id for record in state.orders] == ["b"]
    assert [record.trade_id for record in state.fills] == [5]
    assert state.ledger == ledger(5)
    assert [entry.id for entry in state.latches] == ["risk-Y-2"]
    assert state.tightened == {"rev1": {"dailyLossLimit": "50"}}
    assert state.counter == 7
    assert state.running


def test_only_a_goodbye_makes_a_stop_clean(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    journal.start((1, 1), 1, "local")
    journal.stop()
    journal.close()
    assert not opened(tmp_path).state.running


def started(directory: Path, boot: str, *, in_doubt: bool = False) -> None:
    """A process that ran and was killed."""
    journal = Journal(directory, ManualClock(), boot=boot)
    journal.open()
    journal.start((1, journal.state.counter + 1), 1, "local", in_doubt=in_doubt)
    journal.close()


def in_doubt(directory: Path, boot: str) -> bool:
    journal = Journal(directory, ManualClock(), boot=boot)
    report = journal.open()
    journal.close()
    return journal.lacks_lines(report)


def test_a_journal_is_complete_after_a_kill_and_in_doubt_after_a_start_of_the_machine(tmp_path: Path) -> None:
    started(tmp_path, "boot-1")
    assert not in_doubt(tmp_path, "boot-1")
    assert not in_doubt(tmp_path, "boot-1"), "a checkpoint says so, too"
    assert in_doubt(tmp_path, "boot-2")


def test_a_journal_of_a_system_that_does_not_name_its_runs_is_in_doubt(tmp_path: Path) -> None:
    started(tmp_path, "")
    assert in_doubt(tmp_path, "")


def test_a_lost_journal_is_in_doubt(tmp_path: Path) -> None:
    assert in_doubt(tmp_path, "boot-1")


def test_doubt_outlives_a_process_that_died_before_it_had_waited(tmp_path: Path) -> None:
    started(tmp_path, "boot-1")
    started(tmp_path, "boot-2", in_doubt=True)
    assert in_doubt(tmp_path, "boot-2")
    started(tmp_path, "boot-2")
    assert not in_doubt(tmp_path, "boot-2")


def test_a_line_that_cannot_be_read_may_have_been_an_order(tmp_path: Path) -> None:
    started(tmp_path, "boot-1")
    newest = max(tmp_path.glob("journal-*.jsonl"))
    with newest.open("ab") as file:
        file.write(b"00000000 no line\n")
    assert in_doubt(tmp_path, "boot-1")


def test_a_journal_from_before_it_named_the_run_is_in_doubt() -> None:
    state = JournalState()
    state.apply(Kind.START, {"epoch": 1, "counter": 2, "scope": "local"})
    assert (state.boot, state.running) == ("", True)
    body = state.checkpoint()
    assert state.lease == (1, -1)
    del body["boot"], body["lease"]
    state.apply(Kind.CHECKPOINT, body)
    assert (state.boot, state.counter, state.lease) == ("", 2, (-1, -1))


def test_limits_of_an_older_revision_are_forgotten(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    journal.tighten("rev1", {"maxDrawdown": "0.01"})
    journal.tighten("rev2", {"dailyLossLimit": "50"})
    journal.tighten("rev2", {"maxDrawdown": "0.02"})
    assert journal.state.tightened == {"rev2": {"dailyLossLimit": "50", "maxDrawdown": "0.02"}}


@pytest.mark.parametrize("damage", [b"", b"garbage without a checksum", b"00000000 {}", b"12345678"])
def test_a_line_that_cannot_be_trusted_is_kept_aside_and_the_rest_is_read(
    tmp_path: Path, damage: bytes
) -> None:
    journal = opened(tmp_path)
    journal.order(order("a"), closed=False, cause="placed")
    segment = next(tmp_path.glob("journal-*.jsonl"))
    with segment.open("ab") as file:
        file.write(damage + b"\n")
    journal.order(order("b"), closed=False, cause="placed")
    journal.close()
    again = Journal(tmp_path, ManualClock())
    report = again.open()
    assert report.corrupt_lines == (1 if damage else 0)
    assert report.corrupt_latch == bool(damage)  # nobody can say that it was none
    assert {record.client_id for record in again.state.orders} == {"a", "b"}
    if damage:
        assert segment.with_suffix(".corrupt").read_bytes() == damage + b"\n"


def test_a_flipped_digit_in_a_line_is_found(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    journal.order(order("a"), closed=False, cause="placed")
    journal.close()
    segment = next(tmp_path.glob("journal-*.jsonl"))
    segment.write_bytes(segment.read_bytes().replace(b"2000.01", b"2000.81"))
    again = Journal(tmp_path, ManualClock())
    assert again.open().corrupt_lines == 1
    assert again.state.orders == ()


def test_a_damaged_line_that_may_have_been_a_halt_is_said_to_be_one(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    journal.latch(latch())
    journal.close()
    segment = next(tmp_path.glob("journal-*.jsonl"))
    segment.write_bytes(segment.read_bytes().replace(b"DailyLoss", b"DailyL0ss"))
    assert Journal(tmp_path, ManualClock()).open().corrupt_latch


def damaged(directory: Path, offset: int, bit: int, write: Callable[[Journal], None]) -> Journal:
    """A journal with one line in its middle, of which one bit has turned over."""
    journal = opened(directory)
    segment = next(directory.glob("journal-*.jsonl"))
    before = segment.stat().st_size
    write(journal)
    journal.order(order("a"), closed=False, cause="placed")
    journal.close()
    data = bytearray(segment.read_bytes())
    data[before + offset] ^= 1 << bit
    segment.write_bytes(data)
    return Journal(directory, ManualClock())


@pytest.mark.parametrize("offset", range(25))
def test_no_bit_of_a_halt_or_of_a_tightened_limit_can_turn_over_and_trading_go_on(
    tmp_path: Path, offset: int
) -> None:
    writes: tuple[Callable[[Journal], None], ...] = (
        lambda journal: journal.latch(latch()),
        lambda journal: journal.tighten("rev1", {"dailyLossLimit": "1"}),
    )
    for number, write in enumerate(writes):
        assert damaged(tmp_path / str(number), offset, offset % 5, write).open().corrupt_latch


def test_a_start_that_cannot_be_read_gives_none_of_its_ids_away_again_and_was_no_clean_stop(
    tmp_path: Path,
) -> None:
    for offset in (0, 15, 17, 40):
        again = damaged(tmp_path / str(offset), offset, 1, lambda journal: journal.start((1, 1), 1, "local"))
        again.open()
        assert (again.state.counter, again.state.running) == (1, True)


def test_a_file_that_only_looks_like_a_segment_is_named_and_nothing_is_read_past_it(tmp_path: Path) -> None:
    opened(tmp_path).close()
    (tmp_path / "journal-000001 (copy).jsonl").write_bytes(b"")
    with pytest.raises(OSError, match=r"take it away: '.*\(copy\)"):
        Journal(tmp_path, ManualClock()).open()


def test_a_line_torn_by_a_power_cut_costs_that_line_alone(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    journal.order(order("a"), closed=False, cause="placed")
    journal.order(order("b"), closed=False, cause="placed")
    journal.close()
    segment = next(tmp_path.glob("journal-*.jsonl"))
    segment.write_bytes(segment.read_bytes()[:-20])
    again = Journal(tmp_path, ManualClock())
    assert again.open().corrupt_lines == 1
    assert [record.client_id for record in again.state.orders] == ["a"]


def test_segments_are_bounded_and_the_newest_has_everything(tmp_path: Path) -> None:
    journal = opened(tmp_path, segment_bytes=2_000, keep_segments=3)
    journal.latch(latch())
    for number in range(200):
        journal.order(order(f"id{number}"), closed=False, cause="placed")
        journal.order(order(f"id{number}"), closed=number != 7, cause="canceled")
        journal.fill(fill(number), ledger(number))
    journal.close()
    assert len(list(tmp_path.glob("journal-*.jsonl"))) == 3
    state = opened(tmp_path).state
    assert [record.client_id for record in state.orders] == ["id7"]
    assert state.ledger == ledger(199)
    assert len(state.latches) == 1


def test_a_damaged_checkpoint_falls_back_to_the_segment_before(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    journal.order(order("a"), closed=False, cause="placed")
    journal.close()
    opened(tmp_path).close()
    newest = sorted(tmp_path.glob("journal-*.jsonl"))[-1]
    newest.write_bytes(b"x" + newest.read_bytes()[1:])
    again = Journal(tmp_path, ManualClock())
    assert again.open().corrupt_lines == 1
    assert [record.client_id for record in again.state.orders] == ["a"]


def test_recent_fills_are_bounded(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    for number in range(RECENT_FILLS + 10):
        journal.state.apply(
            Kind.FILL, {"fill": {"symbol": "ETHUSDC", "tradeId": number}, "ledger": {"updatedMs": number}}
        )
    assert len(journal.state.fills_json) == RECENT_FILLS


def test_two_processes_cannot_share_a_journal(tmp_path: Path) -> None:
    first = opened(tmp_path)
    with pytest.raises(JournalInUseError):
        opened(tmp_path)
    first.close()
    opened(tmp_path).close()


@given(st.text(max_size=200), st.integers(min_value=0, max_value=2**53))
def test_any_text_survives_a_line(text: str, ms: int) -> None:
    import json

    kind, body = decode_line(encode_line(Kind.LIFTED, ms, json.dumps({"id": text})).rstrip(b"\n"))
    assert (kind, body) == (Kind.LIFTED, {"id": text})


@given(st.binary(max_size=80))
def test_no_garbage_is_taken_for_a_line(data: bytes) -> None:
    with pytest.raises((ValueError, KeyError, TypeError)):
        decode_line(data)


async def test_a_sync_puts_what_is_written_on_disk_and_leaves_no_descriptor_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(tmp_path, ManualClock())
    journal.open()
    synced: list[int] = []
    real = os.fdatasync
    monkeypatch.setattr(os, "fdatasync", lambda fd: synced.append(fd) or real(fd))
    before = len(os.listdir("/proc/self/fd"))
    journal.latch(latch("risk-1"))
    assert synced == []
    await journal.sync()
    assert len(synced) == 1
    assert len(os.listdir("/proc/self/fd")) == before
    journal.close()


def test_a_line_that_a_full_disk_cut_short_is_taken_back_and_costs_no_other_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = opened(tmp_path)
    journal.start((1, 1), 1, "scope")
    real = os.write

    def full(fd: int, data: bytes) -> int:
        if data.count(b"\n") and len(data) > 20:
            return real(fd, data[:20])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("mm_trader.shell.journal.os.write", full)
    with pytest.raises(OSError, match="No space"):
        journal.start((1, 2), 2, "scope")
    assert journal.state.counter == 1, "what is not on disk has not happened"
    monkeypatch.undo()
    journal.start((1, 3), 3, "scope")
    journal.close()
    again = Journal(tmp_path, ManualClock())
    report = again.open()
    assert (report.corrupt_lines, again.state.counter) == (0, 3)
    again.close()
