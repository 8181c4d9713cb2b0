"""User events of the futures besides orders and wallets: TRADE_LITE, a changed leverage, a margin call; what funding names."""

from __future__ import annotations

from decimal import Decimal

from simwire import S
from usdmwire import trading, usdm_config


async def test_a_fill_is_told_in_short_before_it_is_told_in_full() -> None:
    async with trading() as wire:
        stream = await wire.user_stream()
        order = (await wire.taken("BUY", "0.100", newClientOrderId="lite")).body
        assert (await stream.json())["o"]["x"] == "NEW"
        lite, full = await stream.json(), await stream.json()
        assert (full["e"], full["o"]["x"]) == ("ORDER_TRADE_UPDATE", "TRADE")
        told = full["o"]
        assert Decimal(lite.pop("L")) == Decimal(told["L"])
        assert lite == {
            "e": "TRADE_LITE",
            "E": full["E"],
            "T": full["T"],
            "s": "ETHUSDC",
            "q": "0.100",
            "p": "0.00",
            "m": False,
            "c": "lite",
            "S": "BUY",
            "l": "0.100",
            "t": told["t"],
            "i": order["orderId"],
        }


async def test_a_lost_user_event_takes_both_words_of_a_fill_with_it() -> None:
    async with trading() as wire:
        stream = await wire.user_stream()
        wire.sim.admin.do("fault", fault="lose_user_event", count=2)
        await wire.taken("BUY", "0.010")
        assert (await stream.json())["e"] == "ACCOUNT_UPDATE"


async def test_a_changed_leverage_is_told() -> None:
    async with trading() as wire:
        stream = await wire.user_stream()
        await wire.signed("POST", "v1/leverage", symbol="ETHUSDC", leverage=7)
        now = wire.timestamp()
        assert await stream.json() == {
            "e": "ACCOUNT_CONFIG_UPDATE",
            "E": now,
            "T": now,
            "ac": {"s": "ETHUSDC", "l": 7},
        }


async def test_a_margin_call_names_wallet_and_positions() -> None:
    async with trading() as wire:
        stream = await wire.user_stream()
        await wire.taken("SELL", "0.100")
        assert wire.sim.admin.do("margin_call", account="alpha") == {"account": "alpha", "positions": 1}
        call = await stream.until(lambda m: m["e"] == "MARGIN_CALL")
        (position,) = call["p"]
        assert (position["s"], position["ps"], position["pa"]) == ("ETHUSDC", "BOTH", "-0.100")
        assert Decimal(call["cw"]) == Decimal((await wire.account())["totalWalletBalance"])


async def test_funding_of_a_cross_position_names_the_wallet_alone() -> None:
    async with trading(usdm_config(funding_interval_s=60)) as wire:
        stream = await wire.user_stream()
        await wire.taken("BUY", "0.100")
        await wire.sim.advance(60 * S)
        event = await stream.until(lambda m: m["e"] == "ACCOUNT_UPDATE" and m["a"]["m"] == "FUNDING_FEE")
        assert event["a"]["P"] == []
        assert [row["a"] for row in event["a"]["B"]] == ["USDC"]


async def test_a_history_to_download_is_never_ready() -> None:
    async with trading() as wire:
        asked = await wire.signed("GET", "v1/income/asyn", startTime=1, endTime=2)
        number = asked.body["downloadId"]
        link = (await wire.signed("GET", "v1/income/asyn/id", downloadId=number)).body
        assert (link["downloadId"], link["status"], link["url"]) == (number, "processing", "")
        assert (await wire.signed("GET", "v1/trade/asyn", startTime=1)).error[1] == -1102


async def test_a_depth_event_says_what_its_symbol_is() -> None:
    async with trading() as wire:
        market = await wire.socket("/public/ws/ethusdc@depth@100ms")
        await wire.sim.advance(S)
        event = await market.json()
        assert (event["ps"], event["st"]) == ("ETHUSDC", 1)
