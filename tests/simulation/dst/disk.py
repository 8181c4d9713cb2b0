"""The disk under the journal: it may be full, refuse to sync, kill its writer in the middle of a line, and forget in a power cut what was never synced."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .world import World


class Disk:
    """Stands in for the journal's `_write_all` and `_sync`."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.full = False
        """A write puts a part of its line on disk, and fails."""
        self.unsyncable = False
        """Writes go well, and nothing is known to outlive a power cut."""
        self._synced: dict[int, int] = {}
        """Inode → bytes that a power cut leaves."""

    def write(self, fd: int, data: bytes) -> None:
        """All of it, or what a crash or a full disk leaves of it."""
        world = self._world
        process = world.process
        assert process is not None
        process.check()
        if self.full:
            os.write(fd, data[: world.plan.rng.randrange(len(data))])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        process.writes += 1
        how = process.crash[1] if process.crash is not None and process.writes == process.crash[0] else ""
        if how == "before":
            pass
        elif how == "torn":
            os.write(fd, data[: world.plan.rng.randrange(1, len(data))])
        else:
            os.write(fd, data)
            world.judge.journaled(data)
        if how:
            world.note("world", f"killed {how} journal write {process.writes}: {data[:120]!r}")
            process.alive = False
            process.check()

    def sync(self, fd: int) -> None:
        """What is in the file so far outlives a power cut."""
        if self.full or self.unsyncable:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        status = os.fstat(fd)
        self._synced[status.st_ino] = status.st_size

    def lose(self, directory: Path) -> None:
        """Nothing is left of it."""
        for path in directory.glob("journal-*"):
            path.unlink()
        self._synced.clear()

    def power_cut(self, directory: Path) -> None:
        """Every file ends where it was last synced. Names are synced when they are given."""
        for path in sorted(directory.glob("journal-*")):
            kept = self._synced.get(path.stat().st_ino, 0)
            lost = path.stat().st_size - kept
            if lost > 0:
                os.truncate(path, kept)
                self._world.note("world", f"{path.name}: {lost} bytes were not on disk")
