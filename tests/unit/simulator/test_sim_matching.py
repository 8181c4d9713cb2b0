"""Price-time priority, order types, times in force and self-trade prevention of the engine."""

from __future__ import annotations

import pytest
from simengine import SYMBOL, Desk

from mm_trader.venue.simulator.engine import account as history
from mm_trader.venue.simulator.engine.account import CommissionRates
from mm_trader.venue.simulator.engine.errors import RefusalError
from mm_trader.venue.simulator.engine.events import BalanceEvent, BookUpdate, ExecutionEvent, TradeEvent
from mm_trader.venue.simulator.engine.types import (
    E8,
    ExecType,
    OrderStatus,
    OrderType,
    StpMode,
    SymbolStatus,
    TimeInForce,
)


def test_a_better_price_trades_first_and_at_one_price_the_older_order() -> None:
    desk = Desk()
    first = desk.place(desk.a, "SELL", "1", "2600").order
    second = desk.place(desk.a, "SELL", "1", "2600").order
    better = desk.place(desk.a, "SELL", "1", "2599").order
    taken = desk.place(desk.b, "BUY", "1.5", "2600")
    assert [f.price for f in taken.fills] == [259_900, 260_000]
    assert (better.status, first.status, second.status) == (
        OrderStatus.FILLED,
        OrderStatus.PARTIALLY_FILLED,
        OrderStatus.NEW,
    )
    assert first.remaining == 5_000


def test_a_taker_gets_the_makers_price_and_its_excess_lock_back() -> None:
    desk = Desk(CommissionRates(0, 0))
    desk.place(desk.a, "SELL", "1", "2600")
    desk.place(desk.b, "BUY", "1", "2700")
    usdc = desk.b.balance("USDC")
    assert (usdc.free, usdc.locked) == ((50_000 - 2600) * E8, 0)


def test_commission_is_taken_from_what_each_side_receives() -> None:
    desk = Desk(CommissionRates(maker_e8=20_000, taker_e8=100_000))
    desk.place(desk.a, "SELL", "1", "2600")
    taken = desk.place(desk.b, "BUY", "1", "2600")
    assert (taken.fills[0].commission, taken.fills[0].commission_asset) == (100_000, "ETH")
    assert desk.b.balance("ETH").free == 11 * E8 - 100_000
    assert desk.a.balance("USDC").free == 50_000 * E8 + 2600 * E8 - 2600 * 20_000
    assert desk.exchange.ledger.fees == {"ETH": 100_000, "USDC": 2600 * 20_000}


def test_a_limit_maker_that_would_match_is_refused_and_changes_nothing() -> None:
    desk = Desk()
    desk.place(desk.a, "SELL", "1", "2600")
    desk.events()
    refusal = desk.refusal(desk.b, "BUY", "1", "2600", kind=OrderType.LIMIT_MAKER)
    assert (refusal.code, refusal.msg) == (-2010, "Order would immediately match and take.")
    assert desk.events() == []
    assert desk.b.balance("USDC").locked == 0


def test_ioc_takes_what_is_there_and_expires_the_rest() -> None:
    desk = Desk()
    desk.place(desk.a, "SELL", "1", "2600")
    order = desk.place(desk.b, "BUY", "3", "2600", tif=TimeInForce.IOC).order
    assert (order.status, order.executed) == (OrderStatus.EXPIRED, 10_000)
    assert desk.levels("BUY") == []
    assert desk.b.balance("USDC").locked == 0


@pytest.mark.parametrize(("qty", "status"), [("2", OrderStatus.FILLED), ("2.0001", OrderStatus.EXPIRED)])
def test_fok_fills_whole_or_not_at_all(qty: str, status: OrderStatus) -> None:
    desk = Desk()
    desk.place(desk.a, "SELL", "1", "2600")
    desk.place(desk.a, "SELL", "1", "2601")
    placed = desk.place(desk.b, "BUY", qty, "2601", tif=TimeInForce.FOK)
    assert placed.order.status is status
    assert len(placed.fills) == (2 if status is OrderStatus.FILLED else 0)


def test_a_market_order_sweeps_levels_as_one_book_update() -> None:
    desk = Desk()
    desk.place(desk.a, "SELL", "1", "2600")
    desk.place(desk.a, "SELL", "1", "2601")
    desk.events()
    desk.place(desk.b, "BUY", "1.5")
    updates = [e for e in desk.events() if isinstance(e, BookUpdate)]
    assert [u.asks for u in updates] == [[260_000, 260_100]]
    assert updates[0].touch == (0, 0, 260_100, 5_000)


def test_a_market_order_by_quote_amount_spends_no_more_than_it_says() -> None:
    desk = Desk(CommissionRates(0, 0))
    desk.place(desk.a, "SELL", "5", "2600")
    order = desk.place(desk.b, "BUY", "", quote="1000").order
    assert order.status is OrderStatus.FILLED
    assert order.executed == 3_846
    assert order.executed_quote == 3_846 * 26 * 10**6
    assert desk.b.balance("USDC").locked == 0


def test_a_market_order_without_liquidity_expires() -> None:
    desk = Desk()
    assert desk.place(desk.a, "BUY", "1").order.status is OrderStatus.EXPIRED


def test_one_by_quote_amount_without_anybody_on_the_other_side_is_refused() -> None:
    desk = Desk()
    desk.place(desk.a, "BUY", "1", "2600")
    refusal = desk.refusal(desk.a, "BUY", "", quote="1000")
    text = "Order book liquidity is less than symbol minimum quantity."
    assert (refusal.code, refusal.msg) == (-2010, text)
    assert desk.place(desk.b, "SELL", "", quote="1000").order.status is OrderStatus.FILLED


def test_a_market_order_that_cannot_be_paid_is_refused_before_it_trades() -> None:
    desk = Desk()
    desk.exchange.deposit(desk.b, "USDC", -49_000 * E8)
    desk.place(desk.a, "SELL", "1", "2600")
    assert desk.refusal(desk.b, "BUY", "1").msg == "Account has insufficient balance for requested action."


STP_CASES = [
    (StpMode.EXPIRE_MAKER, OrderStatus.EXPIRED_IN_MATCH, OrderStatus.NEW),
    (StpMode.EXPIRE_TAKER, OrderStatus.NEW, OrderStatus.EXPIRED_IN_MATCH),
    (StpMode.EXPIRE_BOTH, OrderStatus.EXPIRED_IN_MATCH, OrderStatus.EXPIRED_IN_MATCH),
    (StpMode.DECREMENT, OrderStatus.EXPIRED_IN_MATCH, OrderStatus.NEW),
    (StpMode.NONE, OrderStatus.FILLED, OrderStatus.PARTIALLY_FILLED),
]


@pytest.mark.parametrize(("mode", "maker", "taker"), STP_CASES)
def test_self_trade_prevention_ends_the_orders_its_mode_names(
    mode: StpMode, maker: OrderStatus, taker: OrderStatus
) -> None:
    desk = Desk()
    resting = desk.place(desk.a, "SELL", "1", "2600").order
    coming = desk.place(desk.a, "BUY", "2", "2600", stp=mode).order
    assert (resting.status, coming.status) == (maker, taker)
    trades = [e for e in desk.events() if isinstance(e, TradeEvent)]
    assert len(trades) == (1 if mode is StpMode.NONE else 0)
    if mode is StpMode.DECREMENT:
        assert (coming.prevented, coming.remaining) == (10_000, 10_000)


def test_an_order_is_told_what_it_was_kept_from_without_a_look_at_what_was_long_ago() -> None:
    desk = Desk()
    long_ago = [None] * history.ORDERS_KEPT  # a look at one of them raises
    desk.exchange._matcher.preventions.extend(long_ago)  # type: ignore[arg-type]
    resting = [desk.place(desk.a, "SELL", "1", price).order for price in ("2600", "2601")]
    prevented = desk.place(desk.a, "BUY", "2", "2601", stp=StpMode.EXPIRE_MAKER).prevented
    assert [match.maker_order for match in prevented] == [order.id for order in resting]


def test_a_client_order_id_is_unique_among_open_orders_only() -> None:
    desk = Desk()
    order = desk.place(desk.a, "BUY", "1", "2600", client_id="x").order
    assert desk.refusal(desk.a, "BUY", "1", "2600", client_id="x").msg == "Duplicate order sent."
    desk.place(desk.b, "BUY", "1", "2600", client_id="x")
    desk.exchange.cancel(order)
    desk.place(desk.a, "BUY", "1", "2600", client_id="x")


def test_an_amend_keeps_the_place_in_the_queue_and_only_shrinks() -> None:
    desk = Desk()
    first = desk.place(desk.a, "SELL", "2", "2600").order
    desk.place(desk.b, "SELL", "2", "2600")
    desk.exchange.amend(first, E8, "new-id")
    assert desk.levels("SELL") == [(260_000, 30_000)]
    assert desk.a.balance("ETH").locked == E8
    with pytest.raises(RefusalError, match="quantity increase"):
        desk.exchange.amend(first, 3 * E8, "again")
    third = desk.exchange.add_account("c", {"USDC": 10_000 * E8})
    desk.place(third, "BUY", "1", "2600")
    assert first.status is OrderStatus.FILLED
    assert first.client_id == "new-id"


def test_a_cancel_returns_the_lock_and_cannot_be_repeated() -> None:
    desk = Desk()
    order = desk.place(desk.a, "BUY", "1", "2600").order
    assert desk.a.balance("USDC").locked == 2600 * E8
    desk.exchange.cancel(order, "cancel-id")
    assert desk.a.balance("USDC").locked == 0
    with pytest.raises(RefusalError, match="Unknown order sent"):
        desk.exchange.cancel(order)


def test_a_halted_symbol_refuses_orders_but_lets_them_be_cancelled() -> None:
    desk = Desk()
    order = desk.place(desk.a, "BUY", "1", "2600").order
    desk.exchange.set_status(SYMBOL, SymbolStatus.CANCEL_ONLY)
    assert desk.refusal(desk.a, "BUY", "1", "2600").msg == "Market is closed."
    desk.exchange.cancel(order)
    assert order.status is OrderStatus.CANCELED


def test_one_operation_is_reported_as_executions_then_book_then_balances() -> None:
    desk = Desk()
    desk.place(desk.a, "SELL", "1", "2600")
    desk.events()
    desk.place(desk.b, "BUY", "1", "2600")
    kinds = [
        e.exec_type if isinstance(e, ExecutionEvent) else type(e).__name__
        for e in desk.events()
        if not isinstance(e, BalanceEvent)
    ]
    assert kinds == [ExecType.NEW, "TradeEvent", ExecType.TRADE, ExecType.TRADE, "BookUpdate"]


def test_update_ids_grow_by_one_and_a_batch_is_one_update() -> None:
    desk = Desk()
    start = desk.exchange.market(SYMBOL).u
    desk.place(desk.a, "SELL", "1", "2600")
    with desk.exchange.batch():
        desk.place(desk.a, "SELL", "1", "2601")
        desk.place(desk.a, "SELL", "1", "2602")
    assert [e.u for e in desk.events() if isinstance(e, BookUpdate)] == [start + 1, start + 2]


def test_of_closed_orders_the_oldest_of_those_that_never_traded_go_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(history, "ORDERS_KEPT", 3)
    desk = Desk()
    desk.place(desk.a, "SELL", "1", "2600", client_id="filled")
    taken = desk.place(desk.b, "BUY", "1", "2600").order
    for number in range(5):
        desk.exchange.cancel(desk.place(desk.a, "SELL", "1", "2700", client_id=f"c{number}").order)
    kept = [desk.a.by_client(SYMBOL, name) for name in ("filled", "c0", "c1", "c2", "c4")]
    assert [order is not None for order in kept] == [True, False, False, True, True]
    assert len(desk.a.orders) == 4
    assert desk.b.orders == {taken.id: taken}
