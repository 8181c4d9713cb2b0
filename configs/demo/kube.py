"""kubectl and helm as a person would run them, for one namespace. Every command that changes something is shown before it is run."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from typing import Any

import show

Object = dict[str, Any]


class CommandError(Exception):
    """A program ended with an error. `said` is its output."""

    def __init__(self, words: Sequence[str], said: str) -> None:
        super().__init__(f"{' '.join(words[:6])} … failed:\n{said.strip()}")
        self.said = said


def run(words: Sequence[str], *, stdin: str = "", shown: bool = False, timeout_s: float = 120) -> str:
    """The program's stdout. Raises CommandError."""
    if shown:
        show.command(words, stdin)
    done = subprocess.run(  # noqa: S603 - kubectl and helm with words of the demo's own
        list(words), input=stdin, capture_output=True, text=True, check=False, timeout=timeout_s
    )
    if done.returncode:
        raise CommandError(words, done.stdout + done.stderr)
    return done.stdout


class Kube:
    """One namespace."""

    def __init__(self, namespace: str) -> None:
        self.namespace = namespace

    def words(self, *words: str) -> list[str]:
        """The whole command line of `kubectl WORDS` in the namespace."""
        return ["kubectl", "-n", self.namespace, *words]

    def do(self, *words: str, stdin: str = "", timeout_s: float = 120) -> str:
        """Show and run `kubectl WORDS`, print what it says, and return that."""
        said = run(self.words(*words), stdin=stdin, shown=True, timeout_s=timeout_s)
        for text in said.splitlines():
            show.line(text)
        return said

    def ask(self, *words: str, timeout_s: float = 30) -> str:
        """Run `kubectl WORDS` without a word."""
        return run(self.words(*words), timeout_s=timeout_s)

    def get(self, kind: str, name: str) -> Object | None:
        """An object; None when there is none."""
        found = self.ask("get", kind, name, "--ignore-not-found", "-o", "json")
        parsed: Object | None = json.loads(found) if found.strip() else None
        return parsed

    def list(self, kind: str, selector: str = "") -> list[Object]:
        """The namespace's objects of a kind."""
        more = ("-l", selector) if selector else ()
        items: list[Object] = json.loads(self.ask("get", kind, "-o", "json", *more))["items"]
        return items

    def service(self, path: str, body: object = None, *, shown: bool = False) -> str:
        """Ask a service of the namespace through the API server: GET, or POST where there is a body. `path`: NAME:PORT/….

        A person can repeat it with nothing but kubectl: no port is forwarded.
        """
        service, _, rest = path.partition("/")
        raw = f"/api/v1/namespaces/{self.namespace}/services/{service}/proxy/{rest}"
        if body is None:
            return run(["kubectl", "get", "--raw", raw], shown=shown)
        return run(["kubectl", "create", "--raw", raw, "-f", "-"], stdin=json.dumps(body), shown=shown)
