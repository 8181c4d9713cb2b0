"""From the API server's objects to the small frozen views of the snapshot. Pure."""

from __future__ import annotations

from mm_operator import names
from mm_operator.kube.client import Object
from mm_operator.reconcile.snapshot import LeaseView, PodView, WorkloadView

_ORDINARY_WAITING = ("ContainerCreating", "PodInitializing", "")


def lease_view(body: Object | None, living: set[str]) -> LeaseView | None:
    """`living`: uids of the MarketMakers that exist; a holder that is none of them has gone without releasing."""
    if body is None:
        return None
    metadata, spec = body["metadata"], body.get("spec", {})
    annotations = metadata.get("annotations", {})
    holder = spec.get("holderIdentity") or None
    return LeaseView(
        holder=holder,
        epoch=int(spec.get("leaseTransitions") or 0),
        scope=annotations.get(names.ANNOTATION_SCOPE, ""),
        database=annotations.get(names.ANNOTATION_DATABASE, ""),
        resource_version=metadata["resourceVersion"],
        holder_exists=holder is not None and holder.rsplit("/", 1)[-1] in living,
    )


def workload_view(body: Object | None) -> WorkloadView | None:
    """A StatefulSet."""
    if body is None:
        return None
    claims = body["spec"].get("volumeClaimTemplates") or [{}]
    return WorkloadView(
        name=body["metadata"]["name"],
        replicas=int(body["spec"].get("replicas", 1)),
        applied=body["metadata"].get("annotations", {}).get(names.ANNOTATION_APPLIED, ""),
        epoch=int(body["spec"]["template"]["metadata"].get("labels", {}).get(names.LABEL_EPOCH, "0")),
        storage=claims[0].get("spec", {}).get("resources", {}).get("requests", {}).get("storage", ""),
    )


def pod_view(body: Object | None) -> PodView | None:
    """A pod that is there. One that has ended (evicted, failed) counts as not running."""
    if body is None:
        return None
    metadata, status = body["metadata"], body.get("status", {})
    container: Object = next(
        (item for item in status.get("containerStatuses", []) if item.get("name") == names.TRADER_CONTAINER),
        {},
    )
    reason, message = _trouble(status, container)
    return PodView(
        name=metadata["name"],
        uid=metadata["uid"],
        epoch=int(metadata.get("labels", {}).get(names.LABEL_EPOCH, "0")),
        deleting="deletionTimestamp" in metadata,
        ready=any(
            item["type"] == "Ready" and item["status"] == "True" for item in status.get("conditions", [])
        ),
        running="running" in container.get("state", {}),
        waiting_reason=reason,
        waiting_message=message[:300],
        restarts=int(container.get("restartCount", 0)),
    )


def _trouble(status: Object, container: Object) -> tuple[str, str]:
    """Why the pod does not work: the scheduler's word, then kubelet's. Empty while it merely starts."""
    for condition in status.get("conditions", []):
        # other reasons (SchedulerError) are the scheduler's own hiccups, which it mends within a second
        if condition["type"] == "PodScheduled" and condition.get("reason") == "Unschedulable":
            return "Unschedulable", str(condition.get("message", ""))
    state = container.get("state", {})
    waiting = state.get("waiting", {})
    if waiting.get("reason", "") not in _ORDINARY_WAITING:
        ended = container.get("lastState", {}).get("terminated", {})
        detail = (
            f"exit code {ended['exitCode']}, {container.get('restartCount', 0)} restarts"
            if "exitCode" in ended
            else ""
        )
        return str(waiting["reason"]), detail or str(waiting.get("message", ""))
    ended = state.get("terminated", {})
    if ended:
        return str(ended.get("reason", "Error")), f"exit code {ended.get('exitCode')}"
    return "", ""
