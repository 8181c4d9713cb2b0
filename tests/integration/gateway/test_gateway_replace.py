"""Amend and cancel-replace on a real socket: the whole result table, each half answered exactly once."""

from __future__ import annotations

import msgspec
import pytest
from gateway_kit import PREFIX, SYMBOL, Desk, desk

from mm_trader.core.commands import Amend, CancelReplace, Place
from mm_trader.core.events import (
    CommandDropped,
    CommandRefused,
    CommandUnknown,
    ErrorClass,
    Event,
    ExecutionReport,
    OrderAccepted,
    OrderAmended,
    OrderFound,
    Side,
    StreamName,
)
from mm_trader.venue.simulator.config import LimitConfig

ANSWERS = (OrderAccepted, OrderFound, OrderAmended, CommandRefused, CommandUnknown, CommandDropped)


async def rest(d: Desk) -> tuple[Place, int]:
    """An order that rests, and its venue id."""
    place = await d.quiet_order()
    d.gateway.submit(place)
    accepted = await d.seen.next(OrderAccepted, lambda e: e.client_id == place.client_id)
    return place, accepted.venue_id


async def replacement(d: Desk, old: Place, venue_id: int | None, *, away: int = 6000) -> CancelReplace:
    return CancelReplace(client_id=old.client_id, venue_id=venue_id, place=await d.quiet_order(away=away))


def answers(d: Desk, since: int) -> list[Event]:
    return [event for event in d.seen.events[since:] if isinstance(event, ANSWERS)]


async def halves(d: Desk, command: CancelReplace) -> tuple[Event, Event]:
    """Submit, and wait for the answers to the cancel and to the new order, in whatever order they come."""
    since = d.seen.mark
    d.gateway.submit(command)

    def of_new(event: Event) -> bool:
        return isinstance(event, ANSWERS) and client_id(event) == command.place.client_id

    def of_old(event: Event) -> bool:
        return isinstance(event, ANSWERS) and client_id(event) == command.client_id

    new = await d.seen.next(Event, of_new, since=since)
    old = await d.seen.next(Event, of_old, since=since)
    assert len(answers(d, since)) == 2
    return old, new


def client_id(event: Event) -> str:
    if isinstance(event, OrderFound | OrderAmended):
        return event.order.client_id
    assert isinstance(event, OrderAccepted | CommandRefused | CommandUnknown | CommandDropped)
    return event.client_id


async def test_an_amend_shrinks_the_order_which_keeps_its_id_and_its_place() -> None:
    async with desk() as d:
        place, venue_id = await rest(d)
        d.gateway.submit(Amend(symbol=SYMBOL, client_id=place.client_id, venue_id=venue_id, size=60))
        amended = (await d.seen.next(OrderAmended)).order
        report = await d.seen.next(ExecutionReport, lambda e: e.execution == "REPLACED")
        for view in (amended, report.order):
            assert (view.client_id, view.venue_id, view.size) == (place.client_id, venue_id, 60)
            assert (view.status, view.filled, view.side) == ("NEW", 0, Side.BUY)
        assert d.open_at_venue() == [place.client_id]


@pytest.mark.parametrize("size", [100, 101])
async def test_an_amend_that_does_not_shrink_is_refused_and_changes_nothing(size: int) -> None:
    async with desk() as d:
        place, _ = await rest(d)
        d.gateway.submit(Amend(symbol=SYMBOL, client_id=place.client_id, venue_id=None, size=size))
        refused = await d.seen.next(CommandRefused)
        assert (refused.command, refused.error, refused.code) == ("amend", ErrorClass.REFUSED, -2038)
        assert d.open_at_venue() == [place.client_id]


async def test_an_amend_of_an_order_that_is_gone_is_not_found() -> None:
    async with desk() as d:
        d.gateway.submit(Amend(symbol=SYMBOL, client_id=f"{PREFIX}none", venue_id=None, size=60))
        assert (await d.seen.next(CommandRefused)).error is ErrorClass.NOT_FOUND


async def test_an_amend_without_an_answer_is_unknown_and_without_a_socket_dropped() -> None:
    async with desk() as d:
        place, venue_id = await rest(d)
        amend = Amend(symbol=SYMBOL, client_id=place.client_id, venue_id=venue_id, size=60)
        d.sim.admin.do("fault", fault="drop_after", call="amend")
        d.gateway.submit(amend)
        unknown = await d.seen.next(CommandUnknown)
        assert (unknown.command, unknown.client_id) == ("amend", place.client_id)
        mark = d.seen.mark
        d.sim.admin.do("cut", what="orders", block_s=2)
        await d.seen.status(StreamName.ORDERS, False, since=mark)
        d.gateway.submit(amend)
        assert (await d.seen.next(CommandDropped)).command == "amend"


@pytest.mark.parametrize("by_venue_id", [True, False])
async def test_both_halves_done(by_venue_id: bool) -> None:
    async with desk() as d:
        old, venue_id = await rest(d)
        command = await replacement(d, old, venue_id if by_venue_id else None)
        cancel, new = await halves(d, command)
        assert isinstance(cancel, OrderFound)
        assert (cancel.order.status, cancel.order.client_id) == ("CANCELED", old.client_id)
        assert isinstance(new, OrderAccepted)
        assert d.open_at_venue() == [command.place.client_id]


async def test_a_cancel_that_fails_leaves_the_new_order_untried() -> None:
    async with desk() as d:
        old = await d.quiet_order()
        cancel, new = await halves(d, await replacement(d, old, None))
        assert isinstance(cancel, CommandRefused)
        assert (cancel.command, cancel.error, cancel.code) == ("cancel", ErrorClass.NOT_FOUND, -2011)
        assert isinstance(new, CommandDropped)
        assert (new.command, new.reason) == ("place", "not attempted")
        assert d.open_at_venue() == []


async def test_a_new_order_that_would_take_is_refused_after_the_old_one_went() -> None:
    async with desk() as d:
        old, venue_id = await rest(d)
        touch = await d.touch()
        command = await replacement(d, old, venue_id)
        crossing = msgspec.structs.replace(command.place, price=touch.ask + 500)
        cancel, new = await halves(d, msgspec.structs.replace(command, place=crossing))
        assert isinstance(cancel, OrderFound)
        assert isinstance(new, CommandRefused)
        assert (new.command, new.error, new.code) == ("place", ErrorClass.POST_ONLY, -2010)
        assert d.open_at_venue() == []


async def test_a_filter_failure_refuses_both_halves_and_the_old_order_stays() -> None:
    async with desk() as d:
        old, venue_id = await rest(d)
        d.sim.admin.do("refuse", call="replace", code=-1013, msg="Filter failure: NOTIONAL")
        cancel, new = await halves(d, await replacement(d, old, venue_id))
        for half in (cancel, new):
            assert isinstance(half, CommandRefused)
            assert half.code == -1013
        assert d.open_at_venue() == [old.client_id]


async def test_an_order_count_that_the_venue_finds_used_up_still_takes_the_stale_order_away() -> None:
    async with desk(limits=LimitConfig(orders_per_10s=2)) as d:
        old, venue_id = await rest(d)
        # somebody else on the account uses the rest of the budget, which no reply has told us yet
        d.sim.limits.add_orders("desk", 1)
        command = await replacement(d, old, venue_id)
        cancel, new = await halves(d, command)
        assert isinstance(cancel, OrderFound)
        assert cancel.order.status == "CANCELED"
        assert isinstance(new, CommandRefused)
        assert (new.error, new.code) == (ErrorClass.THROTTLED, -1015)
        assert d.open_at_venue() == []
        d.gateway.submit(await d.quiet_order())
        paused = await d.seen.next(CommandDropped, lambda e: e.client_id != command.place.client_id)
        assert paused.reason == "the venue asked to wait"


@pytest.mark.parametrize("fault", ["drop_before", "drop_after", "malformed", "status_before", "status_after"])
async def test_no_trustworthy_answer_makes_both_halves_unknown(fault: str) -> None:
    async with desk() as d:
        old, venue_id = await rest(d)
        d.sim.admin.do("fault", fault=fault, call="replace")
        cancel, new = await halves(d, await replacement(d, old, venue_id))
        assert isinstance(cancel, CommandUnknown)
        assert isinstance(new, CommandUnknown)
        assert (cancel.command, new.command) == ("cancel", "place")
        assert await d.gateway.cancel_all_own([SYMBOL], 5.0)


async def test_a_new_order_that_a_filter_would_refuse_does_not_hold_up_the_cancel() -> None:
    async with desk() as d:
        old, venue_id = await rest(d)
        command = await replacement(d, old, venue_id)
        tiny = msgspec.structs.replace(command.place, size=1)
        cancel, new = await halves(d, msgspec.structs.replace(command, place=tiny))
        assert isinstance(cancel, OrderFound)
        assert isinstance(new, CommandDropped)
        assert new.reason == "refused locally: filter NOTIONAL"


async def test_the_stop_latch_turns_a_replacement_into_a_plain_cancel() -> None:
    async with desk() as d:
        old, venue_id = await rest(d)
        d.gateway.block_places(True)
        cancel, new = await halves(d, await replacement(d, old, venue_id))
        assert isinstance(cancel, OrderFound)
        assert isinstance(new, CommandDropped)
        assert new.reason == "stop latch"
        assert d.open_at_venue() == []


async def test_without_a_socket_the_cancel_goes_by_rest_and_the_new_order_does_not() -> None:
    async with desk() as d:
        old, venue_id = await rest(d)
        mark = d.seen.mark
        d.sim.admin.do("cut", what="orders", block_s=2)
        await d.seen.status(StreamName.ORDERS, False, since=mark)
        cancel, new = await halves(d, await replacement(d, old, venue_id))
        assert isinstance(cancel, OrderFound)
        assert isinstance(new, CommandDropped)
        assert new.reason == "order socket is down"
