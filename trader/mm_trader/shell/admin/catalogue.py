"""Every metric of the trader, in one table: the exporter, docs/metrics.md and its test are made from it."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class MetricType(StrEnum):
    """Prometheus' types."""

    GAUGE = "gauge"
    COUNTER = "counter"
    HISTOGRAM = "histogram"


class Metric(msgspec.Struct, frozen=True):
    """One metric. Every series also has the label `market_maker`."""

    name: str
    type: MetricType
    unit: str
    labels: tuple[str, ...]
    meaning: str


_G, _C, _H = MetricType.GAUGE, MetricType.COUNTER, MetricType.HISTOGRAM

METRICS: tuple[Metric, ...] = (
    Metric(
        "mm_build_info",
        _G,
        "1",
        ("version", "revision", "scope", "kernel"),
        "Always 1; the labels say what runs; `kernel` is compiled or interpreted.",
    ),
    # state
    Metric("mm_phase", _G, "0 or 1", ("phase",), "1 for the phase the trader is in, 0 for all others."),
    Metric("mm_quoting", _G, "0 or 1", (), "1 while the trader quotes."),
    Metric("mm_risk_level", _G, "0 to 3", (), "0 normal, 1 cautious, 2 reduce-only, 3 halted."),
    Metric(
        "mm_guard_level",
        _G,
        "0 to 3",
        ("symbol",),
        "What the market guards of a symbol ask for; the deeper of this and mm_risk_level is obeyed.",
    ),
    Metric(
        "mm_vpin", _G, "0 to 1", ("symbol",), "Share of one-sided volume; absent until enough was traded."
    ),
    Metric(
        "mm_breaker_state",
        _G,
        "0 to 2",
        ("endpoint",),
        "Circuit breaker of a class of calls: 0 closed, 1 half-open, 2 open.",
    ),
    Metric("mm_order_rate", _G, "orders per second", (), "Orders placed within the last second."),
    Metric(
        "mm_cancel_ratio",
        _G,
        "cancels per order",
        (),
        "Of the last minute; absent with fewer than 20 orders.",
    ),
    Metric("mm_fill_rate", _G, "fills per minute", (), "Own fills within the last minute."),
    Metric("mm_reject_streak", _G, "orders", (), "Orders refused in a row, post-only refusals apart."),
    Metric(
        "mm_clock_skew_seconds", _G, "seconds", (), "The venue's clock minus ours, jumps of ours included."
    ),
    Metric("mm_halts", _G, "count", ("level",), "Latches that are obeyed, by level."),
    Metric("mm_halts_not_durable", _G, "count", (), "Own latches that the store does not have yet."),
    Metric(
        "mm_place_gate_closed",
        _G,
        "0 or 1",
        ("blocker",),
        "1 for each reason that keeps places from leaving.",
    ),
    Metric("mm_lease_held", _G, "0 or 1", (), "1 while the lease of the identity is held."),
    Metric(
        "mm_lease_left_seconds",
        _G,
        "seconds",
        (),
        "Time until the trader would stop by itself if it could not renew.",
    ),
    Metric("mm_incarnation", _G, "count", (), "Counter of the fencing token."),
    # orders
    Metric("mm_open_orders", _G, "count", (), "Own orders that are or may be open."),
    Metric("mm_unknown_orders", _G, "count", (), "Orders of which nobody can say whether they are open."),
    Metric("mm_orders_placed_total", _C, "orders", (), "Placed in this scope."),
    Metric("mm_orders_accepted_total", _C, "orders", (), "Accepted by the venue."),
    Metric(
        "mm_orders_rejected_total",
        _C,
        "orders",
        ("kind",),
        "Refused: venue, post_only (would have taken), or local (a pre-trade check).",
    ),
    Metric("mm_orders_unknown_total", _C, "orders", (), "That were UNKNOWN for a while."),
    Metric(
        "mm_order_anomalies_total",
        _C,
        "count",
        (),
        "Illegal transitions, fills of orders nobody placed, quantities that disagree.",
    ),
    Metric("mm_cancels_sent_total", _C, "cancels", (), "Cancels sent."),
    Metric("mm_cancels_rejected_total", _C, "cancels", (), "Cancels that the venue refused."),
    # trading
    Metric("mm_fills_total", _C, "fills", ("liquidity",), "Own fills, as maker or as taker."),
    Metric("mm_volume_total", _C, "quote currency", (), "Traded value."),
    Metric(
        "mm_quoted_seconds_total", _C, "seconds", (), "Time with quotes on both sides of at least one symbol."
    ),
    Metric(
        "mm_position",
        _G,
        "base units",
        ("symbol",),
        "Signed position, relative to what the account held at first.",
    ),
    Metric("mm_mid_price", _G, "quote per base", ("symbol",), "Middle of best bid and ask."),
    Metric(
        "mm_quote_price",
        _G,
        "quote per base",
        ("symbol", "side"),
        "Best own quote that rests; absent when none does.",
    ),
    Metric("mm_volatility", _G, "fraction per square-root second", ("symbol",), "EWMA volatility."),
    Metric("mm_volatility_annual", _G, "fraction per square-root year", ("symbol",), "The same, annualised."),
    Metric(
        "mm_symbol_capital",
        _G,
        "quote currency",
        ("symbol",),
        "Share of the capital this symbol may use now.",
    ),
    Metric(
        "mm_volatility_noise",
        _G,
        "fraction",
        ("symbol",),
        "Share of the realised variance that is bounce between bid and ask (two-scale).",
    ),
    Metric(
        "mm_markout_bp",
        _G,
        "basis points",
        ("horizon_ms",),
        "Mean mark-out of own fills; negative: picked off.",
    ),
    # money
    Metric(
        "mm_net_pnl_day",
        _G,
        "quote currency",
        (),
        "Marked to market, fees included, since the start of the UTC day.",
    ),
    Metric("mm_net_pnl_scope", _G, "quote currency", (), "The same since the scope began."),
    Metric("mm_realised_pnl", _G, "quote currency", (), "Realised, fees included."),
    Metric("mm_unrealised_pnl", _G, "quote currency", (), "Open positions marked at the mid."),
    Metric("mm_fees", _G, "quote currency", (), "Fees paid; negative: rebates."),
    Metric("mm_drawdown_ratio", _G, "fraction of capital", (), "Fall from the highest net PnL of the scope."),
    Metric("mm_capital", _G, "quote currency", (), "Capital of the running step."),
    # evidence
    Metric("mm_risk_violations_total", _C, "count", (), "Limits that were breached and latched a halt."),
    Metric("mm_reconcile_runs_total", _C, "count", (), "Comparisons with the venue."),
    Metric("mm_reconcile_repairs_total", _C, "count", (), "Differences that were found and repaired."),
    Metric("mm_unclean_stops_total", _C, "count", (), "Incarnations that ended without saying so."),
    Metric("mm_incarnations_total", _C, "count", (), "Times a trader began to work on this scope."),
    # connections
    Metric("mm_stream_up", _G, "0 or 1", ("stream",), "1 while a connection is usable."),
    Metric("mm_stream_age_seconds", _G, "seconds", ("stream",), "Time since the last frame."),
    Metric("mm_stream_reconnects_total", _C, "count", ("stream",), "Times a connection was made again."),
    Metric("mm_clock_offset_seconds", _G, "seconds", (), "The venue's clock minus ours."),
    Metric("mm_request_weight_used", _G, "weight", (), "Request weight used in the venue's current window."),
    Metric("mm_request_weight_limit", _G, "weight", (), "What the venue allows in one window."),
    # the shell
    Metric("mm_kernel_events_total", _C, "events", ("event",), "Events the kernel has handled, by type."),
    Metric(
        "mm_kernel_commands_total", _C, "commands", ("command",), "Commands the kernel has given, by type."
    ),
    Metric(
        "mm_kernel_event_seconds",
        _H,
        "seconds",
        (),
        "Time the kernel took for an event, its commands not included.",
    ),
    Metric(
        "mm_order_ack_seconds",
        _H,
        "seconds",
        (),
        "From the decision to place an order to the venue's answer.",
    ),
    Metric(
        "mm_gc_longest_pause_seconds",
        _G,
        "seconds",
        (),
        "Longest stop by Python's garbage collector since the trader was first allowed to trade.",
    ),
    Metric(
        "mm_gc_longest_pause_cpu_seconds",
        _G,
        "seconds",
        (),
        "Most processor time that one such stop took; where the longest stop is far above it, the machine was busy with something else.",
    ),
    Metric("mm_gc_pause_seconds_total", _C, "seconds", (), "All such stops together."),
    Metric("mm_gc_pauses_total", _C, "count", ("generation",), "Such stops, by generation collected."),
    Metric("mm_store_pending_operations", _G, "count", (), "Writes that wait for the store."),
    Metric("mm_store_commits_total", _C, "count", (), "Commits the store has taken."),
    Metric(
        "mm_store_dropped_total",
        _C,
        "count",
        (),
        "Fill and alert entries that did not fit while the store was away; the ledger has every fill.",
    ),
    Metric("mm_journal_lines_total", _C, "lines", (), "Lines written to the journal by this process."),
    Metric(
        "mm_config_reloads_total",
        _C,
        "reloads",
        ("outcome",),
        "Looks at a changed config file: applied, unchanged, refused, or meant for the next incarnation.",
    ),
    Metric("mm_config_refused", _G, "0 or 1", (), "1 while the file that was read last is refused."),
    Metric(
        "mm_config_restart_pending",
        _G,
        "fields",
        (),
        "Fields of the file that wait for the next start.",
    ),
    Metric(
        "mm_memory_limit_bytes",
        _G,
        "bytes",
        (),
        "Resident memory beyond which the process ends to be started anew; 0: never.",
    ),
    Metric("mm_alert_channel_up", _G, "0 or 1", ("channel",), "1 while alerts reach the channel."),
    Metric("mm_alerts_pending", _G, "alerts", ("channel",), "Alerts that wait for the channel."),
    Metric(
        "mm_alerts_dropped_total",
        _C,
        "alerts",
        ("channel",),
        "Alerts that never reached the channel; the log has them.",
    ),
    Metric("mm_alerts_total", _C, "count", (), "Alerts sent by this process."),
)

BY_NAME = {metric.name: metric for metric in METRICS}


def document() -> str:
    """docs/metrics.md, whole."""
    lines = [
        "# Metrics of the trader",
        "Generated from `trader/mm_trader/shell/admin/catalogue.py` by `python -m mm_trader.shell.admin.catalogue`; a test fails when it differs.",
        "",
        "`GET /metrics` on the trader's admin port (9100), in Prometheus' text format. Every series has the label `market_maker`. Metrics that count a",
        "*scope* (revision/stage/step/attempt) begin at 0 with each new scope. The usual `process_*` and `python_gc_*` metrics are there too.",
        "",
        "| metric | type | unit | labels | meaning |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| `{m.name}` | {m.type.value} | {m.unit} | {', '.join(f'`{label}`' for label in m.labels) or ' '} | {m.meaning} |"
        for m in METRICS
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    import sys

    sys.stdout.write(document())
