"""Evidence since a moment: what was counted up to it is taken away. Pure.

At full scale a person may acknowledge a loss. The evidence of a scope only grows, so without this every gate would fail again on the loss that was
just accepted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from mm_api.redis_contract import Evidence, RunningStats

COUNTERS = (
    "unclean_stops",
    "uptime_ms",
    "quoted_ms",
    "orders_placed",
    "orders_accepted",
    "orders_rejected",
    "orders_post_only_rejected",
    "orders_refused_locally",
    "orders_unknown",
    "order_anomalies",
    "cancels_sent",
    "cancels_rejected",
    "fills",
    "maker_fills",
    "volume",
    "net_pnl",
    "realised_pnl",
    "fees",
    "risk_violations",
    "halts",
    "reconcile_runs",
    "reconcile_repairs",
)
"""Fields that grow (or, for PnL, add up) over a scope."""


def accepted_evidence(text: str | None) -> Evidence | None:
    """The evidence kept at an acknowledgement. One that can not be read counts as none: then everything counts."""
    if text is None:
        return None
    try:
        return Evidence.model_validate_json(text)
    except ValidationError:
        return None


def since(evidence: Evidence | None, start: Evidence | None) -> Evidence | None:
    """What was added after `start`. The evidence itself where there is no start, or it is another scope's, or the counters began anew."""
    if evidence is None or start is None or start.scope != evidence.scope or start.fills > evidence.fills:
        return evidence
    values: dict[str, Any] = {name: getattr(evidence, name) - getattr(start, name) for name in COUNTERS}
    # a maximum can not be taken apart: one that has not grown was accepted with the rest
    values["max_drawdown"] = (
        evidence.max_drawdown
        if evidence.max_drawdown > start.max_drawdown
        else type(evidence.max_drawdown)(0)
    )
    values["violation_reasons"] = evidence.violation_reasons[len(start.violation_reasons) :]
    values["started_ms"] = max(evidence.started_ms, start.updated_ms)
    values["pnl_samples"] = stats_since(evidence.pnl_samples, start.pnl_samples)
    values["mark_out_bp"] = _each_since(evidence.mark_out_bp, start.mark_out_bp)
    # what an earlier drill has moved is in the counters of the start already
    values["drills"] = {
        name: drill for name, drill in evidence.drills.items() if drill.ended_ms > start.updated_ms
    }
    return evidence.model_copy(update=values)


def _each_since(
    now: Mapping[str, RunningStats], start: Mapping[str, RunningStats]
) -> dict[str, RunningStats]:
    return {horizon: stats_since(stats, start.get(horizon, RunningStats())) for horizon, stats in now.items()}


def stats_since(now: RunningStats, start: RunningStats) -> RunningStats:
    """Welford's sums taken apart: the inverse of merging two series (Chan, Golub and LeVeque 1979)."""
    count = now.count - start.count
    if start.count == 0 or count < 0:
        return now
    if count == 0:
        return RunningStats()
    mean = (now.mean * now.count - start.mean * start.count) / count
    between = (mean - start.mean) ** 2 * start.count * count / now.count
    return RunningStats(count=count, mean=mean, m2=max(0.0, now.m2 - start.m2 - between))
