"""The gate on coverage: each package by itself, and nothing unseen passes."""

from __future__ import annotations

import importlib.util
from pathlib import Path

ROOT = Path(__file__).parents[3]
_spec = importlib.util.spec_from_file_location("coverage_check", ROOT / "tests/coverage/check.py")
assert _spec is not None
assert _spec.loader is not None
check = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(check)

FLOORS = {"a/orders": 95.0, "a": 75.0}


def test_a_file_counts_for_its_own_package_alone() -> None:
    assert check.package_of("a/orders/x.py", FLOORS) == "a/orders"
    assert check.package_of("a/x.py", FLOORS) == "a"
    assert check.package_of("b/x.py", FLOORS) is None


def test_a_package_below_its_floor_fails_whatever_the_others_do() -> None:
    files = {
        "a/orders/x.py": {"num_statements": 100, "covered_lines": 94},
        "a/y.py": {"num_statements": 1000, "covered_lines": 1000},
    }
    orders, rest = check.judge(files, FLOORS)
    assert not orders.enough
    assert rest.enough


def test_a_package_that_no_test_has_seen_fails() -> None:
    assert not all(row.enough for row in check.judge({}, FLOORS))


def test_every_package_of_the_trader_has_a_floor() -> None:
    packages = {path.parent.name for path in (ROOT / "trader/mm_trader").glob("*/__init__.py")}
    named = {folder.rsplit("/", 1)[1] for folder in check.FLOORS}
    assert packages <= named, packages - named
