"""The dead man's own connection against the simulator: it sees and cancels, goes on after a refusal, and names what it cannot do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from shellkit.processes import ACCOUNT, API_KEY, BALANCES, SECRET

from mm_trader.deadman.client import CallError, VenueClient
from mm_trader.venue.simulator.config import SimulatorConfig, parse_account, parse_market, parse_symbols
from mm_trader.venue.simulator.engine.types import NewOrder, OrderType, Side, TimeInForce
from mm_trader.venue.simulator.simulator import Simulator

SYMBOL = "ETHUSDC"


@pytest.fixture
async def venue() -> AsyncIterator[Simulator]:
    config = SimulatorConfig(
        accounts=(parse_account(f"{ACCOUNT}:{API_KEY}:{SECRET}:{BALANCES}"),),
        symbols=parse_symbols(SYMBOL),
        market=parse_market("seeded:7:calm"),
    )
    async with Simulator(config) as running:
        yield running


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    (tmp_path / "apiKey").write_text(API_KEY)
    (tmp_path / "secretKey").write_text(f"{SECRET}\n")
    return tmp_path


def client_of(venue: Simulator, keys: Path) -> VenueClient:
    return VenueClient("binance", venue.url, str(keys), 1000)


def place(venue: Simulator, client_id: str) -> int:
    account = venue.engine.accounts[ACCOUNT]
    venue.engine.place(
        account,
        NewOrder(
            symbol=SYMBOL,
            side=Side.BUY,
            type=OrderType.LIMIT,
            client_id=client_id,
            tif=TimeInForce.GTC,
            qty_e8=1_000_000,
            price_e8=1_000 * 10**8,
        ),
    )
    return next(order.id for order in account.open.values() if order.client_id == client_id)


async def test_open_orders_are_seen_and_cancelled_and_one_that_is_gone_is_no_error(
    venue: Simulator, keys: Path
) -> None:
    client = client_of(venue, keys)
    venue_id = place(venue, "mm-1")
    assert await asyncio.to_thread(client.open_orders, SYMBOL) == [("mm-1", venue_id)]
    assert await asyncio.to_thread(client.cancel, SYMBOL, venue_id)
    assert not await asyncio.to_thread(client.cancel, SYMBOL, venue_id)
    assert await asyncio.to_thread(client.open_orders, SYMBOL) == []
    client.close()


async def test_a_clock_that_was_set_is_measured_again(venue: Simulator, keys: Path) -> None:
    client = client_of(venue, keys)
    assert await asyncio.to_thread(client.open_orders, SYMBOL) == []
    venue.admin.do("skew", ms=60_000)
    assert await asyncio.to_thread(client.open_orders, SYMBOL) == []
    client.close()


async def test_keys_that_were_wrong_are_read_again(venue: Simulator, keys: Path) -> None:
    (keys / "secretKey").write_text("another")
    client = client_of(venue, keys)
    with pytest.raises(CallError) as refused:
        await asyncio.to_thread(client.open_orders, SYMBOL)
    assert refused.value.code == -1022
    (keys / "secretKey").write_text(SECRET)
    assert await asyncio.to_thread(client.open_orders, SYMBOL) == []
    client.close()


async def test_a_venue_that_wants_to_be_left_alone_says_how_long(venue: Simulator, keys: Path) -> None:
    client = client_of(venue, keys)
    venue.admin.do("fault", fault="status_before", status=429, count=1)
    with pytest.raises(CallError) as throttled:
        await asyncio.to_thread(client.open_orders, SYMBOL)
    assert throttled.value.wait_s > 0
    client.close()


async def test_nobody_there_is_an_error_that_names_the_call_and_no_key(keys: Path) -> None:
    client = VenueClient("binance", "http://127.0.0.1:1", str(keys), 1000, timeout_s=0.5)
    with pytest.raises(CallError) as alone:
        await asyncio.to_thread(client.open_orders, SYMBOL)
    assert str(alone.value).startswith("GET /api/v3/time: ")
    assert API_KEY not in str(alone.value)


@pytest.mark.parametrize("missing", ["apiKey", "secretKey"])
async def test_keys_that_are_not_there_are_an_error(keys: Path, missing: str) -> None:
    (keys / missing).unlink()
    client = VenueClient("binance", "http://127.0.0.1:1", str(keys), 1000)
    with pytest.raises(CallError, match="cannot be read"):
        client.open_orders(SYMBOL)
