"""What was judged, on disk: one line of JSON a verdict, appended as it falls, so that an interrupted run goes on where it was."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Literal

import msgspec

VerdictName = Literal["killed", "timed out", "survived", "no test"]
"""`no test`: no test executes the changed line. It counts as survived."""


class Verdict(msgspec.Struct, frozen=True, omit_defaults=True):
    """On one mutant."""

    key: str
    verdict: VerdictName
    test: str = ""
    """That noticed it."""
    files: dict[str, str] = {}
    """Versions of the files whose tests it was judged by; of a caught one, of the file of the test that noticed it."""
    budget_s: float = 0.0
    """Of a survivor: the processor time of tests that it was given."""

    @property
    def caught(self) -> bool:
        return self.verdict in ("killed", "timed out")


class Verdicts:
    """The last verdict on each mutant."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._by_key: dict[str, Verdict] = {}
        if path.exists():
            for line in path.read_bytes().splitlines():
                try:
                    found = msgspec.json.decode(line, type=Verdict)
                except msgspec.DecodeError:
                    continue  # half a line: the run was killed while it wrote
                self._by_key[found.key] = found

    def get(self, key: str) -> Verdict | None:
        """None: not judged."""
        return self._by_key.get(key)

    def add(self, verdict: Verdict) -> None:
        """Keep it, here and on disk."""
        self._by_key[verdict.key] = verdict
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("ab") as file:
            file.write(msgspec.json.encode(verdict) + b"\n")


class Trace(msgspec.Struct, frozen=True):
    """What a test executes."""

    seconds: float
    """Processor time."""
    lines: dict[str, list[int]]
    """Of each file, named from the root of the checkout: a copy of the build folder is good in another one."""

    @property
    def breadth(self) -> int:
        """Lines in all: the fewer, the more a test says about each."""
        return sum(map(len, self.lines.values()))


class Traces:
    """Of every test, kept by test file for as long as neither it nor the code that is mutated has changed."""

    class _File(msgspec.Struct):
        version: str
        tests: dict[str, Trace]

    def __init__(self, path: Path) -> None:
        self._path = path
        self._files: dict[str, Traces._File] = {}
        if path.exists():
            self._files = msgspec.json.decode(path.read_bytes(), type=dict[str, Traces._File])

    def has(self, file: str, version: str) -> bool:
        """True: nothing changed since."""
        return file in self._files and self._files[file].version == version

    def put(self, file: str, version: str, tests: dict[str, Trace]) -> None:
        """Keep a file's, here and on disk."""
        self._files[file] = Traces._File(version, tests)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.write_bytes(msgspec.json.encode(self._files))

    def all(self, files: set[str]) -> dict[str, Trace]:
        """By the test's name."""
        return {name: trace for file in files for name, trace in self._files[file].tests.items()}


def version(*paths: Path) -> str:
    """Of the contents."""
    found = hashlib.sha256()
    for path in sorted(paths):
        found.update(path.read_bytes())
    return found.hexdigest()[:12]
