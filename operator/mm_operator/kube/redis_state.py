"""The operator's side of the Redis contract: what traders report, and the latches, epochs, commands and users that the operator writes.

docs/redis-contract.md has the protocol, `mm_api.redis_scripts` the scripts. `RedisUnavailableError` is the one error of this module: nothing can be said,
look again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast
from uuid import uuid4

from pydantic import ValidationError
from redis.asyncio import Redis
from redis.exceptions import RedisError

from mm_api import redis_scripts
from mm_api.redis_contract import (
    DATABASE_ID_KEY,
    AlertRecord,
    Command,
    CommandKind,
    Evidence,
    Keys,
    Latch,
    ReportedState,
    trader_acl_rules,
)
from mm_api.versions import NewerSchemaError
from mm_operator.names import redis_user


class RedisUnavailableError(Exception):
    """Redis did not answer, or refused. What it holds is unknown."""


@dataclass(frozen=True)
class IdentityState:
    """What Redis says of one trading identity. Missing and unreadable values are None: unknown, never neutral."""

    epoch: int | None = None
    lease_holder: str | None = None
    latches: Mapping[str, Latch] = field(default_factory=dict)
    acknowledged: tuple[str, ...] = ()
    state: ReportedState | None = None
    evidence: Evidence | None = None
    unreadable: tuple[str, ...] = ()
    """Keys whose value is not in the contract's form."""


class RedisState:
    """One Redis with the contract's keys in it."""

    def __init__(self, client: Redis) -> None:
        """`client`: decodes responses, and has the rights of an administrator."""
        self._client = client

    async def ensure_database_id(self) -> str:
        """The id of this database; one without an id is given a new one, and what was known of another counts for nothing in it."""
        await self._run(lambda: self._client.set(DATABASE_ID_KEY, uuid4().hex, nx=True))
        found: str | None = await self._run(lambda: self._client.get(DATABASE_ID_KEY))
        if found is None:
            raise RedisUnavailableError("the database lost its id while it was read")
        return found

    async def identity(self, identity: str, scope: str | None) -> IdentityState:
        """Everything the reconcile needs of one identity, of one instant: a loss is not seen without the halt that it has made."""
        keys = Keys(identity)

        async def read() -> list[Any]:
            pipe = self._client.pipeline(transaction=True)
            pipe.hget(keys.fence, "epoch")
            pipe.get(keys.lease)
            pipe.hgetall(keys.latches)
            pipe.lrange(keys.acknowledged, 0, -1)
            pipe.get(keys.state)
            pipe.get(keys.evidence(scope or "none"))
            return await pipe.execute()

        epoch, lease, latches, acknowledged, state, evidence = await self._run(read)
        unreadable: list[str] = []

        def parse(key: str, text: str | None, model: type[Any]) -> Any:
            if text is None:
                return None
            try:
                return model.model_validate_json(text)
            except (ValidationError, NewerSchemaError):
                unreadable.append(key)
                return None

        parsed = {name: parse(f"{keys.latches}[{name}]", text, Latch) for name, text in latches.items()}
        return IdentityState(
            epoch=int(epoch) if epoch is not None else None,
            lease_holder=lease,
            latches={name: latch for name, latch in parsed.items() if latch is not None},
            acknowledged=tuple(acknowledged),
            state=parse(keys.state, state, ReportedState),
            evidence=parse(keys.evidence(scope or "none"), evidence, Evidence) if scope else None,
            unreadable=tuple(unreadable),
        )

    async def issue_epoch(self, identity: str, epoch: int) -> bool:
        """Fence off every incarnation below the epoch. False: a higher one is there already."""
        answer = await self._script(redis_scripts.ISSUE_EPOCH, [Keys(identity).fence], [str(epoch)])
        return bool(answer[0] == "OK")

    async def set_latch(self, identity: str, latch: Latch) -> None:
        """Stop the identity. Returns when Redis has it."""
        keys = Keys(identity)
        command = Command(kind=CommandKind.REFRESH_LATCHES, at_ms=latch.at_ms)
        await self._script(
            redis_scripts.SET_LATCH,
            [keys.latches, keys.commands],
            [latch.id, latch.to_json_line(), command.to_json_line()],
        )

    async def lift_latch(self, identity: str, latch_id: str, at_ms: int) -> None:
        """Take one latch away, and remember that it was lifted."""
        keys = Keys(identity)
        command = Command(kind=CommandKind.REFRESH_LATCHES, at_ms=at_ms)
        await self._script(
            redis_scripts.LIFT_LATCH,
            [keys.latches, keys.acknowledged, keys.commands],
            [latch_id, command.to_json_line(), str(at_ms)],
        )

    async def send(self, identity: str, command: Command) -> None:
        """One entry of the command stream."""
        fields: dict[Any, Any] = {"command": command.to_json_line()}
        await self._run(
            lambda: self._client.xadd(Keys(identity).commands, fields, maxlen=10_000, approximate=True)
        )

    async def has_user(self, identity: str) -> bool:
        """Whether Redis still knows the identity's user. One that restarts without an ACL file forgets it."""
        return redis_user(identity) in await self._run(lambda: self._client.acl_users())

    async def set_user(self, identity: str, password: str) -> None:
        """The identity's Redis user: its keys alone, the contract's commands alone."""
        rules = ["reset", "on", f">{password}", *trader_acl_rules(identity)]
        command = ("ACL", "SETUSER", redis_user(identity), *rules)
        await self._run(lambda: cast(Any, self._client).execute_command(*command))

    async def remove_user(self, identity: str) -> None:
        """End the user and its connections."""
        name = redis_user(identity)
        await self._run(lambda: self._client.acl_deluser(name))

    async def newest_alert(self, identity: str) -> str:
        """Id of the newest alert, `0-0` where there is none: where to go on reading."""
        entries = await self._run(lambda: self._client.xrevrange(Keys(identity).alerts, count=1))
        return str(entries[0][0]) if entries else "0-0"

    async def wait_alerts(
        self, positions: Mapping[str, str], block_ms: int
    ) -> list[tuple[str, str, AlertRecord | None]]:
        """Blocks until a trader raises an alert: (identity, entry id, alert). Empty after `block_ms`."""
        streams: dict[Any, Any] = {Keys(identity).alerts: entry for identity, entry in positions.items()}
        names = {Keys(identity).alerts: identity for identity in positions}
        answer = await self._run(
            lambda: self._client.xread(streams, count=100, block=block_ms), timeout_s=block_ms / 1000 + 10
        )
        found: list[tuple[str, str, AlertRecord | None]] = []
        for key, entries in answer or []:
            for entry, fields in entries:
                try:
                    alert = AlertRecord.model_validate_json(fields.get("alert", ""))
                except ValidationError:
                    alert = None
                found.append((names[key], str(entry), alert))
        return found

    async def _script(self, script: str, keys: list[str], arguments: list[str]) -> list[Any]:
        return cast(
            list[Any], await self._run(lambda: self._client.eval(script, len(keys), *keys, *arguments))
        )

    async def _run(self, call: Callable[[], Any], timeout_s: float = 5.0) -> Any:
        try:
            # not wait_for: Python 3.11's may swallow a cancellation, and the loop would outlive its stop
            async with asyncio.timeout(timeout_s):
                return await cast(Awaitable[Any], call())
        except (RedisError, OSError, TimeoutError) as error:
            raise RedisUnavailableError(str(error) or type(error).__name__) from error
