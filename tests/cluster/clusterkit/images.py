"""The product's image and Redis': built when what goes in has changed, loaded into the cluster when absent there.

The product image's tag is a hash over its inputs, so an image that exists is right, and a pod that names it cannot get
another. Wheels are fetched on this machine, for the image's Python; the build itself needs no network."""

import os
import re
import shlex
import shutil
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from clusterkit import cache, commands, kind, nodeimage, versions
from clusterkit.console import Refused, run_logged, say, timed
from clusterkit.engine import Engine, Mode

_STAGE = cache.CHECKOUT / "build" / "image"
_SOURCES = ("crds/mm_api", "operator/mm_operator", "trader/mm_trader")
_SINGLE_FILES = (
    "Dockerfile",
    "locks/compile.txt",
    "locks/run.txt",
    "locks/simulator.txt",
    "pyproject.toml",
    "README.md",
    "LICENSE",
    "trader/compile_kernel.py",
)
_KERNEL_SOURCES = (
    "core",
    "kernel",
    "market",
    "orders",
    "portfolio",
    "risk",
    "strategy",
)  # as in compile_kernel.py
_PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64", "any")
_KEEP = 3  # product images of earlier code that stay in the engine's store


def image() -> None:
    """Sees to it that the images are built and in the cluster; writes and prints their names."""
    with cache.locked("image"):
        if commands.uses_current():
            names = _given()
        else:
            names = _build_and_load()
        text = "".join(f"{name}={shlex.quote(value)}\n" for name, value in names.items())
        cache.IMAGES_ENV.write_text(text)
        sys.stdout.write(text)


def simulator() -> None:
    """Builds the venue's own image, the Dockerfile's target `simulator`, with the cluster's engine; prints its name. It is loaded nowhere."""
    with cache.locked("image"):
        engine, bases = _engine_and_bases()
        name = f"{versions.PRODUCT_IMAGE}-simulator:{_content_hash(bases)}"
        if not engine.has_image(name):
            with timed(f"building {name}"):
                _stage()
                _build(engine, bases, name, "--target", "simulator")
        sys.stdout.write(f"{name}\n")


def _given() -> dict[str, str]:
    """The images that a person names for a cluster of their own: only they know how an image gets in."""
    product = os.environ.get("MM_IMAGE")
    if not product:
        raise Refused(
            "CLUSTER=current: only you know how an image gets into that cluster.\n"
            "Mend: build it (`make image` with a kind cluster, or `docker build`; see docs/development.md), push it where\n"
            "your nodes can pull it, and set MM_IMAGE to its name."
        )
    say(f"taking {product} as it is")
    return {"MM_IMAGE": product, "REDIS_IMAGE": os.environ.get("REDIS_IMAGE", versions.PUBLIC_REDIS)}


class _Bases(NamedTuple):
    """Images that ours are made of, and Redis'."""

    base: str
    compiler: str
    redis: str


def _engine_and_bases() -> tuple[Engine, _Bases]:
    """The cluster's engine, and the images to build on."""
    record = kind.load_record()
    if record is None or not record.complete:
        raise Refused("no cluster is up to load the image into: `make cluster` first")
    engine = commands.recorded_engine(record)
    if engine.mode is Mode.BUILD:
        return engine, _Bases(*nodeimage.ensure_image_bases(engine))
    return engine, _Bases(versions.PUBLIC_BASE, versions.PUBLIC_COMPILER, versions.PUBLIC_REDIS)


def _build_and_load() -> dict[str, str]:
    engine, bases = _engine_and_bases()
    product = f"{versions.PRODUCT_IMAGE}:{_content_hash(bases)}"
    if not engine.has_image(product):
        _stage()
        kernel = f"{versions.KERNEL_IMAGE}:{_kernel_hash(bases)}"
        if not engine.has_image(kernel):  # has a name of its own so that it is kept while other code changes
            with timed("compiling the kernel"):
                _build(engine, bases, kernel, "--target", "kernel")
        with timed(f"building {product}"):
            _build(engine, bases, product)
        _forget_old(engine, product, kernel)
    nodes = kind.node_names(engine, running=True)
    _load(engine, nodes, product)
    if engine.mode is Mode.BUILD:
        _load(engine, nodes, bases.redis)
    return {"MM_IMAGE": product, "REDIS_IMAGE": bases.redis}


def _kernel_hash(bases: _Bases) -> str:
    """Of the files that the Dockerfile's stage `kernel` is made of."""
    parts: list[str | Path] = [bases.base, bases.compiler, cache.CHECKOUT / "Dockerfile"]
    parts += [cache.CHECKOUT / "locks/run.txt", cache.CHECKOUT / "locks/compile.txt"]
    for path in sorted((_STAGE / "compile/source").rglob("*.py")):
        parts += [str(path.relative_to(_STAGE)), path]
    return cache.digest(*parts)


def _content_hash(bases: _Bases) -> str:
    parts: list[str | Path] = [bases.base, bases.compiler]
    for name in _SINGLE_FILES:
        parts += [name, cache.CHECKOUT / name]
    for source in _SOURCES:
        for path in sorted((cache.CHECKOUT / source).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                parts += [str(path.relative_to(cache.CHECKOUT)), path]
    return cache.digest(*parts)


def _stage() -> None:
    """Puts what the Dockerfile copies where it copies it from."""
    shutil.rmtree(_STAGE, ignore_errors=True)
    shutil.copytree(_wheels("run", "requirements.txt"), _STAGE / "wheels")
    shutil.copytree(_wheels("compile", "compile.txt"), _STAGE / "compile/wheels")
    for name in ("crds/mm_api", *(f"trader/mm_trader/{package}" for package in _KERNEL_SOURCES)):
        shutil.copytree(
            cache.CHECKOUT / name,
            _STAGE / "compile/source" / name,
            ignore=shutil.ignore_patterns("__pycache__"),
        )
    for name in ("pyproject.toml", "trader/mm_trader/__init__.py", "trader/compile_kernel.py"):
        shutil.copy(cache.CHECKOUT / name, _STAGE / "compile/source" / name)
    shutil.copy(cache.CHECKOUT / "locks/simulator.txt", _STAGE / "simulator.txt")
    run_logged(
        [
            _python_tools().parent / "uv",
            "build",
            "--quiet",
            "--wheel",
            "--out-dir",
            _STAGE / "app",
            cache.CHECKOUT,
        ],
        cache.LOGS / "project-wheel.log",
        {
            "SOURCE_DATE_EPOCH": "315532800"
        },  # 1980, the first date that a wheel can hold: same code, same wheel
    )


def _wheels(lock: str, called: str) -> Path:
    """The folder with the wheels of a lock file for the image's Python, and the file itself under that name; fetched where there is none."""
    requirements = cache.CHECKOUT / f"locks/{lock}.txt"
    wheels = cache.WHEELS / f"{versions.IMAGE_PYTHON}-{cache.digest(requirements)}"
    if not wheels.exists():
        unfinished = wheels.with_suffix(".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        platforms = [word for name in _PLATFORMS for word in ("--platform", name)]
        with timed(f"fetching the wheels of locks/{lock}.txt for Python {versions.IMAGE_PYTHON}"):
            run_logged(
                [
                    *(
                        _python_tools(),
                        "-m",
                        "pip",
                        "download",
                        "--quiet",
                        "--only-binary=:all:",
                        "--require-hashes",
                    ),
                    *("--python-version", versions.IMAGE_PYTHON, *platforms),
                    *("--dest", unfinished, "--requirement", requirements),
                ],
                cache.LOGS / "wheels.log",
            )
        shutil.copy(requirements, unfinished / called)
        unfinished.rename(wheels)
    return wheels


def _python_tools() -> Path:
    """The Python of a small environment in the cache that has pip and uv."""
    home = cache.tool_dir("python-tools", versions.UV)
    if not (home / "bin/uv").exists():
        with timed(f"a Python environment with pip and uv {versions.UV}"):
            run_logged([cache.SCRIPTS.parent / "python-tools", home], cache.LOGS / "python-tools.log")
    return home / "bin/python"


def _build(engine: Engine, bases: _Bases, product: str, *more: str) -> None:
    if engine.mode is Mode.BUILD:
        words = ["buildah", "bud", "--isolation", "chroot", "--layers"]
    else:
        words = [engine.command, "build"]
    run_logged(
        [
            *(*words, "--quiet", *more),
            *("--build-arg", f"BASE={bases.base}", "--build-arg", f"COMPILER={bases.compiler}"),
            *("--tag", product, cache.CHECKOUT),
        ],
        cache.LOGS / "image-build.log",
        engine.environment,
        show=False,  # it prints the image's id alone
    )


def _load(engine: Engine, nodes: list[str], reference: str) -> None:
    lacking = [node for node in nodes if not _node_has(engine, node, reference)]
    if not lacking:
        return
    with (
        timed(f"loading {reference} into the cluster"),
        tempfile.TemporaryDirectory(dir=cache.ROOT) as folder,
    ):
        archive = Path(folder) / "image.tar"
        engine.run("save", "--output", str(archive), reference)
        run_logged(
            [
                *(cache.BIN / "kind", "load", "image-archive", archive),
                *("--name", versions.CLUSTER_NAME, "--nodes", ",".join(lacking)),
            ],
            cache.LOGS / "image-load.log",
            engine.environment,
        )


def _node_has(engine: Engine, node: str, reference: str) -> bool:
    listed = engine.run(
        "exec", node, "ctr", "-n", "k8s.io", "images", "ls", "-q", f"name=={reference}", check=False
    )
    return reference in listed.stdout.split()


def _forget_old(engine: Engine, product: str, kernel: str) -> None:
    """Frees the engine's store of images of earlier code and scripts, but for the newest few."""
    listed = engine.run(
        "images", "--format", "{{.Repository}}:{{.Tag}} {{.ID}}", check=False
    ).stdout.splitlines()
    pairs = [line.split() for line in listed]  # newest first
    ours = rf"{re.escape(versions.PRODUCT_IMAGE)}:[0-9a-f]{{12}}"
    earlier = [name for name, _ in pairs if re.fullmatch(ours, name) and name != product]
    unwanted = earlier[_KEEP - 1 :]
    kernels = [name for name, _ in pairs if name.startswith(f"{versions.KERNEL_IMAGE}:") and name != kernel]
    unwanted += kernels[_KEEP - 1 :]
    if engine.mode is Mode.BUILD:  # a store of our own: the layers of old builds and old bases go too
        unwanted += [identity for name, identity in pairs if name == "<none>:<none>"][_KEEP:]
        current = (
            nodeimage.node_reference(),
            nodeimage.base_reference(),
            nodeimage.compiler_reference(),
        )
        made = re.compile(r"localhost/mm-rebuild-(node|base|compiler):.*")
        unwanted += [name for name, _ in pairs if made.fullmatch(name) and name not in current]
    for name in unwanted:
        engine.run("rmi", name, check=False)  # one that a container uses stays
