"""The compiled kernel decides as its sources do: the same stories of the simulation, byte for byte, and the same commands of every strategy."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SEEDS = 16
COMPILE = ROOT / "trader" / "compile_kernel.py"


def _out(words: list[str | Path], path: str = "") -> list[str]:
    done = subprocess.run(
        words, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return done.stdout.splitlines()


@pytest.mark.timeout(900)
def test_the_compiled_kernel_decides_as_its_sources_do(tmp_path: Path) -> None:
    _out(
        [sys.executable, COMPILE, "--tree", tmp_path / "tree"]
    )  # a minute where this kernel has not been compiled
    telling: list[str | Path] = [sys.executable, HERE / "telling.py", "1", str(SEEDS)]
    with ThreadPoolExecutor(2) as beside:
        runs = [beside.submit(_out, telling, path) for path in ("", str(tmp_path / "tree"))]
        plain, compiled = (run.result() for run in runs)
    assert plain[0] == "interpreted"
    assert compiled[0] == "compiled"
    assert len(plain) == 1 + SEEDS + 6
    assert compiled[1:] == plain[1:]


def test_each_module_of_the_kernel_is_compiled_or_named_as_one_that_is_not() -> None:
    sys.path.insert(0, str(COMPILE.parent))
    try:
        from compile_kernel import INTERPRETED, PACKAGES, compiled_modules
    finally:
        sys.path.remove(str(COMPILE.parent))
    folder = ROOT / "trader" / "mm_trader"
    assert {name for name in INTERPRETED if not (folder / name).is_file()} == set()
    compiled = {path.relative_to(folder).as_posix() for path in compiled_modules()}
    assert not compiled & INTERPRETED
    every = {
        path.relative_to(folder).as_posix()
        for package in PACKAGES
        for path in (folder / package).rglob("*.py")
    }
    assert {name for name in every - compiled - INTERPRETED if not name.endswith("__init__.py")} == set()
