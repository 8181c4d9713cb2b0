"""The sign of life: one line of fixed length in a file that trader and dead man share (an emptyDir in memory).

The trader writes it only after its event loop has gone round *and* its kernel has digested a tick, so a process that is stopped, stuck, or alive with a dead
kernel gives none. What counts for the reader is that `beats` changes, by the reader's own monotonic clock; a line that is torn or foreign is no sign of life.
"""

from __future__ import annotations

import os
import zlib
from pathlib import Path
from typing import NamedTuple

from mm_trader.files import still_at

MAGIC = "mm-heartbeat-1"
LINE_BYTES = 96
"""Written at once at offset 0: a reader sees the old line, the new one, or one whose checksum says that it is neither."""


class Beat(NamedTuple):
    """One sign of life."""

    beats: int
    """Grows with each one, and never repeats within a life of the file."""
    written_ns: int
    """CLOCK_MONOTONIC of the machine, which all containers of a pod share."""
    epoch: int
    """Epoch and counter of the newest client order ids this trader has made or could have made: nothing newer is the dead man's business."""
    counter: int
    gone: bool
    """The trader has left, and the venue has shown that nothing is open: there is nothing to watch until it comes back."""


def encode(beat: Beat) -> bytes:
    """The line, padded to its fixed length."""
    words = f"{MAGIC} {beat.beats} {beat.written_ns} {beat.epoch} {beat.counter} {int(beat.gone)}"
    line = f"{words} {zlib.crc32(words.encode()):08x}"
    return line.ljust(LINE_BYTES - 1).encode() + b"\n"


def decode(line: bytes) -> Beat | None:
    """The beat; None if the line is no whole one."""
    try:
        words, checksum = line.decode("ascii").strip().rsplit(" ", 1)
        magic, *numbers = words.split(" ")
        beats, written_ns, epoch, counter, gone = (int(number) for number in numbers)
        whole = int(checksum, 16) == zlib.crc32(words.encode())
    except (ValueError, UnicodeDecodeError):
        return None
    if not whole or magic != MAGIC:
        return None
    return Beat(beats, written_ns, epoch, counter, bool(gone))


def read(path: Path) -> Beat | None:
    """What the file says now; None while there is none, or none that can be read."""
    try:
        return decode(path.read_bytes())
    except OSError:
        return None


class Heartbeat:
    """The trader's end."""

    def __init__(self, path: str | Path) -> None:
        """Raises OSError if the file cannot be opened."""
        self._path = Path(path)
        before = read(self._path)
        self._beats = before.beats if before is not None else 0
        self._file = self._open()

    def _open(self) -> int:
        return os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)

    def beat(self, now_ns: int, ids: tuple[int, int], *, gone: bool = False) -> None:
        """Give a sign of life. `ids`: (epoch, counter) of the newest client order ids. Raises OSError.

        A file that was removed or replaced is made anew: signs in one that nobody can open are none, and every order would be cancelled for ever.
        """
        if not still_at(self._path, self._file):
            lost, self._file = self._file, self._open()
            os.close(lost)
        self._beats += 1
        os.pwrite(self._file, encode(Beat(self._beats, now_ns, ids[0], ids[1], gone)), 0)

    def close(self) -> None:
        """Close the file; what it says last stays."""
        os.close(self._file)
