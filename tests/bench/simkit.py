"""The simulator as a program of its own for the benches, and the clients that load it."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import websockets

SYMBOLS = ("ETHUSDC", "BTCUSDC")
FAR_BELOW = {"ETHUSDC": 1500, "BTCUSDC": 40_000}
ACCOUNTS = 4
UNLIMITED = "{weight-per-minute: 0, raw-per-5-minutes: 0, orders-per-10s: 0, orders-per-day: 0}"


class Program:
    """A running `mm-trader simulate`."""

    def __init__(self, process: subprocess.Popen[str], url: str) -> None:
        self.process = process
        self.url = url
        self.ws_url = url.replace("http", "ws")

    @property
    def rss_mib(self) -> float:
        return float(psutil.Process(self.process.pid).memory_info().rss) / 2**20

    @property
    def cpu_s(self) -> float:
        times = psutil.Process(self.process.pid).cpu_times()
        return float(times.user + times.system)


@contextmanager
def program(*options: str, module: str = "mm_trader.venue.simulator") -> Iterator[Program]:
    """The simulator in a process of its own, without rate limits, with accounts k0 to k3; ended at the end."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "simulator.yaml"
        accounts = "".join(
            f"  - {{name: a{n}, key: k{n}, secret: s{n}, balances: {{ETH: 1000, BTC: 100, USDC: 10000000}}}}\n"
            for n in range(ACCOUNTS)
        )
        config.write_text(f"accounts:\n{accounts}limits: {UNLIMITED}\n")
        process = subprocess.Popen(
            [sys.executable, "-m", module, "--port", "0", "--config", str(config), *options],
            stdout=subprocess.PIPE,
            text=True,
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join(
                    filter(None, (str(Path(__file__).parent), os.environ.get("PYTHONPATH")))
                ),
            },
        )
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if " on http" not in line:
                raise RuntimeError(f"the simulator did not start: {line!r}")
            yield Program(process, line.split(" on ")[1].split()[0])
        finally:
            process.terminate()
            process.wait(10)


@contextmanager
def apart(venue: int, trader: int = 0) -> Iterator[None]:
    """The venue and the trader (process ids; 0: the calling thread) on cores of their own, where there are two. On one core the venue,
    woken by the frame that it is sent, runs before the sender goes on: hundreds of microseconds that no trader and venue on machines of their own have."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        yield
        return
    os.sched_setaffinity(venue, cores[1:])
    os.sched_setaffinity(trader, cores[:1])
    try:
        yield
    finally:
        os.sched_setaffinity(trader, cores)


def signed(number: int, account: int, method: str, **params: Any) -> str:
    """A signed WebSocket API request as text."""
    params |= {"apiKey": f"k{account}", "timestamp": time.time_ns() // 1_000_000}
    payload = "&".join(f"{k}={v}" for k, v in sorted(params.items()))
    params["signature"] = hmac.digest(f"s{account}".encode(), payload.encode(), hashlib.sha256).hex()
    return json.dumps({"id": number, "method": method, "params": params})


def order(number: int, account: int, symbol: str) -> str:
    """A post-only order of a symbol, far below its market."""
    price = f"{FAR_BELOW[symbol] + number % 500}.00"
    return signed(
        number, account, "order.place", symbol=symbol, side="BUY", type="LIMIT_MAKER", quantity="0.01", price=price,
        newClientOrderId=f"b{account}-{number}",
    )  # fmt: skip


async def latencies_us(program: Program, count: int) -> list[float]:
    """Time from send to acknowledgement of `count` orders, one after the other, each cancelled untimed."""
    times: list[float] = []
    async with websockets.connect(f"{program.ws_url}/ws-api/v3", compression=None) as ws:
        for number in range(count):
            text = order(number, 0, "ETHUSDC")
            began = time.perf_counter_ns()
            await ws.send(text)
            reply = await ws.recv(decode=False)
            times.append((time.perf_counter_ns() - began) / 1000)
            if b'"status":200' not in reply[:60]:
                raise RuntimeError(f"refused: {reply!r}")
            await ws.send(
                signed(number, 0, "order.cancel", symbol="ETHUSDC", origClientOrderId=f"b0-{number}")
            )
            await ws.recv()
    return times


async def throughput(program: Program, seconds: float, window: int = 8, batch: int = 96) -> float:
    """Acknowledged orders per second over four connections of four accounts, `window` under way on each.

    After each `batch` an account cancels all it has, which is not counted.
    """
    done = [0] * ACCOUNTS
    end = time.perf_counter() + seconds

    async def client(account: int) -> None:
        symbol = SYMBOLS[account % 2]
        number = 0
        async with websockets.connect(f"{program.ws_url}/ws-api/v3", compression=None) as ws:
            while time.perf_counter() < end:
                under_way = 0
                for _ in range(batch):
                    number += 1
                    await ws.send(order(number, account, symbol))
                    under_way += 1
                    if under_way == window:
                        await answer(ws)
                        under_way -= 1
                for _ in range(under_way):
                    await answer(ws)
                done[account] += batch
                await ws.send(signed(0, account, "openOrders.cancelAll", symbol=symbol))
                await answer(ws)

    async def answer(ws: websockets.ClientConnection) -> None:
        reply = await ws.recv(decode=False)
        if b'"status":200' not in reply[:60]:
            raise RuntimeError(f"refused: {reply!r}")

    began = time.perf_counter()
    await asyncio.gather(*(client(n) for n in range(ACCOUNTS)))
    return sum(done) / (time.perf_counter() - began)


class Subscriber:
    """A raw market-data connection that counts the frames it is sent."""

    def __init__(self, program: Program, path: str) -> None:
        host, port = program.url.removeprefix("http://").split(":")
        self.socket = socket.create_connection((host, int(port)))
        self.socket.sendall(
            f"GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n".encode()
        )
        head = b""
        while b"\r\n\r\n" not in head:
            head += self.socket.recv(1)
        self.socket.setblocking(False)
        self.frames = 0
        self._rest = b""

    def read(self) -> None:
        """Take what has arrived and count its whole frames (all are short, unmasked text frames)."""
        try:
            data = self._rest + self.socket.recv(1 << 20)
        except BlockingIOError:
            return
        at, size = 0, len(data)
        while at + 4 <= size:
            length = data[at + 1]
            start = at + 2
            if length == 126:
                length = data[at + 2] << 8 | data[at + 3]
                start = at + 4
            if start + length > size:
                break
            at = start + length
            self.frames += 1
        self._rest = data[at:]
