"""Compares the venue's own account of a symbol with ours, and repairs ours: missed trades are booked, unknown own orders adopted and cancelled, vanished
ones asked about.

When: before an incarnation quotes, after the user stream came back, on a timer, on request, and whenever a fill is known to be missing. What a snapshot may
prove depends on when it was asked for: an order that changed after that may be missing in it without meaning anything.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from mm_trader.core.commands import RequestReconcile
from mm_trader.core.events import ReconcileFailed, ReconcileSnapshot
from mm_trader.core.units import NS_PER_MS, NS_PER_S
from mm_trader.orders.journal import OrderListener, Outbox
from mm_trader.orders.lifecycle import Lifecycle
from mm_trader.orders.manager import OrderManager
from mm_trader.orders.retry import Backoff
from mm_trader.orders.states import OrderState
from mm_trader.orders.table import OrderTable
from mm_trader.orders.trades import TradeLog

_SETTLE_PAUSE_NS = NS_PER_S // 2
"""A trade that is known to exist is asked for again after this long."""

CANCEL_ALL = "cancel_all"
"""Cause of a snapshot nobody asked a trade range for: its trades are booked, but it proves nothing about those before."""


class Findings(msgspec.Struct, frozen=True, kw_only=True):
    """What one comparison found and repaired."""

    missed_fills: int = 0
    adopted: int = 0
    vanished: int = 0
    corrected: int = 0

    @property
    def repairs(self) -> int:
        """Differences in all."""
        return self.missed_fills + self.adopted + self.vanished + self.corrected


class Statistics:
    """What all comparisons of this process found, by kind, and how long one took."""

    __slots__ = (
        "adopted",
        "causes",
        "corrected",
        "failures",
        "last_ns",
        "longest_ns",
        "missed_fills",
        "runs",
        "vanished",
    )

    def __init__(self) -> None:
        self.runs = self.failures = 0
        self.missed_fills = self.adopted = self.vanished = self.corrected = 0
        self.last_ns = self.longest_ns = 0
        """From the question to the repaired state."""
        self.causes: dict[str, int] = {}
        """Cause → runs."""

    def add(self, findings: Findings, cause: str, took: int) -> None:
        """One comparison."""
        self.runs += 1
        self.causes[cause] = self.causes.get(cause, 0) + 1
        self.missed_fills += findings.missed_fills
        self.adopted += findings.adopted
        self.vanished += findings.vanished
        self.corrected += findings.corrected
        self.last_ns = took
        self.longest_ns = max(self.longest_ns, took)

    def as_numbers(self) -> dict[str, int]:
        """For status: counts, and durations in ms."""
        return {
            "runs": self.runs,
            "failures": self.failures,
            "missedFills": self.missed_fills,
            "adopted": self.adopted,
            "vanished": self.vanished,
            "corrected": self.corrected,
            "lastMs": self.last_ns // NS_PER_MS,
            "longestMs": self.longest_ns // NS_PER_MS,
        }


class SymbolSync:
    """Where one symbol stands with the venue."""

    __slots__ = ("asked_ts", "cause", "done_ts", "failures", "retry_due", "zero_ms")

    def __init__(self) -> None:
        self.asked_ts: int | None = None
        """When the outstanding request was made."""
        self.cause = ""
        self.done_ts: int | None = None
        """When the last snapshot was digested; None: nothing may be quoted before one is."""
        self.retry_due: int | None = None
        self.failures = 0
        self.zero_ms: int | None = None
        """Wall ms of the last snapshot that showed nothing open under our prefix while we knew of nothing open either."""


class Reconciler:
    """One for all symbols."""

    def __init__(
        self,
        trades: dict[str, TradeLog],
        table: OrderTable,
        lifecycle: Lifecycle,
        manager: OrderManager,
        outbox: Outbox,
        listener: OrderListener,
        *,
        interval: int,
        answer_timeout: int,
        backoff: Backoff | None = None,
    ) -> None:
        """`interval` and `answer_timeout` in ns."""
        self._backoff = backoff or Backoff()
        self.statistics = Statistics()
        self.sync = {symbol: SymbolSync() for symbol in trades}
        self.runs = 0
        self.repairs = 0
        self._trades = trades
        self._table = table
        self._life = lifecycle
        self._manager = manager
        self._outbox = outbox
        self._listener = listener
        self.use_pace(interval=interval, answer_timeout=answer_timeout)
        self.funding_since: Callable[[str], int] = lambda _symbol: 0
        """Venue ms from which on a symbol's funding is not booked yet."""

    def use_pace(self, *, interval: int, answer_timeout: int) -> None:
        """Other lengths from now on, in ns."""
        self._interval = interval
        self._answer_timeout = answer_timeout
        self.good_for = 3 * interval + NS_PER_S
        """Ns that a comparison may be quoted on: three intervals without another end that."""

    def request(self, symbol: str, cause: str, ts: int) -> None:
        """Ask, unless an answer is outstanding."""
        sync = self.sync[symbol]
        if sync.asked_ts is None:
            self._ask(symbol, sync, cause, ts)

    def begin(self, symbol: str, cause: str, ts: int) -> None:
        """Nothing read so far counts any more: ask anew, and quote nothing before the answer."""
        sync = self.sync[symbol]
        sync.done_ts = None
        self._ask(symbol, sync, cause, ts)

    def on_timer(self, ts: int) -> None:
        """Retries, lost answers, and the regular comparison, which goes on without the lease: what is open then is still ours to know."""
        for symbol, sync in self.sync.items():
            if sync.asked_ts is not None:
                if ts - sync.asked_ts >= self._answer_timeout:
                    self._ask(symbol, sync, sync.cause, ts)
            elif sync.retry_due is not None:
                if ts >= sync.retry_due:
                    self._ask(symbol, sync, sync.cause, ts)
            elif (
                sync.done_ts is not None
                and ts - sync.done_ts >= _SETTLE_PAUSE_NS
                and self._table.of(symbol).unsettled
            ):
                self._ask(symbol, sync, "unknown", ts)
            elif sync.done_ts is not None and ts - sync.done_ts >= self._interval:
                self._ask(symbol, sync, "timer", ts)

    def on_failed(self, event: ReconcileFailed) -> None:
        """Ask again after a growing pause."""
        sync = self.sync.get(event.symbol)
        if sync is None or event.cause == CANCEL_ALL:
            return
        sync.asked_ts = None
        sync.failures += 1
        self.statistics.failures += 1
        sync.retry_due = event.ts + self._backoff.pause(event.symbol, sync.failures + 3)

    def on_snapshot(self, event: ReconcileSnapshot) -> Findings:
        """Repair from the venue's evidence."""
        sync = self.sync[event.symbol]
        full = event.cause != CANCEL_ALL
        missed = self._book_trades(event, full=full)
        adopted, corrected = self._match_open(event)
        vanished = self._doubt_missing(event)
        findings = Findings(missed_fills=missed, adopted=adopted, vanished=vanished, corrected=corrected)
        self.runs += 1
        self.repairs += findings.repairs
        self.statistics.add(findings, event.cause, event.ts - event.asked_ts)
        if full and (sync.asked_ts is None or event.asked_ts >= sync.asked_ts):
            sync.asked_ts = sync.retry_due = None
            sync.failures = 0
            sync.done_ts = event.ts
        if not event.open_orders and not self._table.has_live(event.symbol):
            sync.zero_ms = self._listener.wall_ms(event.ts)
        else:
            sync.zero_ms = None
        return findings

    def current(self, symbol: str, ts: int) -> bool:
        """True while the last comparison is recent enough to quote on."""
        done = self.sync[symbol].done_ts
        return done is not None and ts - done <= self.good_for

    def zero_confirmed_ms(self) -> int | None:
        """When the venue last confirmed that nothing is open in any symbol; None: it has not, since something was."""
        times = [sync.zero_ms for sync in self.sync.values()]
        confirmed = [time for time in times if time is not None]
        return min(confirmed) if confirmed and len(confirmed) == len(times) else None

    def _ask(self, symbol: str, sync: SymbolSync, cause: str, ts: int) -> None:
        sync.asked_ts = ts
        sync.cause = cause
        sync.retry_due = None
        self._outbox.emit(
            RequestReconcile(
                symbol=symbol,
                from_trade_id=self._trades[symbol].watermark + 1,
                cause=cause,
                funding_since_ms=self.funding_since(symbol),
            )
        )

    def _book_trades(self, event: ReconcileSnapshot, *, full: bool) -> int:
        missed = 0
        for trade in event.trades:
            missed += self._life.book(trade, None, event.ts, live=False)
        if full and event.trades:
            self._trades[event.symbol].settle(max(trade.trade_id for trade in event.trades))
        return missed

    def _match_open(self, event: ReconcileSnapshot) -> tuple[int, int]:
        adopted = corrected = 0
        for view in event.open_orders:
            order = self._table.get(view.symbol, view.client_id)
            if order is None:
                if not self._manager.is_ours(view.client_id):
                    continue
                order = self._manager.adopt(view, event.ts)
                adopted += 1
            elif order.over and not order.presumed_over:
                continue  # it ended after the snapshot was asked for
            before = order.state
            self._life.apply(
                order, view, "reconcile", event.ts, answers_us=event.asked_ts >= order.created_ts
            )
            corrected += before is OrderState.UNKNOWN and order.state is not before and not order.leftover
            if order.cancel_wanted:
                self._manager.cancel(order, event.ts)
        return adopted, corrected

    def _doubt_missing(self, event: ReconcileSnapshot) -> int:
        """Orders we hold open that the venue did not list. Whoever heard of it after the question left is excused."""
        listed = {view.client_id for view in event.open_orders}
        vanished = 0
        for order in self._table.live(event.symbol):
            if order.client_id in listed:
                continue
            if order.state is OrderState.UNKNOWN:
                if not order.query_in_flight and order.query_due is None:
                    self._manager.doubt(order, "not listed", event.ts)
                continue
            if order.acked_ts is not None and order.acked_ts < event.asked_ts and not order.cancel_in_flight:
                vanished += 1
                self._manager.doubt(order, "not listed as open", event.ts)
        return vanished
