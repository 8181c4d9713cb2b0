"""Writes to the store behind the trader's back: the hot path leaves values here and goes on; a task commits them in batches.

Newer values of one thing replace older ones that were not written yet, so a store that is away for an hour costs a bounded amount of memory;
fills and alerts are bounded by count (the ledger already contains every fill). A ledger is never written before the fills that it contains:
what the store's ledger has booked is in the store's stream of fills too, so after a crash the journal's other fills are the missing ones.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet

import msgspec
import structlog

from mm_api.redis_contract import (
    STREAM_LIMIT,
    AlertRecord,
    Evidence,
    FillRecord,
    Keys,
    LedgerRecord,
    OrderRecord,
    PositionRecord,
    ReportedState,
)
from mm_api.redis_scripts import Refusal
from mm_trader.shell.errors import StoreRefusedError, StoreUnavailableError
from mm_trader.shell.store.port import Operation, Store, Token

MAX_FILLS = STREAM_LIMIT
MAX_ALERTS = 1_000
OPERATIONS_AT_ONCE = 500
"""Redis runs a script alone: a longer one would hold up everybody else."""
EVIDENCE_SECONDS = 30 * 24 * 3600
RETRY_S = 0.2

log = structlog.get_logger("writer")


def stream_entry(key: str, field: str, text: str) -> Operation:
    """An append to a trimmed stream."""
    return Operation(command="XADD", key=key, arguments=("MAXLEN", "~", str(STREAM_LIMIT), "*", field, text))


class _Batch(msgspec.Struct, frozen=True, kw_only=True):
    """What one commit writes."""

    operations: list[Operation]
    fills: list[tuple[str, int]]


class Writer:
    """The write-behind queue. Call `run` as a task; everything else returns at once."""

    def __init__(self, store: Store, identity: str, on_refused: Callable[[Refusal], None]) -> None:
        self._store = store
        self._keys = Keys(identity)
        self._on_refused = on_refused
        self._token: Token | None = None
        self._values: dict[str, Operation] = {}
        self._orders: dict[str, OrderRecord | None] = {}
        self._fills: dict[tuple[str, int], FillRecord] = {}
        """By symbol and trade id, oldest first; what is being written stays until the store has it."""
        self._alerts: list[AlertRecord] = []
        self._batch: _Batch | None = None
        """Sent, and not answered yet."""
        self._batches = 0
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._failing = False
        self.dropped = 0
        """Fills and alerts that did not fit while the store was away."""
        self.commits = 0

    def use_token(self, token: Token | None) -> None:
        """Write under this token from now on. None: the lease is not held, keep everything."""
        self._token = token
        self._wake.set()

    def order(self, record: OrderRecord, *, closed: bool) -> None:
        """Mirror an order; a closed one is removed."""
        self._orders[record.client_id] = None if closed else record
        self._touched()

    def resync_orders(self, open_orders: Sequence[OrderRecord], stored: AbstractSet[str]) -> None:
        """Make the mirror say exactly `open_orders`; `stored`: client ids the store has now."""
        for client_id in stored:
            self._orders.setdefault(client_id, None)
        for record in open_orders:
            self._orders[record.client_id] = record
        self._touched()

    def fill(self, record: FillRecord, ledger: LedgerRecord | None) -> None:
        """A fill and the ledger that contains it. None: more fills of the same event follow, and the ledger with the last."""
        self._add_fill(record)
        self._touched()
        if ledger is not None:
            self.ledger(ledger)

    def resync_fills(
        self, journaled: Iterable[FillRecord], stored: LedgerRecord | None, ledger: LedgerRecord
    ) -> None:
        """Append what the journal has and the store has not: the process before was killed between the two. Before the first ledger of this incarnation.

        `ledger`: the one that has all of them. It goes along, or another kill would make the next process append them again.
        """
        positions = stored.positions if stored is not None else {}
        none = PositionRecord()
        missing = [
            record
            for record in journaled
            if not positions.get(record.symbol, none).has_booked(record.trade_id)
        ]
        for record in missing:
            self._add_fill(record)
        if missing:
            self.ledger(ledger)

    def ledger(self, ledger: LedgerRecord) -> None:
        """The ledger as it is now."""
        self._set(self._keys.ledger, ledger.to_json_line())

    def state(self, state: ReportedState) -> None:
        """What the trader says of itself."""
        self._set(self._keys.state, state.to_json_line())

    def evidence(self, evidence: Evidence) -> None:
        """The scope's counters."""
        self._set(self._keys.evidence(evidence.scope), evidence.to_json_line(), "EX", str(EVIDENCE_SECONDS))

    def alert(self, record: AlertRecord) -> None:
        """A line on the alert stream."""
        self._alerts.append(record)
        if len(self._alerts) > MAX_ALERTS:
            del self._alerts[0]
            self.dropped += 1
        self._touched()

    @property
    def pending(self) -> int:
        """Operations that are not written yet."""
        taken = len(self._batch.operations) - 1 - len(self._batch.fills) if self._batch is not None else 0
        return taken + len(self._values) + len(self._orders) + len(self._fills) + len(self._alerts)

    async def flush(self, timeout_s: float) -> bool:
        """Wait until everything is written. False: it could not be in time."""
        self._wake.set()
        try:
            async with asyncio.timeout(timeout_s):
                await self._idle.wait()
        except TimeoutError:
            return False
        return True

    async def run(self) -> None:
        """Commit whatever is pending, for ever."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._token is not None and self.pending:
                if not await self._commit(self._token):
                    break
            if not self.pending:
                self._idle.set()

    async def _commit(self, token: Token) -> bool:
        """One batch. False: not now. A batch without an answer may have been written: it is sent again as it was, before anything newer, under its name."""
        batch = self._batch or self._take(token)
        self._batch = batch
        problem: str | None = None
        refusal: Refusal | None = None
        try:
            refusal = await self._store.commit(token, batch.operations)
        except (StoreUnavailableError, StoreRefusedError) as error:
            problem = str(error)
        if problem is None and refusal is None:
            self._batch = None
            for key in batch.fills:
                self._fills.pop(key, None)  # it may have been dropped meanwhile
            self.commits += 1
            self._recovered()
            return True
        if refusal is not None:
            if self._token is token:
                self._token = None
            self._on_refused(refusal)
            return False
        self._failed(problem or "")
        await asyncio.sleep(RETRY_S)
        self._wake.set()
        return False

    def _take(self, token: Token) -> _Batch:
        """The next batch, named after the acquisition that it is first sent under."""
        self._batches += 1
        values, self._values = self._values, {}
        orders = dict(list(self._orders.items())[:OPERATIONS_AT_ONCE])
        fills, alerts = list(self._fills.items())[:OPERATIONS_AT_ONCE], self._alerts[:OPERATIONS_AT_ONCE]
        for client_id in orders:
            del self._orders[client_id]
        del self._alerts[: len(alerts)]
        if len(fills) < len(self._fills) and self._keys.ledger in values:
            self._values[self._keys.ledger] = values.pop(self._keys.ledger)  # goes with its last fill
        name = f"{token.epoch}-{token.counter}-{self._batches}"
        return _Batch(
            operations=[
                Operation(command="ONCE", key=self._keys.fence, arguments=(name,)),
                *self._order_operations(orders),
                *(stream_entry(self._keys.fills, "fill", fill.to_json_line()) for _, fill in fills),
                *values.values(),
                *(stream_entry(self._keys.alerts, "alert", alert.to_json_line()) for alert in alerts),
            ],
            fills=[key for key, _ in fills],
        )

    def _order_operations(self, orders: dict[str, OrderRecord | None]) -> list[Operation]:
        operations = []
        kept = [(client_id, record) for client_id, record in orders.items() if record is not None]
        gone = tuple(client_id for client_id, record in orders.items() if record is None)
        if kept:
            pairs = tuple(text for client_id, record in kept for text in (client_id, record.to_json_line()))
            operations.append(Operation(command="HSET", key=self._keys.orders, arguments=pairs))
        if gone:
            operations.append(Operation(command="HDEL", key=self._keys.orders, arguments=gone))
        return operations

    def _set(self, key: str, *arguments: str) -> None:
        self._values[key] = Operation(command="SET", key=key, arguments=arguments)
        self._touched()

    def _touched(self) -> None:
        self._idle.clear()
        self._wake.set()

    def _add_fill(self, record: FillRecord) -> None:
        self._fills[record.symbol, record.trade_id] = record
        if len(self._fills) > MAX_FILLS:
            del self._fills[next(iter(self._fills))]
            self.dropped += 1

    def _failed(self, problem: str) -> None:
        if not self._failing:
            self._failing = True
            log.warning("store_write_failed", problem=problem, pending=self.pending)

    def _recovered(self) -> None:
        if self._failing:
            self._failing = False
            log.info("store_write_recovered", dropped=self.dropped)
