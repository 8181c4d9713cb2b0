"""One run: builds the world from a seed, lets it happen, quiets it down, and says what was violated."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog

import mm_trader.shell.journal as journal_module
from mm_api.kinds.common import HaltLevel
from mm_api.redis_contract import Command as OperatorCommand
from mm_api.redis_contract import CommandKind, Latch, LatchSource
from mm_trader.core import events as ev
from mm_trader.core.commands import Command
from mm_trader.core.units import NS_PER_MS

from .disk import Disk
from .judge import Judge
from .plan import CALM, GOING_BACK, Chances, Plan
from .process import IDENTITY, SCOPE, Process
from .redis_model import Copy, Redis
from .timeline import MS, SECOND, WALL, Timeline
from .venue import ENGINE_NS, Venue

QUIET_NS = 150 * SECOND
"""Within this long after the last fault everything must be reconciled."""
LOOK_NS = SECOND // 2
BACKUP_NS = 10 * SECOND
"""Age of the oldest backup that may come back."""
TAIL_NS = SECOND
"""What Redis may forget of acknowledged writes with its default setting."""
NO_TROUBLE = Chances(broken=0.0, throttled=0.0, slow_engine=0.0)


@dataclass
class Outcome:
    """What a run was, and what it found."""

    seed: int
    violations: list[str]
    log: list[tuple[int, str, Any]] = field(repr=False)
    steps: int = 0
    virtual_s: float = 0.0
    trades: int = 0
    orders: int = 0
    processes: int = 0
    unknowns: int = 0

    def story(self, last: int = 400) -> str:
        """The end of the event log, readable."""
        lines = [f"{at / SECOND:10.4f}  {who:8} {_text(what)}" for at, who, what in self.log[-last:]]
        return "\n".join(lines)


class World:
    """See the module's docstring."""

    def __init__(self, plan: Plan, directory: Path) -> None:
        self.plan = plan
        self.directory = directory
        self.log: list[tuple[int, str, Any]] = []
        self.timeline = Timeline()
        self.timeline.after_step = self._after_step
        self.venue_net, self.user_net = plan.venue_net, plan.user_net
        self.market_net, self.store_net = plan.market_net, plan.store_net
        self.chances = plan.chances
        self.skew = 0
        self.process: Process | None = None
        self.redis = Redis(self.timeline, IDENTITY)
        self.venue = Venue(self.timeline, plan, self._publish, self.note)
        self.lots = {symbol: self.venue.engine.market(symbol).spec.lot_e8 for symbol in plan.symbols}
        self.bases = {symbol: self.venue.engine.market(symbol).spec.base for symbol in plan.symbols}
        self.judge = Judge(self)
        self.disk = Disk(self)
        self.over = False
        self._quiet = False
        self._epoch = 1
        self.boots = 0
        """Starts of the machine."""
        self.late_place: Callable[[], None] | None = None
        """The next place is taken up late, and this happens meanwhile."""
        self._processes = 0
        self._crashes = list(plan.crash_at_write)
        self._latches: dict[str, Latch] = {}
        """What the operator remembers of the identity's halts, also when Redis loses them."""
        self.redis.issue_epoch(self._epoch)
        self._backups: list[Copy] = []
        if any(fault in (*GOING_BACK, "redis rolled back") for _, fault in plan.faults):
            self._back_up()
        for at, fault in plan.faults:
            self.timeline.after(at, lambda fault=fault: self._fault(fault))
        self.timeline.after(plan.length, self._quiet_down)

    def run(self) -> Outcome:
        """To the end."""
        self._boot()
        while not self.over:
            process = self.process
            if process is None:
                self.timeline.step()
                continue
            process.run()
            self.process = None
            if not self.over:
                self.timeline.after(self.plan.rng.randrange(20 * MS, 3 * SECOND), self._boot)
        status_unknown = sum(
            1 for _, who, what in self.log if who == "log" and what.get("state") == "UNKNOWN"
        )
        return Outcome(
            self.plan.seed,
            self.judge.violations,
            self.log,
            self.timeline.steps,
            self.timeline.now / SECOND,
            len(self.venue.trades),
            len(self.venue.accepted),
            self._processes,
            status_unknown,
        )

    # --- the log --------------------------------------------------------------------------------------------

    def note(self, who: str, what: Any) -> None:
        """One line."""
        self.log.append((self.timeline.now, who, what))

    def note_event(self, event: ev.Event) -> None:
        """What the trader hears; the market's noise apart."""
        if not isinstance(event, (ev.BookTicker, ev.DepthUpdate, ev.DepthSnapshot, ev.AccountUpdate)):
            self.log.append((self.timeline.now, "hears", event))

    def note_command(self, command: Command) -> None:
        """What the trader asks of the venue."""
        self.log.append((self.timeline.now, "asks", command))

    # --- steps ----------------------------------------------------------------------------------------------

    def _after_step(self) -> None:
        self.judge.step()
        if self.judge.violations and not self.over:
            self._end()
        process = self.process
        if process is not None:
            process.check()

    def _end(self) -> None:
        self.over = True
        if self.process is not None:
            self.process.kill()

    def _boot(self) -> None:
        if self.process is not None or self.over:
            return
        self._processes += 1
        crash = self._crashes.pop(0) if self._crashes and not self._quiet else None
        self.note("world", f"process {self._processes} starts, epoch {self._epoch}, to be killed: {crash}")
        self.process = Process(self, self._processes, self._epoch, crash)

    def _publish(self, stream: str, making: Any) -> None:
        process = self.process
        if process is not None and process.alive and process.gateway is not None:
            process.gateway.wire.push(
                ev.StreamName.USER if stream == "user" else ev.StreamName.MARKET, making
            )

    # --- faults -----------------------------------------------------------------------------------------------

    def _fault(self, fault: str) -> None:
        rng, process = self.plan.rng, self.process
        self.note("fault", fault)
        gateway = process.gateway if process is not None else None
        length = rng.randrange(100 * MS, 6 * SECOND)
        match fault.split():
            case ["cut", "all"]:
                for stream in ev.StreamName:
                    if gateway is not None:
                        gateway.wire.cut(stream, length)
            case ["cut", name]:
                if gateway is not None:
                    gateway.wire.cut(ev.StreamName(name), length)
            case ["venue", "halts"]:
                symbol = rng.choice(self.plan.symbols)
                self.venue.halt(symbol, True)
                self.timeline.after(length, lambda: self.venue.halt(symbol, False))
            case ["redis", "away"]:
                self._redis_away(length)
            case ["redis", "restarts"]:
                self.redis.restart(keep=True)
                self._redis_away(rng.randrange(50 * MS, SECOND))
            case ["redis", "emptied"]:
                self._remember_latches()
                self.redis.restart(keep=False)
                self.timeline.after(rng.randrange(SECOND, 4 * SECOND), self._operator_recovers)
            case ["wall", *_]:
                self.skew += rng.choice((-1, 1)) * rng.choice((200, 900, 1_500, 60_000, 7_200_000)) * MS
            case ["stall"]:
                if process is not None:
                    process.loop.waiting.stalled_until = self.timeline.now + length
            case ["kill"]:
                if process is not None:
                    process.kill()
            case ["restart"]:
                if process is not None:
                    process.terminate()
            case ["disk", "full"]:
                self.disk.full = True
                self.timeline.after(length, self._mend_disk)
            case ["disk", "unsyncable"]:
                self.disk.unsyncable = True
                self.timeline.after(length, self._mend_disk)
            case ["power", "cut"]:
                self._power_cut()
            case ["power", "cut", *_]:
                self.late_place = self._power_cut
            case ["volume", "lost", *_]:
                self.late_place = self._volume_lost
            case ["redis", "rolled", "back"]:
                self._redis_rolls_back()
            case ["redis", "restored"]:
                self._redis_is_restored()
            case ["redis", "loses", *_]:
                self._redis_loses_its_tail()
            case ["config", "resizes"]:
                if process is not None:
                    process.resize(rng.choice(("0.005", "0.01", "0.02")))
            case ["operator", "halts"]:
                self._operator_halts(length)
            case ["operator", "tightens"]:
                limits = {"capital": str(int(self.plan.capital) // 2)}
                self._command(CommandKind.TIGHTEN, limits)
            case ["operator", "reconciles"]:
                self._command(CommandKind.RECONCILE)
            case other:
                raise ValueError(other)

    def _power_cut(self) -> None:
        self._forget(self.disk.power_cut)

    def _volume_lost(self) -> None:
        """The node is gone, and what was on it: the next process finds no journal."""
        self._forget(self.disk.lose)

    def _forget(self, damage: Callable[[Path], None]) -> None:
        """The machine ends, with the process; another start of it finds what `damage` leaves of the journal."""
        if self.process is not None:
            self.process.kill()
            self.boots += 1
            damage(self.directory)
            self.judge.forgotten()

    def take_late(self) -> int | None:
        """Whether the engine takes the place that has just arrived up later, in ns, because a fault wants that; the fault itself follows before."""
        fault, rng = self.late_place, self.plan.on_the_way
        if fault is None:
            return None
        self.late_place = None
        self.timeline.after(rng.randrange(300 * MS), fault)
        return rng.randrange(300 * MS, ENGINE_NS)

    def _redis_away(self, length: int) -> None:
        self.redis.up = False

        def back() -> None:
            self.redis.up = True

        self.timeline.after(length, back)

    def _back_up(self) -> None:
        oldest = self.timeline.now - BACKUP_NS
        self._backups = [*(each for each in self._backups if each.at >= oldest), self.redis.copy()]
        self.timeline.after(SECOND // 10, self._back_up)

    def _redis_rolls_back(self) -> None:
        """A replica that lagged takes over. The operator sets again what it remembers, and issues an epoch higher than any it has issued."""
        self._remember_latches()
        self.redis.restore(self.plan.rng.choice(self._backups))
        self.timeline.after(self.plan.rng.randrange(SECOND, 4 * SECOND), self._operator_recovers)

    def _redis_is_restored(self) -> None:
        """From a backup of the same epoch: the operator sees the database it knows, and sets and lifts what it always would. The lease has run out, or not."""
        rng = self.plan.rng
        fence = self.redis.keys.fence
        same = [each for each in self._backups if each.hashes.get(fence, {}).get("epoch") == str(self._epoch)]
        if same:
            self.redis.restore(rng.choice(same), lease=rng.random() < 0.5)
            self._redis_away(rng.randrange(10 * MS, SECOND))
            self.timeline.after(rng.randrange(100 * MS, 5 * SECOND), self._operator_looks)

    def _redis_loses_its_tail(self) -> None:
        """Killed with the append-only file synced up to a second ago (`appendfsync everysec`), and started again: the lease is there."""
        rng = self.plan.rng
        recent = [each for each in self._backups if each.at >= self.timeline.now - TAIL_NS]
        if recent:
            self.redis.restore(rng.choice(recent), lease=True)
            self._redis_away(rng.randrange(10 * MS, SECOND))
            self.timeline.after(rng.randrange(100 * MS, 5 * SECOND), self._operator_looks)

    def _operator_looks(self) -> None:
        """One reconcile: the epoch, its own halts that are missing, and those that have lost their cause."""
        self.redis.issue_epoch(self._epoch)
        there = {latch.id for latch in self.redis.latches().latches}
        for latch in self._latches.values():
            if latch.source is LatchSource.TRADING_HALT and latch.id not in there:
                self.redis.set_latch(latch)
                self._command(CommandKind.REFRESH_LATCHES)
        for latch in self.redis.latches().latches:
            if latch.source is LatchSource.TRADING_HALT and latch.id not in self._latches:
                self._lift(latch.id)

    def _mend_disk(self) -> None:
        self.disk.full = self.disk.unsyncable = False

    def _remember_latches(self) -> None:
        for latch in self.redis.latches().latches:
            if latch.source.needs_acknowledgement:
                self._latches[latch.id] = latch

    def _operator_recovers(self) -> None:
        """The halts are written back, a higher epoch is issued, and the pod is replaced by one of that epoch."""
        for latch in self._latches.values():
            self.redis.set_latch(latch)
        self._epoch += 1
        self.redis.issue_epoch(self._epoch)
        self.note("operator", f"restores {sorted(self._latches)}, issues epoch {self._epoch}")
        process = self.process
        if process is not None:
            process.terminate()
            self.timeline.after(20 * SECOND, process.kill)

    def _operator_halts(self, length: int) -> None:
        latch = Latch(
            id="tradinghalt-ns-name",  # an object that is made and deleted again and again
            level=HaltLevel.HALTED,
            source=LatchSource.TRADING_HALT,
            reason="TradingHalt",
            at_ms=self._wall_ms(),
        )
        self._latches[latch.id] = latch
        self.redis.set_latch(latch)
        self._command(CommandKind.REFRESH_LATCHES)

        def end() -> None:
            if self._latches.get(latch.id) is latch:
                self._lift(latch.id)

        self.timeline.after(length, end)

    def _lift(self, halt_id: str) -> None:
        self._latches.pop(halt_id, None)
        self.note("operator", f"lifts {halt_id}")
        self.judge.lifted(halt_id)
        self.redis.lift(halt_id, self._wall_ms())
        self._command(CommandKind.REFRESH_LATCHES)

    def _command(self, kind: CommandKind, limits: dict[str, str] | None = None) -> None:
        self.redis.command(OperatorCommand(kind=kind, at_ms=self._wall_ms(), limits=limits or {}))

    def _wall_ms(self) -> int:
        return (WALL + self.timeline.now) // NS_PER_MS

    def in_force(self, latch: Latch) -> bool:
        """The operator has set this one, and has not lifted it."""
        return self._latches.get(latch.id) == latch

    # --- the end ----------------------------------------------------------------------------------------------

    def _quiet_down(self) -> None:
        self.note("world", "no more faults")
        self._quiet = True
        self.late_place = None
        self._mend_disk()
        self.venue_net = self.user_net = self.market_net = self.store_net = CALM
        self.chances = NO_TROUBLE
        self.venue.moving = self.venue.taking = False
        self.skew = 0  # a clock that is wrong keeps the trader from quoting until somebody mends it
        for symbol in self.plan.symbols:
            self.venue.halt(symbol, False)
        self._deadline = self.timeline.now + QUIET_NS
        self.timeline.after(LOOK_NS, self._look)

    def _look(self) -> None:
        """A person acknowledges what is halted; when all is reconciled the run is over."""
        if self.over:
            return
        for latch in self.redis.latches().latches:
            if self.timeline.now // LOOK_NS % 4 == 0:
                self._lift(latch.id)
        unrest = self.judge.unrest()
        if not unrest:
            self.note("world", "all is reconciled")
            self._end()
        elif self.timeline.now > self._deadline:
            self.judge.fail(f"not reconciled {QUIET_NS // SECOND} s after the last fault: {unrest}")
        else:
            self.timeline.after(LOOK_NS, self._look)


def run(seed: int, plan: Plan | None = None) -> Outcome:
    """One seed, from nothing to its outcome; leaves nothing behind."""
    shm = Path("/dev/shm")
    directory = Path(tempfile.mkdtemp(prefix="mm-sim-", dir=shm if shm.is_dir() else None))
    try:
        world = World(plan or Plan(seed), directory)
        with _patched(world):
            return world.run()
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@contextmanager
def _patched(world: World) -> Iterator[None]:
    """The journal's write can kill; the log lines of the process become part of the story."""

    def keep(_logger: Any, _method: str, event: dict[str, Any]) -> Any:
        if event.get("event") != "place_gate_released":
            world.note("log", dict(event))
        raise structlog.DropEvent

    write, sync, before = journal_module._write_all, journal_module._sync, structlog.get_config()
    journal_module._write_all, journal_module._sync = world.disk.write, world.disk.sync
    structlog.configure(processors=[keep], cache_logger_on_first_use=False)
    try:
        yield
    finally:
        journal_module._write_all, journal_module._sync = write, sync
        structlog.configure(**before)


def _text(what: Any) -> str:
    if isinstance(what, dict):
        fields = " ".join(f"{k}={v}" for k, v in what.items() if k not in ("event", "exc_info"))
        return f"{what.get('event')} {fields}"
    return str(what)


__all__ = ["IDENTITY", "SCOPE", "Outcome", "World", "run"]
