"""The hourly check and the daily summary (R38), as values and as text: what happened between two snapshots of the trader's own counters.

Order accuracy is the gate's: orders that went as meant among those that were answered; post-only refusals went as meant. Drift is what reconciliation
had to repair. Return is the change of net PnL (marked to market, fees included) over the capital.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from mm_api.redis_contract import Evidence
from mm_api.scalars import format_decimal
from mm_trader.core.units import NS_PER_MS

if TYPE_CHECKING:
    from mm_trader.shell.app import App

_COUNTED = (
    "orders_placed",
    "orders_accepted",
    "orders_rejected",
    "orders_post_only_rejected",
    "orders_unknown",
    "order_anomalies",
    "fills",
    "maker_fills",
    "risk_violations",
    "halts",
    "reconcile_runs",
    "reconcile_repairs",
    "unclean_stops",
)
_PROBLEMS = {
    "orders_rejected": "orders refused by the venue",
    "orders_unknown": "orders were unknown for a while",
    "order_anomalies": "order anomalies",
    "risk_violations": "limits breached",
    "reconcile_repairs": "differences to the venue repaired",
    "unclean_stops": "stops without a goodbye",
}


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """Counters at one instant. Within one scope they only grow."""

    scope: str
    at_ms: int
    counts: dict[str, int]
    volume: Decimal
    net_pnl: Decimal
    fees: Decimal


class Summary(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What happened in a period."""

    title: str
    from_ms: int
    to_ms: int
    counts: dict[str, int]
    accuracy: float | None
    """None: no order was answered."""
    volume: Decimal
    net_pnl: Decimal
    fees: Decimal
    return_ratio: float
    """Net PnL over capital."""
    open_orders: int
    unknown_orders: int
    positions: dict[str, Decimal]
    halts: list[str]
    unhealthy: list[str]
    """Parts and streams that are not as they should be now."""
    problems: list[str]
    """Everything a person should look at; empty: nothing."""


def snapshot(evidence: Evidence) -> Snapshot:
    """Of these counters."""
    return Snapshot(
        scope=evidence.scope,
        at_ms=evidence.updated_ms,
        counts={name: int(getattr(evidence, name)) for name in _COUNTED},
        volume=evidence.volume,
        net_pnl=evidence.net_pnl,
        fees=evidence.fees,
    )


def take(app: App) -> Snapshot | None:
    """Now; None while there is no kernel."""
    kernel = app.dispatcher.kernel
    return None if kernel is None else snapshot(kernel.evidence(app.clock.wall_ns()))


def summarise(
    title: str, app: App, before: Snapshot | None, after: Snapshot | None, alerts: dict[str, int]
) -> Summary:
    """`before`: None or of another scope: since the scope began. `alerts`: reason → how often a warning or worse was sent in the period."""
    now_ms = app.clock.wall_ns() // NS_PER_MS
    base = before if before is not None and after is not None and _goes_on(before, after) else None
    status = app.kernel_status()
    unhealthy = [f"{name}: {part.detail}" for name, part in app.health().items() if not part.healthy]
    unhealthy += [f"stream {name} is down" for name, up in app.gateway_health().streams.items() if not up]
    halts = [latch.id for latch in app.halts.current]
    counts = {
        name: (after.counts[name] if after else 0) - (base.counts.get(name, 0) if base else 0)
        for name in _COUNTED
    }
    net = (after.net_pnl if after else Decimal(0)) - (base.net_pnl if base else Decimal(0))
    unknown = status.unknown_orders if status else 0
    return Summary(
        title=title,
        from_ms=base.at_ms if base else (before.at_ms if before else 0),
        to_ms=now_ms,
        counts=counts,
        accuracy=_accuracy(counts, unknown),
        volume=(after.volume if after else Decimal(0)) - (base.volume if base else Decimal(0)),
        net_pnl=net,
        fees=(after.fees if after else Decimal(0)) - (base.fees if base else Decimal(0)),
        return_ratio=float(net / app.config.risk.capital),
        open_orders=status.open_orders if status else 0,
        unknown_orders=unknown,
        positions=dict(status.positions) if status else {},
        halts=halts,
        unhealthy=unhealthy,
        problems=[
            *(f"{counts[name]} {words}" for name, words in _PROBLEMS.items() if counts[name]),
            *(f"halted by {halt_id}" for halt_id in halts),
            *unhealthy,
            *(f"alert {reason} x {times}" for reason, times in sorted(alerts.items())),
            *([] if status is not None else ["no kernel is running"]),
        ],
    )


def _goes_on(before: Snapshot, after: Snapshot) -> bool:
    """The same counters. Evidence that was lost with its store begins at 0 again, and so does another scope."""
    return before.scope == after.scope and all(
        after.counts[name] >= count for name, count in before.counts.items() if name in after.counts
    )


class Reports(msgspec.Struct, frozen=True, kw_only=True):
    """Both, as they would be sent now."""

    hour: Summary
    day: Summary


def report(app: App) -> Reports:
    """The running hour and the running day."""
    now, watch = take(app), app.operations
    return Reports(
        hour=summarise("hourly check", app, watch.hour.base, now, watch.hour.alerts),
        day=summarise("daily summary", app, watch.day.base, now, watch.day.alerts),
    )


def text(summary: Summary) -> str:
    """For people: a few lines."""
    counts = summary.counts
    accuracy = "no orders" if summary.accuracy is None else f"{summary.accuracy:.4%}"
    positions = (
        ", ".join(f"{symbol} {format_decimal(v)}" for symbol, v in summary.positions.items()) or "none"
    )
    lines = [
        f"{summary.title}, {_when(summary.from_ms)} to {_when(summary.to_ms)}",
        f"  orders    {counts['orders_placed']} placed, accuracy {accuracy}, {summary.open_orders} open, "
        f"{summary.unknown_orders} unknown",
        f"  trades    {counts['fills']} fills ({counts['maker_fills']} as maker), volume {summary.volume:.2f}",
        f"  return    {summary.net_pnl:+.4f} ({summary.return_ratio:+.4%} of capital), fees {summary.fees:.4f}",
        f"  positions {positions}; drift: {counts['reconcile_repairs']} repairs in {counts['reconcile_runs']} comparisons",
        f"  limits    {counts['risk_violations']} violations, {counts['halts']} halts in the period",
        "  problems  " + ("; ".join(summary.problems) if summary.problems else "none"),
    ]
    return "\n".join(lines)


def _accuracy(counts: dict[str, int], unknown_open: int) -> float | None:
    through = counts["orders_accepted"] + counts["orders_post_only_rejected"]
    judged = through + counts["orders_rejected"] + unknown_open
    if judged <= 0:
        return None
    return max(0, through - max(0, counts["orders_unknown"] - unknown_open)) / judged


def _when(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ") if ms else "the start"
