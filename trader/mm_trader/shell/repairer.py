"""Reads what the store has, and has the writer bring it what it lacks. What that is says `repair`; when it is done says the session."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Literal

import msgspec
import structlog

from mm_api.redis_contract import STREAM_LIMIT, FillRecord, OrderRecord
from mm_trader.core.clock import Clock
from mm_trader.core.units import SymbolRules
from mm_trader.shell.alerts import Alerts, warning
from mm_trader.shell.dispatcher import KernelPort
from mm_trader.shell.errors import StoreRefusedError, StoreUnavailableError
from mm_trader.shell.halts import Halts
from mm_trader.shell.journal import Journal
from mm_trader.shell.repair import (
    Recalled,
    missing_fills,
    reaches_back,
    recall,
    unaccounted,
    unknown_to_journal,
)
from mm_trader.shell.store.port import Store
from mm_trader.shell.writer import Writer

STORE_RETRY_S = 0.2
log = structlog.get_logger("repair")


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """What store and journal have."""

    recalled: Recalled
    older: tuple[FillRecord, ...] = ()
    """Every fill in the journal's segments, where the store may lack more than those that the journal keeps in memory."""


class Repairer:
    """Between store, journal and writer."""

    def __init__(
        self,
        store: Store,
        scope: str,
        journal: Journal,
        writer: Writer,
        halts: Halts,
        alerts: Alerts,
        clock: Clock,
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._store = store
        self._scope = scope
        self._journal = journal
        self._writer = writer
        self._halts = halts
        self._alerts = alerts
        self._clock = clock
        self._sleep = sleep

    async def remember(self) -> Memory:
        """Read until the store answers; its halts are obeyed when this returns. Raises OSError: the journal cannot be read."""
        while True:
            try:
                await self._halts.refresh()
                recalled = await recall(self._store, self._scope)
                if reaches_back(self._journal.state.oldest_fill, recalled):
                    return Memory(recalled=recalled)
                recalled = await recall(self._store, self._scope, fills=2 * STREAM_LIMIT)
            except (StoreUnavailableError, StoreRefusedError) as error:
                log.warning("stored_state_unread", problem=str(error))
                await self._sleep(STORE_RETRY_S)
            else:
                older = await asyncio.to_thread(self._journal.fills_on_disk)
                return Memory(recalled=recalled, older=tuple(older))

    def journal_what_only_the_store_has(self, memory: Memory) -> None:
        """Before a kernel is built: it books the journal's fills. Raises OSError."""
        for fill in unknown_to_journal(memory.recalled, self._journal.state.fills):
            self._journal.fill(fill, None)

    def repair(
        self,
        memory: Memory,
        kernel: KernelPort,
        rules: Mapping[str, SymbolRules],
        left_behind: Sequence[OrderRecord] = (),
    ) -> int:
        """Have everything written that the store lacks; how many fills that are. `rules`: of the symbols that are configured; `left_behind`: orders in
        others, which the store keeps until they are swept."""
        recalled, ledger = memory.recalled, kernel.ledger()
        # a symbol that no ledger knows: whether the store has had its old fills, nobody can tell
        older = tuple(fill for fill in memory.older if fill.symbol in ledger.positions)
        # the longest first, for the order of time: each ends with the newest fill
        known = sorted((older, self._journal.state.fills, self._writer.unwritten_fills), key=len)
        missing = missing_fills((fill for each in reversed(known) for fill in each), recalled)
        stored_orders = {record.client_id for record in recalled.stored.orders}
        open_orders = [*kernel.open_orders(), *left_behind]
        self._writer.repair(missing, ledger, open_orders, stored_orders)
        gone = unaccounted(missing, recalled, ledger, rules) if memory.older else {}
        if missing:
            log.warning("store_repaired", fills=len(missing), last_batch=recalled.stored.batch)
        if gone:
            amounts = ", ".join(f"{amount:+f} {symbol}" for symbol, amount in sorted(gone.items()))
            self.warn(
                "FillsMissing",
                f"Redis has lost fills that this journal has not any more (in sum {amounts}): positions and PnL have them, the stream of fills has not",
                "critical",
            )
        return len(missing)

    def warn(self, reason: str, message: str, severity: Literal["warning", "critical"] = "warning") -> None:
        """Tell people."""
        self._alerts.send(warning(self._clock, reason, message, severity))
