"""What clients of others ask besides trading: prevented matches, order lists, the wallet, old paths, other products' front doors."""

from __future__ import annotations

import pytest
from simwire import KEY, MS, SECRET, S, Wire, running, sign


async def test_prevented_matches_are_reported_and_listed() -> None:
    async with running() as wire:
        price = f"{float((await wire.book())['bidPrice']) * 1.0002:.2f}"
        api = await wire.api()
        await api.signed("userDataStream.subscribe.signature")
        resting = (await wire.order("SELL", price)).body
        coming = (await wire.order("BUY", price, selfTradePreventionMode="EXPIRE_TAKER")).body
        assert coming["status"] == "EXPIRED_IN_MATCH"
        assert coming["preventedQuantity"] == "0.01000000"
        event = await api.event(lambda e: e.get("x") == "TRADE_PREVENTION")
        assert (event["X"], event["i"], event["U"]) == (
            "EXPIRED_IN_MATCH",
            coming["orderId"],
            resting["orderId"],
        )
        assert event["v"] == coming["preventedMatchId"]
        decremented = (await wire.order("BUY", price, "0.0040", selfTradePreventionMode="DECREMENT")).body
        listed = await wire.signed("GET", "myPreventedMatches", symbol="ETHUSDC", orderId=resting["orderId"])
        assert [(m["takerOrderId"], m.get("makerPreventedQuantity")) for m in listed.body] == [
            (coming["orderId"], None),
            (decremented["orderId"], "0.00400000"),
        ]
        match = listed.body[1]["preventedMatchId"]
        one = await api.signed("myPreventedMatches", symbol="ETHUSDC", preventedMatchId=match)
        assert one["result"] == listed.body[1:]
        assert (await wire.signed("GET", "myPreventedMatches", symbol="ETHUSDC")).error[1] == -1102


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("POST", "orderList/opo", -2010),
        ("POST", "sor/order", -1013),
        ("DELETE", "orderList", -2011),
        ("GET", "orderList", -2013),
    ],
)
async def test_what_no_symbol_or_no_account_has_is_refused_as_the_venue_does(
    method: str, path: str, code: int
) -> None:
    async with running() as wire:
        more = {"orderListId": 1} if path == "orderList" else {"side": "SELL", "quantity": "0.1"}
        if (method, path) != ("GET", "orderList"):
            more["symbol"] = "ETHUSDC"
        assert (await wire.signed(method, path, **more)).error[:2] == (400, code)


async def test_the_wallets_histories_are_empty_and_its_unknown_paths_are_refused() -> None:
    async with running() as wire:
        for path, answer in (
            ("capital/deposit/hisrec", []),
            ("capital/withdraw/history", []),
            ("asset/transfer", {"total": 0, "rows": []}),
            ("bnbBurn", {"spotBNBBurn": False, "interestBNBBurn": False}),
        ):
            payload = f"timestamp={wire.timestamp()}"
            signed = f"/sapi/v1/{path}?{payload}&signature={sign(payload, SECRET)}"
            assert (await wire.raw("GET", signed, headers={"X-MBX-APIKEY": KEY})).body == answer
        assert (await wire.raw("GET", "/sapi/v1/nothing")).status == 404


async def test_the_paths_of_old_answer_as_the_new_ones() -> None:
    async with running() as wire:
        await wire.sim.advance(5 * S)
        for path in ("depth?symbol=ETHUSDC", "klines?symbol=ETHUSDC&interval=1m", "ticker/price"):
            old = await wire.raw("GET", f"/api/v1/{path}")
            assert (old.status, old.body) == (200, (await wire.raw("GET", f"/api/v3/{path}")).body)
        prices = (await wire.raw("GET", "/api/v1/ticker/allPrices")).body
        assert {row["symbol"] for row in prices} == {"ETHUSDC", "BTCUSDC"}
        assert (await wire.raw("GET", "/api/v1/account")).status == 404


@pytest.mark.parametrize("prefix", ["/fapi/v1", "/dapi/v1"])
async def test_other_products_are_up_and_have_nothing_listed(prefix: str) -> None:
    async with running() as wire:
        assert (await wire.raw("GET", f"{prefix}/ping")).body == {}
        assert (await wire.raw("GET", f"{prefix}/time")).body["serverTime"] == wire.timestamp()
        assert (await wire.raw("GET", f"{prefix}/exchangeInfo")).body["symbols"] == []


async def test_rules_of_an_account_and_a_symbol() -> None:
    async with running() as wire:
        own = (await wire.signed("GET", "myFilters", symbol="ETHUSDC")).body
        info = (await wire.get("exchangeInfo", symbol="ETHUSDC")).body["symbols"][0]
        assert own["symbolFilters"] == info["filters"]
        rules = (await wire.get("executionRules", symbol="ETHUSDC")).body
        assert rules == {"symbolRules": [{"symbol": "ETHUSDC", "rules": []}]}
        assert (await wire.get("referencePrice", symbol="ETHUSDC")).error[:2] == (400, -2043)


async def test_a_time_zone_moves_where_candles_begin() -> None:
    async with running() as wire:
        await wire.sim.advance(10 * S)
        hour = 3_600_000
        for zone, ahead in (("8", 8 * hour), ("-1:00", -hour), ("05:45", 5 * hour + hour * 3 // 4)):
            (candle,) = (await wire.get("klines", symbol="ETHUSDC", interval="1d", timeZone=zone)).body
            assert (candle[0] + ahead) % (24 * hour) == 0
        for wrong in ("15", "-13:00", "1:60", "x"):
            refused = await wire.get("klines", symbol="ETHUSDC", interval="1d", timeZone=wrong)
            assert refused.error[:2] == (400, -1130)


async def test_a_depth_stream_whose_speed_is_spelt_out_is_the_one_without() -> None:
    names = ["ethusdc@depth", "ethusdc@depth@1000ms", "ethusdc@depth5", "ethusdc@depth5@1000ms"]
    async with running() as wire:
        socket = await wire.socket(f"/stream?streams={'/'.join(names)}")
        await wire.sim.advance(3 * S)
        await socket.send({"method": "LIST_SUBSCRIPTIONS", "id": 1})
        heard: dict[str, list[object]] = {name: [] for name in names}
        while "id" not in (message := await socket.json()):
            heard[message["stream"]].append(message["data"])
        assert heard["ethusdc@depth"] == heard["ethusdc@depth@1000ms"] != []
        assert heard["ethusdc@depth5"] == heard["ethusdc@depth5@1000ms"] != []


async def test_streams_of_all_symbols_and_of_another_time_zone() -> None:
    names = ["!bookTicker", "!ticker_1h@arr", "ethusdc@kline_1d@+08:00"]
    async with running() as wire:
        socket = await wire.socket(f"/stream?streams={'/'.join(names)}")
        await wire.sim.advance(20 * S)
        seen = {}
        while seen.keys() != set(names):
            message = await socket.json()
            seen[message["stream"]] = message["data"]
        assert seen["!bookTicker"]["s"] in ("ETHUSDC", "BTCUSDC")
        assert {row["s"] for row in seen["!ticker_1h@arr"]} == {"ETHUSDC", "BTCUSDC"}
        begins = seen["ethusdc@kline_1d@+08:00"]["k"]["t"]
        assert (begins + 8 * 3_600_000) % 86_400_000 == 0
        assert begins <= wire.sim.clock.now() // MS


@pytest.mark.parametrize(
    ("path", "params"),
    [
        ("depth", {"limit": "5"}),
        ("ticker/bookTicker", {}),
        ("ticker/price", {}),
        ("ticker/24hr", {}),
        ("ticker", {}),
        ("ticker/tradingDay", {}),
    ],
)
async def test_a_symbol_in_another_status_than_asked_for_is_refused(
    wire: Wire, path: str, params: dict[str, str]
) -> None:
    asked = {"symbol": "ETHUSDC", **params}
    assert (await wire.get(path, **asked, symbolStatus="TRADING")).status == 200
    mismatch = (400, -1220, "The symbol's status does not match the requested symbolStatus.")
    assert (await wire.get(path, **asked, symbolStatus="HALT")).error == mismatch
    assert (await wire.get(path, **asked, symbolStatus="OPEN")).error == (400, -1122, "Invalid symbolStatus.")
    wire.sim.admin.do("status", symbol="ETHUSDC", status="HALT")
    assert (await wire.get(path, **asked, symbolStatus="HALT")).status == 200


async def test_lists_leave_out_symbols_in_another_status(wire: Wire) -> None:
    wire.sim.admin.do("status", symbol="ETHUSDC", status="HALT")
    both = '["ETHUSDC","BTCUSDC"]'
    named = (await wire.get("ticker/price", symbols=both, symbolStatus="TRADING")).body
    everything = (await wire.get("ticker/bookTicker", symbolStatus="TRADING")).body
    listed = (await wire.get("exchangeInfo", symbolStatus="TRADING")).body["symbols"]
    assert [[one["symbol"] for one in some] for some in (named, everything, listed)] == [["BTCUSDC"]] * 3


async def test_exchange_info_takes_one_way_to_choose_symbols(wire: Wire) -> None:
    for more in ({"symbolStatus": "TRADING"}, {"permissions": "SPOT"}):
        refused = await wire.get("exchangeInfo", symbol="ETHUSDC", **more)
        assert refused.error == (400, -1128, "Combination of optional parameters invalid.")
    for permissions, count in (("SPOT", 2), ('["MARGIN","SPOT"]', 2), ("MARGIN", 0), ('["LEVERAGED"]', 0)):
        info = (await wire.get("exchangeInfo", permissions=permissions)).body
        assert len(info["symbols"]) == count, permissions
    plain = (await wire.get("exchangeInfo", showPermissionSets="false")).body
    assert [s["permissionSets"] for s in plain["symbols"]] == [[], []]
