"""`mm-trader replay FILE…`: runs recorded events through the kernel and compares its commands, byte for byte, with the recorded ones."""

from __future__ import annotations

import hashlib
import pickle
import sys
import time
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import msgspec
from pydantic import ValidationError

import mm_trader
from mm_trader.core.commands import Command
from mm_trader.kernel import Kernel
from mm_trader.orders.retry import keyed_jitter
from mm_trader.shell.plugins import strategies_for
from mm_trader.shell.recording import format as form
from mm_trader.shell.recording.writer import GZIP

CHUNK = 256 * 1024
SHOWN = 600
"""Characters of each side of a difference."""


class RecordingError(Exception):
    """A file that is no recording, or that this program cannot replay; one sentence."""


class Totals(msgspec.Struct, kw_only=True):
    """What a replay found."""

    events: int = 0
    commands: int = 0
    kernels: int = 0
    differences: int = 0
    first_difference: str = ""
    digest: str = ""
    """SHA-256 of all command lines that the kernel gave."""
    cut_off: int = 0
    """Segments that end in the middle: their process was killed."""
    unwritten: int = 0
    """Segments without one whole line: their process was killed before its first flush."""


class Lines:
    """Whole lines of a segment; one that a kill has cut off is read up to there."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.cut_off = False
        """Known once all lines were read: the file ends in the middle."""

    def __iter__(self) -> Iterator[bytes]:
        """Raises RecordingError."""
        rest = b""
        unpacker = zlib.decompressobj(GZIP)
        with self._path.open("rb") as file:
            while chunk := file.read(CHUNK):
                try:
                    data = unpacker.decompress(chunk)
                except zlib.error as error:
                    raise RecordingError(f"{self._path}: not a recording, or damaged: {error}") from error
                *whole, rest = (rest + data).split(b"\n")
                yield from whole
        self.cut_off = not unpacker.eof


class Replay:
    """Feeds one segment after the other."""

    def __init__(self, out: BinaryIO | None = None) -> None:
        """`out`: where the command lines go that the kernel gives now."""
        self.totals = Totals()
        self._out = out
        self._hash = hashlib.sha256()
        self._kernel: Kernel | None = None
        self._header: form.Header | None = None
        self._before: form.Header | None = None
        """Of the segment before."""
        self._given: list[Command] = []
        self._open = False
        """An event was fed, and its recorded answer not seen yet."""
        self._where = ""

    def segment(self, path: Path) -> None:
        """Raises RecordingError, OSError."""
        self._before, self._header = self._header, None
        number = 0
        text = Lines(path)
        for number, line in enumerate(text, 1):
            self._where = f"{path}:{number}"
            try:
                self._line(line[:1], line[2:])
            except (msgspec.DecodeError, ValidationError, ValueError, pickle.UnpicklingError) as error:
                raise RecordingError(f"{self._where}: cannot be read: {error}") from error
        if number == 0 and not text.cut_off:
            raise RecordingError(f"{path}: empty")
        if number == 0:
            self.totals.unwritten += 1
        elif text.cut_off:
            self.totals.cut_off += 1
        # what the process was killed before it had written is no difference
        if self._open and not text.cut_off:
            self._compare(b"")
        self._open = False
        self.totals.digest = self._hash.hexdigest()

    def _line(self, letter: bytes, text: bytes) -> None:
        if self._header is None and letter != b"H":
            raise RecordingError(f"{self._where}: does not begin like a recording")
        if letter != b"C" and self._open:
            self._compare(b"")
        match letter:
            case b"H":
                self._header = form.decode(text, form.Header)
                if self._header.form != form.FORM:
                    raise RecordingError(
                        f"{self._where}: form {self._header.form}; this program reads form {form.FORM}"
                    )
            case b"K":
                self._build(form.decode(text, form.Built))
            case b"S":
                self._restore(text)
            case b"I":
                self._running.begin_incarnation(form.decode(text, form.IdsRecord).ids())
            case b"E":
                self._event(text)
            case b"C":
                self._compare(b"C " + text + b"\n")
            case _:
                raise RecordingError(f"{self._where}: unknown line {letter!r}")

    def _build(self, built: form.Built) -> None:
        assert self._header is not None
        self.totals.kernels += 1
        self._kernel = Kernel(
            self._header.config,
            self._header.rules,
            built.ids.ids(),
            built.restored,
            ts=built.ts,
            wall_ns=built.wall_ns,
            jitter=keyed_jitter(self._header.config.identity),
            strategies=strategies_for(self._header.config.strategy.name),
        )

    def _restore(self, text: bytes) -> None:
        assert self._header is not None
        before = self._before
        if before is not None and (before.run, before.number + 1) == (self._header.run, self._header.number):
            return  # the segment before has brought us here, and better: nothing is taken on trust
        if self._header.version != mm_trader.__version__:
            raise RecordingError(
                f"{self._where}: begins with a state of version {self._header.version}, this is "
                f"{mm_trader.__version__}: replay from the segment that begins with a built kernel, or with that version"
            )
        self._kernel = form.read_state(text)
        self.totals.kernels += 1

    @property
    def _running(self) -> Kernel:
        if self._kernel is None:
            raise RecordingError(f"{self._where}: an event before there is a kernel")
        return self._kernel

    def _event(self, text: bytes) -> None:
        name, _, body = text.partition(b" ")
        kind = form.EVENTS.get(name.decode())
        if kind is None:
            raise RecordingError(f"{self._where}: no such event: {name.decode(errors='replace')}")
        self.totals.events += 1
        self._given = self._running.on_event(form.decode(body, kind))
        self._open = True

    def _compare(self, recorded: bytes) -> None:
        """Close the open event: `recorded` is its line of commands, empty where it has none."""
        given = form.commands_line(self._given) if self._given else b""
        self.totals.commands += len(self._given)
        self._given, self._open = [], False
        self._hash.update(given)
        if self._out is not None:
            self._out.write(given)
        if given != recorded:
            self.totals.differences += 1
            if not self.totals.first_difference:
                self.totals.first_difference = f"{self._where}\n  recorded {recorded[:SHOWN].decode()}\n  now      {given[:SHOWN].decode()}"


def segments(paths: Sequence[str]) -> list[Path]:
    """The files named, and all segments of the directories named, in order. Raises RecordingError."""
    found: list[Path] = []
    for text in paths:
        path = Path(text)
        inside = sorted(path.glob(f"*{form.SUFFIX}")) if path.is_dir() else [path]
        if not inside or not path.exists():
            raise RecordingError(f"{path}: " + ("no recording in it" if path.exists() else "no such file"))
        found += inside
    return found


def run(paths: Sequence[str], commands: str | None) -> int:
    """0: the same commands. 1: others. 2: cannot be replayed."""
    began = time.perf_counter()
    try:
        files = segments(paths)
        if commands is None:
            totals = _replay(files, None)
        else:
            with Path(commands).open("wb") as out:
                totals = _replay(files, out)
    except (RecordingError, OSError) as error:
        sys.stderr.write(f"mm-trader replay: {error}\n")
        return 2
    took = time.perf_counter() - began
    sys.stdout.write(
        f"{len(files)} segments, {totals.kernels} kernels, {totals.events:,} events in {took:.2f} s "
        f"({totals.events / took:,.0f}/s), {totals.commands:,} commands, sha256 {totals.digest}\n"
    )
    if totals.cut_off:
        sys.stdout.write(f"{totals.cut_off} segments end in the middle: their process was killed\n")
    if totals.unwritten:
        sys.stdout.write(
            f"{totals.unwritten} segments hold nothing: their process was killed before it first wrote them out\n"
        )
    if totals.differences:
        sys.stdout.write(
            f"{totals.differences} events brought other commands than recorded; the first at {totals.first_difference}\n"
        )
        return 1
    sys.stdout.write("commands are byte for byte as recorded\n")
    return 0


def _replay(files: Sequence[Path], out: BinaryIO | None) -> Totals:
    replay = Replay(out)
    for path in files:
        replay.segment(path)
    if not replay.totals.kernels:
        raise RecordingError(
            f"{', '.join(map(str, files))}: nothing to replay: the process was killed before it first wrote it out"
        )
    return replay.totals
