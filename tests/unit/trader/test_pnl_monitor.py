"""Loss limits in money units: which baseline counts, when the floor moves, and which limit is named."""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from kernel_driver import eth_rules

from mm_api.redis_contract import LedgerRecord
from mm_trader.risk.ledger import Position
from mm_trader.risk.pnl import LossLimits, PnlMonitor, utc_day
from mm_trader.risk.reasons import HaltReason

UNIT = 10**16
DAY_MS = 86_400_000
WALL_MS = 19_675 * DAY_MS
"""2023-11-14 00:00:00 UTC."""
TODAY = "2023-11-14"


def holding(*nets: int) -> dict[str, Any]:
    return {str(number): SimpleNamespace(net=net * UNIT) for number, net in enumerate(nets)}


def limits(**changes: int | None) -> LossLimits:
    return LossLimits(**({"daily_loss": 100 * UNIT, "budget": 200 * UNIT, "drawdown": 150 * UNIT} | changes))


def record(**changes: Any) -> LedgerRecord:
    fields: dict[str, Any] = {
        "day": TODAY,
        "day_start_pnl": Decimal(5),
        "peak_pnl": Decimal(40),
        "scope": "s",
        "scope_start_pnl": Decimal(-7),
        "budget_start_pnl": Decimal(3),
    }
    return LedgerRecord(**(fields | changes))


def monitor(
    *nets: int,
    of: LedgerRecord | None = None,
    begun: bool = True,
    wall_ms: int = WALL_MS,
    **changes: int | None,
) -> PnlMonitor:
    found = PnlMonitor(holding(*nets), limits(**changes), of, scope="s", wall_ms=wall_ms)
    if begun and of is None:
        found.begin_scope()
    return found


def at(found: PnlMonitor, net: int) -> bool:
    found.net = net * UNIT
    return found.settle()


# --- how it begins ------------------------------------------------------------------------------------------------------------------------


def test_days_are_those_of_utc():
    assert [utc_day(WALL_MS + ms) for ms in (-1, 0, DAY_MS - 1, DAY_MS)] == [
        "2023-11-13",
        TODAY,
        TODAY,
        "2023-11-15",
    ]


def test_without_a_record_everything_counts_from_the_present_mark_and_the_scope_is_not_begun():
    found = monitor(30, -10, begun=False)
    assert (found.net, found.day_start, found.peak, found.scope_start, found.budget_start) == (20 * UNIT,) * 5
    assert (found.day, found.scope_begun, found.deepest_fall) == (TODAY, False, 0)
    assert found.floor == (20 - 100) * UNIT


def test_a_record_of_the_same_day_and_scope_goes_on_where_it_was():
    found = monitor(20, of=record())
    assert (found.net, found.day_start, found.peak) == (20 * UNIT, 5 * UNIT, 40 * UNIT)
    assert (found.scope_start, found.budget_start, found.scope_begun) == (-7 * UNIT, 3 * UNIT, True)
    assert found.floor == max(5 - 100, 40 - 150, 3 - 200) * UNIT


def test_a_peak_below_the_present_mark_is_none():
    assert monitor(90, of=record()).peak == 90 * UNIT


def test_a_record_without_a_budget_start_counts_the_budget_from_the_scope():
    assert monitor(20, of=record(budget_start_pnl=None)).budget_start == -7 * UNIT


def test_a_record_of_another_scope_keeps_the_day_alone():
    found = monitor(20, of=record(scope="other"))
    assert (found.day_start, found.scope_begun) == (5 * UNIT, False)
    assert (found.peak, found.scope_start, found.budget_start) == (20 * UNIT,) * 3


def test_a_record_of_an_earlier_day_keeps_the_scope_alone():
    found = monitor(20, of=record(day="2023-11-13"))
    assert (found.day, found.day_start) == (TODAY, 20 * UNIT)
    assert (found.peak, found.scope_start) == (40 * UNIT, -7 * UNIT)
    assert found.roll_day(WALL_MS) is False


def test_a_record_of_a_later_day_is_believed_because_a_loss_is_not_forgotten_for_a_clock():
    found = monitor(20, of=record(day="2023-11-16"))
    assert (found.day, found.day_start) == ("2023-11-16", 5 * UNIT)
    assert found.roll_day(WALL_MS + 2 * DAY_MS) is False
    assert found.roll_day(WALL_MS + 3 * DAY_MS) is True
    assert found.day == "2023-11-17"


# --- limits -------------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes,reason,sentence",
    [
        ({"daily_loss": 10 * UNIT}, HaltReason.DAILY_LOSS_LIMIT, "loss of the day"),
        ({"budget": 10 * UNIT}, HaltReason.LOSS_BUDGET, "loss of the stage"),
        ({"drawdown": 10 * UNIT}, HaltReason.MAX_DRAWDOWN, "fall from the peak"),
    ],
)
def test_a_limit_is_breached_when_it_is_reached_and_says_which_and_by_how_much(changes, reason, sentence):
    found = monitor(50, **changes)
    assert found.floor == 40 * UNIT
    found.net = 40 * UNIT + 1
    assert (found.settle(), found.breach()) == (False, None)
    assert at(found, 40) is True
    assert found.breach() == (reason, f"{sentence} is 10, the limit 10, in quote currency")
    assert at(found, 37) is True
    assert found.breach() == (reason, f"{sentence} is 13, the limit 10, in quote currency")


def test_sums_for_people_have_eight_decimals():
    found = monitor(0, daily_loss=UNIT)
    found.net = -UNIT - UNIT // 3
    assert found.breach()[1] == "loss of the day is 1.33333333, the limit 1, in quote currency"


def test_before_the_scope_has_begun_only_the_day_is_judged():
    found = monitor(0, begun=False, budget=UNIT, drawdown=UNIT)
    assert (found.floor, at(found, -99), found.breach()) == (-100 * UNIT, False, None)
    assert at(found, -100) is True
    assert found.breach()[0] is HaltReason.DAILY_LOSS_LIMIT


def test_without_a_budget_none_is_judged():
    found = monitor(0, budget=None, daily_loss=10**6 * UNIT, drawdown=10**6 * UNIT)
    assert (at(found, -(10**5)), found.breach()) == (False, None)
    assert found.floor == -(10**6) * UNIT


def test_the_floor_follows_the_peak_and_the_deepest_fall_is_kept():
    found = monitor(0, drawdown=30 * UNIT)
    assert at(found, 50) is False
    assert (found.peak, found.floor) == (50 * UNIT, 20 * UNIT)
    assert at(found, 45) is False
    assert at(found, 38) is False
    assert at(found, 41) is False
    assert found.deepest_fall == 12 * UNIT
    assert at(found, 50) is False
    assert (found.peak, found.deepest_fall) == (50 * UNIT, 12 * UNIT)
    assert at(found, 20) is True


def test_marking_one_position_moves_the_sum_by_its_change():
    rules = eth_rules()
    position, other = Position(rules), Position(rules)
    position.base, position.cash, other.net = 10**8, -2500 * UNIT, 7 * UNIT
    found = PnlMonitor({"a": position, "b": other}, limits(), None, scope="s", wall_ms=WALL_MS)
    found.begin_scope()
    assert found.remark(position, 2 * 250_100) is False
    assert found.net == (7 + 2501) * UNIT - 2500 * UNIT
    assert found.remark(position, 2 * 240_000) is True
    assert found.net == -93 * UNIT


def test_a_recount_sums_the_positions_anew():
    positions = holding(10, 20)
    found = PnlMonitor(positions, limits(), None, scope="s", wall_ms=WALL_MS)
    positions["0"].net = -60 * UNIT
    assert found.recount() is False
    assert found.net == -40 * UNIT
    positions["1"].net = -10 * UNIT
    assert found.recount() is True


# --- baselines ----------------------------------------------------------------------------------------------------------------------------


def test_a_scope_begins_at_the_present_mark():
    found = monitor(0, begun=False)
    at(found, 80)
    at(found, 20)
    found.begin_scope()
    assert (found.scope_begun, found.deepest_fall) == (True, 0)
    assert (found.scope_start, found.budget_start, found.peak, found.day_start) == (20 * UNIT,) * 3 + (0,)
    assert found.floor == max(0 - 100, 20 - 150, 20 - 200) * UNIT


def test_a_new_day_begins_once_and_its_loss_counts_from_the_present_mark():
    found = monitor(0)
    at(found, -60)
    assert found.roll_day(WALL_MS + DAY_MS - 1) is False
    assert found.day_start == 0
    assert found.roll_day(WALL_MS + DAY_MS) is True
    assert (found.day, found.day_start, found.floor) == ("2023-11-15", -60 * UNIT, -150 * UNIT)
    assert found.roll_day(WALL_MS + DAY_MS + 5) is False
    assert found.roll_day(WALL_MS) is False, "a clock that went back"
    assert found.day == "2023-11-15"


def test_a_loss_that_a_person_accepted_counts_no_more_but_the_scopes_start_stays():
    found = monitor(0)
    at(found, -100)
    found.accept_loss()
    assert (found.day_start, found.budget_start, found.peak) == (-100 * UNIT,) * 3
    assert (found.scope_start, found.floor, found.breach()) == (0, -200 * UNIT, None)


def test_a_trade_of_an_earlier_day_belongs_to_that_day():
    found = monitor(0)
    found.forgive_before_today(-30 * UNIT)
    assert (found.day_start, found.floor) == (-30 * UNIT, -130 * UNIT)
    found.forgive_before_today(10 * UNIT)
    assert (found.day_start, found.floor) == (-20 * UNIT, -120 * UNIT)


@pytest.mark.parametrize(
    "net,changes,usage",
    [
        (0, {}, 0.0),
        (30, {}, 0.0),
        (-50, {}, 0.5),
        (-50, {"daily_loss": 200 * UNIT}, 1 / 3),
        (-50, {"daily_loss": 200 * UNIT, "drawdown": 10**6 * UNIT}, 0.25),
        (-50, {"budget": 80 * UNIT}, 0.625),
        (-50, {"budget": None}, 0.5),
        (-100, {}, 1.0),
    ],
)
def test_usage_is_that_of_the_tightest_limit(net, changes, usage):
    found = monitor(0, **changes)
    at(found, net)
    assert found.usage() == pytest.approx(usage)


def test_usage_counts_from_the_peak_and_before_the_scope_only_the_day():
    found = monitor(0, drawdown=100 * UNIT)
    at(found, 60)
    at(found, 20)
    assert found.usage() == pytest.approx(0.4)
    early = monitor(0, begun=False, drawdown=UNIT, budget=UNIT)
    at(early, -10)
    assert early.usage() == pytest.approx(0.1)


def test_a_profit_uses_up_nothing_before_the_scope_either():
    early = monitor(0, begun=False)
    at(early, 30)
    assert early.usage() == 0.0


def test_usage_follows_a_limit_that_moves_while_the_money_stays():
    found = monitor(0)
    at(found, -50)
    assert [found.usage(), found.usage()] == [0.5, 0.5]
    found.limits = limits(daily_loss=60 * UNIT)
    found.refloor()
    assert found.usage() == pytest.approx(5 / 6)
    found.accept_loss()
    assert found.usage() == 0.0
