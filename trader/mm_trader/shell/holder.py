"""Who this trader is, as the holder of a lease: the pod's UID where there is a pod, else an id that stays with the journal.

A process that comes back under the same id takes its own lease again at once, where a stranger would wait for it to end.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping
from pathlib import Path

HOLDER_VARIABLE = "MM_HOLDER"


def resolve_holder(given: str | None, environment: Mapping[str, str], journal_dir: Path) -> str:
    """`--holder`, else MM_HOLDER, else the id kept in the journal directory (made on first use; the directory must be locked by us)."""
    if given:
        return given
    if environment.get(HOLDER_VARIABLE):
        return environment[HOLDER_VARIABLE]
    file = journal_dir / "holder"
    if file.exists():
        kept = file.read_text(encoding="ascii").strip()
        if kept:
            return kept
    made = str(uuid.uuid4())
    unfinished = file.with_suffix(".new")
    with unfinished.open("w", encoding="ascii") as stream:
        stream.write(made)
        stream.flush()
        os.fsync(stream.fileno())
    unfinished.rename(file)
    return made
