"""One order, one answer: what the manager sends, and what a yes or a no to it does. What comes of it in a whole trader: `test_order_life.py`."""

from __future__ import annotations

import pytest
from kernel_driver import MS, SECOND
from order_desk import (
    ASKED,
    KNOWN,
    PRICE,
    SIZE,
    SYMBOL,
    TIMEOUT,
    WALL_MS,
    Desk,
    cancel,
    causes,
    differs,
    query,
    refused,
)

from mm_trader.core import events as ev
from mm_trader.core.commands import OrderChanged, Place, QueryOrder
from mm_trader.core.events import ErrorClass, Side
from mm_trader.orders.order import Order
from mm_trader.orders.retry import LONGEST_PAUSE_NS, MAX_CANCEL_REFUSALS
from mm_trader.orders.states import OrderState
from mm_trader.orders.timing import Timings

S = OrderState


# --- place --------------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("post_only,closing", [(True, False), (False, True)])
def test_a_place_is_journaled_then_sent_then_told_and_its_answer_awaited(post_only, closing):
    desk = Desk()
    order = desk.manager.place(
        SYMBOL, Side.SELL, PRICE, SIZE, 3 * SECOND, post_only=post_only, closing=closing
    )
    journaled, sent = desk.commands()
    assert isinstance(journaled, OrderChanged)
    assert (journaled.cause, journaled.closed, journaled.record.state) == ("placed", False, "PENDING")
    assert journaled.record.created_ms == journaled.record.updated_ms == WALL_MS + 3000
    assert sent == Place(
        symbol=SYMBOL,
        client_id=order.client_id,
        side=Side.SELL,
        price=PRICE,
        size=SIZE,
        post_only=post_only,
        closing=closing,
    )
    assert desk.heard() == [("placed", order.client_id)]
    assert order.created_ts == 3 * SECOND
    waiting = {"deadline": 3 * SECOND + TIMEOUT}
    assert differs(order) == (waiting | {"closing": True} if closing else waiting)
    assert desk.table.get(SYMBOL, order.client_id) is order


def test_an_order_is_post_only_and_closes_nothing_unless_it_is_said():
    desk = Desk()
    desk.manager.place(SYMBOL, Side.BUY, PRICE, SIZE, 0)
    (place,) = desk.sent()
    assert (place.post_only, place.closing) == (True, False)


def test_changed_time_outs_hold_for_what_is_sent_from_then_on():
    desk = Desk()
    first = desk.place()
    desk.manager.use_timings(Timings(order_timeout=SECOND, recv_window=SECOND))
    assert (first.deadline, desk.place().deadline) == (TIMEOUT, SECOND)


# --- cancel -------------------------------------------------------------------------------------------------------------------------------


def test_a_cancel_is_sent_with_the_venues_number_told_and_its_answer_awaited():
    desk = Desk()
    order = desk.order(S.NEW)
    desk.manager.cancel(order, 2 * SECOND)
    assert desk.outbox.commands[0] == cancel(order)
    assert desk.heard() == [("cancel_sent", order.client_id)]
    assert causes(desk) == [("CANCELING", "cancel sent")]
    assert differs(order) == KNOWN | {
        "cancel_wanted": True,
        "cancel_in_flight": True,
        "cancel_attempts": 1,
        "next_cancel": 2 * SECOND + 100 * MS,
        "deadline": 2 * SECOND + TIMEOUT,
    }


def test_an_order_that_is_over_is_not_cancelled_nor_wanted_gone():
    desk = Desk()
    order = desk.order(S.CANCELED)
    desk.manager.cancel(order, SECOND)
    assert (desk.commands(), differs(order)) == ([], KNOWN)


def test_before_this_process_may_trade_a_cancel_is_only_noted():
    desk = Desk(enabled=False)
    order = desk.order(S.NEW)
    desk.manager.cancel(order, SECOND)
    assert (desk.commands(), differs(order)) == ([], KNOWN | {"cancel_wanted": True})
    desk.manager.enabled = True
    desk.manager.on_timer(2 * SECOND)
    assert desk.sent() == [cancel(order)]


def test_no_second_cancel_while_one_is_on_its_way():
    desk = Desk()
    order = desk.order(S.CANCELING, cancel_in_flight=True)
    desk.manager.cancel(order, SECOND)
    assert desk.commands() == []


def test_the_next_cancel_waits_for_its_pause_which_grows():
    desk = Desk()
    order = desk.order(S.NEW)
    desk.manager.cancel(order, 0)
    order.cancel_in_flight = False
    desk.forget()
    desk.manager.cancel(order, 100 * MS - 1)
    assert desk.sent() == []
    desk.manager.cancel(order, 100 * MS)
    assert desk.sent() == [cancel(order)]
    assert (order.cancel_attempts, order.next_cancel) == (2, 300 * MS)


def test_at_the_cap_a_person_is_called_the_venue_asked_and_one_more_cancel_kept_for_later():
    desk = Desk()
    order = desk.order(S.NEW, cancel_refusals=MAX_CANCEL_REFUSALS)
    desk.manager.cancel(order, SECOND)
    assert desk.heard() == [("cancel_exhausted", order.client_id)]
    assert desk.sent() == [query(order)]
    assert differs(order) == KNOWN | ASKED | {
        "cancel_wanted": True,
        "cancel_refusals": MAX_CANCEL_REFUSALS - 1,
        "next_cancel": SECOND + LONGEST_PAUSE_NS,
        "query_due": SECOND + TIMEOUT,
    }


def test_one_refusal_below_the_cap_is_still_cancelled():
    desk = Desk()
    order = desk.order(S.NEW, cancel_refusals=MAX_CANCEL_REFUSALS - 1)
    desk.manager.cancel(order, SECOND)
    assert desk.sent() == [cancel(order)]


# --- doubt --------------------------------------------------------------------------------------------------------------------------------


def test_a_doubted_order_is_unknown_and_asked_about_once():
    desk = Desk()
    order = desk.order(S.NEW)
    desk.manager.doubt(order, "not listed", 2 * SECOND)
    assert desk.outbox.commands[1:] == [query(order)]
    assert causes(desk) == [("UNKNOWN", "not listed")]
    assert differs(order) == KNOWN | ASKED | {"query_due": 2 * SECOND + TIMEOUT}
    desk.manager.doubt(order, "again", 3 * SECOND)
    assert desk.commands() == []


def test_an_order_that_is_over_is_not_doubted():
    desk = Desk()
    order = desk.order(S.FILLED, filled=SIZE, booked=SIZE)
    desk.manager.doubt(order, "not listed", SECOND)
    assert (order.state, desk.commands()) == (S.FILLED, [])


# --- accepted -----------------------------------------------------------------------------------------------------------------------------


def accepted(client_id: str, ts: int = SECOND) -> ev.OrderAccepted:
    return ev.OrderAccepted(ts=ts, symbol=SYMBOL, client_id=client_id, venue_id=7)


def test_an_ack_of_an_order_that_nobody_placed_is_told_and_asked_about():
    desk = Desk()
    desk.manager.on_accepted(accepted("stranger"))
    assert desk.heard() == [("anomaly", SYMBOL, "stranger: accepted, but never placed by us")]
    assert desk.commands() == [QueryOrder(symbol=SYMBOL, client_id="stranger")]


@pytest.mark.parametrize(
    "before,filled,after",
    [
        (S.PENDING, 0, S.NEW),
        (S.PENDING, 30, S.PARTIALLY_FILLED),
        (S.UNKNOWN, 0, S.NEW),
        (S.UNKNOWN, 30, S.PARTIALLY_FILLED),
        (S.NEW, 0, S.NEW),
        (S.CANCELING, 0, S.CANCELING),
        (S.CANCELED, 0, S.CANCELED),
    ],
)
def test_an_ack_opens_what_was_waiting_for_it_and_nothing_else(before, filled, after):
    desk = Desk()
    order = desk.order(before, filled=filled)
    desk.manager.on_accepted(accepted(order.client_id, 2 * SECOND))
    assert order.state is after
    assert order.acked_ts == 2 * SECOND
    changes = [c for c in desk.commands() if isinstance(c, OrderChanged)]
    assert [c.cause for c in changes] == ([] if after is before else ["accepted"])
    assert all(c.record.updated_ms == WALL_MS + 2000 for c in changes)
    assert (order.leftover, order.cancel_wanted) == (False, False)


def test_an_ack_of_an_order_judged_never_placed_takes_it_back_and_cancels_it():
    desk = Desk()
    order = desk.order(S.REJECTED)
    desk.manager.on_accepted(accepted(order.client_id))
    assert desk.heard() == [
        ("accepted", order.client_id),
        ("anomaly", SYMBOL, f"{order.client_id}: judged gone, but accepted"),
        ("cancel_sent", order.client_id),
    ]
    assert cancel(order) in desk.outbox.commands
    assert causes(desk) == [("NEW", "accepted"), ("CANCELING", "cancel sent")]
    assert (order.leftover, order.cancel_wanted) == (True, True)
    assert order.next_cancel == SECOND + 100 * MS


def test_an_ack_of_an_order_wanted_gone_is_answered_with_its_cancel():
    desk = Desk()
    order = desk.place()
    order.cancel_wanted = True
    desk.manager.on_accepted(accepted(order.client_id))
    assert desk.sent() == [cancel(order)]
    assert order.deadline == SECOND + TIMEOUT


# --- refused ------------------------------------------------------------------------------------------------------------------------------


def test_a_refused_place_is_over_and_told_with_its_class_and_words():
    desk = Desk()
    order = desk.place()
    desk.manager.on_refused(refused(order, "place", ErrorClass.BALANCE, 2 * SECOND))
    assert desk.heard() == [("refused", order.client_id, ErrorClass.BALANCE, "no")]
    (change,) = desk.commands()
    assert (change.cause, change.record.state) == ("balance", "REJECTED")
    assert change.record.updated_ms == WALL_MS + 2000


def test_a_place_refused_without_certainty_is_asked_about_and_not_told_as_a_refusal():
    desk = Desk()
    order = desk.place()
    desk.manager.on_refused(refused(order, "place", ErrorClass.DUPLICATE, 2 * SECOND))
    assert desk.heard() == [("unknown", order.client_id)]
    assert causes(desk) == [("UNKNOWN", "duplicate")]
    assert order.query_due == 2 * SECOND + TIMEOUT


def test_a_refusal_of_an_order_that_the_venue_has_shown_proves_nothing():
    desk = Desk()
    order = desk.order(S.NEW)
    desk.manager.on_refused(refused(order, "place", ErrorClass.REFUSED, 2 * SECOND))
    assert desk.heard() == [
        ("anomaly", SYMBOL, f"{order.client_id}: refused (refused) after it was seen"),
        ("unknown", order.client_id),
    ]
    assert causes(desk) == [("UNKNOWN", "refused after seen")]
    assert order.query_due == 2 * SECOND + TIMEOUT


@pytest.mark.parametrize("command", ["place", "cancel"])
def test_answers_to_an_order_that_is_over_or_unknown_to_us_change_nothing(command):
    desk = Desk()
    order = desk.order(S.CANCELED)
    stranger = Order(
        client_id="stranger",
        symbol=SYMBOL,
        side=Side.BUY,
        price=1,
        size=1,
        state=S.NEW,
        created_ts=0,
        created_ms=0,
    )
    for one in (order, stranger):
        name = {"symbol": SYMBOL, "client_id": one.client_id}
        desk.manager.on_refused(refused(one, command, ErrorClass.REFUSED, SECOND))
        desk.manager.on_unknown(ev.CommandUnknown(ts=SECOND, **name, command=command, reason="x"))
        desk.manager.on_dropped(ev.CommandDropped(ts=SECOND, **name, command=command, reason="x"))
        desk.manager.on_not_found(ev.OrderNotFound(ts=SECOND, **name, asked_ts=SECOND))
        desk.manager.on_query_failed(
            ev.QueryFailed(ts=SECOND, **name, error=ErrorClass.AMBIGUOUS, reason="x")
        )
    assert (desk.commands(), desk.ears.heard, differs(order)) == ([], [], KNOWN)


@pytest.mark.parametrize(
    "error,refusals", [(ErrorClass.THROTTLED, 1), (ErrorClass.CLOCK, 1), (ErrorClass.CLOSED, 0)]
)
@pytest.mark.parametrize("filled,after", [(0, S.NEW), (30, S.PARTIALLY_FILLED)])
def test_a_cancel_that_was_not_executed_leaves_the_order_open_and_counts(error, refusals, filled, after):
    desk = Desk()
    order = desk.order(S.CANCELING, cancel_in_flight=True, cancel_wanted=True, deadline=9, filled=filled)
    desk.manager.on_refused(refused(order, "cancel", error, 2 * SECOND))
    assert desk.heard() == [("cancel_refused", order.client_id)]
    (change,) = desk.commands()
    assert (change.record.state, change.cause) == (after.value, f"cancel refused: {error}")
    assert change.record.updated_ms == WALL_MS + 2000
    expected = KNOWN | {"cancel_wanted": True}
    expected |= {"cancel_refusals": refusals} if refusals else {}
    expected |= {"filled": filled} if filled else {}
    assert differs(order) == expected


def test_a_cancel_refused_for_good_is_counted_and_the_status_asked_for():
    desk = Desk()
    order = desk.order(S.CANCELING, cancel_in_flight=True, cancel_wanted=True, deadline=9, cancel_refusals=2)
    desk.manager.on_refused(refused(order, "cancel", ErrorClass.NOT_FOUND, 2 * SECOND))
    assert desk.heard() == [("cancel_refused", order.client_id), ("unknown", order.client_id)]
    assert causes(desk) == [("UNKNOWN", "cancel refused: not_found")]
    assert differs(order) == KNOWN | ASKED | {
        "cancel_wanted": True,
        "cancel_refusals": 3,
        "query_due": 2 * SECOND + TIMEOUT,
    }


def test_a_cancel_that_was_not_executed_before_the_ack_asks_because_nobody_has_seen_the_order():
    desk = Desk()
    order = desk.place()
    order.state, order.cancel_in_flight = S.CANCELING, True
    desk.manager.on_refused(refused(order, "cancel", ErrorClass.THROTTLED, SECOND))
    assert order.state is S.UNKNOWN
    assert desk.sent() == [query(order)]
