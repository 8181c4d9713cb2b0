"""The Kubernetes API over `kubectl proxy`: plain HTTP on the loopback, whatever way of signing in the kubeconfig asks for.

Objects are dicts as the API server sends them: the tests look at what a user of the API would see, not at our own models.
"""

from __future__ import annotations

import json
import queue
import re
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

Object = dict[str, Any]
"""A Kubernetes object as JSON."""

GROUP = "/apis/mm-rebuild.io/v1alpha1"

_ROOTS = {
    "marketmakers": GROUP,
    "venueaccounts": GROUP,
    "stagerecords": GROUP,
    "stageapprovals": GROUP,
    "tradinghalts": GROUP,
    "deployments": "/apis/apps/v1",
    "statefulsets": "/apis/apps/v1",
    "leases": "/apis/coordination.k8s.io/v1",
}


class NotFound(LookupError):
    """No such object."""


class Refused(Exception):
    """The API server, or what answers behind its proxy, said no."""

    def __init__(self, code: int, body: str) -> None:
        super().__init__(f"{code}: {body}")
        self.code = code
        self.body = body


def path_of(resource: str, namespace: str | None = None, name: str = "") -> str:
    """`/api/v1/namespaces/NS/pods/NAME` and the like; resources outside of the core group are known by their plural."""
    root = _ROOTS.get(resource, "/api/v1")
    middle = f"/namespaces/{namespace}" if namespace else ""
    return f"{root}{middle}/{resource}" + (f"/{name}" if name else "")


class Api:
    """One `kubectl proxy` and requests through it."""

    def __init__(self, kubectl: str, environment: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            [kubectl, "proxy", "--port=0", "--reject-paths=^$"],
            env=dict(environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        found = re.search(r"127\.0\.0\.1:\d+", line)
        if found is None:
            raise RuntimeError(f"kubectl proxy did not start: {line}")
        self.base = f"http://{found[0]}"

    def close(self) -> None:
        """End the proxy."""
        self._process.terminate()
        self._process.wait(10)

    def request(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = 20,
    ) -> str:
        """Send a request and return the answer's text. Raises NotFound (the API server's own 404) or Refused."""
        suffix = f"?{urllib.parse.urlencode(query)}" if query else ""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.base + path + suffix, data=data, method=method)
        request.add_header("Content-Type", "application/json")
        for name, value in (headers or {}).items():
            request.add_header(name, value)
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                return str(answer.read().decode())
        except urllib.error.HTTPError as error:
            text = error.read().decode(errors="replace")
            if error.code == 404 and '"reason":"NotFound"' in text.replace(" ", ""):
                raise NotFound(text) from error
            raise Refused(error.code, text) from error

    def get(self, resource: str, namespace: str | None, name: str) -> Object:
        """One object."""
        found: Object = json.loads(self.request("GET", path_of(resource, namespace, name)))
        return found

    def find(self, resource: str, namespace: str | None, name: str) -> Object | None:
        """One object, or None."""
        try:
            return self.get(resource, namespace, name)
        except NotFound:
            return None

    def list(self, resource: str, namespace: str | None = None, labels: str = "") -> list[Object]:
        """Objects of a namespace (or of all), by label selector."""
        query = {"labelSelector": labels} if labels else None
        answer = json.loads(self.request("GET", path_of(resource, namespace), query=query))
        items: list[Object] = answer["items"]
        return items

    def patch(self, resource: str, namespace: str, name: str, change: Object) -> Object:
        """JSON merge patch."""
        changed: Object = json.loads(
            self.request(
                "PATCH",
                path_of(resource, namespace, name),
                change,
                headers={"Content-Type": "application/merge-patch+json"},
            )
        )
        return changed

    def delete(self, resource: str, namespace: str | None, name: str, grace: int | None = None) -> None:
        """Ask for deletion; an object that is gone already is fine."""
        body: Object = {"propagationPolicy": "Background"}
        if grace is not None:
            body["gracePeriodSeconds"] = grace
        try:
            self.request("DELETE", path_of(resource, namespace, name), body)
        except NotFound:
            return

    def through(
        self,
        namespace: str,
        service: str,
        port: int,
        method: str,
        path: str,
        body: object = None,
        *,
        kind: str = "services",
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> str:
        """An HTTP request to a service (or pod) in the cluster, carried by the API server."""
        return self.request(
            method,
            f"/api/v1/namespaces/{namespace}/{kind}/{service}:{port}/proxy{path}",
            body,
            query=query,
            headers=headers,
        )

    def watch(self, resource: str, namespace: str, name: str) -> Watch:
        """Follow one object from now on."""
        return Watch(self, resource, namespace, name)


@dataclass(frozen=True)
class Sighting:
    """An object as a watch delivered it, and when (wall clock and monotonic clock of the test, seconds)."""

    kind: str
    object: Object
    wall: float
    monotonic: float


@dataclass
class Watch:
    """A thread that follows one object and keeps everything it saw: what `kubectl get -w` would print, with times."""

    api: Api
    resource: str
    namespace: str
    name: str
    seen: list[Sighting] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._queue: queue.Queue[Sighting] = queue.Queue()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()  # the thread ends with its next line or time-out; nothing waits for it

    def _stream(self) -> Iterator[bytes]:
        query = urllib.parse.urlencode(
            {"watch": "1", "fieldSelector": f"metadata.name={self.name}", "timeoutSeconds": "600"}
        )
        url = f"{self.api.base}{path_of(self.resource, self.namespace)}?{query}"
        with urllib.request.urlopen(url, timeout=30) as answer:
            while not self._closing.is_set():
                try:
                    line = answer.readline()
                except TimeoutError:
                    return
                if not line:
                    return
                yield line

    def _follow(self) -> None:
        while not self._closing.is_set():
            try:
                for line in self._stream():
                    event = json.loads(line)
                    sighting = Sighting(event["type"], event["object"], time.time(), time.monotonic())
                    self.seen.append(sighting)
                    self._queue.put(sighting)
            except (OSError, ValueError):
                self._closing.wait(0.05)

    def wait(self, what: str, matches: Callable[[Object], object], within: float) -> Sighting:
        """The first sighting, from now or from before, that matches."""
        for sighting in list(self.seen):
            if matches(sighting.object):
                return sighting
        deadline = time.monotonic() + within
        while True:
            try:
                sighting = self._queue.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                last = self.seen[-1].object.get("status") if self.seen else None
                raise AssertionError(f"{what}: not seen within {within:g} s; last status: {last}") from None
            if matches(sighting.object):
                return sighting
