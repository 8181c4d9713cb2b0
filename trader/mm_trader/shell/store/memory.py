"""The store of a trader that has no Redis: everything in this process, gone with it. The journal still remembers orders, fills, ledger and halts.

It obeys the same fence as Redis, so that two traders in one test process exclude each other.
"""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Sequence
from typing import Any

import structlog

from mm_api.redis_contract import (
    Command,
    CommandKind,
    Evidence,
    FillRecord,
    Keys,
    Latch,
    LedgerRecord,
    OrderRecord,
    ReportedState,
    lifted_until,
)
from mm_api.redis_scripts import Refusal
from mm_trader.core.clock import Clock
from mm_trader.core.units import NS_PER_MS
from mm_trader.shell.errors import StoreUnavailableError
from mm_trader.shell.store.port import LatchView, LeaseAnswer, Operation, StoredState, Token

STREAM_LENGTH = 10_000
_DATA = ("_strings", "_hashes", "_streams", "_acknowledged", "_lease", "_epoch", "_counter", "_batch")
"""Attributes that a backup has."""
log = structlog.get_logger("store")


class MemoryStore:
    """One identity's state in a dictionary."""

    name = "memory"

    def __init__(self, identity: str, clock: Clock) -> None:
        self.keys = Keys(identity)
        self.available = True
        """Tests set it to False: the store does not answer."""
        self._clock = clock
        self._strings: dict[str, str] = {}
        self._hashes: dict[str, dict[str, str]] = {}
        self._streams: dict[str, list[tuple[str, str]]] = {}
        self._acknowledged: list[str] = []
        self._lease: tuple[str, int] | None = None
        self._epoch: int | None = None
        self._counter = 0
        self._sequence = 0
        self._batch = ""
        self._arrived = asyncio.Condition()

    async def ping(self) -> None:
        """Raises StoreUnavailableError."""
        self._check()

    async def acquire(self, holder: str, ttl_ms: int, epoch: int, *, issue_own: bool) -> LeaseAnswer:
        """Take or re-take the lease. No operator reaches this memory: unless a test issued an epoch, the caller's own holds."""
        self._check()
        if self._epoch is None:
            log.debug("epoch_issued", epoch=epoch, managed=not issue_own)
            self._epoch = epoch
        if self._epoch != epoch:
            return LeaseAnswer(refusal=Refusal.EPOCH_MISMATCH, number=self._epoch)
        held = self._holder()
        if held is not None and held[0] != holder:
            return LeaseAnswer(
                refusal=Refusal.HELD, number=(held[1] - self._clock.monotonic_ns()) // NS_PER_MS
            )
        self._counter += 1
        self._lease = (holder, self._clock.monotonic_ns() + ttl_ms * NS_PER_MS)
        return LeaseAnswer(counter=self._counter)

    async def renew(self, token: Token, ttl_ms: int) -> LeaseAnswer:
        """Extend the lease."""
        self._check()
        if not self._owns(token):
            return LeaseAnswer(refusal=Refusal.NOT_HOLDER)
        self._lease = (token.holder, self._clock.monotonic_ns() + ttl_ms * NS_PER_MS)
        return LeaseAnswer(counter=token.counter)

    async def release(self, token: Token) -> LeaseAnswer:
        """Give the lease back."""
        self._check()
        if not self._owns(token):
            return LeaseAnswer(refusal=Refusal.NOT_HOLDER)
        self._lease = None
        return LeaseAnswer(counter=token.counter)

    async def commit(self, token: Token, operations: Sequence[Operation]) -> Refusal | None:
        """All operations or none."""
        self._check()
        if not self._owns(token):
            return Refusal.NOT_HOLDER
        batch = previous = self._batch
        for operation in operations:
            if operation.command == "ONCE":
                batch, previous = operation.arguments
                if self._batch == batch:
                    return None
        if previous != self._batch:
            return Refusal.BEHIND
        for operation in operations:
            await self._apply(operation)
        self._batch = batch
        return None

    async def latches(self) -> LatchView:
        """Halts as they are now."""
        self._check()
        found = self._hashes.get(self.keys.latches, {})
        return LatchView(
            latches=tuple(Latch.model_validate_json(text) for _, text in sorted(found.items())),
            lifted=lifted_until(self._acknowledged),
        )

    async def load(self, scope: str) -> StoredState:
        """What earlier incarnations of this process left."""
        self._check()
        ledger = self._strings.get(self.keys.ledger)
        evidence = self._strings.get(self.keys.evidence(scope))
        state = self._strings.get(self.keys.state)
        orders = self._hashes.get(self.keys.orders, {})
        return StoredState(
            batch=self._batch,
            ledger=LedgerRecord.model_validate_json(ledger) if ledger else None,
            orders=tuple(OrderRecord.model_validate_json(text) for text in orders.values()),
            evidence=Evidence.model_validate_json(evidence) if evidence else None,
            state=ReportedState.model_validate_json(state) if state else None,
        )

    async def fills_before(self, entry_id: str, count: int) -> list[tuple[str, FillRecord | None]]:
        """Entries of the stream of fills, newest first."""
        self._check()
        last = int(entry_id.split("-")[0]) if entry_id else self._sequence + 1
        stream = self._streams.get(self.keys.fills, [])
        found = [item for item in reversed(stream) if int(item[0].split("-")[0]) < last]
        return [(name, FillRecord.model_validate_json(text)) for name, text in found[:count]]

    async def last_command_id(self) -> str:
        """Id of the newest command."""
        stream = self._streams.get(self.keys.commands)
        return stream[-1][0] if stream else "0-0"

    async def commands(self, after: str, block_ms: int) -> list[tuple[str, Command]]:
        """Commands after an id, waiting for the first."""
        self._check()
        async with self._arrived:
            found = self._after(after)
            if not found:
                try:
                    await asyncio.wait_for(self._arrived.wait(), block_ms / 1000)
                except TimeoutError:
                    return []
                found = self._after(after)
        return [(entry_id, Command.model_validate_json(text)) for entry_id, text in found]

    async def lift(self, halt_id: str) -> bool:
        """Lift one halt."""
        self._check()
        found = self._hashes.get(self.keys.latches, {}).pop(halt_id, None)
        at_ms = self._clock.wall_ns() // NS_PER_MS
        if found is not None:
            at_ms = max(at_ms, Latch.model_validate_json(found).at_ms)
        self._acknowledged[:0] = (f"{halt_id}@{at_ms}", halt_id)
        del self._acknowledged[512:]
        await self.command(Command(kind=CommandKind.REFRESH_LATCHES, at_ms=0))
        return found is not None

    async def close(self) -> None:
        """Nothing to close."""

    # --- what an operator would do; for tests and the demo ------------------------------------------------------------------------------

    async def command(self, command: Command) -> None:
        """Append to the command stream."""
        await self._add(self.keys.commands, command.to_json_line())

    async def set_latch(self, latch: Latch) -> None:
        """Set a halt and tell the trader to look."""
        self._hashes.setdefault(self.keys.latches, {})[latch.id] = latch.to_json_line()
        await self.command(Command(kind=CommandKind.REFRESH_LATCHES, at_ms=latch.at_ms))

    def stream(self, key: str) -> list[str]:
        """Values of a stream, oldest first."""
        return [text for _, text in self._streams.get(key, [])]

    def snapshot(self) -> dict[str, Any]:
        """Everything as it is now, the lease included."""
        return {name: copy.deepcopy(value) for name, value in vars(self).items() if name in _DATA}

    def go_back(self, older: dict[str, Any], *, lease: bool = True) -> None:
        """Be as it was then, as a restored backup is (`lease` False: without the lease, which has run out since)."""
        vars(self).update(copy.deepcopy(older))
        self._lease = self._lease if lease else None

    def forget(self) -> None:
        """Lose everything, as a Redis that lost its volume would."""
        self._strings.clear()
        self._hashes.clear()
        self._streams.clear()
        self._acknowledged.clear()
        self._batch = ""
        self._lease = None

    # --- inside -------------------------------------------------------------------------------------------------------------------------

    def _check(self) -> None:
        if not self.available:
            raise StoreUnavailableError("the memory store was told not to answer")

    def _holder(self) -> tuple[str, int] | None:
        if self._lease is not None and self._lease[1] <= self._clock.monotonic_ns():
            self._lease = None
        return self._lease

    def _owns(self, token: Token) -> bool:
        held = self._holder()
        same = token.epoch == self._epoch and token.counter == self._counter
        return held is not None and held[0] == token.holder and same

    async def _apply(self, operation: Operation) -> None:
        match operation.command:
            case "SET":
                self._strings[operation.key] = operation.arguments[0]
            case "HSET":
                pairs = zip(operation.arguments[::2], operation.arguments[1::2], strict=True)
                self._hashes.setdefault(operation.key, {}).update(pairs)
            case "HDEL":
                for field in operation.arguments:
                    self._hashes.get(operation.key, {}).pop(field, None)
            case "XADD":
                await self._add(operation.key, operation.arguments[-1])
            case "ONCE":
                pass
            case other:
                raise ValueError(f"COMMIT does not run {other}")

    async def _add(self, key: str, text: str) -> None:
        self._sequence += 1
        stream = self._streams.setdefault(key, [])
        stream.append((f"{self._sequence}-0", text))
        del stream[:-STREAM_LENGTH]
        async with self._arrived:
            self._arrived.notify_all()

    def _after(self, entry_id: str) -> list[tuple[str, str]]:
        last = int(entry_id.split("-")[0])
        return [
            item for item in self._streams.get(self.keys.commands, []) if int(item[0].split("-")[0]) > last
        ]
