"""One order and what the venue says of it: reports, and answers to questions. What comes of it in a whole trader: `test_order_life.py`."""

from __future__ import annotations

from kernel_driver import MS, SECOND
from order_desk import (
    KNOWN,
    SYMBOL,
    WALL_MS,
    Desk,
    cancel,
    causes,
    differs,
    trade,
    view,
)

from mm_trader.core import events as ev
from mm_trader.core.commands import Cancel
from mm_trader.core.events import ErrorClass, Side
from mm_trader.core.ids import ClientIds
from mm_trader.orders.states import OrderState

S = OrderState


# --- reports and answers to questions -----------------------------------------------------------------------------------------------------

LOST = ClientIds("test", 0, 9).next()
"""Of an incarnation before."""


def report(order: ev.OrderView, traded: ev.TradeView | None = None, ts: int = SECOND) -> ev.ExecutionReport:
    return ev.ExecutionReport(ts=ts, order=order, execution="x", trade=traded)


def test_a_report_with_a_trade_books_it_as_news_and_brings_the_order_up_to_date():
    desk = Desk()
    order = desk.place()
    fill = trade(30)
    desk.manager.on_report(report(view(order, "PARTIALLY_FILLED", 30), fill, 2 * SECOND))
    assert desk.heard() == [("accepted", order.client_id), ("fill", fill, order.client_id, True)]
    assert causes(desk) == [("PARTIALLY_FILLED", "fill")]
    assert differs(order) == {"acked_ts": 2 * SECOND, "venue_id": 7, "filled": 30, "booked": 30}


def test_a_trade_reported_under_another_number_is_still_of_the_order_that_is_named():
    desk = Desk()
    order = desk.order(S.NEW)
    fill = trade(30, venue_id=8)
    desk.manager.on_report(report(view(order, "PARTIALLY_FILLED", 30, venue_id=8), fill))
    assert ("fill", fill, order.client_id, True) in desk.heard()
    assert (order.booked, order.filled, order.state) == (30, 30, S.PARTIALLY_FILLED)


def test_a_report_without_a_trade_says_so_in_the_journal():
    desk = Desk()
    order = desk.order(S.NEW)
    desk.manager.on_report(report(view(order, "CANCELED"), ts=2 * SECOND))
    (change,) = desk.commands()
    assert (change.cause, change.record.updated_ms) == ("report", WALL_MS + 2000)


def test_a_report_under_another_name_is_found_by_the_venues_number():
    desk = Desk()
    order = desk.order(S.NEW)
    desk.manager.on_report(report(view(order, "CANCELED", client_id="web_1")))
    assert order.state is S.CANCELED


def test_a_report_does_not_prove_that_a_cancel_failed():
    desk = Desk()
    order = desk.order(S.CANCELING)
    desk.manager.on_report(report(view(order, "NEW")))
    assert order.state is S.CANCELING


def test_a_report_of_an_order_of_ours_that_nobody_knows_is_told_and_the_order_adopted_and_cancelled():
    desk = Desk()
    stranger = view(desk.place(), "NEW", client_id=LOST, venue_id=9, side=Side.SELL, price=5, size=6)
    desk.manager.on_report(report(stranger, ts=2 * SECOND))
    order = desk.table.get(SYMBOL, LOST)
    assert ("anomaly", SYMBOL, f"{LOST}: reported, but unknown to us") in desk.ears.heard
    assert (order.side, order.price, order.size, order.state) == (Side.SELL, 5, 6, S.CANCELING)
    assert Cancel(symbol=SYMBOL, client_id=LOST, venue_id=9) in desk.commands()


def test_a_report_of_a_later_incarnations_order_is_left_to_it():
    desk = Desk()
    theirs = ClientIds("test", 1, 2).next()
    stranger = view(desk.place(), "NEW", client_id=theirs, venue_id=9)
    desk.manager.on_report(report(stranger, ts=2 * SECOND))
    assert (desk.commands(), desk.ears.heard) == ([], [])
    assert desk.table.get(SYMBOL, theirs) is None


def test_somebody_elses_report_is_none_of_our_business():
    desk = Desk()
    stranger = view(desk.place(), "NEW", client_id="web_1", venue_id=9)
    desk.manager.on_report(report(stranger, trade(5, venue_id=9)))
    assert (desk.commands(), desk.ears.heard) == ([], [])


def test_an_adopted_order_is_an_inherited_leftover_that_the_venue_knows():
    desk = Desk()
    seen = view(desk.place(), "NEW", client_id="lost", venue_id=9)
    order = desk.manager.adopt(seen, 2 * SECOND)
    assert differs(order) == {
        "leftover": True,
        "cancel_wanted": True,
        "inherited": True,
        "venue_id": 9,
        "acked_ts": 2 * SECOND,
    }
    assert (order.client_id, order.state) == ("lost", S.UNKNOWN)
    assert (order.created_ts, order.created_ms) == (2 * SECOND, WALL_MS + 2000)
    assert desk.table.by_venue_id(SYMBOL, 9) is order
    assert desk.table.get(SYMBOL, "lost") is order


def test_a_report_of_a_refused_place_is_told_as_a_refusal():
    desk = Desk()
    order = desk.place()
    desk.manager.on_report(report(view(order, "REJECTED"), ts=2 * SECOND))
    assert ("refused", order.client_id, ErrorClass.REFUSED, "REJECTED") in desk.heard()
    (change,) = desk.commands()
    assert (change.record.state, change.cause) == ("REJECTED", "report")
    assert change.record.updated_ms == WALL_MS + 2000


def test_an_order_wanted_gone_that_a_report_shows_open_is_cancelled():
    desk = Desk()
    order = desk.place()
    order.cancel_wanted = True
    desk.manager.on_report(report(view(order, "NEW"), ts=2 * SECOND))
    assert desk.sent() == [cancel(order)]
    assert order.next_cancel == 2 * SECOND + 100 * MS


def test_an_order_wanted_gone_that_a_report_ends_is_not_cancelled():
    desk = Desk()
    order = desk.order(S.CANCELING, cancel_wanted=True)
    desk.manager.on_report(report(view(order, "CANCELED")))
    assert desk.sent() == []


def test_the_answer_to_a_question_settles_it():
    desk = Desk()
    order = desk.order(S.UNKNOWN, query_in_flight=True, query_due=9, queries=3)
    desk.manager.on_found(ev.OrderFound(ts=2 * SECOND, order=view(order, "NEW")))
    (change,) = desk.commands()
    assert (change.record.state, change.cause) == ("NEW", "query")
    assert change.record.updated_ms == WALL_MS + 2000
    assert differs(order) == {"acked_ts": 2 * SECOND, "venue_id": 7}


def test_an_answer_shows_open_what_our_cancel_did_not_end():
    desk = Desk()
    order = desk.order(S.CANCELING)
    desk.manager.on_found(ev.OrderFound(ts=SECOND, order=view(order, "NEW")))
    assert order.state is S.NEW


def test_an_answer_that_explains_nothing_is_asked_for_again_after_a_pause():
    desk = Desk()
    order = desk.order(S.UNKNOWN, query_in_flight=True, query_due=9, queries=3)
    desk.manager.on_found(ev.OrderFound(ts=2 * SECOND, order=view(order, "SOMETHING")))
    assert (order.query_in_flight, order.query_due) == (False, 2 * SECOND + 400 * MS)


def test_an_answer_about_an_order_nobody_knows_is_ignored():
    desk = Desk()
    desk.manager.on_found(
        ev.OrderFound(ts=SECOND, order=view(desk.place(), "NEW", client_id="x", venue_id=9))
    )
    assert (desk.commands(), desk.ears.heard) == ([], [])


def test_a_failed_question_is_put_again_after_a_pause_that_grows_with_the_questions():
    desk = Desk()
    order = desk.order(S.UNKNOWN, query_in_flight=True, queries=3)
    desk.manager.on_query_failed(
        ev.QueryFailed(
            ts=2 * SECOND, symbol=SYMBOL, client_id=order.client_id, error=ErrorClass.AMBIGUOUS, reason="x"
        )
    )
    assert differs(order) == KNOWN | {"queries": 3, "query_due": 2 * SECOND + 400 * MS}
