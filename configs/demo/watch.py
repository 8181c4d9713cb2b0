"""`kubectl get mm -w` beside the demo: once as the table a person sees, once as JSON, which the demo judges by."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType

import show
from kube import Kube, Object


class ExpectationError(Exception):
    """Something that should have happened did not, within its time."""


@dataclass(frozen=True)
class Sighting:
    """A MarketMaker as the watch delivered it, and the wall time (s) of its arrival."""

    object: Object
    at: float

    @property
    def status(self) -> Object:
        """Its status; empty while it has none."""
        found: Object = self.object.get("status") or {}
        return found


class MakerWatch:
    """Follows one MarketMaker until closed."""

    def __init__(self, kube: Kube, name: str) -> None:
        self._kube = kube
        self._name = name
        self._news = threading.Condition()
        self._seen: list[Sighting] = []
        self.lines: list[tuple[float, str]] = []
        """(wall time, line) of the table that was printed."""
        self._processes: list[subprocess.Popen[str]] = []

    def __enter__(self) -> MakerWatch:
        show.command(self._kube.words("get", "mm", "-w"))
        self._start(self._kube.words("get", "mm", "-w"), self._echo)
        self._start(self._kube.words("get", "mm", "-w", "-o", "json"), self._parse)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.wait(10)

    def _start(self, words: list[str], reader: Callable[[subprocess.Popen[str]], None]) -> None:
        process = subprocess.Popen(  # noqa: S603 - kubectl with words of the demo's own
            words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, bufsize=1
        )
        self._processes.append(process)
        threading.Thread(target=reader, args=(process,), daemon=True).start()

    def _echo(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for text in process.stdout:
            self.lines.append((time.time(), text.rstrip()))
            show.watched(text.rstrip())

    def _parse(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        held: list[str] = []
        for text in process.stdout:
            held.append(text)
            # kubectl indents: a brace in the first column closes an object
            if text.rstrip() == "}":
                found = json.loads("".join(held))
                held.clear()
                if found["metadata"]["name"] == self._name:
                    with self._news:
                        self._seen.append(Sighting(found, time.time()))
                        self._news.notify_all()

    @property
    def count(self) -> int:
        """How many sightings there are: a mark for `wait`."""
        with self._news:
            return len(self._seen)

    @property
    def latest(self) -> Object:
        """The newest status."""
        with self._news:
            return self._seen[-1].status if self._seen else {}

    def wait(
        self,
        what: str,
        matches: Callable[[Object], bool],
        *,
        within_s: float,
        after: int = 0,
        hopeless: Callable[[Object], str] | None = None,
    ) -> Sighting:
        """The first sighting from number `after` on whose status matches.

        Raises ExpectationError when the time is up, or as soon as `hopeless` says (with a sentence) that it can no longer come.
        """
        ends = time.monotonic() + within_s
        index = after
        with self._news:
            while True:
                while index < len(self._seen):
                    sighting = self._seen[index]
                    index += 1
                    if matches(sighting.status):
                        return sighting
                    if hopeless and (why := hopeless(sighting.status)):
                        raise ExpectationError(f"{what}: {why}")
                left = ends - time.monotonic()
                if left <= 0:
                    now = self._seen[-1].status if self._seen else {}
                    short = {key: now.get(key) for key in ("stage", "state", "capital", "gate", "haltReason")}
                    raise ExpectationError(f"{what}: not within {within_s:.0f} s; it is {short}")
                self._news.wait(left)

    def line_with(self, word: str, *, after: float, within_s: float = 10) -> float:
        """Wall time at which the table showed `word`, from wall time `after` on. Raises ExpectationError."""
        ends = time.monotonic() + within_s
        while time.monotonic() < ends:
            for at, text in list(self.lines):
                if at >= after and word in text.split():
                    return at
            threading.Event().wait(0.05)
        raise ExpectationError(f"`kubectl get mm -w` did not show {word} within {within_s:.0f} s")
