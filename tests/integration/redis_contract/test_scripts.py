"""Every script of the contract against a real redis-server."""

from __future__ import annotations

from typing import Any

import pytest
from redis import Redis
from shellkit.redis_server import RedisServer
from shellkit.waiting import until

from mm_api.redis_contract import FillRecord, Keys, Latch, LatchSource
from mm_api.redis_scripts import COMMIT, ISSUE_EPOCH, LIFT_LATCH, SET_LATCH, Refusal
from mm_trader.shell.errors import StoreRefusedError, StoreUnavailableError
from mm_trader.shell.store.port import Operation, Token
from mm_trader.shell.store.redis_store import RedisStore

TTL_MS = 2_000


def latch(halt_id: str) -> Latch:
    return Latch.model_validate(
        {"id": halt_id, "level": "Halted", "source": "Risk", "reason": "DailyLossLimit", "atMs": 1}
    )


def once(keys: Keys, name: str, before: str) -> Operation:
    return Operation(command="ONCE", key=keys.fence, arguments=(name, before))


def trade(trade_id: int) -> FillRecord:
    return FillRecord.model_validate(
        {
            "symbol": "ETHUSDC",
            "tradeId": trade_id,
            "clientId": "a",
            "venueOrderId": 1,
            "side": "BUY",
            "price": "2000",
            "quantity": "0.01",
            "commission": "0",
            "commissionAsset": "USDC",
            "maker": True,
            "venueMs": 1,
        }
    )


async def granted(store: RedisStore, holder: str, epoch: int = 1, ttl_ms: int = TTL_MS) -> Token:
    answer = await store.acquire(holder, ttl_ms, epoch, issue_own=True)
    assert answer.refusal is None, answer
    return Token(holder=holder, epoch=epoch, counter=answer.counter)


async def test_without_an_epoch_nobody_acquires(store: RedisStore) -> None:
    answer = await store.acquire("pod-a", TTL_MS, 1, issue_own=False)
    assert answer.refusal is Refusal.NO_EPOCH


async def test_a_trader_without_operator_issues_its_own_epoch_once(
    store: RedisStore, server: RedisServer, keys: Keys
) -> None:
    await granted(store, "pod-a", epoch=4)
    assert server.client.hget(keys.fence, "epoch") == "4"
    assert (await store.acquire("pod-a", TTL_MS, 5, issue_own=True)).refusal is Refusal.EPOCH_MISMATCH


async def test_an_older_epoch_is_refused_and_told_the_newer_one(
    store: RedisStore, server: RedisServer, keys: Keys
) -> None:
    server.client.eval(ISSUE_EPOCH, 1, keys.fence, 7)
    answer = await store.acquire("pod-a", TTL_MS, 6, issue_own=False)
    assert (answer.refusal, answer.number) == (Refusal.EPOCH_MISMATCH, 7)


async def test_an_epoch_never_falls(server: RedisServer, keys: Keys) -> None:
    assert server.client.eval(ISSUE_EPOCH, 1, keys.fence, 7) == ["OK", -1]
    assert server.client.eval(ISSUE_EPOCH, 1, keys.fence, 7) == ["OK", 7]
    assert server.client.eval(ISSUE_EPOCH, 1, keys.fence, 6) == ["STALE", 7]


async def test_a_second_holder_waits_until_the_lease_ends_and_gets_a_higher_counter(
    store: RedisStore,
) -> None:
    first = await granted(store, "pod-a", ttl_ms=300)
    answer = await store.acquire("pod-b", TTL_MS, 1, issue_own=True)
    assert answer.refusal is Refusal.HELD
    assert 0 < answer.number <= 300

    async def taken() -> Token | None:
        again = await store.acquire("pod-b", TTL_MS, 1, issue_own=True)
        return Token(holder="pod-b", epoch=1, counter=again.counter) if again.refusal is None else None

    second = await until(taken, "the second holder acquires", 5)
    assert second.counter > first.counter


async def test_the_same_holder_takes_its_lease_again_at_once_and_its_old_token_is_void(
    store: RedisStore,
) -> None:
    first = await granted(store, "pod-a")
    second = await granted(store, "pod-a")
    assert second.counter == first.counter + 1
    assert (await store.renew(first, TTL_MS)).refusal is Refusal.NOT_HOLDER
    assert (await store.renew(second, TTL_MS)).refusal is None


async def test_a_write_under_an_old_token_changes_nothing(
    store: RedisStore, server: RedisServer, keys: Keys
) -> None:
    first = await granted(store, "pod-a")
    second = await granted(store, "pod-a")
    write = [Operation(command="SET", key=keys.ledger, arguments=("old",))]
    assert await store.commit(first, write) is Refusal.NOT_HOLDER
    assert server.client.get(keys.ledger) is None
    assert await store.commit(second, write) is None
    assert server.client.get(keys.ledger) == "old"


async def test_a_write_after_the_lease_has_run_out_changes_nothing(
    store: RedisStore, server: RedisServer, keys: Keys
) -> None:
    token = await granted(store, "pod-a")
    assert server.client.delete(keys.lease) == 1  # what Redis does by itself when its time is over
    write = [Operation(command="SET", key=keys.ledger, arguments=("late",))]
    assert await store.commit(token, write) is Refusal.NOT_HOLDER
    assert server.client.get(keys.ledger) is None


async def test_a_higher_epoch_fences_a_holder_whose_lease_still_runs(
    store: RedisStore, server: RedisServer, keys: Keys
) -> None:
    token = await granted(store, "pod-a")
    server.client.eval(ISSUE_EPOCH, 1, keys.fence, 2)
    assert (
        await store.commit(token, [Operation(command="SET", key=keys.state, arguments=("x",))])
        is Refusal.NOT_HOLDER
    )
    assert (await store.renew(token, TTL_MS)).refusal is Refusal.NOT_HOLDER


async def test_a_commit_writes_all_its_operations_or_none(
    store: RedisStore, server: RedisServer, keys: Keys
) -> None:
    token = await granted(store, "pod-a")
    good = Operation(command="HSET", key=keys.orders, arguments=("id1", "{}", "id2", "{}"))
    entry = Operation(command="XADD", key=keys.fills, arguments=("MAXLEN", "~", "10000", "*", "fill", "{}"))
    forbidden = Operation(command="FLUSHALL", key=keys.orders, arguments=())
    with pytest.raises(StoreRefusedError):
        await store.commit(token, [good, forbidden])
    assert server.client.hgetall(keys.orders) == {}
    assert await store.commit(token, [good, entry]) is None
    assert set(server.client.hgetall(keys.orders)) == {"id1", "id2"}
    assert server.client.xlen(keys.fills) == 1


async def test_release_frees_the_lease_for_the_next_at_once(store: RedisStore) -> None:
    token = await granted(store, "pod-a")
    assert (await store.release(token)).refusal is None

    async def taken() -> bool:  # the server is young: its quarantine of a second and a bit comes first
        return (await store.acquire("pod-b", 100, 1, issue_own=True)).refusal is None

    await until(taken, "the next holder acquires", 5)


async def test_after_a_restart_of_redis_a_stranger_waits_a_time_to_live_and_the_holder_does_not(
    store: RedisStore, server: RedisServer
) -> None:
    token = await granted(store, "pod-a", ttl_ms=60_000)
    server.kill()
    with pytest.raises(StoreUnavailableError):
        await store.renew(token, 60_000)
    server.start()
    assert (await store.renew(token, 60_000)).refusal is None  # the lease was in the append-only file
    await store.release(token)
    answer = await store.acquire("pod-b", 60_000, 1, issue_own=False)
    assert answer.refusal is Refusal.QUARANTINE
    assert 0 < answer.number <= 61_000


async def test_a_redis_that_lost_its_data_gives_no_lease_to_a_managed_trader(
    store: RedisStore, server: RedisServer
) -> None:
    token = await granted(store, "pod-a")
    server.kill()
    server.lose_data()
    server.start()
    with pytest.raises(StoreUnavailableError):  # the old connection is found broken by the first who uses it
        await store.renew(token, TTL_MS)
    assert (await store.renew(token, TTL_MS)).refusal is Refusal.NOT_HOLDER
    assert (await store.acquire("pod-a", TTL_MS, 1, issue_own=False)).refusal is Refusal.NO_EPOCH


async def test_latches_are_set_once_told_on_the_command_stream_and_lifted_by_id(
    store: RedisStore, server: RedisServer, keys: Keys
) -> None:
    client, value = server.client, latch("alert-1-1").to_json_line()
    assert client.eval(
        SET_LATCH, 2, keys.latches, keys.commands, "alert-1-1", value, '{"kind":"RefreshLatches","atMs":1}'
    ) == ["OK", 1]
    assert client.eval(SET_LATCH, 2, keys.latches, keys.commands, "alert-1-1", value, "{}") == ["OK", 0]
    assert [entry.id for entry in (await store.latches()).latches] == ["alert-1-1"]
    commands = await store.commands("0-0", 10)
    assert [command.kind.value for _, command in commands] == ["RefreshLatches"]
    assert lift(client, keys, "alert-1-1", 7) == ["OK", 1]
    view = await store.latches()
    assert view.latches == ()
    assert view.lifted == {"alert-1-1": 7}


def lift(client: Redis, keys: Keys, halt_id: str, at_ms: int) -> list[Any]:
    names = (keys.latches, keys.acknowledged, keys.commands)
    return list(client.eval(LIFT_LATCH, 3, *names, halt_id, "{}", at_ms))


async def test_a_lift_says_until_when_and_the_newest_counts(
    store: RedisStore, server: RedisServer, keys: Keys
) -> None:
    client, note = server.client, '{"kind":"RefreshLatches","atMs":1}'
    paused = latch("pause").model_copy(update={"at_ms": 900})
    client.eval(SET_LATCH, 2, keys.latches, keys.commands, "pause", paused.to_json_line(), note)
    assert lift(client, keys, "pause", 500) == ["OK", 1]
    assert (await store.latches()).lifted == {"pause": 900}, "whose clock was wrong when it was lifted"
    assert lift(client, keys, "pause", 1_700_000_000_123) == ["OK", 0]
    client.hset(keys.latches, "strange", "not json")
    assert lift(client, keys, "strange", 5) == ["OK", 1]
    assert client.lrange(keys.acknowledged, 0, -1) == ["strange@5", "strange", "pause@1700000000123", "pause"]
    for number in range(300):
        lift(client, keys, f"risk-{number}", number)
    kept = (await store.latches()).lifted
    assert len(kept) == 256
    assert kept["risk-44"] == 44


async def test_a_lift_by_an_operator_of_an_older_release_counts_for_every_halt_of_that_id(
    store: RedisStore, server: RedisServer, keys: Keys
) -> None:
    lift(server.client, keys, "pause", 5)
    server.client.lrem(keys.acknowledged, 0, "pause")
    server.client.lpush(keys.acknowledged, "pause")
    view = await store.latches()
    assert view.lifted == {"pause": None}
    assert view.has_lifted(latch("pause").model_copy(update={"at_ms": 9, "source": LatchSource.PAUSE}))


async def test_a_latch_that_cannot_be_read_counts_as_a_full_halt(
    store: RedisStore, server: RedisServer, keys: Keys
) -> None:
    server.client.hset(keys.latches, "strange", "not json")
    (found,) = (await store.latches()).latches
    assert (found.id, found.level.value) == ("strange", "Halted")


async def test_a_command_that_cannot_be_read_becomes_a_look_at_the_latches(
    store: RedisStore, server: RedisServer, keys: Keys
) -> None:
    server.client.xadd(keys.commands, {"command": "not json"})
    ((_, command),) = await store.commands("0-0", 10)
    assert command.kind.value == "RefreshLatches"


async def test_a_long_commit_does_not_break_the_script(
    store: RedisStore, server: RedisServer, keys: Keys
) -> None:
    token = await granted(store, "pod-a")
    pairs = tuple(text for number in range(500) for text in (f"id{number}", "{}"))
    writes = [Operation(command="HSET", key=keys.orders, arguments=pairs)]
    writes += [
        Operation(
            command="XADD", key=keys.fills, arguments=("MAXLEN", "~", "10000", "*", "fill", str(number))
        )
        for number in range(500)
    ]
    assert await store.commit(token, writes) is None
    assert server.client.hlen(keys.orders) == 500
    assert server.client.xlen(keys.fills) == 500
    assert "NOT_HOLDER" in COMMIT


async def test_a_batch_that_is_sent_twice_is_written_once(
    store: RedisStore, server: RedisServer, keys: Keys
) -> None:
    token = await granted(store, "pod-a")
    entry = Operation(command="XADD", key=keys.fills, arguments=("MAXLEN", "~", "10000", "*", "fill", "{}"))
    first = [once(keys, "1-1-1", ""), entry]
    assert await store.commit(token, first) is None
    assert await store.commit(token, first) is None
    assert server.client.xlen(keys.fills) == 1
    again = await granted(store, "pod-a")
    assert await store.commit(again, first) is None, "not under the next token either"
    assert server.client.xlen(keys.fills) == 1
    assert await store.commit(again, [once(keys, "1-1-2", "1-1-1"), entry]) is None
    assert server.client.xlen(keys.fills) == 2
    assert (await store.load("local")).batch == "1-1-2"


async def test_a_batch_whose_predecessor_the_database_does_not_know_is_refused_whole(
    store: RedisStore, server: RedisServer, keys: Keys
) -> None:
    token = await granted(store, "pod-a")
    write = Operation(command="SET", key=keys.ledger, arguments=("new",))
    assert (await store.load("local")).batch == ""
    assert await store.commit(token, [once(keys, "1-1-2", "1-1-1"), write]) is Refusal.BEHIND
    assert await store.commit(token, [once(keys, "1-1-1", ""), write]) is None
    server.client.set(keys.ledger, "old")
    assert await store.commit(token, [once(keys, "1-1-3", "1-1-2"), write]) is Refusal.BEHIND
    assert await store.commit(token, [write, once(keys, "1-1-3", "1-1-2")]) is Refusal.BEHIND, (
        "wherever the name stands"
    )
    assert server.client.get(keys.ledger) == "old"
    assert (await store.load("local")).batch == "1-1-1"
    other = Token(holder="pod-b", epoch=1, counter=token.counter)
    assert await store.commit(other, [once(keys, "1-1-3", "1-1-2"), write]) is Refusal.NOT_HOLDER


async def test_fills_are_read_from_the_newest_back_page_by_page(
    store: RedisStore, server: RedisServer, keys: Keys
) -> None:
    server.client.xadd(keys.fills, {"fill": trade(1).to_json_line()})
    server.client.xadd(keys.fills, {"fill": "not json"})
    server.client.xadd(keys.fills, {"fill": trade(2).to_json_line()})
    newest = await store.fills_before("", 2)
    assert [fill for _, fill in newest] == [trade(2), None]
    assert [fill for _, fill in await store.fills_before(newest[-1][0], 2)] == [trade(1)]
