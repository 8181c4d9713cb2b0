"""Client libraries of others, as they were published, in environments of their own, against the simulator as a program."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import Flow, still_market

PYTHON_BINANCE, SDK, CCXT, CONNECTOR = "python-binance", "binance-sdk-spot", "ccxt", "binance-connector"
DEPTH = ("--market", "seeded:5:toxic", "--speed", "10")
SPEED = "1" if os.environ.get("MM_WHOLE") else "10"
"""Of the market that a depth cache follows for a minute of its time."""


def executions(seen: dict[str, Any]) -> list[dict[str, Any]]:
    return [event for event in seen["events"] if "x" in event]


def check_orders(seen: dict[str, Any]) -> None:
    """What both libraries saw of the same life of orders."""
    assert seen["symbols"] == ["ETHUSDC", "BTCUSDC"]
    assert seen["account"]["ETH"] == "10.00000000"
    assert (seen["placed"]["status"], seen["taken"]["status"]) == ("NEW", "FILLED")
    assert [fill["qty"] for fill in seen["taken"]["fills"]] == ["0.10000000"]
    assert (seen["partial"]["status"], seen["partial"]["executedQty"]) == ("PARTIALLY_FILLED", "0.10000000")
    assert [(t["qty"], t["isMaker"], t["isBuyer"]) for t in seen["trades"]] == [("0.10000000", True, False)]
    assert (seen["cancelled"]["status"], seen["cancelled"]["executedQty"]) == ("CANCELED", "0.10000000")
    assert (seen["ws_placed"]["status"], seen["ws_status"]["origQty"]) == ("NEW", "0.05000000")
    for replaced in (seen["replaced"], seen["rest_replaced"]):
        assert (replaced["cancelResult"], replaced["newOrderResult"]) == ("SUCCESS", "SUCCESS")
    assert [one["status"] for one in seen["ws_cancelled"]] == ["CANCELED"]
    order = seen["placed"]["orderId"]
    life = [(e["x"], e["X"], e["z"]) for e in executions(seen) if e["i"] == order]
    assert life == [
        ("NEW", "NEW", "0.00000000"),
        ("TRADE", "PARTIALLY_FILLED", "0.10000000"),
        ("CANCELED", "CANCELED", "0.10000000"),
    ]
    assert sum(e["x"] == "CANCELED" for e in executions(seen)) == 4
    balances = [row for e in seen["events"] if "B" in e for row in e["B"]]
    assert {row["a"] for row in balances} == {"ETH", "USDC"}


def test_python_binance_places_fills_cancels_and_replaces(
    simulate: Callable[..., str], flow: Flow, tmp_path: Path
) -> None:
    seen = flow(PYTHON_BINANCE, "orders", simulate("--market", still_market(tmp_path)))
    check_orders(seen)
    assert "PRICE_FILTER" in seen["filters"]
    assert seen["open"] == ["0.07000000"]
    assert seen["refused"] == ["BinanceAPIException", -2011, "Unknown order sent."]
    assert seen["all"] == 4


def test_the_official_sdk_places_fills_cancels_replaces_and_amends(
    simulate: Callable[..., str], flow: Flow, tmp_path: Path
) -> None:
    seen = flow(SDK, "orders", simulate("--market", still_market(tmp_path)))
    check_orders(seen)
    assert seen["amended"]["amendedOrder"]["qty"] == "0.03000000"
    assert [(a["origQty"], a["newQty"]) for a in seen["amendments"]] == [("0.07000000", "0.03000000")]
    assert seen["open"] == ["0.03000000"]
    assert seen["refused"][0] == "BadRequestError"
    assert "-2011" in seen["refused"][1]


@pytest.mark.parametrize("library", [PYTHON_BINANCE, SDK])
def test_a_depth_cache_is_the_book_after_a_minute_of_market_time(
    library: str, simulate: Callable[..., str], flow: Flow
) -> None:
    seen = flow(library, "depth", simulate("--market", "seeded:5:toxic", "--speed", SPEED), SPEED)
    assert seen["updates"] >= 20
    assert seen.get("gaps", 0) == 0
    for kept, venue in (seen["u"], seen["bids"], seen["asks"]):
        assert kept == venue
    assert len(seen["bids"][0]) >= 10


def test_what_clients_call_when_they_start_is_answered(simulate: Callable[..., str], flow: Flow) -> None:
    seen = flow(PYTHON_BINANCE, "calls", simulate(*DEPTH))
    assert seen["status"]["status"] == 0
    candle = seen["klines"][-1]
    assert len(candle) == 12
    assert float(candle[3]) <= float(candle[4]) <= float(candle[2])
    assert seen["ws_klines"][-1][0] >= candle[0]
    assert seen["fee"][0]["symbol"] == "ETHUSDC"
    assert seen["stream_kline"]["k"]["i"] == "1m"
    assert [seen[f"stream_{name}"]["e"] for name in ("mini", "ticker", "trade")] == [
        "24hrMiniTicker",
        "24hrTicker",
        "trade",
    ]
    assert {one["s"] for one in seen["stream_all_mini"]} == {"ETHUSDC", "BTCUSDC"}
    assert seen["stream_multiplex"]["stream"] in ("ethusdc@depth5@100ms", "btcusdc@bookTicker")


def test_python_binance_trades_a_perpetual(simulate: Callable[..., str], flow: Flow) -> None:
    seen = flow(PYTHON_BINANCE, "usdm", simulate("--product", "usdm"))
    assert seen["symbols"] == ["ETHUSDC", "BTCUSDC"]
    assert (seen["placed"]["status"], seen["placed"]["timeInForce"], seen["open"]) == ("NEW", "GTX", 1)
    assert (seen["modified"]["origQty"], seen["cancelled"]["status"]) == ("0.200", "CANCELED")
    assert seen["countdown"] == {"symbol": "ETHUSDC", "countdownTime": "60000"}
    assert seen["refused"] == ["BinanceAPIException", -5022]
    assert (seen["sold"]["status"], seen["position"]["positionAmt"]) == ("FILLED", "-0.100")
    assert [t["side"] for t in seen["trades"]] == ["SELL"] * len(seen["trades"])
    assert seen["mode"] == {"dualSidePosition": False}
    assert seen["events"][:3] == ["NEW", "AMENDMENT", "CANCELED"]
    assert {"TRADE", "ACCOUNT_UPDATE"} <= set(seen["events"])


@pytest.mark.parametrize("product", ["spot", "usdm"])
def test_ccxt_loads_markets_trades_and_watches(
    product: str, simulate: Callable[..., str], flow: Flow
) -> None:
    seen = flow(CCXT, product, simulate("--market", "seeded:5:toxic", "--product", product))
    calls, streams = seen["calls"], seen["streams"]
    assert calls["status"] == "ok"
    assert calls["currencies"] == ["BTC", "ETH", "USDC"]
    assert (calls["balance"], calls["open"], calls["bought"]) == (50000.0, [0.06], "closed")
    assert calls["trades"] == pytest.approx(0.05)
    assert streams["book"] is streams["balance"] is True
    assert (streams["cancelled"], streams["fills"]) == ("canceled", 0.01)
    assert (calls["waiting"], calls["stop"][0], calls["stop"][2]) == (1, "open", True)
    assert ("Stop price would" if product == "spot" else "-2021") in calls["late_stop"]
    if product == "spot":
        assert (calls["precision"]["amount"], calls["cancelled"]) == (0.0001, "canceled")
        assert "immediately match" in calls["post_only"]
    else:
        assert calls["position"] == [["ETH/USDC:USDC", 0.05]]
        assert calls["conditional"] == [
            ["TRAILING_STOP_MARKET", "GTC", True],
            ["TAKE_PROFIT", "GTC", False],
            ["STOP_MARKET", "GTE_GTC", True],
        ]
        assert calls["ended"] is True
        assert (calls["batch"], calls["tiers"]) == (["canceled", "canceled"], 125.0)
        assert "-5022" in calls["post_only"]
        assert "-4168" in calls["isolated"]


def test_every_call_of_the_older_connector_is_answered_or_refused_in_the_venues_words(
    simulate: Callable[..., str], flow: Flow
) -> None:
    seen = flow(CONNECTOR, "calls", simulate(*DEPTH))
    assert seen["refused"] == {
        "no_oco_cancel": -2011,
        "no_oco_order": -2013,
        "new_listen_key": -1000,
        "late_stop_order": -2010,
    }
    assert len(seen["answered"]) == 45
    assert "depthUpdate" in seen["streams"]
