"""The reconciler question by question and snapshot by snapshot: when it asks, what it repairs, what it counts."""

from __future__ import annotations

from typing import Any

import pytest
from kernel_driver import MS, SECOND
from order_desk import ANSWER_TIMEOUT, INTERVAL, SYMBOL, WALL_MS, Desk, trade, view

from mm_trader.core import events as ev
from mm_trader.core.commands import OrderChanged, QueryOrder, RequestReconcile
from mm_trader.core.ids import ClientIds
from mm_trader.orders.reconciler import CANCEL_ALL, Findings
from mm_trader.orders.states import OrderState

S = OrderState
NONE = Findings()


def asked(desk: Desk) -> list[str]:
    """Causes of the questions since the last look."""
    return [c.cause for c in desk.commands() if isinstance(c, RequestReconcile)]


def snapshot(desk: Desk, *orders: ev.OrderView, ts: int = 2 * SECOND, **changes: Any) -> Findings:
    fields: dict[str, Any] = {
        "symbol": SYMBOL,
        "asked_ts": SECOND,
        "open_orders": list(orders),
        "foreign_open_orders": 0,
        "trades": [],
        "balances": {},
        "cause": "timer",
    }
    return desk.reconciler.on_snapshot(ev.ReconcileSnapshot(ts=ts, **(fields | changes)))


def failed(ts: int, cause: str = "timer", symbol: str = SYMBOL) -> ev.ReconcileFailed:
    return ev.ReconcileFailed(ts=ts, symbol=symbol, reason="503", cause=cause)


# --- when it asks -------------------------------------------------------------------------------------------------------------------------


def test_it_asks_for_the_trades_after_the_last_that_is_proven_and_the_funding_after_the_last_that_is_booked():
    desk = Desk()
    desk.trades.settle(41)
    desk.reconciler.request(SYMBOL, "command", SECOND)
    assert desk.commands() == [
        RequestReconcile(symbol=SYMBOL, from_trade_id=42, cause="command", funding_since_ms=0)
    ]
    desk.reconciler.funding_since = {SYMBOL: 77}.__getitem__
    desk.reconciler.begin(SYMBOL, "reconnect", SECOND)
    assert desk.commands() == [
        RequestReconcile(symbol=SYMBOL, from_trade_id=42, cause="reconnect", funding_since_ms=77)
    ]


def test_one_question_at_a_time_unless_what_was_read_no_longer_counts():
    desk = Desk()
    desk.reconciler.request(SYMBOL, "command", SECOND)
    desk.reconciler.request(SYMBOL, "command", SECOND)
    assert asked(desk) == ["command"]
    desk.reconciler.begin(SYMBOL, "reconnect", SECOND)
    assert asked(desk) == ["reconnect"]


def test_a_question_without_an_answer_is_put_again_when_its_time_is_over_and_for_the_same_reason():
    desk = Desk()
    desk.reconciler.request(SYMBOL, "command", SECOND)
    desk.forget()
    desk.reconciler.on_timer(SECOND + ANSWER_TIMEOUT - 1)
    assert asked(desk) == []
    desk.reconciler.on_timer(SECOND + ANSWER_TIMEOUT)
    assert asked(desk) == ["command"]
    desk.reconciler.on_timer(SECOND + 2 * ANSWER_TIMEOUT - 1)
    assert asked(desk) == []
    desk.reconciler.on_timer(SECOND + 2 * ANSWER_TIMEOUT)
    assert asked(desk) == ["command"]


@pytest.mark.parametrize("failures,pause", [(1, 800 * MS), (2, 1600 * MS), (3, 3200 * MS)])
def test_a_failed_question_is_put_again_after_a_pause_that_grows(failures, pause):
    desk = Desk()
    desk.reconciler.request(SYMBOL, "command", SECOND)
    for _ in range(failures):
        desk.reconciler.on_failed(failed(2 * SECOND))
    desk.forget()
    assert desk.reconciler.statistics.failures == failures
    desk.reconciler.on_timer(2 * SECOND + pause - 1)
    assert asked(desk) == []
    desk.reconciler.on_timer(2 * SECOND + pause)
    assert asked(desk) == ["command"]
    assert desk.reconciler.sync[SYMBOL].retry_due is None
    desk.reconciler.on_timer(2 * SECOND + pause)
    assert asked(desk) == []


def test_an_answer_ends_the_growing_of_the_pauses():
    desk = Desk()
    for _ in range(4):
        desk.reconciler.on_failed(failed(SECOND))
    snapshot(desk)
    desk.reconciler.on_failed(failed(3 * SECOND))
    desk.forget()
    desk.reconciler.on_timer(3 * SECOND + 800 * MS)
    assert len(asked(desk)) == 1


def test_a_failed_cancel_all_and_a_symbol_nobody_trades_are_no_failed_questions():
    desk = Desk()
    desk.reconciler.on_failed(failed(SECOND, CANCEL_ALL))
    desk.reconciler.on_failed(failed(SECOND, symbol="XYZUSDC"))
    desk.reconciler.on_timer(60 * SECOND)
    assert asked(desk) == []
    assert desk.reconciler.statistics.failures == 0


def test_the_regular_question_comes_an_interval_after_the_last_answer():
    desk = Desk()
    desk.reconciler.on_timer(INTERVAL)
    assert asked(desk) == [], "nothing was read yet: the start asks"
    snapshot(desk, ts=2 * SECOND)
    desk.reconciler.on_timer(2 * SECOND + INTERVAL - 1)
    assert asked(desk) == []
    desk.reconciler.on_timer(2 * SECOND + INTERVAL)
    assert asked(desk) == ["timer"]


def test_the_pace_can_be_changed():
    desk = Desk()
    snapshot(desk, ts=2 * SECOND)
    desk.reconciler.use_pace(interval=SECOND, answer_timeout=3 * SECOND)
    desk.reconciler.on_timer(3 * SECOND)
    assert asked(desk) == ["timer"]
    desk.reconciler.on_timer(6 * SECOND)
    assert asked(desk) == ["timer"]


def test_a_trade_that_is_known_to_be_missing_is_asked_for_half_a_second_after_the_last_answer():
    desk = Desk()
    desk.reconciler.on_timer(SECOND)
    snapshot(desk, ts=2 * SECOND)
    desk.order(S.CANCELED, filled=30)
    desk.reconciler.on_timer(2 * SECOND + 500 * MS - 1)
    assert asked(desk) == []
    desk.reconciler.on_timer(2 * SECOND + 500 * MS)
    assert asked(desk) == ["unknown"]


def test_where_no_trade_is_missing_nothing_is_asked_between():
    desk = Desk()
    snapshot(desk, ts=2 * SECOND)
    desk.reconciler.on_timer(4 * SECOND)
    assert asked(desk) == []


def test_before_the_first_answer_a_missing_trade_is_not_asked_for():
    desk = Desk()
    desk.order(S.CANCELED, filled=30)
    desk.reconciler.on_timer(SECOND)
    assert asked(desk) == []


# --- what an answer is good for -----------------------------------------------------------------------------------------------------------


def test_an_answer_is_current_for_three_intervals_and_a_second():
    desk = Desk()
    assert not desk.reconciler.current(SYMBOL, SECOND)
    snapshot(desk, ts=2 * SECOND)
    last = 2 * SECOND + 3 * INTERVAL + SECOND
    assert desk.reconciler.current(SYMBOL, last)
    assert not desk.reconciler.current(SYMBOL, last + 1)
    desk.reconciler.begin(SYMBOL, "reconnect", 3 * SECOND)
    assert not desk.reconciler.current(SYMBOL, 3 * SECOND)


def test_an_answer_to_an_older_question_does_not_answer_the_one_that_is_out():
    desk = Desk()
    desk.reconciler.begin(SYMBOL, "reconnect", 3 * SECOND)
    snapshot(desk, asked_ts=3 * SECOND - 1, ts=4 * SECOND)
    assert not desk.reconciler.current(SYMBOL, 4 * SECOND)
    snapshot(desk, asked_ts=3 * SECOND, ts=4 * SECOND)
    assert desk.reconciler.current(SYMBOL, 4 * SECOND)


def test_the_answer_to_a_cancel_all_proves_nothing_about_what_was_not_asked_for():
    desk = Desk()
    snapshot(desk, cause=CANCEL_ALL, trades=[trade(30, 5)])
    assert not desk.reconciler.current(SYMBOL, 2 * SECOND)
    assert desk.trades.watermark == -1
    snapshot(desk, trades=[trade(30, 5), trade(1, 9)])
    assert desk.trades.watermark == 9


def test_nothing_open_is_confirmed_only_while_neither_side_knows_of_anything():
    desk = Desk()
    assert desk.reconciler.zero_confirmed_ms() is None
    snapshot(desk, ts=4 * SECOND)
    assert desk.reconciler.zero_confirmed_ms() == WALL_MS + 4000
    order = desk.order(S.NEW, ts=5 * SECOND)
    snapshot(desk, view(order, "NEW"), ts=6 * SECOND)
    assert desk.reconciler.zero_confirmed_ms() is None
    snapshot(desk, ts=7 * SECOND)
    assert desk.reconciler.zero_confirmed_ms() is None, "we know of one that was placed after the question"


def test_nothing_open_in_all_symbols_is_as_old_as_the_oldest_proof():
    desk = Desk()
    sync = desk.reconciler.sync
    sync["A"], sync["B"] = type(sync[SYMBOL])(), type(sync[SYMBOL])()
    snapshot(desk, ts=4 * SECOND)
    sync["A"].zero_ms = 5
    assert desk.reconciler.zero_confirmed_ms() is None
    sync["B"].zero_ms = 9
    assert desk.reconciler.zero_confirmed_ms() == 5


# --- what it repairs ----------------------------------------------------------------------------------------------------------------------


def test_trades_that_were_missed_are_booked_as_history_and_counted_once():
    desk = Desk()
    first, second = trade(30, 5, venue_id=1), trade(10, 6, venue_id=1)
    assert snapshot(desk, trades=[first, second]) == Findings(missed_fills=2)
    assert desk.heard() == [("fill", first, None, False), ("fill", second, None, False)]
    assert snapshot(desk, trades=[first, second]) == NONE


def test_orders_of_ours_that_nobody_knows_are_adopted_and_cancelled():
    desk = Desk()
    like = desk.place()
    desk.table.file(like)
    desk.manager.on_dropped(
        ev.CommandDropped(ts=0, symbol=SYMBOL, client_id=like.client_id, command="place", reason="x")
    )
    desk.forget()
    one, other = ClientIds("test", 0, 9).next(), ClientIds("test", 1, 1).prefix + "of no incarnation"
    seen = [view(like, "NEW", client_id=name, venue_id=number) for name, number in ((one, 8), (other, 9))]
    assert snapshot(desk, *seen) == Findings(adopted=2)
    cancels = [(c.client_id, c.venue_id) for c in desk.sent()]
    assert cancels == [(one, 8), (other, 9)]
    assert desk.table.get(SYMBOL, one).next_cancel == 2 * SECOND + 100 * MS


def test_an_order_of_a_later_incarnation_is_left_to_it():
    desk = Desk()
    theirs, ours = ClientIds("test", 2, 1).next(), ClientIds("test", 1, 0).next()
    like = desk.order(S.CANCELED)
    listed = [view(like, "NEW", client_id=name, venue_id=number) for name, number in ((theirs, 8), (ours, 9))]
    assert snapshot(desk, *listed) == Findings(adopted=1)
    assert [c.client_id for c in desk.sent()] == [ours]
    assert desk.table.get(SYMBOL, theirs) is None


def test_who_has_the_lease_takes_whatever_is_under_its_prefix():
    desk = Desk()
    desk.manager.alone = True
    newer = ClientIds("test", 2, 1).next()
    listed = view(desk.order(S.CANCELED), "NEW", client_id=newer, venue_id=8)
    assert snapshot(desk, listed) == Findings(adopted=1)
    foreign = view(desk.order(S.CANCELED), "NEW", client_id="web_1", venue_id=9)
    assert snapshot(desk, foreign) == NONE


def test_an_order_that_ended_after_the_question_left_is_not_opened_again_and_the_next_is_still_read():
    desk = Desk()
    ended, open_ = desk.order(S.CANCELED), desk.order(S.UNKNOWN, venue_id=8)
    found = snapshot(desk, view(ended, "NEW"), view(open_, "NEW", venue_id=8))
    assert (ended.state, open_.state) == (S.CANCELED, S.NEW)
    assert ended.acked_ts == 0
    assert found == Findings(corrected=1)


def test_an_order_judged_never_placed_that_is_listed_is_taken_back_and_cancelled():
    desk = Desk()
    order = desk.order(S.REJECTED)
    found = snapshot(desk, view(order, "NEW"))
    assert (order.state, order.leftover) == (S.CANCELING, True)
    assert found == NONE


def test_unknown_orders_that_are_listed_are_open_and_counted_as_corrected():
    desk = Desk()
    first, second = desk.order(S.UNKNOWN), desk.order(S.UNKNOWN, venue_id=8)
    found = snapshot(desk, view(first, "NEW"), view(second, "NEW", 30, venue_id=8), ts=3 * SECOND)
    assert found == Findings(corrected=2)
    assert [(c.record.state, c.cause) for c in desk.commands() if isinstance(c, OrderChanged)] == [
        ("NEW", "reconcile"),
        ("PARTIALLY_FILLED", "reconcile"),
    ]


@pytest.mark.parametrize(
    "state,fields,status",
    [(S.NEW, {}, "PARTIALLY_FILLED"), (S.UNKNOWN, {"leftover": True}, "NEW"), (S.NEW, {}, "NEW")],
)
def test_what_was_not_unknown_or_is_a_leftover_is_not_counted_as_corrected(state, fields, status):
    desk = Desk()
    order = desk.order(state, **fields)
    assert snapshot(desk, view(order, status, 30 if status != "NEW" else 0)) == NONE


def test_an_unknown_order_that_the_answer_does_not_explain_is_not_counted_as_corrected():
    desk = Desk()
    assert snapshot(desk, view(desk.order(S.UNKNOWN), "SOMETHING")) == NONE


@pytest.mark.parametrize("created,state", [(0, S.NEW), (SECOND, S.NEW), (SECOND + 1, S.CANCELING)])
def test_a_listed_order_is_open_in_spite_of_its_cancel_if_it_was_asked_about_after_it_was_made(
    created, state
):
    desk = Desk()
    order = desk.order(S.CANCELING, ts=created)
    snapshot(desk, view(order, "NEW"), asked_ts=SECOND)
    assert order.state is state


# --- what is not listed -------------------------------------------------------------------------------------------------------------------


def test_open_orders_that_are_not_listed_are_doubted_asked_about_and_counted():
    desk = Desk()
    orders = [desk.order(S.NEW, venue_id=7), desk.order(S.PARTIALLY_FILLED, venue_id=8, filled=1, booked=1)]
    found = snapshot(desk, ts=3 * SECOND)
    assert found == Findings(vanished=2)
    assert [order.state for order in orders] == [S.UNKNOWN, S.UNKNOWN]
    commands = desk.commands()
    assert [c.client_id for c in commands if isinstance(c, QueryOrder)] == [o.client_id for o in orders]
    assert [c.cause for c in commands if isinstance(c, OrderChanged)] == ["not listed as open"] * 2


@pytest.mark.parametrize(
    "state,fields",
    [
        (S.PENDING, {}),
        (S.NEW, {"acked_ts": SECOND}),
        (S.NEW, {"acked_ts": SECOND + 1}),
        (S.CANCELING, {"cancel_in_flight": True}),
        (S.CANCELING, {"acked_ts": None}),
    ],
)
def test_whoever_may_be_missing_without_meaning_anything_is_excused_and_the_next_is_still_looked_at(
    state, fields
):
    desk = Desk()
    excused = desk.order(state, **fields)
    vanished = desk.order(S.NEW, venue_id=8)
    assert snapshot(desk, asked_ts=SECOND) == Findings(vanished=1)
    assert (excused.state, vanished.state) == (state, S.UNKNOWN)


def test_a_listed_order_is_not_doubted_and_the_next_is_still_looked_at():
    desk = Desk()
    order, vanished = desk.order(S.NEW), desk.order(S.NEW, venue_id=8)
    assert snapshot(desk, view(order, "NEW")) == Findings(vanished=1)
    assert (order.state, vanished.state) == (S.NEW, S.UNKNOWN)


@pytest.mark.parametrize(
    "fields,questions",
    [({}, 1), ({"query_in_flight": True}, 0), ({"query_due": 9 * SECOND}, 0)],
)
def test_an_unknown_order_that_is_not_listed_is_asked_about_unless_it_is_already(fields, questions):
    desk = Desk()
    unknown = desk.order(S.UNKNOWN, **fields)
    desk.order(S.NEW, venue_id=8)
    assert snapshot(desk) == Findings(vanished=1)
    asked_about = [c.client_id for c in desk.commands() if isinstance(c, QueryOrder)]
    assert asked_about.count(unknown.client_id) == questions


# --- what it counts -----------------------------------------------------------------------------------------------------------------------


def test_findings_are_added_up_by_kind_and_cause_and_the_longest_answer_kept():
    desk = Desk()
    assert desk.reconciler.statistics.as_numbers() == {
        "runs": 0,
        "failures": 0,
        "missedFills": 0,
        "adopted": 0,
        "vanished": 0,
        "corrected": 0,
        "lastMs": 0,
        "longestMs": 0,
    }
    assert (desk.reconciler.statistics.last_ns, desk.reconciler.statistics.longest_ns) == (0, 0)
    add = desk.reconciler.statistics.add
    findings = Findings(missed_fills=1, adopted=2, vanished=3, corrected=4)
    assert findings.repairs == 10
    add(findings, "timer", 7 * MS + 999_999)
    add(findings, "timer", 3 * MS)
    add(NONE, "start", 4 * MS + 1)
    assert desk.reconciler.statistics.as_numbers() == {
        "runs": 3,
        "failures": 0,
        "missedFills": 2,
        "adopted": 4,
        "vanished": 6,
        "corrected": 8,
        "lastMs": 4,
        "longestMs": 7,
    }
    assert desk.reconciler.statistics.causes == {"timer": 2, "start": 1}


def test_runs_and_repairs_count_every_answer():
    desk = Desk()
    assert (desk.reconciler.runs, desk.reconciler.repairs) == (0, 0)
    snapshot(desk, trades=[trade(1, 5, venue_id=1), trade(1, 6, venue_id=1)], ts=2 * SECOND)
    snapshot(desk, trades=[trade(1, 7, venue_id=1)], ts=4 * SECOND, cause="command")
    assert (desk.reconciler.runs, desk.reconciler.repairs) == (2, 3)
    statistics = desk.reconciler.statistics
    assert (statistics.missed_fills, statistics.causes) == (3, {"timer": 1, "command": 1})
    assert (statistics.last_ns, statistics.longest_ns) == (3 * SECOND, 3 * SECOND)
