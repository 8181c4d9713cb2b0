"""The lease: counted from before it was asked for, given up a margin before its end, by a clock of our own."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from shell_doubles import MovingSleep

from mm_api.redis_scripts import Refusal
from mm_api.trader_config import LeaseConfig
from mm_trader.core.clock import ManualClock
from mm_trader.core.units import NS_PER_MS, NS_PER_S
from mm_trader.shell.errors import StoreUnavailableError
from mm_trader.shell.lease import Lease, LeaseKeeper
from mm_trader.shell.store.memory import MemoryStore
from mm_trader.shell.store.port import LeaseAnswer, Token

TTL_S, MARGIN_S = 5, 1


class Listener:
    def __init__(self) -> None:
        self.said: list[Any] = []

    def lease_acquired(self, token: Token) -> None:
        self.said.append(("acquired", token.counter))

    def lease_renewed(self) -> None:
        self.said.append("renewed")

    def lease_lost(self, reason: str) -> None:
        self.said.append(("lost", reason))


class Slow:
    """A store whose answers take a time on the clock."""

    def __init__(self, inner: MemoryStore, clock: ManualClock) -> None:
        self._inner = inner
        self._clock = clock
        self.takes_ms = 0

    async def acquire(self, *given: Any, **named: Any) -> LeaseAnswer:
        self._clock.advance(self.takes_ms * NS_PER_MS)
        return await self._inner.acquire(*given, **named)

    async def renew(self, *given: Any) -> LeaseAnswer:
        self._clock.advance(self.takes_ms * NS_PER_MS)
        return await self._inner.renew(*given)

    async def release(self, token: Token) -> LeaseAnswer:
        return await self._inner.release(token)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def listener() -> Listener:
    return Listener()


@pytest.fixture
def memory(clock: ManualClock) -> MemoryStore:
    return MemoryStore("sim.acc1", clock)


def keeper_on(store: Any, clock: ManualClock, listener: Listener, holder: str = "pod-a") -> LeaseKeeper:
    config = LeaseConfig(ttl=timedelta(seconds=TTL_S), margin=timedelta(seconds=MARGIN_S))
    return LeaseKeeper(store, clock, config, holder, 1, listener, MovingSleep(clock))


def test_a_lease_counts_from_before_it_was_asked_for_and_ends_a_margin_early() -> None:
    lease = Lease(TTL_S * NS_PER_S, MARGIN_S * NS_PER_S)
    lease.granted(Token(holder="pod-a", epoch=1, counter=1), 10 * NS_PER_S)
    assert lease.valid(14 * NS_PER_S - 1)
    assert not lease.valid(14 * NS_PER_S)


async def test_a_slow_grant_is_a_short_lease(
    memory: MemoryStore, clock: ManualClock, listener: Listener
) -> None:
    slow = Slow(memory, clock)
    slow.takes_ms = 700
    keeper = keeper_on(slow, clock, listener)
    asked = clock.monotonic_ns()
    await keeper.step()
    assert listener.said == [("acquired", 1)]
    assert keeper.lease.stop_at_ns == asked + (TTL_S - MARGIN_S) * NS_PER_S


async def test_it_renews_every_interval_and_says_so(
    memory: MemoryStore, clock: ManualClock, listener: Listener
) -> None:
    keeper = keeper_on(memory, clock, listener)
    for _ in range(4):
        await keeper.step()
    assert listener.said == [("acquired", 1), "renewed", "renewed", "renewed"]
    assert clock.monotonic_ns() == 3 * NS_PER_S


async def test_a_store_that_does_not_answer_costs_the_lease_only_at_its_stop_time(
    memory: MemoryStore, clock: ManualClock, listener: Listener
) -> None:
    keeper = keeper_on(memory, clock, listener)
    await keeper.step()
    memory.available = False
    while ("lost", "RedisUnreachable") not in listener.said:
        assert keeper.lease.valid(clock.monotonic_ns())
        await keeper.step()
    assert clock.monotonic_ns() == (TTL_S - MARGIN_S) * NS_PER_S
    assert keeper.waiting_for == "RedisUnreachable"


async def test_a_store_that_comes_back_in_time_costs_nothing(
    memory: MemoryStore, clock: ManualClock, listener: Listener
) -> None:
    keeper = keeper_on(memory, clock, listener)
    await keeper.step()
    memory.available = False
    for _ in range(10):
        await keeper.step()
    memory.available = True
    await keeper.step()
    assert listener.said == [("acquired", 1), "renewed"]


async def test_an_answer_that_comes_after_the_stop_time_is_not_counted_on(
    memory: MemoryStore, clock: ManualClock, listener: Listener
) -> None:
    slow = Slow(memory, clock)
    keeper = keeper_on(slow, clock, listener)
    await keeper.step()
    slow.takes_ms = 3_500
    await keeper.step()
    assert listener.said[-1] == ("lost", "RedisUnreachable")


async def test_a_lease_that_another_took_is_given_up_at_once(
    memory: MemoryStore, clock: ManualClock, listener: Listener
) -> None:
    keeper = keeper_on(memory, clock, listener)
    await keeper.step()
    memory.forget()
    await memory.acquire("pod-b", 5_000, 1, issue_own=True)
    await keeper.step()
    assert listener.said[-1] == ("lost", "LeaseLost")
    await keeper.step()
    assert keeper.waiting_for == "LeaseHeldByAnother"
    assert "ms more" in keeper.message


async def test_a_refused_write_loses_the_lease_without_waiting_for_the_next_renewal(
    memory: MemoryStore, clock: ManualClock, listener: Listener
) -> None:
    keeper = keeper_on(memory, clock, listener)
    await keeper.step()
    keeper.refused(Refusal.NOT_HOLDER)
    keeper.refused(Refusal.NOT_HOLDER)
    assert listener.said == [("acquired", 1), ("lost", "LeaseLost")]


async def test_the_wrong_epoch_waits_and_says_which(
    memory: MemoryStore, clock: ManualClock, listener: Listener
) -> None:
    await memory.acquire("pod-z", 1, 4, issue_own=True)
    keeper = keeper_on(memory, clock, listener)
    await keeper.step()
    assert keeper.waiting_for == "EpochSuperseded"
    assert "epoch 1" in keeper.message
    assert "4" in keeper.message


async def test_a_released_lease_is_there_for_the_next_at_once(
    memory: MemoryStore, clock: ManualClock, listener: Listener
) -> None:
    keeper = keeper_on(memory, clock, listener)
    await keeper.step()
    await keeper.release()
    assert (await memory.acquire("pod-b", 5_000, 1, issue_own=True)).refusal is None


async def test_a_release_that_fails_is_only_reported(
    memory: MemoryStore, clock: ManualClock, listener: Listener
) -> None:
    keeper = keeper_on(memory, clock, listener)
    await keeper.step()
    memory.available = False
    with pytest.raises(StoreUnavailableError):
        await memory.ping()
    await keeper.release()
    assert keeper.lease.token is None


async def test_the_tick_ends_a_lease_in_time_even_if_a_renewal_hangs(
    memory: MemoryStore, clock: ManualClock, listener: Listener
) -> None:
    keeper = keeper_on(memory, clock, listener)
    await keeper.step()
    clock.advance((TTL_S - MARGIN_S) * NS_PER_S - 1)
    keeper.check()
    assert listener.said == [("acquired", 1)]
    clock.advance(1)
    keeper.check()
    keeper.check()
    assert listener.said == [("acquired", 1), ("lost", "RedisUnreachable")]
