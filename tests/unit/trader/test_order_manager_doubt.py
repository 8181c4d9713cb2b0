"""One order and what is missing: no answer, a command that never left, not found, overdue. What comes of it in a whole trader: `test_order_life.py`."""

from __future__ import annotations

import pytest
from kernel_driver import MS, SECOND
from order_desk import (
    ASKED,
    KNOWN,
    RECV_WINDOW,
    SYMBOL,
    TIMEOUT,
    WALL_MS,
    Desk,
    causes,
    differs,
    query,
    refused,
    view,
)

from mm_trader.core import events as ev
from mm_trader.core.commands import Cancel
from mm_trader.core.events import ErrorClass
from mm_trader.orders.order import Order
from mm_trader.orders.retry import Backoff
from mm_trader.orders.states import OrderState
from mm_trader.orders.timing import ASK_AFTER_NS, Timings

S = OrderState


# --- no answer, or never left -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reason,cause", [("timeout", "timeout"), ("", "no trustworthy answer")])
def test_a_place_without_an_answer_is_doubted_with_the_reason(reason, cause):
    desk = Desk()
    order = desk.place()
    desk.manager.on_unknown(
        ev.CommandUnknown(
            ts=2 * SECOND, symbol=SYMBOL, client_id=order.client_id, command="place", reason=reason
        )
    )
    assert causes(desk) == [("UNKNOWN", cause)]
    assert differs(order) == ASKED | {"query_due": 2 * SECOND + TIMEOUT}


def test_the_lost_reply_to_a_place_does_not_matter_once_the_venue_has_shown_the_order():
    desk = Desk()
    order = desk.order(S.NEW)
    desk.manager.on_unknown(
        ev.CommandUnknown(ts=SECOND, symbol=SYMBOL, client_id=order.client_id, command="place", reason="x")
    )
    assert (desk.commands(), differs(order)) == ([], KNOWN)


def test_the_lost_reply_to_a_place_that_became_unknown_again_asks_again():
    desk = Desk()
    order = desk.order(S.UNKNOWN)
    desk.manager.on_unknown(
        ev.CommandUnknown(ts=SECOND, symbol=SYMBOL, client_id=order.client_id, command="place", reason="x")
    )
    assert desk.sent() == [query(order)]


def test_a_cancel_without_an_answer_is_no_longer_on_its_way_and_the_order_doubted():
    desk = Desk()
    order = desk.order(S.CANCELING, cancel_in_flight=True, deadline=9)
    desk.manager.on_unknown(
        ev.CommandUnknown(
            ts=2 * SECOND, symbol=SYMBOL, client_id=order.client_id, command="cancel", reason="5xx"
        )
    )
    assert causes(desk) == [("UNKNOWN", "5xx")]
    assert differs(order) == KNOWN | ASKED | {"query_due": 2 * SECOND + TIMEOUT}


def dropped(order: Order, command: str) -> ev.CommandDropped:
    return ev.CommandDropped(
        ts=2 * SECOND, symbol=SYMBOL, client_id=order.client_id, command=command, reason="rate"
    )


def test_a_dropped_place_is_over_and_nobody_refused_it():
    desk = Desk()
    order = desk.place()
    desk.manager.on_dropped(dropped(order, "place"))
    assert desk.heard() == []
    (change,) = desk.commands()
    assert (change.record.state, change.cause) == ("REJECTED", "dropped: rate")
    assert change.record.updated_ms == WALL_MS + 2000


@pytest.mark.parametrize("filled,after", [(0, S.NEW), (30, S.PARTIALLY_FILLED)])
def test_a_dropped_cancel_leaves_the_order_open_and_still_wanted_gone(filled, after):
    desk = Desk()
    order = desk.order(S.CANCELING, cancel_in_flight=True, cancel_wanted=True, deadline=9, filled=filled)
    desk.manager.on_dropped(dropped(order, "cancel"))
    (change,) = desk.commands()
    assert (change.record.state, change.cause) == (after.value, "cancel dropped")
    assert change.record.updated_ms == WALL_MS + 2000
    expected = KNOWN | {"cancel_wanted": True}
    assert differs(order) == (expected | {"filled": filled} if filled else expected)


def test_a_cancel_dropped_before_the_place_was_answered_leaves_doubt():
    desk = Desk()
    order = desk.place()
    order.state, order.cancel_in_flight = S.CANCELING, True
    desk.manager.on_dropped(dropped(order, "cancel"))
    assert causes(desk) == [("UNKNOWN", "cancel dropped before the place was answered")]
    assert differs(order) == ASKED | {"query_due": 2 * SECOND + TIMEOUT}


def test_a_dropped_cancel_of_an_order_already_doubted_leaves_it_so():
    desk = Desk()
    order = desk.order(S.UNKNOWN, cancel_in_flight=True, deadline=9)
    desk.manager.on_dropped(dropped(order, "cancel"))
    assert (order.state, desk.commands(), differs(order)) == (S.UNKNOWN, [], KNOWN)


# --- not found ----------------------------------------------------------------------------------------------------------------------------

CERTAIN = Timings(order_timeout=TIMEOUT, recv_window=RECV_WINDOW).certain_after(0)
"""recvWindow, 0.5 s in which the place leaves and by which our clock may be off, and the 10 s of the venue's engine."""


def not_found(order: Order, ts: int, asked_ts: int) -> ev.OrderNotFound:
    return ev.OrderNotFound(ts=ts, symbol=SYMBOL, client_id=order.client_id, asked_ts=asked_ts)


@pytest.mark.parametrize(
    "ts,due",
    [
        (SECOND, SECOND + 100 * MS),
        (CERTAIN - 1, CERTAIN - 1 + 100 * MS),
        (CERTAIN, CERTAIN + 100 * MS),
        (2 * CERTAIN, 2 * CERTAIN + 100 * MS),
    ],
)
def test_not_found_asked_too_early_is_asked_again_soon(ts, due):
    desk = Desk()
    order = desk.place()
    desk.manager.doubt(order, "timeout", 0)
    desk.forget()
    desk.manager.on_not_found(not_found(order, ts, CERTAIN))
    assert desk.commands() == []
    assert differs(order) == {"queries": 1, "query_due": due}


def test_the_pauses_between_the_questions_grow_and_the_last_one_comes_as_soon_as_it_is_certain():
    desk = Desk()
    order = desk.place()
    desk.manager.doubt(order, "timeout", 0)
    ts, asked = 0, []
    for _ in range(7):
        desk.manager.on_not_found(not_found(order, ts, ts))
        ts = order.query_due
        asked.append(ts // MS)
        desk.manager.on_timer(ts)
    assert asked == [100, 300, 700, 1500, 3100, 6300, 11_600]
    assert asked[-1] == (CERTAIN + 100 * MS) // MS


def test_not_found_asked_late_enough_means_never_placed():
    desk = Desk()
    order = desk.place()
    desk.manager.doubt(order, "timeout", 0)
    desk.forget()
    desk.manager.on_not_found(not_found(order, CERTAIN + SECOND, CERTAIN + 1))
    (change,) = desk.commands()
    assert (change.record.state, change.cause) == ("REJECTED", "never placed")
    assert change.record.updated_ms == WALL_MS + (CERTAIN + SECOND) // MS
    assert desk.heard() == []


@pytest.mark.parametrize("fields", [{"acked_ts": 0}, {"filled": 30}])
def test_an_order_that_the_venue_once_took_was_forgotten_and_not_never_placed(fields):
    desk = Desk()
    order = desk.place()
    order.state = S.UNKNOWN
    for name, value in fields.items():
        setattr(order, name, value)
    desk.manager.on_not_found(not_found(order, CERTAIN + SECOND, CERTAIN + 1))
    assert desk.heard() == [("anomaly", SYMBOL, f"{order.client_id}: the venue no longer knows it")]
    (change,) = desk.commands()
    assert (change.record.state, change.cause) == ("CANCELED", "forgotten by the venue")
    assert change.record.updated_ms == WALL_MS + (CERTAIN + SECOND) // MS


def test_the_grace_of_an_order_the_venue_took_counts_from_its_last_word():
    desk = Desk()
    order = desk.order(S.UNKNOWN, acked_ts=4 * SECOND)
    desk.manager.on_not_found(not_found(order, 5 * SECOND, CERTAIN + 4 * SECOND))
    assert (order.state, order.query_due) == (S.UNKNOWN, 5 * SECOND + 100 * MS)
    desk.manager.on_not_found(not_found(order, 30 * SECOND, CERTAIN + 4 * SECOND + 1))
    assert order.state is S.CANCELED


def test_not_found_says_nothing_about_an_order_that_has_been_shown_open_since():
    desk = Desk()
    order = desk.order(S.NEW, query_in_flight=True, query_due=9)
    desk.manager.on_not_found(not_found(order, 60 * SECOND, 50 * SECOND))
    assert (order.state, order.query_in_flight) == (S.NEW, False)


def test_not_found_ends_a_pending_order_that_the_venue_can_no_longer_accept():
    desk = Desk()
    order = desk.place()
    desk.manager.on_not_found(not_found(order, CERTAIN + SECOND, CERTAIN + 1))
    assert order.state is S.REJECTED


# --- time ---------------------------------------------------------------------------------------------------------------------------------


def test_an_answer_that_is_due_now_is_overdue_and_one_that_is_not_is_waited_for():
    desk = Desk()
    order = desk.place()
    desk.manager.on_timer(ASK_AFTER_NS - 1)
    assert desk.commands() == []
    desk.manager.on_timer(TIMEOUT)
    assert desk.outbox.commands[1:] == [query(order)]
    assert causes(desk) == [("UNKNOWN", "time-out")]
    assert order.query_due == 2 * TIMEOUT


def test_the_venue_is_asked_long_before_an_answer_is_overdue_and_nothing_is_doubted_by_that():
    desk = Desk()
    order = desk.place()
    desk.manager.on_timer(ASK_AFTER_NS)
    assert desk.commands() == [query(order)]
    assert differs(order) == ASKED | {"deadline": TIMEOUT, "query_due": ASK_AFTER_NS + TIMEOUT}
    assert order.state is S.PENDING
    desk.manager.on_timer(ASK_AFTER_NS + SECOND)
    assert desk.commands() == [], "one question at a time"
    desk.manager.on_not_found(not_found(order, 2 * SECOND, ASK_AFTER_NS))
    assert (order.state, order.query_due) == (S.PENDING, 2 * SECOND + 100 * MS)
    desk.manager.on_timer(2 * SECOND + 100 * MS)
    assert desk.commands() == [query(order)]
    desk.manager.on_found(ev.OrderFound(ts=3 * SECOND, order=view(order, "NEW")))
    assert (order.state, order.deadline, order.query_due, order.queries) == (S.NEW, None, None, 0)


def test_a_cancel_without_an_answer_is_asked_about_as_early():
    desk = Desk()
    order = desk.order(S.NEW)
    desk.manager.cancel(order, SECOND)
    desk.forget()
    desk.manager.on_timer(SECOND + ASK_AFTER_NS - 1)
    assert desk.commands() == []
    desk.manager.on_timer(SECOND + ASK_AFTER_NS)
    assert desk.commands() == [query(order)]
    assert (order.state, order.cancel_in_flight) == (S.CANCELING, True)


def test_a_change_without_an_answer_is_not_asked_about_before_it_is_overdue():
    """An answer that shows the order as it was would say nothing: the change may still be on its way."""
    desk = Desk()
    order = desk.order(S.NEW)
    desk.manager.amend(order, order.size // 2, 0)
    desk.forget()
    desk.manager.on_timer(TIMEOUT - 1)
    assert desk.commands() == []


def test_an_overdue_cancel_is_no_longer_on_its_way():
    desk = Desk()
    order = desk.order(S.CANCELING, cancel_in_flight=True, deadline=SECOND)
    desk.manager.on_timer(SECOND)
    assert differs(order) == KNOWN | ASKED | {"query_due": SECOND + TIMEOUT}
    assert order.state is S.UNKNOWN


def test_a_question_is_put_when_it_is_due():
    desk = Desk()
    order = desk.order(S.UNKNOWN, query_due=2 * SECOND, queries=1)
    desk.manager.on_timer(2 * SECOND - 1)
    assert desk.commands() == []
    desk.manager.on_timer(2 * SECOND)
    assert desk.commands() == [query(order)]
    assert differs(order) == KNOWN | {
        "queries": 2,
        "query_in_flight": True,
        "query_due": 2 * SECOND + TIMEOUT,
    }


@pytest.mark.parametrize(
    "state,fields,sent",
    [
        (S.NEW, {}, False),
        (S.NEW, {"cancel_wanted": True}, True),
        (S.NEW, {"cancel_wanted": True, "leftover": True}, True),
        (S.UNKNOWN, {"cancel_wanted": True}, True),
        (S.UNKNOWN, {"cancel_wanted": True, "leftover": True}, False),
        (S.PENDING, {"cancel_wanted": True}, True),
    ],
)
def test_what_is_wanted_gone_is_cancelled_by_the_timer_but_an_unknown_leftover_waits_for_the_venues_word(
    state, fields, sent
):
    desk = Desk()
    order = desk.order(state, **fields)
    desk.manager.on_timer(2 * SECOND)
    assert bool([c for c in desk.sent() if isinstance(c, Cancel)]) is sent
    assert order.next_cancel == (2 * SECOND + 100 * MS if sent else 0)


def test_a_question_answered_about_an_order_on_its_way_out_is_settled_too():
    desk = Desk()
    order = desk.order(S.CANCELING, query_in_flight=True, query_due=9)
    desk.manager.on_found(ev.OrderFound(ts=SECOND, order=view(order, "PENDING_CANCEL")))
    assert (order.state, order.query_in_flight, order.query_due) == (S.CANCELING, False, None)


def test_a_refused_cancel_of_an_order_already_doubted_is_awaited_no_more():
    desk = Desk()
    order = desk.order(S.UNKNOWN, cancel_in_flight=True, deadline=9, query_in_flight=True, query_due=11)
    desk.manager.on_refused(refused(order, "cancel", ErrorClass.NOT_FOUND, SECOND))
    assert (order.state, order.cancel_in_flight, order.deadline) == (S.UNKNOWN, False, None)
    assert desk.sent() == []


# --- pauses -------------------------------------------------------------------------------------------------------------------------------


def test_pauses_are_spread_by_the_order_and_the_attempt_and_those_of_questions_by_the_symbol():
    asked = []

    def jitter(key, attempt):
        asked.append((key, attempt))
        return 0.5

    desk = Desk(backoff=Backoff(jitter))
    order = desk.order(S.UNKNOWN, queries=3)
    failed = ev.QueryFailed(
        ts=SECOND, symbol=SYMBOL, client_id=order.client_id, error=ErrorClass.AMBIGUOUS, reason="x"
    )
    desk.manager.on_query_failed(failed)
    assert order.query_due == SECOND + 450 * MS
    desk.manager.cancel(order, SECOND)
    assert order.next_cancel == SECOND + 112_500_000
    desk.reconciler.on_failed(ev.ReconcileFailed(ts=SECOND, symbol=SYMBOL, reason="503", cause="timer"))
    assert desk.reconciler.sync[SYMBOL].retry_due == SECOND + 900 * MS
    assert asked == [(order.client_id, 3), (order.client_id, 1), (SYMBOL, 4)]
    placed = desk.place()
    desk.manager.doubt(placed, "timeout", 0)
    desk.manager.on_not_found(not_found(placed, SECOND, CERTAIN))
    assert asked[3:] == [(placed.client_id, 1)]
    assert placed.query_due == SECOND + 112_500_000
