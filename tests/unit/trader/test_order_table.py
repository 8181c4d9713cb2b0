"""Where an order is kept follows from its state, and nothing grows without bound."""

from __future__ import annotations

import pytest

from mm_trader.core.events import Side
from mm_trader.orders import table as table_module
from mm_trader.orders.order import Order
from mm_trader.orders.states import IllegalTransitionError, OrderState, validate_transition
from mm_trader.orders.table import OrderTable
from mm_trader.orders.trades import CROWDED, TradeLog

SYMBOL = "ETHUSDC"


def make(client_id: str = "a", *, venue_id: int | None = None, state: OrderState = OrderState.NEW) -> Order:
    order = Order(
        client_id=client_id,
        symbol=SYMBOL,
        side=Side.BUY,
        price=100,
        size=10,
        state=state,
        created_ts=0,
        created_ms=0,
    )
    order.venue_id = venue_id
    return order


@pytest.fixture
def orders() -> OrderTable:
    return OrderTable((SYMBOL, "BTCUSDC"))


def end(orders: OrderTable, order: Order, *, filled: int = 0, booked: int = 0) -> None:
    order.state = OrderState.FILLED if filled == order.size else OrderState.CANCELED
    order.filled, order.booked = filled, booked
    orders.file(order)


def test_a_live_order_is_found_in_its_symbol_alone(orders: OrderTable) -> None:
    order = make(venue_id=7)
    assert not orders.has_live(SYMBOL)
    orders.add(order)
    assert orders.has_live(SYMBOL)
    assert not orders.has_live("BTCUSDC")
    assert orders.live(SYMBOL) == [order] == list(orders.all_live())
    assert orders.live("BTCUSDC") == []
    assert orders.get(SYMBOL, "a") is order is orders.by_venue_id(SYMBOL, 7)
    assert orders.get("BTCUSDC", "a") is None
    assert orders.get("XRPUSDC", "a") is None
    assert orders.by_venue_id("BTCUSDC", 7) is None
    assert orders.by_venue_id("XRPUSDC", 7) is None


def test_an_ended_order_with_one_lot_unbooked_is_unsettled_until_it_is_booked(orders: OrderTable) -> None:
    order = make(venue_id=7)
    orders.add(order)
    end(orders, order, filled=5, booked=4)
    assert orders.live(SYMBOL) == []
    assert orders.unsettled(SYMBOL) == [order] == orders.may_move(SYMBOL)
    assert orders.get(SYMBOL, "a") is order
    order.booked = 5
    orders.file(order)
    assert orders.unsettled(SYMBOL) == [] == orders.may_move(SYMBOL)
    assert orders.get(SYMBOL, "a") is order is orders.by_venue_id(SYMBOL, 7)


def test_an_order_that_comes_back_to_life_is_in_one_place(orders: OrderTable) -> None:
    order = make(venue_id=7)
    orders.add(order)
    end(orders, order, filled=5, booked=4)
    order.state = OrderState.NEW
    orders.file(order)
    assert orders.unsettled(SYMBOL) == []
    assert orders.may_move(SYMBOL) == [order]
    end(orders, order)
    order.state = OrderState.NEW
    orders.file(order)
    assert "a" not in orders._recent
    assert orders.live(SYMBOL) == [order]


def test_of_ended_orders_the_oldest_are_forgotten_with_their_venue_ids(
    orders: OrderTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table_module, "_RECENT", 2)
    for number in range(4):
        order = make(str(number), venue_id=number if number != 1 else None)
        orders.add(order)
        end(orders, order)
    assert [orders.get(SYMBOL, str(number)) is not None for number in range(4)] == [False, False, True, True]
    assert orders.by_venue_id(SYMBOL, 0) is None
    assert orders.by_venue_id(SYMBOL, 3) is not None
    assert len(orders.of(SYMBOL).by_venue) == 2


def test_an_order_is_forgotten_also_when_its_venue_id_is_gone_already(
    orders: OrderTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table_module, "_RECENT", 0)
    end(orders, make(venue_id=7))
    assert orders.get(SYMBOL, "a") is None


def test_counts_are_of_live_and_of_unknown_orders(orders: OrderTable) -> None:
    orders.add(make("a"))
    orders.add(make("b", state=OrderState.UNKNOWN))
    assert orders.counts() == (2, 1)


def test_an_illegal_transition_says_what_would_be_legal() -> None:
    with pytest.raises(
        IllegalTransitionError, match=r"^EXPIRED → NEW is not a transition; EXPIRED may become FILLED$"
    ):
        validate_transition(OrderState.EXPIRED, OrderState.NEW)
    with pytest.raises(IllegalTransitionError, match=r"FILLED may become nothing$"):
        validate_transition(OrderState.FILLED, OrderState.NEW)
    with pytest.raises(
        IllegalTransitionError, match="REJECTED may become CANCELED, EXPIRED, FILLED, NEW, PART"
    ):
        validate_transition(OrderState.REJECTED, OrderState.PENDING)


def test_a_trade_is_taken_once_and_the_watermark_only_rises() -> None:
    log = TradeLog(5, above=[4, 5, 7])
    assert log.above == [7]
    assert [log.take(number) for number in (5, 6, 6, 7, 8)] == [False, True, False, False, True]
    log.settle(7)
    assert (log.watermark, log.above) == (7, [8])
    log.settle(6)
    assert (log.watermark, log.above) == (7, [8])
    assert not log.take(7)


def test_many_trades_above_the_watermark_ask_for_a_comparison() -> None:
    log = TradeLog()
    for number in range(CROWDED - 1):
        log.take(number)
    assert not log.crowded
    log.take(CROWDED)
    assert log.crowded
