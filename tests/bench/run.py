"""Runs every bench and writes docs/benchmarks.md: `make bench`, or `python tests/bench/run.py [--only NAME] [--strict]`.

A bench is a module `bench_*.py` in this folder with `run(data_dir: Path | None) -> list[Figure]`. Recorded data come from MM_DATA, or from
`../shared/data` beside the checkout; without any, synthetic frames of the same shape are used, and the notes say so.
"""

from __future__ import annotations

import argparse
import importlib
import os
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PAGE = ROOT / "docs" / "benchmarks.md"
BEGIN = "<!-- figures: written by tests/bench/run.py, do not edit between these marks -->"
END = "<!-- end of figures -->"
HEAD = "# Benchmarks\n\nMeasured, not estimated; each with the command that repeats it.\n"

sys.path.insert(0, str(HERE))

from benchkit import Figure  # noqa: E402 - this folder is on the path from here on


def data_dir() -> Path | None:
    """Where recorded data lie, or None."""
    named = os.environ.get("MM_DATA")
    folder = Path(named) if named else ROOT.parent / "shared" / "data"
    return folder if (folder / "binance-spot-2024-08").is_dir() else None


def machine() -> str:
    """One line on what it ran on."""
    model = platform.processor() or platform.machine()
    memory = ""
    cpuinfo, meminfo = Path("/proc/cpuinfo"), Path("/proc/meminfo")
    if cpuinfo.exists():
        names = [
            line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line
        ]
        model = names[0] if names else model
    if meminfo.exists():
        memory = f", {int(meminfo.read_text().split()[1]) // 2**20} GiB"
    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"
    return (
        f"{model}, {os.cpu_count()} cores{memory}; {platform.system()} {platform.release()}; "
        f"Python {platform.python_version()}; load before the run {load}"
    )


def number(value: float) -> str:
    """Three significant digits or more, thousands apart."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def row(figure: Figure) -> tuple[str, ...]:
    verdict = {None: "", True: "reached", False: "MISSED"}[figure.met]
    return (figure.name, number(figure.value), figure.unit, figure.target, verdict, figure.note)


def markdown(header: str, command: str, figures: dict[str, list[Figure]]) -> str:
    """The part of the page between the marks."""
    lines = [BEGIN, "", f"Machine: {header}", "", f"Command: `{command}`", ""]
    lines += ["| bench | what | measured | unit | must reach | | note |", "|---|---|---|---|---|---|---|"]
    for bench, measured in figures.items():
        lines += [f"| {bench} | " + " | ".join(row(figure)) + " |" for figure in measured]
    return "\n".join([*lines, "", END])


def write_page(text: str) -> None:
    """Replace what is between the marks; anything else on the page stays."""
    page = PAGE.read_text(encoding="utf-8") if PAGE.exists() else f"{HEAD}\n{BEGIN}\n{END}\n"
    if BEGIN not in page or END not in page:
        page = f"{page.rstrip()}\n\n{BEGIN}\n{END}\n"
    before, rest = page.split(BEGIN, 1)
    PAGE.write_text(before + text + rest.split(END, 1)[1], encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="run only bench_NAME.py")
    parser.add_argument("--strict", action="store_true", help="exit 1 when a target is missed")
    parser.add_argument("--no-write", action="store_true", help="leave docs/benchmarks.md as it is")
    options = parser.parse_args()
    names = sorted(path.stem for path in HERE.glob("bench_*.py"))
    if options.only:
        unknown = [name for name in options.only if f"bench_{name}" not in names]
        if unknown:
            parser.error(f"no such bench: {', '.join(unknown)}; there are {', '.join(n[6:] for n in names)}")
        names = [f"bench_{name}" for name in options.only]
    header = f"{machine()}; {datetime.now(UTC):%Y-%m-%d}"
    print(header, flush=True)
    figures: dict[str, list[Figure]] = {}
    for name in names:
        figures[name[6:]] = importlib.import_module(name).run(data_dir())
        for figure in figures[name[6:]]:
            print(
                "  ".join(
                    f"{cell:<{width}}" for cell, width in zip(row(figure), (58, 9, 9, 9, 8, 0), strict=True)
                ),
                flush=True,
            )
    # a partial run would leave the other benches' rows out of the page
    if not options.no_write and not options.only:
        write_page(markdown(header, "make bench", figures))
    missed = [figure.name for measured in figures.values() for figure in measured if figure.met is False]
    if missed:
        print("missed: " + "; ".join(missed))
    return 1 if missed and options.strict else 0


if __name__ == "__main__":
    sys.exit(main())
