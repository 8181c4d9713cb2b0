"""The fast path of a halt that comes from outside: straight into Redis for every identity of the MarketMaker; the reconcile follows and shows it."""

from __future__ import annotations

from dataclasses import dataclass

from mm_api.kinds.common import ObjectMeta
from mm_api.kinds.market_maker_status import MarketMakerStatus
from mm_api.redis_contract import Latch
from mm_operator import names
from mm_operator.kube.client import LEASES, MARKET_MAKERS
from mm_operator.reconcile.context import Context
from mm_operator.reconcile.loop import Key, Loops
from mm_operator.reconcile.views import lease_view


class UnknownMarketMakerError(LookupError):
    """No MarketMaker of that name is under this operator's care: there is nothing to stop."""


@dataclass(frozen=True)
class HaltRequest:
    """Stop one MarketMaker."""

    market_maker: str
    namespace: str | None
    """None: every namespace that has one of that name."""
    latch: Latch


async def halt_market_maker(context: Context, loops: Loops, request: HaltRequest) -> str:
    """Set the latch on every identity that the MarketMaker holds. Returns when Redis has it; says in a word what was done."""
    found = [
        body
        for namespace in (
            [request.namespace] if request.namespace else context.settings.namespaces or (None,)
        )
        for body in await context.kube.list(MARKET_MAKERS, namespace)
        if body["metadata"]["name"] == request.market_maker
    ]
    if not found:
        raise UnknownMarketMakerError(f"no MarketMaker {request.market_maker}")
    done = 0
    for body in found:
        # by metadata and status alone: a spec that cannot be read is no reason not to stop the trader that runs
        metadata = ObjectMeta.model_validate(body["metadata"])
        status = MarketMakerStatus.model_validate(body.get("status") or {})
        if request.latch.id in status.acknowledged:
            continue
        for identity in await _held(context, metadata, status):
            redis = await context.redis.identity(identity, None)
            if request.latch.id in redis.acknowledged:
                continue
            await context.redis.set_latch(identity, request.latch)
            done += 1
        loops.ensure(Key(metadata.namespace or "default", metadata.name))
    return f"halted {done}" if done else "nothing to halt"


async def _held(context: Context, metadata: ObjectMeta, status: MarketMakerStatus) -> list[str]:
    """Identities whose Lease this MarketMaker has signed: another's trader is never stopped for it."""
    namespace = metadata.namespace or "default"
    runs = [run for run in (status.run, status.stable, status.fallback) if run is not None]
    held = []
    for identity in dict.fromkeys(run.identity for run in runs if run.identity):
        lease = lease_view(
            await context.kube.get(LEASES, namespace, names.lease_name(identity)), {metadata.uid}
        )
        if lease is not None and lease.holder == names.holder_of(namespace, metadata.name, metadata.uid):
            held.append(identity)
    return held
