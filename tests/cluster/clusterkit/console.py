"""What a person sees: a line for each thing that happens, with the time since the start, and running commands
whose long output goes to a log file and is shown only when they fail."""

import contextlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NoReturn

_START = time.monotonic()
_HEARTBEAT_SECONDS = 60.0
_print_lock = threading.Lock()


class Refused(Exception):
    """Cannot go on; the message tells a person why, and how to mend it."""


def say(text: str) -> None:
    """One line on stderr, with minutes and seconds since the start (stdout is kept for results)."""
    minutes, seconds = divmod(int(time.monotonic() - _START), 60)
    with _print_lock:
        print(f"[{minutes:3d}:{seconds:02d}] {text}", file=sys.stderr, flush=True)


def seconds_text(seconds: float) -> str:
    """12 s, 3 min 05 s."""
    return f"{seconds:.0f} s" if seconds < 90 else f"{int(seconds) // 60} min {int(seconds) % 60:02d} s"


@contextlib.contextmanager
def timed(title: str) -> Iterator[None]:
    """Says the title, a sign of life each minute, and at the end how long it took."""
    say(f"{title} …")
    began = time.monotonic()
    ended = threading.Event()

    def heartbeat() -> None:
        while not ended.wait(_HEARTBEAT_SECONDS):
            say(f"  still at it: {title} ({seconds_text(time.monotonic() - began)} so far)")

    thread = threading.Thread(target=heartbeat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
    say(f"{title}: {seconds_text(time.monotonic() - began)}")


def run_logged(
    argv: Sequence[str | Path], log: Path, environment: Mapping[str, str] | None = None, show: bool = True
) -> None:
    """Runs a command: its stdout lines are progress and are shown (unless told not to), its stderr goes to `log`.

    Raises Refused with the end of the log when the command fails."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as sink:
        process = subprocess.Popen(
            [str(word) for word in argv],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=sink,
            text=True,
            env={**os.environ, **(environment or {})},
        )
        assert process.stdout is not None
        with process:
            for line in process.stdout:
                if show:
                    say(f"  {line.rstrip()}")
    if process.returncode:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-20:])
        raise Refused(
            f"{Path(str(argv[0])).name} failed with code {process.returncode}; the end of {log}:\n{tail}"
        )


def main(body: object) -> NoReturn:
    """Runs a command's body and turns a refusal into one clear message and exit code 1."""
    assert callable(body)
    try:
        body()
    except Refused as refusal:
        print(f"\n{refusal}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("\ninterrupted; what is half done is found and finished by the next run", file=sys.stderr)
        sys.exit(130)
    sys.exit(0)
