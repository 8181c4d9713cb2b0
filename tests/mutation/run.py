"""Mutation testing of orders/ and risk/ (mutmut, in an environment and a tree of its own): `make mutation`, `make mutation ONLY=risk`.

The tree in build/mutation-tree holds a copy of the trader and of its unit tests, so that nothing in the checkout is touched; mutmut remembers there what it
has judged, and goes on after an interruption. The share of mutants killed is printed by module, with the survivors; docs/mutation.md explains those.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MUTMUT = "mutmut==3.8.1"
ENVIRONMENT = ROOT / "build" / "mutation"
TREE = ROOT / "build" / "mutation-tree"
PACKAGES = ("orders", "risk")
TESTS = (
    "test_order_life.py",
    "test_order_states.py",
    "test_order_table.py",
    "test_order_properties.py",
    "test_order_policies.py",
    "test_reconcile.py",
    "test_oddities.py",
    "test_checks.py",
    "test_exposure.py",
    "test_ledger.py",
    "test_loss_limits.py",
    "test_evidence.py",
    "test_kernel_quoting.py",
)
"""Of tests/unit/trader: what is about orders and risk, and fast."""
LEAST = 85.0
"""Per cent of the mutants that some test must notice."""
CAUGHT = ("killed", "timeout", "segfault", "caught by type check")
LEFT_OUT = ("src/mm_trader/orders/diagram.py",)
"""Text for a page; a test holds the page to it."""


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


def tree(only: tuple[str, ...]) -> None:
    """Copies, and mutmut's and pytest's settings."""
    for source, target in (("trader/mm_trader", "src/mm_trader"), ("tests/unit/trader", "tests/unit/trader")):
        shutil.rmtree(TREE / target, ignore_errors=True)
        shutil.copytree(ROOT / source, TREE / target, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.rmtree(TREE / "mutants" / "tests", ignore_errors=True)
    for file in (TREE / "tests/unit/trader").glob("test_*.py"):
        if file.name not in TESTS:
            file.unlink()
    shutil.copytree(ROOT / "docs", TREE / "docs", dirs_exist_ok=True)
    mutate = "\n    ".join(f"src/mm_trader/{package}/*" for package in only)
    left_out = "\n    ".join(LEFT_OUT)
    (TREE / "setup.cfg").write_text(
        f"[mutmut]\nsource_paths=\n    src\nonly_mutate=\n    {mutate}\ndo_not_mutate=\n    {left_out}\n"
        "pytest_add_cli_args_test_selection=\n    tests\npytest_add_cli_args=\n    -p\n    no:cacheprovider\n"
        "also_copy=\n    docs\n    pytest.ini\n    tests\n"
    )
    (TREE / "pytest.ini").write_text("[pytest]\nasyncio_mode = auto\ntimeout = 60\nmarkers =\n    bench: x\n")
    (TREE / "tests/unit/trader/conftest.py").write_text(
        "from hypothesis import settings\n"
        "settings.register_profile('mutation', derandomize=True, deadline=None, database=None)\n"
        "settings.load_profile('mutation')\n"
    )


def report() -> float:
    """Print what was judged. The share that was caught, per cent."""
    done = subprocess.run(
        [ENVIRONMENT / "bin" / "mutmut", "results", "--all", "true"],
        cwd=TREE, check=True, capture_output=True, text=True, env=_variables(),
    )  # fmt: skip
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    survivors = []
    for line in done.stdout.splitlines():
        name, _, verdict = line.strip().rpartition(": ")
        if not name:
            continue
        module = name.split(".x")[0]
        counts[module][verdict] += 1
        if verdict not in CAUGHT and verdict != "not checked":
            survivors.append(f"{verdict:10} {name}")
    total: Counter[str] = Counter()
    print(f"\n{'module':44} mutants  caught  per cent")
    for module in sorted(counts):
        total += counts[module]
        _line(module, counts[module])
    share = _line("all", total)
    print("\n" + "\n".join(survivors))
    return share


def _line(name: str, counts: Counter[str]) -> float:
    judged = sum(count for verdict, count in counts.items() if verdict != "not checked")
    caught = sum(counts[verdict] for verdict in CAUGHT)
    share = 100 * caught / judged if judged else 0.0
    unjudged = f"  ({counts['not checked']} not judged)" if counts["not checked"] else ""
    print(f"{name:44} {judged:7} {caught:7}  {share:7.1f}{unjudged}")
    return share


def _variables() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(ROOT / "crds"), "HYPOTHESIS_STORAGE_DIRECTORY": str(TREE / "h")}


def main() -> int:
    """Exit status 1 where less than LEAST was caught."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--uv", type=Path, required=True)
    parser.add_argument("--only", choices=PACKAGES, help="one package")
    parser.add_argument(
        "--match", default="", help="mutmut's pattern of names, such as 'mm_trader.orders.states*'"
    )
    parser.add_argument("--children", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--report", action="store_true", help="only print what was judged so far")
    options = parser.parse_args()
    environment(options.uv)
    if not options.report:
        tree((options.only,) if options.only else PACKAGES)
        command = [ENVIRONMENT / "bin" / "mutmut", "run", "--max-children", str(options.children)]
        code = subprocess.run(
            [*command, *([options.match] if options.match else [])], cwd=TREE, env=_variables()
        ).returncode
        if code:
            print(f"mutmut ended with {code}", file=sys.stderr)
    return report() < LEAST


if __name__ == "__main__":
    sys.exit(main())
