"""Connections that are cut, silent, half open, too old or announced to close: down and up are told, and overlaps are seamless."""

from __future__ import annotations

import asyncio
import itertools

import msgspec
import pytest
from gateway_kit import (
    API_KEY,
    FAST,
    PREFIX,
    SECRET,
    SYMBOL,
    RealClock,
    Recorder,
    desk,
    simulator,
    until,
    venue_config,
)

from mm_trader.core.commands import RequestDepth
from mm_trader.core.events import (
    BookTicker,
    DepthSnapshot,
    DepthUpdate,
    ExecutionReport,
    OrderAccepted,
    PublicTrade,
    StreamName,
    StreamStatus,
)
from mm_trader.venue.binance import BinanceGateway, Credentials
from mm_trader.venue.port import VenueError
from mm_trader.venue.simulator.server.connection import dumps


@pytest.mark.parametrize("stream", list(StreamName))
async def test_a_cut_connection_is_told_as_down_and_comes_up_by_itself_while_the_others_stay(
    stream: StreamName,
) -> None:
    async with desk() as d:
        mark = d.seen.mark
        d.sim.admin.do("cut", what=stream.value)
        down = await d.seen.status(stream, False, since=mark)
        up = await d.seen.status(stream, True, since=mark)
        assert down.ts <= up.ts
        assert down.reason
        assert {e.stream for e in d.seen.of(StreamStatus) if not e.up} == {stream}
        assert d.gateway.health().reconnects[stream.value] == 1
        assert all(d.gateway.health().streams.values())


async def test_after_all_connections_were_cut_orders_and_market_data_flow_again() -> None:
    async with desk() as d:
        mark = d.seen.mark
        d.sim.admin.do("cut")
        for stream in StreamName:
            await d.seen.status(stream, True, since=mark)
        d.gateway.submit(await d.quiet_order())
        await d.seen.next(OrderAccepted, since=mark)
        await d.seen.next(DepthUpdate, since=d.seen.mark)


@pytest.mark.parametrize("quantity", ["NaN", "-1", "1e3", ""])
async def test_a_user_event_that_cannot_be_read_makes_the_stream_anew(quantity: str) -> None:
    """A fill may be in it: the stream ends, and its coming back has everything read from the venue."""
    event = {"e": "executionReport", "s": SYMBOL, "c": f"{PREFIX}1", "S": "BUY", "q": quantity, "p": "1.00"}
    event |= {
        "x": "TRADE",
        "X": "FILLED",
        "i": 1,
        "z": "1.0",
        "E": 1,
        "T": 1,
        "l": "1.0",
        "L": "1.00",
        "t": 1,
    }
    async with desk() as d:
        mark = d.seen.mark
        d.sim.publisher.user_sink("desk", dumps(event))
        assert "user event" in (await d.seen.status(StreamName.USER, False, since=mark)).reason
        await d.seen.status(StreamName.USER, True, since=mark)
        assert d.seen.of(ExecutionReport) == []


async def test_a_venue_that_refuses_connections_for_a_while_is_told_as_down_once() -> None:
    async with desk() as d:
        mark = d.seen.mark
        d.sim.admin.do("cut", what="market", block_s=0.5)
        await d.seen.status(StreamName.MARKET, True, since=mark)
        downs = [e for e in d.seen.of(StreamStatus) if e.stream is StreamName.MARKET and not e.up]
        assert len(downs) <= 2, "the loss, and once why it could not be connected again"


@pytest.mark.parametrize("stream", list(StreamName))
async def test_a_half_open_connection_is_found_by_its_own_streams_silence_and_replaced(
    stream: StreamName,
) -> None:
    settings = msgspec.structs.replace(FAST, probe_timeout_s=0.1, **{f"{stream}_silence_s": 0.3})
    async with desk(settings) as d:
        mark = d.seen.mark
        d.sim.admin.do("mute", what=stream.value)
        down = await d.seen.status(stream, False, since=mark)
        assert "silent" in down.reason
        await d.seen.status(stream, True, since=mark)
        downs = {e.stream for e in d.seen.of(StreamStatus) if not e.up}
        assert downs == {stream}


async def test_a_quiet_connection_that_answers_probes_is_left_alone() -> None:
    settings = msgspec.structs.replace(
        FAST, market_silence_s=0.05, orders_silence_s=0.05, user_silence_s=0.05, probe_timeout_s=1.0
    )
    async with desk(settings) as d:
        before = d.sim.limits
        assert before is not None
        trades = len(d.seen.of(DepthUpdate))
        await d.seen.next(DepthUpdate, lambda _: len(d.seen.of(DepthUpdate)) > trades + 5)
        assert d.gateway.health().reconnects == {"market": 0, "orders": 0, "user": 0}


async def test_a_shutdown_notice_brings_replacements_without_a_gap() -> None:
    async with desk() as d:
        mark = d.seen.mark
        d.sim.admin.do("shutdown")
        await until(lambda: all(n >= 1 for n in d.gateway.health().reconnects.values()))
        d.gateway.submit(await d.quiet_order())
        await d.seen.next(OrderAccepted, since=mark)
        assert [e for e in d.seen.events[mark:] if isinstance(e, StreamStatus)] == []


async def test_connections_are_replaced_before_the_venue_would_cut_them_and_nothing_comes_twice() -> None:
    async with desk(msgspec.structs.replace(FAST, renew_after_s=0.3)) as d:
        mark = d.seen.mark
        await until(lambda: all(n >= 2 for n in d.gateway.health().reconnects.values()))
        place = await d.quiet_order()
        d.gateway.submit(place)
        await d.seen.next(OrderAccepted, lambda e: e.client_id == place.client_id)
        assert [e for e in d.seen.events[mark:] if isinstance(e, StreamStatus)] == []
        for ids in (
            [e.last_id for e in d.seen.of(DepthUpdate)],
            [e.trade_id for e in d.seen.of(PublicTrade)],
            [e.update_id for e in d.seen.of(BookTicker)],
        ):
            assert ids == sorted(set(ids))


async def test_depth_differences_across_a_planned_replacement_have_no_gap() -> None:
    async with desk(msgspec.structs.replace(FAST, renew_after_s=0.4)) as d:
        await until(lambda: d.gateway.health().reconnects["market"] >= 2)
        updates = d.seen.of(DepthUpdate)
        assert len(updates) > 3
        assert all(b.first_id <= a.last_id + 1 for a, b in itertools.pairwise(updates))


async def test_a_depth_snapshot_is_asked_for_until_it_comes() -> None:
    async with desk() as d:
        d.gateway.submit(RequestDepth(symbol=SYMBOL))
        d.gateway.submit(RequestDepth(symbol=SYMBOL))
        snapshot = await d.seen.next(DepthSnapshot)
        assert snapshot.bids[0][0] < snapshot.asks[0][0]
        mark = d.seen.mark
        d.gateway.submit(RequestDepth(symbol=SYMBOL))
        assert (await d.seen.next(DepthSnapshot, since=mark)).last_id >= snapshot.last_id
        assert len(d.seen.of(DepthSnapshot)) == 2, "one answer for questions asked at the same time"


async def test_stop_ends_every_task_and_may_be_called_twice() -> None:
    before = asyncio.all_tasks()
    async with simulator() as sim:
        inside = asyncio.all_tasks()
        gateway = BinanceGateway(
            venue_config(sim), RealClock(), credentials=Credentials(API_KEY, SECRET), settings=FAST
        )
        rules = await gateway.load_rules([SYMBOL])
        await gateway.start(rules, PREFIX, Recorder())
        await gateway.stop()
        await gateway.stop()
        names = {task.get_name() for task in asyncio.all_tasks() - inside}
        assert not {name for name in names if not name.startswith("Task-")}
    await until(lambda: asyncio.all_tasks() <= before)


async def test_stop_while_a_connection_is_being_made_does_not_hang() -> None:
    async with simulator() as sim:
        gateway = BinanceGateway(
            venue_config(sim), RealClock(), credentials=Credentials(API_KEY, SECRET), settings=FAST
        )
        rules = await gateway.load_rules([SYMBOL])
        starting = asyncio.create_task(gateway.start(rules, PREFIX, Recorder()))
        await until(lambda: bool(gateway.health().streams))
        await gateway.stop()
        starting.cancel()
        await asyncio.wait({starting})


async def test_start_raises_when_the_key_is_refused() -> None:
    async with simulator() as sim:
        gateway = BinanceGateway(
            venue_config(sim), RealClock(), credentials=Credentials(API_KEY, SECRET), settings=FAST
        )
        try:
            rules = await gateway.load_rules([SYMBOL])
            sim.admin.do("revoke", account="desk")
            with pytest.raises(VenueError) as caught:
                await gateway.start(rules, PREFIX, Recorder())
            assert (caught.value.reason, caught.value.permanent) == ("CredentialsRefused", True)
        finally:
            await gateway.stop()


async def test_a_key_revoked_while_running_takes_the_user_stream_down_and_comes_back_with_the_key() -> None:
    async with desk() as d:
        mark = d.seen.mark
        d.sim.admin.do("revoke", account="desk")
        d.sim.admin.do("cut", what="user")
        await d.seen.next(
            StreamStatus,
            lambda e: not e.up and e.stream is StreamName.USER and "refused" in e.reason,
            since=mark,
        )
        d.sim.admin.do("revoke", account="desk", on="false")
        await d.seen.status(StreamName.USER, True, since=mark)
