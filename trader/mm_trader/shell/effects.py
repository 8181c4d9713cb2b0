"""Executes the kernel's commands: journal before socket, store behind. The dispatcher decides the order, this the destination."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import structlog

from mm_api.redis_contract import FillRecord, LedgerRecord, OrderRecord
from mm_trader.core.clock import Clock
from mm_trader.core.commands import (
    Alert,
    Amend,
    Cancel,
    CancelAllOwn,
    CancelReplace,
    Command,
    Modify,
    OrderChanged,
    Place,
    QueryOrder,
    RaiseHalt,
    RequestReconcile,
)
from mm_trader.core.events import CommandDropped, ErrorClass, Event, QueryFailed, ReconcileFailed, Side
from mm_trader.core.units import NS_PER_MS, SymbolRules
from mm_trader.shell import logs
from mm_trader.shell.alerts import Alerts
from mm_trader.shell.flatten import Flattener
from mm_trader.shell.gate import PlaceGate
from mm_trader.shell.halts import Halts
from mm_trader.shell.journal import Journal
from mm_trader.shell.writer import Writer
from mm_trader.venue.port import VenueGateway

log = structlog.get_logger("orders")


class ShellEffects:
    """Implements `dispatcher.Effects` on the real parts."""

    def __init__(
        self,
        *,
        journal: Journal,
        gateway: VenueGateway,
        writer: Writer,
        alerts: Alerts,
        gate: PlaceGate,
        flattener: Flattener,
        clock: Clock,
        lease_valid: Callable[[], bool],
        connected: Callable[[], bool],
    ) -> None:
        self._journal = journal
        self._gateway = gateway
        self._writer = writer
        self._alerts = alerts
        self._gate = gate
        self._flattener = flattener
        self._clock = clock
        self._lease_valid = lease_valid
        self._connected = connected
        self.rules: Mapping[str, SymbolRules] = {}
        self.halts: Halts | None = None
        self.emit: Callable[[Event], None] | None = None

    def place(self, command: Place) -> None:
        """On disk first; then to the gateway, unless places are blocked or the lease has run out."""
        if self._may_leave(command):
            self._gateway.submit(command)

    def replace(self, command: CancelReplace) -> None:
        """As `place` for the new order; when that must not leave, the cancel still does."""
        if self._may_leave(command.place):
            self._gateway.submit(command)
        else:
            self.submit(Cancel(symbol=command.symbol, client_id=command.client_id, venue_id=command.venue_id))

    def modify(self, command: Modify) -> None:
        """It can make an order larger or move it: held by whatever holds a place. The kernel has journaled it."""
        closed = self._gate.closed
        if not closed and self._lease_valid():
            self.submit(command)
        elif self.emit is not None:
            reason = "places are blocked" if closed else "the lease has run out"
            self.emit(_dropped(command, "amend", reason, self._clock.monotonic_ns()))

    def _may_leave(self, place: Place) -> bool:
        """Journal it; False: the kernel has been told that it was dropped."""
        self.journal_intent(place)
        closed = self._gate.closed and not (place.closing and self._gate.lets_closing_through)
        if closed or not self._lease_valid():
            self._drop(place, "places are blocked" if closed else "the lease has run out")
            return False
        self._flattener.placed()
        return True

    def journal_intent(self, command: Place) -> None:
        """The order is in the journal as one that may be open; written here if the kernel's own entry did not come before."""
        if command.client_id in self._journal.state.orders_json:
            return
        rules = self.rules[command.symbol]
        now = self._clock.wall_ns() // NS_PER_MS
        record = OrderRecord(
            client_id=command.client_id,
            symbol=command.symbol,
            side="BUY" if command.side is Side.BUY else "SELL",
            price=rules.price(command.price),
            quantity=rules.quantity(command.size),
            state="PENDING",
            created_ms=now,
            updated_ms=now,
        )
        self._journal.order(record, closed=False, cause="place")

    def _drop(self, command: Place, reason: str) -> None:
        if self.emit is not None:
            self.emit(_dropped(command, "place", reason, self._clock.monotonic_ns()))

    def submit(self, command: Command) -> None:
        """Cancels and questions: let through whenever there is a connection; without one the kernel is told, and asks again later."""
        if self._connected():
            self._gateway.submit(command)
            return
        failed = _unanswered(command, self._clock.monotonic_ns())
        if failed is not None and self.emit is not None:
            self.emit(failed)

    def order_changed(self, command: OrderChanged) -> None:
        """Journal, mirror, log."""
        record = command.record
        self._journal.order(record, closed=command.closed, cause=command.cause)
        self._writer.order(record, closed=command.closed)
        if logs.shows_debug():
            log.debug(
                "order_changed",
                client_id=record.client_id,
                symbol=record.symbol,
                side=record.side,
                price=str(record.price),
                quantity=str(record.quantity),
                filled=str(record.filled),
                state=record.state,
                venue_id=record.venue_id,
                cause=command.cause,
            )

    def fill_booked(self, record: FillRecord, ledger: LedgerRecord | None) -> None:
        """Journal and store, the ledger with the last fill of an event."""
        self._journal.fill(record, ledger)
        self._writer.fill(record, ledger)
        log.info(
            "fill",
            symbol=record.symbol,
            trade_id=record.trade_id,
            client_id=record.client_id,
            venue_order_id=record.venue_order_id,
            side=record.side,
            price=str(record.price),
            quantity=str(record.quantity),
            commission=str(record.commission),
            commission_asset=record.commission_asset,
            maker=record.maker,
            venue_ms=record.venue_ms,
        )

    def ledger_changed(self, ledger: LedgerRecord) -> None:
        """The ledger has another base now (a loss was accepted)."""
        self._journal.ledger(ledger)
        self._writer.ledger(ledger)

    def raise_halt(self, command: RaiseHalt) -> None:
        """Stop, then make it durable. The kernel's alert follows by itself."""
        assert self.halts is not None
        self.halts.raise_halt(command.latch, told=True)

    def alert(self, command: Alert) -> None:
        """Tell people."""
        self._alerts.send(command.record)


NOT_CONNECTED = "not connected to the venue"


def _dropped(command: Place | Cancel | Amend | Modify, word: str, reason: str, ts: int) -> CommandDropped:
    return CommandDropped(
        ts=ts, symbol=command.symbol, client_id=command.client_id, command=word, reason=reason
    )


def _unanswered(command: Command, ts: int) -> Event | None:
    """What the kernel hears of a command that cannot leave: before the first connection, and after the last. None: nobody waits for an answer."""
    match command:
        case Cancel():
            return _dropped(command, "cancel", NOT_CONNECTED, ts)
        case Amend() | Modify():
            return _dropped(command, "amend", NOT_CONNECTED, ts)
        case QueryOrder(symbol=symbol, client_id=client_id):
            return QueryFailed(
                ts=ts, symbol=symbol, client_id=client_id, error=ErrorClass.AMBIGUOUS, reason=NOT_CONNECTED
            )
        case RequestReconcile(symbol=symbol, cause=cause):
            return ReconcileFailed(ts=ts, symbol=symbol, reason=NOT_CONNECTED, cause=cause)
        case CancelAllOwn(symbol=symbol):
            return ReconcileFailed(ts=ts, symbol=symbol, reason=NOT_CONNECTED, cause="cancel_all")
    return None
