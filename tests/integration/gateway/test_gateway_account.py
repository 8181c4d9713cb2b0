"""Start-up reads, reconciliation and the sweep: what the venue says of the account, and nobody else's orders touched."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

import pytest
from gateway_kit import (
    API_KEY,
    FAST,
    PREFIX,
    SECRET,
    SYMBOL,
    Desk,
    RealClock,
    Recorder,
    desk,
    simulator,
    until,
    venue_config,
)

from mm_trader.core.commands import Place, RequestReconcile
from mm_trader.core.events import ExecutionReport, OrderAccepted, ReconcileFailed, ReconcileSnapshot, Side
from mm_trader.venue.binance import BinanceGateway, Credentials
from mm_trader.venue.port import VenueError


@asynccontextmanager
async def other_program(d: Desk, prefix: str) -> AsyncIterator[Desk]:
    """A second gateway on the same account under another prefix."""
    gateway = BinanceGateway(
        venue_config(d.sim), RealClock(), credentials=Credentials(API_KEY, SECRET), settings=FAST
    )
    recorder = Recorder()
    try:
        await gateway.start(d.rules, prefix, recorder)
        yield Desk(d.sim, gateway, recorder, d.rules)
    finally:
        await gateway.stop()


async def place_at_touch(d: Desk, client_id: str) -> Place:
    touch = await d.touch()
    place = Place(symbol=SYMBOL, client_id=client_id, side=Side.BUY, price=touch.bid, size=100)
    d.gateway.submit(place)
    await d.seen.next(OrderAccepted, lambda e: e.client_id == client_id)
    return place


async def test_rules_hold_the_venues_filters_and_the_accounts_fees() -> None:
    async with desk() as d:
        rules = d.rules[SYMBOL]
        assert (rules.base_asset, rules.quote_asset) == ("ETH", "USDC")
        assert (rules.tick, rules.lot, rules.min_notional) == (Decimal("0.01"), Decimal("0.0001"), Decimal(5))
        assert rules.trading
        rates = d.sim.engine.accounts["desk"].rates
        assert rules.taker_fee == Decimal(rates.taker_e8).scaleb(-8)
        assert rules.maker_fee == Decimal(rates.maker_e8).scaleb(-8)
        assert d.gateway.health().weight_limit == 6000


async def test_symbols_that_are_not_listed_are_absent_and_halted_ones_do_not_trade() -> None:
    async with simulator() as sim:
        sim.admin.do("status", symbol="BTCUSDC", status="HALT")
        gateway = BinanceGateway(
            venue_config(sim), RealClock(), credentials=Credentials(API_KEY, SECRET), settings=FAST
        )
        try:
            rules = await gateway.load_rules([SYMBOL, "NOSUCHUSDC", "BTCUSDC"])
        finally:
            await gateway.stop()
        assert set(rules) == {SYMBOL, "BTCUSDC"}
        assert not rules["BTCUSDC"].trading


@pytest.mark.parametrize(
    ("api_key", "secret"), [("wrongApiKey000", SECRET), (API_KEY, "wrongSecret000")], ids=["key", "secret"]
)
async def test_wrong_credentials_are_a_permanent_venue_error(api_key: str, secret: str) -> None:
    async with simulator() as sim:
        gateway = BinanceGateway(
            venue_config(sim), RealClock(), credentials=Credentials(api_key, secret), settings=FAST
        )
        try:
            with pytest.raises(VenueError) as caught:
                await gateway.load_rules([SYMBOL])
        finally:
            await gateway.stop()
        assert (caught.value.reason, caught.value.permanent) == ("CredentialsRefused", True)
        assert secret not in str(caught.value)


async def test_a_venue_that_is_not_there_is_unreachable_and_worth_another_try() -> None:
    async with simulator() as sim:
        config = venue_config(sim)
    gateway = BinanceGateway(config, RealClock(), credentials=Credentials(API_KEY, SECRET), settings=FAST)
    try:
        with pytest.raises(VenueError) as caught:
            await gateway.load_rules([SYMBOL])
    finally:
        await gateway.stop()
    assert (caught.value.reason, caught.value.permanent) == ("VenueUnreachable", False)


async def test_credentials_come_from_files_and_a_missing_one_names_its_file(tmp_path: Path) -> None:
    (tmp_path / "apiKey").write_text(f"{API_KEY}\n")
    async with simulator() as sim:
        config = venue_config(sim, str(tmp_path))
        with pytest.raises(VenueError, match="secretKey") as caught:
            BinanceGateway(config, RealClock())
        assert caught.value.reason == "CredentialsMissing"
        (tmp_path / "secretKey").write_text(f"{SECRET}\n")
        gateway = BinanceGateway(config, RealClock(), settings=FAST)
        try:
            assert SYMBOL in await gateway.load_rules([SYMBOL])
        finally:
            await gateway.stop()


async def test_a_reconciliation_tells_own_orders_own_trades_balances_and_counts_the_rest() -> None:
    async with desk() as d, other_program(d, "someone-") as other:
        own = await d.quiet_order()
        d.gateway.submit(own)
        await d.seen.next(OrderAccepted)
        foreign_resting = await d.quiet_order()
        foreign = Place(
            symbol=SYMBOL, client_id="someone-1", side=Side.BUY, price=foreign_resting.price, size=100
        )
        other.gateway.submit(foreign)
        await other.seen.next(OrderAccepted)
        ours = await place_at_touch(d, d.new_id())
        await place_at_touch(other, "someone-2")
        d.sim.admin.do("price", symbol=SYMBOL, by_bp=-20)
        await d.seen.next(ExecutionReport, lambda e: e.order.status == "FILLED")
        await other.seen.next(ExecutionReport, lambda e: e.order.status == "FILLED")

        d.gateway.submit(RequestReconcile(symbol=SYMBOL, from_trade_id=0, cause="timer"))
        snapshot = await d.seen.next(ReconcileSnapshot)
        assert [order.client_id for order in snapshot.open_orders] == [own.client_id]
        assert snapshot.foreign_open_orders == 1
        reported = [e.trade for e in d.seen.of(ExecutionReport) if e.trade is not None]
        assert snapshot.trades == reported
        assert sum(trade.size for trade in snapshot.trades) == ours.size
        free, locked = snapshot.balances["USDC"]
        account = d.sim.engine.accounts["desk"].balances["USDC"]
        assert (free, locked) == (Decimal(account.free).scaleb(-8), Decimal(account.locked).scaleb(-8))
        assert snapshot.cause == "timer"
        assert snapshot.asked_ts <= snapshot.ts
        assert all(not e.order.client_id.startswith("someone") for e in d.seen.of(ExecutionReport))


async def test_a_new_incarnation_recognises_the_trades_of_the_one_before_and_not_those_of_others() -> None:
    async with desk() as d:
        await place_at_touch(d, d.new_id())
        async with other_program(d, "someone-") as other:
            await place_at_touch(other, "someone-1")
            d.sim.admin.do("price", symbol=SYMBOL, by_bp=-40)
            await d.seen.next(ExecutionReport, lambda e: e.order.status == "FILLED")
            await other.seen.next(ExecutionReport, lambda e: e.order.status == "FILLED")
        async with other_program(d, PREFIX) as later:
            later.gateway.submit(RequestReconcile(symbol=SYMBOL, from_trade_id=0, cause="start"))
            snapshot = await later.seen.next(ReconcileSnapshot)
            expected = [e.trade for e in d.seen.of(ExecutionReport) if e.trade is not None]
            assert snapshot.trades == expected
            last = expected[-1]
            later.gateway.submit(
                RequestReconcile(symbol=SYMBOL, from_trade_id=last.trade_id + 1, cause="timer")
            )
            again = await later.seen.next(ReconcileSnapshot, lambda e: e.cause == "timer")
            assert again.trades == []


async def test_a_reconciliation_that_cannot_be_read_says_so() -> None:
    async with desk() as d:
        d.sim.admin.do("fault", fault="status_before", call="query", status=503)
        d.gateway.submit(RequestReconcile(symbol=SYMBOL, from_trade_id=0, cause="timer"))
        failed = await d.seen.next(ReconcileFailed)
        assert (failed.symbol, failed.cause) == (SYMBOL, "timer")


async def test_cancel_all_own_leaves_the_orders_of_others() -> None:
    async with desk() as d, other_program(d, "someone-") as other:
        for _ in range(4):
            d.gateway.submit(await d.quiet_order())
        foreign = await d.quiet_order()
        other.gateway.submit(
            Place(symbol=SYMBOL, client_id="someone-1", side=Side.BUY, price=foreign.price, size=100)
        )
        await until(lambda: len(d.open_at_venue()) == 5)
        assert await d.gateway.cancel_all_own([SYMBOL], 5.0)
        assert d.open_at_venue() == ["someone-1"]


async def test_cancel_all_own_is_false_when_the_venue_cannot_confirm_in_time() -> None:
    async with desk() as d:
        d.gateway.submit(await d.quiet_order())
        await d.seen.next(OrderAccepted)
        d.sim.admin.do("fault", fault="status_before", call="query", status=503, count=1000)
        assert not await d.gateway.cancel_all_own([SYMBOL], 0.3)


async def test_cancel_all_own_waits_out_an_order_whose_answer_was_lost() -> None:
    async with desk() as d:
        d.sim.admin.do("fault", fault="drop_before", call="place")
        d.gateway.submit(await d.quiet_order())
        await until(lambda: not d.sim.faults.armed)
        assert not await d.gateway.cancel_all_own([SYMBOL], 0.5), "it could still land within recvWindow"
        assert await d.gateway.cancel_all_own([SYMBOL], 5.0)
