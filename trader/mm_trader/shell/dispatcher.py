"""The one way into the kernel and out of it: events in order, commands executed in order (`venue_first`), on one thread.

A command's execution may produce events at once (a dropped place); they wait their turn. If the kernel raises, nothing it says can be trusted
any more: places are blocked, everything under the prefix is cancelled, a halt is latched, and the process stays to show it.
"""

from __future__ import annotations

import gc
from collections import deque
from collections.abc import Callable, Sequence
from time import monotonic_ns, perf_counter_ns
from typing import Any, Protocol

import structlog

from mm_api.redis_contract import Evidence, FillRecord, LedgerRecord, OrderRecord
from mm_trader.core.commands import (
    Alert,
    CancelReplace,
    Command,
    FillBooked,
    FundingBooked,
    Modify,
    OrderChanged,
    Place,
    RaiseHalt,
)
from mm_trader.core.events import (
    CommandDropped,
    CommandRefused,
    Event,
    HaltLifted,
    LimitsTightened,
    OrderAccepted,
    ReconcileSnapshot,
)
from mm_trader.core.ids import ClientIds
from mm_trader.core.state import KernelStatus
from mm_trader.shell.ack_times import AckTimes
from mm_trader.shell.venue_first import venue_first

RECENT_FILLS = 200
LATENCY_BUCKETS = 24
"""Bucket n counts events that took less than 2^(n+8) ns: 256 ns to 2 s."""
_ANSWERS = (OrderAccepted, CommandRefused)
log = structlog.get_logger("dispatcher")


class KernelPort(Protocol):
    """The kernel as the shell uses it."""

    def on_event(self, event: Event) -> list[Command]: ...
    def begin_incarnation(self, ids: ClientIds) -> None: ...
    def is_flat(self) -> bool: ...
    def may_land(self) -> bool: ...
    def ledger(self) -> LedgerRecord: ...
    def evidence(self, wall_ns: int) -> Evidence: ...
    def status(self) -> KernelStatus: ...
    def open_orders(self) -> Sequence[OrderRecord]: ...


class Effects(Protocol):
    """Where commands go. `app` binds it to journal, gateway, writer, halts and alerts."""

    def place(self, command: Place) -> None: ...
    def replace(self, command: CancelReplace) -> None: ...
    def modify(self, command: Modify) -> None: ...
    def submit(self, command: Command) -> None: ...
    def order_changed(self, command: OrderChanged) -> None: ...
    def fill_booked(self, record: FillRecord, ledger: LedgerRecord | None) -> None: ...
    def ledger_changed(self, ledger: LedgerRecord) -> None: ...
    def raise_halt(self, command: RaiseHalt) -> None: ...
    def alert(self, command: Alert) -> None: ...


class Dispatcher:
    """Feeds the kernel. `dispatcher(event)` is the sink that gateway and shell share."""

    def __init__(
        self,
        effects: Effects,
        on_crash: Callable[[BaseException, str], None],
        measure: Callable[[], int] = perf_counter_ns,
        *,
        ack_times: AckTimes | None = None,
        monotonic_ns: Callable[[], int] = monotonic_ns,
    ) -> None:
        self._effects = effects
        self._on_crash = on_crash
        self._measure = measure
        self._acks = ack_times if ack_times is not None else AckTimes()
        self._monotonic_ns = monotonic_ns
        self._kernel: KernelPort | None = None
        self._queue: deque[Event] = deque()
        self._held: list[Event] = []
        self._draining = False
        self._last_fill: Command | None = None
        self.crashed = False
        self.events: dict[str, int] = {}
        """Event type → how many the kernel has seen."""
        self.commands: dict[str, int] = {}
        """Command type → how many the kernel has given."""
        self.latency = [0] * LATENCY_BUCKETS
        self.latency_sum_ns = 0
        self.recent_fills: deque[FillRecord] = deque(maxlen=RECENT_FILLS)
        self.last_snapshot: ReconcileSnapshot | None = None
        self._table: dict[type[Command], Callable[[Any], None]] = {
            Place: self._place,
            CancelReplace: self._replace,
            Modify: effects.modify,
            OrderChanged: effects.order_changed,
            FillBooked: self._fill,
            FundingBooked: self._funding,
            RaiseHalt: effects.raise_halt,
            Alert: effects.alert,
        }

    @property
    def kernel(self) -> KernelPort | None:
        """The running kernel. None: not built yet, or not to be trusted any more."""
        return None if self.crashed else self._kernel

    def attach(self, kernel: KernelPort) -> None:
        """Use this kernel from now on; what could not wait for one and must not be lost is given to it first."""
        self._kernel = kernel
        self.crashed = False
        held, self._held = self._held, []
        for event in held:
            self(event)

    def __call__(self, event: Event) -> None:
        """Handle an event, and all that follow from it."""
        self._queue.append(event)
        if self._draining:
            return
        self._draining = True
        collects = gc.isenabled()
        gc.disable()  # a collection that is due begins when the venue has heard what follows from the event, not before
        try:
            while self._queue:
                self._handle(self._queue.popleft())
        finally:
            self._draining = False
            if collects:
                gc.enable()

    def _handle(self, event: Event) -> None:
        kernel = self.kernel
        if kernel is None:
            if isinstance(event, (HaltLifted, LimitsTightened)):
                self._held.append(event)
            return
        name = type(event).__name__
        self.events[name] = self.events.get(name, 0) + 1
        if isinstance(event, _ANSWERS):
            self._acks.answered(event.client_id, event.ts)
        elif type(event) is CommandDropped:
            self._acks.forget(event.client_id)
        began = self._measure()
        try:
            commands = kernel.on_event(event)
        except Exception as error:  # noqa: BLE001 - the last resort: whatever it was, trading stops
            self._crash(error, name)
            return
        took = self._measure() - began
        self.latency[min(max(took.bit_length() - 8, 0), LATENCY_BUCKETS - 1)] += 1
        self.latency_sum_ns += took
        self._last_fill = next((each for each in reversed(commands) if type(each) is FillBooked), None)
        for command in venue_first(commands):
            try:
                self._execute(command)
            except Exception as error:  # noqa: BLE001 - a command that cannot be executed (journal full) leaves the kernel wrong about the world
                self._crash(error, type(command).__name__)
                return
        if isinstance(event, HaltLifted):
            self._effects.ledger_changed(kernel.ledger())
        elif isinstance(event, ReconcileSnapshot):
            self.last_snapshot = event

    def _execute(self, command: Command) -> None:
        kind = type(command)
        name = kind.__name__
        self.commands[name] = self.commands.get(name, 0) + 1
        self._table.get(kind, self._effects.submit)(command)

    def _place(self, command: Place) -> None:
        self._acks.sent(command.client_id, self._monotonic_ns())
        self._effects.place(command)

    def _replace(self, command: CancelReplace) -> None:
        self._acks.sent(command.place.client_id, self._monotonic_ns())
        self._effects.replace(command)

    def _fill(self, command: FillBooked) -> None:
        """The ledger goes with the event's last fill: it contains all of them, and one that is on disk before its fills would hide those after a kill."""
        assert self._kernel is not None
        self.recent_fills.append(command.record)
        last = command is self._last_fill
        self._effects.fill_booked(command.record, self._kernel.ledger() if last else None)

    def _funding(self, command: FundingBooked) -> None:
        assert self._kernel is not None
        log.info("funding", symbol=command.symbol, amount=str(command.amount), venue_ms=command.venue_ms)
        self._effects.ledger_changed(self._kernel.ledger())

    def _crash(self, error: BaseException, where: str) -> None:
        self.crashed = True
        self._queue.clear()
        log.error("kernel_failed", where=where, error=repr(error), exc_info=error)
        self._on_crash(error, where)
