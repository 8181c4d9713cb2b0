"""Writes behind the hot path: nothing lost, nothing under an old token, bounded while the store is away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence

import pytest
from shell_doubles import fill, ledger, order, yield_to_others

from mm_api.redis_contract import AlertRecord, FillRecord, Keys, LedgerRecord, OrderRecord
from mm_api.redis_scripts import Refusal
from mm_trader.core.clock import ManualClock
from mm_trader.shell.errors import StoreUnavailableError
from mm_trader.shell.repair import missing_fills, recall
from mm_trader.shell.store.memory import MemoryStore
from mm_trader.shell.store.port import Operation, Token
from mm_trader.shell.writer import MAX_ALERTS, OPERATIONS_AT_ONCE, Writer

IDENTITY = "sim.acc1"
KEYS = Keys(IDENTITY)


class World:
    def __init__(self) -> None:
        self.store = MemoryStore(IDENTITY, ManualClock())
        self.refusals: list[Refusal] = []
        self.behind = 0
        self.writer = Writer(self.store, IDENTITY, self.refusals.append, self._on_behind)

    def _on_behind(self) -> None:
        self.behind += 1

    async def acquire(self) -> Token:
        answer = await self.store.acquire("pod-a", 60_000, 1, issue_own=True)
        token = Token(holder="pod-a", epoch=1, counter=answer.counter)
        self.writer.follow(token, (await self.store.load("local")).batch)
        return token

    async def repair(
        self,
        journaled: Iterable[FillRecord] = (),
        booked: LedgerRecord | None = None,
        orders: Sequence[OrderRecord] = (),
    ) -> None:
        recalled = await recall(self.store, "local")
        missing = missing_fills((*journaled, *self.writer.unwritten_fills), recalled)
        stored = {record.client_id for record in recalled.stored.orders}
        self.writer.repair(missing, booked or recalled.stored.ledger or LedgerRecord(), orders, stored)

    async def hold_lease(self) -> Token:
        """With nothing of an earlier process to repair."""
        token = await self.acquire()
        await self.repair()
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
    assert (await world.store.load("local")).batch == "1-1-1"


async def test_the_mirror_has_open_orders_and_no_closed_ones(world: World) -> None:
    await world.hold_lease()
    world.writer.order(order("a"), closed=False)
    world.writer.order(order("b"), closed=False)
    world.writer.order(order("a", state="CANCELED"), closed=True)
    await world.writer.flush(1)
    assert [record.client_id for record in (await world.store.load("local")).orders] == ["b"]


async def test_a_repair_removes_what_is_no_longer_open(world: World) -> None:
    await world.hold_lease()
    world.writer.order(order("old"), closed=False)
    await world.writer.flush(1)
    await world.acquire()
    await world.repair(orders=[order("new")])
    await world.writer.flush(1)
    assert [record.client_id for record in (await world.store.load("local")).orders] == ["new"]


async def test_without_a_token_nothing_is_written_and_nothing_is_lost(world: World) -> None:
    world.writer.fill(fill(5), ledger(5))
    await yield_to_others()
    assert world.writer.pending == 2
    await world.acquire()
    assert not await world.writer.flush(0.01), "nor before somebody has looked what the store has"
    assert world.store.stream(KEYS.fills) == []
    await world.hold_lease()
    assert await world.writer.flush(1)


async def test_a_refused_write_is_told_and_kept_for_the_next_token(world: World) -> None:
    await world.hold_lease()
    assert await world.writer.flush(1)
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
    await world.acquire()
    await world.repair([fill(4), fill(5), fill(6), fill(9)], ledger(9))
    assert await world.writer.flush(1)
    assert fills_in(world.store) == [5, 6, 9]


async def test_a_fill_booked_beyond_the_last_proven_trade_is_not_appended_again(world: World) -> None:
    await world.hold_lease()
    stored = ledger(5)
    stored.positions["ETHUSDC"].booked_trade_ids.append(8)
    world.writer.ledger(stored)
    assert await world.writer.flush(1)
    await world.acquire()
    await world.repair([fill(7), fill(8)], ledger(8))
    assert await world.writer.flush(1)
    assert fills_in(world.store) == [7]


async def test_fills_that_are_appended_after_a_kill_have_their_ledger_with_them(world: World) -> None:
    await world.acquire()
    await world.repair([fill(5)], ledger(5))
    assert await world.writer.flush(1)
    assert world.writer.commits == 1
    # and so a second kill right after that makes nobody append them again
    await world.acquire()
    await world.repair([fill(5)], ledger(5))
    assert await world.writer.flush(1)
    assert fills_in(world.store) == [5]


async def test_until_it_is_known_what_the_store_lacks_only_the_traders_own_state_is_written(
    world: World,
) -> None:
    await world.acquire()
    world.writer.fill(fill(5), ledger(5))
    world.writer.order(order("a"), closed=False)
    world.writer.alert(AlertRecord(kind="Warning", at_ms=1))
    await yield_to_others()
    assert len(world.store.stream(KEYS.alerts)) == 1
    stored = await world.store.load("local")
    assert (stored.ledger, stored.orders, fills_in(world.store)) == (None, (), [])
    assert not world.writer.complete.is_set()
    await world.repair([fill(5)], ledger(5), [order("a")])
    assert await world.writer.flush(1)
    assert fills_in(world.store) == [5]
    assert world.writer.complete.is_set()


async def test_a_store_that_went_back_under_a_held_lease_is_not_written_to_until_it_is_repaired(
    world: World,
) -> None:
    token = await world.hold_lease()
    world.writer.fill(fill(5), ledger(5))
    assert await world.writer.flush(1)
    older = world.store.snapshot()
    world.writer.fill(fill(6), ledger(6))
    world.writer.order(order("a"), closed=False)
    assert await world.writer.flush(1)
    world.store.go_back(older)
    world.writer.fill(fill(7), ledger(7))
    world.writer.alert(AlertRecord(kind="Warning", at_ms=1))
    await yield_to_others()
    assert world.behind == 1
    assert world.refusals == []
    assert fills_in(world.store) == [5]
    assert world.store.stream(KEYS.alerts) == []
    world.writer.follow(token, (await world.store.load("local")).batch)
    await world.repair([fill(5), fill(6), fill(7)], ledger(7), [order("a")])
    assert await world.writer.flush(1)
    assert fills_in(world.store) == [5, 6, 7]
    stored = await world.store.load("local")
    assert stored.ledger == ledger(7)
    assert [record.client_id for record in stored.orders] == ["a"]
    assert len(world.store.stream(KEYS.alerts)) == 1, "what had not been written is not forgotten"


async def test_a_store_that_goes_back_again_during_the_repair_is_repaired_again(world: World) -> None:
    token = await world.hold_lease()
    world.writer.fill(fill(1), ledger(1))
    assert await world.writer.flush(1)
    older = world.store.snapshot()
    many = 2 * OPERATIONS_AT_ONCE + 3
    commit, commits = world.store.commit, 0

    async def goes_back(given: Token, operations: Sequence[Operation]) -> Refusal | None:
        nonlocal commits
        commits += 1
        if commits == 3:
            world.store.go_back(older)
        return await commit(given, operations)

    world.store.commit = goes_back  # type: ignore[method-assign]
    journaled = [fill(number) for number in range(1, many)]
    for _ in range(2):
        world.writer.follow(token, (await world.store.load("local")).batch)
        await world.repair(journaled, ledger(many))
        await yield_to_others()
    assert world.behind == 1
    assert await world.writer.flush(1)
    assert fills_in(world.store) == list(range(1, many))


async def test_a_process_killed_in_the_middle_of_a_repair_leaves_one_that_can_be_finished(
    world: World,
) -> None:
    await world.hold_lease()
    many = OPERATIONS_AT_ONCE + 3
    commit = world.store.commit

    async def once(given: Token, operations: Sequence[Operation]) -> Refusal | None:
        world.store.commit = never  # type: ignore[method-assign]
        return await commit(given, operations)

    async def never(given: Token, operations: Sequence[Operation]) -> Refusal | None:
        raise StoreUnavailableError("killed")

    assert await world.writer.flush(1)
    world.store.commit = once  # type: ignore[method-assign]
    journaled = [fill(number) for number in range(many)]
    await world.acquire()
    await world.repair(journaled, ledger(many))
    await yield_to_others()
    assert len(fills_in(world.store)) == OPERATIONS_AT_ONCE
    assert (await world.store.load("local")).ledger != ledger(many)
    world.store.commit = commit  # type: ignore[method-assign]
    world.writer.hold()
    following = World()
    following.store = world.store
    following.writer = Writer(world.store, IDENTITY, following.refusals.append, following._on_behind)
    task = asyncio.create_task(following.writer.run())
    await following.acquire()
    await following.repair(journaled, ledger(many))
    assert await following.writer.flush(1)
    task.cancel()
    assert fills_in(world.store) == list(range(many))


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
    assert await world.writer.flush(1)
    commit, answers = world.store.commit, 0

    async def answer_lost(token: Token, operations: Sequence[Operation]) -> Refusal | None:
        nonlocal answers
        answers += 1
        refusal = await commit(token, operations)
        if answers == 1:
            world.writer.hold()
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
    await world.acquire()
    await world.repair(booked=ledger(many - 1))
    assert await world.writer.flush(5)
    assert len(seen) == 3
    assert all(booked <= written for booked, written in seen)
    assert seen[-1] == (many - 1, many - 1)
    assert fills_in(world.store) == list(range(many))
