"""The venue's account of a symbol wins, and what it repairs is counted."""

from __future__ import annotations

from decimal import Decimal

import pytest
from kernel_driver import MS, SECOND, WALL, Driver, of, side_of, trader_config

from mm_api.redis_contract import OrderRecord, TraderPhase
from mm_trader.core import events as ev
from mm_trader.core.commands import Alert, Cancel, FillBooked, Place, QueryOrder, RequestReconcile
from mm_trader.core.events import Side
from mm_trader.core.ids import ClientIds
from mm_trader.core.state import Restored


def test_a_missed_fill_is_booked_from_the_venues_trades():
    driver = Driver()
    bid, ask = driver.quoting()
    commands = driver.snapshot(
        trades=[driver.trade(bid, bid.size, trade_id=5)], orders=[driver.view(ask, "NEW")], cause="timer"
    )
    assert [f.record.client_id for f in of(FillBooked, commands)] == [bid.client_id]
    assert driver.position() == Decimal("0.01")
    assert driver.state(bid.client_id) is None
    assert any(a.record.kind == "Reconciled" for a in of(Alert, commands))
    assert driver.evidence().reconcile_repairs >= 1
    driver.fill(bid, trade_id=5)
    assert driver.position() == Decimal("0.01"), "the stream's late report is not a second fill"


def test_an_order_of_an_earlier_incarnation_is_cancelled_before_anything_is_quoted():
    driver = Driver()
    driver.streams()
    driver.allow()
    old = Place(
        symbol="ETHUSDC", client_id=ClientIds("test", 0, 9).next(), side=Side.BUY, price=240_000, size=50
    )
    driver.market("2500.00", "2500.01")
    commands = driver.snapshot(orders=[driver.view(old, "NEW")])
    assert [c.client_id for c in of(Cancel, commands)] == [old.client_id]
    assert of(Place, commands) == []
    assert driver.kernel.status().phase is TraderPhase.RECONCILING
    commands = driver.canceled(old)
    assert len(of(Place, commands)) == 2


def test_an_order_that_vanished_from_the_venue_is_asked_about_not_assumed_gone():
    driver = Driver()
    bid, ask = driver.quoting()
    driver.wait(10)
    commands = driver.snapshot(orders=[driver.view(ask, "NEW")], cause="timer")
    assert [q.client_id for q in of(QueryOrder, commands)] == [bid.client_id]
    assert driver.state(bid.client_id) == "UNKNOWN"


def test_an_order_placed_after_the_question_left_may_be_missing_without_meaning_anything():
    driver = Driver()
    asked = driver.ts
    driver.wait(10)
    driver.quoting()
    driver.snapshot(orders=[], asked_ts=asked, cause="timer")
    assert driver.kernel.status().unknown_orders == 0


def test_the_user_stream_coming_back_means_reading_the_venue_before_quoting_again():
    driver = Driver()
    bid, ask = driver.quoting()
    driver.feed(ev.StreamStatus(ts=driver.ts, stream=ev.StreamName.USER, up=False))
    assert {c.client_id for c in of(Cancel, driver.last)} == {bid.client_id, ask.client_id}
    driver.canceled(bid)
    driver.canceled(ask)
    commands = driver.feed(ev.StreamStatus(ts=driver.ts, stream=ev.StreamName.USER, up=True))
    assert [c.cause for c in of(RequestReconcile, commands)] == ["reconnect"]
    assert of(Place, driver.market("2500.00", "2500.01")) == []
    assert len(of(Place, driver.snapshot(cause="reconnect"))) == 2


def test_the_venue_is_read_on_a_timer_and_on_request():
    driver = Driver()
    bid, ask = driver.quoting()
    commands = driver.ticks(29)
    assert of(RequestReconcile, commands) == []
    assert [c.cause for c in of(RequestReconcile, driver.ticks(1.5))] == ["timer"]
    driver.snapshot(orders=[driver.view(bid, "NEW"), driver.view(ask, "NEW")], cause="timer")
    commands = driver.feed(ev.ReconcileRequested(ts=driver.ts, symbol=None, cause="command"))
    assert [c.cause for c in of(RequestReconcile, commands)] == ["command"]


def test_a_failed_or_lost_reading_is_repeated():
    driver = Driver()
    driver.streams()
    driver.allow()
    driver.feed(ev.ReconcileFailed(ts=driver.ts, symbol="ETHUSDC", reason="503", cause="start"))
    assert [c.cause for c in of(RequestReconcile, driver.ticks(2))] == ["start"]
    assert of(RequestReconcile, driver.ticks(8)) == []
    assert len(of(RequestReconcile, driver.ticks(3))) == 1


def test_without_a_recent_comparison_quoting_ends():
    driver = Driver(trader_config(engine={"reconcile_interval": "1s"}))
    driver.quoting()
    commands = driver.ticks(5)
    assert of(Cancel, commands)
    assert driver.kernel.status().reason == "Reconciling"


def test_trades_are_asked_for_from_the_first_one_that_is_not_proven():
    driver = Driver()
    bid, ask = driver.quoting()
    driver.fill(bid, 30, trade_id=10)
    driver.feed(ev.ReconcileRequested(ts=driver.ts, symbol="ETHUSDC", cause="command"))
    assert of(RequestReconcile, driver.last)[0].from_trade_id == 0
    record = driver.kernel.ledger().positions["ETHUSDC"]
    assert (record.last_trade_id, record.booked_trade_ids) == (-1, [10])
    driver.snapshot(
        trades=[driver.trade(bid, 30, trade_id=10)],
        orders=[driver.view(bid, "PARTIALLY_FILLED", 30), driver.view(ask, "NEW")],
        cause="command",
    )
    record = driver.kernel.ledger().positions["ETHUSDC"]
    assert (record.last_trade_id, record.booked_trade_ids) == (10, [])


def test_a_snapshot_of_cancel_all_books_its_trades_but_proves_nothing_about_earlier_ones():
    driver = Driver()
    bid, ask = driver.quoting()
    driver.snapshot(
        trades=[driver.trade(bid, 30, trade_id=10)],
        orders=[driver.view(bid, "PARTIALLY_FILLED", 30), driver.view(ask, "NEW")],
        cause="cancel_all",
    )
    assert driver.position() == Decimal("0.003")
    assert driver.kernel.ledger().positions["ETHUSDC"].last_trade_id == -1


def test_when_stopped_the_venue_is_asked_to_confirm_that_nothing_is_open():
    driver = Driver()
    bid, ask = driver.quoting()
    assert driver.kernel.status().zero_orders_confirmed_ms is None
    driver.allow(False)
    driver.canceled(bid)
    driver.canceled(ask)
    assert driver.kernel.status().zero_orders_confirmed_ms is None, "our own belief is no confirmation"
    commands = driver.tick()
    assert [c.cause for c in of(RequestReconcile, commands)] == ["zero"]
    driver.wait(20)
    driver.snapshot(cause="zero")
    assert driver.kernel.status().zero_orders_confirmed_ms == (WALL + driver.ts) // MS
    driver.allow()
    driver.snapshot()
    assert of(Place, driver.log)[-1]
    assert driver.kernel.status().zero_orders_confirmed_ms is None, "cleared by the next place"


def restored_order(state: str = "PENDING", **fields) -> OrderRecord:
    ids = ClientIds("test", 1, 1)
    return OrderRecord(
        **(
            {
                "client_id": ids.next(),
                "symbol": "ETHUSDC",
                "side": "BUY",
                "price": Decimal(2490),
                "quantity": Decimal("0.01"),
                "state": state,
                "created_ms": WALL // MS - 2000,
                "updated_ms": WALL // MS - 2000,
            }
            | fields
        )
    )


def test_an_order_restored_from_the_journal_is_unknown_and_blocks_only_its_side():
    record = restored_order()
    driver = Driver(restored=Restored(orders=(record,), clean=False), counter=2)
    driver.streams()
    commands = driver.allow()
    assert [q.client_id for q in of(QueryOrder, commands)] == [record.client_id]
    assert driver.kernel.status().unknown_orders == 1
    driver.snapshot()
    driver.market("2500.00", "2500.01")
    assert [p.side for p in of(Place, driver.log)] == [Side.SELL]
    place = Place(symbol="ETHUSDC", client_id=record.client_id, side=Side.BUY, price=249_000, size=100)
    driver.ts += 11_500 * MS + 2 * MS
    driver.market("2500.00", "2500.01")
    driver.not_found(place)
    driver.wait(300)
    driver.market("2500.00", "2500.01")
    assert side_of(of(Place, driver.log), Side.BUY)


@pytest.mark.parametrize("jump", [-7_200, 0, 7_200], ids=["set back", "right", "set forward"])
def test_how_long_a_restored_order_may_still_arrive_does_not_depend_on_the_wall_clock(jump):
    record = restored_order("PENDING")
    wall = WALL + jump * SECOND
    driver = Driver(restored=Restored(orders=(record,), clean=False), counter=2, wall=wall)
    driver.streams()
    driver.allow()
    place = Place(symbol="ETHUSDC", client_id=record.client_id, side=Side.BUY, price=249_000, size=100)
    driver.ts += 10 * SECOND
    driver.not_found(place)
    assert driver.kernel.status().unknown_orders == 1, "it could still reach the book"
    driver.ts += 1_500 * MS + 2 * MS
    driver.not_found(place)
    assert driver.kernel.status().unknown_orders == 0


def test_a_restored_order_that_filled_meanwhile_is_booked_from_the_trades():
    record = restored_order("NEW", venue_id=41)
    driver = Driver(restored=Restored(orders=(record,), clean=False), counter=2)
    driver.streams()
    driver.allow()
    place = Place(symbol="ETHUSDC", client_id=record.client_id, side=Side.BUY, price=249_000, size=100)
    driver.venue_ids[record.client_id] = 41
    driver.market("2500.00", "2500.01")
    driver.snapshot(trades=[driver.trade(place, 100)])
    driver.found(place, "FILLED", 100)
    assert driver.position() == Decimal("0.01")
    assert len(of(FillBooked, driver.log)) == 1
    assert of(Place, driver.log), "and quoting begins"


def test_a_new_incarnation_uses_new_ids_and_clears_what_the_old_one_left():
    driver = Driver()
    bid, ask = driver.quoting()
    driver.allow(False)
    driver.kernel.begin_incarnation(ClientIds("test", 1, 2))
    driver.canceled(bid)
    driver.canceled(ask)
    driver.allow()
    commands = driver.snapshot()
    ids = {p.client_id for p in of(Place, commands)}
    assert len(ids) == 2
    assert ids.isdisjoint({bid.client_id, ask.client_id})


def test_a_journaled_fill_beyond_the_ledger_is_in_the_position_from_the_start():
    driver = Driver()
    bid, _ = driver.quoting()
    ledger = driver.kernel.ledger()
    (booked,) = of(FillBooked, driver.fill(bid))
    after = Driver(restored=Restored(ledger=ledger, fills=(booked.record, booked.record)), counter=2)
    assert after.position() == Decimal("0.01")


def test_orders_restored_are_not_touched_before_this_process_may_trade():
    driver = Driver(restored=Restored(orders=(restored_order("NEW", venue_id=41),), clean=False), counter=2)
    driver.streams()
    driver.ticks(3)
    assert of(Cancel, driver.log) == []
