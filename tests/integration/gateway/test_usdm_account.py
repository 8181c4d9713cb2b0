"""The futures gateway and its account: funding, the venue's switch, the listen key, connections, modes that are refused, positions closed by force."""

from __future__ import annotations

import msgspec
import pytest
from gateway_kit import FAST, PREFIX, SYMBOL, until
from usdm_kit import futures_desk, futures_gateway, futures_simulator

from mm_trader.core.commands import Place, RequestReconcile
from mm_trader.core.events import (
    CommandDropped,
    ExecutionReport,
    FundingSettled,
    OrderAccepted,
    ReconcileSnapshot,
    Side,
    StreamName,
    StreamStatus,
    Trouble,
    VenueTrouble,
)
from mm_trader.venue.port import VenueError
from mm_trader.venue.simulator.usdm.desk import futures_desk as venue_desk


async def test_funding_is_told_and_read_from_the_venues_list() -> None:
    async with futures_desk() as d:
        await d.be_long(20)
        before = d.wallet
        mark = d.seen.mark
        d.sim.admin.do("funding", symbol=SYMBOL, rate=0.001)
        assert (await d.seen.next(FundingSettled, since=mark)).symbol == SYMBOL
        d.gateway.submit(
            RequestReconcile(symbol=SYMBOL, from_trade_id=0, cause="funding", funding_since_ms=1)
        )
        snapshot = await d.seen.next(ReconcileSnapshot, since=mark)
        assert [row.amount for row in snapshot.funding] == [d.wallet - before]
        assert snapshot.funding[0].amount < 0
        mark = d.seen.mark
        d.gateway.submit(
            RequestReconcile(
                symbol=SYMBOL, from_trade_id=0, cause="timer",
                funding_since_ms=snapshot.funding[0].venue_ms + 1,
            )
        )  # fmt: skip
        assert (await d.seen.next(ReconcileSnapshot, since=mark)).funding == []


async def test_the_venues_switch_cancels_when_it_is_not_armed_again() -> None:
    async with futures_desk() as d:
        assert d.gateway.capabilities.dead_man
        place = await d.quiet_order()
        d.gateway.submit(place)
        await d.seen.next(OrderAccepted)
        assert await d.gateway.keep_switch([SYMBOL], 30)
        assert await d.gateway.keep_switch([SYMBOL], 0)
        assert d.open_at_venue() == [place.client_id]
        assert await d.gateway.keep_switch([SYMBOL], 0.05)
        report = await d.seen.next(ExecutionReport, lambda e: e.execution == "CANCELED")
        assert report.order.client_id == place.client_id
        d.sim.admin.do("refuse", call="cancel", code=-1008)
        assert not await d.gateway.keep_switch([SYMBOL], 30)


@pytest.mark.parametrize("cause", ["planned", "serverShutdown"])
async def test_every_connection_is_replaced_without_a_gap_before_the_venue_ends_it(cause: str) -> None:
    planned = cause == "planned"
    settings = msgspec.structs.replace(FAST, renew_after_s=0.3) if planned else FAST
    async with futures_desk(settings) as d:
        mark = d.seen.mark
        links = d.gateway._all_links()
        assert [link.name for link in links] == ["user", "orders", "market", "trades"]
        if not planned:
            d.sim.admin.do("shutdown")
        await until(lambda: all(link.connects >= 2 for link in links))
        place = await d.quiet_order()
        d.gateway.submit(place)
        await d.seen.next(OrderAccepted, lambda e: e.client_id == place.client_id)
        await d.seen.next(ExecutionReport, lambda e: e.order.client_id == place.client_id)
        assert [e for e in d.seen.events[mark:] if isinstance(e, StreamStatus)] == []


async def test_the_end_of_the_listen_key_brings_a_new_one_and_a_reconcile() -> None:
    async with futures_desk() as d:
        mark = d.seen.mark
        assert d.sim.admin.do("expire_listen_key", account="desk") == {"expired": True}
        down = await d.seen.status(StreamName.USER, False, since=mark)
        assert "listen key" in down.reason
        await d.seen.status(StreamName.USER, True, since=mark)
        place = await d.quiet_order()
        d.gateway.submit(place)
        report = await d.seen.next(ExecutionReport, since=mark)
        assert report.order.client_id == place.client_id


async def test_the_listen_key_is_kept_alive_and_one_that_is_over_is_noticed() -> None:
    settings = msgspec.structs.replace(FAST, listen_key_refresh_s=0.05)
    async with futures_desk(settings) as d:
        keys = venue_desk(d.sim.desk).listen_keys
        until_ms = keys._of["desk"][1]
        await until(lambda: keys._of["desk"][1] > until_ms)
        mark = d.seen.mark
        keys.end("desk")  # without a word
        await d.seen.status(StreamName.USER, False, since=mark)
        await d.seen.status(StreamName.USER, True, since=mark)


async def test_an_order_out_of_the_bounds_around_the_mark_price_never_leaves() -> None:
    async with futures_desk() as d:
        bands = d.rules[SYMBOL].bands
        assert bands is not None
        touch = await d.touch()
        look = d.gateway._look
        assert look is not None
        await until(lambda: SYMBOL in look._marks)
        too_low = round(touch.bid * float(bands.ask_down)) - 1000
        d.gateway.submit(Place(symbol=SYMBOL, client_id=d.new_id(), side=Side.SELL, price=too_low, size=10))
        dropped = await d.seen.next(CommandDropped)
        assert dropped.reason == "refused locally: filter PERCENT_PRICE_BY_SIDE"
        assert d.open_at_venue() == []


async def test_refused_keys_are_said_at_start() -> None:
    async with futures_simulator() as sim:
        gateway = futures_gateway(sim)
        rules = await gateway.load_rules([SYMBOL])
        sim.admin.do("revoke", account="desk")
        with pytest.raises(VenueError) as caught:
            await gateway.start(rules, PREFIX, lambda _: None)
        assert caught.value.reason == "CredentialsRefused"


async def test_an_account_in_hedge_mode_is_refused_at_start_and_told_how_to_mend_it() -> None:
    async with futures_simulator() as sim:
        sim.admin.do("hedge", account="desk")
        gateway = futures_gateway(sim)
        try:
            with pytest.raises(VenueError, match="hedge mode; set it to one-way mode at the venue") as caught:
                await gateway.load_rules([SYMBOL])
            sim.admin.do("hedge", account="desk", on="false")
            assert SYMBOL in await gateway.load_rules([SYMBOL])
        finally:
            await gateway.stop()
    assert (caught.value.reason, caught.value.permanent) == ("PositionModeRefused", True)


@pytest.mark.parametrize(
    ("mode", "mend"), [("multi_assets", "single-asset mode"), ("isolated", "cross margin")]
)
async def test_a_margin_mode_that_wallets_are_not_reckoned_in_is_refused_at_start(
    mode: str, mend: str
) -> None:
    async with futures_simulator() as sim:
        getattr(venue_desk(sim.desk), mode).add("desk")
        gateway = futures_gateway(sim)
        try:
            with pytest.raises(VenueError, match=mend) as caught:
                await gateway.load_rules([SYMBOL])
        finally:
            await gateway.stop()
    assert (caught.value.reason, caught.value.permanent) == ("MarginModeRefused", True)


@pytest.mark.parametrize(("kind", "left"), [("liquidation", 0), ("adl", 10)])
async def test_a_position_that_the_venue_closes_is_told_and_its_trades_count_as_ours(
    kind: str, left: int
) -> None:
    async with futures_desk() as d:
        await d.be_long(20)
        mark = d.seen.mark
        d.sim.admin.do("liquidate", account="desk", symbol=SYMBOL, kind=kind)
        trouble = await d.seen.next(VenueTrouble, since=mark)
        assert trouble.trouble is Trouble.FORCED
        assert "autoclose" in trouble.detail
        d.gateway.submit(RequestReconcile(symbol=SYMBOL, from_trade_id=0, cause="forced"))
        snapshot = await d.seen.next(ReconcileSnapshot, since=mark)
        assert (
            sum(t.size if t.side is Side.BUY else -t.size for t in snapshot.trades) == left == d.holding.lots
        )
        assert snapshot.open_orders == []


async def test_a_reconciliation_tells_what_the_account_holds() -> None:
    async with futures_desk() as d:
        for lots in (0, 20):
            if lots:
                await d.be_long(lots)
            mark = d.seen.mark
            d.gateway.submit(RequestReconcile(symbol=SYMBOL, from_trade_id=0, cause="timer"))
            snapshot = await d.seen.next(ReconcileSnapshot, since=mark)
            assert snapshot.held == d.rules[SYMBOL].quantity(lots)


async def test_a_margin_call_is_told_with_the_positions_that_it_names() -> None:
    async with futures_desk() as d:
        await d.be_long(20)
        d.sim.admin.do("margin_call", account="desk")
        trouble = await d.seen.next(VenueTrouble)
        assert trouble.trouble is Trouble.MARGIN
        assert trouble.detail.startswith(f"{SYMBOL}: 0.020 at ")
