"""Fixtures: a Redis, a venue and a place for the trader's files."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from shellkit.processes import Venue
from shellkit.redis_server import RedisServer


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    with RedisServer(tmp_path / "redis") as running:
        yield running


@pytest.fixture
async def venue(tmp_path: Path) -> AsyncIterator[Venue]:
    running = Venue(tmp_path)
    await running.start()
    yield running
    await running.kill()
