"""Says what the trader does: state, evidence and ledger to the store, every `evidenceInterval` and at once when the phase changes."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from mm_api.drills import DrillName, DrillRecord
from mm_api.redis_contract import LedgerRecord, ReportedState, TraderPhase
from mm_api.trader_config import TraderConfig
from mm_trader.core.clock import Clock
from mm_trader.core.state import KernelStatus, RiskLevel
from mm_trader.core.units import NS_PER_MS, NS_PER_S
from mm_trader.shell.dispatcher import Dispatcher
from mm_trader.shell.flatten import Flattener
from mm_trader.shell.halts import Halts
from mm_trader.shell.writer import Writer

_LEVELS = {
    RiskLevel.NORMAL: "Normal",
    RiskLevel.CAUTIOUS: "Cautious",
    RiskLevel.REDUCE_ONLY: "ReduceOnly",
    RiskLevel.HALTED: "Halted",
}
INTERNAL_ERROR = "InternalError"


class Progress(msgspec.Struct, kw_only=True):
    """Where the shell itself stands, before and around the kernel."""

    holder: str
    epoch: int
    counter: int = 0
    phase: TraderPhase | None = TraderPhase.STARTING
    """None: the kernel's phase holds."""
    reason: str = ""
    error_reason: str = ""
    error: str = ""
    ids: tuple[int, int] = (0, 0)
    """(epoch, counter) in the newest client order ids this process has made or may have made: what a dead man may cancel."""
    unlisted: list[str] = msgspec.field(default_factory=list)
    last_command: Callable[[], str] = lambda: "0-0"


class Reporter:
    """Builds the reported state and hands it to the writer."""

    def __init__(
        self,
        config: TraderConfig,
        clock: Clock,
        progress: Progress,
        dispatcher: Dispatcher,
        halts: Halts,
        flattener: Flattener,
        writer: Writer,
        journal_ledger: Callable[[LedgerRecord], None],
        drills: Callable[[], dict[DrillName, DrillRecord]] = dict,
    ) -> None:
        self.config = config
        """The config in force; a reload replaces it."""
        self._clock = clock
        self._progress = progress
        self._dispatcher = dispatcher
        self._halts = halts
        self._flattener = flattener
        self._writer = writer
        self._journal_ledger = journal_ledger
        self._drills = drills
        self._interval_ns = round(config.engine.evidence_interval.total_seconds() * NS_PER_S)
        self._next_ns = 0
        self._last_phase: tuple[TraderPhase, str, tuple[str, ...]] | None = None
        self._last_base: tuple[object, ...] | None = None

    def tick(self) -> None:
        """Report if it is time, or if the phase is another. Raises OSError: the journal cannot be written."""
        now = self._clock.monotonic_ns()
        status = self.kernel_status()
        phase, reason = self.phase(status)
        signature = (phase, reason, tuple(latch.id for latch in self._halts.current))
        if now < self._next_ns and signature == self._last_phase:
            return
        self._next_ns = now + self._interval_ns
        self._last_phase = signature
        self.report(status)

    def report(self, status: KernelStatus | None) -> None:
        """Write everything now. Raises OSError: the journal cannot be written."""
        self._writer.state(self.state(status))
        kernel = self._dispatcher.kernel
        if kernel is None:
            return
        evidence = kernel.evidence(self._clock.wall_ns())
        drills = self._drills()
        self._writer.evidence(evidence.model_copy(update={"drills": drills}) if drills else evidence)
        ledger = kernel.ledger()
        self._writer.ledger(ledger)
        base = (ledger.day, ledger.day_start_pnl, ledger.scope, ledger.scope_start_pnl)
        if base != self._last_base:
            self._journal_ledger(ledger)
            self._last_base = base

    def kernel_status(self) -> KernelStatus | None:
        """The kernel's own word. None: there is no kernel, or it cannot be trusted."""
        kernel = self._dispatcher.kernel
        return kernel.status() if kernel is not None else None

    def phase(self, status: KernelStatus | None) -> tuple[TraderPhase, str]:
        """What the trader does, and why it does not quote."""
        if self._dispatcher.crashed and self._progress.phase is not TraderPhase.STOPPED:
            return TraderPhase.HALTED, INTERNAL_ERROR
        if self._progress.phase is not None or status is None:
            return self._progress.phase or TraderPhase.STARTING, self._progress.reason
        return status.phase, status.reason

    def _zero_confirmed_ms(self, status: KernelStatus | None) -> int | None:
        if self._flattener.late_until_ns is not None:
            return None  # what nobody here knows of may land yet
        return (status and status.zero_orders_confirmed_ms) or self._flattener.zero_confirmed_ms

    def state(self, status: KernelStatus | None) -> ReportedState:
        """The reported state as it is now."""
        progress, config = self._progress, self.config
        phase, reason = self.phase(status)
        level = _LEVELS[status.risk_level] if status is not None else "Normal"
        if self._dispatcher.crashed:
            level = "Halted"
        return ReportedState.model_validate(
            {
                "holder": progress.holder,
                "epoch": progress.epoch,
                "counter": progress.counter,
                "phase": phase,
                "reason": reason,
                "revision": config.revision,
                "scope": config.scope,
                "symbols": config.symbols,
                "capital": config.risk.capital,
                "riskLevel": level,
                "halts": [latch.id for latch in self._halts.current],
                "openOrders": status.open_orders if status is not None else 0,
                "unknownOrders": status.unknown_orders if status is not None else 0,
                "zeroOrdersConfirmedMs": self._zero_confirmed_ms(status),
                "positions": status.positions if status is not None else {},
                "lastCommandId": progress.last_command(),
                "unlistedSymbols": progress.unlisted,
                "error": progress.error,
                "errorReason": progress.error_reason,
                "updatedMs": self._clock.wall_ns() // NS_PER_MS,
            }
        )
