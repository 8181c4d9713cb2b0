"""What a trader's own Redis user may do, and what not."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import redis
from shellkit.redis_server import RedisServer

from mm_api.redis_contract import Keys, trader_acl_rules
from mm_api.redis_scripts import ACQUIRE, COMMIT, ISSUE_EPOCH, LIFT_LATCH
from mm_api.trader_config import RedisConfig
from mm_trader.shell.clock import SystemClock
from mm_trader.shell.errors import StoreRefusedError
from mm_trader.shell.store.port import Operation, Token
from mm_trader.shell.store.redis_store import RedisStore

IDENTITY = "sim.acc1"
PASSWORD = "a-password-of-the-test"
OTHER = Keys("sim.acc2")


@pytest.fixture
def limited(server: RedisServer) -> redis.Redis:
    rules = ["reset", "on", f">{PASSWORD}", *trader_acl_rules(IDENTITY)]
    server.client.execute_command("ACL", "SETUSER", "trader", *rules)
    return redis.Redis(port=server.port, username="trader", password=PASSWORD, decode_responses=True)


@pytest.fixture
async def limited_store(server: RedisServer, limited: redis.Redis) -> AsyncIterator[RedisStore]:
    made = RedisStore(RedisConfig(url=server.url, username="trader"), PASSWORD, IDENTITY, SystemClock())
    yield made
    await made.close()


async def test_the_traders_user_can_do_all_a_trader_does(
    limited_store: RedisStore, server: RedisServer, keys: Keys
) -> None:
    server.client.eval(ISSUE_EPOCH, 1, keys.fence, 3)
    await limited_store.ping()
    answer = await limited_store.acquire("pod-a", 2_000, 3, issue_own=False)
    token = Token(holder="pod-a", epoch=3, counter=answer.counter)
    writes = [
        Operation(command="SET", key=keys.ledger, arguments=("{}",)),
        Operation(command="SET", key=keys.state, arguments=("{}",)),
        Operation(command="SET", key=keys.evidence("local"), arguments=("{}", "EX", "100")),
        Operation(command="HSET", key=keys.orders, arguments=("a", "{}")),
        Operation(command="HDEL", key=keys.orders, arguments=("a",)),
        Operation(command="HSET", key=keys.latches, arguments=("risk-1", "{}")),
        Operation(command="XADD", key=keys.fills, arguments=("MAXLEN", "~", "10000", "*", "fill", "{}")),
        Operation(command="XADD", key=keys.alerts, arguments=("MAXLEN", "~", "10000", "*", "alert", "{}")),
    ]
    assert await limited_store.commit(token, writes) is None
    await limited_store.latches()
    await limited_store.load("local")
    assert len(await limited_store.fills_before("", 10)) == 1
    assert await limited_store.commands("0-0", 10) == []
    assert await limited_store.last_command_id() == "0-0"
    assert (await limited_store.renew(token, 2_000)).refusal is None
    assert (await limited_store.release(token)).refusal is None


@pytest.mark.parametrize(
    "attempt",
    [
        pytest.param(lambda c, k: c.hdel(k.latches, "risk-1"), id="remove a latch"),
        pytest.param(lambda c, k: c.delete(k.latches), id="remove all latches"),
        pytest.param(
            lambda c, k: c.eval(LIFT_LATCH, 3, k.latches, k.acknowledged, k.commands, "risk-1", "{}", 1),
            id="lift a halt",
        ),
        pytest.param(lambda c, k: c.lpush(k.acknowledged, "risk-1"), id="acknowledge"),
        pytest.param(lambda c, k: c.xadd(k.commands, {"command": "{}"}), id="command itself"),
        pytest.param(lambda c, k: c.get(OTHER.ledger), id="read another's ledger"),
        pytest.param(lambda c, k: c.set(OTHER.ledger, "{}"), id="write another's ledger"),
        pytest.param(lambda c, k: c.set(OTHER.evidence("x"), "{}"), id="write another's evidence"),
        pytest.param(
            lambda c, k: c.eval(ACQUIRE, 2, OTHER.lease, OTHER.fence, "me", 1000, 1, 1),
            id="take another's lease",
        ),
        pytest.param(lambda c, k: c.set("mm:v1:database-id", "x"), id="name the database"),
        pytest.param(lambda c, k: c.flushall(), id="empty the database"),
        pytest.param(lambda c, k: c.keys("*"), id="look around"),
        pytest.param(lambda c, k: c.config_get("*"), id="read the server's config"),
    ],
)
def test_the_traders_user_may_not(
    attempt: Callable[[redis.Redis, Keys], Any], limited: redis.Redis, server: RedisServer, keys: Keys
) -> None:
    server.client.hset(keys.latches, "risk-1", "{}")
    with pytest.raises(redis.exceptions.ResponseError):
        attempt(limited, keys)
    assert server.client.hexists(keys.latches, "risk-1")


async def test_a_latch_cannot_be_removed_through_a_commit_either(
    limited_store: RedisStore, server: RedisServer, keys: Keys
) -> None:
    answer = await limited_store.acquire("pod-a", 2_000, 1, issue_own=True)
    token = Token(holder="pod-a", epoch=1, counter=answer.counter)
    server.client.hset(keys.latches, "pause", "{}")
    with pytest.raises(StoreRefusedError):
        await limited_store.commit(token, [Operation(command="HDEL", key=keys.latches, arguments=("pause",))])
    assert server.client.hexists(keys.latches, "pause")
    assert COMMIT


async def test_a_wrong_password_is_a_refusal_and_not_an_outage(
    server: RedisServer, limited: redis.Redis
) -> None:
    store = RedisStore(
        RedisConfig(url=server.url, username="trader"), "wrong-password", IDENTITY, SystemClock()
    )
    with pytest.raises(StoreRefusedError) as refused:
        await store.ping()
    assert "wrong-password" not in str(refused.value)
    await store.close()
