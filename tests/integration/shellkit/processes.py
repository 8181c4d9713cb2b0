"""The simulator and the trader as processes of their own, as a person would start them, and what the venue's journal says about them."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from shellkit.waiting import until

API_KEY = "canaryApiKey0123456789"
SECRET = "canarySecretAbcdefghijk"
ACCOUNT = "acc1"
IDENTITY = "sim.acc1"
BALANCES = "ETH=10,BTC=1,USDC=50000"


async def read_json(url: str) -> Any:
    """GET; None while nobody answers."""
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as http,
            http.get(url) as reply,
        ):
            return await reply.json(content_type=None)
    except (aiohttp.ClientError, TimeoutError):
        return None


async def post_json(url: str, body: dict[str, Any], headers: dict[str, str] | None = None) -> tuple[int, Any]:
    """POST; status and answer."""
    async with aiohttp.ClientSession() as http, http.post(url, json=body, headers=headers or {}) as reply:
        return reply.status, await reply.json(content_type=None)


class Program:
    """A child process with its output in a file."""

    def __init__(self, words: list[str], output: Path, environment: dict[str, str] | None = None) -> None:
        self._words = words
        self.output = output
        self._environment = {**os.environ, "PYTHONUNBUFFERED": "1", **(environment or {})}
        self.process: asyncio.subprocess.Process | None = None

    async def launch(self) -> None:
        """Start it."""
        with self.output.open("ab") as file:
            self.process = await asyncio.create_subprocess_exec(
                *self._words, stdout=file, stderr=file, env=self._environment
            )

    async def kill(self) -> None:
        """SIGKILL."""
        if self.process is not None and self.process.returncode is None:
            self.process.kill()
            await self.process.wait()

    async def terminate(self, timeout_s: float = 20.0) -> int:
        """SIGTERM; the exit status."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(timeout_s):
            return await self.process.wait()

    @property
    def pid(self) -> int:
        """Of the running process."""
        assert self.process is not None
        return self.process.pid

    def text(self) -> str:
        """What it has printed so far."""
        return self.output.read_text(errors="replace")


class Venue(Program):
    """`mm-trader simulate` on a free port."""

    def __init__(
        self,
        directory: Path,
        market: str = "seeded:7:calm",
        symbols: str = "ETHUSDC,BTCUSDC",
        product: str = "spot",
        balances: str = BALANCES,
    ) -> None:
        words = [
            *(sys.executable, "-m", "mm_trader.venue.simulator", "--port", "0"),
            *("--account", f"{ACCOUNT}:{API_KEY}:{SECRET}:{balances}"),
            *("--product", product, "--symbols", symbols, "--market", *market.split()),
        ]
        super().__init__(words, directory / "simulator.log")
        self.url = ""

    async def start(self) -> None:
        """Start and learn the port."""
        await self.launch()

        def announced() -> str:
            text = self.text()
            return text.split(" on ", 1)[1].split()[0] if " on http" in text else ""

        try:
            self.url = await until(announced, "the simulator announces its port", 60)
        except BaseException:
            await self.kill()
            raise

    async def state(self) -> dict[str, Any]:
        """Everything at one glance."""
        return dict(await read_json(f"{self.url}/admin/state"))

    async def open_orders(self) -> list[dict[str, Any]]:
        """The account's open orders."""
        return list((await self.state())["accounts"][ACCOUNT]["openOrders"])

    async def journal(self) -> list[dict[str, Any]]:
        """Every order event of the account, in order."""
        found: list[dict[str, Any]] = []
        while True:
            since = found[-1]["seq"] if found else 0
            page = await read_json(f"{self.url}/admin/journal?since={since}&limit=100000")
            if not page["entries"]:
                return [entry for entry in found if entry["account"] == ACCOUNT]
            found += page["entries"]

    async def sequence(self) -> int:
        """Number of the newest journal entry."""
        return int((await self.state())["journalSeq"])

    async def act(self, action: str, **fields: Any) -> Any:
        """An admin action, such as `price`."""
        status, answer = await post_json(f"{self.url}/admin/{action}", fields)
        assert status == 200, answer
        return answer


def trader_config(directory: Path, venue_url: str, redis_url: str | None, **changes: Any) -> dict[str, Any]:
    """A config for tests: quick evidence, free admin port, nothing shared. `changes` replaces top-level fields."""
    socket_url = venue_url.replace("http", "ws", 1)
    config: dict[str, Any] = {
        "name": "test",
        "identity": IDENTITY,
        "symbols": ["ETHUSDC", "BTCUSDC"],
        "venue": {
            "environment": "simulator",
            "restUrl": venue_url,
            "wsApiUrl": f"{socket_url}/ws-api/v3",
            "streamUrl": socket_url,
        },
        "strategy": {"parameters": {"baseSpread": "0.0003"}},
        "risk": {"capital": "10000"},
        "lease": {"managed": False},
        "journalDir": str(directory / "journal"),
        "admin": {"port": 0},
        **changes,
    }
    if redis_url is not None:
        config.setdefault("redis", {"url": redis_url})
    return config


def on_futures(config: dict[str, Any]) -> dict[str, Any]:
    """The same config for the futures profile."""
    venue = config["venue"]
    futures = {"kind": "binance-usdm", "wsApiUrl": f"{venue['streamUrl']}/ws-fapi/v1"}
    return {**config, "venue": {**venue, **futures}}


class Trader(Program):
    """`mm-trader --config FILE`."""

    def __init__(
        self, directory: Path, config: dict[str, Any], environment: dict[str, str] | None = None
    ) -> None:
        file = directory / "trader.yaml"
        file.write_text(yaml.safe_dump(config))
        keys = {"MM_API_KEY": API_KEY, "MM_SECRET_KEY": SECRET}
        super().__init__(
            [sys.executable, "-m", "mm_trader.cli", "--config", str(file)],
            directory / "trader.log",
            keys if environment is None else environment,
        )
        self._from = 0

    async def start(self) -> None:
        """Start; does not wait."""
        self._from = self.output.stat().st_size if self.output.exists() else 0
        await self.launch()

    def own_text(self) -> str:
        """What the running process has printed."""
        return self.output.read_bytes()[self._from :].decode(errors="replace")

    def admin_port(self) -> int | None:
        """The admin port, once it is announced."""
        for line in self.own_text().splitlines():
            if '"admin_listening"' in line:
                return int(line.split('"port": ')[1].split(",")[0].rstrip("}"))
        return None

    async def status(self) -> dict[str, Any] | None:
        """GET /status; None while it does not answer."""
        port = self.admin_port()
        return await read_json(f"http://127.0.0.1:{port}/status") if port else None

    async def quoting(self, timeout_s: float = 60.0) -> dict[str, Any]:
        """The status of a trader that quotes, with orders at the venue."""

        async def look() -> dict[str, Any] | None:
            assert self.process is not None and self.process.returncode is None, self.own_text()[-3000:]
            status = await self.status()
            if status is None or status["state"]["phase"] != "Quoting":
                return None
            # one symbol may quote while another is still compared with the venue
            good = status["state"]["openOrders"] and status["kernel"]["reconciled"]
            return status if good else None

        return dict(await until(look, "the trader quotes", timeout_s))

    async def nothing_unknown(self) -> bool:
        """No order of which nobody can say whether it is open."""
        status = await self.status()
        return status is not None and status["state"]["unknownOrders"] == 0


def venue_positions(journal: list[dict[str, Any]]) -> dict[str, tuple[Decimal, Decimal, set[int]]]:
    """Per symbol: position, cash (fees in quote currency included) and trade ids, by the venue's own record of fills."""
    found: dict[str, tuple[Decimal, Decimal, set[int]]] = {}
    for entry in journal:
        if entry["kind"] != "fill":
            continue
        position, cash, ids = found.get(entry["symbol"], (Decimal(0), Decimal(0), set()))
        sign = 1 if entry["side"] == "BUY" else -1
        quantity, price = Decimal(entry["lastQty"]), Decimal(entry["lastPrice"])
        fee = Decimal(entry["commission"])
        if entry["commissionAsset"] == entry["symbol"].removesuffix("USDC"):
            position -= fee
        else:
            cash -= fee
        found[entry["symbol"]] = (
            position + sign * quantity,
            cash - sign * quantity * price,
            ids | {int(entry["tradeId"])},
        )
    return found


def incarnation(client_id: str) -> int:
    """The counter inside a client order id."""
    return int(client_id.split("-")[2], 36)


def assert_one_writer(journal: list[dict[str, Any]]) -> None:
    """No client id is used twice, and nothing of an earlier incarnation is open when a later one places."""
    placed: set[str] = set()
    open_ids: set[str] = set()
    for entry in journal:
        client_id = entry.get("clientOrderId", "")
        if entry["kind"] == "place":
            assert client_id not in placed, f"{client_id} was placed twice"
            older = {other for other in open_ids if incarnation(other) < incarnation(client_id)}
            assert not older, f"{client_id} was placed while {older} were open"
            placed.add(client_id)
            open_ids.add(client_id)
        elif entry.get("status") in ("CANCELED", "FILLED", "EXPIRED", "EXPIRED_IN_MATCH"):
            open_ids.discard(client_id)
