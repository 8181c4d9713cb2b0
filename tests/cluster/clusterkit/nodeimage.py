"""Builds kind's node image where no registry gives it: the list of steps, and which of them are still to do.

A step is done while nothing that goes into it has changed: its script, its files, the pinned versions, the steps
before it. The compiling and the Debian file systems wait for different things, so they go on beside each other."""

import concurrent.futures
import dataclasses
import os
import shutil
from pathlib import Path

from clusterkit import cache, versions
from clusterkit.console import Refused, run_logged, say, timed
from clusterkit.engine import Engine
from clusterkit.tools import require_go, script_environment


@dataclasses.dataclass(frozen=True)
class Step:
    """One script of node/: what a person is told, the argument, the files it reads, and the steps it stands on.

    `makes` are the programs, filed by version, of a step that compiles: where they exist it is done."""

    name: str
    title: str
    script: str
    argument: str = ""
    files: tuple[str, ...] = ()
    after: tuple["Step", ...] = ()
    makes: tuple[Path, ...] = ()

    @property
    def key(self) -> str:
        """A hash of everything that decides the step's result."""
        inputs = [cache.SCRIPTS / self.script, cache.SCRIPTS / "common.sh"]
        inputs += [cache.SCRIPTS / "files" / name for name in self.files]
        return cache.digest(
            self.argument,
            repr(sorted(versions.as_environment().items())),
            *inputs,
            *(s.key for s in self.after),
        )

    @property
    def _stamp(self) -> Path:
        return cache.NODE / "done" / self.name

    def is_done(self) -> bool:
        """Whether the step was finished with exactly these inputs."""
        if self.makes:
            return all(program.exists() for program in self.makes)
        return self._stamp.exists() and self._stamp.read_text() == self.key

    def ensure(self, environment: dict[str, str]) -> None:
        """Does the step unless it is done."""
        if self.is_done():
            return
        with timed(self.title):
            run_logged(
                [cache.SCRIPTS / self.script, *([self.argument] if self.argument else [])],
                cache.LOGS / f"{self.name}.log",
                {**script_environment(), **environment, "STEP_KEY": self.key},
            )
        self._stamp.parent.mkdir(parents=True, exist_ok=True)
        self._stamp.write_text(self.key)


def _go_tool(name: str, version: str, title: str) -> Step:
    return Step(name, title, "go-tool.sh", name, makes=(cache.tool_dir(name, version) / name,))


PACKAGES = Step("packages", "Debian packages: podman, buildah, containerd, debootstrap", "packages.sh")
KUBERNETES = Step(
    "kubernetes",
    f"compiling Kubernetes {versions.KUBERNETES}, seven programs (5 to 9 min cold)",
    "kubernetes.sh",
    makes=tuple(
        cache.tool_dir("kubernetes", versions.KUBERNETES) / name
        for name in (
            *("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy"),
            *("kubelet", "kubeadm", "kubectl", "pause"),
        )
    ),
)
KIND = _go_tool("kind", versions.KIND, f"compiling kind {versions.KIND}")
HELM = _go_tool("helm", versions.HELM, f"compiling helm {versions.HELM} (about 1 min cold)")
COREDNS = Step(
    "coredns",
    f"compiling CoreDNS {versions.COREDNS} with the plugins that a cluster uses",
    "coredns.sh",
    files=("coredns.go",),
)
ETCD = _go_tool("etcd", versions.ETCD, f"compiling etcd {versions.ETCD}")
LOCAL_PATH = _go_tool("local-path-provisioner", versions.LOCAL_PATH, "compiling the volume provisioner")
NODE_FILES = Step(
    "node-files", f"Debian {versions.NODE_SUITE} for the node (debootstrap)", "debian.sh", "node"
)
BASE_FILES = Step(
    "base-files", f"Debian {versions.IMAGE_SUITE} with Python for our image", "debian.sh", "base"
)

PROGRAMS = (KUBERNETES, KIND, HELM, COREDNS, ETCD, LOCAL_PATH)
FILE_SYSTEMS = (NODE_FILES, BASE_FILES)

CONTROL_PLANE = Step(
    "control-plane", "the control plane's images", "system-images.sh", after=(*PROGRAMS, NODE_FILES)
)
NODE_IMAGE = Step(
    "node-image",
    "the node image",
    "node-image.sh",
    files=("cni.template", "offline.sh", "offline.service", "remove-misc-controller.sh"),
    after=(CONTROL_PLANE,),
)
BASE_IMAGE = Step("base-image", "the base of our image", "base-image.sh", after=(BASE_FILES,))
COMPILER_IMAGE = Step(
    "compiler-image", "what compiles the kernel for our image", "compiler-image.sh", after=(BASE_FILES,)
)
REDIS_IMAGE = Step("redis-image", "the Redis image", "redis-image.sh", after=(NODE_FILES,))


def node_reference() -> str:
    """The name of the node image that the present scripts make."""
    return f"localhost/mm-rebuild-node:v{versions.KUBERNETES}-{NODE_IMAGE.key}"


def base_reference() -> str:
    """The name of the base image that the present scripts make."""
    return f"localhost/mm-rebuild-base:{versions.IMAGE_SUITE}-{BASE_IMAGE.key}"


def compiler_reference() -> str:
    """The name of the image with the compiler that the present scripts make."""
    return f"localhost/mm-rebuild-compiler:{versions.IMAGE_SUITE}-{COMPILER_IMAGE.key}"


def is_ready(engine: Engine) -> bool:
    """Whether the node image is there already, and the programs to use it with."""
    wanted = all(
        (cache.tool_dir(n, v) / n).exists() for n, v in (("kind", versions.KIND), ("helm", versions.HELM))
    )
    return wanted and shutil.which("podman") is not None and engine.has_image(node_reference())


def ensure(engine: Engine) -> str:
    """Builds what is missing and returns the node image's name."""
    if is_ready(engine):
        return node_reference()
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise Refused(
            "No container engine here can get kind's node image from a registry, and building one installs packages:\n"
            "that needs root on Debian or one of its kin. Mend: start docker or podman with a registry in reach;\n"
            "or run this as root on Debian 12; or use a cluster of yours with CLUSTER=current."
        )
    require_go()
    say("no registry gives kind's node image: building it from Go modules and Debian packages.")
    say("  once, 10 to 16 minutes on two cores; kept under " + str(cache.ROOT) + "; logs in its logs/")
    PACKAGES.ensure(engine.environment)
    with concurrent.futures.ThreadPoolExecutor(2) as beside:
        branches = [beside.submit(_all, group, engine.environment) for group in (PROGRAMS, FILE_SYSTEMS)]
        for branch in branches:
            branch.result()
    CONTROL_PLANE.ensure(engine.environment)
    NODE_IMAGE.ensure({**engine.environment, "IMAGE": node_reference()})
    return node_reference()


def ensure_image_bases(engine: Engine) -> tuple[str, str, str]:
    """Builds the base of the product's image, what compiles for it, and the Redis image where missing; returns their names."""
    if not (BASE_IMAGE.is_done() and engine.has_image(base_reference())):
        _redo(BASE_IMAGE, BASE_FILES, {**engine.environment, "IMAGE": base_reference()})
    compiler = compiler_reference()
    if not (COMPILER_IMAGE.is_done() and engine.has_image(compiler)):
        _redo(COMPILER_IMAGE, BASE_FILES, {**engine.environment, "IMAGE": compiler})
    redis = redis_reference()
    if not (REDIS_IMAGE.is_done() and engine.has_image(redis)):
        _redo(REDIS_IMAGE, NODE_FILES, {**engine.environment, "IMAGE": redis})
    return base_reference(), compiler, redis


def redis_reference() -> str:
    """The name of the Redis image that is made where no registry gives one."""
    return versions.REDIS_IMAGE


def _redo(step: Step, before: Step, environment: dict[str, str]) -> None:
    before.ensure(environment)
    (cache.NODE / "done" / step.name).unlink(missing_ok=True)
    step.ensure(environment)


def _all(steps: tuple[Step, ...], environment: dict[str, str]) -> None:
    for step in steps:
        step.ensure(environment)
