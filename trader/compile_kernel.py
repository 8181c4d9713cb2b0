"""Compiles the modules that decide (`kernel`, and what it computes with) to machine code with mypyc, beside their sources, which stay the one truth:

    python trader/compile_kernel.py OUT

writes `OUT/mm_trader/…/*.so` and `OUT/*__mypyc*.so`, to be laid over an installed `mm_trader`, and prints OUT. Python takes a module's `.so` before its `.py`:
the same program in less time; without them it runs as it is. `--tree DIR` copies the sources there as well: a folder for PYTHONPATH.

Needs mypy, setuptools, a C compiler and Python's headers. What has been compiled is kept under `--cache`, by the sources' content, Python and mypy.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from importlib.metadata import version
from pathlib import Path

_HERE = Path(__file__).resolve().parent
_ROOT = _HERE.parent
PACKAGES = ("core", "kernel", "market", "orders", "portfolio", "risk", "strategy")
"""Of `mm_trader`: the kernel imports nothing of the rest (pyproject.toml's import contracts)."""
INTERPRETED = frozenset(
    {
        # errors and enumerations of Python's own kinds, and structs with default factories, which mypyc does not make
        "core/units.py",
        "kernel/settings.py",
        "strategy/parameters.py",
        # what others derive from or register by
        "core/clock.py",
        "strategy/avellaneda_stoikov.py",
        "strategy/base.py",
        "strategy/basic.py",
        "strategy/glft.py",
        "strategy/grid.py",
        "strategy/paper_quotes.py",
        "strategy/registry.py",
        "strategy/signal_skew.py",
        # plain data, or not called while trading
        "core/commands.py",
        "core/events.py",
        "core/state.py",
        "orders/diagram.py",
    }
)
_BUILD = """
import sys
from mypyc.build import mypycify
from setuptools import setup
target, modules = sys.argv[1], sys.argv[2:]
sys.argv[1:] = ["--quiet", "build_ext", "--build-lib", target, "--build-temp", target + "-temp"]
options = ["--python-executable", sys.executable, "--explicit-package-bases", "--follow-imports=silent", "--ignore-missing-imports"]
setup(
    name="mm-rebuild-kernel",
    packages=[],
    py_modules=[],
    ext_modules=mypycify([*options, *modules], opt_level="3", debug_level="0", target_dir=target + "-c"),
)
"""


def compiled_modules() -> list[Path]:
    """The sources that are compiled, in order."""
    folder = _HERE / "mm_trader"
    found = (path for package in PACKAGES for path in (folder / package).glob("*.py"))
    return sorted(
        path
        for path in found
        if path.name != "__init__.py" and path.relative_to(folder).as_posix() not in INTERPRETED
    )


def key() -> str:
    """Changes when the outcome might: with any source that the compiled modules are or import, this file, Python, and mypy."""
    digest = hashlib.sha256(f"{sys.version} {sysconfig.get_platform()} {version('mypy')}".encode())
    sources = [path for package in PACKAGES for path in (_HERE / "mm_trader" / package).glob("*.py")]
    for path in (*sorted(sources), *sorted((_ROOT / "crds/mm_api").rglob("*.py")), Path(__file__)):
        digest.update(path.relative_to(_ROOT).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def compile_into(out: Path) -> None:
    """Run mypyc and the C compiler. Raises RuntimeError with their words when they refuse."""
    with tempfile.TemporaryDirectory(prefix="mm-compile-") as folder:
        target = Path(folder) / "out"
        modules = [os.path.relpath(path, _ROOT) for path in compiled_modules()]
        done = subprocess.run(
            [sys.executable, "-c", _BUILD, str(target), *modules],
            cwd=_ROOT,
            env={**os.environ, "MYPYPATH": "crds:operator:trader", "MYPY_CACHE_DIR": f"{folder}/mypy"},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(
                f"the kernel could not be compiled (exit {done.returncode}):\n{(done.stdout + done.stderr)[-4000:]}"
            )
        shutil.copytree(target, out)


def compiled(cache: Path) -> Path:
    """The folder with the compiled modules of the present sources; made where there is none."""
    home = cache / key()
    if not home.exists():
        print(
            f"compiling {len(compiled_modules())} modules of the kernel (a minute)",
            file=sys.stderr,
            flush=True,
        )
        unfinished = cache / f"{home.name}.{os.getpid()}"
        shutil.rmtree(unfinished, ignore_errors=True)
        compile_into(unfinished)
        with contextlib.suppress(OSError):  # another process was there first: its outcome is as good
            unfinished.rename(home)
        shutil.rmtree(unfinished, ignore_errors=True)
    return home


def make_tree(home: Path, tree: Path) -> None:
    """`tree` becomes the sources of `mm_trader` with the compiled modules over them."""
    fresh = tree.with_name(f"{tree.name}.{os.getpid()}")
    shutil.copytree(_HERE / "mm_trader", fresh / "mm_trader", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(home, fresh, dirs_exist_ok=True)
    shutil.rmtree(tree, ignore_errors=True)
    fresh.rename(tree)


def main() -> int:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("out", nargs="?", type=Path, help="where the compiled modules are put")
    parser.add_argument("--tree", type=Path, metavar="DIR", help="sources and compiled modules together")
    parser.add_argument("--cache", type=Path, metavar="DIR", help="where what has been compiled is kept")
    given = parser.parse_args()
    cache = (
        given.cache
        or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mm-rebuild/compiled"
    )
    cache.mkdir(parents=True, exist_ok=True)
    try:
        home = compiled(cache)
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return 1
    if given.out:
        shutil.copytree(home, given.out, dirs_exist_ok=True)
    if given.tree:
        make_tree(home, given.tree)
    print(given.tree or given.out or home)
    return 0


if __name__ == "__main__":
    sys.exit(main())
