"""The composition root: the one place where a trader's object graph is built from its config. `build`, `start`, `stop`, `health`.

Order of start: journal (its halts hold at once) → alerts → admin server (probes answer while the rest waits) → store (halts are read before anything else)
→ lease → writer → session (venue, kernel, trading). Stop is the reverse: orders first, lease last.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from mm_api.redis_contract import Evidence, ReportedState, TraderPhase
from mm_api.trader_config import TraderConfig
from mm_trader.core.clock import Clock
from mm_trader.core.commands import Place
from mm_trader.core.events import ConfigChanged, ReconcileRequested, StreamName, StreamStatus
from mm_trader.core.ids import ClientIds
from mm_trader.core.state import KernelStatus, Restored
from mm_trader.core.units import SymbolRules
from mm_trader.orders.retry import keyed_jitter
from mm_trader.orders.timing import LEAVES_WITHIN_NS
from mm_trader.shell.ack_times import AckTimes
from mm_trader.shell.admin.server import AdminServer
from mm_trader.shell.alerts import Alerts, log_channel, warning
from mm_trader.shell.alerts.build import AlertsPart, build_outlets
from mm_trader.shell.clock import SystemClock, boot_id
from mm_trader.shell.collector import Collector
from mm_trader.shell.command_stream import CommandStream
from mm_trader.shell.config import redis_password
from mm_trader.shell.dispatcher import Dispatcher, KernelPort
from mm_trader.shell.drills.rig import DrillRig
from mm_trader.shell.drills.runner import DrillRunner
from mm_trader.shell.effects import ShellEffects
from mm_trader.shell.flatten import Flattener
from mm_trader.shell.gate import PlaceGate
from mm_trader.shell.gateway_handle import GatewayHandle
from mm_trader.shell.halts import Halts
from mm_trader.shell.journal import Journal
from mm_trader.shell.lease import LeaseKeeper
from mm_trader.shell.lifecycle import Lifecycle, PartHealth
from mm_trader.shell.logs import redactor, set_level
from mm_trader.shell.operations import Operations, resident_mib
from mm_trader.shell.parts import JournalPart, LeasePart, SessionPart, StorePart, WriterPart
from mm_trader.shell.reload import Reloader
from mm_trader.shell.reporter import Progress, Reporter
from mm_trader.shell.session import KernelFactory, Session, SessionParts
from mm_trader.shell.store.memory import MemoryStore
from mm_trader.shell.store.port import Store
from mm_trader.shell.tasks import Tasks
from mm_trader.shell.venue_start import VenueStart
from mm_trader.shell.writer import Writer
from mm_trader.venue.port import GatewayHealth, VenueGateway
from mm_trader.venue.products import CAPABILITIES

if TYPE_CHECKING:
    from mm_trader.shell.recording.kernel import Recorder

STOP_TIMEOUT_S = 14.0
"""For seeing every order cancelled; the pod's grace period is 20 s by default."""
log = structlog.get_logger("app")

GatewayFactory = Callable[[TraderConfig, Clock, Callable[[Place], None]], VenueGateway]


class LeaseRanOutError(OSError):
    """Raised in the last function before the socket: the gateway drops the place."""


class PlaceTooOldError(OSError):
    """The same: it was decided too long ago."""


class App:
    """One trader."""

    def __init__(
        self,
        config: TraderConfig,
        holder: str,
        *,
        clock: Clock | None = None,
        store: Store | None = None,
        gateway_factory: GatewayFactory | None = None,
        kernel_factory: KernelFactory | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        config_file: Path | None = None,
        boot: str | None = None,
    ) -> None:
        """Builds; nothing is opened yet. `config_file`: watched for changes. `boot`: names this run of the machine, where it is not the real one.
        Raises ConfigError for secrets that cannot be read."""
        self.config = config
        self.clock: Clock = clock or SystemClock()
        self.store: Store = store or make_store(config, self.clock)
        self.gate = PlaceGate()
        self.collector = Collector()
        self.ack_times = AckTimes()
        self.failed = asyncio.Event()
        """A task that must not end has ended, or the process gives itself up: it is not alive any more."""
        self.gave_up = ""
        """Why the process gives itself up, CamelCase; empty while it does not."""
        self.journal = Journal(config.journal_dir, self.clock, boot=boot_id() if boot is None else boot)
        self.recorder: Recorder | None = None
        """Writes down what the kernel is told, where the config wants it."""
        self.progress = Progress(holder=holder, epoch=config.epoch)
        make = gateway_factory or binance_gateway
        self.gateway = GatewayHandle(
            lambda: make(config, self.clock, self._before_send),
            CAPABILITIES[config.venue.kind],
        )
        tasks = [Tasks(self._task_failed) for _ in range(5)]
        self.rig = DrillRig(self.gateway, self.clock)
        self.drills = DrillRunner(self, self.rig, tasks[4], sleep)
        self.writer = Writer(
            self.store,
            config.identity,
            lambda refusal: self.keeper.refused(refusal),
            lambda: self.session.store_behind(),
        )
        self.operations = Operations(self, tasks[3], sleep, resident_mib)
        self.outlets = build_outlets(config, self.clock, lambda: self.halts.own_alerts())
        self.alerts = Alerts([log_channel, self.writer.alert, self.operations.alert_channel, *self.outlets])
        self.flattener = Flattener(self.gateway, config.symbols, self.clock, self.alerts)
        self.effects = ShellEffects(
            journal=self.journal,
            gateway=self.rig,
            writer=self.writer,
            alerts=self.alerts,
            gate=self.gate,
            flattener=self.flattener,
            clock=self.clock,
            lease_valid=self._lease_valid,
            connected=lambda: self.session.connected,
        )
        self.dispatcher = Dispatcher(
            self.effects,
            lambda error, where: self.session.crashed(error, where),
            ack_times=self.ack_times,
            monotonic_ns=self.clock.monotonic_ns,
        )
        self.halts = Halts(
            self.store,
            self.journal,
            self.gate,
            self.alerts,
            config.identity,
            self.clock,
            self.dispatcher,
            lambda: self.session.halted(),
        )
        self.effects.halts, self.effects.emit = self.halts, self.dispatcher
        self.rig.emit = self.dispatcher
        self.commands = CommandStream(
            self.store,
            self.halts,
            self.journal,
            config.revision,
            self.clock,
            self.dispatcher,
            lambda error, where: self.session.crashed(error, where),
            self.drills.ask,
        )
        self.progress.last_command = lambda: self.commands.last_id
        self.reporter = Reporter(
            config,
            self.clock,
            self.progress,
            self.dispatcher,
            self.halts,
            self.flattener,
            self.writer,
            self.journal.ledger,
            lambda: self.drills.records,
        )
        journal_part = JournalPart(self.journal, self.clock, sleep)
        self.session = Session(
            SessionParts(
                config=config,
                clock=self.clock,
                store=self.store,
                journal=self.journal,
                report=lambda: journal_part.report,
                gate=self.gate,
                halts=self.halts,
                writer=self.writer,
                alerts=self.alerts,
                effects=self.effects,
                dispatcher=self.dispatcher,
                flattener=self.flattener,
                venue=VenueStart(
                    self.gateway, config.identity, config.symbols, self.progress, self._report_now, sleep
                ),
                progress=self.progress,
                kernel_factory=kernel_factory or self._kernel,
                attach_gate=lambda: self.gate.attach(self.gateway.block_places),
                tell_streams=self._tell_streams,
                restore_drills=self.drills.restore,
                tasks=tasks[1],
                sleep=sleep,
            )
        )
        self.keeper = LeaseKeeper(
            self.store, self.clock, config.lease, holder, config.epoch, self.session, sleep
        )
        self.session_part = SessionPart(
            session=self.session,
            keeper=self.keeper,
            gate=self.gate,
            gateway=self.gateway,
            dispatcher=self.dispatcher,
            reporter=self.reporter,
            progress=self.progress,
            journal=journal_part,
            halts=self.halts,
            alerts=self.alerts.send,
            config=config,
            clock=self.clock,
            tasks=tasks[1],
            sleep=sleep,
            stop_timeout_s=STOP_TIMEOUT_S,
        )
        self.reloader = Reloader(
            config_file,
            running=lambda: self.config,
            adopt=self._adopt,
            alert=self.alerts.send,
            clock=self.clock,
            tasks=tasks[2],
            sleep=sleep,
        )
        self.admin = AdminServer(self)
        self.lifecycle = Lifecycle(
            [
                journal_part,
                AlertsPart(self.outlets, Tasks(_channel_failed)),
                self.admin,
                StorePart(self.store, self.halts, self.commands, config, self.progress, sleep),
                LeasePart(self.keeper),
                WriterPart(self.writer, self.halts, self.commands, tasks[0]),
                self.session_part,
                self.drills,
                self.reloader,
                self.operations,
            ]
        )

    async def start(self) -> None:
        """Start all parts. Returns when the trader asks for its lease; trading begins when it has it. Raises JournalInUseError, OSError."""
        await self.lifecycle.start()

    async def stop(self, reason: str) -> bool:
        """Orderly end. True: nothing is open at the venue."""
        self.session_part.stop_reason = reason
        await self.lifecycle.stop()
        if self.recorder is not None:
            self.recorder.close()
        return self.session_part.left_zero

    def health(self) -> dict[str, PartHealth]:
        """Each part's health."""
        return self.lifecycle.health()

    # --- what admin server and terminal view read ---------------------------------------------------------------------------------------

    def alive(self) -> bool:
        """The loop goes round and no task that must run has ended."""
        started = self.session_part in self.lifecycle.running
        return not self.failed.is_set() and (not started or self.session_part.health().healthy)

    def kernel_status(self) -> KernelStatus | None:
        """The kernel's own word, None before there is one."""
        return self.reporter.kernel_status()

    def state(self) -> ReportedState:
        """The reported state as it is now."""
        return self.reporter.state(self.kernel_status())

    def phase(self) -> TraderPhase:
        """What the trader does."""
        return self.reporter.phase(self.kernel_status())[0]

    def evidence(self) -> Evidence | None:
        """The counters of the scope now. None: there is no kernel."""
        kernel = self.dispatcher.kernel
        return kernel.evidence(self.clock.wall_ns()) if kernel is not None else None

    async def flushed(self) -> bool:
        """Report, and wait until the store has all of it. False: it does not within the lease's time."""
        self._report_now()
        return await self.writer.flush(self.config.lease.ttl.total_seconds())

    def gateway_health(self) -> GatewayHealth:
        """State of the connections."""
        return self.gateway.health()

    def request_reconcile(self, symbol: str | None, cause: str) -> None:
        """Compare with the venue now."""
        self.dispatcher(ReconcileRequested(ts=self.clock.monotonic_ns(), symbol=symbol, cause=cause))

    def give_up(self, reason: str, message: str) -> None:
        """End in order and be started anew: what is left of this process is not worth going on with."""
        if self.gave_up:
            return
        self.gave_up = reason
        what = f"{message}: everything is cancelled and the process starts anew"
        self.alerts.send(warning(self.clock, reason, what, "critical"))
        self.failed.set()

    def _adopt(self, config: TraderConfig) -> None:
        """Put a config with other hot fields in force."""
        if config.logging.level != self.config.logging.level:
            set_level(config.logging.level)
        self.config = self.reporter.config = config
        self.dispatcher(ConfigChanged(ts=self.clock.monotonic_ns(), config=config))

    # --- inside -------------------------------------------------------------------------------------------------------------------------

    def _lease_valid(self) -> bool:
        return self.keeper.lease.valid(self.clock.monotonic_ns())

    def _before_send(self, place: Place) -> None:
        """The last look before the socket: on disk, the lease still runs, and the decision is not old."""
        if place.closing and not self.gate.lets_closing_through:
            raise LeaseRanOutError("places are blocked")
        self.effects.journal_intent(place)
        now = self.clock.monotonic_ns()
        if not self.keeper.lease.valid(now):
            raise LeaseRanOutError("the lease has run out")
        if self.ack_times.waited(place.client_id, now) > LEAVES_WITHIN_NS:
            raise PlaceTooOldError("it was decided too long ago")

    def _tell_streams(self) -> None:
        now = self.clock.monotonic_ns()
        for stream, up in self.gateway.health().streams.items():
            self.dispatcher(StreamStatus(ts=now, stream=StreamName(stream), up=up, reason="kernel rebuilt"))

    def _report_now(self) -> None:
        self.reporter.report(self.reporter.kernel_status())

    def _kernel(self, rules: dict[str, SymbolRules], ids: ClientIds, restored: Restored) -> KernelPort:
        from mm_trader.kernel import Kernel
        from mm_trader.shell.plugins import strategies_for

        config, ts, wall_ns = self.config, self.clock.monotonic_ns(), self.clock.wall_ns()
        kernel = Kernel(
            config,
            rules,
            ids,
            restored,
            ts=ts,
            wall_ns=wall_ns,
            jitter=keyed_jitter(config.identity),
            strategies=strategies_for(config.strategy.name),
        )
        if config.recording.directory is None:
            return kernel
        from mm_trader.shell.recording.kernel import Recorder

        if self.recorder is None:
            self.recorder = Recorder(config, config.recording.directory, self.clock, self.alerts.send)
        return self.recorder.record(kernel, config, rules, ids, restored, ts=ts, wall_ns=wall_ns)

    def _task_failed(self, error: BaseException, name: str) -> None:
        self.session.crashed(error, f"task {name}")
        if name in ("lease", "tick", "writer", "halt-writer", "halt-reader", "commands"):
            self.failed.set()


def _channel_failed(error: BaseException, name: str) -> None:
    """A channel's task has ended: its alerts are in the log, and trading does not depend on it."""
    log.error("alert_channel_ended", task=name, error=repr(error))


def make_store(config: TraderConfig, clock: Clock) -> Store:
    """Redis where it is configured, else memory. Raises ConfigError."""
    if config.redis is None:
        return MemoryStore(config.identity, clock)
    from mm_trader.shell.store.redis_store import RedisStore

    password = redis_password(config.redis)
    redactor.register(password)
    return RedisStore(config.redis, password, config.identity, clock)


def binance_gateway(config: TraderConfig, clock: Clock, before_send: Callable[[Place], None]) -> VenueGateway:
    """The gateway on real sockets. Raises VenueError if there are no keys."""
    from mm_trader.venue.binance import gateway_for

    return gateway_for(config.venue.kind)(config.venue, clock, before_send=before_send)
