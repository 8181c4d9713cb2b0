"""What `helm test` runs: the operator is healthy, Redis answers its user, keeps what it is given on disk, and the simulator's venue answers."""

import os
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import redis

DEADLINE_S = 60.0


def fetch(url: str) -> str:
    """The body of a 200 answer; raises for anything else."""
    with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - addresses are the chart's own
        return str(answer.read(4096).decode())


def check_operator() -> str:
    """Its health page says ok."""
    return fetch(f"{os.environ['OPERATOR_URL']}/healthz")


def check_redis() -> str:
    """PING with the operator's user, and the settings that a halt's durability rests on."""
    password_file = os.environ.get("REDIS_PASSWORD_FILE")
    client = redis.Redis.from_url(
        os.environ["REDIS_URL"],
        username=os.environ.get("REDIS_USERNAME") or None,
        password=Path(password_file).read_text() if password_file else None,
        socket_timeout=5,
        decode_responses=True,
    )
    if not client.ping():
        raise RuntimeError("no PONG")
    persistence = client.info("persistence")
    if persistence["aof_enabled"] != 1:
        raise RuntimeError("Redis has no append-only file: halts would be lost with its process")
    return f"version {client.info('server')['redis_version']}, append-only file on"


def check_simulator() -> str:
    """The venue answers as Binance does."""
    url = os.environ["SIMULATOR_URL"]
    fetch(f"{url}/api/v3/ping")
    return fetch(f"{url}/api/v3/time")


def wait_for(name: str, check: Callable[[], str]) -> bool:
    """Ask until it passes or the time is up; print one line."""
    ends = time.monotonic() + DEADLINE_S
    while True:
        try:
            sys.stdout.write(f"ok    {name}: {check().strip()}\n")
            return True
        except (OSError, RuntimeError, redis.RedisError) as error:
            if time.monotonic() > ends:
                sys.stdout.write(f"FAIL  {name}: {error}\n")
                return False
        time.sleep(0.5)


def main() -> int:
    """0 when every part of this release passes."""
    checks: list[tuple[str, Callable[[], str]]] = [("operator", check_operator), ("redis", check_redis)]
    if "SIMULATOR_URL" in os.environ:
        checks.append(("simulator", check_simulator))
    results = [wait_for(name, check) for name, check in checks]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
