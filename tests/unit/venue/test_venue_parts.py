"""Small parts: venue clock, back-off, credentials, filters to rules, request parameters."""

from __future__ import annotations

import asyncio
import random
from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import ValidationError

from mm_api.kinds.common import Environment, Venue
from mm_api.trader_config import VenueConfig
from mm_trader.core.clock import ManualClock
from mm_trader.core.commands import Cancel, Place
from mm_trader.core.events import Side
from mm_trader.core.units import SymbolRules
from mm_trader.venue.binance.clock_keeper import ClockKeeper
from mm_trader.venue.binance.credentials import load_credentials
from mm_trader.venue.binance.directory import check_address
from mm_trader.venue.binance.rules import symbol_rules
from mm_trader.venue.binance.settings import GatewaySettings
from mm_trader.venue.binance.transport.background import Background
from mm_trader.venue.binance.transport.backoff import Backoff
from mm_trader.venue.binance.venue_clock import VenueClock
from mm_trader.venue.binance.wire.market import FrameError
from mm_trader.venue.binance.wire.numbers import SymbolNumbers
from mm_trader.venue.binance.wire.orders import cancel_params, place_params
from mm_trader.venue.binance.wire.replies import CommissionBody, SymbolBody, read_body
from mm_trader.venue.port import VenueError

MS = 1_000_000


async def test_the_clock_believes_the_quickest_of_several_answers() -> None:
    clock = ManualClock(wall_ns=1_000_000 * MS)
    venue = VenueClock(clock)
    trips = iter([(40, 0), (4, 0), (90, 0)])

    async def ask() -> int:
        trip, _ = next(trips)
        clock.advance(trip * MS // 2)
        server_ms = clock.wall_ns() // MS + 5000
        clock.advance(trip * MS // 2)
        return server_ms

    assert venue.age_s() == float("inf")
    await venue.measure(ask, 3)
    assert venue.offset_ms == pytest.approx(5000, abs=1)
    assert venue.now_ms() - clock.wall_ns() // MS in (5000, 5001)
    assert venue.age_s() == 0


async def test_a_clock_that_has_jumped_or_differs_is_measured_until_it_is_right_again() -> None:
    """A step of NTP, there and back, was refused by the venue twice and halted: the offset was measured for the first refusal alone."""
    clock, asked = ManualClock(), [0]
    venue = VenueClock(clock)
    server_ahead = [0]

    async def ask() -> int:
        asked[0] += 1
        return (clock.wall_ns() + server_ahead[0]) // 1_000_000

    settings = GatewaySettings(clock_look_s=0.0, clock_samples=1)
    keeper = ClockKeeper(venue, ask, 1000, settings, Background(1), lambda words: None)
    await venue.measure(ask, 1)
    running = asyncio.create_task(keeper.run())

    async def looks() -> int:
        before = asked[0]
        for _ in range(50):
            await asyncio.sleep(0)
        return asked[0] - before

    assert await looks() == 0, "a clock that is right is left alone until its time"
    clock._wall += 3_000_000_000
    server_ahead[0] = -3_000_000_000
    assert await looks() > 0
    assert venue.offset_ms < -2_900
    clock._wall -= 3_000_000_000
    server_ahead[0] = 0
    assert await looks() > 0
    assert abs(venue.offset_ms) < 2
    assert await looks() == 0
    clock.advance(601 * 1_000_000_000)
    assert await looks() == 1
    running.cancel()


@pytest.mark.parametrize(("age_ms", "told"), [(999, True), (1000, False), (30_000, False)])
async def test_a_refusal_for_the_clock_of_a_request_that_was_long_on_its_way_says_nothing_against_the_clock(
    age_ms: int, told: bool
) -> None:
    """Two hiccups of a network within ten minutes halted."""
    clock, asked, said = ManualClock(), [0], list[str]()
    venue, chores = VenueClock(clock), Background(1)

    async def ask() -> int:
        asked[0] += 1
        return clock.wall_ns() // MS

    keeper = ClockKeeper(venue, ask, 1000, GatewaySettings(clock_samples=1), chores, said.append)
    for _ in range(2):
        clock.advance(2_000 * MS)
        keeper.refused(clock.monotonic_ns() - age_ms * MS)
        for _ in range(5):
            await asyncio.sleep(0)
    assert asked[0] == 2, "it is measured all the same"
    assert bool(said) is told


def test_waits_double_up_to_the_bound_with_jitter_and_start_over_after_success() -> None:
    backoff = Backoff(0.1, 1.0, random.Random(7))
    waits = [backoff.next_s() for _ in range(8)]
    tops = [0.1, 0.2, 0.4, 0.8, 1.0, 1.0, 1.0, 1.0]
    assert all(top / 2 <= wait <= top for wait, top in zip(waits, tops, strict=True))
    backoff.reset()
    assert backoff.next_s() <= 0.1


def test_credentials_come_from_the_environment_without_a_directory() -> None:
    credentials = load_credentials(None, {"MM_API_KEY": " key ", "MM_SECRET_KEY": "secret-secret\n"})
    assert credentials.api_key == "key"


@pytest.mark.parametrize(
    ("environment", "reason"),
    [
        ({}, "CredentialsMissing"),
        ({"MM_API_KEY": "key"}, "CredentialsMissing"),
        ({"MM_API_KEY": "key", "MM_SECRET_KEY": "  "}, "CredentialsMissing"),
        ({"MM_API_KEY": "k\u00e9y", "MM_SECRET_KEY": "secret"}, "CredentialsMalformed"),
        (
            {"MM_API_KEY": "key", "MM_SECRET_KEY": "-----BEGIN PRIVATE KEY-----\nxx"},
            "CredentialsMalformed",
        ),
    ],
)
def test_missing_or_unusable_credentials_say_which(environment: dict[str, str], reason: str) -> None:
    with pytest.raises(VenueError) as caught:
        load_credentials(None, environment)
    assert caught.value.reason == reason
    assert caught.value.permanent


def test_a_credentials_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "apiKey").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(VenueError, match="apiKey"):
        load_credentials(str(tmp_path))


FILTERS = [
    {
        "filterType": "PRICE_FILTER",
        "minPrice": "0.01000000",
        "maxPrice": "1000000.00000000",
        "tickSize": "0.01000000",
    },
    {"filterType": "LOT_SIZE", "minQty": "0.00010000", "maxQty": "9000.00000000", "stepSize": "0.00010000"},
    {
        "filterType": "NOTIONAL",
        "minNotional": "5.00000000",
        "maxNotional": "9000000.00000000",
        "avgPriceMins": 5,
    },
    {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": 100},
]
COMMISSION = read_body(
    b'{"symbol":"ETHUSDC","standardCommission":{"maker":"0.00100000","taker":"0.00120000","buyer":"0.00000000",'
    b'"seller":"0.00000000"},"taxCommission":{"maker":"0.00000112","taker":"0.00000114","buyer":"0.00000118",'
    b'"seller":"0.00000116"},"discount":{"enabledForAccount":true,"discount":"0.75000000"}}',
    CommissionBody,
)


def listed(
    filters: list[dict[str, object]], status: str = "TRADING", types: list[str] | None = None
) -> SymbolBody:
    return SymbolBody(
        symbol="ETHUSDC",
        status=status,
        base_asset="ETH",
        quote_asset="USDC",
        filters=filters,
        order_types=["LIMIT", "LIMIT_MAKER"] if types is None else types,
    )


def test_filters_become_rules_in_ticks_and_lots_with_all_parts_of_the_fee() -> None:
    rules = symbol_rules(listed(FILTERS), COMMISSION)
    assert (rules.tick, rules.lot) == (Decimal("0.01"), Decimal("0.0001"))
    assert (rules.min_quantity, rules.max_quantity) == (1, 90_000_000)
    assert (rules.min_price, rules.max_price) == (1, 100_000_000)
    assert (rules.min_notional, rules.max_notional) == (Decimal(5), Decimal(9_000_000))
    assert rules.max_open_orders == 100
    assert rules.maker_fee == Decimal("0.001") + Decimal("0.00000112") + Decimal("0.00000118")
    assert rules.taker_fee == Decimal("0.0012") + Decimal("0.00000114") + Decimal("0.00000118")
    assert rules.trading


@pytest.mark.parametrize("status", ["HALT", "BREAK", "CANCEL_ONLY", "END_OF_DAY", "SOMETHING_NEW"])
def test_any_status_but_trading_does_not_trade(status: str) -> None:
    assert not symbol_rules(listed(FILTERS, status), COMMISSION).trading


def test_a_symbol_without_post_only_orders_does_not_trade() -> None:
    assert not symbol_rules(listed(FILTERS, types=["LIMIT", "MARKET"]), COMMISSION).trading


def test_bounds_that_are_off_are_far_away_and_the_older_notional_filter_counts() -> None:
    filters: list[dict[str, object]] = [
        {
            "filterType": "PRICE_FILTER",
            "minPrice": "0.00000000",
            "maxPrice": "0.00000000",
            "tickSize": "0.05000000",
        },
        {"filterType": "LOT_SIZE", "minQty": "0.00015000", "maxQty": "0.00000000", "stepSize": "0.00010000"},
        {"filterType": "MIN_NOTIONAL", "minNotional": "10.00000000"},
    ]
    rules = symbol_rules(listed(filters), COMMISSION)
    assert (rules.min_price, rules.max_price) == (1, 2**62)
    assert rules.min_quantity == 2, "the smallest whole number of lots that is enough"
    assert rules.max_quantity == 2**62
    assert (rules.min_notional, rules.max_notional) == (Decimal(10), None)


@pytest.mark.parametrize(
    "broken",
    [
        [],
        FILTERS[:1],
        [{**FILTERS[0], "tickSize": "0.00000000"}, FILTERS[1]],
        [{**FILTERS[0], "tickSize": 0.01}, FILTERS[1]],
        [{**FILTERS[0], "tickSize": "abc"}, FILTERS[1]],
        [{"filterType": "PRICE_FILTER"}, FILTERS[1]],
    ],
)
def test_filters_that_cannot_be_used_are_an_error_and_never_a_default(
    broken: list[dict[str, object]],
) -> None:
    with pytest.raises(FrameError):
        symbol_rules(listed(broken), COMMISSION)


NUMBERS = SymbolNumbers(
    SymbolRules(
        symbol="ETHUSDC", base_asset="ETH", quote_asset="USDC", tick=Decimal("0.01"), lot=Decimal("0.00001")
    )
)


def test_a_post_only_order_is_a_limit_maker_without_time_in_force() -> None:
    place = Place(symbol="ETHUSDC", client_id="mm1", side=Side.SELL, price=268381, size=1)
    assert place_params(place, NUMBERS) == {
        "symbol": "ETHUSDC",
        "side": "SELL",
        "type": "LIMIT_MAKER",
        "price": "2683.81",
        "quantity": "0.00001",
        "newClientOrderId": "mm1",
        "newOrderRespType": "ACK",
    }


def test_an_order_that_may_take_is_a_limit_good_till_cancelled() -> None:
    place = Place(symbol="ETHUSDC", client_id="mm1", side=Side.BUY, price=1, size=100, post_only=False)
    params = place_params(place, NUMBERS)
    assert (params["type"], params["timeInForce"]) == ("LIMIT", "GTC")


def test_a_cancel_names_the_venue_id_where_it_is_known() -> None:
    known = Cancel(symbol="ETHUSDC", client_id="mm1", venue_id=7)
    unknown = Cancel(symbol="ETHUSDC", client_id="mm1", venue_id=None)
    assert cancel_params(known) == {"symbol": "ETHUSDC", "orderId": 7}
    assert cancel_params(unknown) == {"symbol": "ETHUSDC", "origClientOrderId": "mm1"}


def config(**changes: object) -> VenueConfig:
    fields: dict[str, object] = {
        "environment": Environment.TESTNET,
        "rest_url": "https://venue.example",
        "ws_api_url": "wss://venue.example/ws-api/v3",
        "stream_url": "wss://venue.example",
    }
    return VenueConfig.model_validate(fields | changes)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("rest_url", "http://venue.example"),
        ("ws_api_url", "ws://venue.example/ws-api/v3"),
        ("stream_url", "ws://venue.example"),
    ],
)
def test_a_real_venue_is_never_spoken_to_without_tls(field: str, value: str) -> None:
    check_address(config())
    with pytest.raises(VenueError) as caught:
        check_address(config(**{field: value}))
    assert (caught.value.reason, caught.value.permanent) == ("AddressRefused", True)


def test_the_simulator_may_be_without_tls_but_not_without_a_scheme() -> None:
    plain = {"rest_url": "http://sim", "ws_api_url": "ws://sim/ws-api/v3", "stream_url": "ws://sim"}
    check_address(config(environment=Environment.SIMULATOR, **plain))
    with pytest.raises(ValidationError, match=r"venue\.restUrl: 'sim:8080' is no address"):
        config(environment=Environment.SIMULATOR, **(plain | {"rest_url": "sim:8080"}))


def test_a_gateway_refuses_the_other_product() -> None:
    with pytest.raises(VenueError) as caught:
        check_address(config(kind=Venue.BINANCE_USDM))
    assert caught.value.reason == "VenueNotSupported"
    check_address(config(kind=Venue.BINANCE_USDM), Venue.BINANCE_USDM)
