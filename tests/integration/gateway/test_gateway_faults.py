"""What nobody can know stays unknown, what the venue refuses is classed, and every command still gets exactly one answer."""

from __future__ import annotations

import random
from collections import Counter

import msgspec
import pytest
from gateway_kit import FAST, SYMBOL, Desk, desk, until

from mm_trader.core.commands import Cancel, QueryOrder
from mm_trader.core.events import (
    CommandDropped,
    CommandRefused,
    CommandUnknown,
    ErrorClass,
    OrderAccepted,
    OrderFound,
    OrderNotFound,
    QueryFailed,
    Side,
    StreamName,
)
from mm_trader.venue.simulator.config import LimitConfig


async def test_a_lost_reply_to_an_executed_order_is_unknown_and_a_query_finds_it() -> None:
    async with desk() as d:
        d.sim.admin.do("fault", fault="drop_after", call="place")
        place = await d.quiet_order()
        d.gateway.submit(place)
        unknown = await d.seen.next(CommandUnknown)
        assert (unknown.client_id, unknown.command) == (place.client_id, "place")
        d.gateway.submit(QueryOrder(symbol=SYMBOL, client_id=place.client_id))
        assert (await d.seen.next(OrderFound)).order.status == "NEW"
        assert d.seen.of(OrderAccepted) == []


async def test_a_lost_request_is_unknown_and_a_query_does_not_find_it() -> None:
    async with desk() as d:
        d.sim.admin.do("fault", fault="drop_before", call="place")
        place = await d.quiet_order()
        d.gateway.submit(place)
        unknown = await d.seen.next(CommandUnknown)
        d.gateway.submit(QueryOrder(symbol=SYMBOL, client_id=place.client_id))
        missing = await d.seen.next(OrderNotFound)
        assert missing.asked_ts >= unknown.ts


@pytest.mark.parametrize(
    "fault",
    [{"fault": "status_before", "status": 503}, {"fault": "drop_before", "count": 3}, {"fault": "malformed"}],
)
async def test_a_question_that_cannot_be_asked_is_no_not_found(fault: dict[str, object]) -> None:
    async with desk(msgspec.structs.replace(FAST, rest_timeout_s=0.4)) as d:
        place = await d.quiet_order()
        d.gateway.submit(place)
        await d.seen.next(OrderAccepted)
        d.sim.admin.do("fault", call="query", **fault)
        d.gateway.submit(QueryOrder(symbol=SYMBOL, client_id=place.client_id))
        assert (await d.seen.next(QueryFailed)).client_id == place.client_id
        assert d.seen.of(OrderNotFound) == []


@pytest.mark.parametrize("fault", ["status_before", "status_after"])
async def test_a_5xx_is_unknown_whether_or_not_it_was_executed(fault: str) -> None:
    async with desk() as d:
        d.sim.admin.do("fault", fault=fault, call="place", status=503)
        d.gateway.submit(await d.quiet_order())
        await d.seen.next(CommandUnknown)
        assert d.seen.of(CommandRefused) == []


async def test_an_unreadable_success_is_unknown() -> None:
    async with desk() as d:
        d.sim.admin.do("fault", fault="malformed", call="place")
        d.gateway.submit(await d.quiet_order())
        await d.seen.next(CommandUnknown)
        assert d.seen.of(OrderAccepted) == []


async def test_losing_the_socket_after_the_write_makes_pending_commands_unknown() -> None:
    async with desk(msgspec.structs.replace(FAST, reply_timeout_s=30.0)) as d:
        d.sim.admin.do("delay", what="orders", ms=20_000)
        place = await d.quiet_order()
        d.gateway.submit(place)
        await until(lambda: place.client_id in d.open_at_venue())
        d.sim.admin.do("cut", what="orders")
        assert "order socket lost" in (await d.seen.next(CommandUnknown)).reason


async def test_a_late_reply_after_the_time_limit_changes_nothing() -> None:
    async with desk(msgspec.structs.replace(FAST, reply_timeout_s=0.3)) as d:
        d.sim.admin.do("delay", what="orders", ms=400)
        late = await d.quiet_order()
        d.gateway.submit(late)
        await d.seen.next(CommandUnknown)
        d.sim.admin.do("delay", what="orders", ms=0)
        d.gateway.submit(Cancel(symbol=SYMBOL, client_id=late.client_id, venue_id=None))
        await d.seen.next(OrderFound)
        assert d.seen.of(OrderAccepted) == []


async def test_a_429_pauses_new_orders_and_lets_cancels_through() -> None:
    async with desk() as d:
        resting = await d.quiet_order()
        d.gateway.submit(resting)
        await d.seen.next(OrderAccepted)
        d.sim.admin.do("fault", fault="status_before", call="place", status=429, code=-1015)
        d.gateway.submit(await d.quiet_order())
        assert (await d.seen.next(CommandRefused)).error is ErrorClass.THROTTLED
        d.gateway.submit(await d.quiet_order())
        d.gateway.submit(Cancel(symbol=SYMBOL, client_id=resting.client_id, venue_id=None))
        assert (await d.seen.next(CommandDropped)).reason == "the venue asked to wait"
        assert (await d.seen.next(OrderFound)).order.status == "CANCELED"


async def test_a_418_stops_everything_and_takes_the_order_socket_down() -> None:
    async with desk() as d:
        d.sim.admin.do("fault", fault="status_before", call="place", status=418, code=-1003)
        d.gateway.submit(await d.quiet_order())
        assert (await d.seen.next(CommandRefused)).error is ErrorClass.THROTTLED
        await d.seen.status(StreamName.ORDERS, False)
        d.gateway.submit(Cancel(symbol=SYMBOL, client_id="x", venue_id=None))
        assert (await d.seen.next(CommandDropped)).reason == "banned by the venue"
        d.gateway.submit(QueryOrder(symbol=SYMBOL, client_id="x"))
        assert (await d.seen.next(QueryFailed)).error is ErrorClass.THROTTLED


async def test_a_clock_out_of_step_is_refused_once_measured_again_and_then_accepted() -> None:
    async with desk() as d:
        d.sim.admin.do("skew", ms=60_000)
        d.gateway.submit(await d.quiet_order())
        refused = await d.seen.next(CommandRefused)
        assert (refused.error, refused.code) == (ErrorClass.CLOCK, -1021)
        await until(lambda: d.gateway.health().clock_offset_ms > 59_000)
        place = await d.quiet_order()
        d.gateway.submit(place)
        assert (await d.seen.next(OrderAccepted)).client_id == place.client_id


async def test_a_revoked_key_is_refused_as_auth() -> None:
    async with desk() as d:
        d.sim.admin.do(
            "fault", fault="refuse", call="place", code=-2015, msg="Invalid API-key, IP, or permissions."
        )
        d.gateway.submit(await d.quiet_order())
        assert (await d.seen.next(CommandRefused)).error is ErrorClass.AUTH


async def test_the_venues_order_limit_is_kept_without_being_told_no() -> None:
    async with desk(limits=LimitConfig(orders_per_10s=3)) as d:
        places = [await d.quiet_order() for _ in range(5)]
        for place in places:
            d.gateway.submit(place)
        await d.seen.next(CommandDropped, lambda e: e.client_id == places[-1].client_id)
        await d.seen.next(OrderAccepted, lambda e: e.client_id == places[0].client_id)
        assert all("ORDERS" in event.reason for event in d.seen.of(CommandDropped))
        assert d.seen.of(CommandRefused) == []


def _answers(d: Desk) -> Counter[str]:
    kinds = (OrderAccepted, CommandRefused, CommandUnknown, CommandDropped)
    return Counter(
        event.client_id
        for event in d.seen.events
        if isinstance(event, kinds) and getattr(event, "command", "place") == "place"
    )


@pytest.mark.parametrize("seed", range(3))
async def test_every_place_gets_exactly_one_answer_whatever_breaks(seed: int) -> None:
    rng = random.Random(seed)
    faults = ["drop_after", "drop_before", "status_before", "status_after", "malformed"]
    async with desk() as d:
        sent: list[str] = []
        for _ in range(40):
            place = await d.quiet_order(rng.choice([Side.BUY, Side.SELL]))
            sent.append(place.client_id)
            if rng.random() < 0.3:
                d.sim.admin.do("fault", fault=rng.choice(faults), call="place", status=503)
            d.gateway.submit(place)
            if rng.random() < 0.15:
                d.sim.admin.do("cut", what="orders")
            if rng.random() < 0.4:
                d.gateway.submit(Cancel(symbol=SYMBOL, client_id=rng.choice(sent), venue_id=None))
            if rng.random() < 0.5:
                await until(lambda wanted=place.client_id: _answers(d)[wanted] > 0)
        await until(lambda: len(_answers(d)) == len(sent))
        d.sim.admin.do("clear")
        assert await d.gateway.cancel_all_own([SYMBOL], 8.0)
        assert d.open_at_venue() == []
        assert set(_answers(d).values()) == {1}
