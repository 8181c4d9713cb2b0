"""The demo's chapters after the installation: release by stages, a loss that halts, a deleted pod, an acknowledgement; and the toxic market's ending."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from datetime import datetime

import show
from install import is_ready
from kube import Kube, Object
from venue import Venue
from watch import ExpectationError, MakerWatch

NAME = "eth-usdc"
MAIN = "sim-main"
ENDED_BADLY = ("Stalled", "RolledBack")
SYMBOL = "BTCUSDC"
BASE = "BTC"
MOVE_BP = 800.0
LEAST_POSITION = 0.0025
"""BTC; below it the move would cost less than the limit."""


@dataclass
class Times:
    """What was measured, in seconds."""

    full_scale: float | None = None
    """From apply to full scale."""
    cancelled: float | None = None
    """From the trader's latch to no open order at the venue."""
    visible: float | None = None
    """From the trader's latch to the line in `kubectl get mm -w`."""
    back: float | None = None
    """From the deleted pod to its successor's Ready."""
    resumed: float | None = None
    """From the acknowledgement to the first new order at the venue."""
    failed: float | None = None
    """Toxic market: from apply to the stage's failure."""
    freed: float | None = None
    """Toxic market: from the failure in kubectl to no open order on the main account; 0: it was so already."""


def apply(kube: Kube) -> None:
    """Two accounts and a MarketMaker of three stages."""
    show.chapter("Two accounts and one MarketMaker of three stages")
    show.line(
        "testnet (practice account) -> small-capital (1,000 USDC) -> scale-up (2,000, then 8,000 with BTCUSDC)"
    )
    kube.do("apply", "-f", "configs/demo/objects/")


def _broken(status: Object) -> str:
    """Why full scale can no longer be reached; empty while it can."""
    if status.get("state") in (*ENDED_BADLY, "Halted"):
        return f"it is {status['state']}: {status.get('haltReason') or _stalled(status) or 'see the status below'}"
    return ""


def promotion(watch: MakerWatch, began: float) -> float:
    """Wait for each stage and for full scale; seconds from apply to full scale."""
    show.chapter("Each stage has to be earned (live: kubectl get mm -w)")
    for stage, capital, within in (
        ("testnet", "5000", 90),
        ("small-capital", "1000", 130),
        ("scale-up", "2000", 150),
        ("scale-up", "8000", 150),
    ):

        def here(status: Object, stage: str = stage, capital: str = capital) -> bool:
            return status.get("stage") == stage and str(status.get("capital", "")).split(" ")[0] == capital

        watch.wait(f"stage {stage} with {capital}", here, within_s=within, hopeless=_broken)
        show.line(f"stage {stage} has begun with {capital} USDC")
    watch.wait("full scale", lambda status: status.get("state") == "Live", within_s=150, hopeless=_broken)
    taken = time.monotonic() - began
    show.line(f"full scale {taken:.0f} s after kubectl apply: state Live")
    return taken


def alert(watch: MakerWatch, venue: Venue, times: Times) -> str:
    """Move the price against the trader's position until its daily-loss limit latches; the halt's id."""
    show.chapter("An adverse move: the daily-loss limit halts the trader")
    position = _position(venue, within_s=60)
    direction = -1 if position > 0 else 1
    show.line(
        f"the trader holds {position:+.5f} BTC; news: {SYMBOL} {'falls' if direction < 0 else 'rises'} by {MOVE_BP / 100:.0f} % at once"
    )
    mark, seen, at = venue.end_of(MAIN), watch.count, time.time()
    venue.move(SYMBOL, direction * MOVE_BP)
    halted = watch.wait("state Halted after the price move", _is_halted, within_s=30, after=seen)
    visible = watch.line_with("Halted", after=at)
    halt = next(item for item in halted.status["halts"] if item["source"] == "Risk")
    latched = datetime.fromisoformat(halt["since"]).timestamp()
    gone = venue.none_open_since(MAIN, mark, within_s=10)
    times.cancelled = max(0.0, gone.at - latched)
    times.visible = max(0.0, visible - latched)
    show.line(f"halt {halt['id']}, reason {halt['reason']}: {halt['message']}")
    show.line(f"alert -> no open order at the venue: {times.cancelled * 1000:.0f} ms (the venue's journal)")
    show.line(f"alert -> visible in kubectl:         {times.visible * 1000:.0f} ms")
    return str(halt["id"])


def _position(venue: Venue, within_s: float) -> float:
    """The trader's position, once it is large enough to lose on. Raises ExpectationError."""
    ends = time.monotonic() + within_s
    while time.monotonic() < ends:
        position = venue.position(MAIN, BASE)
        if abs(position) >= LEAST_POSITION:
            return position
        time.sleep(0.5)
    raise ExpectationError(f"no position of {LEAST_POSITION} {BASE} within {within_s:.0f} s")


def recovery(watch: MakerWatch, venue: Venue) -> None:
    """The price comes back, and the loss with it; the halt stays."""
    show.chapter("The price comes back: that lifts nothing either")
    venue.restore(SYMBOL)
    time.sleep(2)
    if not _is_halted(watch.latest):
        raise ExpectationError(
            f"the state is {watch.latest.get('state')}, not Halted, after the price came back"
        )
    show.line("still Halted: only a person ends it, by the halt's id")


def _is_halted(status: Object) -> bool:
    return status.get("state") == "Halted" and any(
        item["source"] == "Risk" for item in status.get("halts", [])
    )


def pod_deletion(kube: Kube, watch: MakerWatch, venue: Venue, times: Times) -> None:
    """Delete the pod; the halt belongs to the trading identity and stays."""
    show.chapter("Deleting the pod lifts nothing")
    pod = trader_pod(kube)
    mark = venue.end_of(MAIN)
    began = time.monotonic()
    kube.do("delete", "pod", pod["metadata"]["name"])
    wait_for_pod(kube, pod["metadata"]["name"], other_than=pod["metadata"]["uid"], within_s=60)
    times.back = time.monotonic() - began
    show.line(f"its successor is Ready after {times.back:.1f} s")
    # time in which a trader that had forgotten its halt would have quoted
    time.sleep(3)
    placed = [entry for entry in venue.journal(MAIN, mark) if entry.kind == "place"]
    if placed:
        raise ExpectationError(f"the new pod placed {len(placed)} order(s) although trading is halted")
    if not _is_halted(watch.latest):
        raise ExpectationError(
            f"the state is {watch.latest.get('state')}, not Halted, after the pod was deleted"
        )
    show.line("still Halted, and no order was placed")


def acknowledge(kube: Kube, watch: MakerWatch, venue: Venue, halt_id: str, times: Times) -> None:
    """Name the halt; quoting resumes."""
    show.chapter("A person names the halt, and quoting resumes")
    mark, seen = venue.end_of(MAIN), watch.count
    began = time.monotonic()
    patch = json.dumps({"spec": {"acknowledgeHalt": halt_id}})
    kube.do("patch", "mm", NAME, "--type=merge", "-p", patch)
    watch.wait(
        "state Live after the acknowledgement", lambda s: s.get("state") == "Live", within_s=40, after=seen
    )
    venue.quoting_since(MAIN, mark, within_s=40)
    times.resumed = time.monotonic() - began
    show.line(f"Live, and quoting again {times.resumed:.1f} s after the acknowledgement")


def toxic(watch: MakerWatch, venue: Venue, times: Times, began: float) -> None:
    """Informed flow: the practice stage passes, the first real capital does not."""
    show.chapter("Informed flow: the same plan in a market that knows more (live: kubectl get mm -w)")
    watch.wait(
        "stage small-capital", lambda s: s.get("stage") == "small-capital", within_s=120, hopeless=_broken
    )
    show.line(
        "testnet asks whether the trader works, not whether it earns: it has passed; now 1,000 USDC are at work"
    )
    mark = venue.end_of(MAIN)
    failed = watch.wait(
        "small-capital fails",
        lambda s: s.get("failedRevision") is not None,
        within_s=180,
        hopeless=_succeeded,
    )
    times.failed = time.monotonic() - began
    show.line(f"revision {failed.status['failedRevision']} has failed: {_stalled(failed.status)}")
    gone = venue.none_open_since(MAIN, mark, within_s=30)
    times.freed = max(0.0, gone.at - failed.at)
    show.line(f"no order is open on {MAIN}: the capital is back")
    rolled = watch.wait("state RolledBack or Stalled", lambda s: s.get("state") in ENDED_BADLY, within_s=40)
    status = rolled.status
    show.line(
        f"state {status['state']}: it goes on in stage {status.get('stage')}, where it had passed, with {status.get('capital')} of practice money"
    )


def _stalled(status: Object) -> str:
    return next((item["message"] for item in status.get("conditions", []) if item["type"] == "Stalled"), "")


def _succeeded(status: Object) -> str:
    return "it went on to scale-up: this market was kind" if status.get("stage") == "scale-up" else ""


def trader_pod(kube: Kube) -> Object:
    """The MarketMaker's pod on the main account. Raises ExpectationError."""
    pods = [
        pod
        for pod in kube.list("pod", f"mm-rebuild.io/marketmaker={NAME}")
        if MAIN in pod["metadata"]["name"] and "deletionTimestamp" not in pod["metadata"]
    ]
    if not pods:
        raise ExpectationError(f"there is no trader pod on {MAIN}")
    return pods[0]


def wait_for_pod(kube: Kube, name: str, *, other_than: str, within_s: float) -> None:
    """Until a pod of that name and another uid is Ready. Raises ExpectationError."""
    ends = time.monotonic() + within_s
    while time.monotonic() < ends:
        pod = kube.get("pod", name)
        if pod and pod["metadata"]["uid"] != other_than and is_ready(pod):
            return
        time.sleep(0.3)
    raise ExpectationError(f"no new pod {name} was Ready within {within_s:.0f} s")
