"""The counters that gates judge, over all incarnations of one scope. They go on from what was stored; what cannot be known is not counted as good."""

from __future__ import annotations

from decimal import Decimal

from mm_api.redis_contract import Evidence, RunningStats
from mm_trader.core.units import NS_PER_MS, from_money, to_money
from mm_trader.kernel.markouts import HORIZONS_MS
from mm_trader.risk.self_test import SelfTestResult

_REASONS = 32
"""Reasons of violations that are kept; the count goes on."""


class Welford:
    """Count, mean and sum of squared differences of a series, in one pass (Welford 1962)."""

    __slots__ = ("count", "m2", "mean")

    def __init__(self, start: RunningStats | None = None) -> None:
        self.count = start.count if start else 0
        self.mean = start.mean if start else 0.0
        self.m2 = start.m2 if start else 0.0

    def add(self, value: float) -> None:
        """One more value."""
        self.count += 1
        delta = value - self.mean
        self.mean += delta / self.count
        self.m2 += delta * (value - self.mean)

    def stats(self) -> RunningStats:
        """For the record."""
        return RunningStats(count=self.count, mean=self.mean, m2=self.m2)


_COUNTERS = (
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
    "risk_violations",
    "halts",
    "reconcile_runs",
    "reconcile_repairs",
)


class EvidenceKeeper:
    """Counts by name (`count`), and everything that is a time or a sum."""

    def __init__(
        self,
        *,
        scope: str,
        revision: str,
        stored: Evidence | None,
        clean: bool,
        ts: int,
        interval: int,
        capital: int,
    ) -> None:
        """`stored` counts only if it is of this scope. `interval` in ns, `capital` in money."""
        old = stored if stored is not None and stored.scope == scope else None
        self._scope = scope
        self._revision = revision
        self._interval = interval
        self._capital = capital
        self._counts = {name: int(getattr(old, name)) if old else 0 for name in _COUNTERS}
        self._incarnations = (old.incarnations if old else 0) + 1
        self._unclean = (old.unclean_stops if old else 0) + int(old is not None and not clean)
        self.started_ms = old.started_ms if old else 0
        self._uptime_before = old.uptime_ms if old else 0
        self._born = ts
        self._now = ts
        self._quoted_ns = (old.quoted_ms if old else 0) * NS_PER_MS
        self._two_sided_since: int | None = None
        self.volume = to_money(old.volume) if old else 0
        self.realised = to_money(old.realised_pnl) if old else 0
        self.fees = to_money(old.fees) if old else 0
        self._drawdown_before = old.max_drawdown if old else Decimal(0)
        self._samples = Welford(old.pnl_samples if old else None)
        self._next_sample = ts + interval
        self._last_net: int | None = None
        stored_marks = old.mark_out_bp if old else {}
        self._mark_outs = {str(horizon): Welford(stored_marks.get(str(horizon))) for horizon in HORIZONS_MS}
        self._reasons = list(old.violation_reasons) if old else []
        self._self_test_checks = old.self_test_checks if old else 0
        self._self_test_failures = list(old.self_test_failures) if old else []

    @property
    def self_tested(self) -> bool:
        """The risk controls of this scope were exercised already."""
        return self._self_test_checks > 0

    def self_test(self, result: SelfTestResult) -> None:
        """Keep the result of the controls' own test."""
        self._self_test_checks = result.checks
        self._self_test_failures = list(result.failures)[:64]

    def count(self, name: str, by: int = 1) -> None:
        """Add to a counter. Raises KeyError for one that does not exist."""
        self._counts[name] += by

    def violation(self, reason: str) -> None:
        """A limit was breached and a halt latched."""
        self._counts["risk_violations"] += 1
        if len(self._reasons) < _REASONS:
            self._reasons.append(reason)

    def mark_out(self, horizon_ms: int, bp: float) -> None:
        """One sample."""
        self._mark_outs[str(horizon_ms)].add(bp)

    def two_sided(self, ts: int, now: bool) -> None:
        """Own orders rest on both sides of at least one symbol, or no longer do."""
        if now and self._two_sided_since is None:
            self._two_sided_since = ts
        elif not now and self._two_sided_since is not None:
            self._quoted_ns += ts - self._two_sided_since
            self._two_sided_since = None

    def on_time(self, ts: int, net: int, *, trading: bool) -> None:
        """Time passes. A PnL sample is taken per interval while trading is possible; standing still is not evidence of calm."""
        self._now = ts
        if ts < self._next_sample:
            return
        self._next_sample = ts + self._interval
        if trading and self._last_net is not None:
            self._samples.add(float(from_money(net - self._last_net)))
        self._last_net = net if trading else None

    def snapshot(self, wall_ns: int, *, net: int, deepest_fall: int, unknown_open: int) -> Evidence:
        """The evidence as it stands. `net`: since the scope began; `deepest_fall`: of this process; both money."""
        quoted = self._quoted_ns
        if self._two_sided_since is not None:
            quoted += max(self._now - self._two_sided_since, 0)
        fall = (Decimal(deepest_fall) / self._capital).quantize(Decimal("1e-12"))
        return Evidence(
            scope=self._scope,
            revision=self._revision,
            started_ms=self.started_ms,
            updated_ms=wall_ns // NS_PER_MS,
            incarnations=self._incarnations,
            unclean_stops=self._unclean,
            uptime_ms=self._uptime_before + (self._now - self._born) // NS_PER_MS,
            quoted_ms=quoted // NS_PER_MS,
            orders_unknown_open=unknown_open,
            volume=from_money(self.volume),
            net_pnl=from_money(net),
            realised_pnl=from_money(self.realised),
            fees=from_money(self.fees),
            max_drawdown=max(self._drawdown_before, fall),
            pnl_samples=self._samples.stats(),
            sample_interval_ms=self._interval // NS_PER_MS,
            mark_out_bp={name: stats.stats() for name, stats in self._mark_outs.items()},
            violation_reasons=list(self._reasons),
            self_test_checks=self._self_test_checks,
            self_test_failures=list(self._self_test_failures),
            **self._counts,
        )
