"""A redis-server of the test's own: a free loopback port, a directory of its own, append-only file synced with every write, as in the chart."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType

import redis

PROGRAM = "redis-server"


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class RedisServer:
    """`with RedisServer(directory) as server:`; `kill` and `start` again for the tests of restarts."""

    def __init__(self, directory: Path) -> None:
        assert shutil.which(PROGRAM), "redis-server is missing; install Debian's package redis-server"
        self.directory = directory
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """For a config."""
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def client(self) -> redis.Redis:
        """A client with all rights."""
        return redis.Redis(port=self.port, decode_responses=True, socket_timeout=5)

    def start(self) -> None:
        """Start on what the directory holds, and wait until it answers."""
        self.directory.mkdir(parents=True, exist_ok=True)
        options = {
            "--port": str(self.port),
            "--bind": "127.0.0.1",
            "--dir": str(self.directory),
            "--appendonly": "yes",
            "--appendfsync": "always",
            "--save": "",
        }
        words = [word for pair in options.items() for word in pair]
        self._process = subprocess.Popen(
            [PROGRAM, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 10
        while True:
            try:
                self.client.ping()
                return
            except redis.exceptions.RedisError:
                assert self._process.poll() is None, "redis-server ended"
                assert time.monotonic() < deadline, "redis-server does not answer"

    def kill(self) -> None:
        """SIGKILL, as a node that goes down would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def lose_data(self) -> None:
        """What a lost volume leaves."""
        shutil.rmtree(self.directory)

    def backup(self) -> Path:
        """A copy of the data of now, for `put_back`; every write so far is in it."""
        copy = self.directory.with_suffix(".backup")
        shutil.rmtree(copy, ignore_errors=True)
        return shutil.copytree(self.directory, copy)

    def put_back(self, backup: Path) -> None:
        """The data are what they were; the server must be down."""
        self.lose_data()
        shutil.copytree(backup, self.directory)

    def __enter__(self) -> RedisServer:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
