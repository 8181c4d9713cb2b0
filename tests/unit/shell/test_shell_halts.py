"""Halts: what stops trading, how it becomes durable, how it is lifted, and what happens when the store forgets."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from shell_doubles import latch, yield_to_others
from structlog.testing import capture_logs

from mm_api.redis_contract import AlertRecord, Keys
from mm_trader.core.clock import ManualClock
from mm_trader.core.events import Event, HaltDurable, HaltLifted, HaltsChanged
from mm_trader.core.units import NS_PER_MS, NS_PER_S
from mm_trader.shell.alerts import Alerts
from mm_trader.shell.gate import Blocker, PlaceGate
from mm_trader.shell.halts import Halts
from mm_trader.shell.journal import Journal
from mm_trader.shell.store.memory import MemoryStore
from mm_trader.shell.store.port import LatchView, Token

IDENTITY = "sim.acc1"


class World:
    """Halts on a memory store and a real journal."""

    def __init__(self, directory: Path) -> None:
        self.clock = ManualClock()
        self.store = MemoryStore(IDENTITY, self.clock)
        self.journal = Journal(directory, self.clock)
        self.disk = asyncio.Event()
        self.disk.set()
        self.journal.sync = self.disk.wait  # type: ignore[assignment,method-assign] # no thread: its end is no turn of the loop
        self.journal.open()
        self.gate = PlaceGate()
        self.gate.release(Blocker.NO_LEASE)
        self.events: list[Event] = []
        self.alerts: list[AlertRecord] = []
        self.stopped = 0
        self.halts = Halts(
            self.store,
            self.journal,
            self.gate,
            Alerts([self.alerts.append]),
            IDENTITY,
            self.clock,
            self.events.append,
            self._on_stopped,
        )

    def _on_stopped(self) -> None:
        self.stopped += 1

    async def hold_lease(self) -> None:
        answer = await self.store.acquire("pod-a", 60_000, 1, issue_own=True)
        self.halts.use_token(Token(holder="pod-a", epoch=1, counter=answer.counter))
        await yield_to_others()

    def of(self, kind: type[Event]) -> list[Event]:
        return [event for event in self.events if isinstance(event, kind)]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = World(tmp_path)
    task = asyncio.create_task(made.halts.run_writer())
    yield made
    task.cancel()
    made.journal.close()


async def test_people_are_told_of_a_halt_of_the_shells_own_and_once_of_the_kernels(
    world: World,
) -> None:
    """An internal error halted without a word to mail, webhook and pager: only the kernel told them of its own."""
    with capture_logs() as lines:
        world.halts.raise_halt(latch("risk-InternalError-1"))
    assert [(alert.kind, alert.severity, alert.halt_id) for alert in world.alerts] == [
        ("Halt", "critical", "risk-InternalError-1")
    ]
    (said,) = [line for line in lines if line["event"] == "halt_raised"]
    assert (said["log_level"], said["halt_level"]) == ("error", "Halted"), (
        "the line's level is not the halt's"
    )
    world.halts.raise_halt(latch("risk-2"), told=True)
    assert len(world.alerts) == 1


async def test_a_raised_halt_blocks_places_is_on_disk_and_then_in_the_store_with_an_alert(
    world: World,
) -> None:
    await world.hold_lease()
    world.halts.raise_halt(latch("risk-1"))
    assert world.gate.blockers == (Blocker.HALT,)
    assert [entry.id for entry in world.journal.state.latches] == ["risk-1"]
    assert world.of(HaltDurable) == []
    await yield_to_others()
    assert [entry.id for entry in (await world.store.latches()).latches] == ["risk-1"]
    assert len(world.store.stream(Keys(IDENTITY).alerts)) == 1
    (durable,) = world.of(HaltDurable)
    assert isinstance(durable, HaltDurable)
    assert durable.halt_id == "risk-1"


async def test_nobody_is_told_that_a_halt_is_durable_before_it_is_on_disk(world: World) -> None:
    await world.hold_lease()
    world.disk.clear()
    world.halts.raise_halt(latch("risk-1"))
    await yield_to_others()
    assert world.gate.closed
    assert world.of(HaltDurable) == []
    assert (await world.store.latches()).latches == ()
    world.disk.set()
    await yield_to_others()
    assert len(world.of(HaltDurable)) == 1


async def test_without_a_lease_a_halt_waits_and_still_holds(world: World) -> None:
    world.halts.raise_halt(latch("risk-1"))
    await yield_to_others()
    assert world.halts.pending == 1
    assert world.gate.closed
    await world.hold_lease()
    assert world.halts.pending == 0


async def test_a_halt_that_is_not_in_the_store_yet_survives_a_look_at_the_store(world: World) -> None:
    world.halts.raise_halt(latch("risk-1"))
    await world.halts.refresh()
    assert [entry.id for entry in world.halts.current] == ["risk-1"]
    assert world.gate.closed


async def test_an_acknowledged_halt_is_lifted_everywhere(world: World) -> None:
    await world.hold_lease()
    world.halts.raise_halt(latch("risk-1"))
    await yield_to_others()
    await world.store.lift("risk-1")
    await world.halts.refresh()
    assert world.halts.current == ()
    assert not world.gate.closed
    assert world.journal.state.latches == ()
    assert [event.halt_id for event in world.of(HaltLifted) if isinstance(event, HaltLifted)] == ["risk-1"]
    assert [record.kind for record in world.alerts] == ["Halt", "HaltLifted"]


async def test_a_halt_of_the_operators_that_the_store_lost_is_obeyed_on_set_again_and_lifted_by_its_id(
    world: World,
) -> None:
    await world.hold_lease()
    halt = latch("halt-1")
    await world.store.set_latch(halt)
    await world.halts.refresh()
    assert world.gate.closed
    world.store.forget()
    await world.halts.refresh()
    assert world.gate.closed
    assert world.halts.current == (halt,)
    await world.hold_lease()
    assert (await world.store.latches()).latches == (halt,)
    await world.store.lift("halt-1")
    await world.halts.refresh()
    assert not world.gate.closed
    assert not world.halts.current


async def test_a_halt_that_the_store_lost_is_set_again(world: World) -> None:
    await world.hold_lease()
    world.halts.raise_halt(latch("risk-1"))
    await yield_to_others()
    world.store.forget()
    await world.hold_lease()
    await world.halts.refresh()
    assert world.gate.closed
    await yield_to_others()
    assert [entry.id for entry in (await world.store.latches()).latches] == ["risk-1"]


async def test_a_pause_that_ends_accepts_no_loss(world: World) -> None:
    await world.store.set_latch(latch("pause", "Pause"))
    await world.halts.refresh()
    assert world.gate.closed
    await world.store.lift("pause")
    await world.halts.refresh()
    assert not world.gate.closed
    assert world.of(HaltLifted) == []


async def test_a_pause_that_is_set_again_after_it_was_lifted_holds(world: World) -> None:
    await world.store.set_latch(latch("pause", "Pause"))
    await world.halts.refresh()
    await world.store.lift("pause")
    await world.halts.refresh()
    await world.store.set_latch(latch("pause", "Pause", atMs=2))
    await world.halts.refresh()
    assert world.gate.closed


async def test_a_pause_that_an_older_store_takes_for_lifted_is_obeyed_on_and_set_again_until_it_is_lifted(
    world: World,
) -> None:
    await world.hold_lease()
    await world.store.set_latch(latch("pause", "Pause"))
    await world.halts.refresh()
    await world.store.lift("pause")
    await world.halts.refresh()
    assert not world.gate.closed
    older = world.store.snapshot()
    world.clock.advance(NS_PER_S)
    again = latch("pause", "Pause", atMs=world.clock.wall_ns() // NS_PER_MS)
    await world.store.set_latch(again)
    await world.halts.refresh()
    world.store.go_back(older)
    await world.halts.refresh()
    assert world.halts.current == (again,)
    await yield_to_others()
    assert (await world.store.latches()).latches == (again,)
    world.clock.advance(NS_PER_S)
    await world.store.lift("pause")
    await world.halts.refresh()
    assert not world.gate.closed


@pytest.mark.parametrize(
    ("lifted", "source", "at_ms", "expected"),
    [
        ({}, "Pause", 5, False),
        ({"x": 5}, "Pause", 5, True),
        ({"x": 4}, "Pause", 5, False),
        ({"x": 4}, "TradingHalt", 5, False),
        ({"x": None}, "Pause", 5, True),
        ({"x": 4}, "Risk", 5, True),
        ({"x": 4}, "Alert", 5, True),
    ],
)
def test_a_lift_counts_for_halts_set_until_then_and_where_ids_are_used_once_always(
    lifted: dict[str, int | None], source: str, at_ms: int, expected: bool
) -> None:
    view = LatchView(latches=(), lifted=lifted)
    assert view.has_lifted(latch("x", source, atMs=at_ms)) is expected


@pytest.mark.parametrize(("level", "closed"), [("ReduceOnly", False), ("Halted", True), ("Hibernated", True)])
async def test_only_halted_and_deeper_close_the_gate(world: World, level: str, closed: bool) -> None:
    await world.store.set_latch(latch("th-1", "TradingHalt", level))
    await world.halts.refresh()
    assert world.gate.closed is closed
    assert world.stopped == int(closed)
    assert len(world.of(HaltsChanged)) == 1


async def test_the_journals_halts_hold_before_the_store_was_asked(tmp_path: Path) -> None:
    first = World(tmp_path)
    first.halts.raise_halt(latch("risk-1"))
    first.journal.close()
    second = World(tmp_path)
    second.halts.restore()
    assert second.gate.closed
    second.journal.close()


async def test_looking_twice_at_the_same_halts_says_nothing_twice(world: World) -> None:
    await world.store.set_latch(latch("pause", "Pause"))
    await world.halts.refresh()
    await world.halts.refresh()
    assert len(world.of(HaltsChanged)) == 1
    assert world.stopped == 1


async def test_a_full_disk_stops_no_halt_and_the_store_has_it_alone(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_fd: int, _data: bytes) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    async def unsyncable() -> None:
        full(0, b"")

    monkeypatch.setattr("mm_trader.shell.journal._write_all", full)
    monkeypatch.setattr(world.journal, "sync", unsyncable)
    await world.hold_lease()
    world.halts.raise_halt(latch("risk-1"))
    assert world.gate.closed and world.stopped == 1
    await yield_to_others()
    assert [entry.id for entry in (await world.store.latches()).latches] == ["risk-1"]
    assert len(world.of(HaltDurable)) == 1
