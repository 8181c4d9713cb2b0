"""Orders that wait for a price: what sets them off, what they hold meanwhile, what they do then."""

from __future__ import annotations

import pytest
from simengine import SYMBOL, Desk

from mm_trader.venue.simulator.engine.account import CommissionRates
from mm_trader.venue.simulator.engine.errors import RefusalError
from mm_trader.venue.simulator.engine.events import BookUpdate, ExecutionEvent, TradeEvent
from mm_trader.venue.simulator.engine.types import (
    E8,
    ExecType,
    NewOrder,
    Order,
    OrderStatus,
    OrderType,
    Side,
    TimeInForce,
)
from mm_trader.venue.simulator.market.driver import background_account

LOSS, LOSS_LIMIT = OrderType.STOP_LOSS, OrderType.STOP_LOSS_LIMIT
PROFIT, PROFIT_LIMIT = OrderType.TAKE_PROFIT, OrderType.TAKE_PROFIT_LIMIT
FREE = CommissionRates(0, 0)


def desk_at(last: str = "2600") -> Desk:
    """No commissions; the last trade was at `last`."""
    desk = Desk(FREE)
    desk.trade(last)
    desk.events()
    return desk


def reports(desk: Desk, order: Order) -> list[tuple[ExecType, OrderStatus, bool]]:
    """(what happened, status, on the book) of an order's reports since the last look."""
    events = [e for e in desk.events() if isinstance(e, ExecutionEvent) and e.order is order]
    return [(e.exec_type, e.status, e.on_book) for e in events]


@pytest.mark.parametrize(
    ("kind", "side", "stop", "before", "at"),
    [
        (LOSS_LIMIT, "BUY", "2610", "2609.99", "2610"),
        (PROFIT_LIMIT, "SELL", "2610", "2609.99", "2610"),
        (LOSS_LIMIT, "SELL", "2590", "2590.01", "2590"),
        (PROFIT_LIMIT, "BUY", "2590", "2590.01", "2590"),
        (LOSS_LIMIT, "BUY", "2610", "2590", "2700"),
        (LOSS_LIMIT, "SELL", "2590", "2700", "2500"),
    ],
)
def test_a_trade_at_or_past_the_stop_price_sets_an_order_off(
    kind: OrderType, side: str, stop: str, before: str, at: str
) -> None:
    desk = desk_at()
    order = desk.place(desk.a, side, "1", "2600", kind=kind, stop=stop).order
    assert reports(desk, order) == [(ExecType.NEW, OrderStatus.NEW, False)]
    desk.trade(before)
    assert (order.working_ns, order.level) == (-1, None)
    desk.trade(at)
    assert reports(desk, order) == [(ExecType.NEW, OrderStatus.NEW, True)]
    assert order.working_ns == desk.now
    assert order.level is not None
    assert desk.levels(side) == [(260_000, 10_000)]


@pytest.mark.parametrize(
    ("kind", "side", "stop"),
    [
        (LOSS, "BUY", "2600"),
        (LOSS_LIMIT, "BUY", "2599"),
        (PROFIT, "SELL", "2600"),
        (LOSS, "SELL", "2600"),
        (LOSS_LIMIT, "SELL", "2601"),
        (PROFIT_LIMIT, "BUY", "2600"),
    ],
)
def test_an_order_that_the_last_trade_would_set_off_is_refused(kind: OrderType, side: str, stop: str) -> None:
    desk = desk_at()
    price = "2600" if kind in (LOSS_LIMIT, PROFIT_LIMIT) else None
    refusal = desk.refusal(desk.a, side, "1", price, kind=kind, stop=stop)
    assert (refusal.code, refusal.msg) == (-2010, "Stop price would trigger immediately.")
    assert desk.events() == []
    assert not desk.a.open


def test_a_waiting_order_holds_its_money_and_does_not_show_in_the_book() -> None:
    desk = desk_at()
    sale = desk.place(desk.a, "SELL", "3", "2580", kind=LOSS_LIMIT, stop="2590").order
    buy = desk.place(desk.a, "BUY", "2", "2620", kind=LOSS_LIMIT, stop="2610").order
    at_market = desk.place(desk.a, "BUY", "1", kind=LOSS, stop="2615").order
    assert not [e for e in desk.events() if isinstance(e, BookUpdate)]
    assert desk.levels("BUY") == desk.levels("SELL") == []
    assert desk.a.balance("ETH").locked == 3 * E8
    assert desk.a.balance("USDC").locked == (2 * 2620 + 2615) * E8
    for order in (sale, buy, at_market):
        desk.exchange.cancel(order)
    assert reports(desk, at_market) == [(ExecType.CANCELED, OrderStatus.CANCELED, False)]
    assert (desk.a.balance("ETH").locked, desk.a.balance("USDC").locked) == (0, 0)
    assert desk.exchange.market(SYMBOL).stops is None


def test_one_without_the_money_is_refused() -> None:
    desk = desk_at()
    refusal = desk.refusal(desk.a, "SELL", "10.0001", "2580", kind=LOSS_LIMIT, stop="2590")
    assert (refusal.code, refusal.msg) == (-2010, "Account has insufficient balance for requested action.")
    assert desk.exchange.market(SYMBOL).stops is None


def test_the_price_filter_holds_for_the_stop_price() -> None:
    desk = desk_at()
    for stop in ("2590.001", "0", "1000000.01"):
        refusal = desk.refusal(desk.a, "SELL", "1", "2580", kind=LOSS_LIMIT, stop=stop)
        assert (refusal.code, refusal.msg) == (-1013, "Filter failure: PRICE_FILTER")


def test_the_sixth_order_with_a_stop_price_breaks_max_num_algo_orders() -> None:
    desk = desk_at()
    orders = [desk.place(desk.a, "SELL", "0.1", "2580", kind=LOSS_LIMIT, stop="2590").order for _ in range(5)]
    refusal = desk.refusal(desk.a, "SELL", "0.1", kind=LOSS, stop="2590")
    assert (refusal.code, refusal.msg) == (-1013, "Filter failure: MAX_NUM_ALGO_ORDERS")
    desk.place(desk.b, "SELL", "0.1", kind=LOSS, stop="2590")
    desk.place(desk.a, "SELL", "0.1", "2700")
    desk.exchange.cancel(orders[0])
    desk.place(desk.a, "SELL", "0.1", kind=LOSS, stop="2590")


def test_a_stop_loss_sells_at_the_market_once_it_is_set_off() -> None:
    desk = desk_at()
    desk.place(desk.b, "BUY", "1", "2580")
    desk.place(desk.b, "BUY", "1", "2570")
    order = desk.place(desk.a, "SELL", "1.5", kind=LOSS, stop="2590").order
    desk.events()
    desk.trade("2589")
    assert reports(desk, order) == [
        (ExecType.NEW, OrderStatus.NEW, False),
        (ExecType.TRADE, OrderStatus.PARTIALLY_FILLED, False),
        (ExecType.TRADE, OrderStatus.FILLED, False),
    ]
    assert order.executed_quote == (2580 + 1285) * E8
    assert desk.a.balance("ETH").free == 8_50_000_000
    assert desk.a.balance("ETH").locked == 0


def test_one_at_the_market_that_finds_nothing_expires() -> None:
    desk = desk_at()
    order = desk.place(desk.a, "SELL", "1", kind=LOSS, stop="2590").order
    desk.trade("2590")
    assert order.status is OrderStatus.EXPIRED
    assert desk.a.balance("ETH").free == 10 * E8


def test_a_buy_at_the_market_pays_more_than_its_stop_price_from_what_is_free() -> None:
    desk = desk_at()
    desk.place(desk.b, "SELL", "2", "2650")
    order = desk.place(desk.a, "BUY", "2", kind=LOSS, stop="2610").order
    desk.trade("2610")
    assert order.status is OrderStatus.FILLED
    usdc = desk.a.balance("USDC")
    assert (usdc.free, usdc.locked) == ((50_000 - 2 * 2650) * E8, 0)


def test_a_buy_at_the_market_that_its_account_cannot_pay_expires_and_says_why() -> None:
    desk = desk_at()
    desk.place(desk.b, "SELL", "8", "3000")
    order = desk.place(desk.a, "BUY", "8", kind=LOSS, stop="2610").order
    desk.place(desk.a, "BUY", "11", "2500")
    desk.events()
    desk.trade("2610")
    (event,) = [e for e in desk.events() if isinstance(e, ExecutionEvent)]
    assert (event.exec_type, event.status, event.reject_reason) == (
        ExecType.EXPIRED,
        OrderStatus.EXPIRED,
        "INSUFFICIENT_BALANCES",
    )
    assert (order.locked, order.working_ns) == (0, -1)
    assert desk.a.balance("USDC").locked == 27_500 * E8


@pytest.mark.parametrize(
    ("tif", "status", "executed"),
    [
        (TimeInForce.GTC, OrderStatus.PARTIALLY_FILLED, 10_000),
        (TimeInForce.IOC, OrderStatus.EXPIRED, 10_000),
        (TimeInForce.FOK, OrderStatus.EXPIRED, 0),
    ],
)
def test_a_limit_is_kept_with_its_time_in_force(tif: TimeInForce, status: OrderStatus, executed: int) -> None:
    desk = desk_at()
    desk.place(desk.b, "BUY", "1", "2585")
    order = desk.place(desk.a, "SELL", "2", "2580", kind=LOSS_LIMIT, tif=tif, stop="2590").order
    desk.trade("2590")
    assert (order.status, order.executed) == (status, executed)
    assert desk.a.balance("ETH").locked == order.locked == (E8 if tif is TimeInForce.GTC else 0)


def test_every_price_of_a_sweep_counts_the_nearest_stop_first_and_of_one_price_the_older() -> None:
    desk = desk_at()
    for price in ("2610", "2620", "2630"):
        desk.place(desk.a, "SELL", "0.1", price)
    far = desk.place(desk.a, "BUY", "0.1", "2500", kind=LOSS_LIMIT, stop="2630").order
    near = desk.place(desk.a, "BUY", "0.1", "2500", kind=LOSS_LIMIT, stop="2605").order
    same = desk.place(desk.a, "BUY", "0.1", "2500", kind=LOSS_LIMIT, stop="2605").order
    over = desk.place(desk.a, "BUY", "0.1", "2500", kind=LOSS_LIMIT, stop="2630.01").order
    falls = desk.place(desk.a, "BUY", "0.1", "2500", kind=PROFIT_LIMIT, stop="2599").order
    desk.events()
    desk.place(desk.b, "BUY", "0.3", "2630")
    begun = [
        e.order
        for e in desk.events()
        if isinstance(e, ExecutionEvent) and e.exec_type is ExecType.NEW and e.order.stop
    ]
    assert begun == [near, same, far]
    assert over.working_ns == falls.working_ns == -1


def test_what_a_set_off_order_trades_sets_off_the_next_and_the_cascade_ends() -> None:
    desk = desk_at()
    for price in ("2590", "2580", "2570", "2560", "2550"):
        desk.place(desk.b, "BUY", "0.1", price)
    stops = [
        desk.place(desk.a, "SELL", "0.1", kind=LOSS, stop=stop).order
        for stop in ("2560", "2595", "2580", "2590", "2570")
    ]
    desk.events()
    desk.trade("2595")
    events = desk.events()
    assert [o.status for o in stops] == [OrderStatus.FILLED] * 5
    prices = [e.price for e in events if isinstance(e, TradeEvent)]
    assert prices == [259_500, 259_000, 258_000, 257_000, 256_000, 255_000]
    assert sum(isinstance(e, BookUpdate) for e in events) == 1, "one operation, one update"
    assert desk.exchange.market(SYMBOL).stops is None


def test_an_order_shows_what_its_own_fills_left_of_it_not_what_it_set_off() -> None:
    desk = desk_at()
    desk.place(desk.b, "BUY", "0.1", "2590")
    desk.place(desk.b, "BUY", "0.2", kind=PROFIT, stop="2591")
    placed = desk.place(desk.a, "SELL", "0.3", "2590")
    assert placed.order.status is OrderStatus.FILLED
    assert placed.shown is not None
    assert (placed.shown.status, placed.shown.executed) == (OrderStatus.PARTIALLY_FILLED, 1000)
    assert [f.qty for f in placed.fills] == [1000]


def test_the_market_is_set_off_against_only_when_its_update_is_whole() -> None:
    desk = desk_at()
    market = background_account(desk.exchange, "market")

    def quote(side: Side, price: int) -> Order:
        new = NewOrder(SYMBOL, side, OrderType.LIMIT, "", qty_e8=E8, price_e8=price * E8)
        return desk.exchange.place(market, new).order

    bid = quote(Side.BUY, 2590)
    order = desk.place(desk.a, "SELL", "0.5", kind=LOSS, stop="2580").order
    with desk.exchange.batch():
        desk.exchange.cancel(bid)
        desk.exchange.print_trade(SYMBOL, 257_000, 1, buyer_is_maker=True)
        assert order.working_ns == -1
        quote(Side.BUY, 2570)
    assert order.executed_quote == 1285 * E8


def test_a_waiting_order_can_be_made_smaller() -> None:
    desk = desk_at()
    order = desk.place(desk.a, "BUY", "2", kind=LOSS, stop="2610").order
    desk.exchange.amend(order, E8, "smaller")
    assert desk.a.balance("USDC").locked == 2610 * E8
    with pytest.raises(RefusalError, match="NOTIONAL"):
        desk.exchange.amend(order, E8 // 1000, "tiny")
    desk.place(desk.b, "SELL", "2", "2610")
    desk.trade("2610")
    assert (order.status, order.executed) == (OrderStatus.FILLED, 10_000)


def test_a_reset_forgets_what_waits() -> None:
    desk = desk_at()
    desk.place(desk.a, "SELL", "1", kind=LOSS, stop="2590")
    desk.exchange.forget_all()
    desk.events()
    desk.trade("2000")
    assert not [e for e in desk.events() if isinstance(e, ExecutionEvent)]
    assert not desk.a.open
