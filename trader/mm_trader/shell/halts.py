"""Halts: read from the store, raised by the kernel, remembered by the journal. A halt stops places before anything else is done about it.

Raising: close the gate → journal (synced behind the cancels) → store with an alert, in one commit, repeated until it is there → the kernel: durable.
Reading: before any other start-up step, on every command, on every reconnect, with every renewal of the lease. A halt of the journal, or one obeyed
until now, that the store has neither as a latch nor as lifted was lost with the store's data: it is obeyed on, and set again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from mm_api.kinds.common import HaltLevel
from mm_api.redis_contract import AlertRecord, Keys, Latch, LatchSource
from mm_trader.core.clock import Clock
from mm_trader.core.events import Event, HaltDurable, HaltLifted, HaltsChanged
from mm_trader.core.units import NS_PER_MS
from mm_trader.shell.alerts import Alerts
from mm_trader.shell.errors import StoreRefusedError, StoreUnavailableError
from mm_trader.shell.gate import Blocker, PlaceGate
from mm_trader.shell.journal import Journal
from mm_trader.shell.store.port import LatchView, Operation, Store, Token
from mm_trader.shell.writer import stream_entry

RETRY_S = 0.1
log = structlog.get_logger("halts")


def deepest(latches: tuple[Latch, ...]) -> HaltLevel:
    """The level that is obeyed."""
    return max((latch.level for latch in latches), key=lambda level: level.depth, default=HaltLevel.NONE)


class Halts:
    """All halts of the identity, as this process knows them."""

    def __init__(
        self,
        store: Store,
        journal: Journal,
        gate: PlaceGate,
        alerts: Alerts,
        identity: str,
        clock: Clock,
        emit: Callable[[Event], None],
        on_stopped: Callable[[], None],
    ) -> None:
        """`emit`: the dispatcher's sink. `on_stopped`: called when trading has just been stopped by a halt."""
        self._store = store
        self._journal = journal
        self._gate = gate
        self._alerts = alerts
        self._keys = Keys(identity)
        self._clock = clock
        self._emit = emit
        self._on_stopped = on_stopped
        self._token: Token | None = None
        self._pending: dict[str, Latch] = {}
        self._on_disk: set[str] = set()
        """Pending ones whose journal line has been synced, or could not be."""
        self._reading = asyncio.Lock()
        self._wake = asyncio.Event()
        self._look = asyncio.Event()
        self.current: tuple[Latch, ...] = ()
        self.read_once = asyncio.Event()
        """Set after the first successful look at the store."""
        self._problem = ""

    @property
    def level(self) -> HaltLevel:
        """Deepest level of all halts."""
        return deepest(self.current)

    @property
    def pending(self) -> int:
        """Own halts that the store does not have yet."""
        return len(self._pending)

    def own_alerts(self) -> list[AlertRecord]:
        """Of the trader's own halts that stand, each as it was told when it was raised."""
        return [self._alert(latch) for latch in self.current if latch.source is LatchSource.RISK]

    def restore(self) -> None:
        """Obey the journal's halts until the store has been asked. Call once, before anything else starts."""
        self._adopt(self._journal.state.latches)

    def use_token(self, token: Token | None) -> None:
        """Write under this token from now on; None: wait."""
        self._token = token
        self._wake.set()

    def raise_halt(self, latch: Latch, *, told: bool = False) -> None:
        """Stop now; durable later, and said so by HaltDurable. A journal that cannot be written stops nothing of this: the store has to take it alone.

        `told`: people are told of it by whoever raised it, as the kernel does.
        """
        self._gate.block(Blocker.HALT)
        try:
            self._journal.latch(latch)
        except OSError as error:
            log.warning("halt_not_journaled", halt_id=latch.id, reason=str(error))
        self._pending[latch.id] = latch
        self._adopt((*(known for known in self.current if known.id != latch.id), latch))
        self._wake.set()
        log.error(
            "halt_raised",
            halt_id=latch.id,
            halt_level=latch.level.value,
            reason=latch.reason,
            message=latch.message,
        )
        if latch.source is LatchSource.RISK and not told:
            self._alerts.send(self._alert(latch))

    def look(self) -> None:
        """Read the store's halts soon."""
        self._look.set()

    async def refresh(self) -> None:
        """Read the store's halts now. Raises StoreUnavailableError, StoreRefusedError."""
        async with self._reading:  # an older answer must never be adopted after a newer one
            view = await self._store.latches()
            self._set_again_what_was_lost(view)
            own = {latch.id: latch for latch in self._known()} | self._pending
            found = {halt_id: latch for halt_id, latch in own.items() if not view.has_lifted(latch)}
            found |= {latch.id: latch for latch in view.latches}
            lifted = [latch for latch in self.current if latch.id not in found]
            self._adopt(tuple(latch for _, latch in sorted(found.items())))
            for latch in lifted:
                self._lifted(latch)
        self.read_once.set()

    def _known(self) -> tuple[Latch, ...]:
        """The journal's, and all that are obeyed now: a halt of the operator's that is gone without an acknowledgement was lost, too."""
        return (*self.current, *self._journal.state.latches)

    def _set_again_what_was_lost(self, view: LatchView) -> None:
        there = {latch.id for latch in view.latches}
        for latch in self._known():
            lost = latch.id not in there and not view.has_lifted(latch)
            if lost and latch.id not in self._pending:
                log.warning("halt_lost_by_store", halt_id=latch.id)
                self._pending[latch.id] = latch
                self._wake.set()

    def _lifted(self, latch: Latch) -> None:
        self._pending.pop(latch.id, None)
        log.warning("halt_lifted", halt_id=latch.id, source=latch.source.value)
        if latch.source.needs_acknowledgement:
            # a pause or hand-over ends with its cause and accepts no loss: limits go on counting
            self._emit(HaltLifted(ts=self._clock.monotonic_ns(), halt_id=latch.id))
            self._alerts.send(
                AlertRecord(
                    kind="HaltLifted",
                    severity="warning",
                    at_ms=self._clock.wall_ns() // NS_PER_MS,
                    reason=latch.reason,
                    message="acknowledged by a person",
                    halt_id=latch.id,
                )
            )
        if latch.id in self._journal.state.latches_json:
            try:
                self._journal.lifted(latch.id)
            except OSError as error:  # the store has the acknowledgement; without it the halt would come back
                log.warning("lift_not_journaled", halt_id=latch.id, reason=str(error))

    def _adopt(self, latches: tuple[Latch, ...]) -> None:
        if latches == self.current:
            return
        was = self.level
        self.current = latches
        stopped = self.level.depth >= HaltLevel.HALTED.depth
        if stopped:
            self._gate.block(Blocker.HALT)
        self._emit(HaltsChanged(ts=self._clock.monotonic_ns(), latches=latches))
        if not stopped:
            self._gate.release(Blocker.HALT)
        if self.level is not was:
            log.warning(
                "halt_level_changed", was=was.value, now=self.level.value, halts=[h.id for h in latches]
            )
        if stopped and was.depth < HaltLevel.HALTED.depth:
            self._on_stopped()

    # --- tasks --------------------------------------------------------------------------------------------------------------------------

    async def run_writer(self) -> None:
        """Bring own halts into the store, for ever."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._pending:
                await self._to_disk()
                if self._token is None:
                    break
                if not await self._write_pending(self._token):
                    await asyncio.sleep(RETRY_S)

    async def _to_disk(self) -> None:
        """Before anybody is told that a halt is durable. It does not hold up the cancels: they are on their way to the socket while the disk works."""
        new = self._pending.keys() - self._on_disk
        if not new:
            return
        try:
            await self._journal.sync()
        except OSError as error:
            log.warning(
                "halt_not_on_disk", reason=str(error), halts=sorted(new)
            )  # the store may still take it
        self._on_disk = (self._on_disk | new) & self._pending.keys()

    async def run_reader(self) -> None:
        """Look at the store whenever asked to, and again until it answers."""
        while True:
            await self._look.wait()
            self._look.clear()
            try:
                await self.refresh()
            except (StoreUnavailableError, StoreRefusedError) as error:
                self._report(str(error))
                await asyncio.sleep(RETRY_S)
                self._look.set()
            else:
                self._report("")

    async def _write_pending(self, token: Token) -> bool:
        latches = [latch for latch in self._pending.values() if latch.id in self._on_disk]
        operations = []
        for latch in latches:
            operations.append(
                Operation(command="HSET", key=self._keys.latches, arguments=(latch.id, latch.to_json_line()))
            )
            operations.append(stream_entry(self._keys.alerts, "alert", self._alert(latch).to_json_line()))
        try:
            refusal = await self._store.commit(token, operations)
        except (StoreUnavailableError, StoreRefusedError) as error:
            self._report(str(error))
            return False
        if refusal is not None:
            self._report(f"refused: {refusal.value}")
            if self._token is token:
                self._token = None  # the lease's keeper finds out by itself; a new token wakes us
            return False
        self._report("")
        for latch in latches:
            self._pending.pop(latch.id, None)
            log.warning("halt_durable", halt_id=latch.id)
            self._emit(HaltDurable(ts=self._clock.monotonic_ns(), halt_id=latch.id))
        return True

    @staticmethod
    def _alert(latch: Latch) -> AlertRecord:
        return AlertRecord(
            kind="Halt",
            severity="critical",
            at_ms=latch.at_ms,
            reason=latch.reason,
            message=latch.message,
            halt_id=latch.id,
        )

    def _report(self, problem: str) -> None:
        if bool(problem) != bool(self._problem):
            if problem:
                log.warning("halts_store_unreachable", problem=problem)
            else:
                log.info("halts_store_reachable")
        self._problem = problem
