"""The built-in gates, each a small pure function from a step's evidence to an answer. The table at the end is the list; docs/rollout.md explains each.

Common rules, kept by `evaluate` around them: no evidence is Inconclusive; an exception is Error; neither lets a stage pass. A gate that judges a *rate or mean*
says Inconclusive below its least sample, so that nothing passes on nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from mm_api.kinds import Gate, GateName, GateVerdict
from mm_api.redis_contract import Evidence
from mm_operator.gates.model import Answer, GateInput, Rule, plain
from mm_operator.gates.statistics import lower_bound

LEAST_FILLS = 10
"""Fewest fills on which profit is judged, where the stage's sample names no number."""
LEAST_ORDERS = 100
"""Fewest answered orders on which accuracy is judged: below it one refusal would decide."""
LEAST_SAMPLES = 30
"""Fewest values on which a confidence bound is judged."""
LEAST_UPTIME_MS = 5_000
"""Shortest time on which quote uptime is judged."""
DEFAULT_ACCURACY = Decimal("0.999")
DEFAULT_UPTIME = Decimal("0.5")
DEFAULT_DRAWDOWN = Decimal("0.03")


def _none_of(count: int, threshold: str, what: str) -> Answer:
    verdict = GateVerdict.PASS if count == 0 else GateVerdict.FAIL
    return Answer(verdict, f"{count} {what}", str(count), threshold, "count", 1)


def _drilled(evidence: Evidence, counter: str) -> int:
    """What the stage's own drills have added to a counter: asked for, so no fault of the trader's."""
    return sum(record.spent.get(counter, 0) for record in evidence.drills.values())


def _inconclusive(
    message: str, sample: int, value: str | None = None, threshold: str | None = None, unit: str = ""
) -> Answer:
    return Answer(GateVerdict.INCONCLUSIVE, message, value, threshold, unit, sample)


def _at_least(value: float | Decimal, least: Decimal, unit: str, sample: int, message: str) -> Answer:
    verdict = GateVerdict.PASS if value >= least else GateVerdict.FAIL
    return Answer(verdict, message, plain(value), f">= {plain(least)}", unit, sample)


def no_restarts(_gate: Gate, evidence: Evidence, _given: GateInput) -> Answer:
    """No incarnation ended without saying so. A clean stop (drain, eviction) is no restart in this sense."""
    drilled = _drilled(evidence, "unclean_stops")
    more = f", {drilled} more by a drill" if drilled else ""
    return _none_of(max(0, evidence.unclean_stops - drilled), "0", f"unclean stops{more}")


def no_order_anomalies(_gate: Gate, evidence: Evidence, _given: GateInput) -> Answer:
    """No illegal transition, no fill of an order nobody placed, no quantity that disagrees; and nothing unknown right now."""
    if evidence.order_anomalies == 0 and evidence.orders_unknown_open:
        return _inconclusive(f"{evidence.orders_unknown_open} orders are unknown now", 1, "0", "0", "count")
    return _none_of(evidence.order_anomalies, "0", "order anomalies")


def risk_controls_work(_gate: Gate, evidence: Evidence, _given: GateInput) -> Answer:
    """The risk controls were exercised when the step began, and every one of them stopped what it had to stop."""
    if evidence.self_test_failures:
        names = ", ".join(evidence.self_test_failures[:5])
        return Answer(
            GateVerdict.FAIL,
            f"did not stop what they had to: {names}",
            str(len(evidence.self_test_failures)),
            "0",
            "failures",
            evidence.self_test_checks,
        )
    if evidence.self_test_checks == 0:
        return _inconclusive("the self-test has not run", 0, threshold="0", unit="failures")
    return Answer(
        GateVerdict.PASS,
        f"{evidence.self_test_checks} checks",
        "0",
        "0",
        "failures",
        evidence.self_test_checks,
    )


def no_risk_violations(_gate: Gate, evidence: Evidence, _given: GateInput) -> Answer:
    """No limit was breached."""
    names = f": {', '.join(evidence.violation_reasons[:5])}" if evidence.violation_reasons else ""
    return _none_of(evidence.risk_violations, "0", f"risk violations{names}")


def net_pnl(gate: Gate, evidence: Evidence, given: GateInput) -> Answer:
    """Net PnL after fees, marked to market, is at least `min`; with `confidence`, its one-sided lower bound is.

    The bound is that of the mean change per sample interval times the number of samples (Student's t). Too few fills are Inconclusive.
    """
    least = gate.min if gate.min is not None else Decimal(0)
    fills_needed = given.sample.fills or LEAST_FILLS
    threshold = f">= {plain(least)}"
    if evidence.fills < fills_needed:
        return _inconclusive(
            f"{evidence.fills} of {fills_needed} fills",
            evidence.fills,
            plain(evidence.net_pnl),
            threshold,
            "quote",
        )
    if gate.confidence is None:
        return _at_least(evidence.net_pnl, least, "quote", evidence.fills, f"over {evidence.fills} fills")
    stats = evidence.pnl_samples
    if stats.count < LEAST_SAMPLES:
        return _inconclusive(
            f"{stats.count} of {LEAST_SAMPLES} PnL samples",
            stats.count,
            plain(evidence.net_pnl),
            threshold,
            "quote",
        )
    bound = lower_bound(stats, float(gate.confidence)) * stats.count
    message = (
        f"lower {plain(gate.confidence)} bound; net {plain(evidence.net_pnl)} over {evidence.fills} fills"
    )
    return _at_least(bound, least, "quote", stats.count, message)


def order_accuracy(gate: Gate, evidence: Evidence, _given: GateInput) -> Answer:
    """Answered orders that went as meant: accepted, or refused for being post-only; of these, ones that were unknown for a while count against.

    accuracy = (accepted + postOnlyRejected − (unknown − unknownOpen)) / (accepted + postOnlyRejected + rejected + unknownOpen)
    """
    least = gate.min if gate.min is not None else DEFAULT_ACCURACY
    went_through = evidence.orders_accepted + evidence.orders_post_only_rejected
    rejected = max(0, evidence.orders_rejected - _drilled(evidence, "orders_rejected"))
    judged = went_through + rejected + evidence.orders_unknown_open
    if judged < LEAST_ORDERS:
        return _inconclusive(
            f"{judged} of {LEAST_ORDERS} orders", judged, threshold=f">= {plain(least)}", unit="fraction"
        )
    unknown = evidence.orders_unknown - _drilled(evidence, "orders_unknown")
    resolved_unknown = max(0, unknown - evidence.orders_unknown_open)
    good = max(0, went_through - resolved_unknown)
    message = f"{judged - good} of {judged} orders went wrong"
    return _at_least(Decimal(good) / judged, least, "fraction", judged, message)


def drawdown(gate: Gate, evidence: Evidence, _given: GateInput) -> Answer:
    """The largest fall from the peak, as a fraction of the capital, is at most `max`."""
    most = gate.max if gate.max is not None else DEFAULT_DRAWDOWN
    threshold = f"<= {plain(most)}"
    value = plain(evidence.max_drawdown)
    if evidence.max_drawdown > most:
        return Answer(
            GateVerdict.FAIL, f"over {evidence.fills} fills", value, threshold, "fraction", evidence.fills
        )
    if evidence.fills == 0:
        return _inconclusive("no fills yet", 0, value, threshold, "fraction")
    return Answer(
        GateVerdict.PASS, f"over {evidence.fills} fills", value, threshold, "fraction", evidence.fills
    )


def quote_uptime(gate: Gate, evidence: Evidence, _given: GateInput) -> Answer:
    """Share of the step's time with own orders on both sides."""
    least = gate.min if gate.min is not None else DEFAULT_UPTIME
    # wall time since the first quote, so that time without a trader counts against it
    elapsed = max(evidence.uptime_ms, evidence.updated_ms - evidence.started_ms)
    if evidence.started_ms == 0 or elapsed < LEAST_UPTIME_MS:
        return _inconclusive("too short a time", 0, threshold=f">= {plain(least)}", unit="fraction")
    value = min(Decimal(1), Decimal(evidence.quoted_ms) / elapsed)
    return _at_least(value, least, "fraction", elapsed // 1000, f"over {elapsed // 1000} s")


def mark_out(gate: Gate, evidence: Evidence, given: GateInput) -> Answer:
    """Mean mark-out of own fills in basis points is at least `min`; with `confidence`, its one-sided lower bound is."""
    least = gate.min if gate.min is not None else Decimal(0)
    threshold = f">= {plain(least)}"
    horizon = round(gate.horizon.total_seconds() * 1000) if gate.horizon else 1000
    stats = evidence.mark_out_bp.get(str(horizon))
    needed = LEAST_SAMPLES if gate.confidence is not None else given.sample.fills or LEAST_FILLS
    if stats is None or stats.count < needed:
        count = stats.count if stats else 0
        return _inconclusive(
            f"{count} of {needed} fills marked after {horizon} ms", count, threshold=threshold, unit="bp"
        )
    value = lower_bound(stats, float(gate.confidence)) if gate.confidence is not None else stats.mean
    return _at_least(
        value, least, "bp", stats.count, f"{horizon} ms after {stats.count} fills, mean {plain(stats.mean)}"
    )


@dataclass(frozen=True)
class BuiltIn:
    """A gate with how it is used beyond the end of a soak."""

    rule: Rule
    fails_at_once: bool
    """A Fail can not turn into a Pass any more (a count that only grows), so the step does not wait for its soak to end."""
    guards_full_scale: bool
    """Also asked after full scale, where a Fail halts. Events that halt or show by themselves (breaches, restarts) are not asked again."""


BUILT_IN: Mapping[GateName, BuiltIn] = {
    GateName.NO_RESTARTS: BuiltIn(no_restarts, fails_at_once=True, guards_full_scale=False),
    GateName.NO_ORDER_ANOMALIES: BuiltIn(no_order_anomalies, fails_at_once=True, guards_full_scale=True),
    GateName.RISK_CONTROLS_WORK: BuiltIn(risk_controls_work, fails_at_once=True, guards_full_scale=False),
    GateName.NO_RISK_VIOLATIONS: BuiltIn(no_risk_violations, fails_at_once=True, guards_full_scale=False),
    GateName.NET_PNL: BuiltIn(net_pnl, fails_at_once=False, guards_full_scale=True),
    GateName.ORDER_ACCURACY: BuiltIn(order_accuracy, fails_at_once=False, guards_full_scale=True),
    GateName.DRAWDOWN: BuiltIn(drawdown, fails_at_once=True, guards_full_scale=True),
    GateName.QUOTE_UPTIME: BuiltIn(quote_uptime, fails_at_once=False, guards_full_scale=True),
    GateName.MARK_OUT: BuiltIn(mark_out, fails_at_once=False, guards_full_scale=True),
}
