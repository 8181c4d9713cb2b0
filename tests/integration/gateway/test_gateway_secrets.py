"""A canary key and secret through every error path: neither may show in logs, events, exceptions or reprs."""

from __future__ import annotations

import logging
import traceback

import pytest
import structlog
from gateway_kit import API_KEY, FAST, SECRET, SYMBOL, RealClock, desk, simulator, venue_config

from mm_trader.core.commands import Cancel, QueryOrder, RequestReconcile
from mm_trader.core.events import (
    CommandRefused,
    CommandUnknown,
    OrderAccepted,
    QueryFailed,
    ReconcileFailed,
    StreamName,
)
from mm_trader.venue.binance import BinanceGateway, Credentials
from mm_trader.venue.port import VenueError


async def test_no_error_path_shows_key_or_secret(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    shown: list[object] = []
    echo = f"rejected {API_KEY} and {SECRET}, too"
    with structlog.testing.capture_logs() as logs:
        async with desk() as d:
            do = d.sim.admin.do
            do("refuse", code=-2010, msg=echo)
            d.gateway.submit(await d.quiet_order())
            await d.seen.next(CommandRefused)
            for name in ("drop_after", "status_after", "malformed"):
                do("fault", fault=name, call="place", msg=echo)
                mark = d.seen.mark
                place = await d.quiet_order()
                d.gateway.submit(place)
                await d.seen.next(CommandUnknown, lambda e, p=place: e.client_id == p.client_id, since=mark)
            do("fault", fault="status_before", call="query", msg=echo, count=2)
            d.gateway.submit(QueryOrder(symbol=SYMBOL, client_id="x"))
            await d.seen.next(QueryFailed)
            d.gateway.submit(RequestReconcile(symbol=SYMBOL, from_trade_id=0, cause="timer"))
            await d.seen.next(ReconcileFailed)
            do("clear")
            mark = d.seen.mark
            do("cut")
            for stream in StreamName:
                await d.seen.status(stream, True, since=mark)
            do("revoke", account="desk")
            do("cut", what="user")
            d.gateway.submit(Cancel(symbol=SYMBOL, client_id="y", venue_id=None))
            await d.seen.next(CommandRefused, lambda e: e.command == "cancel")
            await d.seen.status(StreamName.USER, False, since=mark)
            shown += [*d.seen.events, d.gateway.health(), vars(d.gateway)]
        async with simulator() as sim:
            config = venue_config(sim)
            sim.admin.do("revoke", account="desk")
            for at in (config, config.model_copy(update={"rest_url": "http://127.0.0.1:1"})):
                gateway = BinanceGateway(
                    at, RealClock(), credentials=Credentials(API_KEY, SECRET), settings=FAST
                )
                try:
                    await gateway.load_rules([SYMBOL])
                except VenueError as error:
                    shown += [repr(error), "".join(traceback.format_exception(error))]
                finally:
                    await gateway.stop()
    shown += [*logs, *(record.getMessage() for record in caplog.records)]
    text = "\n".join(repr(item) for item in shown)
    assert "rejected *** and ***, too" in text
    assert API_KEY not in text
    assert SECRET not in text


async def test_debug_logging_of_the_socket_library_stays_silent(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="mm_trader.venue.binance.websockets")
    logging.getLogger("mm_trader.venue.binance.websockets").setLevel(logging.CRITICAL)
    async with desk() as d:
        d.gateway.submit(await d.quiet_order())
        await d.seen.next(OrderAccepted)
    assert "signature" not in caplog.text
