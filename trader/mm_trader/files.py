"""Files that others may move away or replace while they are written: by a log's rotation, by a volume made anew."""

from __future__ import annotations

import os
from pathlib import Path


def still_at(path: Path, fd: int) -> bool:
    """Whether the open file is the one that has this name now. Raises OSError, but for a name that nothing has."""
    try:
        return os.path.samestat(os.fstat(fd), path.stat())
    except FileNotFoundError:
        return False
