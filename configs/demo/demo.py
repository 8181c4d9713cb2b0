"""`make demo`: the product's main job on a real cluster, told step by step. MARKET=toxic tells it in a market of informed flow.

The simulator, the trader, Redis and the operator are the real ones; only soaks are seconds instead of days. Exit code 0 when everything
that is told has happened within its time, 1 otherwise, with the logs that tell why.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import install
import show
import story
import summary
from kube import CommandError, Kube
from venue import Venue
from watch import ExpectationError, MakerWatch

NAMESPACE = os.environ.get("MM_DEMO_NAMESPACE", "mm-demo")
MARKETS = ("calm", "toxic")


def with_cluster() -> None:
    """Go on with a cluster and images, as `make demo` does, where they are not there yet."""
    if "MM_IMAGE" not in os.environ:
        tool = str(install.ROOT / "tests/cluster/with")
        os.execv(tool, [tool, sys.executable, str(Path(__file__).resolve())])  # noqa: S606 - own tool, no shell


def tell(kube: Kube, market: str) -> None:
    """The whole demo. Raises ExpectationError or CommandError."""
    began = time.monotonic()
    show.chapter(
        f"Install: operator, Redis and a simulated venue ({market} market) in namespace {kube.namespace}"
    )
    install.fresh_namespace(kube)
    install.install(kube, market)
    times = story.Times()
    venue = Venue(kube)
    with MakerWatch(kube, story.NAME) as watch:
        applied = time.monotonic()
        story.apply(kube)
        if market == "toxic":
            story.toxic(watch, venue, times, applied)
        else:
            times.full_scale = story.promotion(watch, applied)
            halt = story.alert(watch, venue, times)
            story.pod_deletion(kube, watch, venue, times)
            story.recovery(watch, venue)
            story.acknowledge(kube, watch, venue, halt, times)
    summary.evidence(kube)
    summary.why(kube)
    summary.measured(times, time.monotonic() - began)
    summary.next_steps(kube, market)


def diagnose(kube: Kube) -> None:
    """Everything that helps to see why an expectation failed."""
    for title, words in (
        ("objects", ("get", "mm,va,sr,pods,statefulsets", "-o", "wide")),
        ("the MarketMaker", ("get", "mm", story.NAME, "-o", "yaml")),
        ("events", ("get", "events", "--sort-by=.lastTimestamp")),
        ("operator", ("logs", "deploy/mm-operator", "--tail=40")),
        ("trader", ("logs", "-l", f"mm-rebuild.io/marketmaker={story.NAME}", "--tail=40", "--prefix")),
        ("simulator", ("logs", "deploy/mm-simulator", "--tail=20")),
    ):
        show.plain(f"\n--- {title}: kubectl -n {kube.namespace} {' '.join(words)}")
        try:
            show.plain(kube.ask(*words).strip())
        except CommandError as failed:
            show.plain(failed.said.strip())


def main() -> int:
    """Exit code of the demo."""
    market = os.environ.get("MARKET") or "calm"
    if market not in MARKETS:
        show.plain(f"MARKET={market} is not known: {' or '.join(MARKETS)}")
        return 2
    with_cluster()
    os.chdir(install.ROOT)
    kube = Kube(NAMESPACE)
    try:
        tell(kube, market)
    except (ExpectationError, CommandError) as failed:
        diagnose(kube)
        show.plain(f"\nThe demo did not go as told: {failed}")
        return 1
    except KeyboardInterrupt:
        show.plain("\nstopped; the next `make demo` cleans up and starts afresh")
        return 130
    show.line()
    show.line("the demo went as told")
    return 0


if __name__ == "__main__":
    sys.exit(main())
