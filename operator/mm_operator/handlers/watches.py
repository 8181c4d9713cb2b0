"""What kopf watches for us, and which loop each event wakes. Edge in, level out: an event says only that something is worth a look.

No kopf finalizer, no annotations, no status of kopf's: the reconcile owns the object. A watch that goes deaf is covered by `resync`, which lists and wakes.
"""

from __future__ import annotations

from typing import Any

import kopf

from mm_api import GROUP, VERSION
from mm_operator import names
from mm_operator.reconcile.loop import Key, Loops

_OURS = {names.LABEL_MANAGED_BY: names.FIELD_MANAGER}


def register(registry: kopf.OperatorRegistry, loops: Loops) -> None:
    """All watches of the operator."""

    @kopf.on.login(registry=registry)
    def login(**kwargs: Any) -> kopf.ConnectionInfo | None:
        # the two that need no client library; asked again whenever the API server refuses, so a rotated token is read anew
        return kopf.login_with_service_account(**kwargs) or kopf.login_with_kubeconfig(**kwargs)

    @kopf.on.event(GROUP, VERSION, "marketmakers", registry=registry)
    async def market_maker(namespace: str | None, name: str | None, **_: Any) -> None:
        loops.ensure(Key(namespace or "default", name or ""))

    def wakes_namespace(plural: str) -> None:
        @kopf.on.event(GROUP, VERSION, plural, registry=registry, id=f"wake-{plural}")
        async def wake(namespace: str | None, **_: Any) -> None:
            loops.wake_namespace(namespace)

    for plural in ("venueaccounts", "stageapprovals"):
        wakes_namespace(plural)

    @kopf.on.event(GROUP, VERSION, "tradinghalts", registry=registry)
    async def halt(**_: Any) -> None:
        loops.wake_namespace(None)  # one of scope Cluster reaches every namespace

    def wakes_owner(group: str, version: str, plural: str) -> None:
        @kopf.on.event(group, version, plural, labels=_OURS, registry=registry, id=f"wake-{plural}")
        async def child(namespace: str | None, labels: kopf.Labels, **_: Any) -> None:
            owner = labels.get(names.LABEL_MARKET_MAKER)
            if owner:
                loops.ensure(Key(namespace or "default", owner))
            else:
                loops.wake_namespace(namespace)

    wakes_owner("apps", "v1", "statefulsets")
    wakes_owner("", "v1", "pods")
    wakes_owner("coordination.k8s.io", "v1", "leases")


def configure(settings: kopf.OperatorSettings) -> None:
    """kopf's settings, with the reason where one is not obvious."""
    settings.persistence.finalizer = f"{GROUP}/kopf"
    settings.persistence.progress_storage = kopf.AnnotationsProgressStorage(prefix=GROUP, v1=False)
    settings.persistence.diffbase_storage = kopf.AnnotationsDiffBaseStorage(prefix=GROUP, v1=False)
    settings.posting.enabled = False  # our own recorder writes events, counted and few
    settings.watching.connect_timeout = 10
    settings.watching.server_timeout = 300  # a watch is renewed before a silent network can hold it for long
    settings.watching.client_timeout = 310
    settings.networking.request_timeout = 30
    settings.networking.error_backoffs = [1, 2, 3, 5, 8]
    settings.queueing.error_delays = [1, 2, 5, 10, 15]
    settings.queueing.worker_limit = 20
    settings.execution.default_backoff = 10
    settings.scanning.disabled = (
        True  # the kinds are installed with the operator; no rights on CRDs and namespaces are needed
    )
    settings.peering.standalone = True
