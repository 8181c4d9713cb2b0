"""Stopping: from a cause to cancels, a latch and an alert, all within the event that brought the cause. Cancels leave first."""

from __future__ import annotations

from typing import Final

from mm_api.kinds.common import HaltLevel
from mm_api.redis_contract import AlertRecord
from mm_trader.core.commands import Alert, RaiseHalt
from mm_trader.core.state import CAUTIOUS, HALTED, NORMAL, RiskLevel
from mm_trader.core.units import from_money
from mm_trader.kernel.desk import Core, Desk
from mm_trader.risk.breaker import BreakerState, Endpoint
from mm_trader.risk.drift import BalanceDrift
from mm_trader.risk.levels import level_for_usage
from mm_trader.risk.reasons import LOSS_REASONS, Caution, HaltReason

_VIOLATIONS = LOSS_REASONS | {HaltReason.REJECT_STREAK, HaltReason.CANCEL_REFUSED}
"""Halts that are a breach of a limit, as the gates count them."""

_LOSS: Final = Caution.LOSS_NEAR_LIMIT
"""Names that are quick to look up: see `events.BUY`."""
_CANCELS: Final = Caution.CANCEL_RATIO
_REJECTS: Final = Caution.REJECTS
_FILLS: Final = Caution.FILL_RATE
_HALT: Final = Caution.HALT
_CLOSED: Final = BreakerState.CLOSED
_OPEN: Final = BreakerState.OPEN
_HALF_OPEN: Final = BreakerState.HALF_OPEN


class Halting:
    """Raises and lifts halts, and keeps the four-level state up to date."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._asked: tuple[RiskLevel, bool, bool, bool, RiskLevel] | None = None
        """What the causes asked for when they were judged last."""

    def halt(
        self,
        reason: str,
        message: str,
        ts: int,
        level: HaltLevel = HaltLevel.HALTED,
        *,
        violation: bool = False,
    ) -> None:
        """Raise a halt of the kernel's own, once per reason: cancel, latch, tell."""
        core = self._core
        latch = core.halts.raise_own(reason, message, core.wall.ms(ts), level)
        if latch is None:
            return
        core.cancels_first = True
        if core.halts.level is HALTED:
            self.cancel_everything(ts)
        core.outbox.emit(RaiseHalt(latch=latch))
        self.alert("Halt", reason, message, ts, severity="critical", halt_id=latch.id)
        core.evidence.count("halts")
        if violation or reason in _VIOLATIONS:
            core.evidence.violation(reason)
        self.look_everywhere()

    def halt_symbol(self, symbol: str, reason: str, message: str, ts: int) -> None:
        """Stop one symbol until a person acknowledges it; the others trade on, within the limits of the account."""
        core = self._core
        latch = core.halts.raise_symbol(symbol, reason, message, core.wall.ms(ts))
        if latch is None:
            return
        core.cancels_first = True
        for order in core.table.live(symbol):
            core.manager.cancel(order, ts)
        core.desks[symbol].dirty = True
        core.outbox.emit(RaiseHalt(latch=latch))
        self.alert("Halt", reason, message, ts, severity="critical", halt_id=latch.id)
        core.evidence.count("halts")
        core.evidence.violation(reason)

    def check_symbol(self, desk: Desk, ts: int) -> None:
        """A symbol has lost as much as it may in a day: halt it, once what it holds has a price."""
        core = self._core
        limit = core.settings.symbol_loss_limit
        if limit is None or not core.pnl.scope_begun or desk.symbol in core.halts.symbols:
            return
        loss = core.losses.loss(desk.symbol)
        if loss >= limit:
            lost, most = from_money(loss), from_money(limit)
            message = f"{desk.symbol}: loss of the day is {lost:.8f}, the limit of a symbol {most:f}, in quote currency"
            self.halt_symbol(desk.symbol, HaltReason.SYMBOL_LOSS_LIMIT, message, ts)

    def check_losses(self, ts: int) -> None:
        """A limit is breached: halt, unless a loss halt stands already."""
        core = self._core
        if any(latch.reason in LOSS_REASONS for latch in core.halts.latches):
            return
        breach = core.pnl.breach()
        if breach is not None:
            reason, message = breach
            self.halt(reason, message, ts)

    def lift(self, halt_id: str, ts: int) -> None:
        """A person acknowledged a halt: what it was raised for is accepted, and limits count from here."""
        core = self._core
        before = core.halts.symbols
        reason = core.halts.lift(halt_id)
        for symbol in before - core.halts.symbols:
            if symbol in core.desks:
                self.begin_symbol(core.desks[symbol])
        if reason in {loss.value.lower() for loss in LOSS_REASONS}:
            core.pnl.accept_loss()
        elif reason in {HaltReason.REJECT_STREAK.value.lower(), HaltReason.CREDENTIALS_REFUSED.value.lower()}:
            core.behaviour.accepted()
        elif reason == HaltReason.VENUE_RESET.value.lower():
            core.dormant.write_off()
            for desk in core.desks.values():
                desk.position.write_off()
                desk.trades.restart()
                desk.drift = BalanceDrift()
                core.reconciler.begin(desk.symbol, "reset", ts)
        self.judge(ts)
        self.look_everywhere()

    def begin_symbol(self, desk: Desk) -> None:
        """The symbol's loss counts from here."""
        self._core.losses.begin(desk.symbol)
        desk.loss_floor = self._core.losses.floor(desk.symbol)

    def use_symbol_limits(self, ts: int) -> None:
        """The limit changed: new floors, judged at once."""
        core = self._core
        core.losses.use_limit(core.settings.symbol_loss_limit)
        for desk in core.desks.values():
            desk.loss_floor = core.losses.floor(desk.symbol)
            self.check_symbol(desk, ts)

    def judge(self, ts: int) -> None:
        """Bring the four-level state up to date with its causes."""
        core = self._core
        before, behaviour, settings = core.risk.level, core.behaviour, core.settings
        loss = level_for_usage(core.pnl.usage(), core.risk.asked(_LOSS))
        cancels = behaviour.cancels_too_much(ts, settings.max_cancel_ratio)
        refused = 2 * behaviour.reject_streak >= settings.max_reject_streak > 1
        fills = behaviour.fills_too_fast(ts, settings.max_fill_rate)
        asked = (loss, cancels, refused, fills, core.halts.level)
        if asked == self._asked:
            return  # as nearly always
        self._asked = asked
        core.risk.set(_LOSS, loss)
        core.risk.set(_CANCELS, CAUTIOUS if cancels else NORMAL)
        core.risk.set(_REJECTS, CAUTIOUS if refused else NORMAL)
        core.risk.set(_FILLS, CAUTIOUS if fills else NORMAL)
        core.risk.set(_HALT, core.halts.level)
        if core.risk.level is before:
            return
        self.look_everywhere()
        self.alert(
            "RiskLevel",
            core.risk.level.name.title().replace("_", ""),
            f"{', '.join(core.risk.reasons) or 'no cause left'}; {core.describe_loss()}",
            ts,
            severity="warning" if core.risk.level > before else "info",
        )

    def judge_guards(self, desk: Desk, ts: int) -> None:
        """Bring one symbol's guards up to date."""
        before = desk.guards.level
        if not desk.guards.judge(ts):
            return
        desk.dirty = True
        self.alert(
            "RiskLevel",
            desk.guards.level.name.title().replace("_", ""),
            f"{desk.symbol}: {', '.join(desk.guards.reasons) or 'no cause left'}",
            ts,
            severity="warning" if desk.guards.level > before else "info",
        )

    def judge_call(self, endpoint: Endpoint, *, failed: bool) -> None:
        """A call to the venue was answered, or was not: let its breaker know, and tell people when it opens or closes."""
        core = self._core
        breaker = core.breakers[endpoint]
        before = breaker.state
        if not failed and before is _CLOSED and not breaker.failures:
            return  # as nearly always
        if failed:
            breaker.failed(core.now)
        else:
            breaker.succeeded()
        opened = breaker.state is _OPEN
        if breaker.state is before or (opened and before is _HALF_OPEN):
            return
        self.alert(
            "Warning",
            "CircuitOpened" if opened else "CircuitClosed",
            f"{endpoint.value}: {breaker.failures} calls failed in a row" if opened else endpoint.value,
            core.now,
            severity="warning" if opened else "info",
        )
        self.look_everywhere()

    def tighten(self, ts: int) -> None:
        """Limits got tighter: carry them into the monitors, and judge at once."""
        before = self._core.pnl.limits.drawdown
        self._use_limits(min(before, self._core.settings.drawdown_money), ts)

    def adopt_limits(self, ts: int) -> None:
        """A reload set the limits, tighter or looser: the same. What is latched stays latched."""
        self._use_limits(self._core.settings.drawdown_money, ts)

    def _use_limits(self, drawdown: int, ts: int) -> None:
        core = self._core
        limits, settings = core.pnl.limits, core.settings
        limits.daily_loss = settings.daily_loss_limit
        limits.budget = settings.loss_budget
        limits.drawdown = drawdown
        core.pnl.refloor()
        self.use_symbol_limits(ts)
        if core.pnl.settle():
            self.check_losses(ts)
        self.judge(ts)
        self.look_everywhere()

    def cancel_everything(self, ts: int) -> None:
        """Cancel whatever is, or may be, open."""
        for order in self._core.table.all_live():
            self._core.manager.cancel(order, ts)

    def look_everywhere(self) -> None:
        """Every symbol's quotes are looked at before this event is over."""
        for desk in self._core.desks.values():
            desk.dirty = True

    def alert(
        self,
        kind: str,
        reason: str,
        message: str,
        ts: int,
        *,
        severity: str = "info",
        halt_id: str | None = None,
    ) -> None:
        """Tell people and the operator."""
        record = AlertRecord.model_validate(
            {
                "kind": kind,
                "severity": severity,
                "at_ms": self._core.wall.ms(ts),
                "reason": reason,
                "message": message,
                "halt_id": halt_id,
            }
        )
        self._core.outbox.emit(Alert(record=record))
