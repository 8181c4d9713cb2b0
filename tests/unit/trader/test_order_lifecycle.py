"""One order and one piece of evidence: where it goes, what is journaled, who is told."""

from __future__ import annotations

import pytest
from kernel_driver import SECOND
from order_desk import PRICE, SIZE, SYMBOL, WALL_MS, Desk, differs, trade, view

from mm_trader.core.commands import OrderChanged
from mm_trader.core.events import Side
from mm_trader.orders.states import OrderState

S = OrderState


def anomalies(desk: Desk) -> list[str]:
    """What people are told, of the right symbol."""
    told = [entry for entry in desk.heard() if entry[0] == "anomaly"]
    assert all(symbol == SYMBOL for _, symbol, _ in told)
    return [text for _, _, text in told]


def apply(desk, order, status, filled=0, *, answers_us=False, ts=SECOND, cause="report", **changes):
    desk.life.apply(order, view(order, status, filled, **changes), cause, ts, answers_us=answers_us)


# --- moves --------------------------------------------------------------------------------------------------------------------------------


def test_a_change_is_journaled_with_its_cause_its_time_and_whether_it_is_the_last():
    desk = Desk()
    order = desk.order(S.NEW)
    desk.life.move(order, S.PARTIALLY_FILLED, "fill", 3 * SECOND)
    desk.life.move(order, S.CANCELED, "report", 4 * SECOND)
    first, last = desk.commands()
    assert isinstance(first, OrderChanged) and isinstance(last, OrderChanged)
    assert (first.cause, first.closed, first.record.state) == ("fill", False, "PARTIALLY_FILLED")
    assert (last.cause, last.closed, last.record.state) == ("report", True, "CANCELED")
    assert (first.record.updated_ms, last.record.updated_ms) == (WALL_MS + 3000, WALL_MS + 4000)
    assert desk.ears.heard == [("changed", order.client_id), ("changed", order.client_id)]


def test_a_move_to_the_same_state_is_not_journaled():
    desk = Desk()
    order = desk.order(S.NEW)
    desk.life.move(order, S.NEW, "report", SECOND)
    assert (desk.commands(), desk.ears.heard) == ([], [])


def test_a_move_that_the_table_does_not_have_is_told_with_its_cause_and_not_made():
    desk = Desk()
    order = desk.order(S.FILLED)
    desk.life.move(order, S.NEW, "report", SECOND)
    assert order.state is S.FILLED
    (text,) = anomalies(desk)
    assert text.startswith(f"{order.client_id}: FILLED → NEW is not a transition")
    assert text.endswith("(report)")
    assert desk.commands() == []


@pytest.mark.parametrize("end", [S.CANCELED, S.FILLED, S.EXPIRED])
def test_nothing_is_awaited_of_an_order_that_is_over(end):
    desk = Desk()
    order = desk.order(
        S.CANCELING, deadline=9, query_due=9, cancel_in_flight=True, query_in_flight=True, cancel_wanted=True
    )
    desk.life.move(order, end, "report", SECOND)
    assert differs(order) == {"acked_ts": 0, "venue_id": 7, "cancel_wanted": True}


def test_an_unknown_order_waits_for_no_answer_but_that_to_its_question():
    desk = Desk()
    order = desk.order(S.CANCELING, deadline=9, query_due=11, cancel_in_flight=True, query_in_flight=True)
    desk.life.move(order, S.UNKNOWN, "time-out", SECOND)
    assert differs(order) == {"acked_ts": 0, "venue_id": 7, "query_due": 11, "query_in_flight": True}
    assert desk.heard() == [("unknown", order.client_id)]


@pytest.mark.parametrize("opened", [S.NEW, S.PARTIALLY_FILLED])
def test_an_order_shown_open_is_not_asked_about_any_more_and_its_next_questions_begin_with_short_pauses(
    opened,
):
    desk = Desk()
    order = desk.order(S.UNKNOWN, deadline=9, query_due=9, queries=6)
    desk.life.move(order, opened, "query", SECOND)
    assert differs(order) == {"acked_ts": 0, "venue_id": 7}


def test_an_order_on_its_way_to_its_cancel_keeps_the_deadline_of_the_answer():
    desk = Desk()
    order = desk.order(S.NEW, deadline=9, cancel_in_flight=True, queries=2)
    desk.life.move(order, S.CANCELING, "cancel sent", SECOND)
    assert differs(order) == {
        "acked_ts": 0,
        "venue_id": 7,
        "deadline": 9,
        "cancel_in_flight": True,
        "queries": 2,
    }


# --- the venue speaks of it ---------------------------------------------------------------------------------------------------------------


def test_the_first_word_of_the_venue_makes_the_order_findable_by_its_number_and_is_told_once():
    desk = Desk()
    order = desk.place()
    desk.life.known_to_venue(order, 7, 2 * SECOND)
    desk.life.known_to_venue(order, 7, 3 * SECOND)
    assert desk.heard() == [("accepted", order.client_id)]
    assert desk.table.by_venue_id(SYMBOL, 7) is order
    assert order.acked_ts == 3 * SECOND


def test_another_number_for_the_same_order_is_an_anomaly_and_the_first_one_stays():
    desk = Desk()
    order = desk.order(S.NEW)
    desk.life.known_to_venue(order, 8, SECOND)
    assert anomalies(desk) == [f"{order.client_id}: venue id 7 became 8"]
    assert order.venue_id == 7


# --- trades -------------------------------------------------------------------------------------------------------------------------------


def test_a_trade_is_booked_once_with_its_order_and_says_whether_it_is_news():
    desk = Desk()
    order = desk.order(S.NEW)
    first = trade(30)
    assert desk.life.book(first, order, SECOND, live=True) is True
    assert desk.life.book(first, order, SECOND, live=True) is False
    assert desk.heard() == [("fill", first, order.client_id, True)]
    assert (order.booked, order.filled, order.state) == (30, 30, S.PARTIALLY_FILLED)


def test_a_trade_without_its_order_finds_it_by_the_venues_number():
    desk = Desk()
    order = desk.order(S.NEW)
    found = trade(SIZE)
    desk.life.book(found, None, SECOND, live=False)
    assert desk.heard() == [("fill", found, order.client_id, False)]
    assert order.state is S.FILLED


def test_a_trade_of_an_order_that_nobody_remembers_is_booked_all_the_same():
    desk = Desk()
    found = trade(5, venue_id=99)
    assert desk.life.book(found, None, SECOND, live=False) is True
    assert desk.heard() == [("fill", found, None, False)]
    assert desk.commands() == []


def test_a_trade_never_lowers_what_the_venue_has_said_is_filled():
    desk = Desk()
    order = desk.order(S.PARTIALLY_FILLED, filled=60)
    desk.life.book(trade(30), order, SECOND, live=True)
    assert (order.booked, order.filled) == (30, 60)
    desk.life.book(trade(40, 2), order, SECOND, live=True)
    assert (order.booked, order.filled) == (70, 70)


def test_trades_beyond_the_order_are_an_anomaly_and_trades_up_to_it_are_none():
    desk = Desk()
    order = desk.order(S.NEW)
    desk.life.book(trade(SIZE), order, SECOND, live=True)
    assert anomalies(desk) == []
    desk.life.book(trade(1, 2), order, SECOND, live=True)
    assert anomalies(desk) == [f"{order.client_id}: filled 101 of 100 lots"]


def test_trades_of_an_inherited_order_are_not_counted_one_by_one():
    desk = Desk()
    order = desk.order(S.NEW, inherited=True, filled=40)
    desk.life.book(trade(30), order, SECOND, live=True)
    assert (order.booked, order.filled) == (0, 40)


@pytest.mark.parametrize(
    "before,size,after,cause",
    [
        (S.PENDING, SIZE, S.FILLED, "fill"),
        (S.PENDING, 30, S.PARTIALLY_FILLED, "fill"),
        (S.NEW, 30, S.PARTIALLY_FILLED, "fill"),
        (S.PARTIALLY_FILLED, 30, S.PARTIALLY_FILLED, "fill"),
        (S.CANCELING, 30, S.CANCELING, "fill"),
        (S.UNKNOWN, 30, S.UNKNOWN, "fill"),
        (S.CANCELING, SIZE, S.FILLED, "fill"),
        (S.UNKNOWN, SIZE, S.FILLED, "fill"),
        (S.CANCELED, 30, S.CANCELED, "late fill"),
        (S.EXPIRED, 30, S.EXPIRED, "late fill"),
        (S.CANCELED, SIZE, S.FILLED, "late fill"),
    ],
)
def test_a_trade_shows_what_was_filled_and_not_that_the_rest_is_open(before, size, after, cause):
    desk = Desk()
    order = desk.order(before)
    order.acked_ts, order.venue_id = 0, 7
    desk.life.book(trade(size), order, 2 * SECOND, live=True)
    assert order.state is after
    (change,) = desk.commands()
    assert (change.cause, change.record.state) == (cause, after.value)
    assert change.record.updated_ms == WALL_MS + 2000
    assert anomalies(desk) == []


@pytest.mark.parametrize("size,after", [(30, S.PARTIALLY_FILLED), (SIZE, S.FILLED)])
def test_an_order_judged_never_placed_that_trades_after_all_is_taken_back(size, after):
    desk = Desk()
    order = desk.order(S.REJECTED)
    desk.life.book(trade(size), order, SECOND, live=True)
    assert order.state is after
    if after is S.PARTIALLY_FILLED:
        assert anomalies(desk) == [f"{order.client_id}: judged gone, but it traded"]
        assert (order.leftover, order.cancel_wanted) == (True, True)


# --- what the venue says of it ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "before,status,filled,answers_us,after",
    [
        (S.PENDING, "NEW", 0, False, S.NEW),
        (S.PENDING, "PENDING_NEW", 0, False, S.NEW),
        (S.PENDING, "PENDING_CANCEL", 0, False, S.NEW),
        (S.PENDING, "PARTIALLY_FILLED", 30, False, S.PARTIALLY_FILLED),
        (S.PENDING, "FILLED", SIZE, False, S.FILLED),
        (S.PENDING, "EXPIRED_IN_MATCH", 0, False, S.EXPIRED),
        (S.NEW, "NEW", 0, True, S.NEW),
        (S.NEW, "PENDING_CANCEL", 0, False, S.NEW),
        (S.NEW, "CANCELED", 0, False, S.CANCELED),
        (S.NEW, "PARTIALLY_FILLED", 30, False, S.PARTIALLY_FILLED),
        (S.NEW, "NEW", 30, False, S.PARTIALLY_FILLED),
        (S.NEW, "FILLED", SIZE, False, S.FILLED),
        (S.NEW, "CANCELED", SIZE, False, S.FILLED),
        (S.UNKNOWN, "NEW", 0, True, S.NEW),
        (S.UNKNOWN, "NEW", 30, True, S.PARTIALLY_FILLED),
        (S.UNKNOWN, "CANCELED", 30, True, S.CANCELED),
        (S.UNKNOWN, "REJECTED", 0, True, S.REJECTED),
        (S.CANCELING, "NEW", 0, False, S.CANCELING),
        (S.CANCELING, "NEW", 0, True, S.NEW),
        (S.CANCELING, "PENDING_CANCEL", 0, True, S.CANCELING),
        (S.CANCELING, "CANCELED", 0, False, S.CANCELED),
        (S.FILLED, "CANCELED", 0, False, S.FILLED),
        (S.FILLED, "NEW", 0, True, S.FILLED),
        (S.CANCELED, "NEW", 0, True, S.CANCELED),
        (S.CANCELED, "EXPIRED", 0, True, S.CANCELED),
        (S.CANCELED, "PARTIALLY_FILLED", 30, False, S.CANCELED),
        (S.CANCELED, "FILLED", SIZE, False, S.FILLED),
        (S.EXPIRED, "NEW", 0, True, S.EXPIRED),
        (S.REJECTED, "NEW", 0, True, S.NEW),
        (S.REJECTED, "PARTIALLY_FILLED", 30, True, S.PARTIALLY_FILLED),
        (S.REJECTED, "CANCELED", 0, True, S.CANCELED),
        (S.REJECTED, "EXPIRED", 0, True, S.EXPIRED),
    ],
)
def test_evidence_leads_forward_and_never_back(before, status, filled, answers_us, after):
    desk = Desk()
    order = desk.order(before, filled=SIZE if before is S.FILLED else 0)
    apply(desk, order, status, filled, answers_us=answers_us)
    assert order.state is after
    assert order.filled == max(filled, SIZE if before is S.FILLED else 0)
    if before is not S.REJECTED:
        assert anomalies(desk) == []


def test_an_order_is_not_shown_open_by_an_answer_while_its_cancel_is_on_its_way():
    desk = Desk()
    order = desk.order(S.CANCELING, cancel_in_flight=True)
    apply(desk, order, "NEW", answers_us=True)
    assert order.state is S.CANCELING


@pytest.mark.parametrize("status,filled", [("FILLED", 40), ("CANCELED", 40)])
def test_an_end_with_fewer_lots_than_we_placed_is_an_end(status, filled):
    desk = Desk()
    order = desk.order(S.NEW)
    apply(desk, order, status, filled)
    assert order.over
    assert order.filled == filled


def test_more_filled_without_a_new_state_is_journaled_and_less_is_not():
    desk = Desk()
    order = desk.order(S.PARTIALLY_FILLED, filled=30)
    apply(desk, order, "PARTIALLY_FILLED", 50, cause="query", ts=2 * SECOND)
    (change,) = desk.commands()
    assert (change.cause, change.record.filled) == ("query", desk.rules.quantity(50))
    assert change.record.updated_ms == WALL_MS + 2000
    apply(desk, order, "PARTIALLY_FILLED", 50)
    apply(desk, order, "PARTIALLY_FILLED", 10)
    assert desk.commands() == []
    assert order.filled == 50


def test_a_new_state_is_journaled_with_the_cause_and_time_of_the_evidence():
    desk = Desk()
    order = desk.order(S.NEW)
    apply(desk, order, "CANCELED", cause="reconcile", ts=4 * SECOND)
    (change,) = desk.commands()
    assert (change.cause, change.record.updated_ms) == ("reconcile", WALL_MS + 4000)


@pytest.mark.parametrize(
    "changes",
    [{"status": "SOMETHING"}, {"side": Side.SELL}, {"filled": SIZE + 1}],
    ids=["word", "side", "fill"],
)
@pytest.mark.parametrize(
    "before,after",
    [
        (S.PENDING, S.UNKNOWN),
        (S.NEW, S.UNKNOWN),
        (S.PARTIALLY_FILLED, S.UNKNOWN),
        (S.CANCELING, S.CANCELING),
        (S.UNKNOWN, S.UNKNOWN),
        (S.CANCELED, S.CANCELED),
    ],
)
def test_a_description_that_cannot_be_ours_is_told_and_an_open_order_doubted(changes, before, after):
    desk = Desk()
    order = desk.order(before)
    fields = {"status": "NEW", "filled": 0} | changes
    status, filled = fields.pop("status"), fields.pop("filled")
    apply(desk, order, status, filled, **fields)
    assert order.state is after
    assert anomalies(desk) == [f"{order.client_id}: the venue describes it as {status}, {filled} filled"]
    assert order.filled == 0
    if after is not before:
        (change,) = desk.commands()
        assert (change.cause, change.record.updated_ms) == ("unreadable", WALL_MS + 1000)


def test_a_larger_size_at_the_venue_bounds_what_may_be_filled():
    desk = Desk()
    order = desk.order(S.NEW)
    apply(desk, order, "PARTIALLY_FILLED", SIZE + 20, size=SIZE + 50)
    assert (order.state, order.filled, order.size) == (S.PARTIALLY_FILLED, SIZE + 20, SIZE + 50)


@pytest.mark.parametrize("changes", [{"price": PRICE + 1}, {"size": SIZE - 1}])
def test_price_and_size_are_the_venues_and_a_difference_is_told(changes):
    desk = Desk()
    order = desk.order(S.NEW)
    apply(desk, order, "NEW", **changes)
    at_venue = {"price": PRICE, "size": SIZE} | changes
    assert {"price": order.price, "size": order.size} == at_venue
    assert anomalies(desk) == [
        f"{order.client_id}: {SIZE} @ {PRICE} placed, {at_venue['size']} @ {at_venue['price']} at the venue"
    ]


@pytest.mark.parametrize("status", ["NEW", "CANCELED"])
def test_an_order_judged_never_placed_that_the_venue_shows_is_a_leftover_that_goes(status):
    desk = Desk()
    order = desk.order(S.REJECTED)
    apply(desk, order, status)
    assert anomalies(desk) == [f"{order.client_id}: judged gone, but it is {status}"]
    assert (order.leftover, order.cancel_wanted) == (True, True)


def test_an_order_that_was_placed_is_no_leftover_because_the_venue_describes_it():
    desk = Desk()
    order = desk.order(S.NEW)
    apply(desk, order, "CANCELED")
    assert (order.leftover, order.cancel_wanted) == (False, False)
    assert anomalies(desk) == []


def test_the_record_of_an_order_is_in_exact_amounts():
    desk = Desk()
    order = desk.order(S.PARTIALLY_FILLED, filled=30)
    desk.life.changed(order, "fill", 2 * SECOND)
    (change,) = desk.commands()
    record = change.record
    assert (record.client_id, record.symbol, record.side) == (order.client_id, SYMBOL, "BUY")
    assert (str(record.price), str(record.quantity), str(record.filled)) == ("2500.00", "0.0100", "0.0030")
    assert (record.state, record.venue_id) == ("PARTIALLY_FILLED", 7)
    assert (record.created_ms, record.updated_ms) == (WALL_MS, WALL_MS + 2000)
    assert desk.place(side=Side.SELL).record(desk.rules).side == "SELL"


@pytest.mark.parametrize(
    "state,fields,lots",
    [
        (S.NEW, {}, 100),
        (S.PARTIALLY_FILLED, {"filled": 30, "booked": 30}, 70),
        (S.PARTIALLY_FILLED, {"filled": 30, "booked": 10}, 90),
        (S.NEW, {"filled": 120, "booked": 30}, 90),
        (S.CANCELED, {"filled": 30, "booked": 30}, 0),
        (S.CANCELED, {"filled": 30, "booked": 10}, 20),
        (S.NEW, {"inherited": True, "filled": 30}, 70),
        (S.NEW, {"inherited": True, "filled": 130}, 0),
        (S.CANCELED, {"inherited": True, "filled": 30}, 0),
    ],
)
def test_what_may_still_move_the_position_is_what_is_open_or_filled_and_not_booked(state, fields, lots):
    assert Desk().order(state, **fields).unbooked == lots
