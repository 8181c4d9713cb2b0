"""What the parts of order and risk control are before anything has happened to them, and where they are."""

from __future__ import annotations

import time

import pytest
from order_desk import PRICE, SIZE, SYMBOL, Desk, trade

from mm_trader.core.events import Side
from mm_trader.orders.order import Order
from mm_trader.orders.states import OrderState
from mm_trader.risk.halts import HaltBoard
from mm_trader.risk.pnl import LossLimits, PnlMonitor, utc_day


def test_a_new_order_has_no_past_and_awaits_nothing():
    order = Order(
        client_id="x",
        symbol=SYMBOL,
        side=Side.BUY,
        price=PRICE,
        size=SIZE,
        state=OrderState.PENDING,
        created_ts=3,
        created_ms=4,
    )
    for name in (
        "filled",
        "booked",
        "cancel_attempts",
        "cancel_refusals",
        "next_cancel",
        "queries",
        "changes",
        "changed_ms",
    ):
        assert getattr(order, name) == 0, name
    for name in ("cancel_wanted", "cancel_in_flight", "query_in_flight", "closing", "reduce_only"):
        assert getattr(order, name) is False, name
    for name in ("change_refused", "leftover", "inherited", "forgotten"):
        assert getattr(order, name) is False, name
    for name in ("venue_id", "acked_ts", "deadline", "query_due", "change"):
        assert getattr(order, name) is None, name
    assert (order.client_id, order.symbol, order.side, order.state) == (
        "x",
        SYMBOL,
        Side.BUY,
        OrderState.PENDING,
    )
    assert (order.price, order.risk_price, order.size, order.before) == (PRICE, PRICE, SIZE, (PRICE, SIZE))
    assert (order.created_ts, order.created_ms, order.updated_ms) == (3, 4, 4)


def test_a_new_manager_may_not_cancel_what_an_earlier_process_left():
    desk = Desk()
    assert (
        type(desk.manager)(
            desk.manager._timings, desk.manager.ids, desk.table, desk.life, desk.outbox, desk.ears
        ).enabled
        is False
    )


def test_a_symbol_that_was_never_asked_about_has_no_cause_and_waits_for_nothing():
    sync = Desk().reconciler.sync[SYMBOL]
    assert sync.cause == ""
    assert (sync.asked_ts, sync.done_ts, sync.retry_due, sync.zero_ms, sync.failures) == (*[None] * 4, 0)


def test_an_order_with_trades_to_come_is_known_as_unsettled():
    desk = Desk()
    assert desk.table.unsettled(SYMBOL) == []
    order = desk.order(OrderState.CANCELED, filled=30)
    assert len(desk.table.unsettled(SYMBOL)) == 1
    desk.life.book(trade(30), order, 0, live=False)
    assert desk.table.unsettled(SYMBOL) == []


def test_a_halt_of_one_symbol_is_no_longer_waited_for_when_redis_has_it():
    board = HaltBoard("rev", "scope", [])
    raised = board.raise_symbol(SYMBOL, "SymbolLossLimit", "", 5)
    assert board.waiting == 1
    board.durable(raised.id)
    assert board.waiting == 0


def test_a_monitor_knows_its_scope():
    limits = LossLimits(daily_loss=1, budget=None, drawdown=1)
    assert PnlMonitor({}, limits, None, scope="rev/stage/1", wall_ms=0).scope == "rev/stage/1"


@pytest.mark.parametrize("zone", ["Etc/GMT+11", "Etc/GMT-13"])
def test_a_day_is_that_of_utc_wherever_the_machine_stands(monkeypatch, zone):
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        assert [utc_day(ms) for ms in (86_400_000 - 1, 86_400_000)] == ["1970-01-01", "1970-01-02"]
    finally:
        monkeypatch.undo()
        time.tzset()
