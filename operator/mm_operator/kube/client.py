"""The Kubernetes API as the operator uses it: plain JSON objects, a few verbs, typed refusals.

Over the transport of `kubernetes.aio`, whose generated classes would cost memory and say nothing more. `Kube` is the interface the layers above take, so
that tests can put a store in its place. Server-side apply always under the one field manager.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple, Protocol, cast
from urllib.parse import urlencode

from kubernetes.aio import client as kubernetes_client
from kubernetes.aio import config as kubernetes_config

from mm_api import API_VERSION
from mm_operator.names import FIELD_MANAGER

Object = dict[str, Any]
REQUEST_TIMEOUT_S = 20
"""A request that takes longer is given up: the reconcile backs off and looks again."""


class Kind(NamedTuple):
    """A resource type of the API."""

    api_version: str
    kind: str
    plural: str

    @property
    def base(self) -> str:
        """Path of its group and version."""
        return f"/api/{self.api_version}" if "/" not in self.api_version else f"/apis/{self.api_version}"


MARKET_MAKERS = Kind(API_VERSION, "MarketMaker", "marketmakers")
VENUE_ACCOUNTS = Kind(API_VERSION, "VenueAccount", "venueaccounts")
STAGE_APPROVALS = Kind(API_VERSION, "StageApproval", "stageapprovals")
TRADING_HALTS = Kind(API_VERSION, "TradingHalt", "tradinghalts")
STAGE_RECORDS = Kind(API_VERSION, "StageRecord", "stagerecords")
STATEFUL_SETS = Kind("apps/v1", "StatefulSet", "statefulsets")
CONTROLLER_REVISIONS = Kind("apps/v1", "ControllerRevision", "controllerrevisions")
PODS = Kind("v1", "Pod", "pods")
CONFIG_MAPS = Kind("v1", "ConfigMap", "configmaps")
SECRETS = Kind("v1", "Secret", "secrets")
SERVICES = Kind("v1", "Service", "services")
LEASES = Kind("coordination.k8s.io/v1", "Lease", "leases")
EVENTS = Kind("v1", "Event", "events")


class KubeError(Exception):
    """The API server refused or did not answer. Look again later."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(f"{status} {reason}: {message}")
        self.status = status
        self.reason = reason


class ConflictError(KubeError):
    """Someone else changed or made the object first: observe again, then decide anew."""


class Kube(Protocol):
    """What the operator needs of the API server."""

    async def get(self, kind: Kind, namespace: str, name: str) -> Object | None: ...
    async def exists(self, kind: Kind, namespace: str, name: str) -> bool: ...
    async def list(
        self, kind: Kind, namespace: str | None, labels: dict[str, str] | None = None
    ) -> list[Object]: ...
    async def apply(self, kind: Kind, body: Object) -> Object: ...
    async def create(self, kind: Kind, body: Object) -> Object: ...
    async def replace(self, kind: Kind, body: Object, subresource: str = "") -> Object: ...
    async def merge(
        self, kind: Kind, namespace: str, name: str, patch: Object, subresource: str = ""
    ) -> Object: ...
    async def delete(self, kind: Kind, namespace: str, name: str, uid: str | None = None) -> None: ...


class KubeClient:
    """`Kube` over HTTP."""

    def __init__(self, api: kubernetes_client.ApiClient) -> None:
        self._api = api

    @classmethod
    async def connect(cls) -> KubeClient:
        """From the pod's service account, else from the kubeconfig."""
        configuration = kubernetes_client.Configuration()
        try:
            cast(Any, kubernetes_config).load_incluster_config(client_configuration=configuration)
        except kubernetes_config.ConfigException:
            await cast(Any, kubernetes_config).load_kube_config(client_configuration=configuration)
        return cls(kubernetes_client.ApiClient(configuration))

    async def close(self) -> None:
        """Ends the connections."""
        await cast(Any, self._api).close()

    async def get(self, kind: Kind, namespace: str, name: str) -> Object | None:
        """The object, or None where there is none."""
        try:
            return await self._request("GET", _path(kind, namespace, name))
        except KubeError as error:
            if error.status == 404:
                return None
            raise

    async def exists(self, kind: Kind, namespace: str, name: str) -> bool:
        """Whether the object is there, by its metadata alone: a Secret's values never enter this process."""
        accept = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"
        try:
            await self._request("GET", _path(kind, namespace, name), accept=accept)
        except KubeError as error:
            if error.status == 404:
                return False
            raise
        return True

    async def list(
        self, kind: Kind, namespace: str | None, labels: dict[str, str] | None = None
    ) -> list[Object]:
        """All objects of a namespace (None: of the cluster) that carry the labels."""
        query = (
            {"labelSelector": ",".join(f"{key}={value}" for key, value in (labels or {}).items())}
            if labels
            else {}
        )
        answer = await self._request("GET", _path(kind, namespace), query=query)
        items: list[Object] = answer["items"]
        return items

    async def apply(self, kind: Kind, body: Object) -> Object:
        """Server-side apply: the operator owns the fields it names, and takes them back from anyone."""
        metadata = body["metadata"]
        return await self._request(
            "PATCH",
            _path(kind, metadata["namespace"], metadata["name"]),
            body=body,
            query={"fieldManager": FIELD_MANAGER, "force": "true"},
            content_type="application/apply-patch+yaml",
        )

    async def create(self, kind: Kind, body: Object) -> Object:
        """Make an object. `ConflictError` when one of that name is there."""
        return await self._request(
            "POST",
            _path(kind, body["metadata"]["namespace"]),
            body=body,
            query={"fieldManager": FIELD_MANAGER},
        )

    async def replace(self, kind: Kind, body: Object, subresource: str = "") -> Object:
        """Write a whole object over the version it was read in. `ConflictError` when it has changed since."""
        metadata = body["metadata"]
        return await self._request(
            "PUT",
            _path(kind, metadata["namespace"], metadata["name"]) + (f"/{subresource}" if subresource else ""),
            body=body,
            query={"fieldManager": FIELD_MANAGER},
        )

    async def merge(
        self, kind: Kind, namespace: str, name: str, patch: Object, subresource: str = ""
    ) -> Object:
        """JSON merge patch. With `metadata.resourceVersion` in it, `ConflictError` when the object has changed since."""
        return await self._request(
            "PATCH",
            _path(kind, namespace, name) + (f"/{subresource}" if subresource else ""),
            body=patch,
            query={"fieldManager": FIELD_MANAGER},
            content_type="application/merge-patch+json",
        )

    async def delete(self, kind: Kind, namespace: str, name: str, uid: str | None = None) -> None:
        """Delete an object (of that uid only, where given). One that is gone already is fine."""
        options: Object = {"propagationPolicy": "Background"}
        if uid:
            options["preconditions"] = {"uid": uid}
        try:
            await self._request("DELETE", _path(kind, namespace, name), body=options)
        except KubeError as error:
            # 409: another object has the name now, so the one that was meant is gone
            if error.status not in (404, 409):
                raise

    async def _request(
        self,
        method: str,
        path: str,
        *,
        body: Object | None = None,
        query: dict[str, str] | None = None,
        content_type: str = "application/json",
        accept: str = "application/json",
    ) -> Object:
        headers = {"Accept": accept, "Content-Type": content_type}
        await self._api.update_params_for_auth(headers, [], ["BearerToken"], path, method, body)
        url = self._api.configuration.host + path + (f"?{urlencode(query)}" if query else "")
        try:
            response = await cast(Any, self._api.rest_client).request(
                method, url, headers=headers, body=body, _request_timeout=REQUEST_TIMEOUT_S
            )
            data = await response.read()
        except (OSError, TimeoutError) as error:
            raise KubeError(0, "Unreachable", f"{method} {path}: {error or type(error).__name__}") from error
        answer = _parse(data)
        if not 200 <= response.status <= 299:
            reason, message = str(answer.get("reason", "")), str(answer.get("message", ""))[:2000]
            raise (ConflictError if response.status == 409 else KubeError)(response.status, reason, message)
        return answer


def _parse(data: bytes) -> Object:
    try:
        answer = json.loads(data)
    except ValueError:
        return {"message": data[:500].decode(errors="replace")}
    return answer if isinstance(answer, dict) else {}


def _path(kind: Kind, namespace: str | None, name: str | None = None) -> str:
    path = kind.base + (f"/namespaces/{namespace}" if namespace else "") + f"/{kind.plural}"
    return f"{path}/{name}" if name else path
