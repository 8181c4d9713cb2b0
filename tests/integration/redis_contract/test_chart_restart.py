"""Redis as the chart runs it, with its users and its start script: what a script has written outlives a restart."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from shellkit.redis_server import free_port

from mm_api.redis_contract import Keys, trader_acl_rules
from mm_api.redis_scripts import ACQUIRE, COMMIT, ISSUE_EPOCH, SET_LATCH

START = Path(__file__).parents[3] / "helm/mm-rebuild/files/redis-start.sh"
PASSWORD = "the-operators"
IDENTITY = "sim.acc1"
KEYS = Keys(IDENTITY)


class ChartRedis:
    """The chart's start script on a directory of the test's own."""

    def __init__(self, directory: Path) -> None:
        self.port = free_port()
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None
        config = directory / "redis.conf"
        config.write_text(
            f"port {self.port}\nbind 127.0.0.1\ndir {directory}\naclfile {directory}/users.acl\n"
            'appendonly yes\nappendfsync always\nsave ""\n'
        )
        self._environment = {
            **os.environ,
            "REDIS_PASSWORD": PASSWORD,
            "REDIS_DATA": str(directory),
            "REDIS_CONF": str(config),
        }

    def client(self, user: str = "operator", password: str | None = PASSWORD) -> redis.Redis:
        return redis.Redis(
            port=self.port, username=user, password=password, decode_responses=True, socket_timeout=5
        )

    def start(self) -> None:
        with (self._directory / "server.log").open("a") as log:
            self._process = subprocess.Popen(
                ["sh", str(START)], env=self._environment, stdout=log, stderr=log
            )
        deadline = time.monotonic() + 10
        while True:
            try:
                self.client().ping()
                return
            except redis.exceptions.RedisError:
                assert self._process.poll() is None, "redis-server ended"
                assert time.monotonic() < deadline, "redis-server does not answer"

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()


@pytest.fixture
def chart_redis(tmp_path: Path) -> Iterator[ChartRedis]:
    made = ChartRedis(tmp_path)
    made.start()
    yield made
    made.kill()


def test_latches_leases_and_evidence_written_by_scripts_outlive_a_kill(chart_redis: ChartRedis) -> None:
    operator = chart_redis.client()
    rules = ["reset", "on", ">traders", *trader_acl_rules(IDENTITY)]
    operator.execute_command("ACL", "SETUSER", "trader", *rules)
    operator.execute_command("ACL", "SAVE")
    trader = chart_redis.client("trader", "traders")
    operator.eval(ISSUE_EPOCH, 1, KEYS.fence, 3)
    assert trader.eval(ACQUIRE, 2, KEYS.lease, KEYS.fence, "pod-a", 60_000, 3, 0) == ["OK", 1]
    writes = [KEYS.latches, KEYS.evidence("local")]
    words = [2, "HSET", "risk-1", "{}", 1, "SET", "{}"]
    assert trader.eval(COMMIT, 4, KEYS.lease, KEYS.fence, *writes, "pod-a", 3, 1, *words) == ["OK", 2]
    operator.eval(SET_LATCH, 2, KEYS.latches, KEYS.commands, "pause", "{}", "{}")

    chart_redis.kill()
    chart_redis.start()

    assert set(operator.hkeys(KEYS.latches)) == {"risk-1", "pause"}
    assert operator.hgetall(KEYS.fence) == {"epoch": "3", "counter": "1", "holder": "pod-a"}
    assert operator.get(KEYS.lease) == "pod-a"
    assert operator.get(KEYS.evidence("local")) == "{}"
    assert trader.get(KEYS.lease) == "pod-a", "the trader's user is gone"


def test_nobody_gets_in_without_a_password(chart_redis: ChartRedis) -> None:
    for user, password in (("default", None), ("default", ""), ("default", PASSWORD), ("operator", "wrong")):
        with pytest.raises(redis.exceptions.RedisError):
            chart_redis.client(user, password).get("anything")
    with pytest.raises(redis.exceptions.AuthenticationError):
        redis.Redis(port=chart_redis.port).get("anything")
