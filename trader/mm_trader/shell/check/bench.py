"""What the checks work on: a simulator and a trader as processes of their own, spoken to over their ports."""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import yaml

from mm_api.trader_config import TraderConfig

T = TypeVar("T")
LOOK_AGAIN_S = 0.02
ACCOUNT = "check"
BALANCES = "ETH=100,BTC=10,USDC=500000"


class NotYetError(Exception):
    """What was waited for did not come in time; the message says what."""


async def until(look: Callable[[], Awaitable[T | None]], what: str, timeout_s: float) -> T:
    """The first truthy answer. Raises NotYetError."""
    deadline = time.monotonic() + timeout_s
    while True:
        if answer := await look():
            return answer
        if time.monotonic() >= deadline:
            raise NotYetError(f"not within {timeout_s:g} s: {what}")
        await asyncio.sleep(LOOK_AGAIN_S)


class Program:
    """A child process with its output in a file."""

    def __init__(self, words: list[str], output: Path, environment: dict[str, str]) -> None:
        self._words = words
        self.output = output
        self._environment = {**os.environ, "PYTHONUNBUFFERED": "1", **environment}
        self.process: asyncio.subprocess.Process | None = None
        self._from = 0

    async def start(self) -> None:
        """Start it; does not wait."""
        self._from = self.output.stat().st_size if self.output.exists() else 0
        with self.output.open("ab") as file:
            self.process = await asyncio.create_subprocess_exec(
                *self._words, stdout=file, stderr=file, env=self._environment
            )

    def text(self) -> str:
        """What the running process has printed."""
        return self.output.read_bytes()[self._from :].decode(errors="replace")

    @property
    def ended(self) -> int | None:
        """Exit status; None while it runs."""
        return self.process.returncode if self.process is not None else 0

    async def end(self, number: signal.Signals, timeout_s: float) -> int | None:
        """Send a signal and wait; None: it did not end."""
        if self.process is None or self.process.returncode is not None:
            return self.ended
        self.process.send_signal(number)
        try:
            async with asyncio.timeout(timeout_s):
                return await self.process.wait()
        except TimeoutError:
            return None


class Venue:
    """The simulator: embedded, or one that a config names. Only a simulator has an admin API to inject faults with."""

    def __init__(self, http: aiohttp.ClientSession, url: str, account: str | None) -> None:
        self._http = http
        self.url = url
        self.account = account
        """Our account's name there; None: unknown, the venue's own books cannot be read."""

    async def act(self, action: str, **fields: Any) -> None:
        """Inject. Raises NotYetError when it is refused."""
        async with self._http.post(f"{self.url}/admin/{action}", json=fields) as reply:
            if reply.status != 200:
                raise NotYetError(f"the simulator refuses {action}: {await reply.text()}")

    async def open_orders(self) -> list[dict[str, Any]]:
        """Of our account, by the venue's own book."""
        async with self._http.get(f"{self.url}/admin/state") as reply:
            state = await reply.json()
        return list(state["accounts"][self.account]["openOrders"])


class Bench:
    """One trader under examination."""

    def __init__(self, config: TraderConfig, directory: Path, environment: dict[str, str]) -> None:
        self.config = config
        self.directory = directory
        self.file = directory / "trader.yaml"
        self.token = secrets.token_hex(16)
        self.venue: Venue | None = None
        """None: no faults can be injected here."""
        token_file = directory / "token"
        token_file.write_text(self.token)
        token_file.chmod(0o600)
        self.wire = examined(config, directory, token_file)
        self.write_config(self.wire)
        self.trader = Program(
            [sys.executable, "-m", "mm_trader.cli", "--config", str(self.file)],
            directory / "trader.out",
            environment,
        )
        self.http: aiohttp.ClientSession

    def write_config(self, wire: dict[str, Any]) -> None:
        """As an editor would: a new file in the place of the old one."""
        fresh = self.file.with_suffix(".new")
        fresh.write_text(yaml.safe_dump(wire), encoding="utf-8")
        fresh.replace(self.file)

    def url(self, path: str) -> str:
        """On the trader's admin port. Raises NotYetError while it is not announced."""
        found = re.search(
            r'"admin_listening".*?"port": (\d+)|"port": (\d+).*?"admin_listening"', self.trader.text()
        )
        if found is None:
            raise NotYetError("the trader has not opened its admin port")
        return f"http://127.0.0.1:{found.group(1) or found.group(2)}{path}"

    async def get(self, path: str) -> tuple[int, str]:
        """Status and text."""
        async with self.http.get(self.url(path), headers=self._headers) as reply:
            return reply.status, await reply.text()

    async def post(self, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        """Status and JSON."""
        async with self.http.post(self.url(path), json=body, headers=self._headers) as reply:
            return reply.status, await reply.json()

    async def status(self) -> dict[str, Any] | None:
        """GET /status; None while nobody answers. Raises NotYetError when the process has ended."""
        if self.trader.ended is not None:
            raise NotYetError(
                f"the trader ended with status {self.trader.ended}: {self.trader.text()[-300:]}"
            )
        try:
            async with self.http.get(self.url("/status")) as reply:
                return dict(await reply.json())
        except (NotYetError, aiohttp.ClientError, TimeoutError):
            return None

    async def quoting(self, timeout_s: float) -> dict[str, Any]:
        """The status of a trader with both sides of every symbol at the venue. Raises NotYetError."""

        seen: dict[str, Any] | None = None

        async def look() -> dict[str, Any] | None:
            nonlocal seen
            status = seen = await self.status()
            if status is None or status["state"]["phase"] != "Quoting" or status["kernel"] is None:
                return None
            quotes = status["kernel"]["quotes"]
            both = all(None not in quotes.get(symbol, (None,)) for symbol in self.config.symbols)
            return status if both and status["kernel"]["reconciled"] else None

        try:
            return await until(look, "both sides of every symbol are quoted", timeout_s)
        except NotYetError as error:
            raise NotYetError(f"{error}; {_state_of(seen)}") from None

    async def metrics(self) -> dict[str, float]:
        """Every series, by its text without the label of the trader's name."""
        _, text = await self.get("/metrics")
        found = {}
        for line in text.splitlines():
            if not line.startswith("#"):
                name, _, value = line.rpartition(" ")
                found[re.sub(r'market_maker="[^"]*",?', "", name).replace("{}", "")] = float(value)
        return found

    @property
    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


def _state_of(status: dict[str, Any] | None) -> str:
    """What a trader that does not quote as it should says of itself."""
    if status is None:
        return "it does not answer"
    kernel = status["kernel"] or {}
    sides = {symbol: quotes for symbol, quotes in kernel.get("quotes", {}).items() if None in quotes}
    facts = {
        "missing": status["missing"],
        "gate": status["gate"],
        "halts": [halt["id"] for halt in status["halts"]],
        "risk": kernel.get("risk_reasons"),
        "guards": {symbol: guards for symbol, guards in kernel.get("guards", {}).items() if guards},
        "quotes": sides,
        "positions": {symbol: kernel["positions"][symbol] for symbol in sides},
        "unknown orders": kernel.get("unknown_orders"),
        "reconciled": None if kernel.get("reconciled", True) else False,
    }
    said = ", ".join(f"{name} {fact}" for name, fact in facts.items() if fact or fact is False)
    return f"{status['state']['phase']} {status['state']['reason']}".rstrip() + (f": {said}" if said else "")


def examined(config: TraderConfig, directory: Path, token_file: Path) -> dict[str, Any]:
    """The given config with journal, identity, state and ports of its own: nothing of a running trader is touched."""
    wire = config.to_wire()
    wire.pop("redis", None)
    wire |= {
        "identity": f"{config.identity[:100]}.check",
        "revision": "check",
        "scope": "check",
        "epoch": 0,
        "journalDir": str(directory / "journal"),
        "admin": {"host": "127.0.0.1", "port": 0, "tokenFile": str(token_file)},
        "logging": {
            "level": "DEBUG",
            "format": "json",
            "file": str(directory / "trader.log"),
            "errorFile": str(directory / "errors.log"),
        },
        "recording": {"directory": str(directory / "recording")},
        "lease": {**wire.get("lease", {}), "managed": False},
    }
    return wire


def embedded_config(url: str) -> TraderConfig:
    """Of the trader at the embedded simulator: the product's defaults."""
    socket = url.replace("http", "ws", 1)
    return TraderConfig.model_validate(
        {
            "name": "check",
            "identity": "sim.check",
            "symbols": ["ETHUSDC", "BTCUSDC"],
            "venue": {
                "environment": "simulator",
                "restUrl": url,
                "wsApiUrl": f"{socket}/ws-api/v3",
                "streamUrl": socket,
            },
            "risk": {"capital": "20000"},
        }
    )
