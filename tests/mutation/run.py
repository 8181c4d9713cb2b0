"""Mutation testing of orders/ and risk/: `make mutation`, `make mutation ONLY=risk`.

Verdicts are kept in build/mutation-verdicts: an interrupted run goes on where it was, and after a change only that is judged again which the change
may concern. At the end docs/mutation.md and docs/mutation-survivors.md are written.
`judge.py` judges, `mutants.py` makes mutants, `report.py` writes.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
MUTMUT = "mutmut==3.8.1"
"""Its operators are imported by name (`mutants.py`): another version is tried before it is named here."""
ENVIRONMENT = ROOT / "build" / "mutation"
BUILD = ROOT / "build" / "mutation-verdicts"
TESTS = "tests/unit/trader"
PACKAGES = ("orders", "risk")
LEFT_OUT = ("orders.diagram", "orders.__init__", "risk.__init__")
"""The diagram is text for a page, and a test holds the page to it."""


def environment(uv: Path) -> None:
    """The locked development environment and mutmut."""
    if (ENVIRONMENT / "bin" / "mutmut").exists():
        return
    values = os.environ | {"VIRTUAL_ENV": str(ENVIRONMENT)}
    subprocess.run(
        [uv, "venv", "--quiet", "--clear", "--python", ROOT / ".venv/bin/python", ENVIRONMENT], check=True
    )
    install = [uv, "pip", "install", "--quiet"]
    subprocess.run([*install, "-r", ROOT / "locks/dev.txt"], check=True, env=values)
    subprocess.run([*install, MUTMUT], check=True, env=values)


def modules(only: str) -> list[str]:
    """Full names of the files to judge; `only`: a package or the end of a module's name."""
    names = [
        f"{package}.{path.stem}"
        for package in PACKAGES
        for path in sorted((ROOT / "trader" / "mm_trader" / package).glob("*.py"))
    ]
    wanted = [n for n in names if n not in LEFT_OUT and (not only or n == only or n.startswith(f"{only}."))]
    if not wanted:
        sys.exit(
            f"--only {only}: neither a package ({', '.join(PACKAGES)}) nor one of its modules, such as orders.table"
        )
    return [f"mm_trader.{name}" for name in wanted]


def main() -> int:
    """Exit status 1 where less than the promised share was caught, or a test fails without any mutant."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--uv", type=Path, required=True)
    parser.add_argument("--only", default="", help="a package or a module: risk, orders.table")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="mutants judged at a time")
    parser.add_argument("--sample", type=int, help="so many mutants of each file, drawn with --seed")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--budget", type=float, default=20, help="seconds of tests a mutant is judged by, the likeliest first"
    )
    parser.add_argument("--report", action="store_true", help="only write what was judged so far")
    parser.add_argument("--fresh", action="store_true", help="forget what was judged before")
    options = parser.parse_args()
    environment(options.uv)
    if options.fresh:
        (BUILD / "verdicts.jsonl").unlink(missing_ok=True)
    plan = {
        "root": str(ROOT),
        "build": str(BUILD),
        "modules": modules(options.only),
        "workers": options.workers,
        "sample": options.sample,
        "seed": options.seed,
        "budget_s": options.budget,
    }
    paths = [ROOT / "crds", ROOT / "operator", ROOT / "trader", HERE]
    variables = os.environ | {
        "PYTHONPATH": os.pathsep.join(map(str, paths)),
        "PYTHONHASHSEED": "0",
        "MUTATION_PLAN": json.dumps(plan),
    }
    python = ENVIRONMENT / "bin" / "python"
    if not options.report:
        pytest = [python, "-m", "pytest", "-q", "-p", "judge", "-p", "no:cacheprovider", "-p", "no:xdist"]
        done = subprocess.run([*pytest, "-p", "no:cov", TESTS], cwd=ROOT, env=variables)
        # 5: no test was "run", which is how pytest sees it
        if done.returncode not in (0, 5):
            return 1
    return subprocess.run([python, HERE / "report.py"], cwd=ROOT, env=variables).returncode


if __name__ == "__main__":
    sys.exit(main())
