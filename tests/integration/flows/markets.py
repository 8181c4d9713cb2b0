"""The markets the flows run on: a seeded one always, recorded ones where `MM_DATA` names a folder that has them."""

from __future__ import annotations

import os
from pathlib import Path


def markets() -> list[str]:
    """Market specifications of the simulator."""
    found = ["seeded:7:calm"]
    folder = os.environ.get("MM_DATA")
    files = sorted((Path(folder) / "binance-spot-2024-08").glob("ethusdt_*.jsonl.gz")) if folder else []
    if files:
        found.append("replay:" + ",".join(f"{file}@ETHUSDC" for file in files))
    return found
