"""The dispatcher: events in order, commands in order, and the last resort when the kernel cannot be trusted."""

from __future__ import annotations

import gc
from typing import Any

import pytest
from shell_doubles import FakeKernel, changed, fill, ledger

from mm_trader.core.commands import Cancel, CancelReplace, Command, FillBooked, Modify, OrderChanged, Place
from mm_trader.core.events import CommandDropped, Event, HaltLifted, LimitsTightened, Side, Tick
from mm_trader.shell.dispatcher import Dispatcher

PLACE = Place(symbol="ETHUSDC", client_id="a", side=Side.BUY, price=1, size=1)
CANCEL = Cancel(symbol="ETHUSDC", client_id="a", venue_id=None)
TICK = Tick(ts=1, wall_ns=1)


class Recorder:
    """Effects that note what they are asked."""

    def __init__(self) -> None:
        self.done: list[Any] = []
        self.error: Exception | None = None
        self.on_place: Any = None

    def place(self, command: Place) -> None:
        if self.error is not None:
            raise self.error
        self.done.append(command)
        if self.on_place is not None:
            self.on_place()

    def replace(self, command: CancelReplace) -> None:
        self.done.append(command)

    def modify(self, command: Modify) -> None:
        self.done.append(command)

    def submit(self, command: Command) -> None:
        self.done.append(command)

    def order_changed(self, command: OrderChanged) -> None:
        self.done.append(command)

    def fill_booked(self, record: Any, given: Any) -> None:
        self.done.append((record, given))

    def ledger_changed(self, given: Any) -> None:
        self.done.append(("ledger", given))

    def raise_halt(self, command: Any) -> None:
        self.done.append(command)

    def alert(self, command: Any) -> None:
        self.done.append(command)


class World:
    def __init__(self) -> None:
        self.effects = Recorder()
        self.crashes: list[str] = []
        self.dispatcher = Dispatcher(self.effects, lambda _error, where: self.crashes.append(where))
        self.kernel = FakeKernel()


@pytest.fixture
def world() -> World:
    made = World()
    made.dispatcher.attach(made.kernel)
    return made


def test_commands_are_executed_in_the_order_they_were_given(world: World) -> None:
    journaled = changed("a", "placed")
    world.kernel.answers = [[journaled, PLACE, CANCEL]]
    world.dispatcher(TICK)
    assert world.effects.done == [journaled, PLACE, CANCEL]


def test_a_fill_is_written_down_after_what_it_makes_the_trader_ask(world: World) -> None:
    other = Place(symbol="ETHUSDC", client_id="b", side=Side.SELL, price=2, size=1)
    world.kernel.answers = [[FillBooked(record=fill(5)), other, CANCEL]]
    world.dispatcher(TICK)
    assert world.effects.done == [CANCEL, other, (fill(5), ledger(99))]


@pytest.mark.parametrize("fails", [False, True])
def test_no_collection_begins_before_the_commands_are_executed(world: World, fails: bool) -> None:
    collecting: list[bool] = []
    world.effects.on_place = lambda: collecting.append(gc.isenabled())
    world.effects.error = OSError("disk full") if fails else None
    world.kernel.answers = [[PLACE]]
    world.dispatcher(TICK)
    assert collecting == ([] if fails else [False])
    assert gc.isenabled()


def test_an_event_that_a_command_causes_waits_until_all_commands_are_done(world: World) -> None:
    dropped = CommandDropped(ts=1, symbol="ETHUSDC", client_id="a", command="place", reason="blocked")
    world.effects.on_place = lambda: world.dispatcher(dropped)
    world.kernel.answers = [[PLACE, CANCEL], []]
    world.dispatcher(TICK)
    assert world.effects.done == [PLACE, CANCEL]
    assert world.kernel.events == [TICK, dropped]


def test_a_fill_is_journaled_with_the_ledger_that_has_it(world: World) -> None:
    world.kernel.answers = [[FillBooked(record=fill(5))]]
    world.dispatcher(TICK)
    assert world.effects.done == [(fill(5), ledger(99))]
    assert list(world.dispatcher.recent_fills) == [fill(5)]


def test_an_accepted_loss_is_journaled_at_once(world: World) -> None:
    world.dispatcher(HaltLifted(ts=1, halt_id="risk-1"))
    assert world.effects.done == [("ledger", ledger(99))]


def test_a_kernel_that_raises_is_not_asked_again(world: World) -> None:
    world.kernel.error = ZeroDivisionError("a bug")
    world.dispatcher(TICK)
    world.dispatcher(TICK)
    assert world.crashes == ["Tick"]
    assert world.dispatcher.kernel is None
    assert len(world.kernel.events) == 1


def test_a_command_that_cannot_be_executed_is_as_bad_as_a_kernel_that_raises(world: World) -> None:
    world.effects.error = OSError("disk full")
    world.kernel.answers = [[PLACE, CANCEL]]
    world.dispatcher(TICK)
    assert world.crashes == ["Place"]
    assert world.effects.done == []


def test_what_must_not_be_lost_waits_for_the_kernel_and_the_rest_does_not() -> None:
    world = World()
    events: list[Event] = [TICK, HaltLifted(ts=1, halt_id="risk-1"), LimitsTightened(ts=1, limits={})]
    for event in events:
        world.dispatcher(event)
    world.dispatcher.attach(world.kernel)
    assert world.kernel.events == events[1:]


def test_a_new_kernel_ends_the_crash(world: World) -> None:
    world.kernel.error = ZeroDivisionError("a bug")
    world.dispatcher(TICK)
    fresh = FakeKernel()
    world.dispatcher.attach(fresh)
    world.dispatcher(TICK)
    assert fresh.events == [TICK]


def test_it_counts_and_measures_what_the_kernel_does() -> None:
    readings = iter([0, 1_000, 10_000, 10_000 + 2_000_000])
    dispatcher = Dispatcher(Recorder(), lambda *_: None, measure=lambda: next(readings))
    dispatcher.attach(FakeKernel())
    dispatcher(TICK)
    dispatcher(TICK)
    assert dispatcher.events == {"Tick": 2}
    assert dispatcher.latency_sum_ns == 2_001_000
    assert [index for index, count in enumerate(dispatcher.latency) if count] == [2, 13]


def test_of_several_fills_in_one_event_the_last_brings_the_ledger() -> None:
    world = World()
    kernel = FakeKernel()
    kernel.answers = [
        [
            FillBooked(record=fill(1)),
            changed("a", "fill"),
            FillBooked(record=fill(2)),
        ]
    ]
    world.dispatcher.attach(kernel)
    world.dispatcher(TICK)
    assert [each for each in world.effects.done if isinstance(each, tuple)] == [
        (fill(1), None),
        (fill(2), ledger(99)),
    ]
