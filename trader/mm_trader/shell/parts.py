"""The parts of a trader's lifecycle: thin wrappers that give the shell's objects a beginning, an end and a health."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from mm_api.kinds.common import HaltLevel
from mm_api.redis_contract import AlertRecord, Latch, LatchSource, TraderPhase
from mm_api.trader_config import TraderConfig
from mm_trader.core.clock import Clock
from mm_trader.core.events import Tick
from mm_trader.core.units import NS_PER_MS, NS_PER_S
from mm_trader.shell.command_stream import CommandStream
from mm_trader.shell.dispatcher import Dispatcher
from mm_trader.shell.errors import JournalInUseError, StoreRefusedError, StoreUnavailableError
from mm_trader.shell.gate import PlaceGate
from mm_trader.shell.gateway_handle import GatewayHandle
from mm_trader.shell.halts import Halts
from mm_trader.shell.journal import Journal, JournalReport
from mm_trader.shell.lease import UNREACHABLE, LeaseKeeper
from mm_trader.shell.lifecycle import PartHealth
from mm_trader.shell.reporter import Progress, Reporter
from mm_trader.shell.session import Session
from mm_trader.shell.sign_of_life import SignOfLife
from mm_trader.shell.store.port import Store
from mm_trader.shell.tasks import Tasks
from mm_trader.shell.venue_switch import VenueSwitch
from mm_trader.shell.writer import Writer

TICK_S = 0.05
LOOP_STUCK_NS = 5 * NS_PER_S
JOURNAL_WAIT_S = 5.0
"""A process that is being killed may hold the journal for a moment longer."""
FLUSH_S = 3.0
STORE_RETRY_S = 0.2
log = structlog.get_logger("parts")

Sleep = Callable[[float], Awaitable[None]]


class JournalPart:
    """Opened before everything else: it knows the halts that must be obeyed even if nothing else can be read."""

    name = "journal"

    def __init__(self, journal: Journal, clock: Clock, sleep: Sleep) -> None:
        self._journal = journal
        self._clock = clock
        self._sleep = sleep
        self.report: JournalReport | None = None
        self.leave_clean = False
        """Set by the session: nothing is open, and this process had something to say goodbye for."""

    async def start(self) -> None:
        """Lock and read. Raises JournalInUseError, OSError."""
        deadline = self._clock.monotonic_ns() + round(JOURNAL_WAIT_S * NS_PER_S)
        while True:
            try:
                self.report = self._journal.open()
            except JournalInUseError:
                if self._clock.monotonic_ns() >= deadline:
                    raise
                await self._sleep(0.1)
            else:
                return

    @property
    def counter(self) -> int:
        """Highest incarnation counter that made client ids."""
        return self._journal.state.counter

    async def stop(self) -> None:
        """Say goodbye, if it is one."""
        try:
            if self.leave_clean:
                self._journal.stop()
        finally:
            self._journal.close()

    def health(self) -> PartHealth:
        """Open or not."""
        return PartHealth(healthy=True, detail=f"{self._journal.lines_written} lines written")


class StorePart:
    """Reads the halts before anything may trade; waits for a store that does not answer, and says so."""

    name = "store"

    def __init__(
        self,
        store: Store,
        halts: Halts,
        commands: CommandStream,
        config: TraderConfig,
        progress: Progress,
        sleep: Sleep,
    ) -> None:
        self._store = store
        self._halts = halts
        self._commands = commands
        self._config = config
        self._progress = progress
        self._sleep = sleep
        self._problem = ""

    async def start(self) -> None:
        """Returns once halts and the place in the command stream are known."""
        self._halts.restore()
        if self._store.name == "memory":
            log.warning(
                "state_in_memory_only",
                meaning="no Redis is configured: the journal keeps orders, fills, PnL and halts; evidence and commands end with the process",
            )
        self._progress.phase = TraderPhase.WAITING_FOR_LEASE
        while True:
            try:
                await self._read()
            except (StoreUnavailableError, StoreRefusedError) as error:
                if str(error) != self._problem:
                    log.warning("store_unreachable", problem=str(error))
                self._problem = str(error)
                self._progress.reason, self._progress.error = UNREACHABLE, str(error)
                await self._sleep(STORE_RETRY_S)
            else:
                if self._problem:
                    log.info("store_reachable")
                self._problem = self._progress.reason = self._progress.error = ""
                return

    async def _read(self) -> None:
        state = (await self._store.load(self._config.scope)).state
        same = state is not None and (state.revision, state.epoch) == (
            self._config.revision,
            self._config.epoch,
        )
        if state is not None and same and self._store.name != "memory":
            self._commands.resume_at(state.last_command_id)
        else:
            await self._commands.begin_at_end()
        await self._halts.refresh()

    async def stop(self) -> None:
        """Close connections."""
        await self._store.close()

    def health(self) -> PartHealth:
        """Reachable or not."""
        return PartHealth(healthy=not self._problem, detail=self._problem or self._store.name)


class LeasePart:
    """Releases the lease as the last thing that is written."""

    name = "lease"

    def __init__(self, keeper: LeaseKeeper) -> None:
        self._keeper = keeper

    async def start(self) -> None:
        """The keeper's task is started by the session, which must be there first."""

    async def stop(self) -> None:
        """Give it back."""
        await self._keeper.release()

    def health(self) -> PartHealth:
        """Held or not, and why not."""
        return PartHealth(
            healthy=self._keeper.lease.token is not None, detail=self._keeper.waiting_for or "held"
        )


class WriterPart:
    """The tasks that write and read the store in the background."""

    name = "writer"

    def __init__(self, writer: Writer, halts: Halts, commands: CommandStream, tasks: Tasks) -> None:
        self._writer = writer
        self._halts = halts
        self._commands = commands
        self._tasks = tasks

    async def start(self) -> None:
        """Begin."""
        self._tasks.spawn(self._writer.run(), "writer")
        self._tasks.spawn(self._halts.run_writer(), "halt-writer")
        self._tasks.spawn(self._halts.run_reader(), "halt-reader")
        self._tasks.spawn(self._commands.run(), "commands")

    async def stop(self) -> None:
        """Write what is left, if the store lets us."""
        if not await self._writer.flush(FLUSH_S):
            log.warning("store_not_flushed", pending=self._writer.pending)
        await self._tasks.cancel()

    def health(self) -> PartHealth:
        """How much waits."""
        return PartHealth(healthy=True, detail=f"{self._writer.pending} operations pending")


class SessionPart:
    """Keeper, ticker and gateway: the trading itself."""

    name = "session"

    def __init__(
        self,
        *,
        session: Session,
        keeper: LeaseKeeper,
        gate: PlaceGate,
        gateway: GatewayHandle,
        dispatcher: Dispatcher,
        reporter: Reporter,
        progress: Progress,
        journal: JournalPart,
        halts: Halts,
        alerts: Callable[[AlertRecord], None],
        config: TraderConfig,
        clock: Clock,
        tasks: Tasks,
        sleep: Sleep,
        stop_timeout_s: float,
    ) -> None:
        self._session = session
        self._keeper = keeper
        self._gateway = gateway
        self._dispatcher = dispatcher
        self._reporter = reporter
        self._progress = progress
        self._journal = journal
        self._halts = halts
        self._alerts = alerts
        self._config = config
        self._clock = clock
        self._tasks = tasks
        self._sleep = sleep
        self._stop_timeout_s = stop_timeout_s
        self.last_tick_ns = clock.monotonic_ns()
        self.stop_reason = "Terminated"
        self.left_zero = True
        self._look_at_clock_ns = 0
        self._sign: SignOfLife | None = None
        self._report_failed = False
        self._switch: VenueSwitch | None = None
        if gateway.capabilities.dead_man and config.dead_man is None:
            self._switch = VenueSwitch(gateway, config.symbols, gate, lambda: session.connected, sleep)

    async def start(self) -> None:
        """Ask for the lease; the rest follows from it."""
        self._report_corrupt_journal()
        if self._config.dead_man is not None:
            self._sign = SignOfLife(
                self._config.dead_man.heartbeat_file,
                self._clock,
                lambda: self._progress.ids,
                self._alerts,
                self._session.unheard,
                self._session.heard_again,
            )
            self._progress.ids = (self._config.epoch, self._journal.counter)
        self._tasks.spawn(self._keeper.run(), "lease")
        self._tasks.spawn(self._tick(), "tick")
        if self._switch is not None:
            self._tasks.spawn(self._switch.run(), "venue-switch")

    async def stop(self) -> None:
        """Cancel everything, see it confirmed, say so, disconnect."""
        self.left_zero = await self._session.leave(self.stop_reason, self._stop_timeout_s)
        try:
            self._reporter.report(self._reporter.kernel_status())
        except OSError as error:
            log.warning(
                "last_report_not_journaled", reason=str(error)
            )  # the next start reads it from the venue
        self._journal.leave_clean = self.left_zero and self._session.started_trading
        await self._tasks.cancel()
        if self._switch is not None and self.left_zero:
            await self._switch.disarm()
        if self._sign is not None:
            if self.left_zero:  # otherwise the silence that follows has the orders cancelled
                self._sign.give(gone=True)
            self._sign.close()
        self._session.connected = False  # the admin server still answers, and may ask for a reconciliation
        await self._gateway.stop()

    def health(self) -> PartHealth:
        """Does the loop go round?"""
        age = self._clock.monotonic_ns() - self.last_tick_ns
        return PartHealth(healthy=age < LOOP_STUCK_NS, detail=f"last tick {age // NS_PER_MS} ms ago")

    async def _tick(self) -> None:
        offset_ns, base_ns = 0, None
        while True:
            now = self._clock.monotonic_ns()
            self.last_tick_ns = now
            self._keeper.check()
            if now >= self._look_at_clock_ns:
                self._look_at_clock_ns = now + NS_PER_S
                health = self._gateway.health()
                offset_ns, base_ns = round(health.clock_offset_ms * NS_PER_MS), health.clock_base_ns
            self._dispatcher(
                Tick(ts=now, wall_ns=self._clock.wall_ns(), clock_offset_ns=offset_ns, clock_base_ns=base_ns)
            )
            if self._sign is not None and not self._dispatcher.crashed:
                self._sign.give()
            self._session.revive()
            self._report()
            await asyncio.sleep(TICK_S)

    def _report(self) -> None:
        """A journal that cannot be written ends the trading, once, but not the ticks: cancels that have to be repeated hang on them."""
        try:
            self._reporter.tick()
            self._report_failed = False
        except OSError as error:
            if not self._report_failed:
                self._report_failed = True
                self._session.crashed(error, "report")

    def _report_corrupt_journal(self) -> None:
        report = self._journal.report
        if report is None or not report.corrupt_lines:
            return
        now_ms = self._clock.wall_ns() // NS_PER_MS
        self._alerts(
            AlertRecord(
                kind="Warning",
                severity="critical",
                at_ms=now_ms,
                reason="JournalCorrupt",
                message=f"{report.corrupt_lines} of {report.lines} journal lines cannot be trusted; they are kept aside, the venue is asked",
            )
        )
        if report.corrupt_latch:
            self._halts.raise_halt(
                Latch(
                    id=f"risk-JournalCorrupt-{now_ms}",
                    level=HaltLevel.HALTED,
                    source=LatchSource.RISK,
                    reason="JournalCorrupt",
                    message="a journal line that may have been a halt or a tightened limit cannot be read: a halt is assumed",
                    at_ms=now_ms,
                    revision=self._config.revision,
                    scope=self._config.scope,
                )
            )
