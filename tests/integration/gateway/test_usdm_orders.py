"""The futures gateway on real sockets: place, fill, cancel, modify, post-only, reduce-only, each with exactly one answer."""

from __future__ import annotations

from decimal import Decimal

import pytest
from gateway_kit import PREFIX, SYMBOL, until
from usdm_kit import futures_desk, futures_gateway, futures_simulator

from mm_trader.core.commands import Amend, Cancel, CancelAllOwn, Modify, Place, QueryOrder, RequestReconcile
from mm_trader.core.events import (
    AccountUpdate,
    BookTicker,
    CommandDropped,
    CommandRefused,
    CommandUnknown,
    DepthUpdate,
    ErrorClass,
    ExecutionReport,
    OrderAccepted,
    OrderAmended,
    OrderFound,
    OrderNotFound,
    PublicTrade,
    ReconcileSnapshot,
    Side,
    StreamName,
)
from mm_trader.market.book import L2Book


async def test_rules_are_the_venues_with_margin_by_the_accounts_leverage_and_its_fees() -> None:
    async with futures_simulator(leverage=8) as sim:
        gateway = futures_gateway(sim)
        try:
            rules = (await gateway.load_rules([SYMBOL, "NOPEUSDC"]))[SYMBOL]
        finally:
            await gateway.stop()
    assert (rules.tick, rules.lot, rules.min_notional) == (Decimal("0.01"), Decimal("0.001"), Decimal(5))
    assert rules.initial_margin == Decimal("0.125")
    assert (rules.maker_fee, rules.taker_fee, rules.trading) == (Decimal(0), Decimal("0.001"), True)
    assert not rules.amendable and not rules.replaceable


async def test_a_post_only_order_rests_and_is_reported_and_one_that_would_take_is_refused() -> None:
    async with futures_desk() as d:
        place = await d.quiet_order()
        d.gateway.submit(place)
        accepted = await d.seen.next(OrderAccepted)
        report = await d.seen.next(ExecutionReport, lambda e: e.execution == "NEW")
        assert (accepted.client_id, accepted.venue_id) == (place.client_id, report.order.venue_id)
        assert (report.order.price, report.order.size, report.order.side) == (
            place.price,
            place.size,
            Side.BUY,
        )
        touch = await d.touch()
        d.gateway.submit(
            Place(symbol=SYMBOL, client_id=d.new_id(), side=Side.BUY, price=touch.ask + 500, size=10)
        )
        refused = await d.seen.next(CommandRefused)
        assert (refused.error, refused.code, refused.command) == (ErrorClass.POST_ONLY, -5022, "place")
        assert d.open_at_venue() == [place.client_id]


async def test_a_sell_fills_without_inventory_and_states_position_and_wallet() -> None:
    async with futures_desk() as d:
        touch = await d.touch()
        place = Place(symbol=SYMBOL, client_id=d.new_id(), side=Side.SELL, price=touch.ask, size=10)
        d.gateway.submit(place)
        await d.seen.next(OrderAccepted)
        mark = d.seen.mark
        d.sim.admin.do("price", symbol=SYMBOL, by_bp=80)
        report = await d.seen.next(ExecutionReport, lambda e: e.trade is not None, since=mark)
        assert report.trade is not None
        assert (report.trade.maker, report.trade.side, report.trade.price) == (True, Side.SELL, place.price)
        assert report.trade.commission_asset == "USDC"
        update = await d.seen.next(AccountUpdate, since=mark)
        assert update.balances["USDC"] == (d.wallet, Decimal(0))
        await until(lambda: d.holding.lots == -10)
        mark = d.seen.mark
        d.gateway.submit(RequestReconcile(symbol=SYMBOL, from_trade_id=0, cause="timer"))
        snapshot = await d.seen.next(ReconcileSnapshot, since=mark)
        assert sum(t.size for t in snapshot.trades) == 10
        assert snapshot.trades[0] == report.trade
        assert snapshot.balances["USDC"] == (d.wallet, Decimal(0))


async def test_modify_moves_an_order_and_a_crossing_one_comes_back_cancelled() -> None:
    async with futures_desk() as d:
        place = await d.quiet_order()
        d.gateway.submit(place)
        accepted = await d.seen.next(OrderAccepted)
        d.gateway.submit(
            Modify(
                symbol=SYMBOL, client_id=place.client_id, venue_id=accepted.venue_id, side=Side.BUY,
                price=place.price + 100, size=place.size + 5,
            )
        )  # fmt: skip
        amended = await d.seen.next(OrderAmended)
        assert (amended.order.client_id, amended.order.status) == (place.client_id, "NEW")
        assert (amended.order.price, amended.order.size) == (place.price + 100, place.size + 5)
        report = await d.seen.next(ExecutionReport, lambda e: e.execution == "REPLACED")
        assert report.order.price == place.price + 100
        touch = await d.touch()
        mark = d.seen.mark
        d.gateway.submit(
            Modify(
                symbol=SYMBOL, client_id=place.client_id, venue_id=None, side=Side.BUY,
                price=touch.ask + 500, size=place.size,
            )
        )  # fmt: skip
        ended = await d.seen.next(OrderAmended, since=mark)
        assert ended.order.status == "CANCELED"
        assert d.open_at_venue() == []
        mark = d.seen.mark
        d.gateway.submit(
            Modify(
                symbol=SYMBOL, client_id=f"{PREFIX}none", venue_id=None, side=Side.BUY, price=place.price, size=10
            )
        )  # fmt: skip
        refused = await d.seen.next(CommandRefused, since=mark)
        assert (refused.command, refused.error) == ("amend", ErrorClass.NOT_FOUND)


async def test_the_stop_latch_holds_modifies_too() -> None:
    async with futures_desk() as d:
        place = await d.quiet_order()
        d.gateway.submit(place)
        accepted = await d.seen.next(OrderAccepted)
        d.gateway.block_places(True)
        d.gateway.submit(
            Modify(
                symbol=SYMBOL, client_id=place.client_id, venue_id=accepted.venue_id, side=Side.BUY,
                price=place.price + 100, size=place.size,
            )
        )  # fmt: skip
        assert (await d.seen.next(CommandDropped)).reason == "stop latch"


async def test_commands_of_the_other_product_are_refused_as_a_defect() -> None:
    async with futures_desk() as d:
        with pytest.raises(TypeError):
            d.gateway.submit(Amend(symbol=SYMBOL, client_id="x", venue_id=1, size=1))


async def test_reduce_only_is_kept_by_the_venue() -> None:
    async with futures_desk() as d:
        d.gateway.submit(await d.quiet_order(Side.SELL, reduce_only=True))
        refused = await d.seen.next(CommandRefused)
        assert (refused.code, refused.error) == (-2022, ErrorClass.REFUSED)


async def test_margin_that_is_not_there_is_refused_as_balance() -> None:
    async with futures_desk() as d:
        d.gateway.submit(await d.quiet_order(Side.SELL, size=800_000))
        assert (await d.seen.next(CommandRefused)).error is ErrorClass.BALANCE


async def test_cancel_by_either_id_query_and_sweep() -> None:
    async with futures_desk() as d:
        first, second = await d.quiet_order(), await d.quiet_order(Side.SELL)
        d.gateway.submit(first)
        d.gateway.submit(second)
        accepted = await d.seen.next(OrderAccepted, lambda e: e.client_id == first.client_id)
        await d.seen.next(OrderAccepted, lambda e: e.client_id == second.client_id)
        d.gateway.submit(Cancel(symbol=SYMBOL, client_id=first.client_id, venue_id=accepted.venue_id))
        found = await d.seen.next(OrderFound)
        assert (found.order.client_id, found.order.status) == (first.client_id, "CANCELED")
        mark = d.seen.mark
        d.gateway.submit(QueryOrder(symbol=SYMBOL, client_id=second.client_id))
        assert (await d.seen.next(OrderFound, since=mark)).order.status == "NEW"
        d.gateway.submit(QueryOrder(symbol=SYMBOL, client_id=f"{PREFIX}none"))
        await d.seen.next(OrderNotFound)
        mark = d.seen.mark
        d.gateway.submit(CancelAllOwn(symbol=SYMBOL))
        snapshot = await d.seen.next(ReconcileSnapshot, since=mark)
        assert snapshot.open_orders == []
        assert d.open_at_venue() == []
        d.gateway.submit(Cancel(symbol=SYMBOL, client_id=second.client_id, venue_id=None))
        assert (await d.seen.next(CommandRefused)).error is ErrorClass.NOT_FOUND


async def test_a_lost_answer_is_unknown_and_the_query_finds_the_order() -> None:
    async with futures_desk() as d:
        d.sim.admin.do("fault", fault="drop_after", call="place")
        place = await d.quiet_order()
        d.gateway.submit(place)
        assert (await d.seen.next(CommandUnknown)).client_id == place.client_id
        d.gateway.submit(QueryOrder(symbol=SYMBOL, client_id=place.client_id))
        assert (await d.seen.next(OrderFound)).order.status == "NEW"
        assert await d.gateway.cancel_all_own([SYMBOL], 5.0)


async def test_without_the_order_socket_cancels_go_over_rest() -> None:
    async with futures_desk() as d:
        place = await d.quiet_order()
        d.gateway.submit(place)
        await d.seen.next(OrderAccepted)
        mark = d.seen.mark
        d.sim.admin.do("cut", what="orders", block_s=2)
        await d.seen.status(StreamName.ORDERS, False, since=mark)
        d.gateway.submit(Cancel(symbol=SYMBOL, client_id=place.client_id, venue_id=None))
        assert (await d.seen.next(OrderFound, since=mark)).order.status == "CANCELED"


async def test_the_book_is_continuous_by_pu_and_agrees_with_the_touch() -> None:
    from mm_trader.core.commands import RequestDepth
    from mm_trader.core.events import DepthSnapshot

    async with futures_desk() as d:
        await d.seen.next(DepthUpdate)
        d.gateway.submit(RequestDepth(symbol=SYMBOL))
        snapshot = await d.seen.next(DepthSnapshot)
        await d.seen.next(DepthUpdate, lambda e: e.last_id > snapshot.last_id)
        await d.seen.next(DepthUpdate, lambda e: len(d.seen.of(DepthUpdate)) >= 12)
        book, checked = L2Book(), 0
        tops = {e.update_id: e for e in d.seen.of(BookTicker)}
        for event in d.seen.events:
            if isinstance(event, DepthSnapshot):
                assert book.on_snapshot(event) is False
            elif isinstance(event, DepthUpdate):
                assert event.previous_id is not None
                book.on_update(event)
                top = tops.get(book.last_id)
                if book.usable and book.last_id > 0 and top is not None:
                    checked += 1
                    assert book.agrees_with_top(top.bid, top.bid_size, top.ask, top.ask_size)
        assert (book.gaps, book.usable) == (0, True)
        assert checked


async def test_public_trades_come_from_the_market_address() -> None:
    async with futures_desk() as d:
        await d.seen.next(PublicTrade)
