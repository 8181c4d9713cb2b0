"""What happens when the lease comes and goes: restore, connect, settle, sweep, reconcile, trade; and the way back, in a hurry or in order.

After every acquisition, also its own after a restart, the trader first waits until the venue can no longer accept an order of the one before,
then cancels everything under the prefix and sees nothing open; only then the kernel is allowed to trade, and it reconciles first.

Whatever the store lacks is written before that, too: after every acquisition, and when a write finds that the store has gone back in time (`repair`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine

import msgspec
import structlog

from mm_api.kinds.common import HaltLevel
from mm_api.redis_contract import AlertRecord, Evidence, Latch, LatchSource, TraderPhase
from mm_api.trader_config import TraderConfig
from mm_trader.core.clock import Clock
from mm_trader.core.events import LimitsTightened, StopRequested, TradingAllowed
from mm_trader.core.ids import ClientIds
from mm_trader.core.state import UNHEARD, Restored
from mm_trader.core.units import NS_PER_MS, NS_PER_S, SymbolRules
from mm_trader.shell.alerts import Alerts
from mm_trader.shell.command_stream import parse_limits
from mm_trader.shell.dispatcher import Dispatcher, KernelPort
from mm_trader.shell.effects import ShellEffects
from mm_trader.shell.flatten import Flattener
from mm_trader.shell.gate import Blocker, PlaceGate
from mm_trader.shell.halts import Halts
from mm_trader.shell.journal import Journal, JournalReport
from mm_trader.shell.left_behind import LeftBehind
from mm_trader.shell.repairer import Memory, Repairer
from mm_trader.shell.reporter import INTERNAL_ERROR, Progress
from mm_trader.shell.restore import merge, newest_evidence, was_clean
from mm_trader.shell.settling import Settling
from mm_trader.shell.store.port import Store, Token
from mm_trader.shell.tasks import Tasks
from mm_trader.shell.venue_start import VenueStart
from mm_trader.shell.writer import Writer

BEHIND = "RedisWentBack"
LOOK_S = 0.05
"""Between two looks at the kernel while leaving: its ticks ask the venue."""

log = structlog.get_logger("session")

KernelFactory = Callable[[dict[str, SymbolRules], ClientIds, Restored], KernelPort]


class SessionParts(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a session works with."""

    config: TraderConfig
    clock: Clock
    store: Store
    journal: Journal
    report: Callable[[], JournalReport | None]
    """What reading the journal found; there once it is open."""
    gate: PlaceGate
    halts: Halts
    writer: Writer
    alerts: Alerts
    effects: ShellEffects
    dispatcher: Dispatcher
    flattener: Flattener
    venue: VenueStart
    progress: Progress
    kernel_factory: KernelFactory
    attach_gate: Callable[[], None]
    """Hand the gate to the gateway, once it is connected."""
    tell_streams: Callable[[], None]
    """Say again which connections are up."""
    restore_drills: Callable[[Evidence | None], None]
    """What was drilled in this scope before."""
    tasks: Tasks
    sleep: Callable[[float], Awaitable[None]]


class Session:
    """The trading life of one process. Implements `lease.LeaseListener`."""

    def __init__(self, parts: SessionParts) -> None:
        self._p = p = parts
        self._repairer = Repairer(
            p.store, p.config.scope, p.journal, p.writer, p.halts, p.alerts, p.clock, p.sleep
        )
        self._left_behind = LeftBehind(p.config.symbols, p.journal, p.writer, p.flattener, p.alerts, p.clock)
        self.settling = Settling(p.config, p.clock, p.journal, p.flattener, p.sleep)
        self._rules: dict[str, SymbolRules] | None = None
        self._token: Token | None = None
        self._counter_before: int | None = None
        self._prepared: Token | None = None
        """The kernel works under it."""
        self._swept: Token | None = None
        """Nothing of an incarnation before it is open."""
        self._strangers = False
        """Somebody else may have traded since the kernel was built: it has to be built again, from all that journal and store know."""
        self._bring_up: asyncio.Task[None] | None = None
        self._sweeping: asyncio.Task[None] | None = None
        self._stopping = False
        self._broken = False
        """Something failed since the last bring-up began: after the acknowledgement there is another."""
        self._up = False
        """Everything is settled: what is left is the word to trade."""
        self._unheard = False
        """The dead man hears nothing of us."""
        self.connected = False
        self.started_trading = False
        """An incarnation of this process made client ids."""
        self.orders_perhaps_open = False
        """It has left, and the venue did not say in time that nothing is open."""
        self.ready = asyncio.Event()
        """The kernel was allowed to trade at least once."""

    # --- the lease ----------------------------------------------------------------------------------------------------------------------

    def lease_acquired(self, token: Token) -> None:
        """A new token: everything from the beginning."""
        self._token = token
        self._p.progress.counter = token.counter
        self._p.halts.use_token(token)
        if not self._stopping:
            self._begin(token)

    def lease_renewed(self) -> None:
        """Still ours: look at the halts, as with every renewal."""
        self._p.halts.look()

    def lease_lost(self, reason: str) -> None:
        """Stop at once: the margin is the time there is for it."""
        self._p.gate.block(Blocker.NO_LEASE)
        self._token, self._up = None, False
        self._p.writer.hold()
        self._p.halts.use_token(None)
        self._cancel(self._bring_up)
        self._stage(TraderPhase.WAITING_FOR_LEASE, reason)
        self._p.dispatcher(TradingAllowed(ts=self._now(), allowed=False, reason=reason))
        if self.connected and not self._stopping:  # who leaves has swept, and gives the lease back last
            self._sweep(self.settling.sweep_without_lease())

    def store_behind(self) -> None:
        """The lease is ours, and the store has lost what it had acknowledged: nothing is quoted until it has it again.

        A process that is leaving goes: the next one repairs."""
        token = self._token
        if token is None or self._stopping:
            return
        self._p.gate.block(Blocker.NO_LEASE)
        if self._broken:
            self._prepared = self._swept = None  # as after a loss of the lease
        self._p.dispatcher(TradingAllowed(ts=self._now(), allowed=False, reason=BEHIND))
        self._begin(token, BEHIND)

    def unheard(self) -> None:
        """The dead man hears nothing of us and is about to cancel: quotes are pulled, and nothing leaves, until `heard_again`."""
        self._unheard = True
        self._p.gate.block(Blocker.UNHEARD)
        if self._up:
            self._say_whether_to_trade()

    def heard_again(self) -> None:
        """What it has cancelled meanwhile is found by the comparison that comes before every first quote."""
        self._unheard = False
        self._p.gate.release(Blocker.UNHEARD)
        if self._up:
            self._say_whether_to_trade()

    def _say_whether_to_trade(self) -> None:
        allowed, token = not self._unheard, self._token
        self._stage(None, "")
        self._p.dispatcher(TradingAllowed(ts=self._now(), allowed=allowed, reason="" if allowed else UNHEARD))
        if allowed and token is not None:
            self.ready.set()
            log.info("trading_allowed", epoch=token.epoch, counter=token.counter)

    def halted(self) -> None:
        """A halt has just stopped trading: see to it that the venue shows nothing open."""
        if self.connected and not self._stopping:
            self._sweep(self._p.flattener.until_zero("halt"))

    def crashed(self, error: BaseException, where: str) -> None:
        """The kernel cannot be trusted: block, latch, cancel everything, stay alive to show it."""
        self._p.gate.block(Blocker.INTERNAL_ERROR)
        self._broken = True
        now_ms = self._p.clock.wall_ns() // NS_PER_MS
        self._p.halts.raise_halt(
            Latch(
                id=f"risk-{INTERNAL_ERROR}-{now_ms}",
                level=HaltLevel.HALTED,
                source=LatchSource.RISK,
                reason=INTERNAL_ERROR,
                message=f"{type(error).__name__} in {where}: {error}"[:500],
                at_ms=now_ms,
                revision=self._p.config.revision,
                scope=self._p.config.scope,
            )
        )
        if self.connected and not self._stopping:  # `leave` sweeps by itself
            self._sweep(self._p.flattener.until_zero("internal error"))

    def revive(self) -> None:
        """After an internal error was acknowledged: from the beginning, with a new kernel where the old one failed or never was. Called with every tick."""
        token, running = self._token, self._bring_up is not None and not self._bring_up.done()
        if not self._broken or token is None or running or self._stopping:
            return
        if not any(latch.reason == INTERNAL_ERROR for latch in self._p.halts.current):
            log.warning("kernel_rebuilding")
            self._prepared = self._swept = None
            self._begin(token)

    # --- forward ------------------------------------------------------------------------------------------------------------------------

    def _begin(self, token: Token, reason: str = "Settling") -> None:
        self._cancel(self._bring_up)
        self._broken = self._up = False
        self._bring_up = self._p.tasks.spawn(self._come_up(token, self._now(), reason), "bring_up")

    async def _come_up(self, token: Token, granted_ns: int, reason: str) -> None:
        p = self._p
        p.gate.block(Blocker.NO_LEASE)
        self._stage(TraderPhase.SETTLING, reason)
        # read before the first write of this incarnation: it says how the one before ended
        memory = await self._repairer.remember()
        if not self._still(token):
            return
        batch, kernel = memory.recalled.stored.batch, p.dispatcher.kernel
        self._strangers |= token is not self._prepared and not p.writer.knows(batch)
        gone_back = kernel is not None and not p.writer.knows(batch)
        p.writer.follow(token, batch)
        if not await self._prepare_kernel(token, memory) or not self._still(token):
            return
        kernel = p.dispatcher.kernel
        if kernel is None:
            return  # it failed meanwhile; whoever builds the next one comes here again
        left_behind = self._left_behind.find(memory.recalled.stored.orders)
        fills = self._repairer.repair(memory, kernel, self._rules or {}, left_behind)
        if gone_back:
            self._repairer.warn(
                BEHIND,
                f"Redis had lost what it had acknowledged: {fills} fills, ledger and orders are written again",
            )
        if self._swept is not token:
            await self._sweep_before(token, granted_ns)
        self._left_behind.swept()
        await p.writer.complete.wait()
        if not self._still(token):
            return
        p.gate.release(Blocker.INTERNAL_ERROR)
        p.gate.release(Blocker.NO_LEASE)
        self._up = True
        self._say_whether_to_trade()

    def _still(self, token: Token) -> bool:
        """False: lost meanwhile, or begun again, and the cancellation was swallowed on the way."""
        current = self._bring_up is asyncio.current_task()
        return current and self._token is token and not self._stopping

    async def _sweep_before(self, token: Token, granted_ns: int) -> None:
        """Wait until the venue takes nothing more of the incarnation before, and see nothing open."""
        p = self._p
        await self.settling.wait(granted_ns)
        self._cancel(self._sweeping)  # one of an earlier time must not cancel what is placed from now on
        await p.flattener.until_zero("before quoting")
        if self.settling.in_doubt:
            self.settling.in_doubt = False
            p.journal.start(p.progress.ids, token.counter, p.config.scope)
        self._swept = token

    async def _prepare_kernel(self, token: Token, memory: Memory) -> bool:
        """False: the venue's rules and the config do not fit together; a person has to change one of them."""
        p = self._p
        kernel = p.dispatcher.kernel
        if kernel is not None and self._prepared is token:
            return True
        before = self._counter_before
        alone = before is not None and token.counter in (before, before + 1) and not self._strangers
        rules = self._rules or await p.venue.rules()
        self._rules = p.effects.rules = rules
        ids = self._new_ids(token)
        if kernel is not None and alone:
            self._announce(token, ids)
            kernel.begin_incarnation(ids)
        elif not await self._build_kernel(token, ids, memory, rules):
            return False
        if self.connected:
            p.tell_streams()  # a new kernel has not seen the connections come up
        else:
            await p.venue.connect(rules, p.dispatcher)
            p.attach_gate()
            self.connected = True
        self._counter_before = token.counter
        self._prepared, self._strangers = token, False
        return True

    async def _build_kernel(
        self, token: Token, ids: ClientIds, memory: Memory, rules: dict[str, SymbolRules]
    ) -> bool:
        """From all that journal and store know. False: config refused."""
        p = self._p
        stored, before = memory.recalled.stored, p.dispatcher.kernel
        report = p.report()
        assert report is not None, "the journal is opened before a lease is asked for"
        first = before is None and self._counter_before is None
        clean = was_clean(p.journal.state, stored) if first else not p.dispatcher.crashed
        self.settling.look_back(stored, report if first and not clean else None)
        if before is not None:
            evidence = newest_evidence(stored.evidence, before.evidence(p.clock.wall_ns()))
            stored = msgspec.structs.replace(stored, evidence=evidence)
        self._repairer.journal_what_only_the_store_has(memory)
        restored = merge(p.journal.state, report, stored, p.halts.current, clean=clean)
        try:
            kernel = p.kernel_factory(rules, ids, restored)
        except ValueError as error:
            self._config_refused(str(error))
            return False
        self._announce(token, ids)
        p.dispatcher.attach(kernel)
        p.restore_drills(stored.evidence)
        limits = p.journal.state.tightened.get(p.config.revision)
        if limits:
            p.dispatcher(LimitsTightened(ts=self._now(), limits=parse_limits(limits)))
        return True

    def _config_refused(self, message: str) -> None:
        log.error("config_refused", message=message)
        self._p.progress.error_reason, self._p.progress.error = "ConfigRefused", message
        self._stage(TraderPhase.NOT_QUOTING, "ConfigRefused")

    def _new_ids(self, token: Token) -> ClientIds:
        """Of an incarnation that begins now. Their counter is above all that were used before, also where Redis and the journal have forgotten them: the
        venue's second; a lease lasts longer than one."""
        p = self._p
        second = p.venue.now_ns(p.clock.wall_ns()) // NS_PER_S
        counter = max(token.counter, p.journal.state.counter + 1, second)
        return ClientIds(p.config.identity, token.epoch, counter)

    def _announce(self, token: Token, ids: ClientIds) -> None:
        p = self._p
        p.progress.ids = (ids.epoch, ids.counter)
        p.journal.start(p.progress.ids, token.counter, p.config.scope, in_doubt=self.settling.in_doubt)
        self.started_trading = True
        p.alerts.send(
            AlertRecord(
                kind="Started",
                at_ms=p.clock.wall_ns() // NS_PER_MS,
                message=f"epoch {token.epoch}, incarnation {token.counter}",
            )
        )

    # --- back ---------------------------------------------------------------------------------------------------------------------------

    async def leave(self, reason: str, timeout_s: float) -> bool:
        """The orderly way out: no place any more, everything cancelled, seen by the venue. True: nothing is open, nor will be."""
        p = self._p
        self._stopping, self._up = True, False
        p.gate.block(Blocker.STOPPING)
        self._cancel(self._bring_up)
        self._cancel(self._sweeping)
        p.dispatcher(StopRequested(ts=self._now(), reason=reason))
        self._stage(TraderPhase.STOPPING, reason)
        severity, message = "info", "nothing open at the venue"
        if not self.connected:
            if p.journal.state.running or not p.journal.state.counter:
                severity = "warning"
                message = "the venue was never asked: what a process before has left may be open"
        else:
            try:
                async with asyncio.timeout(timeout_s):
                    await self._until_nothing_lands()
            except TimeoutError:
                severity, message = "critical", "orders may be open at the venue"
                self.orders_perhaps_open = True
                log.warning("stopped_with_orders_perhaps_open")
        zero = severity == "info"
        self._stage(TraderPhase.STOPPED, reason)
        p.alerts.send(
            AlertRecord(
                kind="Stopped",
                severity=severity,
                at_ms=p.clock.wall_ns() // NS_PER_MS,
                reason=reason,
                message=message,
            )
        )
        return zero

    async def _until_nothing_lands(self) -> None:
        """Nothing open, and nothing on its way: an order that the venue's engine takes up late would rest there with nobody to know."""
        while True:
            await self._p.flattener.until_zero("stop")
            if not self._may_land():
                return
            while self._may_land():
                await self._p.sleep(LOOK_S)

    def _may_land(self) -> bool:
        kernel, crashed = self._p.dispatcher.kernel, self._p.dispatcher.crashed
        return self.settling.may_land() or (kernel is not None and not crashed and kernel.may_land())

    # --- inside -------------------------------------------------------------------------------------------------------------------------

    def _sweep(self, work: Coroutine[object, object, None]) -> None:
        self._cancel(self._sweeping)
        self._sweeping = self._p.tasks.spawn(work, "sweep")

    @staticmethod
    def _cancel(task: asyncio.Task[None] | None) -> None:
        if task is not None and not task.done():
            task.cancel()

    def _stage(self, phase: TraderPhase | None, reason: str) -> None:
        self._p.progress.phase = phase
        self._p.progress.reason = reason

    def _now(self) -> int:
        return self._p.clock.monotonic_ns()
