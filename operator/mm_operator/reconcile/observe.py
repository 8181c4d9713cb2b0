"""Gathers the snapshot of one MarketMaker: everything `decide` may know, read now, from Kubernetes, Redis, Prometheus and the venue's public list.

A Secret is asked for by its metadata alone, so venue keys never enter this process. What does not answer is None or an error in the snapshot, never
a neutral value.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from decimal import Decimal
from typing import TypeVar

from pydantic import ValidationError

from mm_api.kinds import GateName, MarketMaker, StageApproval, TradingHalt, VenueAccount, VenueAccountSpec
from mm_api.kinds.common import Resource
from mm_api.kinds.market_maker_status import MarketMakerStatus, RunStatus
from mm_api.kinds.trading_halt import HaltScope
from mm_operator import names
from mm_operator.gates.model import MetricAnswer
from mm_operator.kube.client import (
    CONTROLLER_REVISIONS,
    LEASES,
    MARKET_MAKERS,
    PODS,
    SECRETS,
    STAGE_APPROVALS,
    STATEFUL_SETS,
    TRADING_HALTS,
    VENUE_ACCOUNTS,
    Object,
)
from mm_operator.kube.redis_state import IdentityState, RedisUnavailableError
from mm_operator.reconcile.context import Context
from mm_operator.reconcile.freeze import open_window
from mm_operator.reconcile.ladder import rung_of
from mm_operator.reconcile.releases import run_scope
from mm_operator.reconcile.revision import RevisionSnapshot
from mm_operator.reconcile.snapshot import AccountView, LeaseView, Snapshot
from mm_operator.reconcile.unreadable import explain, readable
from mm_operator.reconcile.views import lease_view, pod_view, workload_view
from mm_operator.resources.venues import NoAddressError, addresses

Model = TypeVar("Model", bound=Resource)


async def observe(context: Context, body: Object) -> Snapshot:
    """The snapshot for a MarketMaker as the API server just gave it."""
    namespace, name = body["metadata"].get("namespace") or "default", body["metadata"]["name"]
    kube, labels = context.kube, {names.LABEL_MARKET_MAKER: name}
    workloads, pods, revisions = await asyncio.gather(
        kube.list(STATEFUL_SETS, namespace, labels),
        kube.list(PODS, namespace, labels),
        kube.list(CONTROLLER_REVISIONS, namespace, labels),
    )
    snapshots = _revisions(revisions)
    market_maker, spec_error = readable(body, snapshots)
    accounts, others, approvals, halts = await asyncio.gather(
        kube.list(VENUE_ACCOUNTS, namespace),
        kube.list(MARKET_MAKERS, namespace),
        kube.list(STAGE_APPROVALS, namespace),
        _halts(context, namespace),
    )
    database_id, redis_error = await _database(context)
    views = await asyncio.gather(
        *(
            _account(context, market_maker, account, accounts, workloads, pods, others, database_id)
            for account in _account_names(market_maker, workloads)
        )
    )
    return Snapshot(
        now=context.clock.now(),
        market_maker=market_maker,
        accounts={view.name: view for view in views},
        revisions=snapshots,
        approvals=tuple(_parsed(approvals, StageApproval)),
        trading_halts=tuple(
            halt for halt in halts if _reaches(halt, market_maker, context.settings.own_namespace)
        ),
        metrics=await _metrics(context, market_maker, snapshots),
        database_id=database_id,
        redis_error=redis_error,
        default_image=context.settings.trader_image,
        timing=context.settings.timing,
        spec_error=spec_error,
        missing_secrets=await _missing_secrets(context, market_maker, namespace),
        frozen_by=open_window(market_maker.spec.rollout.freeze, context.clock.now()),
    )


async def _missing_secrets(context: Context, market_maker: MarketMaker, namespace: str) -> tuple[str, ...]:
    alerts = market_maker.spec.alerts
    wanted = alerts.secrets() if alerts else []
    there = await asyncio.gather(*(context.kube.exists(SECRETS, namespace, name) for name in wanted))
    return tuple(name for name, found in zip(wanted, there, strict=True) if not found)


def _account_names(market_maker: MarketMaker, workloads: list[Object]) -> list[str]:
    """Every account the spec names, a run is on, or a StatefulSet is still there for; in that order, once each."""
    found = [stage.account_ref.name for stage in market_maker.spec.rollout.stages]
    found += [run.account for run in _runs(market_maker)]
    found += [workload["metadata"].get("labels", {}).get(names.LABEL_ACCOUNT, "") for workload in workloads]
    return list(dict.fromkeys(name for name in found if name))


def _runs(market_maker: MarketMaker) -> list[RunStatus]:
    status = market_maker.status
    return [run for run in (status.run, status.stable, status.fallback) if run is not None] if status else []


async def _account(
    context: Context,
    market_maker: MarketMaker,
    name: str,
    accounts: list[Object],
    workloads: list[Object],
    pods: list[Object],
    others: list[Object],
    database_id: str | None,
) -> AccountView:
    namespace = market_maker.metadata.namespace or "default"
    found = next((body for body in accounts if body["metadata"]["name"] == name), None)
    resource, refused = _readable(found)
    account = resource.spec if resource else None
    workload = next(
        (
            body
            for body in workloads
            if body["metadata"]["name"] == names.trader_name(market_maker.metadata.name, name)
        ),
        None,
    )
    pod = next(
        (
            body
            for body in pods
            if body["metadata"]["name"] == names.pod_name(market_maker.metadata.name, name)
        ),
        None,
    )
    run = _run_on(market_maker, name)
    if account is not None:
        identity: str | None = names.identity_of(
            account.environment.value, namespace, account.credentials_secret_ref.name
        )
    else:
        identity = (run.identity if run else None) or (workload or {}).get("metadata", {}).get(
            "annotations", {}
        ).get(names.ANNOTATION_IDENTITY)
    secret = account is not None and await context.kube.exists(
        SECRETS, namespace, account.credentials_secret_ref.name
    )
    unlisted, problem = await _listing(context, account, run, market_maker, name) if account else ((), "")
    return AccountView(
        name=name,
        identity=identity,
        spec=account,
        refused=refused,
        status=resource.status if resource else None,
        generation=resource.metadata.generation if resource else 0,
        secret_exists=secret,
        lease=await _lease(context, namespace, identity, others) if identity else None,
        redis=await _redis(context, identity, run) if identity and database_id is not None else None,
        workload=workload_view(workload),
        pod=pod_view(pod),
        claimed_by_others=_claims(name, others, market_maker.metadata.uid),
        unlisted_symbols=unlisted,
        venue_problem=problem,
    )


def _readable(found: Object | None) -> tuple[VenueAccount | None, str]:
    """The account; or why it counts as none. What runs on it is stopped and watched as if the account had been deleted."""
    if found is None:
        return None, ""
    try:
        return VenueAccount.model_validate(found), ""
    except ValidationError as error:
        return None, explain(error)


def _run_on(market_maker: MarketMaker, account: str) -> RunStatus | None:
    """The run that is, or is about to be, on an account: what `decide` assigns comes first."""
    on = [run for run in _runs(market_maker) if run.account == account]
    return next((run for run in on if run.phase != "Failed"), on[0] if on else None)


async def _lease(context: Context, namespace: str, identity: str, others: list[Object]) -> LeaseView | None:
    body = await context.kube.get(LEASES, namespace, names.lease_name(identity))
    return lease_view(body, {other["metadata"]["uid"] for other in others})


async def _redis(context: Context, identity: str, run: RunStatus | None) -> IdentityState | None:
    try:
        return await context.redis.identity(identity, run_scope(run) if run else None)
    except RedisUnavailableError:
        return None


async def _database(context: Context) -> tuple[str | None, str]:
    """The database's id, given to it now if it has none: what was known of another one counts for nothing in it."""
    try:
        return await context.redis.ensure_database_id(), ""
    except RedisUnavailableError as error:
        return None, f"Redis does not answer: {error}"


async def _listing(
    context: Context, account: VenueAccountSpec, run: RunStatus | None, market_maker: MarketMaker, name: str
) -> tuple[tuple[str, ...], str]:
    """Which of the symbols that are to be traded the venue does not list. Asked while nothing trades there yet."""
    if not context.settings.check_symbols or (run is not None and run.phase not in ("HandingOver", "Failed")):
        return (), ""
    wanted = (
        run.symbols
        if run
        else next(
            (
                list(stage.symbols)
                for stage in market_maker.spec.rollout.stages
                if stage.account_ref.name == name
            ),
            [],
        )
    )
    try:
        rest = addresses(account)[0]
    except NoAddressError as error:
        return (), str(error)
    listing = await context.listings.listing(rest)
    if listing.error:
        return (), listing.error
    missing = tuple(symbol for symbol in wanted if symbol not in listing.symbols)
    if missing:
        context.listings.forget(rest)
    return missing, ""


def _claims(account: str, others: list[Object], own_uid: str) -> Decimal:
    """By their status alone: another one's spec that cannot be read is no reason not to look after this one."""
    total = Decimal(0)
    for other in others:
        if other["metadata"].get("uid") == own_uid or not other.get("status"):
            continue
        status = MarketMakerStatus.model_validate(other["status"])
        runs = (status.run, status.stable, status.fallback)
        total += sum(
            (run.capital for run in runs if run and run.account == account and run.phase != "Failed"),
            Decimal(0),
        )
    return total


def _revisions(bodies: list[Object]) -> Mapping[str, RevisionSnapshot]:
    found = {}
    for body in bodies:
        try:
            snapshot = RevisionSnapshot.model_validate(body.get("data"))
        except ValidationError:
            continue  # of another release, or touched by hand: decide treats it as missing
        found[snapshot.revision] = snapshot
    return found


async def _halts(context: Context, namespace: str) -> list[TradingHalt]:
    bodies = await context.kube.list(TRADING_HALTS, namespace)
    own = context.settings.own_namespace
    if own != namespace:
        bodies = [*bodies, *await context.kube.list(TRADING_HALTS, own)]
    return _parsed(bodies, TradingHalt)


def _reaches(halt: TradingHalt, market_maker: MarketMaker, own_namespace: str) -> bool:
    """Scope and selector. One that is being deleted no longer counts."""
    same_namespace = halt.metadata.namespace == market_maker.metadata.namespace
    cluster = halt.spec.scope is HaltScope.CLUSTER and halt.metadata.namespace == own_namespace
    labels = market_maker.metadata.labels
    matches = all(labels.get(key) == value for key, value in halt.spec.selector.items())
    return matches and (same_namespace or cluster) and halt.metadata.deletion_timestamp is None


async def _metrics(
    context: Context, market_maker: MarketMaker, snapshots: Mapping[str, RevisionSnapshot]
) -> dict[int, MetricAnswer]:
    """Answers to the Custom gates of the step that soaks, or is at full scale."""
    run = market_maker.status.run if market_maker.status else None
    if run is None or run.phase not in ("Soaking", "Complete") or run.revision not in snapshots:
        return {}
    rung = rung_of(snapshots[run.revision].spec, run.stage, run.step)
    answers: dict[int, MetricAnswer] = {}
    for index, gate in enumerate(rung.gates if rung else ()):
        if gate.name is GateName.CUSTOM and gate.promql:
            promql = gate.promql.replace("$namespace", market_maker.metadata.namespace or "default").replace(
                "$name", market_maker.metadata.name
            )
            reading = await context.prometheus.query(promql)
            answers[index] = MetricAnswer(reading.value, reading.error)
    return answers


def _parsed(bodies: list[Object], model: type[Model]) -> list[Model]:
    return [model.model_validate(body) for body in bodies]
