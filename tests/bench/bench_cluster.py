"""Figures that need a real cluster: how fast a risk alert shows in `kubectl get mm`, how fast a deleted pod quotes again, and what operator and trader weigh.

Off unless MM_BENCH_CLUSTER=1, and then to be run where kubectl leads: `MM_BENCH_CLUSTER=1 tests/cluster/with make bench`. It uses the end-to-end tests'
vocabulary and installation (namespace mm-e2e), so it must not run beside them. About ten minutes.
"""

from __future__ import annotations

import math
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchkit import Figure

sys.path.insert(0, str(Path(__file__).parents[1]))

from e2e.kit.checks import MakerChecks
from e2e.kit.cluster import Cluster
from e2e.kit.deadline import eventually
from e2e.kit.installation import Installation
from e2e.kit.objects import BTC, ETH, stage
from e2e.kit.steps import Given, When
from e2e.kit.world import Maker, World

ALERTS = int(os.environ.get("MM_BENCH_ALERTS", "50"))
PODS = int(os.environ.get("MM_BENCH_PODS", "10"))
TIGHT = {"dailyLossLimit": "1", "maxDrawdown": "1", "maxOrderRate": 100, "maxCancelRatio": "1"}
MOVE_PERCENT = 3


def run(data_dir: Path | None) -> list[Figure]:
    """The figures; none without MM_BENCH_CLUSTER=1. Recorded data are not used."""
    del data_dir
    if os.environ.get("MM_BENCH_CLUSTER", "") != "1":
        return []
    cluster = Cluster()
    try:
        installation = Installation(cluster)
        installation.ensure()
        return [
            *_in_a_world(cluster, installation, "bench-alerts", _alerts),
            *_in_a_world(cluster, installation, "bench-pods", _pods),
            *_in_a_world(cluster, installation, "bench-memory", _memory),
        ]
    finally:
        cluster.close()


def _in_a_world(cluster: Cluster, installation: Installation, title: str, measure: object) -> list[Figure]:
    world = World(cluster, installation, title)
    try:
        assert callable(measure)
        figures: list[Figure] = measure(world)
        return figures
    finally:
        world.clean_up()


def _alerts(world: World) -> list[Figure]:
    """The price moves against the trader until its daily loss limit latches; a person acknowledges; and again."""
    Given(world).a_venue("paper")
    maker = Given(world).a_live_market_maker(risk=TIGHT)
    shown, silent = [], []
    for _ in range(ALERTS):
        one_shown, one_silent = _one_alert(world, maker)
        shown.append(one_shown)
        silent.append(one_silent * 1000)
        print(f"alert {len(shown)} of {ALERTS}: shown after {one_shown:.3f} s", flush=True)
    return [
        Figure("risk alert → shown by kubectl get mm, p99", _p99(shown), "s", "≤ 2", _note(shown, "s")),
        Figure(
            "adverse move → no open order at the venue (cluster), p99",
            _p99(silent),
            "ms",
            "≤ 250",
            _note(silent, "ms"),
        ),
    ]


def _one_alert(world: World, maker: Maker) -> tuple[float, float]:
    """Seconds from the trader's latch until a watch showed it, and from the move until the last order was gone at the venue."""
    when, it = When(world), MakerChecks(world, maker)
    it.holds_inventory(within=120)
    before = world.market().mid_price(ETH)
    with when.watching(maker) as watch:
        move = when.the_price_moves_against(maker, MOVE_PERCENT)
        seen = watch.wait("Halted", lambda body: body["status"].get("state") == "Halted", 30)
    halt = it.is_halted(by="Risk", within=10)
    times = seen.wall - it.latched_at(halt["id"]), it.silent_at(after=move.journal) - move.wall
    # the move is undone first: fifty of them one way would leave a market and a position that have nothing to do with the figure
    market = world.market()
    market.set_price(ETH, before)
    when.acknowledged(maker, halt["id"])
    it.reaches("Live", within=30)
    # one side is enough: at its largest position the trader rightly quotes the other side alone
    eventually("an order rests at the venue", lambda: market.open_orders("paper"), within=30)
    return times


def _pods(world: World) -> list[Figure]:
    """The pod is deleted with grace 0; the clock stops when both sides rest at the venue again, placed by a new incarnation that is the only one."""
    Given(world).a_venue("paper")
    maker = Given(world).a_live_market_maker()
    when, it = When(world), MakerChecks(world, maker)
    took = []
    for _ in range(PODS):
        mark = it.journal_mark()
        began = time.monotonic()
        when.the_pod_is_deleted(maker, grace=0)
        it.quotes_from_a_new_incarnation(after=mark, within=60)
        took.append(time.monotonic() - began)
        it.was_the_only_writer()
        it.agrees_with_the_venue(within=20)
    good = sum(value <= 15 for value in took)
    return [
        Figure("pod deleted with grace 0 → quoting again, slowest", max(took), "s", "≤ 15", _note(took, "s")),
        Figure("pods that came back in time, as the only writer", good, f"of {PODS}", f"≥ {PODS}", ""),
    ]


def _memory(world: World) -> list[Figure]:
    """Resident memory of the trader with two symbols, and of the operator that runs it, half a minute after full scale."""
    Given(world).a_venue("paper")
    small = {
        "name": "BasicMarketMaking",
        "parameters": {"baseSpread": "0.0004", "baseSize": "0.01", "maxInventory": "0.05"},
    }
    only = stage("only", "paper", capital="5000", soak="30s", symbols=(ETH, BTC), gates=[])
    maker = Given(world).a_market_maker("two", [only], strategy=small)
    When(world).applied(maker)
    MakerChecks(world, maker).reaches("Live", within=120)
    world.toolbox.ensure()
    trader = world.toolbox.resident_mib(maker.pod(), "mm-trader")
    operator = world.toolbox.resident_mib(world.installation.operator_pod(), "mm-operator")
    return [
        Figure("trader, resident memory", trader, "MiB", "≤ 120", "two symbols, in its pod"),
        Figure("operator, resident memory", operator, "MiB", "≤ 120", "in its pod, after the benches above"),
    ]


def _p99(values: Sequence[float]) -> float:
    return sorted(values)[math.ceil(0.99 * len(values)) - 1]


def _note(values: Sequence[float], unit: str) -> str:
    middle = sorted(values)[len(values) // 2]
    return f"{len(values)} times, median {middle:.3g} {unit}, slowest {max(values):.3g} {unit}"
