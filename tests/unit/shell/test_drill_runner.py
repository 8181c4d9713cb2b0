"""Drills on a desk of plain values and a clock that is moved: each ends, each once, and what goes wrong is said."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from mm_api.drills import DrillName, DrillRecord
from mm_api.engine_config import EngineSpec
from mm_api.kinds.common import Environment
from mm_api.redis_contract import Evidence, TraderPhase
from mm_trader.core.clock import ManualClock
from mm_trader.shell.drills.rig import DrillRig
from mm_trader.shell.drills.runner import DrillRunner
from mm_trader.shell.tasks import Tasks

S = 1_000_000_000


@dataclass
class Desk:
    """A trader that quotes, as a drill sees one."""

    clock: ManualClock = field(default_factory=ManualClock)
    counters: dict[str, int] = field(default_factory=dict)
    environment: str = "simulator"
    quoting: bool = True
    unknown: int = 0
    stored: bool = True
    failures_to_open: int = 6
    failures: list[BaseException] = field(default_factory=list)
    deaths: list[dict[DrillName, DrillRecord]] = field(default_factory=list)

    def __post_init__(self) -> None:
        venue = SimpleNamespace(environment=Environment(self.environment))
        breaker = SimpleNamespace(failures=self.failures_to_open, open_for=timedelta(seconds=2))
        risk = SimpleNamespace(breaker=breaker, max_reject_streak=20)
        self.config: Any = SimpleNamespace(venue=venue, risk=risk, engine=EngineSpec())
        self.reconnects = {"market": 0, "user": 0}
        gateway = SimpleNamespace(health=self._health, drop_connections=self._cut)
        self.runner = DrillRunner(
            self,
            DrillRig(gateway, self.clock),  # type: ignore[arg-type]  # what a drill uses of it
            Tasks(lambda error, name: self.failures.append(error)),
            self._sleep,
            lambda: self.deaths.append(dict(self.runner.records)),
        )

    def _health(self) -> Any:
        return SimpleNamespace(streams=dict.fromkeys(self.reconnects, True), reconnects=dict(self.reconnects))

    def _cut(self) -> None:
        self.reconnects = {stream: number + 1 for stream, number in self.reconnects.items()}
        self.counters["reconcile_runs"] = self.counters.get("reconcile_runs", 0) + 1

    async def _sleep(self, seconds: float) -> None:
        self.clock.advance(round(seconds * S))
        await asyncio.sleep(0)

    def kernel_status(self) -> Any:
        return SimpleNamespace(open_orders=2, unknown_orders=self.unknown, breakers={"orders": "closed"})

    def evidence(self) -> Evidence:
        return Evidence(scope="r", revision="r", started_ms=1, updated_ms=1, **self.counters)

    def phase(self) -> TraderPhase:
        return TraderPhase.QUOTING if self.quoting else TraderPhase.HALTED

    async def flushed(self) -> bool:
        return self.stored

    async def ended(self, name: DrillName) -> DrillRecord:
        async with asyncio.timeout(5):
            while name not in self.runner.records or self.runner.records[name].state == "Running":
                await asyncio.sleep(0)
        return self.runner.records[name]


async def test_a_disconnect_passes_when_all_is_made_anew_and_compared() -> None:
    desk = Desk()
    desk.runner.ask(DrillName.DISCONNECT)
    record = await desk.ended(DrillName.DISCONNECT)
    assert (record.state, record.spent) == ("Passed", {})
    desk.runner.ask(DrillName.DISCONNECT)
    assert desk.reconnects == {"market": 1, "user": 1}, "each once"


@pytest.mark.parametrize(
    ("desk", "drill", "says"),
    [
        (Desk(environment="mainnet"), DrillName.DISCONNECT, "not with real money"),
        (Desk(quoting=False), DrillName.DISCONNECT, "did not quote to begin with"),
        (Desk(unknown=1), DrillName.DISCONNECT, "stayed unknown"),
        (Desk(), DrillName.ORDER_TIMEOUT, "no order was placed that could be lost"),
        (Desk(), DrillName.CIRCUIT_BREAKER, "the breaker did not open"),
        (Desk(failures_to_open=20), DrillName.CIRCUIT_BREAKER, "the streak would halt"),
        (Desk(stored=False), DrillName.KILL_AND_RECOVER, "the store did not take the note"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_what_goes_wrong_is_said(desk: Desk, drill: DrillName, says: str) -> None:
    desk.runner.ask(drill)
    record = await desk.ended(drill)
    assert record.state == "Failed"
    assert says in record.message
    assert desk.runner._rig.fault == "none", "disarmed whatever happened"
    assert desk.deaths == []


async def test_a_kill_is_announced_with_its_cost_before_it_happens() -> None:
    desk = Desk()
    desk.runner.ask(DrillName.KILL_AND_RECOVER)
    await desk.ended(DrillName.KILL_AND_RECOVER)
    (left,) = desk.deaths
    record = left[DrillName.KILL_AND_RECOVER]
    assert (record.state, record.spent) == ("Running", {"unclean_stops": 1})


def under_way(name: DrillName, **counters: int) -> Evidence:
    record = DrillRecord(state="Running", started_ms=0, spent={"unclean_stops": 1})
    return Evidence(scope="r", revision="r", started_ms=1, updated_ms=1, drills={name: record}, **counters)


async def test_the_next_incarnation_ends_the_kill() -> None:
    desk = Desk(counters={"unclean_stops": 1, "fills": 7, "reconcile_runs": 4})
    desk.runner.restore(under_way(DrillName.KILL_AND_RECOVER, fills=7, reconcile_runs=3))
    record = await desk.ended(DrillName.KILL_AND_RECOVER)
    assert (record.state, record.spent) == ("Passed", {"unclean_stops": 1})


async def test_fills_that_are_gone_after_the_kill_fail_it() -> None:
    desk = Desk(counters={"unclean_stops": 1, "fills": 6, "reconcile_runs": 4})
    desk.runner.restore(under_way(DrillName.KILL_AND_RECOVER, fills=7, reconcile_runs=3))
    assert (await desk.ended(DrillName.KILL_AND_RECOVER)).state == "Failed"


async def test_a_process_that_ended_in_the_middle_of_another_drill_has_failed_it() -> None:
    desk = Desk()
    desk.runner.restore(under_way(DrillName.ORDER_TIMEOUT))
    record = desk.runner.records[DrillName.ORDER_TIMEOUT]
    assert (record.state, record.message) == ("Failed", "the process ended in the middle of it")
