"""A fresh installation for the demo: the namespace of an earlier one goes, the chart comes, and every part is waited for."""

from __future__ import annotations

import os
import time
from pathlib import Path

import show
from kube import CommandError, Kube, Object, run
from watch import ExpectationError

ROOT = Path(__file__).resolve().parents[2]
CHART = "helm/mm-rebuild"
RELEASE = "mm"


def fresh_namespace(kube: Kube) -> None:
    """Delete what an earlier demo left, in the order in which traders shut down cleanly."""
    if not run(["kubectl", "get", "namespace", kube.namespace, "--ignore-not-found", "-o", "name"]).strip():
        return
    show.line("an earlier demo's namespace is there: its traders are stopped and it is deleted first")
    with show.timed("cleaning up"):
        try:
            kube.do("delete", "mm", "--all", "--ignore-not-found", "--timeout=40s", timeout_s=60)
        except CommandError:
            release_finalizers(kube)
        run(["helm", "uninstall", RELEASE, "-n", kube.namespace, "--ignore-not-found"], shown=True)
        run(["kubectl", "delete", "namespace", kube.namespace, "--timeout=120s"], shown=True, timeout_s=150)


def release_finalizers(kube: Kube) -> None:
    """Nobody is left who would shut the traders down in order: let the objects go."""
    show.line("no operator answered: the MarketMakers are let go without it")
    for kind in ("mm", "sr", "va", "halt", "sap"):
        try:
            names = kube.ask("get", kind, "-o", "name").split()
        except CommandError:
            continue  # the kinds were never installed
        for name in names:
            kube.ask("patch", name, "--type=merge", "-p", '{"metadata":{"finalizers":null}}')


def install(kube: Kube, market: str) -> None:
    """CRDs and chart, with the images that were built; returns when all of it is Ready."""
    # helm installs CRDs once and never changes them; this brings those of an earlier version up to date
    run(["kubectl", "apply", "--server-side", "--force-conflicts", "-f", f"{CHART}/crds"], shown=True)
    words = ["helm", "upgrade", "--install", RELEASE, CHART, "-n", kube.namespace, "--create-namespace"]
    words += ["-f", "configs/demo/values.yaml", "--set", f"simulator.market.preset={market}"]
    for prefix, image in (("image", os.environ["MM_IMAGE"]), ("redis.image", os.environ["REDIS_IMAGE"])):
        words += ["--set-string", _image_values(prefix, image)]
    with show.timed("installing the chart"):
        run(words, shown=True, timeout_s=180)
    wait_ready(kube, within_s=90)


def _image_values(prefix: str, reference: str) -> str:
    name, at, digest = reference.partition("@")
    if at:
        return f"{prefix}.repository={name},{prefix}.digest={digest}"
    repository, _, tag = name.rpartition(":")
    return f"{prefix}.repository={repository},{prefix}.tag={tag}"


def wait_ready(kube: Kube, within_s: float) -> None:
    """Until operator, Redis and simulator are Ready, with a line for each. Raises ExpectationError."""
    began = time.monotonic()
    ready: set[str] = set()
    parts = {"operator", "redis", "simulator"}
    while ready != parts:
        for pod in kube.list("pod", f"app.kubernetes.io/instance={RELEASE}"):
            part = pod["metadata"]["labels"].get("app.kubernetes.io/component", "")
            if part in parts - ready and is_ready(pod):
                ready.add(part)
                show.line(f"{part} is Ready after {time.monotonic() - began:.0f} s")
        if time.monotonic() - began > within_s:
            raise ExpectationError(f"not Ready within {within_s:.0f} s: {', '.join(sorted(parts - ready))}")
        time.sleep(0.5)


def is_ready(pod: Object) -> bool:
    """Whether a pod's Ready condition is True and it is not on its way out."""
    conditions = pod.get("status", {}).get("conditions", [])
    leaving = "deletionTimestamp" in pod["metadata"]
    return not leaving and any(item["type"] == "Ready" and item["status"] == "True" for item in conditions)
