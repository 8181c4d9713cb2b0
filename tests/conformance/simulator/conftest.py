"""A running simulator for the wire tests, and the recorded data where it is at hand."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from simwire import Wire, running
from synthetic import synthetic_recording


@pytest_asyncio.fixture
async def wire() -> AsyncIterator[Wire]:
    """A calm seeded market of ETHUSDC and BTCUSDC on a manual clock."""
    async with running() as one:
        yield one


@pytest.fixture
def recording(tmp_path: Path) -> list[str]:
    """The recorded ETHUSDT day where `MM_DATA` is set, a synthetic one otherwise."""
    folder = os.environ.get("MM_DATA")
    if folder:
        return [str(p) for p in sorted((Path(folder) / "binance-spot-2024-08").glob("ethusdt_*.jsonl.gz"))]
    return [str(synthetic_recording(tmp_path / "synthetic.jsonl.gz"))]
