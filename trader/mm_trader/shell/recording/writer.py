"""Writes segments: compressed in small steps that nobody feels; flushed every second, so that a kill loses no more; bounded in size and number."""

from __future__ import annotations

import zlib
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

import structlog

from mm_api.trader_config import RecordingConfig
from mm_trader.core.clock import Clock
from mm_trader.core.units import NS_PER_S
from mm_trader.shell.recording.format import SUFFIX

STEP_BYTES = 16 * 1024
"""Compressed at once: well under a millisecond."""
LEVEL = 1
"""Market events shrink to a sixth even so, and the loop's time is worth more than the disk's space."""
GZIP = 16 + zlib.MAX_WBITS
log = structlog.get_logger("recording")


class SegmentWriter:
    """The segments of one directory. Every method may raise OSError; whoever calls decides what that means."""

    def __init__(self, config: RecordingConfig, directory: str, clock: Clock) -> None:
        self._directory = Path(directory)
        self._limit = config.segment_mib * 2**20
        self._keep = config.keep_segments
        self._clock = clock
        self._file: BinaryIO | None = None
        self._pending: list[bytes] = []
        self._pending_bytes = 0
        self._size = 0
        self._flushed_ns = 0
        self._number = 0

    @property
    def next_number(self) -> int:
        """Of the segment that `begin` begins: 1, 2, …"""
        return self._number + 1

    @property
    def full(self) -> bool:
        """The segment has reached its size: begin another."""
        return self._size >= self._limit

    def begin(self) -> None:
        """A new segment; the oldest beyond the number that is kept go."""
        self.close()
        self._directory.mkdir(parents=True, exist_ok=True)
        self._number += 1
        stamp = datetime.fromtimestamp(self._clock.wall_ns() / NS_PER_S, UTC).strftime("%Y%m%dT%H%M%S%f")
        path = self._directory / f"{stamp}-{self._number:04d}{SUFFIX}"
        self._file = path.open("xb")
        self._packer = zlib.compressobj(LEVEL, zlib.DEFLATED, GZIP)
        self._size = 0
        self._flushed_ns = self._clock.monotonic_ns()
        for old in sorted(self._directory.glob(f"*{SUFFIX}"))[: -self._keep]:
            old.unlink()
        log.info("recording_segment", file=str(path))

    def write(self, line: bytes) -> None:
        """Add a line."""
        self._pending.append(line)
        self._pending_bytes += len(line)
        if self._pending_bytes >= STEP_BYTES:
            self._pack(zlib.Z_NO_FLUSH)

    def flush_if_due(self, now_ns: int) -> None:
        """Everything to the system once a second."""
        if now_ns - self._flushed_ns >= NS_PER_S:
            self._flushed_ns = now_ns
            self._pack(zlib.Z_SYNC_FLUSH)

    def close(self) -> None:
        """End the segment. Idempotent."""
        if self._file is not None:
            try:
                self._pack(zlib.Z_FINISH)
            finally:
                self._file.close()
                self._file = None

    def _pack(self, how: int) -> None:
        assert self._file is not None, "begin() comes first"
        data = b"".join(self._pending)
        self._pending.clear()
        self._pending_bytes = 0
        packed = self._packer.compress(data)
        if how != zlib.Z_NO_FLUSH:
            packed += self._packer.flush(how)
        if packed:
            self._size += len(packed)
            self._file.write(packed)
        if how != zlib.Z_NO_FLUSH:
            self._file.flush()
