"""Every recording replayed through the simulator, and read as a conforming client reads it: its first part, or with MM_WHOLE=1 all of it.

The client hears the bytes that a socket would carry, keeps a book by the documented rules from one snapshot on, and accepts
no gap; each bookTicker must show the touch of that book at the same `u`. What a recording says of itself is checked elsewhere
(`tests/conformance/gateway`); here it has gone through the engine and out again.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
from simwire import S, Wire, config, running
from synthetic import synthetic_recording
from usdmwire import trading, usdm_config

from mm_trader.venue.simulator.config import Product
from mm_trader.venue.simulator.engine.checks import to_e8
from mm_trader.venue.simulator.server.connection import Connection
from mm_trader.venue.simulator.server.streams import StreamClient

STEP_NS = S // 2
"""The client reads after every step, so that it needs little memory."""
PART_S = 40
"""Of each recording in an ordinary run; whole, they take about a minute of processor time."""
LEVELS = 20
"""Compared with the venue's snapshot at the end, on each side."""


class Ear:
    """A connection that keeps the frames it is sent."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []

    def send_frame(self, frame: bytes, _channel: object) -> None:
        self.frames.append(frame)


def payload(frame: bytes) -> bytes:
    """The text of an unmasked WebSocket frame."""
    short = frame[1] & 0x7F
    return frame[2 if short < 126 else 4 if short == 126 else 10 :]


class Client:
    """A book kept by the documented rules, and what was asked of it."""

    def __init__(self, product: Product) -> None:
        self.chained = product is Product.USDM
        self.u = -1
        self.sides: dict[str, dict[int, int]] = {"b": {}, "a": {}}
        self.tickers: dict[int, tuple[int, ...]] = {}
        """What bookTickers showed since the last depth event, by `u`."""
        self.events = self.agreed = 0

    def snapshot(self, body: dict[str, Any]) -> None:
        self.u = body["lastUpdateId"]
        for side, name in (("b", "bids"), ("a", "asks")):
            self._apply(self.sides[side], body[name])

    @staticmethod
    def _apply(side: dict[int, int], rows: list[list[str]]) -> None:
        for price, size in rows:
            if (lots := to_e8(size)) == 0:
                side.pop(to_e8(price), None)
            else:
                side[to_e8(price)] = lots

    def touch(self) -> tuple[int, ...]:
        bids, asks = self.sides["b"], self.sides["a"]
        bid, ask = max(bids), min(asks)
        assert bid < ask
        return bid, bids[bid], ask, asks[ask]

    def hear(self, event: dict[str, Any]) -> None:
        if "U" not in event:
            self.tickers[event["u"]] = tuple(to_e8(event[x]) for x in "bBaA")
            return
        if event["u"] <= self.u:
            return
        if self.chained and self.events:
            assert event["pu"] == self.u, "a gap"
        assert event["U"] <= self.u + 1, "a gap"
        for side in "ba":
            self._apply(self.sides[side], event[side])
        self.u = event["u"]
        self.events += 1
        shown = self.tickers.get(self.u)
        if shown is not None:
            assert shown == self.touch()
            self.agreed += 1
        self.tickers.clear()


async def replay(wire: Wire, snapshot_path: str, seconds: int) -> Client:
    """Play `seconds` of the only symbol's recording to one client, which begins as the documentation says."""
    sim = wire.sim
    (symbol,) = sim.engine.markets
    client, ear = Client(sim.config.product), Ear()
    names = [f"{symbol.lower()}@bookTicker", f"{symbol.lower()}@depth@100ms"]
    sim.hub.add(StreamClient(cast("Connection", ear), combined=False), names)

    def read() -> None:
        for frame in ear.frames:
            client.hear(msgspec.json.decode(payload(frame)))
        ear.frames.clear()

    await sim.advance(STEP_NS)
    client.snapshot((await wire.raw("GET", snapshot_path)).body)
    for _ in range(seconds * S // STEP_NS):
        read()
        await sim.advance(STEP_NS)
    read()
    end = (await wire.raw("GET", snapshot_path)).body
    assert client.u == end["lastUpdateId"]
    for side, name, best_first in (("b", "bids", True), ("a", "asks", False)):
        kept = sorted(client.sides[side].items(), reverse=best_first)[:LEVELS]
        assert kept == [(to_e8(price), to_e8(size)) for price, size in end[name][:LEVELS]]
    return client


def spot_files(data: Path | None, tmp_path: Path, asset: str) -> tuple[str, int]:
    """The market of one asset's whole recording and its seconds; a synthetic one where there is none."""
    if data is None:
        return f"replay:{synthetic_recording(tmp_path / 'made.jsonl.gz')}", 35
    files = sorted((data / "binance-spot-2024-08").glob(f"{asset.lower()}usdt_*.jsonl.gz"))
    assert len(files) == 2
    return "replay:" + ",".join(map(str, files)), 648 if os.environ.get("MM_WHOLE") else PART_S


@pytest.mark.parametrize("asset", ["ETH", "BTC"])
async def test_a_spot_recording_has_no_gap_and_every_ticker_is_the_books(asset: str, tmp_path: Path) -> None:
    market, seconds = spot_files(data_dir(), tmp_path, asset)
    symbol = "ETHUSDT" if data_dir() is None else f"{asset}USDT"
    async with running(config(market, symbol)) as wire:
        client = await replay(wire, f"/api/v3/depth?symbol={symbol}&limit=5000", seconds)
    assert client.events >= seconds * 5
    assert client.agreed >= seconds


async def test_the_futures_recording_has_no_gap_and_every_ticker_is_the_books() -> None:
    data = data_dir()
    if data is None:
        pytest.skip("no recordings here (MM_DATA)")
    file = data / "binance-usdm-2024-08" / "ethusdt_20240808.jsonl.gz"
    seconds = 342 if os.environ.get("MM_WHOLE") else PART_S
    async with trading(usdm_config(f"replay:{file}", symbols="ETHUSDT")) as wire:
        client = await replay(wire, "/fapi/v1/depth?symbol=ETHUSDT&limit=1000", seconds)
    assert client.events >= seconds * 5
    assert client.agreed >= seconds


def data_dir() -> Path | None:
    """The folder of recordings, where this machine has them."""
    named = os.environ.get("MM_DATA")
    return Path(named) if named else None
