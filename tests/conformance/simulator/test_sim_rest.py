"""The REST paths as a client sees them: shapes, statuses, codes, headers."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

import pytest
from simwire import BETA_KEY, BETA_SECRET, ED_KEY, KEY, SECRET, S, Wire, config, running, sign


async def test_public_calls_answer_in_binances_shapes(wire: Wire) -> None:
    assert (await wire.get("ping")).body == {}
    assert (await wire.get("time")).body == {"serverTime": wire.timestamp()}
    depth = (await wire.get("depth", symbol="ETHUSDC", limit="5")).body
    assert sorted(depth) == ["asks", "bids", "lastUpdateId"]
    assert [len(depth["bids"]), len(depth["asks"])] == [5, 5]
    assert sorted(await wire.book()) == ["askPrice", "askQty", "bidPrice", "bidQty", "symbol"]
    assert len((await wire.get("ticker/bookTicker")).body) == 2
    assert [t["symbol"] for t in (await wire.get("ticker/bookTicker", symbols='["BTCUSDC"]')).body] == [
        "BTCUSDC"
    ]


async def test_exchange_info_states_filters_and_limits_that_the_venue_enforces(wire: Wire) -> None:
    info = (await wire.get("exchangeInfo", symbol="ETHUSDC")).body
    (symbol,) = info["symbols"]
    filters = {f["filterType"]: f for f in symbol["filters"]}
    assert filters["PRICE_FILTER"]["tickSize"] == "0.01000000"
    assert filters["LOT_SIZE"]["stepSize"] == "0.00010000"
    assert filters["NOTIONAL"]["minNotional"] == "5.00000000"
    assert symbol["defaultSelfTradePreventionMode"] == "EXPIRE_MAKER"
    assert {r["rateLimitType"] for r in info["rateLimits"]} == {"REQUEST_WEIGHT", "ORDERS", "RAW_REQUESTS"}


async def test_an_order_is_placed_queried_listed_and_cancelled(wire: Wire) -> None:
    placed = await wire.order("BUY", "2500.00", newClientOrderId="mine-1")
    assert placed.status == 200
    body = placed.body
    assert (body["status"], body["clientOrderId"], body["fills"]) == ("NEW", "mine-1", [])
    queried = (await wire.signed("GET", "order", symbol="ETHUSDC", origClientOrderId="mine-1")).body
    assert (queried["orderId"], queried["price"], queried["isWorking"]) == (
        body["orderId"],
        "2500.00000000",
        True,
    )
    assert [o["orderId"] for o in (await wire.signed("GET", "openOrders", symbol="ETHUSDC")).body] == [
        body["orderId"]
    ]
    account = (await wire.signed("GET", "account")).body
    assert {b["asset"]: b["locked"] for b in account["balances"]}["USDC"] == "25.00000000"
    cancelled = (await wire.signed("DELETE", "order", symbol="ETHUSDC", orderId=body["orderId"])).body
    assert (cancelled["status"], cancelled["origClientOrderId"]) == ("CANCELED", "mine-1")
    assert cancelled["clientOrderId"] != "mine-1"
    assert (await wire.signed("GET", "openOrders")).body == []


async def test_a_market_order_reports_fills_and_appears_in_my_trades(wire: Wire) -> None:
    reply = await wire.signed(
        "POST", "order", in_body=True, symbol="ETHUSDC", side="BUY", type="MARKET", quantity="0.5"
    )
    fills = reply.body["fills"]
    assert reply.body["status"] == "FILLED"
    trades = (await wire.signed("GET", "myTrades", symbol="ETHUSDC")).body
    assert [t["id"] for t in trades] == [f["tradeId"] for f in fills]
    assert all(t["isBuyer"] and not t["isMaker"] for t in trades)
    assert [o["status"] for o in (await wire.signed("GET", "allOrders", symbol="ETHUSDC")).body] == ["FILLED"]


async def test_response_types_default_to_full_for_limit_and_ack_for_limit_maker(wire: Wire) -> None:
    limit = (await wire.order("BUY", "2500")).body
    maker = (
        await wire.signed(
            "POST", "order", symbol="ETHUSDC", side="BUY", type="LIMIT_MAKER", quantity="0.01", price="2500"
        )
    ).body
    result = (await wire.order("BUY", "2500", newOrderRespType="RESULT")).body
    assert "fills" in limit
    assert "status" not in maker
    assert "status" in result
    assert "fills" not in result


async def test_a_signature_may_be_spread_over_query_and_body(wire: Wire) -> None:
    from simwire import SECRET, sign

    query = "symbol=ETHUSDC&side=BUY&type=LIMIT"
    body = f"timeInForce=GTC&quantity=0.01&price=2500&timestamp={wire.timestamp()}"
    reply = await wire.raw(
        "POST",
        f"/api/v3/order?{query}",
        data=f"{body}&signature={sign(query + body, SECRET)}",
        headers={"X-MBX-APIKEY": KEY, "Content-Type": "application/x-www-form-urlencoded"},
    )
    assert reply.status == 200


async def test_an_ed25519_key_signs_rest_requests(wire: Wire) -> None:
    assert (await wire.signed("GET", "account", key=ED_KEY, secret="ed25519")).status == 200


REFUSALS = [
    ({"symbol": "NOPE"}, (400, -1121, "Invalid symbol.")),
    ({"symbol": "eth usdc"}, (400, -1100, None)),
    ({"side": "HOLD"}, (400, -1117, "Invalid side.")),
    ({"type": "STOP"}, (400, -1116, "Invalid orderType.")),
    (
        {"type": "STOP_LOSS_LIMIT", "stopPrice": "2000"},
        (400, -2010, "Stop price would trigger immediately."),
    ),
    ({"type": "TAKE_PROFIT_LIMIT"}, (400, -1102, None)),
    (
        {"type": "STOP_LOSS_LIMIT", "trailingDelta": 100},
        (400, -2010, "Trailing stop orders are not supported for this symbol."),
    ),
    ({"stopPrice": "2000"}, (400, -1106, "Parameter 'stopPrice' sent when not required.")),
    ({"icebergQty": "0.005"}, (400, -2010, "Iceberg orders are not supported for this symbol.")),
    ({"pegPriceType": "PRIMARY_PEG"}, (400, -2010, "Pegged orders are not supported for this symbol.")),
    ({"timeInForce": "DAY"}, (400, -1115, "Invalid timeInForce.")),
    ({"timeInForce": ""}, (400, -1105, "Parameter 'timeInForce' was empty.")),
    ({"quantity": "1e-05"}, (400, -1100, None)),
    ({"quantity": "0.000000001"}, (400, -1111, "Parameter 'quantity' has too much precision.")),
    ({"price": "-1"}, (400, -1100, None)),
    ({"price": "2500.001"}, (400, -1013, "Filter failure: PRICE_FILTER")),
    ({"quantity": "0.00001"}, (400, -1013, "Filter failure: LOT_SIZE")),
    ({"quantity": "0.0001"}, (400, -1013, "Filter failure: NOTIONAL")),
    ({"quantity": "100"}, (400, -2010, "Account has insufficient balance for requested action.")),
    ({"newClientOrderId": "a b"}, (400, -1100, None)),
    ({"newClientOrderId": "x" * 37}, (400, -1100, None)),
    ({"selfTradePreventionMode": "TRANSFER"}, (400, -1013, None)),
    ({"quoteOrderQty": "10"}, (400, -1106, "Parameter 'quoteOrderQty' sent when not required.")),
    (
        {"colour": "red"},
        (400, -1104, "Not all sent parameters were read; read '8' parameter(s) but was sent '9'."),
    ),
    ({"timestamp": 1}, (400, -1021, "Timestamp for this request is outside of the recvWindow.")),
    (
        {"timestamp": 9_999_999_999_999},
        (400, -1021, "Timestamp for this request was 1000ms ahead of the server's time."),
    ),
    ({"recvWindow": 60_001}, (400, -1131, "recvWindow must be less than 60000.")),
]


@pytest.mark.parametrize(("change", "expected"), REFUSALS, ids=[str(c)[:40] for c, _ in REFUSALS])
async def test_a_wrong_order_gets_binances_code_and_text(
    wire: Wire, change: dict[str, object], expected: tuple[int, int, str | None]
) -> None:
    status, code, text = (await wire.order("BUY", "2500", **change)).error
    assert (status, code) == expected[:2]
    assert expected[2] is None or text == expected[2]
    assert wire.sim.engine.accounts["alpha"].open == {}


async def test_keys_and_signatures_are_judged_before_anything_else(wire: Wire) -> None:
    assert (await wire.signed("GET", "account", key="")).error == (401, -2014, "API-key format invalid.")
    assert (await wire.signed("GET", "account", key="UNKNOWN")).error == (
        401,
        -2015,
        "Invalid API-key, IP, or permissions for action.",
    )
    assert (await wire.signed("GET", "account", secret="other")).error == (
        400,
        -1022,
        "Signature for this request is not valid.",
    )
    assert (await wire.raw("GET", "/api/v3/account", headers={"X-MBX-APIKEY": KEY})).error[1] == -1102


async def test_unknown_orders_are_answered_by_the_kind_of_question(wire: Wire) -> None:
    assert (await wire.signed("GET", "order", symbol="ETHUSDC", orderId=99)).error == (
        400,
        -2013,
        "Order does not exist.",
    )
    assert (await wire.signed("DELETE", "order", symbol="ETHUSDC", orderId=99)).error == (
        400,
        -2011,
        "Unknown order sent.",
    )
    assert (await wire.signed("DELETE", "openOrders", symbol="ETHUSDC")).error == (
        400,
        -2011,
        "Unknown order sent.",
    )
    assert (await wire.signed("GET", "order", symbol="ETHUSDC")).error[1] == -1102


async def test_an_account_sees_only_its_own_orders(wire: Wire) -> None:
    order = (await wire.order("BUY", "2500")).body
    other = {"key": BETA_KEY, "secret": BETA_SECRET}
    assert (await wire.signed("GET", "openOrders", **other)).body == []
    assert (await wire.signed("GET", "order", symbol="ETHUSDC", orderId=order["orderId"], **other)).error[
        1
    ] == -2013


async def test_weight_and_order_counts_are_in_the_headers_and_roll_with_the_clock(wire: Wire) -> None:
    first = await wire.order("BUY", "2500")
    assert first.headers["X-MBX-ORDER-COUNT-10S"] == "1"
    assert first.headers["X-MBX-USED-WEIGHT-1M"] == "0"
    account = await wire.signed("GET", "account")
    assert account.headers["X-MBX-USED-WEIGHT-1M"] == "20"
    assert not any(name.upper().startswith("X-MBX-ORDER-COUNT") for name in account.headers)
    await wire.sim.advance(60 * S)
    later = await wire.signed("GET", "rateLimit/order")
    assert later.headers["X-MBX-USED-WEIGHT-1M"] == "40"
    assert [r["count"] for r in later.body] == [0, 1]


async def test_limits_answer_429_with_retry_after() -> None:
    from mm_trader.venue.simulator.config import LimitConfig

    async with running(config(limits=LimitConfig(weight_per_minute=30, orders_per_10s=1))) as wire:
        await wire.order("BUY", "2500")
        over = await wire.order("BUY", "2500")
        assert over.error == (429, -1015, "Too many new orders; current limit is 1 orders per 10 SECOND.")
        assert 1 <= int(over.headers["Retry-After"]) <= 10
        await wire.get("exchangeInfo")
        heavy = await wire.get("exchangeInfo")
        assert (heavy.status, heavy.body["code"]) == (429, -1003)


async def test_routes_that_do_not_exist_are_refused_in_json(wire: Wire) -> None:
    assert (await wire.get("nothing")).status == 404
    assert (await wire.raw("PATCH", "/api/v3/order")).status == 405
    assert (await wire.raw("POST", "/api/v3/userDataStream", headers={"X-MBX-APIKEY": KEY})).status == 410


async def test_commissions_are_read_from_the_account(wire: Wire) -> None:
    rates = (await wire.signed("GET", "account/commission", symbol="ETHUSDC")).body["standardCommission"]
    assert (rates["maker"], rates["taker"]) == ("0.00000000", "0.00100000")


async def test_an_amend_reduces_and_keeps_the_order_id(wire: Wire) -> None:
    order = (await wire.order("BUY", "2500", "0.0200", newClientOrderId="old")).body
    amended = await wire.signed(
        "PUT",
        "order/amend/keepPriority",
        symbol="ETHUSDC",
        orderId=order["orderId"],
        newQty="0.0100",
        newClientOrderId="new",
    )
    body = amended.body["amendedOrder"]
    assert (body["orderId"], body["origClientOrderId"], body["clientOrderId"], body["qty"]) == (
        order["orderId"],
        "old",
        "new",
        "0.01000000",
    )
    more = await wire.signed(
        "PUT", "order/amend/keepPriority", symbol="ETHUSDC", orderId=order["orderId"], newQty="0.0300"
    )
    assert more.error == (400, -2038, "Order amend (quantity increase) is not supported.")


async def test_history_calls_agree_with_the_prints(wire: Wire) -> None:
    await wire.signed("POST", "order", symbol="ETHUSDC", side="BUY", type="MARKET", quantity="0.5")
    prints = (await wire.get("trades", symbol="ETHUSDC")).body
    last = prints[-1]
    old = (await wire.get("historicalTrades", symbol="ETHUSDC", fromId=str(last["id"]), limit="1")).body
    assert old == [last]
    runs = (await wire.get("aggTrades", symbol="ETHUSDC")).body
    assert (runs[-1]["p"], runs[-1]["l"], runs[-1]["m"]) == (last["price"], last["id"], last["isBuyerMaker"])
    assert sum(run["l"] - run["f"] + 1 for run in runs) == len(prints)
    average = float((await wire.get("avgPrice", symbol="ETHUSDC")).body["price"])
    day = (await wire.get("ticker/24hr", symbol="ETHUSDC")).body
    assert float(day["lowPrice"]) <= average <= float(day["highPrice"])
    assert (day["count"], day["lastId"], day["lastPrice"]) == (len(prints), last["id"], last["price"])
    assert [one["symbol"] for one in (await wire.get("ticker/24hr")).body] == ["ETHUSDC", "BTCUSDC"]


@pytest.mark.parametrize("path", ["/sapi/v1/margin/account", "/api/v1/account", "/ping", "/fapi/v1/depth"])
async def test_a_path_outside_the_spot_api_is_refused_in_json(wire: Wire, path: str) -> None:
    assert (await wire.raw("GET", path)).error[:2] == (404, -1000)


@pytest.mark.parametrize(
    "path",
    [
        "/sapi/v1/capital/config/getall",
        "/sapi/v1/asset/tradeFee",
        "/sapi/v1/account/apiRestrictions",
        "/sapi/v1/margin/allPairs",
        "/api/v3/openOrderList",
        "/api/v3/myAllocations",
    ],
)
async def test_what_clients_ask_when_they_start_is_answered_to_those_with_a_key(
    wire: Wire, path: str
) -> None:
    assert (await wire.raw("GET", path)).error[:2] == (401, -2014)
    payload = f"timestamp={wire.timestamp()}"
    signed = f"{path}?{payload}&signature={sign(payload, SECRET)}"
    assert (await wire.raw("GET", signed, headers={"X-MBX-APIKEY": KEY})).status == 200


async def test_candles_and_windows_agree_with_the_prints(wire: Wire) -> None:
    for side in ("BUY", "SELL"):
        await wire.signed("POST", "order", symbol="ETHUSDC", side=side, type="MARKET", quantity="0.5")
        await wire.sim.advance(61 * S)
    prints = (await wire.get("trades", symbol="ETHUSDC", limit="1000")).body
    rows = (await wire.get("klines", symbol="ETHUSDC", interval="1m")).body
    assert [b[0] - a[0] for a, b in pairwise(rows)] == [60_000] * (len(rows) - 1)
    volume = sum(Decimal(p["qty"]) for p in prints)
    assert sum(Decimal(row[5]) for row in rows) == volume
    assert sum(row[8] for row in rows) == len(prints)
    hour = (await wire.get("ticker", symbol="ETHUSDC", windowSize="1h")).body
    assert (Decimal(hour["volume"]), hour["count"]) == (volume, len(prints))
    mini = (await wire.get("ticker/24hr", symbols='["ETHUSDC"]', type="MINI")).body
    assert "priceChange" not in mini[0]
    assert (await wire.get("klines", symbol="ETHUSDC", interval="7m")).error == (
        400,
        -1120,
        "Invalid interval.",
    )


async def test_an_orders_amendments_are_listed_in_order(wire: Wire) -> None:
    order = (await wire.order("BUY", "2500", "0.0300")).body
    for qty in ("0.0200", "0.0100"):
        await wire.signed(
            "PUT", "order/amend/keepPriority", symbol="ETHUSDC", orderId=order["orderId"], newQty=qty
        )
    found = (await wire.signed("GET", "order/amendments", symbol="ETHUSDC", orderId=order["orderId"])).body
    assert [(a["origQty"], a["newQty"]) for a in found] == [
        ("0.03000000", "0.02000000"),
        ("0.02000000", "0.01000000"),
    ]
    other = await wire.signed("GET", "order/amendments", symbol="ETHUSDC", orderId=999_999)
    assert other.error[:2] == (400, -2013)


@pytest.mark.parametrize(
    ("window", "code"),
    [
        ("5000.123", None),
        ("0.001", -1021),
        ("60000", None),
        ("60000.000", None),
        ("60000.001", -1131),
        ("0", -1131),
        ("1.2345", -1111),
        ("1e3", -1100),
        ("-1", -1100),
        ("", -1105),
    ],
)
async def test_the_window_is_milliseconds_with_up_to_three_decimals(
    wire: Wire, window: str, code: int | None
) -> None:
    sent = wire.timestamp()
    await wire.sim.advance(1_000_000)
    reply = await wire.signed("GET", "account", timestamp=sent, recvWindow=window)
    assert (reply.body.get("code"), reply.status) == (code, 200 if code is None else 400)


async def test_a_microsecond_timestamp_is_judged_to_the_microsecond(wire: Wire) -> None:
    sent = wire.timestamp() * 1000
    await wire.sim.advance(250_000)
    inside = await wire.signed("GET", "account", timestamp=sent, recvWindow="0.250")
    outside = await wire.signed("GET", "account", timestamp=sent, recvWindow="0.249")
    ahead = await wire.signed("GET", "account", timestamp=sent + 1_000_250)
    assert [r.body.get("code") for r in (inside, outside, ahead)] == [None, -1021, -1021]
