"""The commands behind `up`, `down` and `env`: choose where the cluster comes from, and leave it as asked."""

import os
import shlex
import shutil
import sys

from clusterkit import cache, kind, nodeimage, tools, versions
from clusterkit.console import Refused, say
from clusterkit.engine import Engine, Mode, find_pulling, own_podman


def uses_current() -> bool:
    """Whether the person asked for their own cluster: CLUSTER=current."""
    wish = os.environ.get("CLUSTER", "kind")
    if wish not in ("current", "kind"):
        raise Refused(f"CLUSTER={wish} is not known: `current` (your current kubeconfig context) or `kind`")
    return wish == "current"


def recorded_engine(record: kind.Record) -> Engine:
    """The engine that the recorded cluster was made with."""
    if record.mode is Mode.BUILD:
        return own_podman()
    return Engine(record.engine, Mode.PULL, {"KIND_EXPERIMENTAL_PROVIDER": record.engine})


def _wanted_nodes() -> int | None:
    text = os.environ.get("NODES", "")
    if not text:
        return None
    if not text.isdigit() or not 1 <= int(text) <= 9:
        raise Refused(f"NODES={text}: a number of nodes from 1 to 9")
    return int(text)


def up() -> None:
    """Sees to it that a cluster answers."""
    if "--cached" in sys.argv[1:]:
        _refuse_unless_cached()
        return
    if uses_current():
        _check_current()
        return
    wanted = _wanted_nodes()
    with cache.locked("cluster"):
        record = kind.load_record()
        if record:
            engine = recorded_engine(record)
            if record.complete and kind.is_healthy(engine):
                if wanted not in (None, record.nodes):
                    raise Refused(
                        f"the cluster is up with {record.nodes} node(s), not {wanted}: `make cluster-down` first"
                    )
                say(f"the cluster {versions.CLUSTER_NAME} is up ({record.nodes} node(s), {record.engine})")
                return
            say("the cluster of an earlier run does not answer, or was never finished: starting afresh")
            kind.delete(engine)
        engine, image = _engine_and_image()
        if kind.node_names(engine):
            raise Refused(
                f"a kind cluster named {versions.CLUSTER_NAME} exists that these tools have no record of.\n"
                f"Mend: `kind delete cluster --name {versions.CLUSTER_NAME}` if nobody needs it, or MM_CLUSTER=another-name"
            )
        kind.create(engine, image, wanted or 1)
        say('ready: eval "$(tests/cluster/env)" and kubectl, helm and kind speak to it')


def _refuse_unless_cached() -> None:
    """`up --cached` starts nothing: it fails where `up` would first have to build or pull for minutes."""
    record = kind.load_record()
    if uses_current() or (record and record.mode is Mode.PULL) or nodeimage.is_ready(own_podman()):
        return
    raise Refused("the node image is not in the cache yet")


def _engine_and_image() -> tuple[Engine, str]:
    own = own_podman()
    if image := os.environ.get("MM_NODE_IMAGE"):
        tools.provide("kind", "kubectl", "helm")
        return own, image
    # what was built once is used again without asking a registry that did not answer before
    if not nodeimage.is_ready(own):
        pulling = find_pulling(versions.PUBLIC_NODE)
        if pulling:
            tools.provide("kind", "kubectl", "helm")
            return pulling, versions.PUBLIC_NODE
    image = nodeimage.ensure(own)
    tools.provide("kind", "kubectl", "helm")
    return own, image


def _check_current() -> None:
    tools.provide("kubectl", "helm")
    named = kind.kubectl("config", "current-context", own=False)
    if named.returncode != 0:
        raise Refused(
            "CLUSTER=current, but your kubeconfig has no current context.\n"
            "Mend: `kubectl config use-context NAME`, or leave CLUSTER out and a local cluster is made."
        )
    answer = kind.kubectl("get", "--raw", "/readyz", "--request-timeout=10s", own=False)
    if answer.returncode != 0:
        raise Refused(
            f"CLUSTER=current, but the context {named.stdout.strip()} does not answer:\n{answer.stderr.strip()}"
        )
    say(f"using your current context {named.stdout.strip()}, as it is")


def down() -> None:
    """Ends what `up` started, and only that."""
    if uses_current():
        say("CLUSTER=current: that cluster is yours and is left as it is")
        return
    with cache.locked("cluster"):
        record = kind.load_record()
        if record is None:
            say("no cluster was started by these tools: nothing to end")
            return
        engine = recorded_engine(record)
        if not shutil.which(engine.command):
            raise Refused(f"the cluster was made with {engine.command}, which is no longer on PATH")
        kind.delete(engine)


def environment() -> dict[str, str]:
    """The variables under which kubectl, helm, kind and the engine speak to the cluster."""
    values: dict[str, str] = {}
    record = None if uses_current() else kind.load_record()
    if record and record.complete:
        values["KUBECONFIG"] = str(cache.KUBECONFIG)
        values["MM_CLUSTER"] = versions.CLUSTER_NAME
        values.update(recorded_engine(record).environment)
    elif not uses_current():
        raise Refused("no cluster is up: `make cluster` first")
    if cache.IMAGES_ENV.exists():
        values.update(_images())
    return values


def _images() -> dict[str, str]:
    lines = (line.split("=", 1) for line in cache.IMAGES_ENV.read_text().splitlines() if line)
    return {name: shlex.split(value)[0] for name, value in lines}


def env() -> None:
    """Prints `export` lines for `eval`."""
    for name, value in environment().items():
        print(f"export {name}={shlex.quote(value)}")
    path = shlex.quote(str(cache.BIN))
    print(f'case ":$PATH:" in *:{path}:*) ;; *) export PATH={path}:"$PATH" ;; esac')
