"""The lists of defences against code, tests and pages: lines and tests exist, pages show the tables. `make defences` breaks the lines."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
_spec = importlib.util.spec_from_file_location("defence_rows", ROOT / "tests/defences/rows.py")
assert _spec is not None
assert _spec.loader is not None
defences = importlib.util.module_from_spec(_spec)
sys.modules[_spec.name] = defences
_spec.loader.exec_module(defences)


@pytest.mark.parametrize("name", defences.LISTS)
def test_every_line_and_every_test_is_there(name: str) -> None:
    """A line that has changed: write what it is now, and see by `make defences ARGS="--only WORD"` that its tests still notice."""
    assert defences.problems(name) == []


def test_code_without_a_defence_is_code_all_the_same(tmp_path: Path) -> None:
    """A name that is not there would fail every test, whatever it looks at: only the defence may be missing."""
    number = 0
    for name in defences.LISTS:
        for row in defences.rows(name):
            for defence in row.defences:
                for edit in defence.edits:
                    if edit.file.endswith(".py"):
                        number += 1
                        text = edit.break_in((ROOT / edit.file).read_text())
                        (tmp_path / f"{number}_{Path(edit.file).name}").write_text(text)
    wrong = ["--isolated", "--select", "E9,F8", "--ignore", "F811,F841,F842", "--output-format", "concise"]
    ruff = Path(sys.executable).with_name("ruff")
    ran = subprocess.run([ruff, "check", *wrong, tmp_path], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout


@pytest.mark.parametrize(
    ("name", "page"), [("elsewhere", "docs/seen-elsewhere.md"), ("formulas", "docs/formulas.md")]
)
def test_the_page_shows_the_table(name: str, page: str) -> None:
    text = (ROOT / page).read_text()
    assert text == defences.with_table(text, name), "write it: make defences ARGS=--page"


def test_every_row_of_bad_input_has_its_defence_and_none_is_left_over() -> None:
    text = (ROOT / "docs/failures.md").read_text()
    section = text.partition("## Bad input")[2].partition("\n## ")[0]
    rows = [line.split(" | ")[0].removeprefix("| ") for line in section.splitlines() if line.startswith("| ")]
    assert rows[1:] == [row.name for row in defences.rows("bad_input")]


def test_a_line_that_is_not_there_or_not_alone_is_named() -> None:
    edit = defences.Edit("x.py", "a = 1", "a = 2")
    assert edit.break_in("a = 1\nb = 1") == "a = 2\nb = 1"
    for text, count in (("b = 1", 0), ("a = 1\na = 1", 2)):
        with pytest.raises(ValueError, match=f"x.py: 'a = 1' is found {count} times"):
            edit.break_in(text)


def test_every_test_that_failures_md_names_is_there_and_every_row_names_one() -> None:
    """A name is that of a file, of a folder, or the beginning of a test's."""
    files = list((ROOT / "tests").rglob("test_*.py"))
    functions = {line[4:].split("(")[0].strip() for file in files for line in _definitions(file)}
    missing = []
    for line in (ROOT / "docs/failures.md").read_text().splitlines():
        cells = line.strip("| ").split(" | ")
        if not line.startswith("| ") or cells[0] == "event":
            continue
        said = re.findall(r"`((?:tests/|test_)[^`]*)`", cells[-1])
        good = [name for name in said if _there(name, files, functions)]
        if good != said or not (said or cells[-1] == "the same"):
            missing.append((cells[0], said))
    assert missing == []


def _definitions(file: Path) -> list[str]:
    lines = [line.removeprefix("async ") for line in file.read_text().splitlines()]
    return [line for line in lines if line.startswith("def test_")]


def _there(name: str, files: list[Path], functions: set[str]) -> bool:
    if name.startswith("tests/"):
        return (ROOT / name).exists()
    start = name.removesuffix("…")
    return any(file.stem == name for file in files) or any(test.startswith(start) for test in functions)
