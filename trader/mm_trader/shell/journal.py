"""The trader's own memory: append-only lines on the pod's volume, written before what they announce happens.

One line = checksum, space, JSON. A segment begins with a checkpoint, so that older ones may go: the size is bounded. A line that cannot
be trusted is kept aside in `.corrupt`, reported, and what it said is asked of the venue; if it may have been a halt, a halt is assumed.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import json
import os
import re
import zlib
from pathlib import Path
from typing import Any

import msgspec
import structlog

from mm_api.redis_contract import FillRecord, Latch, LedgerRecord, OrderRecord
from mm_api.versions import NewerSchemaError
from mm_trader.core.clock import Clock
from mm_trader.core.units import NS_PER_MS
from mm_trader.shell.errors import JournalInUseError
from mm_trader.shell.journal_state import JournalState, Kind

SEGMENT_BYTES = 8 * 1024 * 1024
"""About 20,000 lines: read in well under a second after a restart."""
KEEP_SEGMENTS = 4
CORRUPT_LIMIT = 1024 * 1024
"""Bytes of untrusted lines kept aside; beyond it they are only counted."""

log = structlog.get_logger("journal")


_KIND = re.compile(rb'.{8} \{"t":"(' + "|".join(Kind).encode() + rb')"', re.DOTALL)
_HARMLESS = frozenset({Kind.START, Kind.ORDER, Kind.FILL, Kind.LEDGER, Kind.LIFTED, Kind.STOP})
"""Lines that neither stop trading nor bound it: what they said the venue knows, or its loss errs to the safe side."""


class JournalReport(msgspec.Struct, frozen=True, kw_only=True):
    """What reading the journal found."""

    lines: int
    corrupt_lines: int
    corrupt_latch: bool
    """One of the untrusted lines may have been a halt."""


def encode_line(kind: Kind, ms: int, body_json: str) -> bytes:
    """A whole line, newline included. `body_json`: a JSON object."""
    text = f'{{"t":"{kind.value}","ms":{ms},"b":{body_json}}}'.encode()
    return b"%08x %s\n" % (zlib.crc32(text), text)


def decode_line(line: bytes) -> tuple[Kind, dict[str, Any]]:
    """Raises ValueError if the line is not exactly what was written."""
    if len(line) < 10 or line[8:9] != b" ":
        raise ValueError("no checksum")
    text = line[9:]
    if int(line[:8], 16) != zlib.crc32(text):
        raise ValueError("checksum differs")
    record = msgspec.json.decode(text)
    return Kind(record["t"]), record["b"]


class Journal:
    """Journal of one trader in one directory. Use `open`, then the write methods, then `close`."""

    def __init__(
        self,
        directory: str | Path,
        clock: Clock,
        *,
        boot: str = "",
        segment_bytes: int = SEGMENT_BYTES,
        keep_segments: int = KEEP_SEGMENTS,
    ) -> None:
        """`boot`: names this run of the machine (`clock.boot_id`)."""
        self.directory = Path(directory)
        self.boot = boot
        self.state = JournalState()
        self._clock = clock
        self._segment_bytes = segment_bytes
        self._keep = keep_segments
        self._fd = -1
        self._lock_fd = -1
        self._size = 0
        self._number = 0
        self.lines_written = 0

    def open(self) -> JournalReport:
        """Lock the directory, read what is there, begin a new segment. Raises JournalInUseError, NewerSchemaError, OSError."""
        self.directory.mkdir(parents=True, exist_ok=True)
        self._lock()
        try:
            report = self._read()
            _ = self.state.ledger  # of a newer program: said before the first line is written
        except NewerSchemaError:
            self.close()
            raise
        self._begin_segment()
        return report

    # --- writing ------------------------------------------------------------------------------------------------------------------------

    def start(self, ids: tuple[int, int], lease: int, scope: str, *, in_doubt: bool = False) -> None:
        """An incarnation begins to make client ids; on disk when this returns, since one that a power cut had wiped out would be begun again, with its ids.
        `ids`: epoch and counter in them; `lease`: the counter of the lease. `in_doubt`: an order nobody knows of may be on its way; said once more without it
        when that has landed and is gone."""
        boot = "" if in_doubt else self.boot
        epoch, counter = ids
        body = {"epoch": epoch, "counter": counter, "lease": lease, "scope": scope, "boot": boot}
        self._write(Kind.START, json.dumps(body))
        _sync(self._fd)

    def lacks_lines(self, report: JournalReport) -> bool:
        """To be asked before `start`: may an order have been sent whose line was in here and is lost?
        It is written before the order is sent, but not synced: a power cut takes the last ones. One that cannot be read may have been an order's, too."""
        same_run = self.boot != "" and self.state.boot == self.boot
        return not same_run or report.corrupt_lines > 0

    def order(self, record: OrderRecord, *, closed: bool, cause: str) -> None:
        """An order changed."""
        flag = "true" if closed else "false"
        self._write(
            Kind.ORDER,
            f'{{"record":{record.to_json_line()},"closed":{flag},"cause":{json.dumps(cause)}}}',
        )

    def fill(self, fill: FillRecord, ledger: LedgerRecord | None) -> None:
        """A fill was booked, and this is the ledger that has it. None: another fill of the same event follows, and the ledger with it."""
        after = ledger.to_json_line() if ledger is not None else "null"
        self._write(Kind.FILL, f'{{"fill":{fill.to_json_line()},"ledger":{after}}}')

    def ledger(self, ledger: LedgerRecord) -> None:
        """The ledger as it is now."""
        self._write(Kind.LEDGER, f'{{"ledger":{ledger.to_json_line()}}}')

    def latch(self, latch: Latch) -> None:
        """A halt: written, so that the end of this process cannot lose it. `sync` makes it outlive a power cut, too."""
        self._write(Kind.LATCH, f'{{"latch":{latch.to_json_line()}}}')

    async def sync(self) -> None:
        """Everything written so far is on disk when this returns; meanwhile the loop goes round. Raises OSError."""
        await asyncio.to_thread(
            _sync_and_close, os.dup(self._fd)
        )  # a copy: the segment may be changed meanwhile

    def lifted(self, halt_id: str) -> None:
        """A person lifted a halt."""
        self._write(Kind.LIFTED, json.dumps({"id": halt_id}))

    def tighten(self, revision: str, limits: dict[str, str]) -> None:
        """Limits that hold for the rest of this revision; on disk when this returns."""
        self._write(Kind.TIGHTEN, json.dumps({"revision": revision, "limits": limits}))
        _sync(self._fd)

    def stop(self) -> None:
        """Goodbye; on disk when this returns."""
        self._write(Kind.STOP, "{}")
        _sync(self._fd)

    def close(self) -> None:
        """Give the directory free. Idempotent."""
        for fd in (self._fd, self._lock_fd):
            if fd >= 0:
                os.close(fd)
        self._fd = self._lock_fd = -1

    def _write(self, kind: Kind, body_json: str) -> None:
        line = encode_line(kind, self._clock.wall_ns() // NS_PER_MS, body_json)
        try:
            _write_all(self._fd, line)
        except OSError:
            self._take_back()
            raise
        self._size += len(line)
        self.lines_written += 1
        self.state.apply(kind, msgspec.json.decode(body_json))
        if self._size > self._segment_bytes:
            self._begin_segment()

    def _take_back(self) -> None:
        """A line of which a part was written: the next one must not be appended to it, or both are lost."""
        with contextlib.suppress(OSError):
            os.ftruncate(self._fd, self._size)

    def fills_on_disk(self) -> list[FillRecord]:
        """Every fill that the segments still have, oldest first, each once. Reads all of them (32 MiB): for a thread. Raises OSError, ValidationError."""
        found: dict[tuple[str, int], dict[str, Any]] = {}
        for segment in self._segments():
            try:
                lines = segment.read_bytes().split(b"\n")
            except FileNotFoundError:
                continue  # a newer one was begun meanwhile
            for line in lines:
                if _kind_of(line) not in (Kind.FILL, Kind.CHECKPOINT):
                    continue
                try:
                    kind, body = decode_line(line)
                except (ValueError, KeyError, TypeError, msgspec.DecodeError):
                    continue  # half a line is being written, or it was kept aside when the journal was opened
                for fill in (body["fill"],) if kind is Kind.FILL else body["fills"]:
                    found.setdefault((fill["symbol"], fill["tradeId"]), fill)
        return [FillRecord.model_validate(fill) for fill in found.values()]

    # --- segments -----------------------------------------------------------------------------------------------------------------------

    def _lock(self) -> None:
        fd = os.open(self.directory / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(fd)
            raise JournalInUseError(f"{self.directory}: another trader works on this journal") from error
        self._lock_fd = fd

    def _segments(self) -> list[Path]:
        """Oldest first. Raises OSError on a file that has the name of a segment without its number: nobody knows what it says, or when."""
        found: list[tuple[int, Path]] = []
        for path in self.directory.glob("journal-*.jsonl"):
            number = path.stem.removeprefix("journal-")
            if not (number.isascii() and number.isdigit()):
                raise OSError(errno.EINVAL, "no segment of this journal; take it away", str(path))
            found.append((int(number), path))
        return [path for _, path in sorted(found)]

    def _begin_segment(self) -> None:
        """The next segment, complete on disk under its name before the older ones may go."""
        self._number += 1
        path = self.directory / f"journal-{self._number:06d}.jsonl"
        unfinished = path.with_suffix(".new")
        body = json.dumps(self.state.checkpoint(), separators=(",", ":"))
        line = encode_line(Kind.CHECKPOINT, self._clock.wall_ns() // NS_PER_MS, body)
        fd = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
        try:
            _write_all(fd, line)
            _sync(fd)
            unfinished.rename(path)
            _sync_directory(self.directory)
        except OSError:
            os.close(fd)
            raise
        if self._fd >= 0:
            os.close(self._fd)
        self._fd, self._size = fd, len(line)
        for old in self._segments()[: -self._keep]:
            old.unlink()

    def _read(self) -> JournalReport:
        segments = self._segments()
        if segments:
            self._number = int(segments[-1].stem.removeprefix("journal-"))
        first = next((i for i in reversed(range(len(segments))) if _begins_well(segments[i])), 0)
        lines = corrupt = 0
        corrupt_latch = False
        for segment in segments[first:]:
            found = segment.read_bytes().split(b"\n")
            for number, line in enumerate(found, 1):
                if not line:
                    continue
                lines += 1
                try:
                    self.state.apply(*decode_line(line))
                except (ValueError, KeyError, TypeError, msgspec.DecodeError) as error:
                    corrupt += 1
                    kind = _kind_of(line)
                    if number == len(found):
                        # cut off while it was written: no halt that anybody was told is durable, no incarnation that made an id
                        corrupt_latch = corrupt_latch or b"latch" in line
                    else:
                        corrupt_latch = corrupt_latch or kind not in _HARMLESS
                        if kind in (None, Kind.START):
                            self.state.lost_start()
                    self._keep_aside(segment, line, str(error))
        return JournalReport(lines=lines, corrupt_lines=corrupt, corrupt_latch=corrupt_latch)

    def _keep_aside(self, segment: Path, line: bytes, why: str) -> None:
        aside = segment.with_suffix(".corrupt")
        log.error("journal_line_corrupt", segment=segment.name, bytes=len(line), why=why, kept_in=aside.name)
        if not aside.exists() or aside.stat().st_size + len(line) < CORRUPT_LIMIT:
            with aside.open("ab") as file:
                file.write(line + b"\n")


def _kind_of(line: bytes) -> Kind | None:
    """What a damaged line was, as far as that can still be read."""
    found = _KIND.match(line)
    return Kind(found[1].decode()) if found is not None else None


def _begins_well(segment: Path) -> bool:
    with segment.open("rb") as file:
        line = file.readline().rstrip(b"\n")
    try:
        return decode_line(line)[0] is Kind.CHECKPOINT
    except (ValueError, KeyError, TypeError, msgspec.DecodeError):
        return False


def _write_all(fd: int, data: bytes) -> None:
    written = os.write(fd, data)
    while written < len(data):  # a nearly full disk may take a part
        written += os.write(fd, data[written:])


def _sync_and_close(fd: int) -> None:
    try:
        _sync(fd)
    finally:
        os.close(fd)


def _sync(fd: int) -> None:
    """What was written to it outlives a power cut when this returns."""
    os.fdatasync(fd)


def _sync_directory(directory: Path) -> None:
    fd = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
