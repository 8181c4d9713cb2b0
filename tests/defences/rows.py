"""What went wrong elsewhere, what is bad input, what a formula is: each row with the lines of code that answer it, and the tests that fail without them.

A defence is a piece of text in one file of the code and what it becomes when the defence is missing. `run.py` breaks one at a time and looks whether its tests
notice; a unit test holds the rows to the code, to the tests and to the pages.
"""

from __future__ import annotations

import ast
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
LISTS = ("elsewhere", "bad_input", "formulas")
BEGIN, END = "<!-- generated from tests/defences/{} -->", "<!-- end -->"


@dataclass(frozen=True)
class Edit:
    """A place in the code, and what stands there when the defence is missing."""

    file: str
    """Under the root of the checkout."""
    line: str
    """Found exactly once in the file."""
    broken: str

    def break_in(self, text: str) -> str:
        """The file's text without the defence. Raises ValueError if the line is not there, or not alone."""
        count = text.count(self.line)
        if count != 1:
            raise ValueError(f"{self.file}: {self.line!r} is found {count} times, not once")
        return text.replace(self.line, self.broken)


@dataclass(frozen=True)
class Defence:
    """One thing the code does, and the tests that fail when it does not."""

    what: str
    edits: tuple[Edit, ...]
    """More than one where the same is seen to in more than one place: broken together."""
    tests: tuple[str, ...]
    """`tests/…/test_x.py::test_y`; each must fail."""


@dataclass(frozen=True)
class Row:
    """One row of a list."""

    name: str
    columns: dict[str, str]
    """What else the page shows of it."""
    defences: tuple[Defence, ...]


def rows(name: str) -> list[Row]:
    """The rows of one list, in its order."""
    data = tomllib.loads((Path(__file__).parent / f"{name}.toml").read_text())
    return [_row(each) for each in data["row"]]


def _row(data: dict[str, Any]) -> Row:
    defences = tuple(
        Defence(
            each["what"],
            tuple(Edit(edit["in"], edit["line"], edit["broken"]) for edit in (each, *each.get("also", ()))),
            tuple(each["tests"]),
        )
        for each in data["defence"]
    )
    columns = {key: value for key, value in data.items() if key not in ("row", "defence")}
    return Row(data["row"], columns, defences)


@cache
def functions(file: Path) -> frozenset[str]:
    """Names of the test functions that a file defines."""
    tree = ast.parse(file.read_text())
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, kinds))


def problems(name: str) -> list[str]:
    """Where a list and the checkout have come apart."""
    found = []
    for row in rows(name):
        if not row.defences:
            found.append(f"{row.name}: no defence")
        for defence in row.defences:
            for edit in defence.edits:
                try:
                    edit.break_in((ROOT / edit.file).read_text())
                except (OSError, ValueError) as error:
                    found.append(f"{row.name}: {error}")
            if not defence.tests:
                found.append(f"{row.name}: {defence.what}: no test")
            for test in defence.tests:
                path, _, function = test.partition("::")
                file = ROOT / path
                if not file.is_file() or function.partition("[")[0] not in functions(file):
                    found.append(f"{row.name}: there is no {test}")
    return found


def table(name: str) -> str:
    """Markdown: a line for each row, with its defences and their tests."""
    lines = {
        "elsewhere": ["| seen | what happened | here | fails without it |", "|---|---|---|---|"],
        "formulas": [
            "| formula | page | worked, or the paper's, numbers | fails if it is changed |",
            "|---|---|---|---|",
        ],
    }[name]
    for row in rows(name):
        tests: dict[str, list[str]] = {}
        for defence in row.defences:
            for test in defence.tests:
                path, _, function = test.partition("::")
                tests.setdefault(Path(path).stem, []).append(function)
        shown = "; ".join(
            f"`{stem}`: {', '.join(f'`{name}`' for name in dict.fromkeys(names))}"
            for stem, names in tests.items()
        )
        if name == "elsewhere":
            here = "; ".join(defence.what for defence in row.defences)
            lines.append(f"| {row.name} | {row.columns['happened']} | {here} | {shown} |")
        else:
            lines.append(f"| {row.name} | {row.columns['page']} | {row.columns['numbers']} | {shown} |")
    return "\n".join(lines)


def with_table(page: str, name: str) -> str:
    """A page with the table in its place."""
    begin = BEGIN.format(f"{name}.toml")
    head, _, rest = page.partition(begin)
    _, _, tail = rest.partition(END)
    return f"{head}{begin}\n{table(name)}\n{END}{tail}"
