"""Runs every bench and writes docs/benchmarks.md: `make bench`, or `python tests/bench/run.py [--only NAME] [--strict]`.

A bench is a module `bench_*.py` in this folder with `run(data_dir: Path | None) -> list[Figure]`. Recorded data come from MM_DATA, or from
`../shared/data` beside the checkout; without any, synthetic frames of the same shape are used, and the notes say so.
"""

from __future__ import annotations

import argparse
import importlib
import os
import platform
import subprocess
import sys
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PAGE = ROOT / "docs" / "benchmarks.md"
BEGIN = "<!-- figures: written by tests/bench/run.py, do not edit between these marks -->"
END = "<!-- end of figures -->"
_BEGUN = "MM_BENCH_COMPILED"
"""Set for the process that begins anew with the compiled kernel."""
HEAD = "# Benchmarks\n\nMeasured, not estimated; each with the command that repeats it.\n"

sys.path.insert(0, str(HERE))

from benchkit import Figure  # noqa: E402 - this folder is on the path from here on

from mm_trader.kernel import COMPILED  # noqa: E402


def data_dir() -> Path | None:
    """Where recorded data lie, or None."""
    named = os.environ.get("MM_DATA")
    folder = Path(named) if named else ROOT.parent / "shared" / "data"
    return folder if (folder / "binance-spot-2024-08").is_dir() else None


def load() -> str:
    """Of the last minute: a figure of a busy machine is worth less."""
    return f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"


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
    return (
        f"{model}, {os.cpu_count()} cores{memory}; {platform.system()} {platform.release()}; "
        f"Python {platform.python_version()}; kernel {'compiled' if COMPILED else 'interpreted'}"
    )


def number(value: float) -> str:
    """Three significant digits or more, thousands apart."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def row(figure: Figure) -> tuple[str, ...]:
    verdict = {None: "", True: "reached", False: "MISSED"}[figure.met]
    return (figure.name, number(figure.value), figure.unit, figure.target, verdict, figure.note)


def rows_kept(page: str, but: Collection[str]) -> dict[str, list[str]]:
    """The page's rows of benches that were not run now, by bench."""
    kept: dict[str, list[str]] = {}
    for line in page.split(BEGIN, 1)[1].split(END, 1)[0].splitlines():
        bench = line.split("|")[1].strip() if line.startswith("| ") else ""
        if bench and bench != "bench" and bench not in but:
            kept.setdefault(bench, []).append(line)
    return kept


def markdown(header: str, rows: Mapping[str, list[str]]) -> str:
    """The part of the page between the marks."""
    lines = [
        BEGIN,
        "",
        f"Machine: {header}",
        "",
        "Command: `make bench`, or `.venv/bin/python tests/bench/run.py --only BENCH`",
        "",
    ]
    lines += [
        "| bench | what | measured | unit | must reach | | when, load before | note |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for bench in sorted(rows):
        lines += rows[bench]
    return "\n".join([*lines, "", END])


def write_page(header: str, stamps: Mapping[str, str], figures: Mapping[str, list[Figure]]) -> None:
    """Replace the rows of the benches that were run; all else on the page stays."""
    page = PAGE.read_text(encoding="utf-8") if PAGE.exists() else f"{HEAD}\n{BEGIN}\n{END}\n"
    if BEGIN not in page or END not in page:
        page = f"{page.rstrip()}\n\n{BEGIN}\n{END}\n"
    rows = rows_kept(page, [bench for bench, measured in figures.items() if measured])
    for bench, measured in figures.items():
        for figure in measured:
            *cells, note = row(figure)
            rows.setdefault(bench, []).append(
                f"| {bench} | " + " | ".join([*cells, stamps[bench], note]) + " |"
            )
    before, rest = page.split(BEGIN, 1)
    PAGE.write_text(before + markdown(header, rows) + rest.split(END, 1)[1], encoding="utf-8")


def use_compiled() -> None:
    """Begin anew with the compiled kernel, as the image has it, for this process and those it starts; return when it is in use."""
    tree = ROOT / "build" / "compiled"
    if os.environ.get("PYTHONPATH", "").split(os.pathsep)[0] == str(tree) and os.environ.pop(_BEGUN, ""):
        return
    for words in (
        [ROOT / "tests/cluster/compiler-here", sys.executable],
        [sys.executable, ROOT / "trader/compile_kernel.py", "--tree", tree],
    ):
        if subprocess.run(words, stdout=sys.stderr, check=False).returncode:
            raise SystemExit("mend that, or measure the sources as they are: --interpreted")
    path = os.pathsep.join(filter(None, (str(tree), os.environ.get("PYTHONPATH"))))
    os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, "PYTHONPATH": path, _BEGUN: "1"})


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="run only bench_NAME.py")
    parser.add_argument("--strict", action="store_true", help="exit 1 when a target is missed")
    parser.add_argument("--no-write", action="store_true", help="leave docs/benchmarks.md as it is")
    parser.add_argument(
        "--interpreted", action="store_true", help="the kernel as it stands in the sources, not compiled"
    )
    options = parser.parse_args()
    if not options.interpreted:
        use_compiled()
    names = sorted(path.stem for path in HERE.glob("bench_*.py"))
    if options.only:
        unknown = [name for name in options.only if f"bench_{name}" not in names]
        if unknown:
            parser.error(f"no such bench: {', '.join(unknown)}; there are {', '.join(n[6:] for n in names)}")
        names = [f"bench_{name}" for name in options.only]
    header = machine()
    print(f"{header}; load {load()}", flush=True)
    figures: dict[str, list[Figure]] = {}
    stamps: dict[str, str] = {}
    for name in names:
        stamps[name[6:]] = f"{datetime.now(UTC):%Y-%m-%d}, {load()}"
        figures[name[6:]] = importlib.import_module(name).run(data_dir())
        for figure in figures[name[6:]]:
            print(
                "  ".join(
                    f"{cell:<{width}}" for cell, width in zip(row(figure), (58, 9, 9, 9, 8, 0), strict=True)
                ),
                flush=True,
            )
    if not options.no_write:
        write_page(header, stamps, figures)
    missed = [figure.name for measured in figures.values() for figure in measured if figure.met is False]
    if missed:
        print("missed: " + "; ".join(missed))
    return 1 if missed and options.strict else 0


if __name__ == "__main__":
    sys.exit(main())
