"""`Kernel.on_event(event) -> commands`: the whole of a trader's decisions, synchronous, without I/O, clock or chance. The same events give the same commands.

This module receives: it turns each event into calls on the parts (`desk`), lets every symbol that was touched look at its quotes (`quoting`), and hands
the commands over. Anything that raises on the way stops trading: an event that cannot be digested is never worth guessing about.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mm_api.redis_contract import Evidence, LedgerRecord, OrderRecord
from mm_api.trader_config import TraderConfig
from mm_trader.core import events as ev
from mm_trader.core.commands import Cancel, Command, Place, RequestDepth
from mm_trader.core.ids import ClientIds
from mm_trader.core.state import KernelStatus, Restored, RiskLevel
from mm_trader.core.units import NS_PER_S, SymbolRules
from mm_trader.kernel.build import build, share_capital, use_strategy
from mm_trader.kernel.desk import Desk
from mm_trader.kernel.quoting import Quoter
from mm_trader.kernel.status import ledger_of, open_orders_of, status_of
from mm_trader.orders.states import OrderState
from mm_trader.risk.reasons import HaltReason
from mm_trader.risk.self_test import run_self_test
from mm_trader.strategy.parameters import ParameterError
from mm_trader.strategy.registry import BUILT_IN, StrategyTypes, validate_parameters

_ROUNDS = 3
_BOOK_RETRY_NS = NS_PER_S
"""A depth snapshot that has not come by then is asked for again."""


class Kernel:
    """One trader's decisions."""

    def __init__(
        self,
        config: TraderConfig,
        rules: Mapping[str, SymbolRules],
        ids: ClientIds,
        restored: Restored,
        *,
        ts: int,
        wall_ns: int,
        strategies: StrategyTypes = BUILT_IN,
    ) -> None:
        """`rules`: of every configured symbol. `strategies`: built-in ones, and plug-ins the shell has found. Raises ConfigurationError or ParameterError."""
        self._config = config
        self._strategies = strategies
        self._prefix = ids.prefix
        self._core, self._halting = build(config, rules, ids, restored, strategies, ts=ts, wall_ns=wall_ns)
        self._quoter = Quoter(self._core, self._halting)
        self._handlers: dict[type[ev.Event], Callable[[Any], None]] = {
            ev.Tick: self._on_tick,
            ev.DepthUpdate: self._on_depth,
            ev.DepthSnapshot: self._on_snapshot,
            ev.StreamStatus: self._on_stream,
            ev.ExecutionReport: self._on_report,
            ev.OrderAccepted: self._core.manager.on_accepted,
            ev.CommandRefused: self._core.manager.on_refused,
            ev.CommandUnknown: self._core.manager.on_unknown,
            ev.CommandDropped: self._on_dropped,
            ev.OrderFound: self._core.manager.on_found,
            ev.OrderNotFound: self._core.manager.on_not_found,
            ev.QueryFailed: self._core.manager.on_query_failed,
            ev.ReconcileSnapshot: self._on_reconciled,
            ev.ReconcileFailed: self._core.reconciler.on_failed,
            ev.AccountUpdate: self._on_account,
            ev.TradingAllowed: self._on_allowed,
            ev.StopRequested: self._on_stop,
            ev.HaltsChanged: self._on_halts,
            ev.HaltDurable: self._on_durable,
            ev.HaltLifted: self._on_lifted,
            ev.HaltRequested: self._on_halt_requested,
            ev.ReconcileRequested: self._on_reconcile_requested,
            ev.LimitsTightened: self._on_limits,
            ev.ParametersChanged: self._on_parameters,
        }
        self._halting.judge(ts)
        self._self_test()
        self._startup = self._core.outbox.drain()

    # --- the interface ----------------------------------------------------------------------------------------------------------------

    def on_event(self, event: ev.Event) -> list[Command]:
        """Digest one event; what must be done now, in order."""
        core = self._core
        if event.ts > core.now:
            core.now = event.ts
        try:
            if type(event) is ev.BookTicker:
                if not self._on_ticker(event):
                    return []
            else:
                handler = self._handlers.get(type(event))
                if handler is not None:
                    handler(event)
            self._look()
        except Exception as error:  # noqa: BLE001 - fail closed: whatever it is, trading stops and a person is called
            self._halting.halt(HaltReason.INTERNAL_ERROR, f"{type(event).__name__}: {error!r}", core.now)
        return self._finish()

    def _look(self) -> None:
        """Let every touched symbol look at its quotes. One look may touch others (a halt touches all): a second and third round settle that."""
        for _ in range(_ROUNDS):
            touched = [desk for desk in self._core.desks.values() if desk.dirty]
            if not touched:
                return
            for desk in touched:
                self._quoter.look(desk, self._core.now)

    def begin_incarnation(self, ids: ClientIds) -> None:
        """The lease was lost and taken again: new ids; everything unresolved stays known and is cleared away before quoting."""
        self._core.manager.ids = ids
        for order in self._core.table.all_live():
            order.leftover = order.cancel_wanted = True

    def is_flat(self) -> bool:
        """No order is, or may be, open."""
        return self._core.table.counts() == (0, 0)

    def ledger(self) -> LedgerRecord:
        """For the store."""
        return ledger_of(self._core)

    def evidence(self, wall_ns: int) -> Evidence:
        """For the store; `wall_ns` is written as the time of the record."""
        core = self._core
        core.evidence.count("reconcile_runs", core.reconciler.runs)
        core.evidence.count("reconcile_repairs", core.reconciler.repairs)
        core.reconciler.runs = core.reconciler.repairs = 0
        return core.evidence.snapshot(
            wall_ns,
            net=core.scope_net() if core.pnl.scope_begun else 0,
            deepest_fall=core.pnl.deepest_fall,
            unknown_open=core.table.counts()[1],
        )

    def status(self) -> KernelStatus:
        """For people, metrics and the operator."""
        return status_of(self._core)

    def open_orders(self) -> list[OrderRecord]:
        """Orders that are, or may be, open."""
        return open_orders_of(self._core)

    # --- market -----------------------------------------------------------------------------------------------------------------------

    def _on_ticker(self, event: ev.BookTicker) -> bool:
        """The hot path. False: nothing came of it, and there is nothing to send."""
        core = self._core
        desk = core.desks.get(event.symbol)
        if desk is None:
            return False
        ts = event.ts
        top = desk.top
        if ts >= desk.marks.next_due:
            desk.marks.settle(ts, top.mid2 if top.fresh(ts, core.settings.stale_after) else None)
        if not top.update(event):
            return False
        if not top.valid:
            desk.dirty = True
            return True
        book = desk.book
        if book.last_id == event.update_id and not book.agrees_with_top(
            top.bid, top.bid_size, top.ask, top.ask_size
        ):
            self._lose_book(desk, ts)
        if top.mid2 != desk.position.mark2 and core.pnl.remark(desk.position, top.mid2):
            self._halting.check_losses(ts)
        if ts >= desk.volatility.next_sample:
            desk.volatility.sample(ts, top.mid2)
        if ts >= desk.next_look:
            desk.dirty = True
        return desk.dirty

    def _on_depth(self, event: ev.DepthUpdate) -> None:
        desk = self._core.desks.get(event.symbol)
        if desk is None:
            return
        usable, top = desk.book.usable, desk.top
        if desk.book.on_update(event):
            self._ask_book(desk, event.ts)
        elif (
            event.last_id == top.update_id == desk.book.last_id
            and top.valid
            and not desk.book.agrees_with_top(top.bid, top.bid_size, top.ask, top.ask_size)
        ):
            self._lose_book(desk, event.ts)
        if usable and not desk.book.usable:
            desk.dirty = True

    def _on_snapshot(self, event: ev.DepthSnapshot) -> None:
        desk = self._core.desks.get(event.symbol)
        if desk is None:
            return
        if desk.book.on_snapshot(event):
            desk.book_due = event.ts + _BOOK_RETRY_NS // 4
            return
        desk.book_due = None
        desk.dirty = True

    def _lose_book(self, desk: Desk, ts: int) -> None:
        desk.book.invalidate()
        desk.dirty = True
        self._ask_book(desk, ts)

    def _ask_book(self, desk: Desk, ts: int) -> None:
        desk.book_due = ts + _BOOK_RETRY_NS
        self._core.outbox.emit(RequestDepth(symbol=desk.symbol))

    def _on_stream(self, event: ev.StreamStatus) -> None:
        core = self._core
        core.streams[event.stream] = event.up
        if event.stream is ev.StreamName.MARKET:
            for desk in core.desks.values():
                desk.top.reset()
                desk.book.reset()
                desk.volatility.forget_last()
                desk.book_due = None
        elif event.stream is ev.StreamName.USER and event.up and core.allowed:
            # the stream has no replay: whatever happened meanwhile is read from the venue before anything is quoted
            for symbol in core.desks:
                core.reconciler.begin(symbol, "reconnect", event.ts)
        self._halting.look_everywhere()

    # --- orders and account -----------------------------------------------------------------------------------------------------------

    def _on_report(self, event: ev.ExecutionReport) -> None:
        if event.order.symbol in self._core.desks:
            self._core.manager.on_report(event, own=event.order.client_id.startswith(self._prefix))

    def _on_dropped(self, event: ev.CommandDropped) -> None:
        core = self._core
        if event.command != "cancel" and event.symbol in core.desks:
            core.desks[event.symbol].hold_until = core.now + core.settings.requote_interval
        core.manager.on_dropped(event)

    def _on_reconciled(self, event: ev.ReconcileSnapshot) -> None:
        core = self._core
        desk = core.desks.get(event.symbol)
        if desk is None:
            return
        findings = core.reconciler.on_snapshot(event)
        core.balances.update(event.balances, core.own_locked())
        if findings.repairs:
            self._halting.alert(
                "Reconciled",
                "Repaired",
                f"{event.symbol}: {findings.missed_fills} missed fills, {findings.adopted} unknown orders, "
                f"{findings.vanished} vanished orders, {findings.corrected} corrected",
                core.now,
                severity="warning",
            )
        self._halting.look_everywhere()

    def _on_account(self, event: ev.AccountUpdate) -> None:
        self._core.balances.update(event.balances, self._core.own_locked())

    # --- time -------------------------------------------------------------------------------------------------------------------------

    def _on_tick(self, event: ev.Tick) -> None:
        core = self._core
        ts = event.ts
        core.wall.set(ts, event.wall_ns)
        if core.pnl.roll_day(core.wall.ms(ts)):
            self._halting.alert(
                "Warning", "DayRolled", f"day {core.pnl.day} begins; {core.describe_loss()}", ts
            )
        core.manager.on_timer(ts)
        core.reconciler.on_timer(ts, periodic=core.allowed)
        trading = False
        for desk in core.desks.values():
            fresh = desk.top.fresh(ts, core.settings.stale_after)
            if ts >= desk.marks.next_due:
                desk.marks.settle(ts, desk.top.mid2 if fresh else None)
            if desk.book_due is not None and ts >= desk.book_due:
                self._ask_book(desk, ts)
            if ts >= desk.next_look:
                desk.dirty = True
            trading = trading or not desk.blocked
        core.evidence.on_time(ts, core.pnl.net, trading=trading)
        self._confirm_zero(ts)
        self._halting.judge(ts)

    def _confirm_zero(self, ts: int) -> None:
        """Stopped and nothing known to be open: have the venue say so, because a hand-over waits for that."""
        core = self._core
        stopped = core.stopping or not core.allowed or core.halts.level is RiskLevel.HALTED
        if not stopped:
            return
        for symbol, sync in core.reconciler.sync.items():
            if sync.zero_ms is None and not core.table.has_live(symbol) and sync.retry_due is None:
                core.reconciler.request(symbol, "zero", ts)

    # --- requests ---------------------------------------------------------------------------------------------------------------------

    def _on_allowed(self, event: ev.TradingAllowed) -> None:
        core = self._core
        core.allowed = event.allowed
        core.allowed_reason = event.reason or "WaitingForLease"
        core.manager.enabled = core.manager.enabled or event.allowed
        for order in core.table.all_live():
            order.leftover = order.cancel_wanted = True
            if event.allowed and order.state is OrderState.UNKNOWN:
                core.manager.doubt(order, "start", event.ts)
        if event.allowed:
            for symbol in core.desks:
                core.reconciler.begin(symbol, "start", event.ts)
        self._halting.look_everywhere()

    def _on_stop(self, event: ev.StopRequested) -> None:
        self._core.stopping = event.reason or "Stopping"
        self._halting.look_everywhere()

    def _on_halts(self, event: ev.HaltsChanged) -> None:
        self._core.halts.replace(event.latches)
        self._obey_halts(event.ts)

    def _obey_halts(self, ts: int) -> None:
        if self._core.halts.level is RiskLevel.HALTED:
            self._core.cancels_first = True
        self._halting.judge(ts)
        self._halting.look_everywhere()

    def _on_durable(self, event: ev.HaltDurable) -> None:
        self._core.halts.durable(event.halt_id)

    def _on_lifted(self, event: ev.HaltLifted) -> None:
        self._halting.lift(event.halt_id, event.ts)

    def _on_halt_requested(self, event: ev.HaltRequested) -> None:
        self._halting.halt(event.reason, event.message, event.ts, event.level)
        self._obey_halts(event.ts)

    def _on_reconcile_requested(self, event: ev.ReconcileRequested) -> None:
        for symbol in self._core.desks:
            if event.symbol in (None, symbol):
                self._core.reconciler.request(symbol, event.cause, event.ts)

    def _on_limits(self, event: ev.LimitsTightened) -> None:
        taken, unknown = self._core.settings.tighten(event.limits)
        if unknown:
            self._halting.alert(
                "Warning", "UnknownLimit", f"ignored: {', '.join(unknown)}", event.ts, severity="warning"
            )
        if taken:
            share_capital(self._core)
            self._halting.tighten(event.ts)

    def _on_parameters(self, event: ev.ParametersChanged) -> None:
        """New parameters, or the old ones and a warning: half a change is never made."""
        try:
            values = validate_parameters(self._config.strategy.name, event.parameters, self._strategies)
        except ParameterError as error:
            self._halting.alert("Warning", "ParametersRefused", str(error), event.ts, severity="warning")
            return
        use_strategy(self._core, values, self._config, self._strategies)
        self._halting.look_everywhere()

    # --- inner ------------------------------------------------------------------------------------------------------------------------

    def _self_test(self) -> None:
        """Once per scope: the risk controls prove themselves, and a trader whose controls fail does not trade."""
        core = self._core
        if core.evidence.self_tested:
            return
        result = run_self_test()
        core.evidence.self_test(result)
        if result.failures:
            self._halting.halt(HaltReason.SELF_TEST_FAILED, "; ".join(result.failures), core.now)

    def _finish(self) -> list[Command]:
        """Hand over the commands. After a halt no place leaves, whenever in this event it was decided, and cancels leave first."""
        core = self._core
        commands = core.outbox.drain()
        if self._startup:
            commands = self._startup + commands
            self._startup = []
        if not core.cancels_first:
            return commands
        core.cancels_first = False
        if core.halts.level is RiskLevel.HALTED:
            commands = self._without_places(commands)
        commands.sort(key=lambda command: type(command) is not Cancel)
        return commands

    def _without_places(self, commands: list[Command]) -> list[Command]:
        """Take back what was decided before the halt in the same event: it never leaves, so the order is over."""
        core = self._core
        dropped = [command for command in commands if type(command) is Place]
        if not dropped:
            return commands
        gone = {place.client_id for place in dropped}
        for place in dropped:
            core.manager.on_dropped(
                ev.CommandDropped(
                    ts=core.now,
                    symbol=place.symbol,
                    client_id=place.client_id,
                    command="place",
                    reason="halt",
                )
            )
        commands = commands + core.outbox.drain()
        return [
            command
            for command in commands
            if type(command) is not Place and not (type(command) is Cancel and command.client_id in gone)
        ]
