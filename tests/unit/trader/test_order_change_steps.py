"""A change of an open order, answer by answer: smaller in place, moved, replaced."""

from __future__ import annotations

from typing import Any

import pytest
from kernel_driver import MS, SECOND
from order_desk import PRICE, SIZE, SYMBOL, TIMEOUT, WALL_MS, Desk, differs, refused, view

from mm_trader.core import events as ev
from mm_trader.core.commands import (
    Amend,
    Cancel,
    CancelReplace,
    Command,
    Modify,
    OrderChanged,
    Place,
    QueryOrder,
)
from mm_trader.core.events import ErrorClass, Side
from mm_trader.orders.order import Change, Order
from mm_trader.orders.retry import POLICIES, Asked, Step
from mm_trader.orders.states import OrderState

S = OrderState
HIGHER, SMALLER = PRICE + 5, SIZE - 40
ASKS = [e for e in ErrorClass if POLICIES[Asked.CHANGE, e].step is Step.ASK]
STAYS = [e for e in ErrorClass if POLICIES[Asked.CHANGE, e].step is not Step.ASK]


def journaled(commands: list[Command]) -> list[tuple[Any, ...]]:
    """State, cause, price and size at risk, wall time of what was journaled."""
    return [
        (c.record.state, c.cause, c.record.price, c.record.quantity, c.record.updated_ms - WALL_MS)
        for c in commands
        if isinstance(c, OrderChanged)
    ]


def amounts(desk: Desk, price: int = PRICE, size: int = SIZE) -> tuple[Any, Any]:
    return desk.rules.price(price), desk.rules.quantity(size)


def moved(price: int = HIGHER, size: int = SMALLER, **fields: Any) -> tuple[Desk, Order]:
    """An open order with a change on its way since 2 s."""
    desk = Desk()
    order = desk.order(S.NEW, **fields)
    desk.manager.modify(order, price, size, 2 * SECOND)
    desk.forget()
    return desk, order


# --- sent ---------------------------------------------------------------------------------------------------------------------------------


def test_a_smaller_size_is_journaled_with_the_old_one_then_sent_and_its_answer_awaited():
    desk = Desk()
    order = desk.order(S.NEW)
    desk.manager.amend(order, SMALLER, 2 * SECOND)
    commands = desk.commands()
    assert journaled(commands) == [("NEW", "amend sent", *amounts(desk), 2000)]
    assert commands[-1] == Amend(symbol=SYMBOL, client_id=order.client_id, venue_id=7, size=SMALLER)
    assert order.change == Change((PRICE, SIZE), (PRICE, SMALLER))
    assert (order.price, order.risk_price, order.size, order.changes) == (PRICE, PRICE, SIZE, 1)
    assert order.deadline == 2 * SECOND + TIMEOUT
    assert desk.heard() == []


@pytest.mark.parametrize("price,size", [(HIGHER, SMALLER), (PRICE - 5, SIZE + 10)])
def test_a_move_is_journaled_with_the_worst_of_both_then_sent_and_its_answer_awaited(price, size):
    desk = Desk()
    order = desk.order(S.NEW)
    desk.manager.modify(order, price, size, 2 * SECOND)
    commands = desk.commands()
    worst = (max(price, PRICE), max(size, SIZE))
    assert journaled(commands) == [("NEW", "modify sent", *amounts(desk, *worst), 2000)]
    assert commands[-1] == Modify(
        symbol=SYMBOL, client_id=order.client_id, venue_id=7, side=Side.BUY, price=price, size=size
    )
    assert order.change == Change((PRICE, SIZE), (price, size))
    assert (order.price, order.risk_price, order.size) == (price, *worst)
    assert order.deadline == 2 * SECOND + TIMEOUT
    assert desk.heard() == [("change_sent",)]


@pytest.mark.parametrize("reduce_only", [False, True])
def test_a_replacement_is_one_request_with_the_new_order_journaled_and_the_old_one_on_its_way_out(
    reduce_only,
):
    desk = Desk()
    old = desk.order(S.NEW)
    new = desk.manager.replace(old, HIGHER, SMALLER, 2 * SECOND, reduce_only=reduce_only)
    commands = desk.commands()
    place = Place(
        symbol=SYMBOL,
        client_id=new.client_id,
        side=Side.BUY,
        price=HIGHER,
        size=SMALLER,
        post_only=True,
        reduce_only=reduce_only,
        closing=False,
    )
    assert [type(c) for c in commands] == [OrderChanged, CancelReplace, OrderChanged]
    assert commands[1] == CancelReplace(client_id=old.client_id, venue_id=7, place=place)
    assert journaled(commands) == [
        ("PENDING", "placed", *amounts(desk, HIGHER, SMALLER), 2000),
        ("CANCELING", "replacement sent", *amounts(desk), 2000),
    ]
    assert desk.heard() == [("cancel_sent", old.client_id), ("placed", new.client_id)]
    assert (old.cancel_wanted, old.cancel_in_flight, old.deadline) == (True, True, 2 * SECOND + TIMEOUT)
    assert (old.next_cancel, old.cancel_attempts) == (2 * SECOND + 100 * MS, 1)
    waiting = {"deadline": 2 * SECOND + TIMEOUT}
    assert differs(new) == (waiting | {"reduce_only": True} if reduce_only else waiting)


def test_a_replacement_only_reduces_where_it_is_said():
    desk = Desk()
    desk.manager.replace(desk.order(S.NEW), HIGHER, SMALLER, SECOND)
    (sent,) = desk.sent()
    assert sent.place.reduce_only is False


@pytest.mark.parametrize(
    "state,fields,enabled,can",
    [
        (S.NEW, {}, True, True),
        (S.PARTIALLY_FILLED, {}, True, True),
        (S.NEW, {"next_cancel": SECOND}, True, True),
        (S.NEW, {"next_cancel": SECOND + 1}, True, False),
        (S.NEW, {"cancel_in_flight": True}, True, False),
        (S.NEW, {"cancel_wanted": True}, True, False),
        (S.NEW, {}, False, False),
        (S.PENDING, {}, True, False),
        (S.UNKNOWN, {}, True, False),
        (S.CANCELING, {}, True, False),
        (S.CANCELED, {}, True, False),
    ],
)
def test_only_an_open_order_whose_cancel_could_leave_now_can_be_replaced(state, fields, enabled, can):
    desk = Desk(enabled=enabled)
    assert desk.manager.can_replace(desk.order(state, **fields), SECOND) is can


# --- refused ------------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", STAYS)
def test_a_change_that_was_not_carried_out_leaves_the_order_as_it_was(error):
    desk, order = moved()
    desk.manager.on_refused(refused(order, "amend", error, 3 * SECOND))
    assert journaled(desk.commands()) == [("NEW", f"change refused: {error}", *amounts(desk), 3000)]
    assert desk.heard() == [("change_refused", order.client_id, error)]
    assert differs(order) == {"acked_ts": 0, "venue_id": 7, "changes": 1, "change_refused": True}


@pytest.mark.parametrize("error", ASKS)
def test_a_change_that_was_refused_without_certainty_asks_and_the_order_goes(error):
    desk, order = moved()
    desk.manager.on_refused(refused(order, "amend", error, 3 * SECOND))
    cause = f"change refused: {error}"
    commands = desk.commands()
    assert journaled(commands) == [
        ("NEW", cause, *amounts(desk), 3000),
        ("UNKNOWN", cause, *amounts(desk), 3000),
    ]
    assert QueryOrder(symbol=SYMBOL, client_id=order.client_id) in commands
    assert (order.cancel_wanted, order.query_due) == (True, 3 * SECOND + TIMEOUT)
    assert desk.heard() == [("change_refused", order.client_id, error), ("unknown", order.client_id)]


def test_a_refusal_after_the_venue_has_shown_the_change_is_answered_by_nothing():
    desk = Desk()
    order = desk.order(S.NEW)
    desk.manager.on_refused(refused(order, "amend", ErrorClass.REFUSED, 3 * SECOND))
    assert (desk.commands(), desk.ears.heard, order.change_refused) == ([], [], False)


def test_a_refused_change_of_an_order_whose_cancel_is_on_its_way_still_waits_for_that():
    desk, order = moved()
    desk.manager.cancel(order, 3 * SECOND)
    desk.forget()
    desk.manager.on_refused(refused(order, "amend", STAYS[0], 4 * SECOND))
    assert (order.state, order.deadline, order.change) == (S.CANCELING, 3 * SECOND + TIMEOUT, None)


# --- no answer, or never left -------------------------------------------------------------------------------------------------------------


def lost(order: Order, reason: str) -> ev.CommandUnknown:
    return ev.CommandUnknown(
        ts=3 * SECOND, symbol=SYMBOL, client_id=order.client_id, command="amend", reason=reason
    )


@pytest.mark.parametrize("reason,cause", [("5xx", "5xx"), ("", "no trustworthy answer")])
def test_a_change_without_an_answer_asks_and_cancels_because_nobody_knows_which_of_both_it_is(reason, cause):
    desk, order = moved()
    desk.manager.on_unknown(lost(order, reason))
    commands = desk.commands()
    assert journaled(commands)[0] == ("UNKNOWN", cause, *amounts(desk, HIGHER, SIZE), 3000)
    assert [type(c) for c in commands if not isinstance(c, OrderChanged)] == [QueryOrder, Cancel]
    assert order.cancel_wanted is True
    assert order.next_cancel == 3 * SECOND + 100 * MS


def test_a_lost_answer_does_not_matter_once_the_venue_has_shown_the_change():
    desk = Desk()
    order = desk.order(S.NEW)
    desk.manager.on_unknown(lost(order, "5xx"))
    assert (desk.commands(), order.cancel_wanted) == ([], False)


def test_a_change_that_never_left_leaves_the_order_as_it_was():
    desk, order = moved()
    desk.manager.on_dropped(
        ev.CommandDropped(
            ts=3 * SECOND, symbol=SYMBOL, client_id=order.client_id, command="amend", reason="x"
        )
    )
    assert journaled(desk.commands()) == [("NEW", "change dropped", *amounts(desk), 3000)]
    assert differs(order) == {"acked_ts": 0, "venue_id": 7, "changes": 1}


# --- the venue describes it ---------------------------------------------------------------------------------------------------------------


def apply(desk: Desk, order: Order, price: int, size: int, update_ms: int = WALL_MS + 2500) -> list[str]:
    """Anomalies that a description as open with this price and size brings."""
    described = view(order, "NEW", price=price, size=size, update_ms=update_ms)
    desk.life.apply(order, described, "report", 3 * SECOND, answers_us=False)
    return [entry[2] for entry in desk.heard() if entry[0] == "anomaly"]


def test_the_new_price_and_size_are_explained_by_the_change_and_end_it():
    desk, order = moved()
    assert apply(desk, order, HIGHER, SMALLER) == []
    assert journaled(desk.commands()) == [("NEW", "report", *amounts(desk, HIGHER, SMALLER), 3000)]
    assert (order.change, order.deadline) == (None, None)
    assert (order.price, order.risk_price, order.size) == (HIGHER, HIGHER, SMALLER)
    assert (order.before, order.changed_ms) == ((PRICE, SIZE), WALL_MS + 2500)


def test_the_old_price_and_size_do_not_say_that_the_change_will_not_come():
    desk, order = moved()
    assert apply(desk, order, PRICE, SIZE) == []
    assert desk.commands() == []
    assert order.change == Change((PRICE, SIZE), (HIGHER, SMALLER))
    assert (order.price, order.size, order.deadline) == (HIGHER, SIZE, 2 * SECOND + TIMEOUT)


def test_a_third_price_is_an_anomaly_and_the_venues_word():
    desk, order = moved()
    (told,) = apply(desk, order, PRICE + 1, SMALLER)
    assert told.endswith(f"{SMALLER} @ {PRICE + 1} at the venue")
    assert (order.price, order.size, order.change) == (PRICE + 1, SMALLER, None)


def test_a_change_shown_carried_out_does_not_end_the_wait_for_a_cancel():
    desk, order = moved()
    desk.manager.cancel(order, 2 * SECOND)
    order.state = S.NEW
    desk.forget()
    apply(desk, order, HIGHER, SMALLER)
    assert (order.change, order.deadline) == (None, 2 * SECOND + TIMEOUT)


def test_a_difference_without_a_change_does_not_end_any_wait():
    desk = Desk()
    order = desk.order(S.NEW, deadline=9 * SECOND)
    apply(desk, order, PRICE, SMALLER)
    assert (order.size, order.deadline) == (SMALLER, 9 * SECOND)


def test_the_price_of_an_inherited_order_may_be_from_before_a_change():
    desk = Desk()
    order = desk.order(S.NEW, inherited=True)
    assert apply(desk, order, HIGHER, SMALLER) == []
    assert (order.price, order.size) == (HIGHER, SMALLER)


@pytest.mark.parametrize(
    "price,size,update_ms,told,now",
    [
        (PRICE, SIZE, WALL_MS + 2499, 0, (HIGHER, SMALLER)),
        (PRICE + 1, SIZE, WALL_MS + 2499, 0, (HIGHER, SMALLER)),
        (PRICE, SIZE, WALL_MS + 2500, 0, (HIGHER, SMALLER)),
        (PRICE + 1, SIZE, WALL_MS + 2500, 1, (PRICE + 1, SIZE)),
        (PRICE, SIZE, WALL_MS + 2501, 1, (PRICE, SIZE)),
    ],
)
def test_a_description_from_before_the_last_change_says_nothing_about_price_and_size(
    price, size, update_ms, told, now
):
    desk, order = moved()
    apply(desk, order, HIGHER, SMALLER)
    desk.forget()
    assert len(apply(desk, order, price, size, update_ms)) == told
    assert (order.price, order.size) == now
    assert bool(desk.commands()) == bool(told)


# --- the order itself ---------------------------------------------------------------------------------------------------------------------


def test_of_several_changes_the_highest_price_counts_until_the_venue_describes_it():
    order = Desk().order(S.NEW)
    order.begin_change(HIGHER, SMALLER)
    order.begin_change(PRICE - 9, SMALLER)
    assert (order.price, order.risk_price, order.size, order.changes) == (PRICE - 9, HIGHER, SIZE, 2)
    order.end_change(PRICE - 9, SMALLER, 5)
    assert (order.price, order.risk_price, order.size, order.change) == (PRICE - 9, PRICE - 9, SMALLER, None)
    assert order.changed_ms == 5


def test_a_description_without_a_change_leaves_the_time_of_the_last_one():
    order = Desk().order(S.NEW)
    order.end_change(HIGHER, SMALLER, 5)
    assert (order.price, order.risk_price, order.size) == (HIGHER, HIGHER, SMALLER)
    assert (order.changed_ms, order.before) == (0, (PRICE, SIZE))


def test_an_undone_change_was_never_made():
    order = Desk().order(S.NEW)
    order.undo_change()
    order.begin_change(HIGHER, SIZE + 7)
    order.undo_change()
    assert (order.price, order.risk_price, order.size, order.change) == (PRICE, PRICE, SIZE, None)


# --- the manager's part -------------------------------------------------------------------------------------------------------------------


def test_an_overdue_change_asks_and_cancels_and_says_why():
    desk, order = moved()
    desk.manager.on_timer(2 * SECOND + TIMEOUT - 1)
    assert desk.commands() == []
    desk.manager.on_timer(2 * SECOND + TIMEOUT)
    commands = desk.commands()
    assert journaled(commands)[0][:2] == ("UNKNOWN", "time-out")
    assert [type(c) for c in commands if not isinstance(c, OrderChanged)] == [QueryOrder, Cancel]
    assert order.next_cancel == 2 * SECOND + TIMEOUT + 100 * MS


def test_the_answer_to_a_change_is_digested_and_proves_nothing_about_a_cancel():
    desk, order = moved()
    order.state = S.CANCELING
    described = view(order, "NEW", price=HIGHER, size=SMALLER)
    desk.manager.on_amended(ev.OrderAmended(ts=3 * SECOND, order=described))
    assert order.state is S.CANCELING
    assert journaled(desk.commands()) == [("CANCELING", "changed", *amounts(desk, HIGHER, SMALLER), 3000)]
    desk.manager.on_amended(ev.OrderAmended(ts=3 * SECOND, order=view(order, "NEW", client_id="x")))
    assert desk.commands() == []


@pytest.mark.parametrize("size,filled,state", [(SIZE + 20, SIZE + 20, "FILLED"), (SIZE - 10, SIZE, "FILLED")])
def test_what_fills_the_size_of_either_description_can_be_ours(size, filled, state):
    desk = Desk()
    order = desk.order(S.NEW)
    described = view(order, state, filled, size=size)
    desk.life.apply(order, described, "report", SECOND, answers_us=False)
    assert (order.state, order.filled, order.size) == (S.FILLED, filled, size)
    told = [entry[2] for entry in desk.heard() if entry[0] == "anomaly"]
    assert told == [f"{order.client_id}: {SIZE} @ {PRICE} placed, {size} @ {PRICE} at the venue"]


def test_an_order_that_only_the_venue_knows_is_adopted_as_the_venue_describes_it():
    shown = view(Desk().order(S.NEW), "NEW", price=PRICE + 3, size=SIZE - 7)
    adopted = Order.adopted(shown, SECOND, WALL_MS)
    assert (adopted.price, adopted.risk_price, adopted.size) == (PRICE + 3, PRICE + 3, SIZE - 7)
