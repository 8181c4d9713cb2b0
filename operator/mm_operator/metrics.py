"""The operator's metrics, in a registry of their own. docs/operator.md lists them with their meaning."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

from mm_api.kinds import GateVerdict, TradingState
from mm_operator.reconcile.plan import Plan

_VERDICTS = {GateVerdict.PASS: 1, GateVerdict.FAIL: 0, GateVerdict.INCONCLUSIVE: -1, GateVerdict.ERROR: -2}


class Metrics:
    """All series. Those of a MarketMaker go when it goes, so that the number of series stays bounded."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.reconciles = Counter(
            "mm_operator_reconciles_total",
            "Reconciles by outcome: success, conflict, failure.",
            ["outcome"],
            registry=self.registry,
        )
        self.reconcile_seconds = Histogram(
            "mm_operator_reconcile_seconds",
            "Length of a reconcile.",
            registry=self.registry,
            buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15),
        )
        self.market_makers = Gauge(
            "mm_operator_marketmakers", "MarketMakers under care.", registry=self.registry
        )
        self.alerts = Counter(
            "mm_operator_alerts_total",
            "Alerts taken in, by source (trader, webhook) and result.",
            ["source", "result"],
            registry=self.registry,
        )
        self.resync_age = Gauge(
            "mm_operator_last_resync_timestamp_seconds",
            "Wall time of the last full list that succeeded.",
            registry=self.registry,
        )
        self.loop_lag = Gauge(
            "mm_operator_event_loop_lag_seconds",
            "How late the event loop ran its last timer.",
            registry=self.registry,
        )
        names = ["namespace", "marketmaker"]
        self._stage = Gauge(
            "mm_stage", "Stage of the revision in hand: 0 is the first.", names, registry=self.registry
        )
        self._step = Gauge(
            "mm_stage_step", "Step within the stage: 0 is the first.", names, registry=self.registry
        )
        self._capital = Gauge(
            "mm_capital", "Capital at work, in quote currency.", names, registry=self.registry
        )
        self._state = Gauge(
            "mm_state", "1 for the state the MarketMaker is in.", [*names, "state"], registry=self.registry
        )
        self._gate = Gauge(
            "mm_gate_verdict",
            "Last verdict: 1 Pass, 0 Fail, -1 Inconclusive, -2 Error.",
            [*names, "gate"],
            registry=self.registry,
        )
        self._halts = Gauge(
            "mm_halts", "Halts in force, by level.", [*names, "level"], registry=self.registry
        )
        self._shown: dict[tuple[str, str], list[tuple[Gauge, tuple[str, ...]]]] = {}

    def show(self, namespace: str, name: str, plan: Plan) -> None:
        """Series of one MarketMaker, from its newest status. Series that no longer hold are removed."""
        status = plan.status
        if status is None:
            return
        who = (namespace, name)
        values: dict[tuple[Gauge, tuple[str, ...]], float] = {
            (self._capital, who): float(status.capital or 0)
        }
        if status.run is not None:
            values[(self._stage, who)] = status.run.stage_index
            values[(self._step, who)] = status.run.step
        for state in TradingState:
            values[(self._state, (*who, state.value))] = float(state is status.state)
        for gate in status.gates:
            values[(self._gate, (*who, gate.name))] = _VERDICTS[gate.verdict]
        for halt in status.halts:
            key = (self._halts, (*who, halt.level.value))
            values[key] = values.get(key, 0) + 1
        for gauge, labels in self._shown.get(who, []):
            if (gauge, labels) not in values:
                gauge.remove(*labels)
        for (gauge, labels), value in values.items():
            gauge.labels(*labels).set(value)
        self._shown[who] = list(values)

    def forget(self, namespace: str, name: str) -> None:
        """Remove all series of a MarketMaker that is gone."""
        for gauge, labels in self._shown.pop((namespace, name), []):
            gauge.remove(*labels)
