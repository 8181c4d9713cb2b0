"""The depth stream applied to a snapshot is the book that bookTicker shows, at every equal update id."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from simwire import S, Socket, Wire, config, running

from mm_trader.venue.simulator import SimulatorConfig


class Book:
    """A client's book, kept by the documented rules."""

    def __init__(self, snapshot: Any) -> None:
        self.u = snapshot["lastUpdateId"]
        self.sides = [dict(snapshot["bids"]), dict(snapshot["asks"])]

    def apply(self, event: Any) -> None:
        if event["u"] <= self.u:
            return
        assert event["U"] <= self.u + 1, "a gap"
        for side, rows in zip(self.sides, (event["b"], event["a"]), strict=True):
            for price, qty in rows:
                if float(qty) == 0:
                    side.pop(price, None)
                else:
                    side[price] = qty
        self.u = event["u"]

    def top(self) -> tuple[str, str, str, str]:
        bid, ask = max(self.sides[0], key=float), min(self.sides[1], key=float)
        return bid, self.sides[0][bid], ask, self.sides[1][ask]


async def collect(wire: Wire, socket: Socket, seconds: int) -> list[Any]:
    """All frames of `seconds` of market time, with a client's orders mixed in."""
    for second in range(seconds):
        await wire.sim.advance(S)
        touch = await wire.book()
        price = f"{(float(touch['bidPrice']) + float(touch['askPrice'])) / 2 + second % 3 - 1:.2f}"
        await wire.order("BUY" if second % 2 else "SELL", price, newClientOrderId=f"o{second}")
    wire.sim.admin.do("status", symbol="ETHUSDC", status="HALT")  # so that the last mark has the last change
    await wire.sim.advance(S)
    await socket.send({"method": "LIST_SUBSCRIPTIONS", "id": 1})
    frames: list[Any] = []
    while True:
        frame = await socket.json()
        if "id" in frame:
            return frames
        frames.append(frame)


async def check_oracle(settings: SimulatorConfig, seconds: int, least: int) -> None:
    async with running(settings) as wire:
        socket = await wire.socket("/stream?streams=ethusdc@depth@100ms/ethusdc@bookTicker")
        await wire.sim.advance(S)
        snapshot = (await wire.get("depth", symbol="ETHUSDC", limit="5000")).body
        frames = await collect(wire, socket, seconds)
        book, checked, last_ticker_u = Book(snapshot), 0, 0
        tickers: dict[int, tuple[str, ...]] = {}
        for frame in frames:
            data = frame["data"]
            if "e" not in data:
                assert data["u"] > last_ticker_u
                last_ticker_u = data["u"]
                tickers[data["u"]] = (data["b"], data["B"], data["a"], data["A"])
                continue
            book.apply(data)
            expected = tickers.get(book.u)
            if expected is not None:
                assert book.top() == expected
                checked += 1
        assert checked >= least
        end = (await wire.get("depth", symbol="ETHUSDC", limit="5000")).body
        assert book.u == end["lastUpdateId"]
        assert book.top() == (*end["bids"][0], *end["asks"][0])


async def test_depth_and_book_ticker_agree_on_a_seeded_market() -> None:
    await check_oracle(config("seeded:11:toxic"), 30, 20)


async def test_depth_and_book_ticker_agree_on_a_replayed_market(recording: list[str]) -> None:
    await check_oracle(config("replay:" + ",".join(recording), "ETHUSDC"), 20, 20)


async def transcript(seed: str) -> str:
    """Every byte that a fixed client sees of a market."""
    async with running(config(f"seeded:{seed}:toxic")) as wire:
        streams = "/".join(
            f"{s}@{k}" for s in ("ethusdc", "btcusdc") for k in ("bookTicker", "depth@100ms", "trade")
        )
        socket = await wire.socket(f"/stream?streams={streams}")
        api = await wire.api()
        await api.signed("userDataStream.subscribe.signature")
        lines = []
        for step in range(8):
            await wire.sim.advance(S // 2)
            price = "2590" if step % 2 else "2610"
            reply = await wire.order("BUY" if step % 2 else "SELL", price, newClientOrderId=f"s{step}")
            lines.append(reply.text)
        await socket.send({"method": "LIST_SUBSCRIPTIONS", "id": 1})
        while '"id":1' not in (line := await socket.text()):
            lines.append(line)
        number = await api.call("ping")
        return "\n".join([*lines, json.dumps(api.events), json.dumps(number)])


async def test_the_same_seed_gives_the_same_transcript_byte_for_byte() -> None:
    first, second = await transcript("5"), await transcript("5")
    assert first == second
    assert len(first) > 10_000


async def test_another_seed_gives_another_transcript() -> None:
    assert await transcript("5") != await transcript("6")


async def test_a_slow_reader_sees_every_update_of_a_burst(wire: Wire) -> None:
    socket = await wire.socket("/ws/ethusdc@bookTicker")
    prices = [f"{2599 + i / 100:.2f}" for i in range(50)]
    await asyncio.gather(*(wire.order("BUY", p, newClientOrderId=f"b{p}".replace(".", "-")) for p in prices))
    seen = [await socket.json()]
    while seen[-1]["b"] != "2599.49000000":
        seen.append(await socket.json())
    assert [f["u"] for f in seen] == sorted({f["u"] for f in seen})


@pytest.mark.parametrize("limit", ["1", "5", "5000", "100000"])
async def test_a_snapshot_never_exceeds_its_limit(wire: Wire, limit: str) -> None:
    body = (await wire.get("depth", symbol="ETHUSDC", limit=limit)).body
    assert len(body["bids"]) == min(int(limit), 15)
