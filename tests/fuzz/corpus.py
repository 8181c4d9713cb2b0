"""The kept corpus: one file a target, one input a line in base64, so that a change of it can be read in a diff."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from pathlib import Path

FOLDER = Path(__file__).resolve().parent / "corpus"
MAX_KEPT = 200
MAX_BYTES = 600
"""Of one input; longer ones are found again and are not worth their place."""


def load(target: str) -> list[bytes]:
    """The kept inputs of a target."""
    file = FOLDER / f"{target}.txt"
    return [base64.b64decode(line) for line in file.read_text().split()] if file.exists() else []


def save(target: str, inputs: Iterable[bytes]) -> int:
    """Keep the shortest inputs, in a fixed order; how many."""
    kept = sorted({i for i in inputs if len(i) <= MAX_BYTES}, key=lambda i: (len(i), i))[:MAX_KEPT]
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / f"{target}.txt").write_text("".join(base64.b64encode(i).decode() + "\n" for i in kept))
    return len(kept)


def unpack(inputs: Iterable[bytes], folder: Path) -> None:
    """As the fuzzer wants them: one file an input."""
    folder.mkdir(parents=True, exist_ok=True)
    for data in inputs:
        (folder / hashlib.sha1(data).hexdigest()).write_bytes(data)


def pack(folder: Path) -> list[bytes]:
    """All files of a folder."""
    return [path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()]
