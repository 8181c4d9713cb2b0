"""The cluster under test and the programs that speak to it: kubectl and helm as a user would call them, and the API for looking.

Which cluster: the one of `tests/cluster/env` (made by `make cluster`), or the current context with CLUSTER=current.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from e2e.kit.api import Api, Object

CHECKOUT = Path(__file__).resolve().parents[3]


class CommandFailed(AssertionError):
    """A program ended with an error; `output` is what it said."""

    def __init__(self, words: list[str], code: int, output: str) -> None:
        super().__init__(f"{shlex.join(words)} ended with {code}:\n{output}")
        self.output = output


def cluster_environment() -> dict[str, str]:
    """Variables under which kubectl and helm reach the cluster. Raises RuntimeError with the mend where none is up."""
    done = subprocess.run([CHECKOUT / "tests/cluster/env"], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(
            f"no cluster for the end-to-end tests (`make cluster image` brings one up): {done.stderr}"
        )
    script = f"{done.stdout}\nenv -0"
    answer = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True).stdout
    return dict(line.split("=", 1) for line in answer.split("\0") if "=" in line)


@dataclass(frozen=True)
class Images:
    """The images that are tested."""

    product: str
    redis: str

    @staticmethod
    def of(environment: Mapping[str, str]) -> Images:
        """From MM_IMAGE and REDIS_IMAGE, as `make image` leaves them."""
        if not environment.get("MM_IMAGE"):
            raise RuntimeError("no image to test: `make image` builds it and loads it into the cluster")
        return Images(environment["MM_IMAGE"], environment.get("REDIS_IMAGE", "redis:7"))


class Cluster:
    """kubectl, helm and the API of one cluster."""

    def __init__(self) -> None:
        self.environment = cluster_environment()
        self.images = Images.of(self.environment)
        self._kubectl = shutil.which("kubectl", path=self.environment["PATH"]) or "kubectl"
        self._helm = shutil.which("helm", path=self.environment["PATH"]) or "helm"
        self.api = Api(self._kubectl, self.environment)

    def close(self) -> None:
        """End what was started."""
        self.api.close()

    def run(self, words: list[str], *, stdin: str | None = None, timeout: float = 60) -> str:
        """Run a program against the cluster and return its stdout. Raises CommandFailed."""
        done = subprocess.run(
            words,
            env=self.environment,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout,
        )
        if done.returncode:
            raise CommandFailed(words, done.returncode, done.stdout + done.stderr)
        return done.stdout

    def kubectl(self, *words: str, stdin: str | None = None, timeout: float = 60) -> str:
        """`kubectl WORDS`."""
        return self.run([self._kubectl, *words], stdin=stdin, timeout=timeout)

    def helm(self, *words: str, timeout: float = 180) -> str:
        """`helm WORDS`."""
        return self.run([self._helm, *words], timeout=timeout)

    def apply(self, *objects: Object) -> str:
        """`kubectl apply` of objects, as a user does it."""
        return self.kubectl("apply", "-f", "-", stdin=yaml.safe_dump_all(objects))

    def refusal_of(self, manifest: Object) -> str:
        """What `kubectl apply` answers to an object that must be refused. Raises AssertionError if it is taken."""
        try:
            self.apply(manifest)
        except CommandFailed as failed:
            return failed.output
        raise AssertionError(
            f"kubectl apply took {manifest['kind']} {manifest['metadata']['name']}, which is not valid"
        )

    def logs(
        self, namespace: str, pod: str, *, since: str = "", previous: bool = False, tail: int = -1
    ) -> str:
        """A pod's log; empty where there is none."""
        words = ["logs", "-n", namespace, pod, f"--tail={tail}", "--all-containers"]
        words += [f"--since-time={since}"] if since else []
        words += ["--previous"] if previous else []
        try:
            return self.kubectl(*words)
        except CommandFailed as failed:
            return f"(no log: {failed.output.strip()})"

    def events(self, namespace: str) -> str:
        """The namespace's events, oldest first."""
        return self.kubectl("get", "events", "-n", namespace, "--sort-by=.lastTimestamp")


def name_from(text: str, limit: int = 40) -> str:
    """A legal Kubernetes name from a test's name."""
    slug = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
    return slug[:limit].strip("-")


def pretty(item: Any) -> str:
    """YAML of an object without the server's book-keeping: for failure messages."""
    if isinstance(item, dict) and "metadata" in item:
        item = json.loads(json.dumps(item))
        item["metadata"].pop("managedFields", None)
        item["metadata"].get("annotations", {}).pop("kubectl.kubernetes.io/last-applied-configuration", None)
    return str(yaml.safe_dump(item, sort_keys=False, width=150))
