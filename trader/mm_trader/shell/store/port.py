"""The store as the rest of the shell sees it. `redis_store` is the real one, `memory` the one of the quick start and of tests.

Refusals are values: a store that says no has answered. A store that does not answer raises StoreUnavailableError.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from mm_api.redis_contract import (
    Command,
    Evidence,
    FillRecord,
    Latch,
    LedgerRecord,
    OrderRecord,
    ReportedState,
)
from mm_api.redis_scripts import Refusal


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """The right to write, as the fence knows it."""

    holder: str
    epoch: int
    counter: int


class LeaseAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Answer to a lease request. `refusal` None: granted."""

    refusal: Refusal | None = None
    counter: int = 0
    """Granted by `acquire`: the new counter."""
    number: int = 0
    """Refused: milliseconds to wait (HELD, QUARANTINE) or the epoch in the database (EPOCH_MISMATCH)."""


class LatchView(msgspec.Struct, frozen=True, kw_only=True):
    """All halts of the identity, and which ones were lifted."""

    latches: tuple[Latch, ...]
    lifted: Mapping[str, int | None]
    """As `mm_api.redis_contract.lifted_until` says."""

    def has_lifted(self, latch: Latch) -> bool:
        """It was lifted, and not only an earlier one with its id: `pause`, `handover` and a TradingHalt's are used again."""
        if latch.id not in self.lifted:
            return False
        until = self.lifted[latch.id]
        return until is None or latch.source.needs_acknowledgement or latch.at_ms <= until


class StoredState(msgspec.Struct, frozen=True, kw_only=True):
    """What the store knows of the incarnations before."""

    batch: str = ""
    """Name of the last batch that was written; empty: none ever was. Read first: a commit that follows it finds the rest as it was read, or is refused."""
    ledger: LedgerRecord | None = None
    orders: tuple[OrderRecord, ...] = ()
    evidence: Evidence | None = None
    state: ReportedState | None = None


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One write of a commit: a Redis command (SET, HSET, HDEL, XADD), its key, and what follows the key.

    `ONCE` on the fence names the batch and the one before it."""

    command: str
    key: str
    arguments: tuple[str, ...]


class Store(Protocol):
    """State of one identity."""

    name: str
    """`redis` or `memory`, for status and log."""

    async def ping(self) -> None:
        """Raises StoreUnavailableError, StoreRefusedError."""
        ...

    async def acquire(self, holder: str, ttl_ms: int, epoch: int, *, issue_own: bool) -> LeaseAnswer:
        """Take or re-take the lease."""
        ...

    async def renew(self, token: Token, ttl_ms: int) -> LeaseAnswer:
        """Extend the lease to `ttl_ms` from now."""
        ...

    async def release(self, token: Token) -> LeaseAnswer:
        """Give the lease back."""
        ...

    async def commit(self, token: Token, operations: Sequence[Operation]) -> Refusal | None:
        """All operations or none. None: done."""
        ...

    async def latches(self) -> LatchView:
        """Halts as they are now."""
        ...

    async def load(self, scope: str) -> StoredState:
        """Last batch, ledger, open orders, evidence of `scope`, last reported state."""
        ...

    async def fills_before(self, entry_id: str, count: int) -> list[tuple[str, FillRecord | None]]:
        """Up to `count` entries of the stream of fills, newest first, before `entry_id` (empty: from the newest). None: it cannot be read."""
        ...

    async def last_command_id(self) -> str:
        """Id of the newest command, `0-0` if there is none."""
        ...

    async def commands(self, after: str, block_ms: int) -> list[tuple[str, Command]]:
        """Commands after an id, waiting up to `block_ms` for the first."""
        ...

    async def lift(self, halt_id: str) -> bool:
        """Lift one halt. For a trader without an operator only: where there is one, the operator does it."""
        ...

    async def close(self) -> None:
        """Close connections. Idempotent."""
        ...
