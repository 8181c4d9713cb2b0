"""The chart, installed: operator and Redis in one namespace, where the scenarios live too.

One serves the whole run; a scenario that takes such a part away has an installation of its own.

The operator has scope Namespace: it sees nothing of what else runs on the cluster. An installation that is there already, from the
same chart and images, is used again; `helm upgrade --install` decides that by itself and changes nothing then.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from e2e.kit.api import Object
from e2e.kit.cluster import CHECKOUT, Cluster, CommandFailed, name_from
from e2e.kit.deadline import eventually

NAMESPACE = os.environ.get("MM_E2E_NAMESPACE", "mm-e2e")
RELEASE = "mm"
OPERATOR = f"{RELEASE}-operator"
REDIS = f"{RELEASE}-redis"
WEBHOOK_PORT = 9101
_OWN = "mm-e2e-installation-of"
"""Label of a namespace that holds the installation of a single scenario."""
CHART = CHECKOUT / "helm" / "mm-rebuild"
_LOCKS = Path(tempfile.gettempdir()) / f"mm-e2e-{os.getuid()}-{NAMESPACE}"


@contextlib.contextmanager
def locked(name: str) -> Iterator[TextIO]:
    """A lock among the test processes of this machine, and its file for a note."""
    _LOCKS.mkdir(exist_ok=True)
    with (_LOCKS / name).open("a+") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        handle.seek(0)
        yield handle


def _image(prefix: str, reference: str) -> list[str]:
    repository, _, tag = reference.rpartition(":")
    return ["--set-string", f"{prefix}.repository={repository}", "--set-string", f"{prefix}.tag={tag}"]


class Installation:
    """The chart in the cluster."""

    def __init__(self, cluster: Cluster, namespace: str = NAMESPACE) -> None:
        self.cluster = cluster
        self.namespace = namespace

    def ensure(self) -> None:
        """Install, or bring an older installation up to the images and chart under test, and wait until it is Ready."""
        with locked(f"install-{self.namespace}"):
            self._refuse_rivals()
            # helm installs CRDs once and never upgrades them
            self.cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(CHART / "crds"))
            self.upgrade()

    def upgrade(self, *more: str) -> None:
        """`helm upgrade --install` with the values of the tests, and `more` of them."""
        words = ["upgrade", "--install", RELEASE, str(CHART), "-n", self.namespace, "--create-namespace"]
        words += _image("image", self.cluster.images.product) + _image(
            "redis.image", self.cluster.images.redis
        )
        words += ["--set", "operator.scope=Namespace", "--set", "operator.logLevel=DEBUG"]
        words += ["--set", "redis.persistence.size=64Mi", "--set", "operator.resources.requests.cpu=50m"]
        try:
            self.cluster.helm(*words, *more, "--wait", "--timeout", "120s")
        except CommandFailed as failed:
            raise CommandFailed(words, 1, f"{failed.output}\n{self.describe()}") from failed

    def _refuse_rivals(self) -> None:
        """Two operators on the same objects would undo each other's work, and nobody could tell from the outside."""
        operators = self.cluster.api.list(
            "deployments", labels="app.kubernetes.io/component=operator,app.kubernetes.io/name=mm-rebuild"
        )
        for deployment in operators:
            container = deployment["spec"]["template"]["spec"]["containers"][0]
            limited = any(item["name"] == "MM_NAMESPACES" for item in container.get("env", []))
            where = deployment["metadata"]["namespace"]
            if not limited and where != self.namespace and deployment["spec"].get("replicas", 1):
                raise RuntimeError(
                    f"the operator in namespace {where} has scope Cluster and would act on the tests' objects; "
                    f"uninstall it, or install it with operator.scope=Namespace"
                )

    def operator_pods(self) -> list[Object]:
        """The operator's pods, those on their way out included."""
        labels = f"app.kubernetes.io/component=operator,app.kubernetes.io/instance={RELEASE}"
        return self.cluster.api.list("pods", self.namespace, labels)

    def operator_pod(self) -> Object:
        """The operator's pod that is not on its way out."""
        pods = alive(self.operator_pods())
        assert pods, "there is no operator pod"
        return pods[0]

    def operator_log(self, since: str = "") -> str:
        """The operator's log, of the container before a crash too."""
        name = self.operator_pod()["metadata"]["name"]
        return self.cluster.logs(self.namespace, name, since=since)

    def wait_for_operator(self, within: float = 60) -> None:
        """Until the operator is Ready."""
        eventually("operator Ready", lambda: is_ready(self.operator_pod()), within=within)

    def scale_operator(self, replicas: int) -> None:
        """Take the operator away, or bring it back."""
        self.cluster.api.patch("deployments", self.namespace, OPERATOR, {"spec": {"replicas": replicas}})

    def mend(self) -> None:
        """Undo what a scenario that failed half-way may have left: an operator that was taken away."""
        if self.cluster.api.get("deployments", self.namespace, OPERATOR)["spec"]["replicas"] == 0:
            self.scale_operator(1)
            self.wait_for_operator()

    @staticmethod
    def of_its_own(cluster: Cluster, title: str) -> Installation:
        """One for a single scenario, in a namespace that `left_over` finds again."""
        namespace = f"{NAMESPACE}-{name_from(title, 20)}-{secrets.token_hex(2)}"
        labels = {_OWN: NAMESPACE}
        cluster.apply(
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": labels}}
        )
        made = Installation(cluster, namespace)
        made.ensure()
        return made

    @staticmethod
    def left_over(cluster: Cluster) -> list[Installation]:
        """Those that a run which was cut off did not remove."""
        found = cluster.api.list("namespaces", None, f"{_OWN}={NAMESPACE}")
        names = [item["metadata"]["name"] for item in found if "deletionTimestamp" not in item["metadata"]]
        return [Installation(cluster, name) for name in names]

    def remove(self) -> None:
        """Uninstall, and delete the namespace without waiting until it is gone."""
        self.cluster.helm("uninstall", RELEASE, "-n", self.namespace, "--ignore-not-found")
        self.cluster.kubectl("delete", "namespace", self.namespace, "--wait=false", "--ignore-not-found")

    def redis_cli(self, *words: str) -> str:
        """`redis-cli WORDS` beside the server, as the operator's user."""
        script = 'REDISCLI_AUTH="$REDIS_PASSWORD" redis-cli --user operator --no-auth-warning "$@"'
        return self.cluster.kubectl(
            "exec",
            "-n",
            self.namespace,
            f"{REDIS}-0",
            "-c",
            "redis",
            "--",
            "sh",
            "-c",
            script,
            "redis-cli",
            *words,
        ).rstrip("\n")

    def webhook_token(self) -> str:
        """The bearer token that Alertmanager is configured with."""
        import base64

        found = self.cluster.api.get("secrets", self.namespace, f"{OPERATOR}-webhook")
        return base64.b64decode(found["data"]["token"]).decode()

    def describe(self) -> str:
        """Pods, events and logs, for a failure's message."""
        parts = [
            self.cluster.kubectl("get", "pods", "-n", self.namespace, "-o", "wide"),
            self.cluster.events(self.namespace),
        ]
        logs = (f"deployment/{OPERATOR}", f"pod/{REDIS}-0")
        parts += [f"--- log of {name}\n{self.cluster.logs(self.namespace, name, tail=60)}" for name in logs]
        return "\n".join(parts)


def alive(pods: list[Object]) -> list[Object]:
    """Those that are not on their way out."""
    return [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]


def is_ready(pod: Object) -> bool:
    """Whether a pod's Ready condition is True."""
    conditions = pod.get("status", {}).get("conditions", [])
    return any(item["type"] == "Ready" and item["status"] == "True" for item in conditions)


def log_lines(text: str) -> list[Object]:
    """The JSON lines of a structured log; other lines as {"raw": line}."""
    lines: list[Object] = []
    for line in text.splitlines():
        try:
            parsed = json.loads(line)
            lines.append(parsed if isinstance(parsed, dict) else {"raw": line})
        except ValueError:
            lines.append({"raw": line})
    return lines


def now_rfc3339() -> str:
    """Wall time of this machine, as kubectl --since-time takes it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
