"""Break each defence for a moment, in a copy of the code, and see that its tests fail: `make defences`. Nothing in the checkout is touched.

A test that passes although the line it watches over is broken could not have failed; it is named, and the exit status is 1.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from rows import LISTS, ROOT, Defence, Row, rows, with_table

PAGES = {"elsewhere": "docs/seen-elsewhere.md", "formulas": "docs/formulas.md"}
PARTS = ("crds", "operator", "trader")
LONGEST_S = 300


def passed_although_broken(defence: Defence) -> list[str]:
    """Tests of a defence that do not notice its absence, and what else went wrong; empty: all fail as they should."""
    with tempfile.TemporaryDirectory(prefix="mm-defence-") as scratch:
        for edit in defence.edits:
            package = Path(*Path(edit.file).parts[:2])  # trader/mm_trader and the like
            copy = Path(scratch) / package.name
            if not copy.exists():
                shutil.copytree(
                    ROOT / package, copy
                )  # byte code with it: what is not changed need not be compiled anew
            broken = copy / Path(edit.file).relative_to(package)
            broken.write_text(edit.break_in(broken.read_text()))
        report = Path(scratch) / "report.xml"
        quick = ["-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:cov"]
        command = [sys.executable, "-m", "pytest", *quick, f"--junitxml={report}"]
        ran = subprocess.run(
            [*command, *defence.tests],
            cwd=ROOT,
            env=os.environ
            | {"PYTHONPATH": os.pathsep.join((scratch, *(str(ROOT / part) for part in PARTS)))},
            capture_output=True,
            text=True,
            timeout=LONGEST_S,
            check=False,
        )
        if ran.returncode != 1 or not report.exists():
            if ran.returncode == 0:
                return list(defence.tests)
            return [f"pytest ended with {ran.returncode}: {ran.stdout[-600:]}{ran.stderr[-600:]}"]
        return _unmoved(defence, report)


def _unmoved(defence: Defence, report: Path) -> list[str]:
    """A parametrised test has noticed if one of its cases has."""
    noticed: set[str] = set()
    for case in ElementTree.parse(report).iter("testcase"):
        if case.find("failure") is not None or case.find("error") is not None:
            noticed.add((case.get("name") or "").partition("[")[0])
    return [test for test in defence.tests if test.partition("::")[2].partition("[")[0] not in noticed]


def main() -> int:
    """Exit status 0: each test of each defence can fail."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--list", choices=LISTS, help="this list alone")
    parser.add_argument("--only", default="", help="rows and defences with this in their words")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--page", action="store_true", help="only write the tables into their pages")
    options = parser.parse_args()
    if options.page:
        for name, page in PAGES.items():
            path = ROOT / page
            path.write_text(with_table(path.read_text(), name))
        return 0
    jobs = [
        (row, defence)
        for name in LISTS
        if options.list in (None, name)
        for row in rows(name)
        for defence in row.defences
        if options.only in row.name or options.only in defence.what
    ]
    began = time.monotonic()
    blind = 0

    def judge(job: tuple[Row, Defence]) -> tuple[Row, Defence, list[str]]:
        try:
            return (*job, passed_although_broken(job[1]))
        except (OSError, ValueError, subprocess.TimeoutExpired) as error:
            return (*job, [str(error)])

    with ThreadPoolExecutor(options.workers) as pool:
        for row, defence, unmoved in pool.map(judge, jobs):
            blind += bool(unmoved)
            mark = "NOT NOTICED" if unmoved else "noticed"
            print(f"{mark:11}  {row.name}: {defence.what}", flush=True)
            for test in unmoved:
                print(f"             {test}", flush=True)
    tests = {test for _, defence in jobs for test in defence.tests}
    print(
        f"{len(jobs)} defences broken, {len(tests)} tests, {time.monotonic() - began:.0f} s: {blind} not noticed"
    )
    return bool(blind)


if __name__ == "__main__":
    sys.exit(main())
