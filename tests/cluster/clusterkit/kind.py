"""The kind cluster itself: its configuration, whether it still answers, creating it, and deleting it.

Only a cluster that has a record in the cache was made by these tools; no other is ever touched."""

import dataclasses
import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any

from clusterkit import cache, versions
from clusterkit.console import Refused, run_logged, say, timed
from clusterkit.engine import Engine, Mode

_POD_RANGE = "10.245.0.0/16"  # within what node/files/offline.sh lets through
_SERVICE_RANGE = "10.97.0.0/16"
_NODE_RECOVERS_SECONDS = 30
_PODS_READY_SECONDS = 120


@dataclasses.dataclass(frozen=True)
class Record:
    """What the cache remembers of the cluster that was made."""

    mode: Mode
    engine: str
    nodes: int
    image: str
    complete: bool

    def save(self) -> None:
        """Writes the record."""
        cache.CLUSTER.mkdir(parents=True, exist_ok=True)
        cache.RECORD.write_text(json.dumps(dataclasses.asdict(self), indent=1) + "\n")


def load_record() -> Record | None:
    """The record of the cluster that was made here, or None."""
    try:
        fields: dict[str, Any] = json.loads(cache.RECORD.read_text())
    except FileNotFoundError:
        return None
    return Record(**{**fields, "mode": Mode(fields["mode"])})


def kubectl(*words: str, timeout: float = 30, own: bool = True) -> subprocess.CompletedProcess[str]:
    """Calls kubectl: against our cluster, or (own=False) against the person's current context."""
    where = {"KUBECONFIG": str(cache.KUBECONFIG)} if own else {}
    return subprocess.run(
        [cache.BIN / "kubectl", *words],
        env={**os.environ, **where},
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout,
    )


def _answers() -> tuple[bool, bool]:
    """(the API server answers, every node is Ready)."""
    if not cache.KUBECONFIG.exists():
        return False, False
    done = kubectl("get", "nodes", "-o", "json", "--request-timeout=3s")
    if done.returncode != 0:
        return False, False
    nodes = json.loads(done.stdout)["items"]
    states = [c["status"] for n in nodes for c in n["status"]["conditions"] if c["type"] == "Ready"]
    return True, bool(nodes) and all(state == "True" for state in states)


def is_healthy(engine: Engine) -> bool:
    """Whether the cluster answers with every node Ready; one that is coming back is given a little time."""
    if _answers() == (True, True):
        return True
    if not node_names(engine, running=True):
        return False
    deadline = time.monotonic() + _NODE_RECOVERS_SECONDS
    say("the cluster does not answer as it should: giving it a moment")
    while time.monotonic() < deadline:
        time.sleep(1)
        if _answers() == (True, True):
            return True
    return False


def node_names(engine: Engine, running: bool = False) -> list[str]:
    """The containers that are the cluster's nodes."""
    selection = ["--filter", f"label=io.x-k8s.kind.cluster={versions.CLUSTER_NAME}"]
    done = engine.run(
        "ps", *([] if running else ["--all"]), *selection, "--format", "{{.Names}}", check=False
    )
    return done.stdout.split()


def create(engine: Engine, image: str, nodes: int) -> None:
    """Creates the cluster and waits until its system pods are Ready."""
    Record(engine.mode, engine.command, nodes, image, complete=False).save()
    config = cache.CLUSTER / "kind.json"
    config.write_text(json.dumps(_config(engine.mode, nodes), indent=1) + "\n")
    with timed(
        f"creating the kind cluster {versions.CLUSTER_NAME}: {nodes} node{'s' * (nodes > 1)}, {engine.command}"
    ):
        run_logged(
            [
                *(cache.BIN / "kind", "create", "cluster", "--name", versions.CLUSTER_NAME),
                *("--config", config, "--image", image),
                *("--kubeconfig", cache.KUBECONFIG, "--wait", "180s"),
            ],
            cache.LOGS / "kind-create.log",
            engine.environment,
        )
        cache.KUBECONFIG.chmod(0o600)
        if engine.mode is Mode.BUILD and nodes > 1:
            _route_pods(engine)
    with timed("waiting for the system's pods"):
        _wait_for_pods()
    Record(engine.mode, engine.command, nodes, image, complete=True).save()


def delete(engine: Engine) -> None:
    """Deletes the cluster and forgets it."""
    with timed(f"deleting the kind cluster {versions.CLUSTER_NAME}"):
        run_logged(
            [
                *(cache.BIN / "kind", "delete", "cluster", "--name", versions.CLUSTER_NAME),
                *("--kubeconfig", cache.KUBECONFIG),
            ],
            cache.LOGS / "kind-delete.log",
            engine.environment,
        )
    for leftover in (cache.RECORD, cache.KUBECONFIG, Path(f"{cache.KUBECONFIG}.lock")):
        leftover.unlink(missing_ok=True)


def _config(mode: Mode, nodes: int) -> dict[str, Any]:
    networking: dict[str, Any] = {
        "apiServerAddress": "127.0.0.1",
        "podSubnet": _POD_RANGE,
        "serviceSubnet": _SERVICE_RANGE,
    }
    if mode is Mode.BUILD:
        networking["disableDefaultCNI"] = True  # our node image brings the bridge plugin
    return {
        "kind": "Cluster",
        "apiVersion": "kind.x-k8s.io/v1alpha4",
        "networking": networking,
        "nodes": [{"role": "control-plane"}] + [{"role": "worker"} for _ in range(nodes - 1)],
    }


def _route_pods(engine: Engine) -> None:
    """The bridge plugin knows only its own node: gives each node a route to every other node's pods."""
    listed = json.loads(kubectl("get", "nodes", "-o", "json").stdout)["items"]
    places = []
    for node in listed:
        address = next(a["address"] for a in node["status"]["addresses"] if a["type"] == "InternalIP")
        places.append((node["metadata"]["name"], node["spec"]["podCIDR"], address))
    for name, pods, address in places:
        for other, _, _ in places:
            if other != name:
                engine.run("exec", other, "ip", "route", "replace", pods, "via", address)


def _wait_for_pods() -> None:
    deadline = time.monotonic() + _PODS_READY_SECONDS
    while time.monotonic() < deadline:
        # a wait ends with an error when a pod it watches is replaced, so it is asked again
        done = kubectl("wait", "pods", "--all", "-A", "--for=condition=Ready", "--timeout=20s", timeout=40)
        if done.returncode == 0:
            return
    pods = kubectl("get", "pods", "-A").stdout
    raise Refused(f"the system's pods are not Ready after {_PODS_READY_SECONDS} s:\n{pods}")
