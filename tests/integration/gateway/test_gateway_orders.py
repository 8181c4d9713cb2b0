"""Orders on a real socket: every command ends in exactly one answer, and the venue's own view agrees."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from gateway_kit import FAST, PREFIX, SYMBOL, desk

from mm_trader.core.commands import Cancel, CancelAllOwn, Place, QueryOrder
from mm_trader.core.events import (
    AccountUpdate,
    CommandDropped,
    CommandRefused,
    ErrorClass,
    ExecutionReport,
    OrderAccepted,
    OrderFound,
    PublicTrade,
    ReconcileSnapshot,
    Side,
    StreamName,
)
from mm_trader.venue.binance.transport.session import Session


async def test_a_post_only_order_away_from_the_touch_is_accepted_and_reported() -> None:
    async with desk() as d:
        place = await d.quiet_order()
        d.gateway.submit(place)
        accepted = await d.seen.next(OrderAccepted)
        report = await d.seen.next(ExecutionReport, lambda e: e.execution == "NEW")
        assert accepted.client_id == report.order.client_id == place.client_id
        assert accepted.venue_id == report.order.venue_id
        assert (report.order.price, report.order.size, report.order.filled) == (place.price, place.size, 0)
        assert report.order.side is Side.BUY
        assert d.open_at_venue() == [place.client_id]


async def test_an_order_that_would_take_is_refused_as_post_only() -> None:
    async with desk() as d:
        touch = await d.touch()
        d.gateway.submit(
            Place(symbol=SYMBOL, client_id=d.new_id(), side=Side.BUY, price=touch.ask + 500, size=100)
        )
        refused = await d.seen.next(CommandRefused)
        assert refused.error is ErrorClass.POST_ONLY
        assert (refused.command, refused.code) == ("place", -2010)
        assert d.open_at_venue() == []


async def test_an_order_beyond_the_balance_is_refused_as_balance() -> None:
    async with desk() as d:
        d.gateway.submit(await d.quiet_order(Side.SELL, size=200_000))
        assert (await d.seen.next(CommandRefused)).error is ErrorClass.BALANCE


async def test_a_client_id_that_is_open_already_is_refused_as_duplicate() -> None:
    async with desk() as d:
        place = await d.quiet_order()
        d.gateway.submit(place)
        d.gateway.submit(place)
        assert (await d.seen.next(CommandRefused)).error is ErrorClass.DUPLICATE
        assert d.open_at_venue() == [place.client_id]


async def test_what_a_filter_would_refuse_never_leaves() -> None:
    async with desk() as d:
        place, rules = await d.quiet_order(), d.rules[SYMBOL]
        await d.seen.next(PublicTrade)
        assert rules.bands is not None
        for field, value, name in (
            ("size", 1, "NOTIONAL"),
            ("size", rules.max_quantity + 1, "LOT_SIZE"),
            ("price", rules.max_price + 1, "PRICE_FILTER"),
            ("price", int(place.price * rules.bands.bid_up * Decimal("1.1")), "PERCENT_PRICE_BY_SIDE"),
            ("price", int(place.price * rules.bands.bid_down * Decimal("0.9")), "PERCENT_PRICE_BY_SIDE"),
        ):
            since = d.seen.mark
            d.gateway.submit(msgspec.structs.replace(place, **{field: value}))
            dropped = await d.seen.next(CommandDropped, since=since)
            assert dropped.reason == f"refused locally: filter {name}"
        assert d.open_at_venue() == []


async def test_a_filter_failure_that_only_the_venue_sees_is_a_definite_refusal_with_its_words() -> None:
    async with desk() as d:
        d.sim.admin.do("refuse", code=-1013, msg="Filter failure: MAX_POSITION")
        d.gateway.submit(await d.quiet_order())
        refused = await d.seen.next(CommandRefused)
        assert (refused.error, refused.code) == (ErrorClass.REFUSED, -1013)
        assert "MAX_POSITION" in refused.message


async def test_a_cancel_is_answered_with_the_order_as_it_ended_and_reported_under_its_own_id() -> None:
    async with desk() as d:
        place = await d.quiet_order()
        d.gateway.submit(place)
        accepted = await d.seen.next(OrderAccepted)
        d.gateway.submit(Cancel(symbol=SYMBOL, client_id=place.client_id, venue_id=accepted.venue_id))
        found = await d.seen.next(OrderFound)
        report = await d.seen.next(ExecutionReport, lambda e: e.execution == "CANCELED")
        assert found.order.status == report.order.status == "CANCELED"
        assert found.order.client_id == report.order.client_id == place.client_id
        assert d.open_at_venue() == []


async def test_a_cancel_by_client_id_alone_finds_its_order() -> None:
    async with desk() as d:
        place = await d.quiet_order()
        d.gateway.submit(place)
        await d.seen.next(OrderAccepted)
        d.gateway.submit(Cancel(symbol=SYMBOL, client_id=place.client_id, venue_id=None))
        assert (await d.seen.next(OrderFound)).order.status == "CANCELED"


async def test_a_cancel_of_an_order_the_venue_does_not_know_is_refused_as_not_found() -> None:
    async with desk() as d:
        d.gateway.submit(Cancel(symbol=SYMBOL, client_id=f"{PREFIX}none", venue_id=None))
        refused = await d.seen.next(CommandRefused)
        assert (refused.error, refused.command) == (ErrorClass.NOT_FOUND, "cancel")


async def test_a_fill_arrives_as_a_report_with_its_trade_and_changes_balances() -> None:
    async with desk() as d:
        touch = await d.touch()
        place = Place(symbol=SYMBOL, client_id=d.new_id(), side=Side.BUY, price=touch.bid, size=100)
        d.gateway.submit(place)
        await d.seen.next(OrderAccepted)
        mark = d.seen.mark
        d.sim.admin.do("price", symbol=SYMBOL, by_bp=-80)
        report = await d.seen.next(ExecutionReport, lambda e: e.trade is not None, since=mark)
        assert report.trade is not None
        assert report.trade.maker
        assert report.trade.side is Side.BUY
        assert (report.trade.price, report.trade.venue_id) == (place.price, report.order.venue_id)
        assert report.order.filled >= report.trade.size > 0
        update = await d.seen.next(AccountUpdate, lambda e: "ETH" in e.balances, since=mark)
        assert update.balances["ETH"][0] > 10


@pytest.fixture
def congested(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system never has taken all that was written before: nothing is written at once, everything has to queue."""
    monkeypatch.setattr(Session, "ready", property(lambda _self: False))


@pytest.mark.usefixtures("congested")
async def test_the_stop_latch_drops_queued_and_new_places_but_lets_cancels_through() -> None:
    async with desk() as d:
        resting, queued, late = await d.quiet_order(), await d.quiet_order(), await d.quiet_order()
        d.gateway.submit(resting)
        await d.seen.next(OrderAccepted)
        d.gateway.submit(queued)
        d.gateway.block_places(True)
        d.gateway.submit(late)
        d.gateway.submit(Cancel(symbol=SYMBOL, client_id=resting.client_id, venue_id=None))
        await d.seen.next(OrderFound)
        await d.seen.next(CommandDropped, lambda e: e.client_id == late.client_id)
        dropped = {event.client_id: event.reason for event in d.seen.of(CommandDropped)}
        assert dropped == {queued.client_id: "stop latch", late.client_id: "stop latch"}
        assert d.open_at_venue() == []
        d.gateway.block_places(False)
        again = await d.quiet_order()
        d.gateway.submit(again)
        await d.seen.next(OrderAccepted, lambda e: e.client_id == again.client_id)


@pytest.mark.usefixtures("congested")
async def test_cancels_overtake_places_that_wait() -> None:
    async with desk() as d:
        resting = await d.quiet_order()
        d.gateway.submit(resting)
        await d.seen.next(OrderAccepted)
        mark = d.seen.mark
        waiting = [await d.quiet_order() for _ in range(5)]
        for place in waiting:
            d.gateway.submit(place)
        d.gateway.submit(Cancel(symbol=SYMBOL, client_id=resting.client_id, venue_id=None))
        await d.seen.next(OrderAccepted, lambda e: e.client_id == waiting[-1].client_id)
        answers = [e for e in d.seen.events[mark:] if isinstance(e, OrderFound | OrderAccepted)]
        assert isinstance(answers[0], OrderFound)


@pytest.mark.usefixtures("congested")
async def test_a_cancel_takes_a_place_that_still_waits_out_of_the_queue() -> None:
    """It would overtake the place, find nothing, and leave an order that nobody wants."""
    async with desk() as d:
        unwanted, wanted = await d.quiet_order(), await d.quiet_order()
        d.gateway.submit(unwanted)
        d.gateway.submit(Cancel(symbol=SYMBOL, client_id=unwanted.client_id, venue_id=None))
        d.gateway.submit(wanted)
        await d.seen.next(OrderAccepted, lambda e: e.client_id == wanted.client_id)
        answers = [(e.client_id, e.command) for e in d.seen.of(CommandDropped)]
        assert answers == [(unwanted.client_id, "place"), (unwanted.client_id, "cancel")]
        assert d.open_at_venue() == [wanted.client_id]


async def test_the_intent_hook_runs_before_the_venue_sees_the_order() -> None:
    order: list[str] = []
    async with desk(before_send=lambda place: order.append(place.client_id)) as d:
        place = await d.quiet_order()
        d.gateway.submit(place)
        assert order == [place.client_id]
        assert d.open_at_venue() == []
        await d.seen.next(OrderAccepted)
        assert order == [place.client_id]


async def test_what_can_be_written_at_once_is_written_in_the_callers_order_before_submit_returns(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    written: list[str] = []
    write = Session.write_now

    def noted(self: Session, frame: bytes) -> None:
        written.append(msgspec.json.decode(frame)["method"])
        write(self, frame)

    monkeypatch.setattr(Session, "write_now", noted)
    async with desk() as d:
        first, second = await d.quiet_order(), await d.quiet_order()
        d.gateway.submit(first)
        await d.seen.next(OrderAccepted)
        d.gateway.submit(Cancel(symbol=SYMBOL, client_id=first.client_id, venue_id=None))
        d.gateway.submit(second)
        assert written == ["order.place", "order.cancel", "order.place"]
        await d.seen.next(OrderAccepted, lambda e: e.client_id == second.client_id)
        assert d.open_at_venue() == [second.client_id]


async def test_a_place_whose_intent_cannot_be_written_never_leaves() -> None:
    def full_disk(_place: Place) -> None:
        raise OSError(28, "No space left on device")

    async with desk(before_send=full_disk) as d:
        d.gateway.submit(await d.quiet_order())
        dropped = await d.seen.next(CommandDropped)
        assert "journaled" in dropped.reason
        assert d.open_at_venue() == []


@pytest.mark.parametrize("at_once", [True, False])
async def test_a_defect_in_the_intent_hook_leaves_that_place_unknown_and_the_channel_alive(
    at_once: bool, request: pytest.FixtureRequest
) -> None:
    if not at_once:
        request.getfixturevalue("congested")
    from mm_trader.core.events import CommandUnknown

    calls: list[str] = []

    def broken_once(place: Place) -> None:
        calls.append(place.client_id)
        if len(calls) == 1:
            raise RuntimeError("defect")

    async with desk(before_send=broken_once) as d:
        first, second = await d.quiet_order(), await d.quiet_order()
        d.gateway.submit(first)
        d.gateway.submit(second)
        assert (await d.seen.next(CommandUnknown)).client_id == first.client_id
        assert (await d.seen.next(OrderAccepted)).client_id == second.client_id


@pytest.mark.usefixtures("congested")
async def test_commands_beyond_the_queues_bound_are_dropped_and_said_so() -> None:
    async with desk(msgspec.structs.replace(FAST, max_queued=2)) as d:
        for place in [await d.quiet_order() for _ in range(3)]:
            d.gateway.submit(place)
        assert (await d.seen.next(CommandDropped)).reason == "queue is full"


async def test_without_the_order_socket_places_are_dropped_and_cancels_go_over_rest() -> None:
    async with desk() as d:
        resting = await d.quiet_order()
        d.gateway.submit(resting)
        await d.seen.next(OrderAccepted)
        mark = d.seen.mark
        d.sim.admin.do("cut", what="orders", block_s=2)
        await d.seen.status(StreamName.ORDERS, False, since=mark)
        d.gateway.submit(await d.quiet_order())
        d.gateway.submit(Cancel(symbol=SYMBOL, client_id=resting.client_id, venue_id=None))
        assert (await d.seen.next(CommandDropped)).reason == "order socket is down"
        assert (await d.seen.next(OrderFound)).order.status == "CANCELED"
        d.gateway.submit(Cancel(symbol=SYMBOL, client_id=resting.client_id, venue_id=None))
        assert (await d.seen.next(CommandRefused)).error is ErrorClass.NOT_FOUND


async def test_a_symbol_without_rules_is_dropped() -> None:
    async with desk() as d:
        d.gateway.submit(Place(symbol="BTCUSDC", client_id=d.new_id(), side=Side.BUY, price=1, size=1))
        assert "no rules" in (await d.seen.next(CommandDropped)).reason


async def test_cancel_all_own_as_a_command_ends_in_a_snapshot_without_open_orders() -> None:
    async with desk() as d:
        for _ in range(3):
            d.gateway.submit(await d.quiet_order())
        await d.seen.next(ExecutionReport, lambda e: e.order.client_id.endswith("-3"))
        d.gateway.submit(CancelAllOwn(symbol=SYMBOL))
        snapshot = await d.seen.next(ReconcileSnapshot)
        assert (snapshot.cause, snapshot.open_orders) == ("cancel_all", [])
        assert d.open_at_venue() == []


async def test_a_query_finds_an_open_order_as_the_venue_has_it() -> None:
    async with desk() as d:
        place = await d.quiet_order(Side.SELL)
        d.gateway.submit(place)
        await d.seen.next(OrderAccepted)
        d.gateway.submit(QueryOrder(symbol=SYMBOL, client_id=place.client_id))
        found = (await d.seen.next(OrderFound)).order
        assert (found.status, found.price, found.size) == ("NEW", place.price, place.size)
        assert found.side is Side.SELL
