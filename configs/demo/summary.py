"""The end of the demo: each stage's evidence from its StageRecord, the times that were measured, and what to try next."""

from __future__ import annotations

from datetime import datetime

import show
from kube import Kube, Object
from story import Times


def records(kube: Kube) -> list[Object]:
    """The StageRecords' specs, in the order in which the steps ended."""
    found: list[Object] = [item["spec"] for item in kube.list("sr")]
    return sorted(found, key=lambda spec: spec["endedAt"])


def evidence(kube: Kube) -> None:
    """A line per step, and one per gate."""
    show.chapter("What each stage has shown (kubectl get sr; immutable)")
    steps = [
        ("STAGE", "STEP", "CAPITAL", "SYMBOLS", "TIME", "RESULT", "FILLS", "NET PNL", "MARK-OUT 1S", "ORDERS")
    ]
    gates = [("STAGE", "STEP", "GATE", "VERDICT", "VALUE", "THRESHOLD", "SAMPLE", "MESSAGE")]
    for spec in records(kube):
        counters = spec.get("evidence", {})
        seconds = _time(spec["endedAt"]) - _time(spec["startedAt"])
        mean = counters.get("markOutBp.1000.mean", "")
        steps.append(
            (
                spec["stage"], str(spec["step"]), spec["capital"], "+".join(spec["symbols"]), f"{seconds:.0f} s",
                spec["result"], counters.get("fills", "-"), _short(counters.get("netPnl", "-")),
                f"{float(mean):+.2f} bp" if mean else "-", counters.get("ordersAccepted", "-"),
            )
        )  # fmt: skip
        gates += [
            (
                spec["stage"], str(spec["step"]), gate["name"], gate["verdict"], _short(gate.get("value", "-")),
                gate.get("threshold", "-"), str(gate.get("sampleSize", 0)), gate.get("message", ""),
            )
            for gate in spec.get("gates", [])
        ]  # fmt: skip
    show.table(steps)
    show.plain("")
    show.table(gates)


def why(kube: Kube) -> None:
    """In words, what the failed step's evidence says."""
    for spec in records(kube):
        counters = spec.get("evidence", {})
        if spec["result"] != "Failed" or "markOutBp.1000.mean" not in counters:
            continue
        show.plain("")
        show.line(
            f"why: {counters['fills']} fills earned {_short(counters['netPnl'])} USDC. One second after a fill the price stood "
            f"{float(counters['markOutBp.1000.mean']):+.2f} bp from it on average (minus: against the trader):"
        )
        show.line("the takers knew where the price was going, and the spread did not pay for that.")


def _time(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def _short(number: str) -> str:
    """Four decimals are enough for a table."""
    try:
        return f"{float(number):.4f}".rstrip("0").rstrip(".") if "." in number else number
    except ValueError:
        return number


def measured(times: Times, total_s: float) -> None:
    """The times that were measured."""
    show.chapter("Times")
    rows = [("WHAT", "MEASURED")]
    for what, value in (
        ("kubectl apply -> full scale", times.full_scale),
        ("risk alert -> no open order at the venue", times.cancelled),
        ("risk alert -> visible in kubectl get mm -w", times.visible),
        ("pod deleted -> its successor Ready (halted)", times.back),
        ("acknowledged -> new order at the venue", times.resumed),
        ("kubectl apply -> the small-capital stage has failed", times.failed),
        ("failed -> no open order on the main account", times.freed),
        ("the whole demo", total_s),
    ):
        if value is not None:
            rows.append((what, f"{value * 1000:.0f} ms" if value < 2 else f"{value:.1f} s"))
    show.table(rows)


def next_steps(kube: Kube, market: str) -> None:
    """What a newcomer may do now."""
    prefix = f"kubectl -n {kube.namespace}"
    show.chapter("It goes on running; try next")
    other = "make demo MARKET=toxic" if market == "calm" else "make demo"
    for text in (
        'eval "$(tests/cluster/env)"    # kubectl and helm for this cluster',
        f"{prefix} get mm -w -o wide",
        f"{prefix} describe mm eth-usdc",
        f"{prefix} get sr -o yaml    # the evidence",
        f"""{prefix} patch mm eth-usdc --type=merge -p '{{"spec":{{"pause":"Halted"}}}}'    # and "None" lifts it""",
        f"{prefix} logs -f -l mm-rebuild.io/marketmaker=eth-usdc",
        f"{other}    # the other market",
        "make cluster-down    # ends the cluster and all of it",
    ):
        show.plain(f"  {text}")
