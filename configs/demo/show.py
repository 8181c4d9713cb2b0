"""What the demo prints: plain lines with the time since its start, the exact commands, and tables. Knows nothing of Kubernetes."""

from __future__ import annotations

import shlex
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

_START = time.monotonic()
_LOCK = threading.Lock()
_COLOURS = sys.stdout.isatty()


def _style(code: str, text: str) -> str:
    return f"\033[{code}m{text}\033[0m" if _COLOURS else text


def elapsed() -> str:
    """Minutes and seconds since the demo began, such as ` 1:07`."""
    minutes, seconds = divmod(time.monotonic() - _START, 60)
    return f"{int(minutes):2d}:{int(seconds):02d}"


def line(text: str = "") -> None:
    """One line, with the time before it."""
    with _LOCK:
        plain(f"{_style('2', elapsed())}  {text}" if text else "")


def chapter(title: str) -> None:
    """A heading."""
    line()
    line(_style("1", f"== {title}"))


def command(words: Sequence[str], stdin: str = "") -> None:
    """The command that is run next, in a form that can be pasted into a shell."""
    fed = f" <<< {shlex.quote(stdin)}" if stdin else ""
    line(_style("36", f"$ {shlex.join(words)}{fed}"))


def watched(text: str) -> None:
    """A line of a `kubectl get -w` that runs beside the demo."""
    line(_style("33", f"  | {text}"))


@contextmanager
def timed(title: str) -> Iterator[None]:
    """Says what begins, and how long it took."""
    line(f"{title} …")
    began = time.monotonic()
    yield
    line(f"{title}: {time.monotonic() - began:.0f} s")


def table(rows: Sequence[Sequence[str]]) -> None:
    """Rows in columns; the first row is the heading."""
    widths = [max(len(row[index]) for row in rows) for index in range(len(rows[0]))]
    for number, row in enumerate(rows):
        text = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        plain(_style("1", text) if number == 0 else text)


def plain(text: str) -> None:
    """Lines without times."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
