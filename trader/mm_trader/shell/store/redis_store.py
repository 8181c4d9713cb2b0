"""The store in Redis, by the contract of docs/redis-contract.md: every write is a script that compares the token first.

Calls are never repeated in here: whoever asks knows whether asking twice is harmless.
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from datetime import timedelta
from hashlib import sha1
from typing import Any, TypeVar, cast

import redis.asyncio as redis
import structlog
from pydantic import ValidationError
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    ConnectionError,  # noqa: A004 - redis' own, a subclass of Exception
    NoPermissionError,
    NoScriptError,
    RedisError,
    ResponseError,
    TimeoutError,  # noqa: A004 - redis' own
)

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
from mm_api.redis_scripts import ACQUIRE, COMMIT, LIFT_LATCH, RELEASE, RENEW, Refusal
from mm_api.trader_config import RedisConfig
from mm_api.versions import ContractModel, NewerSchemaError
from mm_trader.core.clock import Clock
from mm_trader.core.units import NS_PER_MS
from mm_trader.shell.errors import StoreRefusedError, StoreUnavailableError
from mm_trader.shell.store.port import LatchView, LeaseAnswer, Operation, StoredState, Token

T = TypeVar("T")
M = TypeVar("M", bound=ContractModel)

COMMANDS_AT_ONCE = 100
BATCH_FIELD = "batch"
"""Of the fence; COMMIT writes it."""
log = structlog.get_logger("store")


class RedisStore:
    """One identity's keys in one Redis."""

    name = "redis"

    def __init__(self, config: RedisConfig, password: str | None, identity: str, clock: Clock) -> None:
        self.keys = Keys(identity)
        self._clock = clock
        self._timeout = config.timeout
        self._client = self._connect(config, password, config.timeout)
        # XREAD waits on the server's side: on a connection of its own, with a time-out that allows for it
        self._blocking = self._connect(config, password, config.timeout + timedelta(seconds=5))
        self._digests: dict[str, str] = {}

    @staticmethod
    def _connect(config: RedisConfig, password: str | None, timeout: timedelta) -> redis.Redis:
        return redis.Redis.from_url(
            config.url,
            username=config.username,
            password=password,
            decode_responses=True,
            socket_timeout=timeout.total_seconds(),
            socket_connect_timeout=config.timeout.total_seconds(),
            retry=Retry(NoBackoff(), 0),
            max_connections=8,
            client_name="mm-trader",
        )

    async def ping(self) -> None:
        """Raises StoreUnavailableError, StoreRefusedError."""
        await self._ask(self._client.ping())

    async def acquire(self, holder: str, ttl_ms: int, epoch: int, *, issue_own: bool) -> LeaseAnswer:
        """Take or re-take the lease."""
        arguments = (holder, str(ttl_ms), str(epoch), "1" if issue_own else "0")
        word, number = await self._script(ACQUIRE, self._fenced, arguments)
        if word == "OK":
            return LeaseAnswer(counter=int(number))
        return LeaseAnswer(refusal=Refusal(word), number=int(number))

    async def renew(self, token: Token, ttl_ms: int) -> LeaseAnswer:
        """Extend the lease."""
        arguments = (token.holder, str(ttl_ms), str(token.epoch), str(token.counter))
        return self._granted(token, await self._script(RENEW, self._fenced, arguments))

    async def release(self, token: Token) -> LeaseAnswer:
        """Give the lease back."""
        arguments = (token.holder, str(token.epoch), str(token.counter))
        return self._granted(token, await self._script(RELEASE, self._fenced, arguments))

    async def commit(self, token: Token, operations: Sequence[Operation]) -> Refusal | None:
        """All operations or none."""
        keys = [*self._fenced, *(operation.key for operation in operations)]
        arguments = [token.holder, str(token.epoch), str(token.counter)]
        for operation in operations:
            arguments += [str(len(operation.arguments)), operation.command, *operation.arguments]
        word, _ = await self._script(COMMIT, keys, arguments)
        return None if word == "OK" else Refusal(word)

    async def latches(self) -> LatchView:
        """Halts as they are now. One that cannot be read counts as a full halt: it was meant to stop us."""
        raw = await self._ask(cast("Awaitable[dict[str, str]]", self._client.hgetall(self.keys.latches)))
        lifted = await self._ask(
            cast("Awaitable[list[str]]", self._client.lrange(self.keys.acknowledged, 0, -1))
        )
        found = tuple(self._latch(halt_id, text) for halt_id, text in sorted(raw.items()))
        return LatchView(latches=found, lifted=lifted_until(lifted))

    def _latch(self, halt_id: str, text: str) -> Latch:
        try:
            return Latch.model_validate_json(text)
        except ValidationError:
            log.warning("latch_unreadable", halt_id=halt_id)
            return Latch.model_validate(
                {
                    "id": halt_id,
                    "level": "Halted",
                    "source": "Operator",
                    "reason": "UnreadableLatch",
                    "atMs": self._clock.wall_ns() // NS_PER_MS,
                }
            )

    async def load(self, scope: str) -> StoredState:
        """What earlier incarnations left. Values that cannot be read are reported and left out: the venue is asked anyway."""
        batch = await self._ask(
            cast("Awaitable[str | None]", self._client.hget(self.keys.fence, BATCH_FIELD))
        )  # first: see StoredState
        ledger = await self._ask(self._client.get(self.keys.ledger))
        evidence = await self._ask(self._client.get(self.keys.evidence(scope)))
        state = await self._ask(self._client.get(self.keys.state))
        orders = await self._ask(cast("Awaitable[dict[str, str]]", self._client.hgetall(self.keys.orders)))
        records = [_read(OrderRecord, text, "order") for text in orders.values()]
        return StoredState(
            batch=batch or "",
            ledger=_read(LedgerRecord, ledger, "ledger"),
            orders=tuple(record for record in records if record is not None),
            evidence=_read(Evidence, evidence, "evidence"),
            state=_read(ReportedState, state, "state"),
        )

    async def fills_before(self, entry_id: str, count: int) -> list[tuple[str, FillRecord | None]]:
        """Entries of the stream of fills, newest first."""
        newest = f"({entry_id}" if entry_id else "+"
        found = await self._ask(
            cast(
                "Awaitable[list[tuple[str, dict[str, str]]]]",
                self._client.xrevrange(self.keys.fills, newest, count=count),
            )
        )
        return [(name, _read(FillRecord, fields.get("fill", ""), "fill")) for name, fields in found]

    async def last_command_id(self) -> str:
        """Id of the newest command, `0-0` if there is none."""
        newest = await self._ask(self._client.xrevrange(self.keys.commands, count=1))
        return str(newest[0][0]) if newest else "0-0"

    async def commands(self, after: str, block_ms: int) -> list[tuple[str, Command]]:
        """Commands after an id. One that cannot be read becomes `RefreshLatches`: looking is never wrong."""
        answer = await self._ask(
            self._blocking.xread({self.keys.commands: after}, count=COMMANDS_AT_ONCE, block=block_ms)
        )
        if not answer:
            return []
        streams = answer.items() if isinstance(answer, dict) else answer
        entries: list[Any] = []
        for _key, found in streams:
            entries += found[0] if found and isinstance(found[0], list) else found
        return [(str(entry_id), self._command(fields)) for entry_id, fields in entries]

    def _command(self, fields: dict[str, str]) -> Command:
        try:
            return Command.model_validate_json(fields.get("command", ""))
        except ValidationError:
            log.warning("command_unreadable")
            return Command(kind=CommandKind.REFRESH_LATCHES, at_ms=self._clock.wall_ns() // NS_PER_MS)

    async def lift(self, halt_id: str) -> bool:
        """Lift one halt (a trader without an operator)."""
        now_ms = self._clock.wall_ns() // NS_PER_MS
        note = Command(kind=CommandKind.REFRESH_LATCHES, at_ms=now_ms)
        keys = (self.keys.latches, self.keys.acknowledged, self.keys.commands)
        _word, there = await self._script(LIFT_LATCH, keys, (halt_id, note.to_json_line(), str(now_ms)))
        return int(there) == 1

    async def close(self) -> None:
        """Close connections."""
        for client in (self._client, self._blocking):
            await client.aclose()

    @property
    def _fenced(self) -> tuple[str, str]:
        return (self.keys.lease, self.keys.fence)

    @staticmethod
    def _granted(token: Token, answer: list[Any]) -> LeaseAnswer:
        word, number = answer
        if word == "OK":
            return LeaseAnswer(counter=token.counter)
        return LeaseAnswer(refusal=Refusal(word), number=int(number))

    async def _script(self, script: str, keys: Sequence[str], arguments: Sequence[str]) -> list[Any]:
        digest = self._digests.setdefault(script, sha1(script.encode(), usedforsecurity=False).hexdigest())
        try:
            answer = await self._ask(self._client.evalsha(digest, len(keys), *keys, *arguments))
        except NoScriptError:  # Redis restarted and forgot it; EVAL makes it known again
            answer = await self._ask(self._client.eval(script, len(keys), *keys, *arguments))
        return cast("list[Any]", answer)

    async def _ask(self, call: Awaitable[T]) -> T:
        try:
            return await call
        except NoScriptError:
            raise
        except (NoPermissionError, AuthenticationError) as error:
            raise StoreRefusedError(f"Redis refuses us: {error}") from error
        except (ConnectionError, TimeoutError, BusyLoadingError, OSError) as error:
            raise StoreUnavailableError(f"Redis does not answer: {error or type(error).__name__}") from error
        except ResponseError as error:
            raise StoreRefusedError(f"Redis refuses the call: {error}") from error
        except RedisError as error:
            raise StoreUnavailableError(f"Redis: {error}") from error


def _read(model: type[M], text: Any, what: str) -> M | None:
    if text is None:
        return None
    try:
        return model.model_validate_json(text)
    except ValidationError as error:
        log.warning("stored_value_unreadable", what=what, problems=error.error_count())
        return None
    except NewerSchemaError as error:
        raise StoreRefusedError(f"in Redis: {error}") from error
