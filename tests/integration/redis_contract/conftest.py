"""Fixtures of the contract's tests: a server, an identity's keys, a store on it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from shellkit.redis_server import RedisServer

from mm_api.redis_contract import Keys
from mm_api.trader_config import RedisConfig
from mm_trader.shell.clock import SystemClock
from mm_trader.shell.store.redis_store import RedisStore

IDENTITY = "sim.acc1"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    with RedisServer(tmp_path / "redis") as running:
        yield running


@pytest.fixture
def keys() -> Keys:
    return Keys(IDENTITY)


@pytest.fixture
async def store(server: RedisServer) -> AsyncIterator[RedisStore]:
    made = RedisStore(RedisConfig(url=server.url), None, IDENTITY, SystemClock())
    yield made
    await made.close()
