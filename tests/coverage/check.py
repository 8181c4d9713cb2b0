"""Holds each package to the share of its lines that the tests must run (requirement R26). Usage: check.py REPORT, a report of `coverage json`."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

FLOORS: Mapping[str, float] = {
    "trader/mm_trader/kernel": 90,
    "trader/mm_trader/orders": 95,
    "trader/mm_trader/risk": 95,
    "trader/mm_trader/strategy": 90,
    "trader/mm_trader/venue": 80,
    "trader/mm_trader/core": 75,
    "trader/mm_trader/market": 75,
    "trader/mm_trader/portfolio": 75,
    "trader/mm_trader/shell": 75,
    "trader/mm_trader/deadman": 75,
    "trader/mm_trader": 75,
    "operator/mm_operator": 75,
    "crds/mm_api": 75,
}
"""Per cent, by folder; a file counts for the longest that it is under. The kernel is R26's engine."""


class Covered(NamedTuple):
    """Lines of one package."""

    package: str
    lines: int
    run: int
    floor: float

    @property
    def share(self) -> float:
        """Per cent."""
        return 100 * self.run / self.lines if self.lines else 100.0

    @property
    def enough(self) -> bool:
        """At or above its floor."""
        return self.share >= self.floor


def package_of(path: str, floors: Mapping[str, float] = FLOORS) -> str | None:
    """The folder of FLOORS that a file counts for; None: it is not ours to judge."""
    under = [folder for folder in floors if path.startswith(f"{folder}/")]
    return max(under, key=len, default=None)


def judge(files: Mapping[str, Mapping[str, int]], floors: Mapping[str, float] = FLOORS) -> list[Covered]:
    """One row per package. `files`: path → summary of `coverage json`. A package of which no file was seen has no line run, and fails."""
    lines, run = dict.fromkeys(floors, 0), dict.fromkeys(floors, 0)
    for path, summary in files.items():
        package = package_of(path, floors)
        if package is not None:
            lines[package] += summary["num_statements"]
            run[package] += summary["covered_lines"]
    return [Covered(package, lines[package] or 1, run[package], floor) for package, floor in floors.items()]


def main(report: Path) -> int:
    """Exit status 1 if a package is below its floor."""
    files = {path: entry["summary"] for path, entry in json.loads(report.read_text())["files"].items()}
    rows = judge(files)
    print(f"\n{'package':28} lines   run  per cent  floor")
    for row in rows:
        verdict = "" if row.enough else "  too low"
        print(f"{row.package:28} {row.lines:5} {row.run:5}  {row.share:8.1f}  {row.floor:5.0f}{verdict}")
    return not all(row.enough for row in rows)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
