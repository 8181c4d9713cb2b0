"""A pod inside the cluster for what can't be done from outside: SIGKILL a process, and speak HTTP with an Authorization header.

`kubectl delete --grace-period=0` still lets a container live for some seconds after SIGTERM, and a process can't be killed from
within its own PID namespace when it is process 1: so the toolbox sees the node's processes (hostPID) and needs the right to.
"""

from __future__ import annotations

import json

from e2e.kit.api import Object
from e2e.kit.cluster import Cluster
from e2e.kit.deadline import eventually
from e2e.kit.installation import is_ready

_NAME = "toolbox"

_KILL = """
import os, pathlib, signal, sys
uid, program = sys.argv[1], sys.argv[2]
victims = []
for entry in pathlib.Path("/proc").iterdir():
    if not entry.name.isdigit():
        continue
    try:
        group, command = (entry / "cgroup").read_text(), (entry / "cmdline").read_bytes().decode()
    except (FileNotFoundError, ProcessLookupError):
        continue
    if (uid in group or uid.replace("-", "_") in group) and program in command:
        victims.append(int(entry.name))
for pid in victims:
    os.kill(pid, signal.SIGKILL)
print(len(victims))
"""

_RESIDENT = """
import pathlib, sys
uid, program = sys.argv[1], sys.argv[2]
for entry in pathlib.Path("/proc").iterdir():
    if not entry.name.isdigit():
        continue
    try:
        group, command = (entry / "cgroup").read_text(), (entry / "cmdline").read_bytes().decode()
        status = (entry / "status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        continue
    if (uid in group or uid.replace("-", "_") in group) and program in command:
        print(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS:")))
"""

_POST = """
import sys, urllib.error, urllib.request
request = urllib.request.Request(sys.argv[1], data=sys.argv[3].encode(), method="POST")
request.add_header("Content-Type", "application/json")
if sys.argv[2]:
    request.add_header("Authorization", "Bearer " + sys.argv[2])
try:
    with urllib.request.urlopen(request, timeout=10) as answer:
        print(answer.status, answer.read().decode())
except urllib.error.HTTPError as error:
    print(error.code, error.read().decode())
"""


class Toolbox:
    """The pod, made when first needed."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self._cluster = cluster
        self._namespace = namespace

    def ensure(self) -> None:
        """Make the pod, or find it."""
        pod = self._cluster.api.find("pods", self._namespace, _NAME)
        if pod and pod["spec"]["containers"][0]["image"] != self._cluster.images.product:
            self._cluster.kubectl(
                "delete", "pod", "-n", self._namespace, _NAME, "--grace-period=0", "--force"
            )
            pod = None
        if not pod:
            self._cluster.apply(_manifest(self._namespace, self._cluster.images.product))
        eventually(
            "toolbox Ready",
            lambda: is_ready(self._cluster.api.get("pods", self._namespace, _NAME)),
            within=60,
        )

    def _python(self, script: str, *arguments: str) -> str:
        return self._cluster.kubectl(
            "exec", "-n", self._namespace, _NAME, "--", "python3", "-c", script, *arguments
        ).strip()

    def kill(self, pod: Object, program: str, *, at_least: int = 1) -> None:
        """SIGKILL the pod's processes that run `program`. Raises AssertionError if there are fewer than `at_least`."""
        count = self._python(_KILL, pod["metadata"]["uid"], program)
        assert int(count) >= at_least, f"no process {program} of pod {pod['metadata']['name']} was found"

    def resident_mib(self, pod: Object, program: str) -> float:
        """Resident memory of the pod's largest process that runs `program`, in MiB."""
        kib = [int(line) for line in self._python(_RESIDENT, pod["metadata"]["uid"], program).split()]
        assert kib, f"no process {program} of pod {pod['metadata']['name']} was found"
        return max(kib) / 1024

    def post(self, url: str, body: Object, token: str = "") -> tuple[int, str]:
        """POST JSON within the cluster: (status, text)."""
        code, _, text = self._python(_POST, url, token, json.dumps(body)).partition(" ")
        return int(code), text


def _manifest(namespace: str, image: str) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": _NAME, "namespace": namespace, "labels": {"mm-e2e": "toolbox"}},
        "spec": {
            "hostPID": True,
            "terminationGracePeriodSeconds": 0,
            "automountServiceAccountToken": False,
            "tolerations": [{"operator": "Exists"}],
            "containers": [
                {
                    "name": "toolbox",
                    "image": image,
                    "imagePullPolicy": "IfNotPresent",
                    "command": ["sleep", "infinity"],
                    "securityContext": {"runAsUser": 0},
                }
            ],
        },
    }
