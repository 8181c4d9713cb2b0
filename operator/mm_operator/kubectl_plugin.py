"""`kubectl mm status [NAME]`: where a release stands, in words, with the exact command for what a person can do next.

Reads with the user's own kubeconfig and rights; writes nothing. Installed as `kubectl-mm` on the PATH.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Iterator, Mapping
from typing import Any, cast

from kubernetes.aio import config as kubernetes_config
from pydantic import ValidationError

from mm_api.kinds import MarketMaker, MarketMakerStatus, StageRecord
from mm_api.kinds.market_maker_status import HaltStatus, RunStatus
from mm_api.scalars import format_decimal
from mm_operator.kube.client import MARKET_MAKERS, STAGE_RECORDS, KubeClient, KubeError
from mm_operator.names import LABEL_MARKET_MAKER
from mm_operator.reconcile.unreadable import explain

RECORDS_SHOWN = 10


def describe(market_maker: MarketMaker, records: list[StageRecord]) -> Iterator[str]:
    """The lines for one MarketMaker."""
    metadata, status = market_maker.metadata, market_maker.status or MarketMakerStatus()
    where = (
        f"stage {status.stage or '-'}   capital {status.capital or '0'}   revision {status.revision or '-'}"
    )
    yield f"{metadata.namespace}/{metadata.name}   {status.state}   {where}"
    if status.observed_generation != metadata.generation:
        yield f"  the operator has not yet seen generation {metadata.generation} (it has seen {status.observed_generation})"
    for title, run in (("release", status.run), ("stable", status.stable), ("fallback", status.fallback)):
        if run is not None:
            yield _run(title, run)
    yield from _conditions(status)
    if status.gates:
        yield f"  gates ({status.gate or ''})"
        yield from (
            f"    {gate.verdict.value:<13} {gate.name:<20} {gate.value or '-':>14}  wants {gate.threshold or '-'}   {gate.message}"
            for gate in status.gates
        )
    for halt in status.halts:
        yield from _halt(market_maker, halt)
    if records:
        yield "  records"
        newest = sorted(records, key=lambda record: record.spec.ended_at)[-RECORDS_SHOWN:]
        yield from (
            f"    {record.spec.result.value:<11} {record.spec.stage}/{record.spec.step}  capital {format_decimal(record.spec.capital)}  "
            f"{record.spec.ended_at:%Y-%m-%d %H:%M:%SZ}  {record.metadata.name}"
            for record in newest
        )


def _run(title: str, run: RunStatus) -> str:
    times = (
        f", soaks until {run.soak_ends_at:%Y-%m-%d %H:%M:%SZ}"
        if run.soak_ends_at and run.phase == "Soaking"
        else ""
    )
    limit = f", fails at {run.deadline:%Y-%m-%d %H:%M:%SZ}" if run.deadline and run.phase == "Soaking" else ""
    note = f": {run.message}" if run.message else ""
    return f"  {title:<9} {run.revision} {run.stage}/{run.step} on {run.account} ({', '.join(run.symbols)}) {run.phase}{times}{limit}{note}"


def _conditions(status: MarketMakerStatus) -> Iterator[str]:
    """Those that say something a person should read."""
    quiet = {
        ("Ready", "True"),
        ("Progressing", "False"),
        ("TradingHalted", "False"),
        ("GatesPassing", "True"),
        ("Stalled", "False"),
        ("IdentityHeld", "True"),
    }
    for condition in status.conditions:
        if (condition.type, condition.status) not in quiet:
            yield f"  {condition.type}={condition.status} {condition.reason}" + (
                f": {condition.message}" if condition.message else ""
            )


def _halt(market_maker: MarketMaker, halt: HaltStatus) -> Iterator[str]:
    metadata = market_maker.metadata
    yield f"  HALT {halt.level.value} by {halt.source} since {halt.since:%Y-%m-%d %H:%M:%SZ} on {halt.account}: {halt.reason} {halt.message}".rstrip()
    if halt.needs_acknowledgement:
        patch = f'{{"spec":{{"acknowledgeHalt":"{halt.id}"}}}}'
        yield f"    to lift it: kubectl patch mm {metadata.name} -n {metadata.namespace} --type merge -p '{patch}'"
    elif halt.source == "Pause":
        patch = '{"spec":{"pause":"None"}}'
        yield f"    to lift it: kubectl patch mm {metadata.name} -n {metadata.namespace} --type merge -p '{patch}'"
    elif halt.source == "TradingHalt":
        yield f"    it ends when its TradingHalt is deleted ({halt.id})"


async def _status(namespace: str | None, every: bool, name: str | None) -> int:
    kube = await KubeClient.connect()
    try:
        where = None if every else namespace or await asyncio.to_thread(_current_namespace)
        bodies = [
            body for body in await kube.list(MARKET_MAKERS, where) if name in (None, body["metadata"]["name"])
        ]
        if not bodies:
            print(f"no MarketMaker{f' {name}' if name else ''} in {where or 'the cluster'}", file=sys.stderr)
            return 1
        for body in bodies:
            try:
                market_maker = MarketMaker.model_validate(body)
            except ValidationError as error:
                print(_unreadable(body, error))
                continue
            labels = {LABEL_MARKET_MAKER: market_maker.metadata.name}
            records = [
                StageRecord.model_validate(item)
                for item in await kube.list(STAGE_RECORDS, market_maker.metadata.namespace, labels)
            ]
            print("\n".join(describe(market_maker, records)))
        return 0
    finally:
        await kube.close()


def _unreadable(body: Mapping[str, Any], error: ValidationError) -> str:
    """What can be said of a MarketMaker whose spec the models refuse: the operator's own words are in its status."""
    metadata, status = body["metadata"], body.get("status") or {}
    return f"{metadata.get('namespace')}/{metadata['name']}: {status.get('state', 'Unknown')}, InvalidSpec: {explain(error)}"


def _current_namespace() -> str:
    _, active = cast(Any, kubernetes_config).list_kube_config_contexts()
    return str(active.get("context", {}).get("namespace", "default"))


def main(arguments: list[str] | None = None) -> int:
    """Entry point. Exit status 1: nothing found, or the cluster did not answer."""
    options = argparse.ArgumentParser(prog="kubectl mm", description="Where releases of market makers stand.")
    commands = options.add_subparsers(dest="command", required=True)
    status = commands.add_parser(
        "status", help="stage, gates, halts and records, with the command that acknowledges"
    )
    status.add_argument("name", nargs="?", help="one MarketMaker; all of the namespace when left out")
    status.add_argument("-n", "--namespace", help="namespace; the kubeconfig's when left out")
    status.add_argument("-A", "--all-namespaces", action="store_true", help="all namespaces")
    chosen = options.parse_args(arguments)
    try:
        return asyncio.run(_status(chosen.namespace, chosen.all_namespaces, chosen.name))
    except (KubeError, ValidationError) as error:
        print(f"kubectl mm: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
