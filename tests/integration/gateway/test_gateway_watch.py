"""What the venue says about itself while we trade: status and filters, a reset, a clock that cannot be trusted, keys that stop being good, a ban."""

from __future__ import annotations

import msgspec
import pytest
from gateway_kit import FAST, SYMBOL, Desk, desk, until

from mm_trader.core.commands import Cancel, QueryOrder, RequestReconcile
from mm_trader.core.events import (
    CommandRefused,
    ErrorClass,
    OrderAccepted,
    OrderFound,
    OrderNotFound,
    ReconcileSnapshot,
    RulesChanged,
    StreamName,
    Trouble,
    VenueTrouble,
)

EAGER = msgspec.structs.replace(FAST, rules_interval_s=0.05, rules_pause_s=0.01, reset_pause_s=0.01)


async def accepted(d: Desk) -> OrderAccepted:
    place = await d.quiet_order()
    d.gateway.submit(place)
    return await d.seen.next(OrderAccepted, lambda e: e.client_id == place.client_id)


@pytest.mark.parametrize("status", ["HALT", "BREAK", "CANCEL_ONLY"])
async def test_a_status_other_than_trading_is_told_and_so_is_its_end(status: str) -> None:
    async with desk(EAGER) as d:
        d.sim.admin.do("status", symbol=SYMBOL, status=status)
        changed = await d.seen.next(RulesChanged)
        assert (changed.rules.status, changed.rules.trading) == (status, False)
        assert changed.rules.maker_fee == d.rules[SYMBOL].maker_fee
        d.sim.admin.do("status", symbol=SYMBOL, status="TRADING")
        assert (await d.seen.next(RulesChanged, lambda e: e.rules.trading)).rules == d.rules[SYMBOL]


async def test_an_order_that_finds_the_market_closed_has_the_status_read_at_once() -> None:
    async with desk(msgspec.structs.replace(FAST, rules_interval_s=3600.0)) as d:
        place = await d.quiet_order()
        d.sim.admin.do("status", symbol=SYMBOL, status="BREAK")
        d.gateway.submit(place)
        assert (await d.seen.next(CommandRefused)).error is ErrorClass.CLOSED
        assert (await d.seen.next(RulesChanged)).rules.status == "BREAK"


async def test_in_cancel_only_cancels_go_through() -> None:
    async with desk(EAGER) as d:
        order = await accepted(d)
        d.sim.admin.do("status", symbol=SYMBOL, status="CANCEL_ONLY")
        await d.seen.next(RulesChanged)
        d.gateway.submit(Cancel(symbol=SYMBOL, client_id=order.client_id, venue_id=order.venue_id))
        assert (await d.seen.next(OrderFound)).order.status == "CANCELED"


async def test_a_look_that_fails_changes_nothing() -> None:
    async with desk(msgspec.structs.replace(EAGER, fees_interval_s=0.0)) as d:
        d.sim.admin.do("fault", fault="status_before", call="query", status=503, count=5)
        await until(lambda: not d.sim.faults.armed or d.seen.of(RulesChanged) != [])
        assert d.seen.of(RulesChanged) == []


async def test_a_reset_is_found_by_an_order_that_the_venue_had_acknowledged() -> None:
    async with desk(EAGER) as d:
        order = await accepted(d)
        d.gateway.submit(RequestReconcile(symbol=SYMBOL, from_trade_id=0, cause="start"))
        await d.seen.next(ReconcileSnapshot)
        d.sim.admin.do("reset")
        d.gateway.submit(QueryOrder(symbol=SYMBOL, client_id=order.client_id))
        await d.seen.next(OrderNotFound)
        told = await d.seen.next(VenueTrouble)
        assert told.trouble is Trouble.RESET
        assert f"order {order.venue_id}" in told.detail
        assert "USDC" in told.detail
        assert len(d.seen.of(VenueTrouble)) == 1


async def test_a_reset_is_found_when_the_user_stream_comes_back() -> None:
    async with desk(EAGER) as d:
        await accepted(d)
        mark = d.seen.mark
        d.sim.admin.do("reset")
        d.sim.admin.do("cut", what="user")
        await d.seen.status(StreamName.USER, True, since=mark)
        assert (await d.seen.next(VenueTrouble)).trouble is Trouble.RESET


async def test_a_question_about_an_order_that_never_was_is_no_reset() -> None:
    async with desk(EAGER) as d:
        order = await accepted(d)
        d.gateway.submit(QueryOrder(symbol=SYMBOL, client_id="mm0badcafe-never"))
        await d.seen.next(OrderNotFound)
        d.gateway.submit(QueryOrder(symbol=SYMBOL, client_id=order.client_id))
        await d.seen.next(OrderFound)
        assert d.seen.of(VenueTrouble) == []


async def test_a_second_refusal_for_the_clock_after_measuring_it_is_trouble() -> None:
    async with desk(msgspec.structs.replace(FAST, clock_grace_s=0.0)) as d:
        d.sim.admin.do("skew", ms=60_000)
        d.gateway.submit(await d.quiet_order())
        await d.seen.next(CommandRefused, lambda e: e.error is ErrorClass.CLOCK)
        await until(lambda: d.gateway.health().clock_offset_ms > 59_000)
        assert d.seen.of(VenueTrouble) == []
        mark = d.seen.mark
        d.sim.admin.do("skew", ms=120_000)
        d.gateway.submit(await d.quiet_order())
        await d.seen.next(CommandRefused, lambda e: e.error is ErrorClass.CLOCK, since=mark)
        assert (await d.seen.next(VenueTrouble)).trouble is Trouble.CLOCK


async def test_keys_that_stop_being_good_are_trouble_once() -> None:
    async with desk() as d:
        mark = d.seen.mark
        d.sim.admin.do("revoke", account="desk")
        d.sim.admin.do("cut", what="user")
        await d.seen.status(StreamName.USER, False, since=mark)
        told = await d.seen.next(VenueTrouble)
        assert told.trouble is Trouble.KEYS
        await until(lambda: d.gateway.health().streams["user"] is False)
        assert len(d.seen.of(VenueTrouble)) == 1


async def test_a_ban_is_trouble_once() -> None:
    async with desk() as d:
        d.sim.admin.do("fault", fault="status_before", call="place", status=418, code=-1003)
        d.gateway.submit(await d.quiet_order())
        assert (await d.seen.next(VenueTrouble)).trouble is Trouble.BANNED
