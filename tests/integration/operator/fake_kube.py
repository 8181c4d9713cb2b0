"""A small API server in memory behind the operator's `Kube` interface, with the two controllers a trader needs.

StatefulSets (OnDelete) have their pod made and ended; an object with finalizers stays until they are gone.
"""

from __future__ import annotations

import itertools
import pickle
from typing import Any

from mm_operator.kube.client import PODS, STATEFUL_SETS, ConflictError, Kind, KubeError, Object


def copied(value: Any) -> Any:
    """An object of one's own, as a server on a wire gives; some ten times as fast as `copy.deepcopy`."""
    return pickle.loads(pickle.dumps(value, pickle.HIGHEST_PROTOCOL))


def merged(base: Any, patch: Any) -> Any:
    """JSON merge patch."""
    if not isinstance(patch, dict) or not isinstance(base, dict):
        return copied(patch)
    result = dict(base)
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value) if key in result else copied(value)
    return result


class FakeKube:
    """Objects by kind, namespace and name. Writes are counted, so that a test can ask whether a second look wrote anything."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str, str], Object] = {}
        self.writes: list[str] = []
        self.version = 0
        """Of the newest write to anything."""
        self._uids = itertools.count(1)
        self.fail_with: KubeError | None = None
        self.deletion_timestamp = "2026-01-01T00:00:00Z"

    # -- Kube ----------------------------------------------------------------------------------------------------------------

    async def get(self, kind: Kind, namespace: str, name: str) -> Object | None:
        self._maybe_fail()
        return copied(self.objects.get((kind.plural, namespace, name)))

    async def exists(self, kind: Kind, namespace: str, name: str) -> bool:
        self._maybe_fail()
        return (kind.plural, namespace, name) in self.objects

    async def list(
        self, kind: Kind, namespace: str | None, labels: dict[str, str] | None = None
    ) -> list[Object]:
        self._maybe_fail()
        return [
            copied(body)
            for (plural, where, _), body in self.objects.items()
            if plural == kind.plural
            and namespace in (None, where)
            and (labels or {}).items() <= body["metadata"].get("labels", {}).items()
        ]

    async def apply(self, kind: Kind, body: Object) -> Object:
        metadata = body["metadata"]
        old = self.objects.get((kind.plural, metadata["namespace"], metadata["name"]))
        if old is None:
            return self._store(kind, body, new=True)
        return self._store(kind, merged(old, body), new=False)

    async def create(self, kind: Kind, body: Object) -> Object:
        key = (kind.plural, body["metadata"]["namespace"], body["metadata"]["name"])
        if key in self.objects:
            raise ConflictError(409, "AlreadyExists", key[2])
        return self._store(kind, body, new=True)

    async def replace(self, kind: Kind, body: Object, subresource: str = "") -> Object:
        metadata = body["metadata"]
        old = self.objects.get((kind.plural, metadata["namespace"], metadata["name"]))
        if old is None:
            raise KubeError(404, "NotFound", metadata["name"])
        if metadata["resourceVersion"] != old["metadata"]["resourceVersion"]:
            raise ConflictError(409, "Conflict", metadata["name"])
        fresh = {**old, "status": copied(body["status"])} if subresource == "status" else body
        return self._store(kind, fresh, new=False, subresource=subresource)

    async def merge(
        self, kind: Kind, namespace: str, name: str, patch: Object, subresource: str = ""
    ) -> Object:
        old = self.objects.get((kind.plural, namespace, name))
        if old is None:
            raise KubeError(404, "NotFound", name)
        wanted = patch.get("metadata", {}).get("resourceVersion")
        if wanted not in (None, old["metadata"]["resourceVersion"]):
            raise ConflictError(409, "Conflict", name)
        stored = self._store(kind, merged(old, patch), new=False, subresource=subresource)
        self._collect(kind, namespace, name)
        return stored

    async def delete(self, kind: Kind, namespace: str, name: str, uid: str | None = None) -> None:
        key = (kind.plural, namespace, name)
        body = self.objects.get(key)
        if body is None or uid not in (None, body["metadata"]["uid"]):
            return
        self.writes.append(f"delete {kind.plural}/{name}")
        body["metadata"].setdefault("deletionTimestamp", self.deletion_timestamp)
        self._collect(kind, namespace, name)

    # -- the tests' side -------------------------------------------------------------------------------------------------------

    def put(self, plural: str, body: Object) -> Object:
        """As a user would apply it: the generation grows with the spec."""
        namespace, name = body["metadata"]["namespace"], body["metadata"]["name"]
        kind = Kind(body["apiVersion"], body["kind"], plural)
        old = self.objects.get((plural, namespace, name))
        if old is None:
            return self._store(kind, body, new=True)
        return self._store(kind, {**old, "spec": copied(body.get("spec", {}))}, new=False)

    def patch_spec(self, plural: str, namespace: str, name: str, patch: Object) -> None:
        """`kubectl patch --type merge` of a spec."""
        old = self.objects[(plural, namespace, name)]
        self.put(plural, {**old, "spec": merged(old["spec"], patch)})

    def remove(self, plural: str, namespace: str, name: str) -> None:
        """Delete without any finalizer's leave."""
        self.objects.pop((plural, namespace, name), None)

    def named(self, plural: str) -> dict[str, Object]:
        """All objects of a kind by name."""
        return {name: body for (kind, _, name), body in self.objects.items() if kind == plural}

    def run_controllers(self) -> None:
        """Pods follow their StatefulSets: made when missing, ended when scaled to none; never rolled by themselves."""
        for (plural, namespace, name), body in list(self.objects.items()):
            if plural != STATEFUL_SETS.plural:
                continue
            pod_key = (PODS.plural, namespace, f"{name}-0")
            pod = self.objects.get(pod_key)
            if body["spec"]["replicas"] == 0 and pod is not None:
                del self.objects[pod_key]
            elif body["spec"]["replicas"] == 1 and pod is None:
                template = copied(body["spec"]["template"])
                status = {
                    "phase": "Running",
                    "conditions": [{"type": "Ready", "status": "True"}],
                    "containerStatuses": [{"name": "trader", "state": {"running": {}}, "restartCount": 0}],
                }
                made = {
                    "apiVersion": "v1",
                    "kind": "Pod",
                    "metadata": {**template["metadata"], "name": f"{name}-0", "namespace": namespace},
                    "spec": template["spec"],
                    "status": status,
                }
                self._store(PODS, made, new=True, count=False)
        for plural, namespace, name in list(self.objects):
            if (
                plural == PODS.plural
                and (STATEFUL_SETS.plural, namespace, name.removesuffix("-0")) not in self.objects
            ):
                del self.objects[(plural, namespace, name)]

    def _store(
        self, kind: Kind, body: Object, *, new: bool, subresource: str = "", count: bool = True
    ) -> Object:
        self._maybe_fail()
        stored = copied(body)
        metadata = stored["metadata"]
        key = (kind.plural, metadata["namespace"], metadata["name"])
        old = self.objects.get(key)
        self.version += 1
        metadata["resourceVersion"] = str(self.version)
        if new:
            metadata["uid"] = f"uid-{next(self._uids)}"
            metadata["generation"] = 1
        elif old is not None and old.get("spec") != stored.get("spec"):
            metadata["generation"] = old["metadata"].get("generation", 1) + 1
        if kind.kind == "Secret" and "stringData" in stored:
            import base64

            stored["data"] = {
                name: base64.b64encode(text.encode()).decode()
                for name, text in stored.pop("stringData").items()
            }
        self.objects[key] = stored
        if count:
            self.writes.append(
                f"{'create' if new else 'update'} {kind.plural}/{key[2]}"
                + (f"/{subresource}" if subresource else "")
            )
        return copied(stored)

    def _collect(self, kind: Kind, namespace: str, name: str) -> None:
        key = (kind.plural, namespace, name)
        body = self.objects.get(key)
        if (
            body is not None
            and "deletionTimestamp" in body["metadata"]
            and not body["metadata"].get("finalizers")
        ):
            del self.objects[key]

    def _maybe_fail(self) -> None:
        if self.fail_with is not None:
            raise self.fail_with
