"""Rare answers and races: each has one defined reaction."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from kernel_driver import SECOND, Driver, of, side_of, trader_config

from mm_trader.core import events as ev
from mm_trader.core.commands import (
    Cancel,
    OrderChanged,
    Place,
    QueryOrder,
    RaiseHalt,
    RequestDepth,
    RequestReconcile,
)
from mm_trader.core.events import ErrorClass, Side
from mm_trader.orders.retry import Backoff
from mm_trader.orders.table import OrderTable
from mm_trader.shell.recording.format import read_state, state_line


def test_a_halt_in_the_middle_of_an_event_takes_back_the_places_decided_before_it():
    driver = Driver(trader_config(("ETHUSDC", "BTCUSDC")))
    driver.streams()
    driver.allow()
    for symbol in driver.config.symbols:
        driver.market("2500.00", "2500.01", symbol)

    class Faulty:
        max_inventory = Decimal(1)

        def quote(self, _view):
            raise RuntimeError("a plug-in with a fault")

    driver.kernel._core.desks["BTCUSDC"].strategy = Faulty()
    driver.snapshot("ETHUSDC")
    commands = driver.snapshot("BTCUSDC")
    changes = [c.record.state for c in of(OrderChanged, commands)]
    assert "PENDING" in changes, "the quotes of ETHUSDC were decided in this event"
    assert of(Place, commands) == [] and of(Cancel, commands) == []
    assert changes.count("REJECTED") == changes.count("PENDING")
    assert of(RaiseHalt, commands)[0].latch.reason == "InternalError"
    assert driver.kernel.is_flat()


def test_an_acceptance_of_an_order_nobody_placed_is_asked_about():
    driver = Driver()
    driver.quoting()
    stranger = Place(
        symbol="ETHUSDC",
        client_id=driver.kernel._core.manager.ids.prefix + "1-1-zz",
        side=Side.BUY,
        price=1,
        size=1,
    )
    assert [q.client_id for q in of(QueryOrder, driver.accept(stranger))] == [stranger.client_id]
    assert driver.evidence().order_anomalies == 1


def test_an_acceptance_after_it_was_judged_never_placed_brings_the_order_back_to_be_cancelled():
    driver = Driver()
    bid, _ = driver.start()
    driver.unknown(bid)
    driver.ts += 12 * SECOND
    driver.not_found(bid)
    commands = driver.accept(bid)
    assert bid.client_id in {c.client_id for c in of(Cancel, commands)}
    assert driver.state(bid.client_id) == "CANCELING"


def test_a_trade_of_an_order_judged_never_placed_is_booked_and_the_order_cancelled():
    driver = Driver()
    bid, _ = driver.start()
    driver.unknown(bid)
    driver.ts += 12 * SECOND
    driver.not_found(bid)
    driver.fill(bid, 10)
    assert driver.position() == Decimal("0.001")
    assert driver.state(bid.client_id) == "CANCELING"
    assert driver.evidence().order_anomalies >= 1


@pytest.mark.parametrize("error", [ErrorClass.REFUSED, ErrorClass.AMBIGUOUS])
def test_a_refusal_of_an_order_the_venue_has_shown_us_is_doubted(error):
    driver = Driver()
    bid, _ = driver.quoting()
    commands = driver.refuse(bid, error)
    assert driver.state(bid.client_id) == "UNKNOWN"
    assert [q.client_id for q in of(QueryOrder, commands)] == [bid.client_id]


def test_a_duplicate_id_means_our_order_is_there_and_is_asked_about():
    driver = Driver()
    bid, _ = driver.start()
    driver.refuse(bid, ErrorClass.DUPLICATE)
    assert driver.state(bid.client_id) == "UNKNOWN"
    driver.found(bid, "NEW")
    assert driver.state(bid.client_id) == "NEW"


def test_a_lost_reply_no_longer_matters_once_the_stream_has_shown_the_order():
    driver = Driver()
    bid, _ = driver.start()
    driver.report(bid, "NEW", "NEW")
    assert driver.unknown(bid) == []
    assert driver.state(bid.client_id) == "NEW"


def test_a_refusal_on_the_user_stream_before_the_reply_ends_the_order():
    driver = Driver()
    bid, _ = driver.start()
    driver.report(bid, "REJECTED", "REJECTED")
    assert driver.state(bid.client_id) is None
    assert driver.evidence().orders_rejected == 1
    driver.refuse(bid)
    assert driver.evidence().orders_rejected == 1


def test_a_question_that_failed_is_put_again_after_a_pause():
    driver = Driver()
    bid, ask = driver.start()
    driver.accept(ask)
    driver.unknown(bid)
    driver.feed(
        ev.QueryFailed(
            ts=driver.ts, symbol="ETHUSDC", client_id=bid.client_id, error=ErrorClass.THROTTLED, reason="429"
        )
    )
    assert [q.client_id for q in of(QueryOrder, driver.ticks(0.3))] == [bid.client_id]


def test_not_found_for_an_order_that_was_confirmed_meanwhile_is_out_of_date():
    driver = Driver()
    bid, _ = driver.start()
    driver.unknown(bid)
    driver.accept(bid)
    driver.ts += 30 * SECOND
    driver.not_found(bid)
    assert driver.state(bid.client_id) == "NEW"


def test_a_cancel_dropped_before_its_place_was_answered_is_doubted():
    driver = Driver()
    bid, _ = driver.start()
    driver.allow(False)
    driver.feed(
        ev.CommandDropped(
            ts=driver.ts, symbol=bid.symbol, client_id=bid.client_id, command="cancel", reason="down"
        )
    )
    assert driver.state(bid.client_id) == "UNKNOWN"


def test_an_order_that_differs_at_the_venue_is_an_anomaly_and_the_venue_wins():
    driver = Driver()
    bid, _ = driver.quoting()
    driver.found(msgspec.structs.replace(bid, price=bid.price - 5, size=bid.size - 10), "NEW")
    record = next(o for o in driver.kernel.open_orders() if o.client_id == bid.client_id)
    assert record.quantity == Decimal("0.009")
    assert driver.evidence().order_anomalies == 1


def test_a_venue_id_that_changes_is_an_anomaly():
    driver = Driver()
    bid, _ = driver.quoting()
    driver.accept(bid, 4711)
    assert driver.evidence().order_anomalies == 1


def test_a_venue_that_says_pending_cancel_has_the_order_open():
    driver = Driver()
    bid, _ = driver.start()
    driver.report(bid, "NEW", "PENDING_CANCEL")
    assert driver.state(bid.client_id) == "NEW"
    assert driver.evidence().order_anomalies == 0


def test_more_filled_in_an_answer_than_was_booked_is_read_from_the_trades():
    driver = Driver()
    bid, ask = driver.quoting()
    driver.fill(bid, 20)
    commands = driver.found(bid, "PARTIALLY_FILLED", 50)
    assert [c.cause for c in of(RequestReconcile, commands)] == ["unknown"]
    driver.snapshot(
        trades=[driver.trade(bid, 20, trade_id=1), driver.trade(bid, 30, trade_id=2)],
        orders=[driver.view(bid, "PARTIALLY_FILLED", 50), driver.view(ask, "NEW")],
        cause="unknown",
    )
    assert driver.position() == Decimal("0.005")


def test_ended_orders_are_kept_for_a_while_and_no_longer():
    driver = Driver(trader_config(max_order_rate=1000))
    driver.streams()
    driver.allow()
    driver.snapshot()
    table: OrderTable = driver.kernel._core.table
    driver.market("2500.00", "2500.01")
    for number in range(2300):
        place = of(Place, driver.log)[-1]
        driver.log = []
        driver.wait(5)
        driver.market("2500.00", "2500.01")
        driver.accept(place, number + 1)
        driver.canceled(place)
    assert len(table._recent) == 2000
    assert len(table.of("ETHUSDC").by_venue) <= 2002


def test_events_of_symbols_that_are_not_traded_here_change_nothing():
    driver = Driver()
    driver.quoting()
    other = "SOLUSDC"
    ts = driver.ts
    for event in (
        ev.BookTicker(ts=ts, symbol=other, update_id=1, bid=1, bid_size=1, ask=2, ask_size=1),
        ev.DepthUpdate(ts=ts, symbol=other, first_id=1, last_id=1, previous_id=None, bids=[], asks=[]),
        ev.DepthSnapshot(ts=ts, symbol=other, last_id=1, bids=[], asks=[]),
        ev.PublicTrade(ts=ts, symbol=other, trade_id=1, price=1, size=1, buyer_is_maker=True),
        ev.OrderNotFound(ts=ts, symbol=other, client_id="x", asked_ts=ts),
        ev.ReconcileFailed(ts=ts, symbol=other, reason="x", cause="timer"),
        ev.ReconcileSnapshot(
            ts=ts,
            symbol=other,
            asked_ts=ts,
            open_orders=[],
            foreign_open_orders=0,
            trades=[],
            balances={},
            cause="x",
        ),
    ):
        assert driver.feed(event) == []


def test_balances_follow_the_account_updates():
    driver = Driver()
    driver.streams()
    driver.allow()
    driver.snapshot()
    driver.feed(ev.AccountUpdate(ts=driver.ts, balances={"USDC": (Decimal(1), Decimal(0))}))
    assert [p.side for p in of(Place, driver.market("2500.00", "2500.01"))] == [Side.SELL]


def test_many_fills_between_two_readings_ask_for_one():
    driver = Driver(trader_config(parameters={"baseSize": "0.05"}))
    bid, _ = driver.quoting()
    for number in range(210):
        driver.fill(bid, 1, number, trade_id=number + 1)
    assert "fills" in {c.cause for c in of(RequestReconcile, driver.log)}


def test_a_snapshot_too_old_for_the_differences_is_asked_for_again():
    driver = Driver()
    driver.start()
    driver.feed(
        ev.DepthUpdate(
            ts=driver.ts, symbol="ETHUSDC", first_id=10, last_id=12, previous_id=None, bids=[], asks=[]
        )
    )
    driver.feed(ev.DepthSnapshot(ts=driver.ts, symbol="ETHUSDC", last_id=5, bids=[(1, 1)], asks=[(2, 1)]))
    assert of(RequestDepth, driver.ticks(0.4))


def test_an_acknowledged_reject_streak_begins_anew():
    driver = Driver(trader_config(max_reject_streak=1))
    bid, ask = driver.start()
    driver.accept(ask)
    driver.refuse(bid)
    (halt,) = of(RaiseHalt, driver.log)
    driver.canceled(ask)
    driver.feed(ev.HaltLifted(ts=driver.ts, halt_id=halt.latch.id))
    driver.tick(2000)
    driver.market("2500.00", "2500.01")
    assert side_of(of(Place, driver.last + driver.log)[-2:], Side.BUY)
    assert driver.kernel.status().halts == ()


def test_pauses_double_up_to_ten_seconds():
    assert [Backoff().pause("x", n) // 10**8 for n in (0, 1, 2, 3, 7, 8, 30)] == [1, 1, 2, 4, 64, 100, 100]


def test_a_kernels_whole_state_can_be_written_down_and_read_by_the_recording() -> None:
    kernel = Driver().kernel
    assert read_state(state_line(kernel)[2:]).status() == kernel.status()
