"""Writes to the store behind the trader's back: the hot path leaves values here and goes on; a task commits them in batches.

Newer values of one thing replace older ones that were not written yet, so a store that is away for an hour costs a bounded amount of memory;
fills and alerts are bounded by count (the ledger already contains every fill). A ledger is never written before the fills that it contains:
what the store's ledger has booked is in the store's stream of fills too, so after a crash the journal's other fills are the missing ones.

Each batch names the one before it. A store that has forgotten that one has come back older: it refuses (`BEHIND`), and nothing is written until
somebody has read what it has now (`follow`) and said what it lacks (`repair`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from itertools import islice

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

    name: str
    operations: list[Operation]
    orders: dict[str, OrderRecord | None]
    fills: list[tuple[str, int]]
    values: dict[str, Operation]
    alerts: list[AlertRecord]


class Writer:
    """The write-behind queue. Call `run` as a task; everything else returns at once."""

    def __init__(
        self,
        store: Store,
        identity: str,
        on_refused: Callable[[Refusal], None],
        on_behind: Callable[[], None],
    ) -> None:
        """`on_refused`: the lease is not ours. `on_behind`: it is, and the store has lost what it had acknowledged."""
        self._store = store
        self._keys = Keys(identity)
        self._on_refused = on_refused
        self._on_behind = on_behind
        self._token: Token | None = None
        self._last: str | None = None
        """The batch that the store has, as far as is known. None: it was never read."""
        self._repaired = False
        """Somebody has compared what the store has with what it must have since the token was given."""
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
        self.complete = asyncio.Event()
        """Set while the store has everything that it lacked when the token was given."""
        self.dropped = 0
        """Fills and alerts that did not fit while the store was away."""
        self.commits = 0

    def hold(self) -> None:
        """Write nothing and keep everything: the lease is not held, or nobody knows what the store has."""
        self._token = None
        self.complete.clear()

    def follow(self, token: Token, batch: str) -> None:
        """Write under this token from now on, behind `batch`, the last that the store has. Until `repair` only what says how the trader fares."""
        self._settle(batch)
        self._token, self._last, self._repaired = token, batch, False
        self.complete.clear()
        self._wake.set()

    def knows(self, batch: str) -> bool:
        """True: a store whose last batch this is has lost nothing, and nobody else has written there."""
        return batch == self._last or (self._batch is not None and batch == self._batch.name)

    def repair(
        self,
        missing: Iterable[FillRecord],
        ledger: LedgerRecord,
        open_orders: Sequence[OrderRecord],
        stored_orders: AbstractSet[str],
    ) -> None:
        """What must be written so that the store has everything. `missing`: the fills that it has not, those of `unwritten_fills` among them, in order;
        `ledger`: the one that has booked them all; `stored_orders`: client ids it has now, of which only those of `open_orders` may stay."""
        self._fills.clear()
        for fill in missing:
            self._add_fill(fill)
        self._orders = dict.fromkeys(stored_orders)
        self._orders |= {order.client_id: order for order in open_orders}
        self._repaired = True
        self.ledger(ledger)

    @property
    def unwritten_fills(self) -> tuple[FillRecord, ...]:
        """Oldest first."""
        return tuple(self._fills.values())

    def order(self, record: OrderRecord, *, closed: bool) -> None:
        """Mirror an order; a closed one is removed."""
        self._orders[record.client_id] = None if closed else record
        self._touched()

    def fill(self, record: FillRecord, ledger: LedgerRecord | None) -> None:
        """A fill and the ledger that contains it. None: more fills of the same event follow, and the ledger with the last."""
        self._add_fill(record)
        self._touched()
        if ledger is not None:
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
        self._bound_alerts()
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
            while self._token is not None and self._ready:
                if not await self._commit(self._token):
                    break
            if not self.pending:
                self._idle.set()

    async def _commit(self, token: Token) -> bool:
        """One batch. False: not now. A batch without an answer may have been written: it is sent again as it was, before anything newer, under its name."""
        batch = self._batch or self._take(token)
        self._batch = batch
        try:
            refusal = await self._store.commit(token, batch.operations)
        except (StoreUnavailableError, StoreRefusedError) as error:
            self._failed(str(error))
            await asyncio.sleep(RETRY_S)
            self._wake.set()
            return False
        if self._batch is not batch:
            return True  # the store was read meanwhile, and what became of it is known
        if refusal is not None:
            self._refused(token, refusal)
            return False
        self._written(batch)
        return True

    def _refused(self, token: Token, refusal: Refusal) -> None:
        if self._token is not token:
            return
        self.hold()
        if refusal is Refusal.BEHIND:
            log.warning("store_has_gone_back", last=self._last)
            self._on_behind()
        else:
            self._on_refused(refusal)

    def _written(self, batch: _Batch) -> None:
        self._batch, self._last = None, batch.name
        for key in batch.fills:
            self._fills.pop(key, None)  # it may have been dropped meanwhile
        if self._keys.ledger in batch.values:
            self.complete.set()  # it goes with the last of its fills
        self.commits += 1
        if self._failing:
            self._failing = False
            log.info("store_write_recovered", dropped=self.dropped)

    def _settle(self, stored: str) -> None:
        """What was sent and not answered was written if it is the last that the store has. If not it waits again: were it still on its way, the next one
        would be `BEHIND`."""
        batch = self._batch
        if batch is None:
            return
        if batch.name == stored:
            self._written(batch)
            return
        self._batch = None
        self._orders = batch.orders | self._orders
        self._values = batch.values | self._values
        self._alerts = [*batch.alerts, *self._alerts]
        self._bound_alerts()

    @property
    def _ready(self) -> bool:
        """There is something that may be written now."""
        if self._repaired or self._batch is not None:
            return bool(self.pending)
        return bool(self._alerts or self._values.keys() - {self._keys.ledger})

    def _take(self, token: Token) -> _Batch:
        """The next batch, named after its token."""
        self._batches += 1
        name = f"{token.epoch}-{token.counter}-{self._batches}"
        values, self._values = self._values, {}
        orders: dict[str, OrderRecord | None] = {}
        fills: dict[tuple[str, int], FillRecord] = {}
        if self._repaired:
            orders = dict(islice(self._orders.items(), OPERATIONS_AT_ONCE))
            fills = dict(islice(self._fills.items(), OPERATIONS_AT_ONCE))
        alerts, self._alerts = self._alerts[:OPERATIONS_AT_ONCE], self._alerts[OPERATIONS_AT_ONCE:]
        for client_id in orders:
            del self._orders[client_id]
        if (not self._repaired or len(fills) < len(self._fills)) and self._keys.ledger in values:
            self._values[self._keys.ledger] = values.pop(self._keys.ledger)  # goes with its last fill
        return _Batch(
            name=name,
            operations=[
                Operation(command="ONCE", key=self._keys.fence, arguments=(name, self._last or "")),
                *self._order_operations(orders),
                *(stream_entry(self._keys.fills, "fill", fill.to_json_line()) for fill in fills.values()),
                *values.values(),
                *(stream_entry(self._keys.alerts, "alert", alert.to_json_line()) for alert in alerts),
            ],
            orders=orders,
            fills=list(fills),
            values=values,
            alerts=alerts,
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

    def _bound_alerts(self) -> None:
        excess = len(self._alerts) - MAX_ALERTS
        if excess > 0:
            del self._alerts[:excess]
            self.dropped += excess

    def _failed(self, problem: str) -> None:
        if not self._failing:
            self._failing = True
            log.warning("store_write_failed", problem=problem, pending=self.pending)
