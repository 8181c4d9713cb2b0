"""Carries a plan out, action by action, in its order. Each action is safe to repeat: what fails is found again by the next look.

The only module of the reconcile that writes. A conflict, a refusal or a silent Redis ends the plan there; the loop backs off and observes anew.
"""

from __future__ import annotations

import secrets

import structlog

from mm_api.redis_contract import Command, CommandKind
from mm_operator import names
from mm_operator.kube.client import (
    CONFIG_MAPS,
    CONTROLLER_REVISIONS,
    LEASES,
    MARKET_MAKERS,
    PODS,
    SECRETS,
    SERVICES,
    STAGE_RECORDS,
    STATEFUL_SETS,
    VENUE_ACCOUNTS,
    ConflictError,
    Object,
)
from mm_operator.kube.redis_state import RedisUnavailableError
from mm_operator.reconcile.account_status import account_status
from mm_operator.reconcile.context import Context
from mm_operator.reconcile.plan import (
    Action,
    Announce,
    AskForDrill,
    DeletePod,
    DropChildren,
    IssueEpoch,
    KeepRevision,
    LiftLatch,
    Plan,
    ReleaseLease,
    RunTrader,
    SetFinalizer,
    SetLatch,
    StopTrader,
    TakeLease,
    Tighten,
    WriteRecord,
)
from mm_operator.reconcile.revision import in_force
from mm_operator.reconcile.snapshot import Snapshot
from mm_operator.resources import records, trader
from mm_operator.resources.trader_config import trader_config

log = structlog.get_logger()


class Actor:
    """Acts for one MarketMaker, on one snapshot's plan."""

    def __init__(self, context: Context, snapshot: Snapshot, body: Object) -> None:
        """`body`: the MarketMaker as the snapshot was made of it."""
        self._context = context
        self._snapshot = snapshot
        self._body = body
        self._namespace = snapshot.namespace
        self._name = snapshot.name
        self._uid = snapshot.market_maker.metadata.uid
        self._log = log.bind(namespace=self._namespace, marketmaker=self._name)

    async def carry_out(self, plan: Plan) -> None:
        """All actions, then the one status write, if there is anything new to say."""
        for action in plan.actions:
            await self._act(action)
        if plan.status is None:
            return
        status = plan.status.to_wire()
        if status != self._body.get("status"):
            fresh = {**self._body, "status": status}
            await self._context.kube.replace(MARKET_MAKERS, fresh, subresource="status")
        for view in self._snapshot.accounts.values():
            shown = account_status(self._snapshot, plan.status, view)
            if shown is not None:
                # by alias with its empty fields: a merge patch removes a holder only where it says null
                await self._show_account(view.name, shown.model_dump(mode="json", by_alias=True))
        await self._forget_revisions(plan.used_revisions)

    async def _show_account(self, account: str, status: Object) -> None:
        await self._context.kube.merge(
            VENUE_ACCOUNTS, self._namespace, account, {"status": status}, subresource="status"
        )

    async def _forget_revisions(self, used: frozenset[str]) -> None:
        """Snapshots of revisions that nothing runs or can be rolled back to any more. None in use: the status is not written yet."""
        for revision in self._snapshot.revisions:
            if used and revision not in used:
                name = names.revision_object(self._name, revision)
                await self._context.kube.delete(CONTROLLER_REVISIONS, self._namespace, name)
                self._log.info("revision_forgotten", revision=revision)

    async def _act(self, action: Action) -> None:
        context = self._context
        now_ms = round(context.clock.now().timestamp() * 1000)
        match action:
            case SetLatch(identity, latch):
                await context.redis.set_latch(identity, latch)
                self._log.info(
                    "latch_set",
                    identity=identity,
                    halt=latch.id,
                    level=latch.level.value,
                    reason=latch.reason,
                )
            case LiftLatch(identity, latch_id):
                await context.redis.lift_latch(identity, latch_id, now_ms)
                self._log.info("latch_lifted", identity=identity, halt=latch_id)
            case TakeLease():
                await self._take_lease(action)
            case ReleaseLease():
                await self._release_lease(action)
            case IssueEpoch(identity, epoch):
                issued = await context.redis.issue_epoch(identity, epoch)
                self._log.info("epoch_issued", identity=identity, epoch=epoch, accepted=issued)
            case RunTrader():
                await self._run_trader(action)
            case StopTrader(account):
                name = names.trader_name(self._name, account)
                await context.kube.merge(STATEFUL_SETS, self._namespace, name, {"spec": {"replicas": 0}})
                self._log.info("trader_stopped", account=account)
            case DeletePod(name, uid):
                await context.kube.delete(PODS, self._namespace, name, uid)
                self._log.info("pod_deleted", pod=name, uid=uid)
            case Tighten(identity, generation, limits):
                command = Command(
                    kind=CommandKind.TIGHTEN, at_ms=now_ms, generation=generation, limits=dict(limits)
                )
                await context.redis.send(identity, command)
                self._log.info("limits_tightened", identity=identity, limits=dict(limits))
                await self._announce(Announce("Normal", "LimitsTightened", f"{dict(limits)}"))
            case AskForDrill(identity, drill):
                await context.redis.send(identity, Command(kind=CommandKind.DRILL, at_ms=now_ms, drill=drill))
                self._log.info("drill_asked_for", identity=identity, drill=drill.value)
                await self._announce(Announce("Normal", "DrillBegins", drill.value))
            case KeepRevision():
                await self._keep_revision(action)
            case WriteRecord():
                await self._write_record(action)
            case SetFinalizer(present):
                await self._set_finalizer(present)
            case DropChildren(accounts):
                await self._drop_children(accounts)
            case Announce():
                await self._announce(action)

    async def _announce(self, action: Announce) -> None:
        await self._context.events.record(self._body, action.type, action.reason, action.message)

    async def _take_lease(self, action: TakeLease) -> None:
        holder = names.holder_of(self._namespace, self._name, self._uid)
        body = records.lease(
            self._namespace,
            action.identity,
            holder,
            action.epoch,
            action.scope,
            action.database,
            self._context.clock.now(),
            action.resource_version,
        )
        if action.resource_version is None:
            await self._context.kube.create(LEASES, body)
        else:
            await self._context.kube.replace(LEASES, body)
        self._log.info("lease_taken", identity=action.identity, epoch=action.epoch, scope=action.scope)

    async def _release_lease(self, action: ReleaseLease) -> None:
        lease = self._snapshot.accounts[action.account].lease
        epoch = lease.epoch if lease else 0
        try:
            await self._context.redis.remove_user(action.identity)
        except RedisUnavailableError as error:
            # its keys are fenced by the epoch all the same; the next trader of this identity sets the user anew
            self._log.warning("redis_user_left", identity=action.identity, error=str(error))
        self._context.users_set.discard(action.identity)
        body = records.lease(
            self._namespace,
            action.identity,
            None,
            epoch,
            "",
            "",
            self._context.clock.now(),
            action.resource_version,
        )
        await self._context.kube.replace(LEASES, body)
        if self._snapshot.accounts[action.account].spec is not None:
            await self._show_account(action.account, {"holder": None, "capitalInUse": "0"})
        self._log.info("lease_released", identity=action.identity)

    async def _run_trader(self, action: RunTrader) -> None:
        kube, settings = self._context.kube, self._context.settings
        spec = in_force(action.revision.spec, self._snapshot.market_maker.spec)
        view = self._snapshot.accounts[action.account]
        account = action.revision.accounts[action.account]
        housing = self._snapshot.market_maker.spec.trader
        config = trader_config(
            definition_name=self._name,
            namespace=self._namespace,
            identity=action.identity,
            revision=action.revision.revision,
            scope=action.scope,
            epoch=action.epoch,
            symbols=action.rung.symbols,
            spec=spec,
            account=account,
            limits=action.limits,
            redis_url=settings.trader_redis_url or settings.redis_url,
            lease_ttl=settings.trader_lease_ttl,
            memory_limit=housing.resources.memory_limit,
        )
        if view.workload is not None and view.workload.storage:
            housing = housing.model_copy(update={"storage": view.workload.storage})
        definition = trader.TraderDefinition(
            name=self._name,
            uid=self._uid,
            namespace=self._namespace,
            account=action.account,
            identity=action.identity,
            epoch=action.epoch,
            scope=action.scope,
            revision=action.revision.revision,
            image=action.revision.image,
            config=config,
            credentials_secret=account.credentials_secret_ref.name,
            alerts=spec.alerts,
            housing=housing,
        )
        await self._ensure_sign_in(definition)
        wanted = trader.stateful_set(definition)
        applied = wanted["metadata"]["annotations"][names.ANNOTATION_APPLIED]
        if view.workload is not None and view.workload.applied == applied and view.workload.replicas == 1:
            return
        await kube.apply(CONFIG_MAPS, trader.config_map(definition))
        await kube.apply(SERVICES, trader.service(definition))
        await kube.apply(STATEFUL_SETS, wanted)
        await self._drop_old_config_maps(definition)
        self._log.info(
            "trader_applied",
            account=action.account,
            scope=action.scope,
            epoch=action.epoch,
            capital=action.limits.get("capital"),
        )

    async def _ensure_sign_in(self, definition: trader.TraderDefinition) -> None:
        """Secret and Redis user. The Secret is made once; the user again whenever Redis has forgotten it, and once in the life of this process."""
        context, identity = self._context, definition.identity
        renew = identity not in context.users_set
        if not renew and await context.redis.has_user(identity):
            return
        secret = await context.kube.get(SECRETS, definition.namespace, definition.object_name)
        if secret is None:
            password = secrets.token_urlsafe(32)
            body = trader.trader_secret(
                definition.object_name,
                definition.name,
                definition.uid,
                definition.namespace,
                names.redis_user(identity),
                password,
                secrets.token_urlsafe(32),
            )
            await context.kube.create(SECRETS, body)
        else:
            password = trader.secret_value(secret, "password")
        await context.redis.set_user(identity, password)
        context.users_set.add(identity)
        self._log.info("redis_user_set", identity=identity)

    async def _drop_old_config_maps(self, definition: trader.TraderDefinition) -> None:
        """Those of this trader that neither the template nor the pod names any more."""
        kept = {trader.config_map_name(definition)}
        pod = await self._context.kube.get(PODS, definition.namespace, f"{definition.object_name}-0")
        for volume in (pod or {}).get("spec", {}).get("volumes", []):
            kept.add(volume.get("configMap", {}).get("name", ""))
        for body in await self._context.kube.list(CONFIG_MAPS, definition.namespace, definition.labels):
            if body["metadata"]["name"] not in kept:
                await self._context.kube.delete(CONFIG_MAPS, definition.namespace, body["metadata"]["name"])

    async def _keep_revision(self, action: KeepRevision) -> None:
        kept = await self._context.kube.list(
            CONTROLLER_REVISIONS, self._namespace, {names.LABEL_MARKET_MAKER: self._name}
        )
        name = names.revision_object(self._name, action.snapshot.revision)
        if any(body["metadata"]["name"] == name for body in kept):
            return
        number = max((int(body["revision"]) for body in kept), default=0) + 1
        body = records.controller_revision(
            self._namespace,
            self._name,
            self._uid,
            action.snapshot.revision,
            action.snapshot.to_wire(),
            number,
        )
        await self._context.kube.create(CONTROLLER_REVISIONS, body)
        self._log.info("revision_kept", revision=action.snapshot.revision, image=action.snapshot.image)

    async def _write_record(self, action: WriteRecord) -> None:
        try:
            await self._context.kube.create(
                STAGE_RECORDS, records.stage_record(self._namespace, action.name, action.spec)
            )
        except ConflictError:
            return  # written by an attempt whose status write did not come through: evidence never changes
        self._log.info(
            "stage_recorded", record=action.name, result=action.spec.result.value, reason=action.spec.reason
        )

    async def _set_finalizer(self, present: bool) -> None:
        metadata = self._body["metadata"]
        others = [name for name in metadata.get("finalizers", []) if name != names.FINALIZER]
        finalizers = [*others, names.FINALIZER] if present else others
        patch = {"metadata": {"finalizers": finalizers, "resourceVersion": metadata["resourceVersion"]}}
        fresh = await self._context.kube.merge(MARKET_MAKERS, self._namespace, self._name, patch)
        self._body = {**self._body, "metadata": fresh["metadata"]}

    async def _drop_children(self, accounts: tuple[str, ...]) -> None:
        """What ownership would delete anyway, a little later; explicit, so that nothing is left when the object is gone."""
        for account in accounts:
            name = names.trader_name(self._name, account)
            for kind in (STATEFUL_SETS, SERVICES, SECRETS):
                await self._context.kube.delete(kind, self._namespace, name)
        self._log.info("children_deleted")
