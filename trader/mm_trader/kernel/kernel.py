"""`Kernel.on_event(event) -> commands`: the whole of a trader's decisions, synchronous, without I/O, clock or chance. The same events give the same commands.

This module receives: it turns each event into calls on the parts (`desk`), lets every symbol that was touched look at its quotes (`quoting`), and hands
the commands over. Anything that raises on the way stops trading: an event that cannot be digested is never worth guessing about.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from mm_api.redis_contract import Evidence, LedgerRecord, OrderRecord
from mm_api.scalars import format_decimal
from mm_api.trader_config import TraderConfig
from mm_trader.core import events as ev
from mm_trader.core.commands import Amend, Cancel, CancelReplace, Command, Modify, Place
from mm_trader.core.ids import ClientIds
from mm_trader.core.state import HALTED, KernelStatus, Restored
from mm_trader.core.units import SymbolRules, from_asset_units, to_asset_units
from mm_trader.kernel.breakers import Breakers
from mm_trader.kernel.build import build
from mm_trader.kernel.desk import Desk
from mm_trader.kernel.flattening import Flattening
from mm_trader.kernel.market_side import MarketSide
from mm_trader.kernel.misfits import tell_misfit
from mm_trader.kernel.quoting import Quoter
from mm_trader.kernel.requests import Requests
from mm_trader.kernel.split import review_split, sample_correlations
from mm_trader.kernel.status import ledger_of, open_orders_of, status_of
from mm_trader.kernel.venue_news import VenueNews, held_by_account
from mm_trader.orders.retry import Jitter, no_jitter
from mm_trader.risk.reasons import HaltReason
from mm_trader.risk.self_test import run_self_test
from mm_trader.strategy.registry import BUILT_IN, StrategyTypes

_TICKER: Final = ev.BookTicker  # quick to look up: see `events.BUY`
_ROUNDS: Final = 3
"""Looks at the quotes within one event; more would mean that two symbols keep calling each other."""


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
        jitter: Jitter = no_jitter,
    ) -> None:
        """`rules`: of every configured symbol. `strategies`: built-in ones, and plug-ins the shell has found. `jitter`: of the pauses between attempts.
        Raises ConfigurationError or ParameterError."""
        self._core, self._halting = build(
            config, rules, ids, restored, strategies, ts=ts, wall_ns=wall_ns, jitter=jitter
        )
        self._desks = tuple(self._core.desks.values())
        self._quoter = Quoter(self._core, self._halting)
        self._clock_honest = True
        self._flattening = Flattening(self._core, self._halting)
        self._breakers = Breakers(self._core, self._halting)
        self._market = market = MarketSide(self._core, self._halting)
        news = VenueNews(self._core, self._halting)
        requests = Requests(self._core, self._halting, config, strategies)
        self._handlers: dict[type[ev.Event], Callable[[Any], None]] = {
            ev.Tick: self._on_tick,
            ev.DepthUpdate: market.on_depth,
            ev.PublicTrade: market.on_trade,
            ev.DepthSnapshot: market.on_snapshot,
            ev.StreamStatus: market.on_stream,
            ev.RulesChanged: news.on_rules,
            ev.VenueTrouble: news.on_trouble,
            ev.ExecutionReport: self._on_report,
            ev.OrderAccepted: self._core.manager.on_accepted,
            ev.CommandRefused: self._core.manager.on_refused,
            ev.CommandUnknown: self._core.manager.on_unknown,
            ev.CommandDropped: self._on_dropped,
            ev.OrderFound: self._core.manager.on_found,
            ev.OrderAmended: self._core.manager.on_amended,
            ev.OrderNotFound: self._core.manager.on_not_found,
            ev.QueryFailed: self._core.manager.on_query_failed,
            ev.ReconcileSnapshot: self._on_reconciled,
            ev.ReconcileFailed: self._core.reconciler.on_failed,
            ev.AccountUpdate: self._on_account,
            ev.FundingSettled: self._on_funding,
            ev.TradingAllowed: requests.on_allowed,
            ev.StopRequested: requests.on_stop,
            ev.HaltsChanged: requests.on_halts,
            ev.HaltDurable: requests.on_durable,
            ev.HaltLifted: requests.on_lifted,
            ev.HaltRequested: requests.on_halt_requested,
            ev.ReconcileRequested: requests.on_reconcile_requested,
            ev.LimitsTightened: requests.on_limits,
            ev.ParametersChanged: requests.on_parameters,
            ev.ConfigChanged: requests.on_config,
        }
        self._halting.judge(ts)
        self._self_test()
        self._tell_dormant(ts)
        self._startup = self._core.outbox.drain()

    # --- the interface ----------------------------------------------------------------------------------------------------------------

    def on_event(self, event: ev.Event) -> list[Command]:
        """Digest one event; what must be done now, in order."""
        core, ts = self._core, event.ts
        if ts > core.now:
            core.now = ts
        try:
            if type(event) is _TICKER:
                if not self._market.on_ticker(event, ts):
                    return []
            else:
                self._breakers.observe(event)
                handler = self._handlers.get(type(event))
                if handler is not None:
                    handler(event)
            for desk in self._desks:
                if desk.dirty:
                    self._look()
                    break
        except Exception as error:  # noqa: BLE001 - fail closed: whatever it is, trading stops and a person is called
            self._halting.halt(HaltReason.INTERNAL_ERROR, f"{type(event).__name__}: {error!r}", core.now)
        return self._finish()

    def _look(self) -> None:
        """Let every touched symbol look at its quotes. One look may touch others (a halt touches all): a second and third round settle that."""
        desks, now = self._desks, self._core.now
        for _ in range(_ROUNDS):
            touched = [desk for desk in desks if desk.dirty]
            if not touched:
                return
            for desk in touched:
                self._quoter.look(desk, now)

    def begin_incarnation(self, ids: ClientIds) -> None:
        """The lease was lost and taken again: new ids; everything unresolved stays known and is cleared away before quoting."""
        self._core.manager.ids = ids
        for order in self._core.table.all_live():
            order.leftover = order.cancel_wanted = True

    def is_flat(self) -> bool:
        """No order is, or may be, open."""
        return self._core.table.counts() == (0, 0)

    def may_land(self) -> bool:
        """An order may be on its way that the venue has not spoken of: nothing open there says nothing about it."""
        return any(order.acked_ts is None for order in self._core.table.all_live())

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
        return status_of(self._core, self._flattening.steps())

    def open_orders(self) -> list[OrderRecord]:
        """Orders that are, or may be, open."""
        return open_orders_of(self._core)

    # --- orders and account -----------------------------------------------------------------------------------------------------------

    def _on_report(self, event: ev.ExecutionReport) -> None:
        if event.order.symbol in self._core.desks:
            self._core.manager.on_report(event)

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
        core.ears.on_funding(event.symbol, event.funding)
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
        self._compare_balance(desk, event)
        self._halting.look_everywhere()

    def _compare_balance(self, desk: Desk, event: ev.ReconcileSnapshot) -> None:
        """Does the account hold what our fills add up to? A balance may have been deposited: people are told. A position on margin can only have been
        traded, by whom we do not know: trading halts."""
        total = held_by_account(desk.rules, event)
        if total is None or self._core.table.unsettled(desk.symbol) or desk.last_fill >= event.asked_ts:
            return  # a trade that was booked since the question is on one side of the comparison alone
        difference = desk.drift.compare(to_asset_units(total), desk.position.base)
        if not difference:
            return
        message = f"{desk.symbol}: the account holds {from_asset_units(difference):+f} {desk.rules.base_asset} that no fill of ours explains"
        if desk.rules.initial_margin is not None:
            self._halting.halt(HaltReason.POSITION_DRIFT, message, self._core.now)
        else:
            self._halting.alert("Warning", "BalanceDrift", message, self._core.now, severity="warning")

    def _on_funding(self, event: ev.FundingSettled) -> None:
        if event.symbol in self._core.desks:
            self._core.reconciler.request(event.symbol, "funding", self._core.now)

    def _on_account(self, event: ev.AccountUpdate) -> None:
        self._core.balances.update(event.balances, self._core.own_locked())

    # --- time -------------------------------------------------------------------------------------------------------------------------

    def _on_tick(self, event: ev.Tick) -> None:
        core = self._core
        ts = event.ts
        core.wall.set(ts, event.wall_ns)
        core.skew.on_tick(ts, event.wall_ns, event.clock_offset_ns, event.clock_base_ns)
        # a clock that is wrong must not give the day a new start, and with it a new loss limit
        honest = abs(core.skew.ns) <= core.settings.max_clock_skew
        if honest is not self._clock_honest:
            self._clock_honest = honest
            self._halting.look_everywhere()
        if honest and core.pnl.roll_day(core.wall.ms(ts)):
            self._halting.alert(
                "Warning", "DayRolled", f"day {core.pnl.day} begins; {core.describe_loss()}", ts
            )
            core.dormant.begin_day({})
            for desk in core.desks.values():
                self._halting.begin_symbol(desk)
        core.manager.on_timer(ts)
        core.reconciler.on_timer(ts)
        trading, stale_after = False, core.settings.stale_after
        for desk in self._desks:
            fresh = desk.top.fresh(ts, stale_after)
            if ts >= desk.marks.next_due:
                desk.marks.settle(ts, desk.top.mid2 if fresh else None)
            if desk.signals is not None:
                desk.signals.on_timer(ts)
            if desk.book_due is not None and ts >= desk.book_due:
                self._market.ask_book(desk, ts)
            self._halting.judge_guards(desk, ts)
            tell_misfit(core, desk, ts, self._tell_misfit)
            if ts >= desk.next_look or not (fresh or desk.blocked):
                desk.dirty = True  # no patience with quotes on data that is too old
            trading = trading or not desk.blocked
        sample_correlations(core, ts)
        if review_split(core, ts):
            self._halting.look_everywhere()
        core.evidence.on_time(ts, core.pnl.net, trading=trading)
        self._confirm_zero(ts)
        self._halting.judge(ts)
        self._flattening.on_tick(ts)

    def _tell_misfit(self, message: str) -> None:
        self._halting.alert("Warning", "NothingFits", message, self._core.now, severity="warning")

    def _confirm_zero(self, ts: int) -> None:
        """Stopped and nothing known to be open: have the venue say so, because a hand-over waits for that."""
        core = self._core
        stopped = core.stopping or not core.allowed or core.halts.level is HALTED
        if not stopped or not core.manager.enabled:
            return
        for symbol, sync in core.reconciler.sync.items():
            if sync.zero_ms is None and not core.table.has_live(symbol) and sync.retry_due is None:
                core.reconciler.request(symbol, "zero", ts)

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

    def _tell_dormant(self, ts: int) -> None:
        """Whoever left a symbol out of the config may not know that it holds something."""
        for symbol, held in self._core.dormant.held.items():
            self._halting.alert(
                "Warning",
                "DormantPosition",
                f"{symbol} is not in symbols any more and holds {format_decimal(held)} in base units: nobody marks, quotes or closes it, and it counts "
                "against no limit; close it by hand, or configure the symbol again",
                ts,
                severity="warning",
            )

    def _finish(self) -> list[Command]:
        """Hand over the commands. After a halt no place leaves, whenever in this event it was decided, and cancels leave first."""
        core = self._core
        if not (core.outbox.commands or self._startup or core.cancels_first):
            return []
        commands = core.outbox.drain()
        if self._startup:
            commands = self._startup + commands
            self._startup = []
        commands = self._breakers.hold_back(commands)
        if not core.cancels_first:
            return commands
        core.cancels_first = False
        if core.halts.level is HALTED:
            commands = self._without_places(commands)
        commands.sort(key=lambda command: type(command) is not Cancel)
        return commands

    def _without_places(self, commands: list[Command]) -> list[Command]:
        """Take back what was decided before the halt in the same event: it never leaves, so a new order is over and a changed one is as it was. Of a
        cancel-replace the cancel remains."""
        core = self._core
        dropped = [command for command in commands if type(command) in _ADDING]
        if not dropped:
            return commands
        gone: set[str] = set()
        for command in dropped:
            new = command.place if isinstance(command, CancelReplace) else command
            assert isinstance(new, Place | Amend | Modify)
            placed = isinstance(new, Place)
            if placed:
                gone.add(new.client_id)
            core.manager.on_dropped(
                ev.CommandDropped(
                    ts=core.now,
                    symbol=new.symbol,
                    client_id=new.client_id,
                    command="place" if placed else "amend",
                    reason="halt",
                )
            )
        commands = [
            Cancel(symbol=command.symbol, client_id=command.client_id, venue_id=command.venue_id)
            if isinstance(command, CancelReplace)
            else command
            for command in commands
        ]
        return [
            command
            for command in commands + core.outbox.drain()
            if type(command) not in _ADDING and not (type(command) is Cancel and command.client_id in gone)
        ]


_ADDING: Final = frozenset({Place, CancelReplace, Amend, Modify})
"""Commands that a halt takes back."""
