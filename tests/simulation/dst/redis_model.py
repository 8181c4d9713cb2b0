"""Redis as the contract's scripts see it (`mm_api.redis_scripts`): lease, fence, quarantine and all-or-nothing commits. It survives the trader.

`Connection` is the store of one process: its requests and answers travel over a network that may lose them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from mm_api.redis_contract import (
    Command,
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
from mm_trader.shell.errors import StoreUnavailableError
from mm_trader.shell.store.port import LatchView, LeaseAnswer, Operation, StoredState, Token

from .plan import Network, Plan
from .timeline import MS, SECOND, Timeline

T = TypeVar("T")
TIMEOUT_NS = SECOND


@dataclass(frozen=True)
class Copy:
    """All data of one instant."""

    at: int
    strings: dict[str, str]
    hashes: dict[str, dict[str, str]]
    streams: dict[str, list[tuple[int, str]]]
    acknowledged: list[str]
    lease: tuple[str, int] | None


class Redis:
    """One server."""

    def __init__(self, timeline: Timeline, identity: str) -> None:
        self._timeline = timeline
        self.keys = Keys(identity)
        self.up = True
        self.strings: dict[str, str] = {}
        self.hashes: dict[str, dict[str, str]] = {}
        self.streams: dict[str, list[tuple[int, str]]] = {}
        self.acknowledged: list[str] = []
        self._lease: tuple[str, int] | None = None
        self._started = -3600 * SECOND
        self._entries = 0
        self.listeners: list[Callable[[], None]] = []
        """Woken once by the next command."""

    # --- the scripts --------------------------------------------------------------------------------------

    def acquire(self, holder: str, ttl_ms: int, epoch: int, issue_own: bool) -> LeaseAnswer:
        fence = self.hashes.setdefault(self.keys.fence, {})
        if "epoch" not in fence:
            if not issue_own:
                return LeaseAnswer(refusal=Refusal.NO_EPOCH)
            fence["epoch"] = str(epoch)
        if int(fence["epoch"]) != epoch:
            return LeaseAnswer(refusal=Refusal.EPOCH_MISMATCH, number=int(fence["epoch"]))
        held = self._holder()
        if held is not None and held[0] != holder:
            return LeaseAnswer(refusal=Refusal.HELD, number=max(1, (held[1] - self._timeline.now) // MS))
        if held is None:
            missing = ttl_ms + 1000 - (self._timeline.now - self._started) // SECOND * 1000
            if missing > 0 and "counter" in fence:
                return LeaseAnswer(refusal=Refusal.QUARANTINE, number=missing)
        fence["counter"] = str(int(fence.get("counter", "0")) + 1)
        fence["holder"] = holder
        self._lease = (holder, self._timeline.now + ttl_ms * MS)
        return LeaseAnswer(counter=int(fence["counter"]))

    def renew(self, token: Token, ttl_ms: int) -> LeaseAnswer:
        if not self._owns(token):
            return LeaseAnswer(refusal=Refusal.NOT_HOLDER)
        self._lease = (token.holder, self._timeline.now + ttl_ms * MS)
        return LeaseAnswer()

    def release(self, token: Token) -> LeaseAnswer:
        if not self._owns(token):
            return LeaseAnswer(refusal=Refusal.NOT_HOLDER)
        self._lease = None
        return LeaseAnswer()

    def commit(self, token: Token, operations: Sequence[Operation]) -> Refusal | None:
        if not self._owns(token):
            return Refusal.NOT_HOLDER
        fence = self.hashes.setdefault(self.keys.fence, {})
        last = fence.get("batch", "")
        batch = previous = last
        for operation in operations:
            if operation.command == "ONCE":
                batch, previous = operation.arguments
                if batch == last:
                    return None
        if previous != last:
            return Refusal.BEHIND
        for operation in operations:
            self._apply(operation)
        if batch:
            fence["batch"] = batch
        return None

    def latches(self) -> LatchView:
        found = self.hashes.get(self.keys.latches, {})
        return LatchView(
            latches=tuple(Latch.model_validate_json(text) for _, text in sorted(found.items())),
            lifted=lifted_until(self.acknowledged),
        )

    def load(self, scope: str) -> StoredState:
        ledger = self.strings.get(self.keys.ledger)
        evidence = self.strings.get(self.keys.evidence(scope))
        state = self.strings.get(self.keys.state)
        orders = self.hashes.get(self.keys.orders, {})
        return StoredState(
            batch=self.hashes.get(self.keys.fence, {}).get("batch", ""),
            ledger=LedgerRecord.model_validate_json(ledger) if ledger else None,
            orders=tuple(OrderRecord.model_validate_json(text) for text in orders.values()),
            evidence=Evidence.model_validate_json(evidence) if evidence else None,
            state=ReportedState.model_validate_json(state) if state else None,
        )

    def fills_before(self, entry_id: str, count: int) -> list[tuple[str, FillRecord | None]]:
        stream = self.streams.get(self.keys.fills, [])
        last = int(entry_id.split("-")[0]) if entry_id else self._entries + 1
        found = [(number, text) for number, text in reversed(stream) if number < last]
        return [(f"{number}-0", FillRecord.model_validate_json(text)) for number, text in found[:count]]

    def commands_after(self, after: str) -> list[tuple[str, Command]]:
        last = int(after.split("-")[0])
        return [
            (f"{number}-0", Command.model_validate_json(text))
            for number, text in self.streams.get(self.keys.commands, [])
            if number > last
        ]

    def last_command_id(self) -> str:
        stream = self.streams.get(self.keys.commands)
        return f"{stream[-1][0]}-0" if stream else "0-0"

    # --- the operator -------------------------------------------------------------------------------------

    def issue_epoch(self, epoch: int) -> None:
        self.hashes.setdefault(self.keys.fence, {})["epoch"] = str(epoch)

    def command(self, command: Command) -> None:
        self._append(self.keys.commands, command.to_json_line())
        listeners, self.listeners = self.listeners, []
        for wake in listeners:
            wake()

    def set_latch(self, latch: Latch) -> None:
        self.hashes.setdefault(self.keys.latches, {})[latch.id] = latch.to_json_line()

    def lift(self, halt_id: str, at_ms: int) -> None:
        found = self.hashes.get(self.keys.latches, {}).pop(halt_id, None)
        if found is not None:
            at_ms = max(at_ms, Latch.model_validate_json(found).at_ms)
        self.acknowledged[:0] = (f"{halt_id}@{at_ms}", halt_id)

    # --- backups ------------------------------------------------------------------------------------------

    def copy(self) -> Copy:
        """All data as they are now."""
        return Copy(
            self._timeline.now,
            dict(self.strings),
            {key: dict(value) for key, value in self.hashes.items()},
            {key: list(value) for key, value in self.streams.items()},
            list(self.acknowledged),
            self._lease,
        )

    def restore(self, older: Copy, *, lease: bool = False) -> None:
        """It restarts with the data of back then: what was written since and acknowledged is gone. `lease`: so is the lease of now, and that of then is there,
        with its end; else none is."""
        self._started = self._timeline.now
        self.strings = dict(older.strings)
        self.hashes = {key: dict(value) for key, value in older.hashes.items()}
        self.streams = {key: list(value) for key, value in older.streams.items()}
        self.acknowledged = list(older.acknowledged)
        self._lease = older.lease if lease else None

    # --- faults -------------------------------------------------------------------------------------------

    def restart(self, *, keep: bool) -> None:
        """Lease with its time to live survive with the data (AOF); nothing does without."""
        self._started = self._timeline.now
        if not keep:
            self.strings.clear()
            self.hashes.clear()
            self.streams.clear()
            self.acknowledged.clear()
            self._lease = None

    # --- inside -------------------------------------------------------------------------------------------

    def _holder(self) -> tuple[str, int] | None:
        if self._lease is not None and self._lease[1] <= self._timeline.now:
            self._lease = None
        return self._lease

    def _owns(self, token: Token) -> bool:
        held, fence = self._holder(), self.hashes.get(self.keys.fence, {})
        same = (fence.get("epoch"), fence.get("counter")) == (str(token.epoch), str(token.counter))
        return held is not None and held[0] == token.holder and same

    def _apply(self, operation: Operation) -> None:
        match operation.command:
            case "SET":
                self.strings[operation.key] = operation.arguments[0]
            case "HSET":
                pairs = zip(operation.arguments[::2], operation.arguments[1::2], strict=True)
                self.hashes.setdefault(operation.key, {}).update(pairs)
            case "HDEL":
                for field in operation.arguments:
                    self.hashes.get(operation.key, {}).pop(field, None)
            case "XADD":
                self._append(operation.key, operation.arguments[-1])
            case "ONCE":
                pass
            case other:
                raise ValueError(f"COMMIT does not run {other}")

    def _append(self, key: str, text: str) -> None:
        self._entries += 1
        self.streams.setdefault(key, []).append((self._entries, text))


class Connection:
    """Implements `store.port.Store` for one process. A request that is lost, or whose answer is, raises after the time-out: nobody knows what was done."""

    name = "redis"

    def __init__(
        self,
        redis: Redis,
        timeline: Timeline,
        plan: Plan,
        net: Callable[[], Network],
        deliver: Callable[[Callable[[], None]], None],
        note: Callable[[str, str], None],
    ) -> None:
        """`deliver`: run something inside the process, if it still lives."""
        self._redis = redis
        self._timeline = timeline
        self._plan = plan
        self._net = net
        self._deliver = deliver
        self._note = note
        self.check: Callable[[], None] = lambda: None
        """Raises if the process is dead."""

    async def ping(self) -> None:
        await self._ask("ping", lambda: None)

    async def acquire(self, holder: str, ttl_ms: int, epoch: int, *, issue_own: bool) -> LeaseAnswer:
        return await self._ask("acquire", lambda: self._redis.acquire(holder, ttl_ms, epoch, issue_own))

    async def renew(self, token: Token, ttl_ms: int) -> LeaseAnswer:
        return await self._ask("renew", lambda: self._redis.renew(token, ttl_ms))

    async def release(self, token: Token) -> LeaseAnswer:
        return await self._ask("release", lambda: self._redis.release(token))

    async def commit(self, token: Token, operations: Sequence[Operation]) -> Refusal | None:
        return await self._ask("commit", lambda: self._redis.commit(token, operations))

    async def latches(self) -> LatchView:
        return await self._ask("latches", self._redis.latches)

    async def load(self, scope: str) -> StoredState:
        return await self._ask("load", lambda: self._redis.load(scope))

    async def fills_before(self, entry_id: str, count: int) -> list[tuple[str, FillRecord | None]]:
        return await self._ask("fills", lambda: self._redis.fills_before(entry_id, count))

    async def last_command_id(self) -> str:
        return await self._ask("last command", self._redis.last_command_id)

    async def commands(self, after: str, block_ms: int) -> list[tuple[str, Command]]:
        found = await self._ask("commands", lambda: self._redis.commands_after(after))
        if found:
            return found
        arrived: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._redis.listeners.append(lambda: self._deliver(lambda: _resolve(arrived, None)))
        try:
            async with asyncio.timeout(block_ms / 1000):
                await arrived
        except TimeoutError:
            return []
        return await self._ask("commands", lambda: self._redis.commands_after(after))

    async def lift(self, halt_id: str) -> bool:
        raise NotImplementedError("the operator lifts")

    async def close(self) -> None:
        """Nothing to close."""

    async def _ask(self, what: str, execute: Callable[[], T]) -> T:
        """One round trip. What arrives is executed once: a connection does not repeat itself."""
        self.check()
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        there = self._plan.leg(self._net())[:1]
        if not self._redis.up:
            await asyncio.sleep(0.001)
            raise StoreUnavailableError("connection refused")

        def arrive() -> None:
            if not self._redis.up or answer.done():
                return  # the client has given up and closed the connection
            value: Any = execute()
            back = self._plan.leg(self._net())[:1]
            if not back:
                self._note("redis", f"{what}: done, and the answer is lost")
            for delay in back:
                self._timeline.after(delay, lambda: self._deliver(lambda: _resolve(answer, value)))

        for delay in there:
            self._timeline.after(delay, arrive)
        try:
            async with asyncio.timeout(TIMEOUT_NS / SECOND):
                return await answer
        except TimeoutError:
            answer.cancel()
            raise StoreUnavailableError(f"{what}: no answer") from None


def _resolve(future: asyncio.Future[T], value: T) -> None:
    if not future.done():
        future.set_result(value)
