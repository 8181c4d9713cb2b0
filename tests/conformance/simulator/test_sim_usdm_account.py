"""Positions, wallets, funding and user streams of the futures profile on real sockets."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest
from simwire import BETA_KEY, BETA_SECRET, MS, S
from usdmwire import quiet_market, trading, usdm_config

from mm_trader.venue.simulator.server import desk

HOUR = 3600 * S
LIFE = 30 * S
"""Of a listen key where an hour of a market would take too long."""


async def test_a_short_without_inventory_opens_and_realises_its_profit_to_the_last_digit() -> None:
    async with trading() as wire:
        before = Decimal((await wire.account())["totalWalletBalance"])
        sold = (await wire.taken("SELL", "0.300")).body
        held = await wire.position()
        assert held["positionAmt"] == "-0.300"
        assert Decimal(held["entryPrice"]) == Decimal(sold["avgPrice"])
        wire.sim.admin.do("price", symbol="ETHUSDC", by_bp=-50)
        await wire.taken("BUY", "0.300")
        assert await wire.position() is None
        trades = (await wire.signed("GET", "v1/userTrades", symbol="ETHUSDC", fromId=0)).body
        cash = sum(
            (
                Decimal(t["quoteQty"]) * (1 if t["side"] == "SELL" else -1) - Decimal(t["commission"])
                for t in trades
            ),
            Decimal(0),
        )
        after = Decimal((await wire.account())["totalWalletBalance"])
        assert after - before == cash
        realised = sum((Decimal(t["realizedPnl"]) for t in trades), Decimal(0))
        fees = sum((Decimal(t["commission"]) for t in trades), Decimal(0))
        assert realised - fees == cash
        assert realised > 0


async def test_margin_is_asked_for_the_larger_side_and_orders_beyond_it_are_refused() -> None:
    async with trading() as wire:
        await wire.signed("POST", "v1/leverage", symbol="ETHUSDC", leverage=10)
        bid, ask = await wire.far("BUY"), await wire.far("SELL")
        await wire.order("BUY", bid, "1.000")
        one_side = Decimal((await wire.account())["totalInitialMargin"])
        assert one_side == Decimal(bid) / 10
        await wire.order("SELL", ask, "1.000")
        both = Decimal((await wire.account())["totalInitialMargin"])
        assert both == Decimal(ask) / 10
        available = Decimal((await wire.account())["availableBalance"])
        too_many = f"{available * 10 / Decimal(ask) + 3:.3f}"
        assert (await wire.order("SELL", ask, too_many)).error[1] == -2019
        assert Decimal((await wire.account())["availableBalance"]) == available


async def test_funding_moves_wallets_by_the_notional_and_is_told_and_listed_once() -> None:
    async with trading(usdm_config(funding_rate=Decimal("0.001"), funding_interval_s=60)) as wire:
        stream = await wire.user_stream()
        await wire.taken("BUY", "0.500")
        await stream.until(lambda m: m["e"] == "ACCOUNT_UPDATE")
        wallet = Decimal((await wire.account())["totalWalletBalance"])
        await wire.sim.advance(60 * S)
        event = await stream.until(lambda m: m["e"] == "ACCOUNT_UPDATE" and m["a"]["m"] == "FUNDING_FEE")
        rows = (await wire.signed("GET", "v1/income", incomeType="FUNDING_FEE", symbol="ETHUSDC")).body
        (settled,) = (await wire.get("v1/fundingRate", symbol="ETHUSDC")).body
        expected = -Decimal("0.5") * Decimal(settled["markPrice"]) * Decimal("0.001")
        assert [Decimal(row["income"]) for row in rows] == [expected]
        assert Decimal(event["a"]["B"][0]["bc"]) == expected
        assert Decimal((await wire.account())["totalWalletBalance"]) == wallet + expected
        assert (await wire.signed("GET", "v1/income", key=BETA_KEY, secret=BETA_SECRET)).body == []
        info = (await wire.get("v1/premiumIndex", symbol="ETHUSDC")).body
        assert info["nextFundingTime"] == rows[0]["time"] + 60_000


async def test_fills_are_told_as_account_and_order_updates() -> None:
    async with trading() as wire:
        stream = await wire.user_stream()
        answer = (await wire.taken("BUY", "0.100")).body
        fill = await stream.until(lambda m: m["e"] == "ORDER_TRADE_UPDATE" and m["o"]["x"] == "TRADE")
        order = fill["o"]
        assert (order["i"], order["s"], order["S"], order["ps"]) == (
            answer["orderId"],
            "ETHUSDC",
            "BUY",
            "BOTH",
        )
        assert (order["N"], order["m"], order["rp"]) == ("USDC", False, "0")
        update = await stream.until(lambda m: m["e"] == "ACCOUNT_UPDATE")
        assert update["a"]["m"] == "ORDER"
        assert [row["s"] for row in update["a"]["P"]] == ["ETHUSDC"]
        (position,) = update["a"]["P"]
        assert (position["pa"], position["ma"]) == ("0.1", "USDC")


async def test_a_listen_key_lives_an_hour_longer_each_time_and_its_end_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert desk.KEY_LIFE_MS * MS == HOUR
    monkeypatch.setattr(desk, "KEY_LIFE_MS", LIFE // MS)
    async with trading(usdm_config(quiet_market(tmp_path))) as wire:
        key = (await wire.keyed("POST", "v1/listenKey")).body["listenKey"]
        assert (await wire.keyed("POST", "v1/listenKey")).body["listenKey"] == key
        stream = await wire.socket(f"/private/ws/{key}")
        await stream.send({"method": "LIST_SUBSCRIPTIONS", "id": 1})
        assert (await stream.json()) == {"result": [key], "id": 1}
        await wire.sim.advance(LIFE - S)
        assert (await wire.keyed("PUT", "v1/listenKey")).body == {"listenKey": key}
        await wire.sim.advance(LIFE - 2 * S)
        await wire.sim.advance(3 * S)
        event = await stream.until(lambda m: m["e"] == "listenKeyExpired")
        assert event["listenKey"] == key
        assert (await wire.keyed("PUT", "v1/listenKey")).error == (
            400,
            -1125,
            "This listenKey does not exist.",
        )
        fresh = (await wire.keyed("POST", "v1/listenKey")).body["listenKey"]
        assert fresh != key
        assert (await wire.keyed("DELETE", "v1/listenKey")).body == {}
        assert (await wire.keyed("POST", "v1/listenKey", key="NOSUCHKEY")).error[:2] == (401, -2015)


async def test_events_go_to_the_keys_owner_alone_and_not_after_it_ended() -> None:
    async with trading() as wire:
        own = await wire.user_stream()
        other_key = (await wire.keyed("POST", "v1/listenKey", key=BETA_KEY)).body["listenKey"]
        other = await wire.socket(f"/private/stream?streams={other_key}")
        await wire.order("BUY", await wire.far("BUY"))
        assert (await own.json())["o"]["x"] == "NEW"
        assert wire.sim.admin.do("expire_listen_key", account="alpha") == {"expired": True}
        assert (await own.json())["e"] == "listenKeyExpired"
        await wire.order("BUY", await wire.far("BUY"))
        await own.send({"method": "LIST_SUBSCRIPTIONS", "id": 7})
        assert (await own.json())["id"] == 7
        await wire.signed(
            "POST", "v1/order", key=BETA_KEY, secret=BETA_SECRET, symbol="ETHUSDC", side="BUY", type="MARKET", quantity="0.1"
        )  # fmt: skip
        assert (await other.json())["stream"] == other_key


async def test_faults_strike_futures_user_events_and_calls_like_spot_ones() -> None:
    async with trading() as wire:
        stream = await wire.user_stream()
        wire.sim.admin.do("fault", fault="lose_user_event")
        wire.sim.admin.do("refuse", call="amend", code=-1008)
        first = (await wire.order("BUY", await wire.far("BUY"))).body
        second = (await wire.order("BUY", await wire.far("BUY"))).body
        assert (await stream.json())["o"]["i"] == second["orderId"]
        refused = await wire.signed(
            "PUT",
            "v1/order",
            symbol="ETHUSDC",
            side="BUY",
            orderId=first["orderId"],
            price="2500",
            quantity="0.1",
        )
        assert refused.error[1] == -1008


async def test_public_and_market_addresses_carry_their_own_kinds_only() -> None:
    async with trading() as wire:
        names = "ethusdc@bookTicker/ethusdc@depth@100ms/ethusdc@aggTrade/ethusdc@markPrice@1s"
        public = await wire.socket(f"/public/stream?streams={names}")
        market = await wire.socket(f"/market/stream?streams={names}")
        await wire.taken("BUY")
        await wire.sim.advance(3 * S)
        seen: dict[str, set[str]] = {"public": set(), "market": set()}
        for name, socket in (("public", public), ("market", market)):
            await socket.send({"method": "LIST_SUBSCRIPTIONS", "id": 1})
            while "id" not in (message := await socket.json()):
                seen[name].add(message["data"]["e"])
        assert seen == {"public": {"bookTicker", "depthUpdate"}, "market": {"aggTrade", "markPriceUpdate"}}


async def test_depth_is_chained_by_pu_and_reaches_the_book_that_rest_shows() -> None:
    async with trading() as wire:
        stream = await wire.socket("/public/ws/ethusdc@depth@100ms")
        first = (await wire.get("v1/depth", symbol="ETHUSDC", limit="1000")).body
        book = {side: dict(first[side]) for side in ("bids", "asks")}
        await wire.sim.advance(5 * S)
        last = (await wire.get("v1/depth", symbol="ETHUSDC", limit="1000")).body
        previous = None
        while True:
            event = await stream.json()
            if event["u"] <= first["lastUpdateId"]:
                continue
            assert previous in (None, event["pu"])
            assert previous is not None or event["pu"] <= first["lastUpdateId"] < event["u"]
            previous = event["u"]
            for side, rows in (("bids", event["b"]), ("asks", event["a"])):
                for price, quantity in rows:
                    book[side][price] = quantity
                    if Decimal(quantity) == 0:
                        del book[side][price]
            if previous >= last["lastUpdateId"]:
                break
        assert previous == last["lastUpdateId"]
        assert book == {side: dict(last[side]) for side in ("bids", "asks")}


async def test_exchange_info_says_what_is_enforced() -> None:
    async with trading() as wire:
        body = (await wire.get("v1/exchangeInfo")).body
        (eth, btc) = body["symbols"]
        filters = {f["filterType"]: f for f in eth["filters"]}
        assert (filters["PRICE_FILTER"]["tickSize"], filters["LOT_SIZE"]["stepSize"]) == ("0.01", "0.001")
        assert {f["filterType"]: f for f in btc["filters"]}["PRICE_FILTER"]["tickSize"] == "0.1"
        assert (eth["contractType"], eth["marginAsset"], eth["status"]) == ("PERPETUAL", "USDC", "TRADING")
        assert "GTX" in eth["timeInForce"]
        assert json.dumps(body["rateLimits"]).count("ORDERS") == 2
        mode = (await wire.signed("GET", "v1/positionSide/dual")).body
        assert mode == {"dualSidePosition": False}
        config = (await wire.signed("GET", "v1/symbolConfig", symbol="ETHUSDC")).body
        assert (config[0]["leverage"], config[0]["marginType"]) == (20, "CROSSED")


async def test_a_reset_forgets_positions_and_wallets() -> None:
    async with trading() as wire:
        await wire.taken("BUY", "0.100")
        wire.sim.admin.do("reset")
        assert await wire.position() is None
        assert (await wire.account())["totalWalletBalance"] == "50000.00000000"
