"""Questions of the kernel, asked over REST beside the order flow: one order, a reconciliation, a depth snapshot, a sweep, a cancel without a socket.

Each question gets exactly one event as its answer; a depth snapshot is asked for until it comes.
"""

from __future__ import annotations

import asyncio

import structlog

from mm_trader.core.commands import Cancel, CancelAllOwn, QueryOrder, RequestDepth, RequestReconcile
from mm_trader.core.events import (
    ErrorClass,
    OrderFound,
    OrderNotFound,
    QueryFailed,
    ReconcileFailed,
    ReconcileSnapshot,
)
from mm_trader.venue.binance.account import AccountReader
from mm_trader.venue.binance.answers import Answers
from mm_trader.venue.binance.reflexes import Failure
from mm_trader.venue.binance.settings import GatewaySettings
from mm_trader.venue.binance.sweep import Sweeper
from mm_trader.venue.binance.transport.background import Background
from mm_trader.venue.binance.transport.rest import CallError
from mm_trader.venue.binance.venue_clock import VenueClock
from mm_trader.venue.binance.watch import ResetWatch
from mm_trader.venue.binance.wire.market import FrameError
from mm_trader.venue.binance.wire.orders import cancel_params
from mm_trader.venue.port import EventSink

log = structlog.get_logger(__name__)

SWEEP_CAUSE = "cancel_all"


class Queries:
    """Runs a bounded number of questions at a time."""

    def __init__(
        self,
        account: AccountReader,
        sweeper: Sweeper,
        venue_clock: VenueClock,
        settings: GatewaySettings,
        sink: EventSink,
        answers: Answers,
        resets: ResetWatch,
    ) -> None:
        self._account = account
        self._sweeper = sweeper
        self._clock = venue_clock.clock
        self._settings = settings
        self._sink = sink
        self._answers = answers
        self._resets = resets
        self._slots = asyncio.Semaphore(settings.parallel_queries)
        self._tasks = Background(settings.max_queries)
        self._cancels = Background(settings.parallel_cancels * 4)
        self._depths: set[str] = set()
        self._trades_from: dict[str, int] = {}

    def submit(self, command: QueryOrder | RequestReconcile | RequestDepth | CancelAllOwn) -> None:
        """Ask; the answer is an event."""
        if isinstance(command, QueryOrder):
            if not self._tasks.start(self._query(command), "query-order"):
                self._query_failed(command, ErrorClass.THROTTLED, "too many questions at once")
        elif isinstance(command, RequestReconcile):
            self._trades_from[command.symbol] = command.from_trade_id
            if not self._tasks.start(self._reconcile(command), "reconcile"):
                self._reconcile_failed(command.symbol, "too many questions at once", command.cause)
        elif isinstance(command, RequestDepth):
            if command.symbol not in self._depths and self._tasks.start(self._depth(command.symbol), "depth"):
                self._depths.add(command.symbol)
        elif not self._tasks.start(self._sweep(command.symbol), "sweep"):
            self._reconcile_failed(command.symbol, "too many questions at once", SWEEP_CAUSE)

    def cancel(self, cancel: Cancel) -> bool:
        """Cancel over REST. False: too many are under way."""
        return self._cancels.start(self._cancel(cancel), "cancel-by-rest")

    async def stop(self) -> None:
        """End all questions; nobody waits for their answers any more."""
        await self._tasks.close()
        await self._cancels.close()

    async def _query(self, command: QueryOrder) -> None:
        async with self._slots:
            asked = self._clock.monotonic_ns()
            try:
                order = await self._account.order(command.symbol, client_id=command.client_id)
            except CallError as error:
                if error.error is ErrorClass.NOT_FOUND:
                    self._resets.suspect(command.symbol)
                    self._sink(
                        OrderNotFound(
                            ts=self._clock.monotonic_ns(),
                            symbol=command.symbol,
                            client_id=command.client_id,
                            asked_ts=asked,
                        )
                    )
                else:
                    self._query_failed(command, error.error, error.message)
            except FrameError as error:
                self._query_failed(command, ErrorClass.AMBIGUOUS, str(error))
            else:
                self._sink(OrderFound(ts=self._clock.monotonic_ns(), order=order))

    async def _reconcile(self, command: RequestReconcile) -> None:
        async with self._slots:
            await self._read_all(
                command.symbol, command.from_trade_id, command.cause, command.funding_since_ms
            )

    async def _read_all(self, symbol: str, from_trade_id: int, cause: str, funding_since_ms: int = 0) -> None:
        """Open orders before trades: an order that ends in between is missing from the first, so its fills must be in the second."""
        asked = self._clock.monotonic_ns()
        try:
            orders = await self._account.open_orders(symbol)
            trades = await self._account.trades(symbol, from_trade_id)
            funding = await self._account.funding(symbol, funding_since_ms) if funding_since_ms else []
            balances = await self._account.balances()
        except (CallError, FrameError) as error:
            self._reconcile_failed(symbol, str(error), cause)
            return
        self._resets.on_balances(balances)
        self._sink(
            ReconcileSnapshot(
                ts=self._clock.monotonic_ns(),
                symbol=symbol,
                asked_ts=asked,
                open_orders=orders.own,
                foreign_open_orders=orders.foreign,
                trades=trades,
                balances=balances,
                cause=cause,
                funding=funding,
                held=self._account.held(symbol),
            )
        )

    async def _sweep(self, symbol: str) -> None:
        if await self._sweeper.sweep([symbol], self._settings.sweep_timeout_s):
            await self._read_all(symbol, self._trades_from.get(symbol, 0), SWEEP_CAUSE)
        else:
            self._reconcile_failed(symbol, "open orders could not be cancelled in time", SWEEP_CAUSE)

    async def _depth(self, symbol: str) -> None:
        complained = False
        try:
            while True:
                try:
                    async with self._slots:
                        snapshot = await self._account.depth(symbol)
                except (CallError, FrameError) as error:
                    if not complained:
                        complained = True
                        log.warning("depth_not_read", symbol=symbol, reason=str(error))
                    await asyncio.sleep(self._settings.depth_retry_s)
                else:
                    break
        finally:
            self._depths.discard(symbol)
        self._sink(snapshot)

    async def _cancel(self, cancel: Cancel) -> None:
        try:
            order = await self._account.cancel(cancel.symbol, cancel_params(cancel))
        except FrameError as error:
            self._answers.unknown(cancel, str(error))
        except CallError as error:
            if error.sent:
                self._answers.failed(cancel, Failure(error.error, error.code, error.message))
            else:
                self._answers.dropped(cancel, error.message)
        else:
            self._answers.cancelled(order)

    def _query_failed(self, command: QueryOrder, error: ErrorClass, reason: str) -> None:
        self._sink(
            QueryFailed(
                ts=self._clock.monotonic_ns(),
                symbol=command.symbol,
                client_id=command.client_id,
                error=error,
                reason=reason,
            )
        )

    def _reconcile_failed(self, symbol: str, reason: str, cause: str) -> None:
        self._sink(ReconcileFailed(ts=self._clock.monotonic_ns(), symbol=symbol, reason=reason, cause=cause))
