"""Frames of every kind → core events; what is broken is refused with a reason and nothing else."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mm_trader.core.events import (
    AccountUpdate,
    BookTicker,
    DepthUpdate,
    ExecutionReport,
    PublicTrade,
    Side,
)
from mm_trader.core.units import SymbolRules
from mm_trader.venue.binance.wire.market import FrameError, MarketDecoder, Notice, stream_path
from mm_trader.venue.binance.wire.numbers import numbers_by_symbol
from mm_trader.venue.binance.wire.replies import (
    DepthBody,
    OrderBody,
    SpotTradeBody,
    depth_snapshot,
    order_view,
    read_body,
    read_reply,
    trade_view,
)
from mm_trader.venue.binance.wire.user import UserDecoder

RULES = {
    "ETHUSDT": SymbolRules(
        symbol="ETHUSDT", base_asset="ETH", quote_asset="USDT", tick=Decimal("0.01"), lot=Decimal("0.0001")
    )
}
NUMBERS = numbers_by_symbol(RULES)
MARKET = MarketDecoder(NUMBERS)
USER = UserDecoder(NUMBERS)


def combined(stream: str, data: dict[str, Any]) -> bytes:
    return json.dumps({"stream": stream, "data": data}, separators=(",", ":")).encode()


TICKER = {
    "u": 7,
    "s": "ETHUSDT",
    "b": "2683.80000000",
    "B": "3.02920000",
    "a": "2683.81000000",
    "A": "0.00010000",
}
DEPTH = {
    "e": "depthUpdate",
    "E": 1,
    "s": "ETHUSDT",
    "U": 5,
    "u": 9,
    "b": [["2683.80000000", "3.02920000"], ["2500.00000000", "0.00000000"]],
    "a": [],
}
TRADE = {
    "e": "trade",
    "E": 1,
    "s": "ETHUSDT",
    "t": 11,
    "p": "2683.80000000",
    "q": "0.00200000",
    "T": 1,
    "m": True,
    "M": True,
}


def test_a_book_ticker_is_read_in_ticks_and_lots() -> None:
    assert MARKET.decode(combined("ethusdt@bookTicker", TICKER), 5) == BookTicker(
        ts=5, symbol="ETHUSDT", update_id=7, bid=268380, bid_size=30292, ask=268381, ask_size=1
    )


def test_a_depth_difference_keeps_its_ids_and_removals() -> None:
    assert MARKET.decode(combined("ethusdt@depth@100ms", DEPTH), 5) == DepthUpdate(
        ts=5,
        symbol="ETHUSDT",
        first_id=5,
        last_id=9,
        previous_id=None,
        bids=[(268380, 30292), (250000, 0)],
        asks=[],
    )


def test_the_previous_id_of_futures_is_kept() -> None:
    event = MARKET.decode(combined("ethusdt@depth@100ms", {**DEPTH, "pu": 4, "T": 1}), 5)
    assert isinstance(event, DepthUpdate)
    assert event.previous_id == 4


def test_a_public_trade_says_who_was_the_maker() -> None:
    assert MARKET.decode(combined("ethusdt@trade", TRADE), 5) == PublicTrade(
        ts=5, symbol="ETHUSDT", trade_id=11, price=268380, size=20, buyer_is_maker=True
    )


def test_the_order_of_keys_and_spaces_does_not_matter() -> None:
    frame = json.dumps({"data": TICKER, "stream": "ethusdt@bookTicker"}, indent=1).encode()
    assert isinstance(MARKET.decode(frame, 5), BookTicker)


@pytest.mark.parametrize(
    ("frame", "notice"),
    [
        (b'{"result":null,"id":1}', Notice.REPLY),
        (b'{"result":["a@trade"],"id":"x"}', Notice.REPLY),
        (b'{"result":["ethusdt@trade","ethusdt@bookTicker"],"id":1}', Notice.REPLY),
        (b'{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1}}', Notice.SHUTDOWN),
        (b'{"e":"serverShutdown","E":1}', Notice.SHUTDOWN),
        (b'{"stream":"btcusdt@bookTicker","data":{"u":1}}', Notice.OTHER),
        (b'{"stream":"ethusdt@kline_1m","data":{"e":"kline","k":{}}}', Notice.OTHER),
        (b"{}", Notice.OTHER),
    ],
)
def test_frames_that_are_no_market_event_are_told_apart(frame: bytes, notice: Notice) -> None:
    assert MARKET.decode(frame, 5) is notice


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"null",
        b"[]",
        b"{",
        b"\xff\xfe",
        combined("ethusdt@bookTicker", TICKER).replace(b"3.02", b"3.\xe4\xe4"),
        combined("ethusdt@bookTicker", {}),
        combined("ethusdt@bookTicker", {**TICKER, "b": 2683.8}),
        combined("ethusdt@bookTicker", {**TICKER, "b": "2683.805"}),
        combined("ethusdt@bookTicker", {**TICKER, "b": "-1"}),
        combined("ethusdt@depth@100ms", {**DEPTH, "b": [["1"]]}),
        combined("ethusdt@depth@100ms", {**DEPTH, "b": [["1", "NaN"]]}),
        combined("ethusdt@trade", {**TRADE, "m": "true"}),
    ],
)
def test_a_broken_market_frame_is_a_frame_error(frame: bytes) -> None:
    with pytest.raises(FrameError):
        MARKET.decode(frame, 5)


@given(st.binary(max_size=200))
def test_no_bytes_whatever_raise_anything_but_a_frame_error(frame: bytes) -> None:
    for read in (lambda: MARKET.decode(frame, 5), lambda: USER.decode(frame, 5), lambda: read_reply(frame)):
        try:
            read()
        except FrameError:
            continue


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
REPORT: dict[str, Any] = {
    "e": "executionReport", "E": 1499405658658, "s": "ETHUSDT", "c": "mm1-1", "S": "BUY", "o": "LIMIT_MAKER",
    "f": "GTC", "q": "1.00000000", "p": "2683.80000000", "P": "0.00000000", "F": "0.00000000", "g": -1, "C": "",
    "x": "NEW", "X": "NEW", "r": "NONE", "i": 4293153, "l": "0.00000000", "z": "0.00000000", "L": "0.00000000",
    "n": "0", "N": None, "T": 1499405658657, "t": -1, "I": 8641984, "w": True, "m": False, "M": False,
    "O": 1499405658657, "Z": "0.00000000", "Y": "0.00000000", "Q": "0.00000000", "W": 1499405658657, "V": "NONE",
}  # fmt: skip


@given(st.sampled_from(sorted(REPORT)), json_values)
def test_a_report_with_one_field_of_any_other_value_is_read_or_refused(field: str, value: Any) -> None:
    try:
        USER.decode(json.dumps({**REPORT, field: value}).encode(), 5)
    except FrameError:
        return


def report(**changes: Any) -> ExecutionReport:
    event = USER.decode(json.dumps({**REPORT, **changes}).encode(), 5)
    assert isinstance(event, ExecutionReport)
    return event


def test_a_new_order_is_reported_without_a_trade() -> None:
    event = report()
    assert event.trade is None
    assert event.reject_reason == ""
    assert event.order.client_id == "mm1-1"
    assert (event.order.venue_id, event.order.status, event.execution) == (4293153, "NEW", "NEW")
    assert (event.order.price, event.order.size, event.order.filled) == (268380, 10_000, 0)
    assert event.order.side is Side.BUY


def test_a_cancel_is_reported_under_the_orders_own_id() -> None:
    assert report(x="CANCELED", X="CANCELED", c="cancel-9", C="mm1-1").order.client_id == "mm1-1"


def test_a_trade_carries_its_fee_asset_and_role() -> None:
    event = report(
        x="TRADE", X="PARTIALLY_FILLED", l="0.25000000", L="2683.79000000", z="0.25000000", t=77, m=True,
        n="0.00012300", N="BNB", S="SELL",
    )  # fmt: skip
    trade = event.trade
    assert trade is not None
    assert (trade.trade_id, trade.price, trade.size, trade.side) == (77, 268379, 2500, Side.SELL)
    assert (trade.commission, trade.commission_asset, trade.maker) == (Decimal("0.000123"), "BNB", True)
    assert (trade.venue_id, event.order.filled) == (4293153, 2500)


def test_a_trade_without_commission_has_none_and_no_asset() -> None:
    trade = report(x="TRADE", X="FILLED", l="1", L="1", z="1", t=1, n=None, N=None).trade
    assert trade is not None
    assert (trade.commission, trade.commission_asset) == (Decimal(0), "")


def test_a_prevented_match_and_an_expiry_are_no_trades() -> None:
    for execution, status in (("TRADE_PREVENTION", "EXPIRED_IN_MATCH"), ("EXPIRED", "EXPIRED")):
        event = report(x=execution, X=status, t=-1)
        assert (event.trade, event.order.status) == (None, status)


@pytest.mark.parametrize(
    "odd", [{"L": "0.00000000"}, {"l": "0.00000000"}, {"t": -1}, {"n": "NaN"}, {"n": "Infinity"}], ids=str
)
def test_a_trade_that_cannot_have_been_is_no_trade(odd: dict[str, Any]) -> None:
    with pytest.raises(FrameError, match="user event"):
        report(
            **{
                "x": "TRADE",
                "X": "PARTIALLY_FILLED",
                "L": "4.00",
                "l": "1.0",
                "t": 7,
                "n": "0.1",
                "N": "BNB",
                **odd,
            }
        )


@pytest.mark.parametrize("amount", ["NaN", "-Infinity", "sNaN"])
def test_a_balance_that_is_no_number_is_no_balance(amount: str) -> None:
    body = {"e": "outboundAccountPosition", "E": 1, "u": 1, "B": [{"a": "ETH", "f": "1", "l": amount}]}
    with pytest.raises(FrameError, match="user event"):
        USER.decode(json.dumps(body).encode(), 5)


def test_a_rejection_carries_its_reason() -> None:
    assert (
        report(x="REJECTED", X="REJECTED", r="INSUFFICIENT_BALANCES").reject_reason == "INSUFFICIENT_BALANCES"
    )


def test_balances_are_exact_and_other_events_are_left_alone() -> None:
    body = {
        "e": "outboundAccountPosition",
        "E": 1,
        "u": 1,
        "B": [{"a": "ETH", "f": "10000.000001", "l": "0.1"}],
    }
    event = USER.decode(json.dumps(body).encode(), 5)
    assert event == AccountUpdate(ts=5, balances={"ETH": (Decimal("10000.000001"), Decimal("0.1"))})
    assert USER.decode(b'{"e":"balanceUpdate","a":"ETH","d":"1"}', 5) is Notice.OTHER
    assert USER.decode(b'{"e":"listStatus"}', 5) is Notice.OTHER
    assert USER.decode(b'{"e":"eventStreamTerminated","E":1}', 5) is Notice.SHUTDOWN
    assert USER.decode(json.dumps({**REPORT, "s": "BTCUSDT"}).encode(), 5) is Notice.OTHER


def test_an_order_of_a_query_and_of_a_cancel_reply_are_read_alike() -> None:
    row = {
        "symbol": "ETHUSDT", "orderId": 4, "clientOrderId": "mm1-1", "price": "10.00", "origQty": "2.0",
        "executedQty": "0.5", "status": "CANCELED", "side": "SELL", "type": "LIMIT_MAKER", "updateTime": 9,
    }  # fmt: skip
    queried = order_view(read_body(json.dumps(row).encode(), OrderBody), NUMBERS["ETHUSDT"])
    reply = {
        **row,
        "clientOrderId": "cancel",
        "origClientOrderId": "mm1-1",
        "transactTime": 9,
        "updateTime": 0,
    }
    cancelled = order_view(read_body(json.dumps(reply).encode(), OrderBody), NUMBERS["ETHUSDT"])
    assert queried == cancelled
    assert (queried.client_id, queried.filled, queried.update_ms) == ("mm1-1", 5000, 9)


def test_a_row_of_my_trades_is_a_trade() -> None:
    row = {
        "symbol": "ETHUSDT", "id": 28457, "orderId": 100, "price": "4.00", "qty": "12.0", "commission": "10.1",
        "commissionAsset": "BNB", "time": 5, "isBuyer": False, "isMaker": True, "isBestMatch": True,
    }  # fmt: skip
    trade = trade_view(read_body(json.dumps(row).encode(), SpotTradeBody), NUMBERS["ETHUSDT"])
    assert (trade.trade_id, trade.venue_id, trade.side) == (28457, 100, Side.SELL)
    assert (trade.price, trade.size, trade.commission) == (400, 120_000, Decimal("10.1"))
    for odd in ({"price": "0.00"}, {"qty": "0.0"}, {"commission": "NaN"}):
        with pytest.raises(FrameError, match="trade in reply"):
            trade_view(read_body(json.dumps(row | odd).encode(), SpotTradeBody), NUMBERS["ETHUSDT"])


def test_a_snapshot_is_read_in_ticks_and_lots() -> None:
    body = read_body(b'{"lastUpdateId":9,"bids":[["1.00","2.0"]],"asks":[["1.01","0.00001"]]}', DepthBody)
    snapshot = depth_snapshot(body, NUMBERS["ETHUSDT"], 3)
    assert (snapshot.last_id, snapshot.bids, snapshot.asks) == (9, [(100, 20_000)], [(101, 1)])


def test_the_path_names_every_channel_of_every_symbol() -> None:
    assert stream_path(["ETHUSDC", "BTCUSDC"]) == (
        "/stream?streams=ethusdc@bookTicker/ethusdc@depth@100ms/ethusdc@trade"
        "/btcusdc@bookTicker/btcusdc@depth@100ms/btcusdc@trade"
    )
