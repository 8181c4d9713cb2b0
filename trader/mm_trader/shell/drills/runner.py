"""Runs one drill after the other and keeps what became of each in the evidence. docs/rollout.md says what each one shows.

A drill is begun only while the trader quotes, and never with real money. Whatever happens in it, the rig is disarmed in the end.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from typing import NoReturn, Protocol

import structlog

from mm_api.drills import BY_THE_OPERATOR, DrillName, DrillRecord
from mm_api.kinds.common import Environment
from mm_api.redis_contract import Evidence, TraderPhase
from mm_api.trader_config import TraderConfig
from mm_trader.core.clock import Clock
from mm_trader.core.state import KernelStatus
from mm_trader.core.units import NS_PER_MS, NS_PER_S
from mm_trader.shell.drills.rig import DrillRig, Fault
from mm_trader.shell.lifecycle import PartHealth
from mm_trader.shell.tasks import Tasks

LOOK_S = 0.05
QUOTE_S = 60.0
"""For quotes to be there before a drill, and again after it."""
ORDER_S = 300.0
"""For the market to make the trader place as many orders as the drill needs."""
RESOLVE_S = 60.0
"""For the venue to be asked and to answer, beyond the order's time-out."""
KILLED = 137
"""Exit status of a process that was killed."""
SPENDABLE = ("orders_rejected", "orders_unknown", "unclean_stops")
log = structlog.get_logger("drills")


class DrillError(Exception):
    """The trader did not come out of it clean; the message says how."""


class Desk(Protocol):
    """What a drill looks at: the app."""

    config: TraderConfig
    clock: Clock

    def kernel_status(self) -> KernelStatus | None:
        """The kernel's own word."""
        ...

    def evidence(self) -> Evidence | None:
        """The counters now. None: no kernel."""
        ...

    def phase(self) -> TraderPhase:
        """What the trader does."""
        ...

    async def flushed(self) -> bool:
        """Report, and wait until the store has it. False: it does not come to have it."""
        ...


def vanish() -> NoReturn:
    """End this very instant as a kill does: no goodbye, nothing flushed. (A container's first process cannot kill itself by a signal.)"""
    os._exit(KILLED)


class DrillRunner:
    """Of one process, and a part of its lifecycle. `records` is what the evidence carries."""

    name = "drills"

    def __init__(
        self,
        desk: Desk,
        rig: DrillRig,
        tasks: Tasks,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        kill: Callable[[], None] = vanish,
    ) -> None:
        self._desk = desk
        self._rig = rig
        self._tasks = tasks
        self._sleep = sleep
        self._kill = kill
        self._busy = False
        self.records: dict[DrillName, DrillRecord] = {}
        self._drills: Mapping[DrillName, Callable[[], Awaitable[str]]] = {
            DrillName.DISCONNECT: self._disconnect,
            DrillName.ORDER_TIMEOUT: self._order_timeout,
            DrillName.CIRCUIT_BREAKER: self._circuit_breaker,
            DrillName.KILL_AND_RECOVER: self._kill_and_recover,
        }

    def ask(self, name: DrillName) -> None:
        """Begin it, unless it was run in this scope, or another one is under way."""
        if name in self.records or self._busy or name in BY_THE_OPERATOR:
            log.info("drill_not_begun", drill=name.value, busy=self._busy)
            return
        self._busy = True
        self._tasks.spawn(self._run(name), f"drill-{name.value}")

    def restore(self, stored: Evidence | None) -> None:
        """What earlier incarnations of this scope have run. One that was killed for a drill finds it under way, and ends it."""
        if stored is None or self.records:
            return
        self.records = dict(stored.drills)
        for name, record in stored.drills.items():
            if record.state != "Running":
                continue
            if name is DrillName.KILL_AND_RECOVER and not self._busy:
                self._busy = True
                self._tasks.spawn(self._recovered(record, stored), "drill-recovery")
            else:
                self._end(name, record, "Failed", "the process ended in the middle of it")

    async def start(self) -> None:
        """Nothing to do: drills come when they are asked for."""

    async def stop(self) -> None:
        """Leave off."""
        await self._tasks.cancel()

    def health(self) -> PartHealth:
        """A drill that fails is the stage's matter, not the process's."""
        running = [name.value for name, record in self.records.items() if record.state == "Running"]
        return PartHealth(healthy=True, detail=", ".join(running) or "none under way")

    async def _run(self, name: DrillName) -> None:
        record = DrillRecord(state="Running", started_ms=self._now_ms())
        self.records[name] = record
        log.info("drill_begins", drill=name.value)
        before: Evidence | None = None
        try:
            if self._desk.config.venue.environment is Environment.MAINNET:
                raise DrillError("not with real money")
            await self._until(self._quotes, QUOTE_S, "it did not quote to begin with")
            before = self._desk.evidence()
            state, message = "Passed", await self._drills[name]()
        except DrillError as error:
            state, message = "Failed", str(error)
        finally:
            self._rig.arm(Fault.NONE)
            self._busy = False
        self._end(name, record, state, message, self._spent(before))

    def _end(
        self,
        name: DrillName,
        record: DrillRecord,
        state: str,
        message: str,
        spent: dict[str, int] | None = None,
    ) -> None:
        self.records[name] = record.model_copy(
            update={
                "state": state,
                "ended_ms": self._now_ms(),
                "message": message[:500],
                "spent": spent or {},
            }
        )
        log.info("drill_ended", drill=name.value, state=state, message=message)

    def _spent(self, before: Evidence | None) -> dict[str, int]:
        after = self._desk.evidence()
        if before is None or after is None:
            return {}
        moved = {name: getattr(after, name) - getattr(before, name) for name in SPENDABLE}
        return {name: by for name, by in moved.items() if by > 0}

    # --- the drills ---------------------------------------------------------------------------------------------------------------------

    async def _disconnect(self) -> str:
        """All connections cut at once: no quote rests on what is not heard, all is compared with the venue, and it quotes again."""
        began, before = self._desk.clock.monotonic_ns(), self._evidence().reconcile_runs
        made = self._rig.health().reconnects
        self._rig.drop_connections()
        # a new connection may be there before anybody has looked, so what counts is that there was one
        await self._until(
            lambda: self._made_anew(made), RESOLVE_S, "the connections were not cut and made anew"
        )
        await self._until(
            lambda: self._evidence().reconcile_runs > before, RESOLVE_S, "nothing was compared with the venue"
        )
        await self._clean()
        return f"all connections cut: reconciled and quoting again after {self._since(began):.1f} s"

    async def _order_timeout(self) -> str:
        """An order is lost on its way: it counts as UNKNOWN after its time-out, the venue is asked, and the answer settles it."""
        before = self._evidence().orders_unknown
        self._rig.arm(Fault.LOSE_ONE)
        await self._until(
            lambda: self._rig.lost is not None, ORDER_S, "no order was placed that could be lost"
        )
        began = self._desk.clock.monotonic_ns()
        timeout = self._desk.config.engine.order_timeout.total_seconds() + RESOLVE_S
        await self._until(
            lambda: self._evidence().orders_unknown > before,
            timeout,
            "an order without an answer was not noticed",
        )
        noticed = self._since(began)
        await self._clean()
        return f"an order was lost: UNKNOWN after {noticed:.1f} s, the venue was asked, settled after {self._since(began):.1f} s"

    async def _circuit_breaker(self) -> str:
        """The venue refuses every order: the breaker opens, nothing more is placed while it is open, and it closes when orders pass again."""
        risk = self._desk.config.risk
        if risk.breaker.failures >= risk.max_reject_streak:
            raise DrillError(
                "risk.breaker.failures is not below risk.maxRejectStreak: the streak would halt before the breaker opens"
            )
        self._rig.arm(Fault.REFUSE)
        await self._until(lambda: self._breaker() == "open", ORDER_S, "the breaker did not open")
        refused = self._rig.touched
        # well within the time it stays open; one more would be the probe of a loop that was late
        await self._sleep(risk.breaker.open_for.total_seconds() / 2)
        if self._rig.touched > refused + 1:
            raise DrillError(f"{self._rig.touched - refused} orders left while the breaker was open")
        self._rig.arm(Fault.NONE)
        await self._until(lambda: self._breaker() == "closed", ORDER_S, "the breaker did not close again")
        await self._clean()
        return f"opened after {refused} refusals, held orders back, closed when they passed, and quotes again"

    async def _kill_and_recover(self) -> str:
        """Killed without a goodbye, after the store knows that this is a drill. The next incarnation ends it, by `restore`."""
        name = DrillName.KILL_AND_RECOVER
        # said beforehand: the next incarnation counts an unclean stop before it can say why
        self.records[name] = self.records[name].model_copy(update={"spent": {"unclean_stops": 1}})
        if not await self._desk.flushed():
            raise DrillError("the store did not take the note that this is a drill")
        log.warning("drill_kills_the_process")
        self._kill()
        raise DrillError("the process did not end")

    async def _recovered(self, record: DrillRecord, stored: Evidence) -> None:
        spent: dict[str, int] = {}
        try:
            await self._until(lambda: self._desk.evidence() is not None, QUOTE_S, "no kernel came up again")
            spent = self._spent(stored)
            await self._clean()
            found = self._evidence()
            if found.fills < stored.fills or found.orders_placed < stored.orders_placed:
                raise DrillError("fills or orders that were counted before are gone")
            if found.reconcile_runs <= stored.reconcile_runs:
                raise DrillError("nothing was compared with the venue")
            took = (self._now_ms() - record.started_ms) / 1000
            state, message = "Passed", f"killed: recovered, reconciled and quoting again after {took:.1f} s"
        except DrillError as error:
            state, message = "Failed", str(error)
        finally:
            self._busy = False
        self._end(DrillName.KILL_AND_RECOVER, record, state, message, spent)

    # --- looking ------------------------------------------------------------------------------------------------------------------------

    async def _clean(self) -> None:
        """Nothing unknown, no anomaly now, and quotes."""
        await self._until(lambda: self._unknown() == 0, RESOLVE_S, "an order stayed unknown")
        await self._until(self._quotes, QUOTE_S, "it did not quote again")

    async def _until(self, look: Callable[[], bool], timeout_s: float, otherwise: str) -> None:
        """Raises DrillError with the message when it does not come true in time."""
        end = self._desk.clock.monotonic_ns() + round(timeout_s * NS_PER_S)
        while not look():
            if self._desk.clock.monotonic_ns() >= end:
                raise DrillError(otherwise)
            await self._sleep(LOOK_S)

    def _quotes(self) -> bool:
        status = self._desk.kernel_status()
        return status is not None and self._desk.phase() is TraderPhase.QUOTING and status.open_orders > 0

    def _unknown(self) -> int:
        status = self._desk.kernel_status()
        return status.unknown_orders if status is not None else 1

    def _breaker(self) -> str:
        status = self._desk.kernel_status()
        return status.breakers.get("orders", "") if status is not None else ""

    def _made_anew(self, before: Mapping[str, int]) -> bool:
        health = self._rig.health()
        again = all(health.reconnects.get(stream, 0) > number for stream, number in before.items())
        return bool(before) and again and all(health.streams.values())

    def _evidence(self) -> Evidence:
        found = self._desk.evidence()
        if found is None:
            raise DrillError("there is no kernel")
        return found

    def _since(self, began_ns: int) -> float:
        return (self._desk.clock.monotonic_ns() - began_ns) / NS_PER_S

    def _now_ms(self) -> int:
        return self._desk.clock.wall_ns() // NS_PER_MS
