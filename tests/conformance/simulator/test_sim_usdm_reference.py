"""What clients of others ask of the futures API besides trading, and what is refused there because it is not simulated."""

from __future__ import annotations

import json

import pytest
from simwire import KEY, SECRET, S, sign
from usdmwire import trading

SYMBOL = "ETHUSDC"


async def test_isolated_margin_hedge_mode_and_conditional_orders_are_refused_in_the_venues_codes() -> None:
    async with trading() as wire:

        async def code(path: str, **params: object) -> int:
            return int((await wire.signed("POST", path, **params)).body["code"])

        assert await code("v1/marginType", symbol=SYMBOL, marginType="CROSSED") == -4046
        assert await code("v1/marginType", symbol=SYMBOL, marginType="ISOLATED") == -4168
        assert await code("v1/positionSide/dual", dualSidePosition="true") == -4068
        assert await code("v1/positionSide/dual", dualSidePosition="false") == -4059
        assert await code("v1/positionMargin", symbol=SYMBOL, amount="1", type=1) == -4054
        assert await code("v1/multiAssetsMargin", multiAssetsMargin="true") == -4167
        stop = {"symbol": SYMBOL, "side": "SELL", "type": "STOP_MARKET", "stopPrice": "1", "quantity": "0.1"}
        assert await code("v1/order", **stop) == -4120
        long = {"symbol": SYMBOL, "side": "BUY", "type": "MARKET", "quantity": "0.1", "positionSide": "LONG"}
        assert await code("v1/order", **long) == -4061


async def test_brackets_terms_open_interest_and_incomes() -> None:
    async with trading() as wire:
        brackets = (await wire.signed("GET", "v1/leverageBracket", symbol=SYMBOL)).body
        assert brackets[0]["brackets"][0]["initialLeverage"] == 125
        assert {row["fundingIntervalHours"] for row in (await wire.get("v1/fundingInfo")).body} == {8}
        before = float((await wire.get("v1/openInterest", symbol=SYMBOL)).body["openInterest"])
        await wire.taken("BUY", "0.300")
        await wire.taken("SELL", "0.100")
        after = float((await wire.get("v1/openInterest", symbol=SYMBOL)).body["openInterest"])
        assert after > before
        rows = (await wire.signed("GET", "v1/income", symbol=SYMBOL)).body
        trades = (await wire.signed("GET", "v1/userTrades", symbol=SYMBOL)).body
        fees = [float(row["income"]) for row in rows if row["incomeType"] == "COMMISSION"]
        assert sum(fees) == -sum(float(t["commission"]) for t in trades) < 0
        profits = [row["income"] for row in rows if row["incomeType"] == "REALIZED_PNL"]
        assert profits == [t["realizedPnl"] for t in trades if float(t["realizedPnl"])]


async def test_candles_of_the_mark_the_index_the_premium_and_the_contract() -> None:
    async with trading() as wire:
        await wire.sim.advance(130 * S)
        marks = (await wire.get("v1/markPriceKlines", symbol=SYMBOL, interval="1m")).body
        assert len(marks) >= 2
        assert marks[-2][8] == 60  # one mark a second
        assert (await wire.get("v1/indexPriceKlines", pair=SYMBOL, interval="1m")).body == marks
        premiums = (await wire.get("v1/premiumIndexKlines", symbol=SYMBOL, interval="1m")).body
        assert {float(value) for row in premiums for value in row[1:5]} == {0.0}
        contract = {"pair": SYMBOL, "contractType": "PERPETUAL", "interval": "1m"}
        assert (await wire.get("v1/continuousKlines", **contract)).body == (
            await wire.get("v1/klines", symbol=SYMBOL, interval="1m")
        ).body


WEIGHTS: list[tuple[str, dict[str, object], int]] = [
    ("v1/klines", {"symbol": SYMBOL, "interval": "1m", "limit": 99}, 1),
    ("v1/klines", {"symbol": SYMBOL, "interval": "1m", "limit": 499}, 2),
    ("v1/klines", {"symbol": SYMBOL, "interval": "1m"}, 5),
    ("v1/klines", {"symbol": SYMBOL, "interval": "1m", "limit": 1000}, 5),
    ("v1/markPriceKlines", {"symbol": SYMBOL, "interval": "1m", "limit": 1500}, 10),
    ("v1/depth", {"symbol": SYMBOL, "limit": 50}, 2),
    ("v1/depth", {"symbol": SYMBOL}, 10),
    ("v1/depth", {"symbol": SYMBOL, "limit": 1000}, 20),
    ("v1/ticker/price", {"symbol": SYMBOL}, 1),
    ("v1/ticker/price", {}, 2),
    ("v1/ticker/bookTicker", {"symbol": SYMBOL}, 2),
    ("v1/ticker/bookTicker", {}, 5),
    ("v1/ticker/24hr", {}, 40),
    ("v1/premiumIndex", {"symbol": SYMBOL}, 1),
    ("v1/premiumIndex", {}, 10),
]


async def test_public_calls_cost_their_documented_weight() -> None:
    async with trading() as wire:
        used = int((await wire.get("v1/ping")).headers["X-MBX-USED-WEIGHT-1M"])
        for path, params, weight in WEIGHTS:
            reply = await wire.get(path, **params)
            assert reply.status == 200
            before, used = used, int(reply.headers["X-MBX-USED-WEIGHT-1M"])
            assert (path, params, used - before) == (path, params, weight)


async def test_a_balance_that_nothing_has_changed_yet_has_a_time() -> None:
    async with trading() as wire:
        assert [row["updateTime"] > 0 for row in (await wire.account())["assets"]] == [True]


async def test_amendments_are_listed_with_what_was_before() -> None:
    async with trading() as wire:
        far = await wire.far("BUY")
        order = (await wire.order("BUY", far)).body["orderId"]
        await wire.signed(
            "PUT", "v1/order", symbol=SYMBOL, side="BUY", orderId=order, price=far, quantity="0.200"
        )
        (listed,) = (await wire.signed("GET", "v1/orderAmendment", symbol=SYMBOL)).body
        assert listed["amendment"]["origQty"] == {"before": "0.100", "after": "0.200"}


async def test_batches_are_taken_as_clients_write_them() -> None:
    """Unencoded JSON in a signed body, and the names of the lists without capitals."""
    async with trading() as wire:
        row = {"symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.1"}
        rows = json.dumps([{**row, "price": await wire.far("BUY")}] * 2, separators=(",", ":"))
        payload = f"timestamp={wire.timestamp()}&batchOrders={rows}"
        placed = await wire.raw(
            "POST",
            "/fapi/v1/batchOrders",
            data=f"{payload}&signature={sign(payload, SECRET)}",
            headers={"X-MBX-APIKEY": KEY, "Content-Type": "application/x-www-form-urlencoded"},
        )
        numbers = [one["orderId"] for one in placed.body]
        ended = await wire.signed("DELETE", "v1/batchOrders", symbol=SYMBOL, orderidlist=json.dumps(numbers))
        assert [one["status"] for one in ended.body] == ["CANCELED", "CANCELED"]


async def test_a_parameter_without_a_value_counts_as_not_sent() -> None:
    async with trading() as wire:
        assert (await wire.order("BUY", await wire.far("BUY"), newOrderRespType="")).body["status"] == "NEW"
        assert (await wire.signed("GET", "v1/income", symbol="", incomeType="")).body == []
        assert (await wire.signed("GET", "v1/allOrders", symbol="")).body["code"] == -1102


async def test_the_wallet_and_the_front_doors_of_other_products_answer() -> None:
    async with trading() as wire:
        assert (await wire.raw("GET", "/sapi/v1/system/status")).body["status"] == 0
        assert (await wire.raw("GET", "/api/v3/ping")).body == {}
        assert (await wire.raw("GET", "/api/v3/exchangeInfo")).body["symbols"] == []
        assert (await wire.raw("GET", "/futures/data/basis?pair=ETHUSDC")).body == []


async def test_streams_of_candles_statistics_and_all_symbols() -> None:
    market = ["!markPrice@arr", "!ticker@arr", "ethusdc@kline_1m", "ethusdc@miniTicker",
              "ethusdc_perpetual@continuousKline_1m"]  # fmt: skip
    async with trading() as wire:
        public = await wire.socket("/public/ws/!bookTicker")
        socket = await wire.socket(f"/market/stream?streams={'/'.join(market)}")
        await wire.sim.advance(20 * S)
        seen = {}
        while seen.keys() != set(market):
            message = await socket.json()
            seen[message["stream"]] = message["data"]
        assert [row["s"] for row in seen["!markPrice@arr"]] == ["ETHUSDC", "BTCUSDC"]
        assert seen["ethusdc_perpetual@continuousKline_1m"]["ps"] == SYMBOL
        assert (await public.json())["e"] == "bookTicker"


async def test_decimals_have_the_symbols_precision_and_statistics_no_touch() -> None:
    async with trading() as wire:
        await wire.sim.advance(5 * S)
        await wire.taken("BUY", "0.050")
        candle = (await wire.get("v1/klines", symbol="ETHUSDC", interval="1m")).body[-1]
        assert [len(candle[i].partition(".")[2]) for i in (1, 2, 3, 4, 5, 7)] == [2, 2, 2, 2, 3, 5]
        day = (await wire.get("v1/ticker/24hr", symbol="ETHUSDC")).body
        assert [len(day[name].partition(".")[2]) for name in ("lastPrice", "weightedAvgPrice", "volume")] == [
            2,
            2,
            3,
        ]
        assert "bidPrice" not in day
        trade = (await wire.get("v1/trades", symbol="ETHUSDC")).body[-1]
        assert (len(trade["price"].partition(".")[2]), trade["isRPITrade"]) == (2, False)
        run = (await wire.get("v1/aggTrades", symbol="ETHUSDC")).body[-1]
        assert run["nq"] == run["q"]
        assert (len(run["p"].partition(".")[2]), len(run["q"].partition(".")[2])) == (2, 3)


async def test_parameters_that_nobody_knows_are_ignored_here() -> None:
    async with trading() as wire:
        assert len((await wire.get("v1/exchangeInfo", symbol="ETHUSDC")).body["symbols"]) == 2
        assert (await wire.order("BUY", await wire.far("BUY"), whatever="1")).body["status"] == "NEW"


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "v1/algoOrder", -2013),
        ("DELETE", "v1/algoOrder", -2011),
        ("DELETE", "v1/algoOpenOrders", 200),
    ],
)
async def test_a_conditional_order_that_nobody_has_is_not_found(
    method: str, path: str, expected: int
) -> None:
    async with trading() as wire:
        assert (await wire.signed(method, path, symbol="ETHUSDC", algoId=7)).body["code"] == expected


async def test_the_index_is_the_venue_and_nobody_is_near_deleveraging() -> None:
    async with trading() as wire:
        parts = (await wire.get("v1/constituents", symbol="ETHUSDC")).body["constituents"]
        assert [part["weight"] for part in parts] == ["1.00000000"]
        assert [row["adlRisk"] for row in (await wire.get("v1/symbolAdlRisk")).body] == ["LOW", "LOW"]
