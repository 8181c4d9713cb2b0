"""Small parts: gate, lifecycle, restore, logs, holder, metrics page, places that may not leave."""

from __future__ import annotations

import asyncio
import io
import json
from pathlib import Path
from typing import Any

import pytest
import structlog
from shell_doubles import RULES, FakeGateway, fill, latch, ledger, order, yield_to_others

from mm_api.redis_contract import LedgerRecord, ReportedState
from mm_api.trader_config import LoggingConfig
from mm_trader.core.clock import ManualClock
from mm_trader.core.commands import (
    Amend,
    Cancel,
    CancelAllOwn,
    CancelReplace,
    Command,
    Place,
    QueryOrder,
    RequestReconcile,
)
from mm_trader.core.events import CommandDropped, Event, QueryFailed, ReconcileFailed, Side
from mm_trader.shell import logs
from mm_trader.shell.admin.catalogue import METRICS, document
from mm_trader.shell.alerts import Alerts
from mm_trader.shell.effects import ShellEffects
from mm_trader.shell.flatten import ALERT_AFTER, Flattener
from mm_trader.shell.gate import Blocker, PlaceGate
from mm_trader.shell.holder import resolve_holder
from mm_trader.shell.journal import Journal, JournalReport
from mm_trader.shell.journal_state import JournalState, Kind
from mm_trader.shell.lifecycle import Lifecycle, PartHealth
from mm_trader.shell.restore import merge, newest_ledger, was_clean
from mm_trader.shell.store.memory import MemoryStore
from mm_trader.shell.store.port import StoredState
from mm_trader.shell.tasks import Tasks
from mm_trader.shell.writer import Writer

THERE = JournalReport(lines=9, corrupt_lines=0, corrupt_latch=False)


def test_the_gate_begins_closed_and_opens_only_when_nobody_holds_it() -> None:
    gate, said = PlaceGate(), []
    gate.attach(said.append)
    gate.block(Blocker.HALT)
    gate.release(Blocker.NO_LEASE)
    assert gate.closed
    gate.release(Blocker.HALT)
    assert said == [True, True, True, False]


class FakePart:
    def __init__(self, name: str, diary: list[str], *, fails: str = "") -> None:
        self.name = name
        self._diary = diary
        self._fails = fails

    async def start(self) -> None:
        if self._fails == "start":
            raise OSError("cannot")
        self._diary.append(f"+{self.name}")

    async def stop(self) -> None:
        self._diary.append(f"-{self.name}")
        if self._fails == "stop":
            raise OSError("cannot")

    def health(self) -> PartHealth:
        return PartHealth(healthy=True)


async def test_parts_start_in_order_and_stop_in_reverse() -> None:
    diary: list[str] = []
    lifecycle = Lifecycle([FakePart("a", diary), FakePart("b", diary)])
    await lifecycle.start()
    assert all(health.healthy for health in lifecycle.health().values())
    await lifecycle.stop()
    assert diary == ["+a", "+b", "-b", "-a"]
    assert not any(health.healthy for health in lifecycle.health().values())


async def test_a_start_that_fails_half_way_is_undone() -> None:
    diary: list[str] = []
    parts = [FakePart("a", diary), FakePart("b", diary, fails="start"), FakePart("c", diary)]
    with pytest.raises(OSError, match="cannot"):
        await Lifecycle(parts).start()
    assert diary == ["+a", "-a"]


async def test_a_part_that_cannot_stop_does_not_keep_the_others() -> None:
    diary: list[str] = []
    lifecycle = Lifecycle([FakePart("a", diary), FakePart("b", diary, fails="stop")])
    await lifecycle.start()
    await lifecycle.stop()
    assert diary == ["+a", "+b", "-b", "-a"]


def test_the_ledger_that_has_seen_more_trades_wins_and_of_equals_the_later() -> None:
    assert newest_ledger(ledger(5, 1), ledger(4, 9)) == ledger(5, 1)
    assert newest_ledger(ledger(4, 9), ledger(5, 1)) == ledger(5, 1)
    assert newest_ledger(ledger(5, 1), ledger(5, 2)) == ledger(5, 2)
    assert newest_ledger(None, ledger(1)) == ledger(1)
    booked = LedgerRecord.model_validate({"positions": {"ETHUSDC": {"bookedTradeIds": [3, 7]}}})
    fewer = LedgerRecord.model_validate({"positions": {"ETHUSDC": {"bookedTradeIds": [3]}}, "updatedMs": 9})
    assert newest_ledger(fewer, booked) == booked


def test_of_two_records_of_an_order_the_one_with_more_filled_is_newer_whatever_the_clock_said() -> None:
    journal = JournalState()
    record = order("a", updated_ms=1, filled="0.005")
    journal.apply(Kind.ORDER, {"record": record.to_wire(), "closed": False, "cause": ""})
    stored = StoredState(orders=(order("a", updated_ms=9),))
    (merged,) = merge(journal, THERE, stored, (), clean=False).orders
    assert str(merged.filled) == "0.005"


def test_journal_and_store_are_merged_order_by_order() -> None:
    journal = JournalState()
    for record, closed in ((order("a", updated_ms=5, filled="0.005"), False), (order("c"), False)):
        journal.apply(Kind.ORDER, {"record": record.to_wire(), "closed": closed, "cause": ""})
    journal.apply(Kind.FILL, {"fill": fill(3).to_wire(), "ledger": ledger(3).to_wire()})
    stored = StoredState(ledger=ledger(2, 9), orders=(order("a", updated_ms=1), order("b")))
    restored = merge(journal, THERE, stored, (latch(),), clean=False)
    assert {record.client_id: str(record.filled) for record in restored.orders} == {
        "a": "0.005",
        "b": "0",
        "c": "0",
    }
    assert restored.ledger == ledger(3)
    assert restored.fills == (fill(3),)
    assert not restored.clean


def state(phase: str) -> ReportedState:
    return ReportedState.model_validate(
        {"holder": "x", "epoch": 1, "counter": 1, "phase": phase, "revision": "r", "scope": "s", "symbols": [],
         "capital": "1", "openOrders": 0, "updatedMs": 1}
    )  # fmt: skip


def test_the_journal_says_how_the_last_one_ended_and_without_it_the_reported_state_does() -> None:
    running = JournalState()
    running.apply(Kind.START, {"counter": 1})
    assert not was_clean(running, StoredState())
    running.apply(Kind.STOP, {})
    assert was_clean(running, StoredState(state=state("Quoting")))
    assert was_clean(JournalState(), StoredState())
    assert was_clean(JournalState(), StoredState(state=state("Stopped")))
    assert not was_clean(JournalState(), StoredState(state=state("Quoting")))


def test_the_holder_is_given_or_from_the_environment_or_kept_beside_the_journal(tmp_path: Path) -> None:
    assert resolve_holder("me", {"MM_HOLDER": "pod"}, tmp_path) == "me"
    assert resolve_holder(None, {"MM_HOLDER": "pod"}, tmp_path) == "pod"
    kept = resolve_holder(None, {}, tmp_path)
    assert resolve_holder(None, {}, tmp_path) == kept
    assert len(kept) == 36


def test_no_secret_reaches_a_log_line_and_errors_have_a_file_of_their_own(tmp_path: Path) -> None:
    out = io.StringIO()
    every, errors = tmp_path / "all.jsonl", tmp_path / "errors.jsonl"
    logs.configure(LoggingConfig(file=str(every), error_file=str(errors)), stdout=out, trader="t")
    logs.redactor.register("very-secret-value")
    log: Any = structlog.get_logger("test")
    log.info("one", password="hunter22hunter22", note="it is very-secret-value here", nested={"apiKey": "k"})
    log.error("two", url="http://x")
    log.debug("three")
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [line["event"] for line in lines] == ["one", "two"]
    assert "hunter22" not in out.getvalue()
    assert "very-secret-value" not in out.getvalue()
    assert lines[0]["nested"] == {"apiKey": "***"}
    assert lines[0]["trader"] == "t"
    assert every.read_text() == out.getvalue()
    assert [json.loads(line)["event"] for line in errors.read_text().splitlines()] == ["two"]


def test_the_metrics_page_is_the_catalogue() -> None:
    page = Path(__file__).parents[3] / "docs" / "metrics.md"
    assert page.read_text(encoding="utf-8") == document()
    assert len(METRICS) >= 10
    assert len({metric.name for metric in METRICS}) == len(METRICS)


async def test_a_sweep_is_repeated_until_the_venue_shows_nothing_and_a_person_is_told() -> None:
    clock, gateway, said = ManualClock(), FakeGateway(), []
    gateway.zero_after = ALERT_AFTER + 2

    async def no_pause(_seconds: float) -> None:
        return None

    flattener = Flattener(gateway, ["ETHUSDC"], clock, Alerts([said.append]), no_pause)
    await flattener.until_zero("test")
    assert gateway.sweeps == ALERT_AFTER + 2
    assert [alert.reason for alert in said] == ["ZeroOrdersUnconfirmed"]
    assert flattener.zero_confirmed_ms == clock.wall_ns() // 1_000_000
    flattener.placed()
    assert flattener.zero_confirmed_ms is None


async def test_while_an_order_may_still_land_nothing_open_is_no_confirmation() -> None:
    clock, gateway = ManualClock(), FakeGateway()
    flattener = Flattener(gateway, ["ETHUSDC"], clock, Alerts([]))
    flattener.late_until_ns = clock.monotonic_ns() + 1
    assert await flattener.sweep(1.0)
    assert flattener.zero_confirmed_ms is None
    clock.advance(1)
    assert await flattener.sweep(1.0)
    assert flattener.zero_confirmed_ms == clock.wall_ns() // 1_000_000
    assert flattener.late_until_ns is None


def effects_on(
    tmp_path: Path, *, lease_valid: bool, connected: bool = True
) -> tuple[ShellEffects, FakeGateway, list[Event], PlaceGate]:
    clock, gateway, events = ManualClock(), FakeGateway(), []
    store = MemoryStore("sim.acc1", clock)
    journal = Journal(tmp_path, clock)
    journal.open()
    gate = PlaceGate()
    alerts = Alerts([])
    made = ShellEffects(
        journal=journal,
        gateway=gateway,
        writer=Writer(store, "sim.acc1", lambda _: None, lambda: None),
        alerts=alerts,
        gate=gate,
        flattener=Flattener(gateway, ["ETHUSDC"], clock, alerts),
        clock=clock,
        lease_valid=lambda: lease_valid,
        connected=lambda: connected,
    )
    made.rules, made.emit = {"ETHUSDC": RULES}, events.append
    return made, gateway, events, gate


PLACE = Place(symbol="ETHUSDC", client_id="mm-1", side=Side.BUY, price=200_001, size=100)


@pytest.mark.parametrize(
    ("closed", "lease_valid", "leaves"), [(False, True, True), (True, True, False), (False, False, False)]
)
async def test_a_place_leaves_only_through_an_open_gate_under_a_running_lease(
    tmp_path: Path, closed: bool, lease_valid: bool, leaves: bool
) -> None:
    effects, gateway, events, gate = effects_on(tmp_path, lease_valid=lease_valid)
    if not closed:
        gate.release(Blocker.NO_LEASE)
    effects.place(PLACE)
    assert gateway.submitted == ([PLACE] if leaves else [])
    assert [type(event) for event in events] == ([] if leaves else [CommandDropped])


async def test_a_replacement_that_must_not_leave_becomes_a_plain_cancel(tmp_path: Path) -> None:
    effects, gateway, events, gate = effects_on(tmp_path, lease_valid=True)
    replace = CancelReplace(client_id="mm-0", venue_id=7, place=PLACE)
    effects.replace(replace)
    gate.release(Blocker.NO_LEASE)
    effects.replace(replace)
    assert gateway.submitted == [Cancel(symbol="ETHUSDC", client_id="mm-0", venue_id=7), replace]
    assert [(type(event), event.client_id) for event in events] == [(CommandDropped, "mm-1")]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        (Cancel(symbol="ETHUSDC", client_id="mm-1", venue_id=None), CommandDropped),
        (Amend(symbol="ETHUSDC", client_id="mm-1", venue_id=None, size=1), CommandDropped),
        (QueryOrder(symbol="ETHUSDC", client_id="mm-1"), QueryFailed),
        (RequestReconcile(symbol="ETHUSDC", from_trade_id=0, cause="start"), ReconcileFailed),
        (CancelAllOwn(symbol="ETHUSDC"), ReconcileFailed),
    ],
)
async def test_without_a_connection_a_command_is_answered_and_nothing_breaks(
    tmp_path: Path, command: Command, answer: type[Event]
) -> None:
    """A pod deleted while it starts has a kernel that asks about old orders, and no gateway to ask."""
    effects, gateway, events, _gate = effects_on(tmp_path, lease_valid=True, connected=False)
    effects.submit(command)
    assert gateway.submitted == []
    assert [type(event) for event in events] == [answer]


async def test_a_place_is_in_the_journal_before_it_is_with_the_gateway(tmp_path: Path) -> None:
    effects, gateway, _events, gate = effects_on(tmp_path, lease_valid=True)
    gate.release(Blocker.NO_LEASE)
    journaled: list[int] = []
    gateway.submit = lambda _: journaled.append(
        len(next(iter(tmp_path.glob("*.jsonl"))).read_bytes().splitlines())
    )
    effects.place(PLACE)
    assert journaled == [2]  # the checkpoint and the order


async def test_a_task_that_swallows_a_cancellation_is_cancelled_again() -> None:
    swallowed: list[int] = []

    async def stubborn() -> None:
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                if swallowed:
                    raise
                swallowed.append(1)

    tasks = Tasks(lambda *_: None)
    tasks.spawn(stubborn(), "stubborn")
    await yield_to_others()
    await tasks.cancel()
    assert swallowed == [1]


async def test_a_task_that_fails_is_reported_with_its_name() -> None:
    failed: list[str] = []

    async def failing() -> None:
        raise ZeroDivisionError("a bug")

    tasks = Tasks(lambda _error, name: failed.append(name))
    tasks.spawn(failing(), "failing")
    await yield_to_others()
    assert failed == ["failing"]
