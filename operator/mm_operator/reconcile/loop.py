"""One loop per MarketMaker: wait (a wake, an instant, or the poll period) → observe → decide → act. Nothing ends it but the object's end.

Level-triggered: a wake says only "look", never what has happened. Failures are counted, logged once per run of failures, and backed off to a cap,
so that a halt is never minutes late.
`Loops` keeps one per object and restarts none twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import structlog
from pydantic import ValidationError

from mm_operator.kube.client import MARKET_MAKERS, ConflictError, KubeError
from mm_operator.kube.redis_state import RedisUnavailableError
from mm_operator.kube.tasks import end
from mm_operator.metrics import Metrics
from mm_operator.reconcile.act import Actor
from mm_operator.reconcile.context import Context
from mm_operator.reconcile.decide import decide
from mm_operator.reconcile.observe import observe
from mm_operator.reconcile.plan import Plan
from mm_operator.reconcile.snapshot import Snapshot
from mm_operator.reconcile.unreadable import UnreadableSpecError, status_of

log = structlog.get_logger()
FIRST_BACKOFF_S = 0.2
SETTLING_S = 0.05
"""Pause after a reconcile that changed something, before its effect is looked for."""


@dataclass(frozen=True)
class Key:
    """Which MarketMaker."""

    namespace: str
    name: str


class MarketMakerLoop:
    """The loop of one object."""

    def __init__(
        self, key: Key, context: Context, metrics: Metrics, seen: Callable[[Key, Snapshot], None]
    ) -> None:
        """`seen`: told of every snapshot; the alert watcher learns from it which identities there are."""
        self.key = key
        self._context = context
        self._metrics = metrics
        self._seen = seen
        self._wake = asyncio.Event()
        self._failures = 0
        self.last_success = context.clock.monotonic()
        self._log = log.bind(namespace=key.namespace, marketmaker=key.name)

    def wake(self) -> None:
        """Look now. Wakes that come while it looks make it look once more."""
        self._wake.set()

    async def run(self) -> None:
        """Until the object is gone."""
        while True:
            self._wake.clear()
            pause = await self._once()
            if pause is None:
                return
            try:
                async with asyncio.timeout(pause):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def _once(self) -> float | None:
        """One reconcile. Seconds until the next without a wake; None: the object is gone."""
        started = self._context.clock.monotonic()
        try:
            pause = await self.reconcile()
        except ConflictError:
            self._metrics.reconciles.labels("conflict").inc()
            return FIRST_BACKOFF_S
        except (KubeError, RedisUnavailableError, ValidationError) as error:
            return self._failed(error, expected=True)
        except Exception as error:  # noqa: BLE001 - a defect in one reconcile must not end the watch over a trader
            return self._failed(error, expected=False)
        finally:
            self._metrics.reconcile_seconds.observe(self._context.clock.monotonic() - started)
        if self._failures:
            self._log.info("reconcile_recovered", failures=self._failures)
        self._failures = 0
        self.last_success = self._context.clock.monotonic()
        self._metrics.reconciles.labels("success").inc()
        return pause

    async def reconcile(self) -> float | None:
        """Observe, decide, act. As `_once`, but errors come through."""
        body = await self._context.kube.get(MARKET_MAKERS, self.key.namespace, self.key.name)
        if body is None:
            self._metrics.forget(self.key.namespace, self.key.name)
            return None
        try:
            snapshot = await observe(self._context, body)
        except UnreadableSpecError as error:
            status = status_of(body, str(error), self._context.clock.now())
            if status != body.get("status"):
                await self._context.kube.replace(
                    MARKET_MAKERS, {**body, "status": status}, subresource="status"
                )
            return self._until(None)
        self._seen(self.key, snapshot)
        plan = decide(snapshot)
        await Actor(self._context, snapshot, body).carry_out(plan)
        if plan.finished:
            self._metrics.forget(self.key.namespace, self.key.name)
            return None
        self._metrics.show(self.key.namespace, self.key.name, plan)
        return self._pause(plan, snapshot)

    def _pause(self, plan: Plan, snapshot: Snapshot) -> float:
        before = snapshot.market_maker.status
        moved = (
            before is None
            or plan.status is None
            or (plan.status.run, plan.status.stable, plan.status.state)
            != (before.run, before.stable, before.state)
        )
        if moved:
            return SETTLING_S
        return self._until(plan.wake_at)

    def _until(self, wake_at: datetime | None) -> float:
        poll = self._context.settings.timing.poll.total_seconds()
        if wake_at is None:
            return poll
        return min(poll, max(SETTLING_S, (wake_at - self._context.clock.now()).total_seconds()))

    def _failed(self, error: Exception, *, expected: bool) -> float:
        self._failures += 1
        self._metrics.reconciles.labels("failure").inc()
        if self._failures == 1 or not expected:
            self._log.warning(
                "reconcile_failed", error=str(error)[:500], kind=type(error).__name__, exc_info=not expected
            )
        cap = self._context.settings.timing.backoff_cap.total_seconds()
        return float(min(cap, FIRST_BACKOFF_S * 2 ** min(self._failures, 10)))


class Loops:
    """All loops of this process."""

    def __init__(self, context: Context, metrics: Metrics) -> None:
        self._context = context
        self._metrics = metrics
        self._tasks: dict[Key, tuple[MarketMakerLoop, asyncio.Task[None]]] = {}
        self._identities: dict[Key, frozenset[str]] = {}
        self.identities_changed = asyncio.Event()

    def ensure(self, key: Key) -> None:
        """Have a loop for the object, and let it look."""
        entry = self._tasks.get(key)
        if entry is None or entry[1].done():
            loop = MarketMakerLoop(key, self._context, self._metrics, self._saw)
            task = asyncio.create_task(loop.run(), name=f"marketmaker/{key.namespace}/{key.name}")
            task.add_done_callback(lambda _: self._ended(key))
            self._tasks[key] = (loop, task)
            self._metrics.market_makers.set(len(self._tasks))
        else:
            entry[0].wake()

    def wake_namespace(self, namespace: str | None) -> None:
        """Every loop of a namespace looks (None: every loop)."""
        for key, (loop, _) in self._tasks.items():
            if namespace is None or key.namespace == namespace:
                loop.wake()

    def wake_identity(self, identity: str) -> None:
        """The loops that hold something on an identity look."""
        for key, identities in self._identities.items():
            if identity in identities and key in self._tasks:
                self._tasks[key][0].wake()

    def identities(self, key: Key | None = None) -> frozenset[str]:
        """Identities of one MarketMaker, or of all."""
        if key is not None:
            return self._identities.get(key, frozenset())
        return frozenset().union(*self._identities.values())

    def oldest_success(self) -> float:
        """Monotonic time of the loop that has gone longest without a good reconcile; now, when there is none."""
        return min(
            (loop.last_success for loop, _ in self._tasks.values()), default=self._context.clock.monotonic()
        )

    async def stop(self) -> None:
        """End all loops. Traders go on: they need no operator."""
        await end([task for _, task in self._tasks.values()])

    def _saw(self, key: Key, snapshot: Snapshot) -> None:
        found = frozenset(view.identity for view in snapshot.accounts.values() if view.identity)
        if self._identities.get(key) != found:
            self._identities[key] = found
            self.identities_changed.set()

    def _ended(self, key: Key) -> None:
        entry = self._tasks.get(key)
        if entry is not None and entry[1].done():
            del self._tasks[key]
            if self._identities.pop(key, None) is not None:
                self.identities_changed.set()
            self._metrics.market_makers.set(len(self._tasks))
