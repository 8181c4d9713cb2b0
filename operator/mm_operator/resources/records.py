"""Objects that keep what has been: StageRecords (evidence), ControllerRevisions (what a revision was), Leases (who holds an identity). Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from mm_api import API_VERSION
from mm_api.kinds import StageRecordSpec
from mm_operator import names
from mm_operator.resources.trader import owner_reference

Object = dict[str, Any]


def stage_record(namespace: str, name: str, spec: StageRecordSpec) -> Object:
    """Evidence of a step. No owner: it stays when its MarketMaker goes."""
    return {
        "apiVersion": API_VERSION,
        "kind": "StageRecord",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": {
                names.LABEL_MARKET_MAKER: spec.market_maker,
                names.LABEL_REVISION: spec.revision,
                names.LABEL_MANAGED_BY: names.FIELD_MANAGER,
            },
        },
        "spec": spec.to_wire(),
    }


def controller_revision(
    namespace: str, market_maker: str, uid: str, revision: str, data: Object, number: int
) -> Object:
    """A revision's snapshot, immutable by its kind."""
    return {
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "metadata": {
            "name": names.revision_object(market_maker, revision),
            "namespace": namespace,
            "labels": {
                names.LABEL_MARKET_MAKER: market_maker,
                names.LABEL_REVISION: revision,
                names.LABEL_MANAGED_BY: names.FIELD_MANAGER,
            },
            "ownerReferences": [owner_reference(market_maker, uid)],
        },
        "revision": number,
        "data": data,
    }


def lease(
    namespace: str,
    identity: str,
    holder: str | None,
    epoch: int,
    scope: str,
    database: str,
    now: datetime,
    version: str | None,
) -> Object:
    """An identity's Lease: who trades under it (None: nobody), the epoch, and what the epoch was issued for."""
    stamp = now.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    metadata: Object = {
        "name": names.lease_name(identity),
        "namespace": namespace,
        "labels": {
            names.LABEL_MANAGED_BY: names.FIELD_MANAGER,
            names.LABEL_IDENTITY: names.short_hash(identity, 12),
        },
        "annotations": {
            names.ANNOTATION_IDENTITY: identity,
            names.ANNOTATION_SCOPE: scope,
            names.ANNOTATION_DATABASE: database,
        },
    }
    if version is not None:
        metadata["resourceVersion"] = version
    spec: Object = {"leaseTransitions": epoch, "acquireTime": stamp, "renewTime": stamp}
    if holder is not None:
        spec["holderIdentity"] = holder
    return {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": spec}
