"""Writes behind the hot path: nothing lost, nothing under an old token, bounded while the store is away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest
from shell_doubles import fill, ledger, order, yield_to_others

from mm_api.redis_contract import AlertRecord, FillRecord, Keys
from mm_api.redis_scripts import Refusal
from mm_trader.core.clock import ManualClock
from mm_trader.shell.errors import StoreUnavailableError
from mm_trader.shell.store.memory import MemoryStore
from mm_trader.shell.store.port import Operation, Token
from mm_trader.shell.writer import MAX_ALERTS, OPERATIONS_AT_ONCE, Writer

IDENTITY = "sim.acc1"
KEYS = Keys(IDENTITY)


class World:
    def __init__(self) -> None:
        self.store = MemoryStore(IDENTITY, ManualClock())
        self.refusals: list[Refusal] = []
        self.writer = Writer(self.store, IDENTITY, self.refusals.append)

    async def hold_lease(self) -> Token:
        answer = await self.store.acquire("pod-a", 60_000, 1, issue_own=True)
        token = Token(holder="pod-a", epoch=1, counter=answer.counter)
        self.writer.use_token(token)
        return token


@pytest.fixture
async def world() -> AsyncIterator[World]:
    made = World()
    task = asyncio.create_task(made.writer.run())
    yield made
    task.cancel()


async def test_a_fill_and_its_ledger_are_written_together(world: World) -> None:
    await world.hold_lease()
    world.writer.fill(fill(5), ledger(5))
    assert await world.writer.flush(1)
    assert (await world.store.load("local")).ledger == ledger(5)
    assert len(world.store.stream(KEYS.fills)) == 1
    assert world.writer.commits == 1


async def test_the_mirror_has_open_orders_and_no_closed_ones(world: World) -> None:
    await world.hold_lease()
    world.writer.order(order("a"), closed=False)
    world.writer.order(order("b"), closed=False)
    world.writer.order(order("a", state="CANCELED"), closed=True)
    await world.writer.flush(1)
    assert [record.client_id for record in (await world.store.load("local")).orders] == ["b"]


async def test_resync_removes_what_is_no_longer_open(world: World) -> None:
    await world.hold_lease()
    world.writer.order(order("old"), closed=False)
    await world.writer.flush(1)
    world.writer.resync_orders([order("new")], {"old"})
    await world.writer.flush(1)
    assert [record.client_id for record in (await world.store.load("local")).orders] == ["new"]


async def test_without_a_token_nothing_is_written_and_nothing_is_lost(world: World) -> None:
    world.writer.fill(fill(5), ledger(5))
    await yield_to_others()
    assert world.writer.pending == 2
    assert not await world.writer.flush(0.01)
    await world.hold_lease()
    assert await world.writer.flush(1)


async def test_a_refused_write_is_told_and_kept_for_the_next_token(world: World) -> None:
    await world.hold_lease()
    await world.store.acquire("pod-a", 60_000, 1, issue_own=True)  # another incarnation
    world.writer.ledger(ledger(5))
    await yield_to_others()
    assert world.refusals == [Refusal.NOT_HOLDER]
    assert world.writer.pending == 1
    await world.hold_lease()
    assert await world.writer.flush(1)


async def test_what_came_while_the_store_was_away_wins_over_what_could_not_be_written(world: World) -> None:
    await world.hold_lease()
    world.store.available = False
    world.writer.ledger(ledger(5))
    await yield_to_others()
    world.writer.ledger(ledger(6))
    world.writer.order(order("a"), closed=False)
    world.store.available = True
    assert await world.writer.flush(2)
    assert (await world.store.load("local")).ledger == ledger(6)


async def test_alerts_are_bounded_while_the_store_is_away(world: World) -> None:
    for number in range(MAX_ALERTS + 7):
        world.writer.alert(AlertRecord(kind="Warning", at_ms=number))
    assert world.writer.pending == MAX_ALERTS
    assert world.writer.dropped == 7


def fills_in(store: MemoryStore) -> list[int]:
    return [FillRecord.model_validate_json(text).trade_id for text in store.stream(KEYS.fills)]


async def test_fills_that_only_the_journal_has_reach_the_store_after_a_kill(world: World) -> None:
    await world.hold_lease()
    world.writer.fill(fill(5), ledger(5))
    assert await world.writer.flush(1)
    stored = (await world.store.load("local")).ledger
    world.writer.resync_fills([fill(4), fill(5), fill(6), fill(9)], stored, ledger(9))
    assert await world.writer.flush(1)
    assert fills_in(world.store) == [5, 6, 9]


async def test_a_fill_booked_beyond_the_last_proven_trade_is_not_appended_again(world: World) -> None:
    await world.hold_lease()
    stored = ledger(5)
    stored.positions["ETHUSDC"].booked_trade_ids.append(8)
    world.writer.resync_fills([fill(7), fill(8)], stored, ledger(8))
    assert await world.writer.flush(1)
    assert fills_in(world.store) == [7]


async def test_a_fill_that_is_being_written_is_not_written_twice_by_a_resync(world: World) -> None:
    await world.hold_lease()
    world.store.available = False
    world.writer.fill(fill(6), ledger(6))
    await yield_to_others()
    world.writer.resync_fills([fill(6)], None, ledger(6))
    world.store.available = True
    assert await world.writer.flush(2)
    assert fills_in(world.store) == [6]


async def test_fills_that_are_appended_after_a_kill_have_their_ledger_with_them(world: World) -> None:
    await world.hold_lease()
    world.writer.resync_fills([fill(5)], None, ledger(5))
    assert await world.writer.flush(1)
    assert world.writer.commits == 1
    # and so a second kill right after that makes nobody append them again
    world.writer.resync_fills([fill(5)], (await world.store.load("local")).ledger, ledger(5))
    assert world.writer.pending == 0


async def test_a_batch_that_was_written_but_not_answered_is_not_written_twice(world: World) -> None:
    await world.hold_lease()
    commit, lost = world.store.commit, 2

    async def answer_lost(token: Token, operations: Sequence[Operation]) -> Refusal | None:
        nonlocal lost
        refusal = await commit(token, operations)
        if lost:
            lost -= 1
            raise StoreUnavailableError("no answer")
        return refusal

    world.store.commit = answer_lost  # type: ignore[method-assign]
    world.writer.fill(fill(5), ledger(5))
    world.writer.alert(AlertRecord(kind="Warning", at_ms=1))
    await yield_to_others()
    world.writer.fill(fill(6), ledger(6))
    assert await world.writer.flush(3)
    assert fills_in(world.store) == [5, 6]
    assert len(world.store.stream(KEYS.alerts)) == 1
    assert (await world.store.load("local")).ledger == ledger(6)


async def test_an_unanswered_batch_is_not_written_twice_under_the_next_token_either(world: World) -> None:
    await world.hold_lease()
    commit, answers = world.store.commit, 0

    async def answer_lost(token: Token, operations: Sequence[Operation]) -> Refusal | None:
        nonlocal answers
        answers += 1
        refusal = await commit(token, operations)
        if answers == 1:
            world.writer.use_token(None)
            raise StoreUnavailableError("no answer")
        return refusal

    world.store.commit = answer_lost  # type: ignore[method-assign]
    world.writer.fill(fill(5), ledger(5))
    await yield_to_others()
    await world.hold_lease()
    assert await world.writer.flush(3)
    assert fills_in(world.store) == [5]


async def test_a_ledger_is_never_in_the_store_before_the_last_of_its_fills(world: World) -> None:
    seen: list[tuple[int, int]] = []
    commit = world.store.commit

    async def watched(token: Token, operations: Sequence[Operation]) -> Refusal | None:
        refusal = await commit(token, operations)
        stored = (await world.store.load("local")).ledger
        booked = stored.positions["ETHUSDC"].last_trade_id if stored is not None else -1
        seen.append((booked, max(fills_in(world.store))))
        return refusal

    world.store.commit = watched  # type: ignore[method-assign]
    many = 2 * OPERATIONS_AT_ONCE + 3
    for number in range(many):
        world.writer.fill(fill(number), ledger(number))
    await world.hold_lease()
    assert await world.writer.flush(5)
    assert len(seen) == 3
    assert all(booked <= written for booked, written in seen)
    assert seen[-1] == (many - 1, many - 1)
    assert fills_in(world.store) == list(range(many))
