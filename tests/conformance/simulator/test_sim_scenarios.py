"""Every scenario of configs/scenarios does what its first line says, as a client on real sockets sees it."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml
from simwire import MS, S, Wire, config, running

from mm_trader.venue.simulator.config import LimitConfig

FOLDER = Path(__file__).resolve().parents[3] / "configs" / "scenarios"
MAX_RUN_S = 130


class Stream:
    """A socket that is read in the background; opened anew when it ends."""

    def __init__(self, wire: Wire, path: str, subscribe: bool = False) -> None:
        self.wire, self.path, self.subscribe = wire, path, subscribe
        self.began_ns = wire.sim.clock.now()
        self.frames: list[tuple[float, Any]] = []
        self.ends: list[tuple[float, int | None]] = []
        self.refused = 0
        self.reader: asyncio.Task[None] | None = None

    async def keep(self, now: float) -> None:
        """Connect where there is no connection."""
        if self.reader is not None and not self.reader.done():
            return
        try:
            socket = await self.wire.session.ws_connect(self.wire.sim.ws_url + self.path, max_msg_size=0)
        except aiohttp.WSServerHandshakeError:
            self.refused += 1
            return
        if self.subscribe:
            from simwire import KEY, SECRET, sign, ws_payload

            params = {"apiKey": KEY, "timestamp": self.wire.sim.venue_clock.now() // MS}
            params["signature"] = sign(ws_payload(params), SECRET)
            await socket.send_json(
                {"id": 1, "method": "userDataStream.subscribe.signature", "params": params}
            )
        self.reader = asyncio.create_task(self._read(socket))

    async def _read(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        async for message in socket:
            self.frames.append((self.at(), message.json()))
        self.ends.append((self.at(), socket.close_code))

    def at(self) -> float:
        return (self.wire.sim.clock.now() - self.began_ns) / S


class Client:
    """Places an order a second, asks for time and book, listens to everything, and notes what it sees."""

    def __init__(self, wire: Wire, price: str) -> None:
        self.wire = wire
        self.price = price
        self.orders: list[tuple[float, Any, float]] = []
        """(second asked, status or code or `dropped` or `unreadable`, seconds until the answer)."""
        self.offsets: list[float] = []
        self.snapshots: list[Any] = []
        self.times: Counter[int] = Counter()
        self.market = Stream(
            wire, "/stream?streams=ethusdc@depth@100ms/ethusdc@bookTicker/btcusdc@bookTicker"
        )
        self.user = Stream(wire, "/ws-api/v3", subscribe=True)
        self.state: list[Any] = []
        self.left: set[str] = set()
        """Client ids of the orders that are open at the end."""
        self.journal: list[Any] = []

    async def order(self, second: float) -> None:
        timestamp = self.wire.sim.clock.now() // MS
        began = self.wire.sim.clock.now()
        try:
            reply = await self.wire.order(
                "BUY", self.price, newClientOrderId=f"s-{int(second)}", timestamp=timestamp
            )
            body = reply.body
            told = reply.status if reply.status == 200 else (reply.status, body["code"])
            if not isinstance(body, dict):
                told = "unreadable"
        except ValueError:
            told = "unreadable"
        except (aiohttp.ClientError, ConnectionError):
            told = "dropped"
        self.orders.append((second, told, (self.wire.sim.clock.now() - began) / S))

    def told(self, first: float, last: float) -> list[Any]:
        return [t for s, t, _ in sorted(self.orders, key=lambda o: o[0]) if first <= s <= last]

    async def run(self, seconds: int) -> None:
        pending: list[asyncio.Task[None]] = []
        for second in range(seconds):
            await self.market.keep(second)
            await self.user.keep(second)
            pending.append(asyncio.create_task(self.order(second)))
            for _ in range(10):
                await self.wire.sim.advance(100 * MS)
                await self.wire.raw("GET", "/healthz")
            reply = await self.wire.get("time")
            self.times[reply.status] += 1
            if reply.status == 200:
                self.offsets.append(reply.body["serverTime"] - self.wire.sim.clock.now() / MS)
            reply = await self.wire.get("depth", symbol="ETHUSDC", limit="5")
            if reply.status == 200:
                self.snapshots.append(reply.body)
            self.state.append(self.wire.sim.admin.state())
        await self.wire.sim.advance(5 * S)
        await asyncio.gather(*pending)

    # --- what was seen --------------------------------------------------------------------------------------
    def frames(self, stream: str) -> list[tuple[float, Any]]:
        return [(at, f["data"]) for at, f in self.market.frames if f.get("stream") == stream]

    def gaps(self) -> int:
        depth = [f for _, f in self.frames("ethusdc@depth@100ms")]
        return sum(b["U"] != a["u"] + 1 for a, b in pairwise(depth))

    def events(self) -> list[tuple[float, Any]]:
        return [(at, f["event"]) for at, f in self.user.frames if "event" in f]

    def reported(self, kind: str = "executionReport") -> Counter[str]:
        return Counter(e.get("c", "") for _, e in self.events() if e["e"] == kind)

    def quiet_s(self, frames: list[tuple[float, Any]]) -> float:
        times = [at for at, _ in frames]
        return max((b - a for a, b in pairwise(times)), default=0.0)

    def open_ids(self) -> set[str]:
        return {o.client_id for o in self.wire.sim.engine.accounts["alpha"].open.values()}


async def play(name: str) -> Client:
    """Run the scenario against the client, to a little after its last step."""
    steps = yaml.safe_load((FOLDER / f"{name}.yaml").read_text())["steps"]
    seconds = min(MAX_RUN_S, int(max(step["at"] for step in steps)) + 8)
    async with running(config(limits=LimitConfig(orders_per_10s=0))) as wire:
        wire.sim.admin.run_scenario(steps)
        client = Client(wire, "2590" if name == "adverse-move" else "2500")
        await client.run(seconds)
        client.left = client.open_ids()
        client.journal = wire.sim.journal.since(0)
        assert wire.sim.admin.waiting() == []
        for stream in (client.market, client.user):
            if stream.reader is not None:
                stream.reader.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await stream.reader
        return client


def latency(c: Client) -> None:
    waits = {s: w for s, _, w in c.orders}
    assert all(0.2 < waits[s] <= 0.6 for s in (3, 4, 5))
    assert waits[0] < 0.2
    assert any(w > 1.1 for s, w in waits.items() if 22 <= s <= 29)
    late = {e["c"]: at for at, e in c.events() if e["e"] == "executionReport"}
    assert late["s-16"] - 16 > 1.4


def unknown_outcomes(c: Client) -> None:
    assert c.told(5, 7) == ["dropped"] * 3
    assert c.told(15, 17) == ["dropped"] * 3
    assert c.told(25, 27) == [(504, -1007)] * 3
    left = c.left
    assert {"s-5", "s-6", "s-7", "s-25", "s-26", "s-27"} <= left
    assert not {"s-15", "s-16", "s-17"} & left


def server_errors(c: Client) -> None:
    left = c.left
    assert c.told(2, 3) == [(503, -1008)] * 2
    assert c.told(6, 7) == [(504, -1007)] * 2
    assert "s-2" not in left
    assert "s-6" in left
    assert c.times[502] >= 1


def rate_limits(c: Client) -> None:
    assert c.told(2, 2) == [(429, -1003)]
    assert c.told(6, 6) == [(429, -1015)]
    assert c.told(10, 14) == [(418, -1003)] * 5
    assert c.told(16, 17) == [200, 200]


def clock_skew(c: Client) -> None:
    assert {round(o) for o in c.offsets} == {0, 30_000, -30_000}
    assert c.told(3, 7) == [(400, -1021)] * 5
    assert c.told(9, 13) == [(400, -1021)] * 5
    assert c.told(15, 18) == [200] * 4


def malformed(c: Client) -> None:
    assert [t for t in c.told(2, 9) if t == "unreadable"] == ["unreadable"] * 4
    assert {f"s-{n}" for n in range(10)} <= c.left


def user_events(c: Client) -> None:
    reports = c.reported()
    assert reports["s-2"] == 0
    assert reports["s-6"] == 2
    assert all(reports[f"s-{n}"] == 1 for n in (4, 5, 9, 10, 12, 15, 17))
    late = {e["c"]: at for at, e in c.events() if e["e"] == "executionReport"}
    assert late["s-10"] - 10 > 1.4
    kinds = [e["e"] for at, e in c.events() if 15 <= at < 16]
    assert kinds[:2] == ["outboundAccountPosition", "executionReport"]


def depth_gap(c: Client) -> None:
    assert c.gaps() in (2, 3, 4)  # three in a row may fall on batches without changes in between


def stale_book(c: Client) -> None:
    assert c.gaps() == 0
    assert c.quiet_s(c.frames("ethusdc@depth@100ms")) > 5.5
    assert c.quiet_s(c.frames("btcusdc@bookTicker")) < 3
    prices = [float(f["b"]) for _, f in c.frames("ethusdc@bookTicker")]
    assert max(abs(b / a - 1) for a, b in pairwise(prices)) > 0.002


def wrong_snapshots(c: Client) -> None:
    crossed = [s for s in c.snapshots if float(s["bids"][0][0]) >= float(s["asks"][0][0])]
    backwards = sum(b["lastUpdateId"] < a["lastUpdateId"] for a, b in pairwise(c.snapshots))
    tickers = [f for _, f in c.frames("ethusdc@bookTicker") if float(f["b"]) >= float(f["a"])]
    assert (len(crossed), backwards, len(tickers)) == (1, 1, 3)


def shutdown(c: Client) -> None:
    told = [at for at, f in c.market.frames if f["data"].get("e") == "serverShutdown"]
    assert len(told) == 1
    assert len(c.market.ends) == len(c.user.ends) == 1
    assert c.market.ends[0][0] - told[0] == pytest.approx(5, abs=0.3)


def day_cut(c: Client) -> None:
    assert [code for _, code in c.market.ends] == [1001, 1001]
    assert [code for _, code in c.user.ends] == [1001]
    assert c.reported()["s-9"] == 1


def ping_silence(c: Client) -> None:
    assert {s["faults"]["pingsSilent"] for s in c.state[2:11]} == {True}
    assert c.state[-1]["faults"]["pingsSilent"] is False
    assert c.quiet_s(c.frames("btcusdc@bookTicker")) < 3
    assert c.market.ends == []


def half_open(c: Client) -> None:
    assert c.market.ends == c.user.ends == []
    assert max(at for at, _ in c.market.frames) < 3.2
    assert max(at for at, _ in c.user.frames) < 6.2


def disconnects(c: Client) -> None:
    assert len(c.market.ends) == 2
    assert len(c.user.ends) == 2
    assert c.market.refused >= 2


def halt(c: Client) -> None:
    closed = [s for s, t, _ in c.orders if t == (400, -2010)]
    assert sorted(closed) == [3, 4, 5, 6, 10, 11, 12, 13]
    assert [s["symbols"]["ETHUSDC"]["status"] for s in c.state][11] == "CANCEL_ONLY"


def forgotten(c: Client) -> None:
    left = c.left
    assert "s-3" not in left
    assert "s-8" in left
    ids = [e["orderId"] for e in c.journal if e["kind"] == "place"]
    assert any(b < a for a, b in pairwise(ids))


def adverse_move(c: Client) -> None:
    bids = [float(f["b"]) for _, f in c.frames("ethusdc@bookTicker")]
    assert bids[-1] / bids[0] - 1 < -0.018
    made = [e for e in c.journal if e["kind"] == "fill" and e["maker"]]
    assert len(made) >= 30  # every bid that rested when the price fell through it


def bad_day(c: Client) -> None:
    told = {t for _, t, _ in c.orders}
    assert {200, "dropped", (503, -1007), (429, -1003), (400, -2010)} <= told
    assert c.gaps() >= 1
    assert len(c.market.ends) >= 2


CHECKS: dict[str, Callable[[Client], None]] = {
    "testnet-reset": forgotten,
} | {
    check.__name__.replace("_", "-"): check
    for check in (
        latency, unknown_outcomes, server_errors, rate_limits, clock_skew, malformed, user_events, depth_gap, stale_book,
        wrong_snapshots, shutdown, day_cut, ping_silence, half_open, disconnects, halt, adverse_move, bad_day,
    )
}  # fmt: skip


def test_every_scenario_has_its_check_and_its_row_in_the_readme() -> None:
    names = {path.stem for path in FOLDER.glob("*.yaml")}
    assert names == set(CHECKS)
    readme = (FOLDER / "README.md").read_text()
    assert all(f"`{name}`" in readme for name in names)


@pytest.mark.parametrize("name", CHECKS)
async def test_a_scenario_does_what_it_says(name: str) -> None:
    CHECKS[name](await play(name))
