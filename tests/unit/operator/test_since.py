"""Evidence since an acknowledgement: what was accepted no longer counts, what comes after does."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mm_api.drills import DrillName, DrillRecord
from mm_api.redis_contract import Evidence, RunningStats
from mm_operator.gates.since import accepted_evidence, since, stats_since


def stats(values: list[float]) -> RunningStats:
    count, mean, m2 = 0, 0.0, 0.0
    for value in values:
        count += 1
        delta = value - mean
        mean += delta / count
        m2 += delta * (value - mean)
    return RunningStats(count=count, mean=mean, m2=m2)


numbers = st.lists(st.floats(-100, 100), min_size=2, max_size=50)


@given(numbers, numbers)
def test_series_that_were_merged_come_apart_again(first: list[float], second: list[float]) -> None:
    found, expected = stats_since(stats(first + second), stats(first)), stats(second)
    assert found.count == expected.count
    assert found.mean == pytest.approx(expected.mean, abs=1e-6)
    assert found.m2 == pytest.approx(expected.m2, abs=1e-4)


def test_an_accepted_loss_and_drawdown_no_longer_count_and_new_ones_do() -> None:
    start = Evidence(
        scope="s",
        revision="r",
        started_ms=1,
        updated_ms=50,
        fills=10,
        net_pnl=Decimal(-12),
        max_drawdown=Decimal("0.05"),
    )
    later = start.model_copy(update={"updated_ms": 90, "fills": 25, "net_pnl": Decimal("-11.5")})
    counted = since(later, start)
    assert counted is not None
    assert (counted.fills, counted.net_pnl, counted.max_drawdown, counted.started_ms) == (
        15,
        Decimal("0.5"),
        Decimal(0),
        50,
    )
    worse = since(later.model_copy(update={"max_drawdown": Decimal("0.06")}), start)
    assert worse is not None
    assert worse.max_drawdown == Decimal("0.06")


def test_another_scopes_start_or_an_unreadable_one_takes_nothing_away() -> None:
    now = Evidence(scope="s", revision="r", started_ms=1, updated_ms=50, fills=10)
    assert since(now, now.model_copy(update={"scope": "t"})) is now
    assert since(now, accepted_evidence("not json")) is now
    assert since(None, now) is None


def test_what_a_drill_has_moved_before_an_acknowledgement_is_not_left_out_twice() -> None:
    record = DrillRecord(state="Passed", started_ms=10, ended_ms=20, spent={"unclean_stops": 1})
    start = Evidence(scope="s", revision="r", started_ms=1, updated_ms=50, unclean_stops=1)
    start = start.model_copy(update={"drills": {DrillName.KILL_AND_RECOVER: record}})
    later = start.model_copy(update={"updated_ms": 90, "unclean_stops": 2})
    counted = since(later, start)
    assert counted is not None
    assert (counted.unclean_stops, counted.drills) == (1, {})
