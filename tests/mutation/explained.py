"""Survivors and their explanations (`survivors.toml`) held against each other: a survivor without one fails the run, and so does one without a survivor."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

FILE = Path(__file__).with_name("survivors.toml")
ALL = "*"
"""In place of a changed line: every survivor of the function that has no line of its own."""

Explanations = Mapping[str, Mapping[str, str]]
"""By function (`package.module.Class.name`): changed line, or ALL → why it survives."""


@dataclass(frozen=True)
class Survivor:
    """A change that no test noticed."""

    function: str
    before: str
    after: str
    executed: bool = True
    """False: no test executes the line."""


@dataclass(frozen=True)
class Listing:
    """What is to be written, and what is wrong with it."""

    text: str
    """Markdown: a table for each function."""
    unexplained: list[str]
    """Survivors nobody has explained: `function: changed line`."""
    stale: list[str]
    """Explanations of nothing that survives."""


def explanations() -> Explanations:
    """The file."""
    return tomllib.loads(FILE.read_text())


def listing(survivors: Iterable[Survivor], why: Explanations, judged: Collection[str]) -> Listing:
    """`judged`: the modules (`package.module`) all of whose mutants were judged; of any other no explanation is called stale."""
    lines: list[str] = []
    unexplained: list[str] = []
    used: set[tuple[str, str]] = set()
    heading = ""
    for survivor in survivors:
        function = survivor.function
        if function != heading:
            heading = function
            lines += [f"\n## {function}", "| line | becomes | why it survives |", "|---|---|---|"]
        reasons = why.get(function, {})
        key = survivor.after if survivor.after in reasons else ALL
        used.add((function, key))
        reason = reasons.get(key, "")
        if not reason:
            unexplained.append(f"{function}: {survivor.after}")
        note = reason or "**not explained**"
        if not survivor.executed:
            note = f"no test executes it; {note}"
        lines.append(f"| `{_cell(survivor.before)}` | `{_cell(survivor.after)}` | {note} |")
    stale = [
        f"{function}: {change}"
        for function, reasons in why.items()
        for change in reasons
        if (function, change) not in used and ".".join(function.split(".")[:2]) in judged
    ]
    return Listing("\n".join(lines) + "\n", unexplained, stale)


def _cell(code: str) -> str:
    return code.replace("|", "\\|").replace("`", "'")
