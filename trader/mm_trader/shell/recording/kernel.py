"""A kernel that writes down what it is told and what it answers. The session cannot tell it from one that does not."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping, Sequence
from uuid import uuid4

import structlog

import mm_trader
from mm_api.redis_contract import AlertRecord, Evidence, LedgerRecord, OrderRecord
from mm_api.trader_config import TraderConfig
from mm_trader.core.clock import Clock
from mm_trader.core.commands import Command
from mm_trader.core.events import Event, Tick
from mm_trader.core.ids import ClientIds
from mm_trader.core.state import KernelStatus, Restored
from mm_trader.core.units import SymbolRules
from mm_trader.shell.alerts import warning
from mm_trader.shell.dispatcher import KernelPort
from mm_trader.shell.recording import format as form
from mm_trader.shell.recording.writer import SegmentWriter

log = structlog.get_logger("recording")


class Recorder:
    """The recording of one process. A disk that fails ends the recording, never the trading."""

    def __init__(
        self, config: TraderConfig, directory: str, clock: Clock, alert: Callable[[AlertRecord], None]
    ) -> None:
        self._config = config
        self._clock = clock
        self._alert = alert
        self._writer = SegmentWriter(config.recording, directory, clock)
        self._built_with, self._rules = config, dict[str, SymbolRules]()
        self._run = uuid4().hex
        self._kernel: KernelPort | None = None
        self.failed = ""
        """Why the recording ended; empty while it goes on."""

    def record(
        self,
        kernel: KernelPort,
        config: TraderConfig,
        rules: Mapping[str, SymbolRules],
        ids: ClientIds,
        restored: Restored,
        *,
        ts: int,
        wall_ns: int,
    ) -> KernelPort:
        """Begin a segment with how this kernel was built; the kernel to use from now on."""
        self._kernel = kernel
        self._built_with, self._rules = config, dict(rules)
        built = form.Built(ids=self._ids(ids), restored=restored, ts=ts, wall_ns=wall_ns)
        self._try(lambda: self._begin(b"K " + form.encode(built) + b"\n"))
        return RecordedKernel(kernel, self)

    def event(self, event: Event) -> None:
        """Before the kernel sees it: the event that brings it down is in the file."""
        if self.failed:
            return
        try:
            self._writer.write(form.event_line(event))
        except OSError as error:
            self._fail(error)

    def answered(self, event: Event, commands: list[Command]) -> None:
        """After it."""
        if self.failed:
            return
        try:
            if commands:
                self._writer.write(form.commands_line(commands))
            if type(event) is Tick:
                self._writer.flush_if_due(event.ts)
                if self._writer.full:
                    assert self._kernel is not None
                    self._begin(form.state_line(self._kernel))
        except (OSError, pickle.PicklingError, TypeError, AttributeError) as error:
            self._fail(error)

    def incarnation(self, ids: ClientIds) -> None:
        """New client ids."""
        self._try(lambda: self._writer.write(b"I " + form.encode(self._ids(ids)) + b"\n"))

    def close(self) -> None:
        """End the segment."""
        self._try(self._writer.close)

    def _begin(self, first: bytes) -> None:
        header = form.Header(
            form=form.FORM,
            version=mm_trader.__version__,
            run=self._run,
            number=self._writer.next_number,
            config=self._built_with,
            rules=self._rules,
        )
        self._writer.begin()
        self._writer.write(b"H " + form.encode(header) + b"\n")
        self._writer.write(first)

    def _ids(self, ids: ClientIds) -> form.IdsRecord:
        return form.IdsRecord(identity=self._config.identity, epoch=ids.epoch, counter=ids.counter)

    def _try(self, work: Callable[[], None]) -> None:
        if self.failed:
            return
        try:
            work()
        except OSError as error:
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        self.failed = f"{type(error).__name__}: {error}"
        log.error("recording_ended", problem=self.failed)
        self._alert(warning(self._clock, "RecordingEnded", f"trading goes on, unrecorded: {self.failed}"))


class RecordedKernel:
    """See the module's docstring."""

    def __init__(self, kernel: KernelPort, recorder: Recorder) -> None:
        self._kernel = kernel
        self._recorder = recorder

    def on_event(self, event: Event) -> list[Command]:
        """Write it down, ask, write the answer down."""
        self._recorder.event(event)
        commands = self._kernel.on_event(event)
        self._recorder.answered(event, commands)
        return commands

    def begin_incarnation(self, ids: ClientIds) -> None:
        """The same."""
        self._recorder.incarnation(ids)
        self._kernel.begin_incarnation(ids)

    def is_flat(self) -> bool:
        """The kernel's."""
        return self._kernel.is_flat()

    def may_land(self) -> bool:
        """The kernel's."""
        return self._kernel.may_land()

    def ledger(self) -> LedgerRecord:
        """The kernel's."""
        return self._kernel.ledger()

    def evidence(self, wall_ns: int) -> Evidence:
        """The kernel's."""
        return self._kernel.evidence(wall_ns)

    def status(self) -> KernelStatus:
        """The kernel's."""
        return self._kernel.status()

    def open_orders(self) -> Sequence[OrderRecord]:
        """The kernel's."""
        return self._kernel.open_orders()
