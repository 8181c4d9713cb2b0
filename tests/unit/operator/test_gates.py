"""Gates: each a sentence about evidence. None passes on nothing, none errs into success."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mm_api.drills import DrillName, DrillRecord
from mm_api.kinds import Gate, GateName, GateVerdict
from mm_api.kinds.market_maker import Sample
from mm_api.redis_contract import Evidence, RunningStats
from mm_operator.gates import builtin
from mm_operator.gates.evaluate import GateResult, all_pass, evaluate
from mm_operator.gates.model import GateInput, MetricAnswer
from mm_operator.gates.statistics import lower_bound, student_t_quantile

NOW = datetime(2026, 3, 2, 8, tzinfo=UTC)
NOW_MS = round(NOW.timestamp() * 1000)


def evidence(**changes: Any) -> Evidence:
    """An hour of quiet, good trading."""
    values: dict[str, Any] = {
        "scope": "r/s/0/1",
        "revision": "r",
        "started_ms": NOW_MS - 3_600_000,
        "updated_ms": NOW_MS,
        "incarnations": 1,
        "uptime_ms": 3_600_000,
        "quoted_ms": 3_500_000,
        "orders_placed": 1000,
        "orders_accepted": 1000,
        "fills": 100,
        "net_pnl": Decimal("12.5"),
        "self_test_checks": 12,
        "max_drawdown": Decimal("0.01"),
        "pnl_samples": RunningStats(count=3600, mean=0.0035, m2=3600 * 0.01**2),
        "mark_out_bp": {"1000": RunningStats(count=100, mean=0.5, m2=100.0)},
    }
    return Evidence(**{**values, **changes})


def ask(
    gate: dict[str, Any], found: Evidence | None = None, sample: Sample | None = None, **given_more: Any
) -> GateResult:
    given = GateInput(NOW, found, "no evidence", sample or Sample(), **given_more)
    return evaluate([Gate.model_validate(gate)], given)[0]


def drilled(state: str, **spent: int) -> dict[DrillName, DrillRecord]:
    record = DrillRecord.model_validate({"state": state, "startedMs": NOW_MS, "spent": spent})
    return {DrillName.KILL_AND_RECOVER: record}


CASES: list[tuple[str, dict[str, Any], dict[str, Any], GateVerdict]] = [
    ("no unclean stop passes", {"name": "NoRestarts"}, {}, GateVerdict.PASS),
    ("one unclean stop fails", {"name": "NoRestarts"}, {"unclean_stops": 1}, GateVerdict.FAIL),
    (
        "a stop that a drill asked for is none",
        {"name": "NoRestarts"},
        {"unclean_stops": 1, "drills": drilled("Running", unclean_stops=1)},
        GateVerdict.PASS,
    ),
    (
        "one more than the drill asked for fails",
        {"name": "NoRestarts"},
        {"unclean_stops": 2, "drills": drilled("Passed", unclean_stops=1)},
        GateVerdict.FAIL,
    ),
    (
        "orders that a drill lost or had refused are not the trader's",
        {"name": "OrderAccuracy", "min": "1"},
        {
            "orders_rejected": 6,
            "orders_unknown": 1,
            "drills": drilled("Passed", orders_rejected=6, orders_unknown=1),
        },
        GateVerdict.PASS,
    ),
    (
        "one refusal beyond those of the drill counts",
        {"name": "OrderAccuracy", "min": "1"},
        {"orders_rejected": 7, "drills": drilled("Passed", orders_rejected=6)},
        GateVerdict.FAIL,
    ),
    ("a clean restart is none", {"name": "NoRestarts"}, {"incarnations": 3}, GateVerdict.PASS),
    ("an anomaly fails", {"name": "NoOrderAnomalies"}, {"order_anomalies": 1}, GateVerdict.FAIL),
    (
        "an order unknown right now waits",
        {"name": "NoOrderAnomalies"},
        {"orders_unknown_open": 1},
        GateVerdict.INCONCLUSIVE,
    ),
    ("controls that all stopped pass", {"name": "RiskControlsWork"}, {}, GateVerdict.PASS),
    ("no self-test waits", {"name": "RiskControlsWork"}, {"self_test_checks": 0}, GateVerdict.INCONCLUSIVE),
    (
        "a control that let through fails",
        {"name": "RiskControlsWork"},
        {"self_test_failures": ["PriceBand"]},
        GateVerdict.FAIL,
    ),
    ("a violation fails", {"name": "NoRiskViolations"}, {"risk_violations": 1}, GateVerdict.FAIL),
    ("profit passes", {"name": "NetPnL", "min": "0"}, {}, GateVerdict.PASS),
    ("a loss fails", {"name": "NetPnL", "min": "0"}, {"net_pnl": Decimal(-1)}, GateVerdict.FAIL),
    (
        "no fills wait, whatever the PnL",
        {"name": "NetPnL", "min": "0"},
        {"fills": 0},
        GateVerdict.INCONCLUSIVE,
    ),
    (
        "a clear profit passes with confidence",
        {"name": "NetPnL", "min": "0", "confidence": "0.9"},
        {},
        GateVerdict.PASS,
    ),
    (
        "a profit within the noise fails with confidence",
        {"name": "NetPnL", "min": "0", "confidence": "0.9"},
        {"pnl_samples": RunningStats(count=100, mean=0.01, m2=99.0)},
        GateVerdict.FAIL,
    ),
    (
        "too few samples wait",
        {"name": "NetPnL", "min": "0", "confidence": "0.9"},
        {"pnl_samples": RunningStats(count=29, mean=1, m2=0)},
        GateVerdict.INCONCLUSIVE,
    ),
    ("all accepted is accurate", {"name": "OrderAccuracy", "min": "0.999"}, {}, GateVerdict.PASS),
    (
        "post-only refusals are as meant",
        {"name": "OrderAccuracy"},
        {"orders_accepted": 500, "orders_post_only_rejected": 500},
        GateVerdict.PASS,
    ),
    (
        "two refusals in a thousand are too many",
        {"name": "OrderAccuracy"},
        {"orders_rejected": 2},
        GateVerdict.FAIL,
    ),
    (
        "orders that were unknown for a while count against",
        {"name": "OrderAccuracy"},
        {"orders_unknown": 2},
        GateVerdict.FAIL,
    ),
    ("few orders wait", {"name": "OrderAccuracy"}, {"orders_accepted": 99}, GateVerdict.INCONCLUSIVE),
    ("a small drawdown passes", {"name": "Drawdown", "max": "0.03"}, {}, GateVerdict.PASS),
    (
        "a large drawdown fails even without fills",
        {"name": "Drawdown", "max": "0.03"},
        {"max_drawdown": Decimal("0.031"), "fills": 0},
        GateVerdict.FAIL,
    ),
    ("no fills say nothing of drawdown", {"name": "Drawdown"}, {"fills": 0}, GateVerdict.INCONCLUSIVE),
    ("quoting most of the time passes", {"name": "QuoteUptime", "min": "0.9"}, {}, GateVerdict.PASS),
    (
        "time without a trader counts against uptime",
        {"name": "QuoteUptime", "min": "0.9"},
        {"uptime_ms": 1_000_000, "quoted_ms": 1_000_000},
        GateVerdict.FAIL,
    ),
    ("a positive mark-out passes", {"name": "MarkOut", "min": "0"}, {}, GateVerdict.PASS),
    ("an unmeasured horizon waits", {"name": "MarkOut", "horizon": "5s"}, {}, GateVerdict.INCONCLUSIVE),
    (
        "a mark-out within the noise fails with confidence",
        {"name": "MarkOut", "min": "0.45", "confidence": "0.9"},
        {},
        GateVerdict.FAIL,
    ),
]


@pytest.mark.parametrize(
    ("gate", "changes", "verdict"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_a_gate_says(gate: dict[str, Any], changes: dict[str, Any], verdict: GateVerdict) -> None:
    assert ask(gate, evidence(**changes)).verdict is verdict


@pytest.mark.parametrize("name", [name for name in GateName if name is not GateName.CUSTOM])
def test_no_evidence_is_inconclusive_for_every_built_in_gate(name: GateName) -> None:
    assert ask({"name": name.value}).verdict is GateVerdict.INCONCLUSIVE


@pytest.mark.parametrize(
    "name",
    sorted(
        set(builtin.BUILT_IN)
        - {GateName.NO_RESTARTS, GateName.NO_ORDER_ANOMALIES, GateName.NO_RISK_VIOLATIONS}
    ),
)
def test_nothing_that_measures_passes_on_an_empty_scope(name: GateName) -> None:
    empty = Evidence(scope="r/s/0/1", revision="r", started_ms=0, updated_ms=NOW_MS)
    assert ask({"name": name.value}, empty).verdict is not GateVerdict.PASS


def test_a_stages_own_sample_replaces_the_least_number_of_fills() -> None:
    assert ask({"name": "NetPnL"}, evidence(fills=100), Sample(fills=200)).verdict is GateVerdict.INCONCLUSIVE
    assert ask({"name": "NetPnL"}, evidence(fills=3), Sample(fills=3)).verdict is GateVerdict.PASS


def test_an_exception_in_a_gate_is_an_error_and_no_success() -> None:
    broken = evidence(pnl_samples=RunningStats(count=100, mean=float("nan"), m2=float("inf")))
    result = ask({"name": "NetPnL", "min": "0", "confidence": "0.9"}, broken)
    assert result.verdict is not GateVerdict.PASS
    assert not all_pass([result])


CUSTOM = {"name": "Custom", "promql": "x", "max": "0.1"}


@pytest.mark.parametrize(
    ("answer", "gate", "verdict"),
    [
        (MetricAnswer(0.05), CUSTOM, GateVerdict.PASS),
        (MetricAnswer(0.2), CUSTOM, GateVerdict.FAIL),
        (MetricAnswer(), CUSTOM, GateVerdict.INCONCLUSIVE),
        (MetricAnswer(), {**CUSTOM, "noData": "Fail"}, GateVerdict.FAIL),
        (MetricAnswer(error="refused"), CUSTOM, GateVerdict.ERROR),
        (None, CUSTOM, GateVerdict.INCONCLUSIVE),
    ],
)
def test_a_custom_gate_says(answer: MetricAnswer | None, gate: dict[str, Any], verdict: GateVerdict) -> None:
    assert ask(gate, evidence(), metrics={} if answer is None else {0: answer}).verdict is verdict


def test_what_only_grows_fails_at_once_and_what_may_turn_does_not() -> None:
    assert ask({"name": "NoRiskViolations"}, evidence(risk_violations=1)).fails_at_once
    assert not ask({"name": "NetPnL"}, evidence(net_pnl=Decimal(-5))).fails_at_once


def test_a_verdict_carries_value_threshold_window_and_sample() -> None:
    found = ask({"name": "NetPnL", "min": "0"}, evidence()).evidence
    assert (found.value, found.threshold, found.unit, found.sample_size) == ("12.5", ">= 0", "quote", 100)
    assert found.window_end == NOW
    assert found.window_start == NOW - timedelta(hours=1)


@pytest.mark.parametrize(
    ("probability", "degrees", "expected"),
    [
        (0.9, 1, 3.0777),
        (0.9, 29, 1.3114),
        (0.95, 10, 1.8125),
        (0.975, 5, 2.5706),
        (0.99, 120, 2.3578),
        (0.9, 100_000, 1.28156),
    ],
)
def test_the_t_quantile_is_the_tables(probability: float, degrees: int, expected: float) -> None:
    assert student_t_quantile(probability, degrees) == pytest.approx(expected, abs=1e-4)


@given(st.floats(0.51, 0.999), st.integers(1, 10_000))
def test_the_t_quantile_is_symmetric_and_grows_with_probability(probability: float, degrees: int) -> None:
    upper = student_t_quantile(probability, degrees)
    assert upper > 0
    assert student_t_quantile(1 - probability, degrees) == pytest.approx(-upper, rel=1e-6)


@given(st.floats(-5, 5), st.floats(0, 100), st.integers(2, 5000))
def test_the_lower_bound_is_never_above_the_mean(mean: float, m2: float, count: int) -> None:
    assert lower_bound(RunningStats(count=count, mean=mean, m2=m2), 0.9) <= mean
