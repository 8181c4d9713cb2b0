"""Kubernetes events for people: one object per MarketMaker, reason and message, counted up when it happens again.

Best effort: an event never stops a reconcile.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Literal

import structlog

from mm_operator.kube.client import EVENTS, Kube, KubeError, Object
from mm_operator.kube.clock import Clock
from mm_operator.names import FIELD_MANAGER, short_hash

REMEMBERED = 1000
log = structlog.get_logger()


class EventRecorder:
    """Writes events, and counts repetitions of those of this process's life."""

    def __init__(self, kube: Kube, clock: Clock) -> None:
        self._kube = kube
        self._clock = clock
        self._counts: OrderedDict[str, int] = OrderedDict()

    async def record(
        self, about: Object, kind: Literal["Normal", "Warning"], reason: str, message: str
    ) -> None:
        """`about`: the object the event speaks of, with apiVersion, kind and metadata."""
        metadata = about["metadata"]
        namespace, name = metadata["namespace"], metadata["name"]
        subject = f"{metadata['uid']}/{reason}/{message}"
        event_name = f"{name[:180]}.{short_hash(subject, 16)}"
        count = self._counts.get(event_name, 0) + 1
        self._counts[event_name] = count
        self._counts.move_to_end(event_name)
        if len(self._counts) > REMEMBERED:
            self._counts.popitem(last=False)
        stamp = self._clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
        body: Object = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": event_name, "namespace": namespace},
            "involvedObject": {
                "apiVersion": about["apiVersion"],
                "kind": about["kind"],
                "name": name,
                "namespace": namespace,
                "uid": metadata["uid"],
            },
            "type": kind,
            "reason": reason,
            "message": message[:1024],
            "count": count,
            "firstTimestamp": stamp,
            "lastTimestamp": stamp,
            "source": {"component": FIELD_MANAGER},
            "reportingComponent": FIELD_MANAGER,
            "reportingInstance": FIELD_MANAGER,
        }
        try:
            await self._kube.apply(EVENTS, body)
        except KubeError as error:
            log.warning(
                "event_not_written", marketmaker=name, namespace=namespace, reason=reason, error=str(error)
            )
