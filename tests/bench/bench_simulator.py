"""The simulator on its sockets: place → acknowledgement, orders per second, bookTicker fan-out, memory of a long replay."""

from __future__ import annotations

import json
import statistics
import time
import urllib.request
from pathlib import Path

import uvloop
from benchkit import Figure
from simkit import Program, Subscriber, latencies_us, order, program, signed, throughput

ORDERS = 4000
SECONDS = 6.0
SUBSCRIBERS = 10
REPLAY_SPEED = 30
REPLAYED_S = 3600
HOUR_OF_LOOPS = 5
"""Of recordings of 650 s."""


def run(data_dir: Path | None) -> list[Figure]:
    figures: list[Figure] = []
    with program("--market", "seeded:1:calm") as sim:
        uvloop.run(latencies_us(sim, 500))  # what is called first is still being specialised
        times = sorted(uvloop.run(latencies_us(sim, ORDERS)))
        note = f"{ORDERS:,} orders, seeded market of two symbols beside them, client `websockets`"
        figures.append(
            Figure("simulator: order place → ack, p50", statistics.median(times), "µs", "≤ 400", note)
        )
        figures.append(
            Figure(
                "simulator: order place → ack, p99", times[int(len(times) * 0.99)], "µs", "≤ 2000", "the same"
            )
        )
        rates = [uvloop.run(throughput(sim, SECONDS)) for _ in range(3)]
        note = f"median of 3 × {SECONDS:.0f} s, 8 under way on each connection, client in one process"
        figures.append(
            Figure("simulator: orders/s over 4 connections", statistics.median(rates), "1/s", "≥ 3000", note)
        )
    figures.append(fan_out())
    return figures + memory(data_dir)


def fan_out() -> Figure:
    """Frames per second that ten raw subscribers got while the touch was requoted without a pause."""
    with program(module="touchmaker") as sim:
        clients = [Subscriber(sim, "/ws/ethusdc@bookTicker") for _ in range(SUBSCRIBERS)]
        counts: list[float] = []
        for _ in range(4):
            began, before = time.perf_counter(), sum(c.frames for c in clients)
            while time.perf_counter() - began < SECONDS / 3:
                for client in clients:
                    client.read()
            counts.append((sum(c.frames for c in clients) - before) / (time.perf_counter() - began))
    note = f"{SUBSCRIBERS} connections together, median of 3 × 2 s; each update is a cancel and a placement"
    return Figure(
        "simulator: bookTicker frames/s to 10 subscribers",
        statistics.median(counts[1:]),
        "1/s",
        "≥ 50000",
        note,
    )


def memory(data_dir: Path | None) -> list[Figure]:
    """Resident memory over an hour of market, faster than real, with a client that trades: recordings in a loop, and generated."""
    figures = resident("generated market", "--market", "seeded:1:toxic")
    if data_dir is None:
        return figures
    files = sorted(str(p) for p in (data_dir / "binance-spot-2024-08").glob("*.jsonl.gz"))
    return resident("recordings of 2 symbols, 650 s each", "--market", f"replay:{','.join(files)}") + figures


def resident(what: str, *market: str) -> list[Figure]:
    """The most that was resident, and how much more at the end of the hour than in its middle."""
    with program(*market, "--speed", str(REPLAY_SPEED)) as sim:
        samples = uvloop.run(_sampled(sim, REPLAYED_S / REPLAY_SPEED))
        loops = _loops(sim)
        note = (
            f"{REPLAYED_S} s of market at --speed {REPLAY_SPEED}"
            f"{f', {loops} whole loops' if loops is not None else ''}; a client places and cancels beside it"
        )
    half, tenth = len(samples) // 2, len(samples) // 10
    growth = statistics.median(samples[-tenth:]) - statistics.median(samples[half : half + tenth])
    flat = "median of the last tenth, less that of the first tenth of the second half"
    return [
        Figure(f"simulator: RSS over 1 h, {what}", max(samples), "MiB", "≤ 150", note),
        Figure(f"simulator: RSS growth in the second half, {what}", growth, "MiB", "≤ 5", flat),
    ]


def _loops(sim: Program) -> int | None:
    """How often each recording was begun anew, at least; None for a generated market."""
    with urllib.request.urlopen(f"{sim.url}/admin/state", timeout=30) as reply:
        market = json.load(reply).get("market", {})
    return min((one["loops"] for one in market.values() if "loops" in one), default=None)


def _hour_played(sim: Program) -> bool:
    """Whether the loops of the recordings make an hour: a busy machine plays them slower than --speed says."""
    loops = _loops(sim)
    return loops is None or loops >= HOUR_OF_LOOPS


async def _sampled(sim: Program, seconds: float) -> list[float]:
    import asyncio

    import websockets

    samples: list[float] = []
    async with websockets.connect(f"{sim.ws_url}/ws-api/v3", compression=None) as ws:
        began, number = time.perf_counter(), 0
        while time.perf_counter() - began < seconds or not _hour_played(sim):
            for _ in range(50):
                number += 1
                await ws.send(order(number, 0, "ETHUSDC"))
                await ws.recv()
            await ws.send(signed(0, 0, "openOrders.cancelAll", symbol="ETHUSDC"))
            await ws.recv()
            samples.append(sim.rss_mib)
            await asyncio.sleep(0.5)
    return samples
