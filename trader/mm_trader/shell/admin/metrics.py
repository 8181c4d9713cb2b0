"""Turns what the trader knows into Prometheus' text at the moment of a scrape: nothing is counted twice, nothing is kept for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, GCCollector, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

import mm_trader
from mm_api.kinds.common import HaltLevel
from mm_api.redis_contract import Evidence, TraderPhase
from mm_trader.core.state import KernelStatus
from mm_trader.core.units import NS_PER_S
from mm_trader.kernel import COMPILED
from mm_trader.market.volatility import annualised
from mm_trader.shell.ack_times import FIRST_BIT
from mm_trader.shell.admin.catalogue import BY_NAME, MetricType
from mm_trader.shell.gate import Blocker
from mm_trader.shell.reload import Outcome

if TYPE_CHECKING:
    from mm_trader.shell.app import App

_BREAKER_STATES = {"closed": 0.0, "half_open": 1.0, "open": 2.0}
Sample = tuple[tuple[str, ...], float]


class TraderCollector(Collector):
    """Reads the app when it is scraped."""

    def __init__(self, app: App) -> None:
        self._app = app

    def collect(self) -> Iterator[Family]:
        """All families that have a value now."""
        yield from self._of_shell()
        status = self._app.kernel_status()
        if status is not None:
            yield from self._of_kernel(status)
        kernel = self._app.dispatcher.kernel
        if kernel is not None:
            yield from self._of_evidence(kernel.evidence(self._app.clock.wall_ns()))

    def _family(self, name: str, samples: Iterable[Sample]) -> Family:
        metric = BY_NAME[name]
        labels = ("market_maker", *metric.labels)
        family: Family
        if metric.type is MetricType.COUNTER:
            family = CounterMetricFamily(name, metric.meaning, labels=labels)
        else:
            family = GaugeMetricFamily(name, metric.meaning, labels=labels)
        for values, number in samples:
            family.add_metric([self._app.config.name, *values], number)
        return family

    def _one(self, name: str, value: float) -> Family:
        return self._family(name, [((), float(value))])

    def _of_shell(self) -> Iterator[Family]:
        app = self._app
        config = app.config
        kernel = "compiled" if COMPILED else "interpreted"
        labels = (mm_trader.__version__, config.revision, config.scope, kernel)
        yield self._family("mm_build_info", [(labels, 1.0)])
        state = app.state()
        yield self._family(
            "mm_phase", [((phase.value,), float(phase is state.phase)) for phase in TraderPhase]
        )
        yield self._one("mm_quoting", state.phase is TraderPhase.QUOTING)
        yield self._family(
            "mm_halts",
            [
                ((level.value,), float(sum(latch.level is level for latch in app.halts.current)))
                for level in HaltLevel
                if level is not HaltLevel.NONE
            ],
        )
        yield self._one("mm_halts_not_durable", app.halts.pending)
        closed = app.gate.blockers
        yield self._family("mm_place_gate_closed", [((b.value,), float(b in closed)) for b in Blocker])
        lease = app.keeper.lease
        left = max(0, lease.stop_at_ns - app.clock.monotonic_ns()) if lease.token is not None else 0
        yield self._one("mm_lease_held", lease.token is not None)
        yield self._one("mm_lease_left_seconds", left / NS_PER_S)
        yield self._one("mm_incarnation", app.progress.counter)
        yield self._one("mm_capital", float(config.risk.capital))
        yield from self._of_gateway()
        dispatcher = app.dispatcher
        yield self._family("mm_kernel_events_total", [((n,), float(v)) for n, v in dispatcher.events.items()])
        yield self._family(
            "mm_kernel_commands_total", [((n,), float(v)) for n, v in dispatcher.commands.items()]
        )
        yield self._histogram(
            "mm_kernel_event_seconds", dispatcher.latency, dispatcher.latency_sum_ns, first_bit=8
        )
        acks = app.ack_times
        yield self._histogram("mm_order_ack_seconds", acks.buckets, acks.sum_ns, first_bit=FIRST_BIT)
        yield self._one("mm_gc_longest_pause_seconds", app.collector.longest_ns / NS_PER_S)
        yield self._one("mm_gc_longest_pause_cpu_seconds", app.collector.longest_cpu_ns / NS_PER_S)
        yield self._one("mm_gc_pause_seconds_total", app.collector.total_ns / NS_PER_S)
        yield self._family(
            "mm_gc_pauses_total", [((str(g),), float(n)) for g, n in enumerate(app.collector.pauses)]
        )
        yield self._one("mm_store_pending_operations", app.writer.pending)
        yield self._one("mm_store_commits_total", app.writer.commits)
        yield self._one("mm_store_dropped_total", app.writer.dropped)
        yield self._one("mm_journal_lines_total", app.journal.lines_written)
        yield self._one("mm_alerts_total", app.alerts.sent)
        outlets = app.outlets
        yield self._family("mm_alert_channel_up", [((o.name,), float(not o.failing)) for o in outlets])
        yield self._family("mm_alerts_pending", [((o.name,), float(o.pending)) for o in outlets])
        yield self._family("mm_alerts_dropped_total", [((o.name,), float(o.dropped)) for o in outlets])
        yield from self._of_reloads()
        yield self._one("mm_memory_limit_bytes", config.process.memory_limit_mib * 2**20)

    def _of_reloads(self) -> Iterator[Family]:
        reloader = self._app.reloader
        yield self._family(
            "mm_config_reloads_total", [((o.value,), float(reloader.counts[o])) for o in Outcome]
        )
        last = reloader.last
        yield self._one("mm_config_refused", last is not None and last.outcome is Outcome.REFUSED)
        yield self._one("mm_config_restart_pending", len(last.pending_restart) if last is not None else 0)

    def _of_gateway(self) -> Iterator[Family]:
        health = self._app.gateway_health()
        yield self._family("mm_stream_up", [((s,), float(up)) for s, up in health.streams.items()])
        yield self._family(
            "mm_stream_age_seconds", [((s,), ms / 1000) for s, ms in health.last_message_age_ms.items()]
        )
        yield self._family(
            "mm_stream_reconnects_total", [((s,), float(n)) for s, n in health.reconnects.items()]
        )
        yield self._one("mm_clock_offset_seconds", health.clock_offset_ms / 1000)
        yield self._one("mm_request_weight_used", health.used_weight)
        yield self._one("mm_request_weight_limit", health.weight_limit)

    def _of_kernel(self, status: KernelStatus) -> Iterator[Family]:
        yield self._one("mm_risk_level", int(status.risk_level))
        yield self._family("mm_guard_level", [((s,), float(v)) for s, v in status.guard_levels.items()])
        yield self._family("mm_vpin", [((s,), v) for s, v in status.vpin.items() if v is not None])
        yield self._family(
            "mm_breaker_state", [((e,), _BREAKER_STATES[state]) for e, state in status.breakers.items()]
        )
        yield self._one("mm_order_rate", status.orders_per_second)
        ratio = status.cancel_ratio
        yield self._family("mm_cancel_ratio", [] if ratio is None else [((), ratio)])
        yield self._one("mm_fill_rate", status.fills_per_minute)
        yield self._one("mm_reject_streak", status.reject_streak)
        yield self._one("mm_clock_skew_seconds", status.clock_skew_ms / 1000)
        yield self._one("mm_open_orders", status.open_orders)
        yield self._one("mm_unknown_orders", status.unknown_orders)
        yield self._family("mm_position", [((s,), float(v)) for s, v in status.positions.items()])
        yield self._family(
            "mm_mid_price", [((s,), float(v)) for s, v in status.mids.items() if v is not None]
        )
        quotes = [
            ((symbol, side), float(price))
            for symbol, pair in status.quotes.items()
            for side, price in zip(("bid", "ask"), pair, strict=True)
            if price is not None
        ]
        yield self._family("mm_quote_price", quotes)
        yield self._family("mm_volatility", [((s,), v) for s, v in status.volatility.items()])
        yield self._family(
            "mm_volatility_annual", [((s,), annualised(v)) for s, v in status.volatility.items()]
        )
        yield self._family("mm_symbol_capital", [((s,), float(v)) for s, v in status.capital.items()])
        yield self._family("mm_volatility_noise", [((s,), v) for s, v in status.volatility_noise.items()])
        yield self._one("mm_net_pnl_day", float(status.net_pnl_day))
        yield self._one("mm_net_pnl_scope", float(status.net_pnl_scope))
        yield self._one("mm_realised_pnl", float(status.realised))
        yield self._one("mm_unrealised_pnl", float(status.unrealised))
        yield self._one("mm_fees", float(status.fees))
        yield self._one("mm_drawdown_ratio", float(status.drawdown))

    def _of_evidence(self, e: Evidence) -> Iterator[Family]:
        for name, value in (
            ("mm_orders_placed_total", e.orders_placed),
            ("mm_orders_accepted_total", e.orders_accepted),
            ("mm_orders_unknown_total", e.orders_unknown),
            ("mm_order_anomalies_total", e.order_anomalies),
            ("mm_cancels_sent_total", e.cancels_sent),
            ("mm_cancels_rejected_total", e.cancels_rejected),
            ("mm_risk_violations_total", e.risk_violations),
            ("mm_reconcile_runs_total", e.reconcile_runs),
            ("mm_reconcile_repairs_total", e.reconcile_repairs),
            ("mm_unclean_stops_total", e.unclean_stops),
            ("mm_incarnations_total", e.incarnations),
        ):
            yield self._one(name, value)
        yield self._one("mm_volume_total", float(e.volume))
        yield self._one("mm_quoted_seconds_total", e.quoted_ms / 1000)
        rejected = {
            "venue": e.orders_rejected,
            "post_only": e.orders_post_only_rejected,
            "local": e.orders_refused_locally,
        }
        yield self._family("mm_orders_rejected_total", [((k,), float(v)) for k, v in rejected.items()])
        yield self._family(
            "mm_fills_total",
            [(("maker",), float(e.maker_fills)), (("taker",), float(e.fills - e.maker_fills))],
        )
        yield self._family(
            "mm_markout_bp", [((h,), stats.mean) for h, stats in e.mark_out_bp.items() if stats.count]
        )

    def _histogram(self, name: str, counts: list[int], sum_ns: int, first_bit: int) -> Family:
        metric = BY_NAME[name]
        family = HistogramMetricFamily(metric.name, metric.meaning, labels=("market_maker",))
        total, buckets = 0, []
        for index, count in enumerate(counts):
            total += count
            buckets.append((repr(2 ** (index + first_bit) / NS_PER_S), float(total)))
        buckets.append(("+Inf", float(total)))
        family.add_metric([self._app.config.name], buckets, sum_value=sum_ns / NS_PER_S)
        return family


class Exporter:
    """A registry of one app: several traders in one process do not mix."""

    def __init__(self, app: App) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(TraderCollector(app))
        ProcessCollector(registry=self._registry)
        GCCollector(registry=self._registry)

    def text(self) -> bytes:
        """Prometheus' text format."""
        return generate_latest(self._registry)
