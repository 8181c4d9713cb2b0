"""A real redis-server on loopback for the session; a world of its own, on an empty database, for each test."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from redis import Redis as BlockingRedis
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

sys.path.insert(0, str(Path(__file__).parent))

from world import World


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def redis_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Port of a redis-server of our own."""
    program = shutil.which("redis-server")
    assert program, "the tests need Debian's package redis-server"
    port, folder = _free_port(), tmp_path_factory.mktemp("redis")
    command = [
        program,
        "--port",
        str(port),
        "--bind",
        "127.0.0.1",
        "--dir",
        str(folder),
        "--save",
        "",
        "--appendonly",
        "no",
    ]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    client = BlockingRedis(port=port)
    deadline = time.monotonic() + 10
    while True:
        try:
            client.ping()
            break
        except RedisConnectionError:
            assert time.monotonic() < deadline and server.poll() is None, "redis-server did not come up"
    # a Redis this young makes new lease holders wait (rule 2 of the contract), in real time, which the tests' clock does not follow
    while client.info("server")["uptime_in_seconds"] < 2:
        client.blpop("nothing", timeout=1)
    client.close()
    yield port
    server.terminate()
    server.wait(10)


@pytest.fixture
async def redis(redis_port: int) -> AsyncIterator[Redis]:
    client: Redis = Redis(port=redis_port, decode_responses=True)
    await client.flushall()
    for user in await client.acl_users():
        if user != "default":
            await client.acl_deluser(user)
    yield client
    await client.aclose()


@pytest.fixture
def world(redis: Redis) -> World:
    """Two accounts, no MarketMaker yet."""
    made = World(redis)
    made.account("test")
    made.account("main")
    return made
