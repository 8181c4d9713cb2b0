"""Follows the operator's command stream. Latches are never in a command: it only says that there is something to look at.

What was read is remembered in the reported state, so that a restarted process goes on from there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal, InvalidOperation

import structlog

from mm_api.drills import DrillName
from mm_api.redis_contract import Command, CommandKind
from mm_trader.core.clock import Clock
from mm_trader.core.events import Event, LimitsTightened, ReconcileRequested
from mm_trader.shell.errors import StoreRefusedError, StoreUnavailableError
from mm_trader.shell.halts import Halts
from mm_trader.shell.journal import Journal
from mm_trader.shell.store.port import Store

BLOCK_MS = 2_000
RETRY_S = 0.2
log = structlog.get_logger("commands")


def parse_limits(limits: dict[str, str]) -> dict[str, Decimal]:
    """Limits as exact numbers; ones that are no number are reported and left out."""
    parsed: dict[str, Decimal] = {}
    for name, text in limits.items():
        try:
            parsed[name] = Decimal(text)
        except InvalidOperation:
            log.warning("limit_unreadable", limit=name, value=text)
    return parsed


class CommandStream:
    """Reads commands and turns them into events."""

    def __init__(
        self,
        store: Store,
        halts: Halts,
        journal: Journal,
        revision: str,
        clock: Clock,
        emit: Callable[[Event], None],
        on_failure: Callable[[BaseException, str], None],
        drill: Callable[[DrillName], None] = lambda name: log.info("drill_not_known", drill=name.value),
    ) -> None:
        """`on_failure`: told when a limit cannot be remembered; it stops trading. `drill`: begins one, and returns at once."""
        self._on_failure = on_failure
        self._store = store
        self._halts = halts
        self._journal = journal
        self._revision = revision
        self._clock = clock
        self._emit = emit
        self._drill = drill
        self.last_id = "0-0"
        self._broken = False

    async def begin_at_end(self) -> None:
        """Skip what was said to earlier incarnations. Call before the first look at the latches. Raises StoreUnavailableError, StoreRefusedError."""
        self.last_id = await self._store.last_command_id()

    def resume_at(self, command_id: str) -> None:
        """Go on after a command that an earlier process of this incarnation had read."""
        self.last_id = command_id

    async def run(self) -> None:
        """Follow, for ever."""
        while True:
            try:
                entries = await self._store.commands(self.last_id, BLOCK_MS)
            except (StoreUnavailableError, StoreRefusedError) as error:
                if not self._broken:
                    self._broken = True
                    log.warning("command_stream_lost", problem=str(error))
                await asyncio.sleep(RETRY_S)
                continue
            if self._broken:
                self._broken = False
                log.info("command_stream_back")
                self._halts.look()
            for entry_id, command in entries:
                self.last_id = entry_id
                await self._obey(command)

    async def _obey(self, command: Command) -> None:
        log.info("command_received", kind=command.kind.value, generation=command.generation)
        now = self._clock.monotonic_ns()
        match command.kind:
            case CommandKind.REFRESH_LATCHES:
                await self._look_now()
            case CommandKind.RECONCILE:
                self._emit(ReconcileRequested(ts=now, symbol=None, cause="command"))
            case CommandKind.TIGHTEN:
                try:
                    self._journal.tighten(self._revision, command.limits)
                except OSError as error:
                    # it holds in this process all the same; the next one would not know it, and must not trade on the looser limit
                    self._on_failure(error, "tighten")
                self._emit(LimitsTightened(ts=now, limits=parse_limits(command.limits)))
                await self._look_now()
            case CommandKind.DRILL:
                if command.drill is not None:
                    self._drill(command.drill)

    async def _look_now(self) -> None:
        try:
            await self._halts.refresh()
        except (StoreUnavailableError, StoreRefusedError) as error:
            log.warning("latches_unread", problem=str(error))
            self._halts.look()
