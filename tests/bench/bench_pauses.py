"""Stops by the garbage collector of a whole trader: ten minutes of two recorded symbols at ten times their speed, the simulator in another process, each on a
core of its own.

`--only process` counts the same in the kernel alone, which takes seconds.
"""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import aiohttp
from benchkit import Figure
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample
from quotingtrader import quoting_trader, recordings
from simkit import apart

SPEED = 10
SECONDS = float(os.environ.get("MM_BENCH_PAUSE_S", "600"))
LOOK_S = 10.0


async def metrics(port: int) -> list[Sample]:
    """The trader's own."""
    async with aiohttp.ClientSession() as http, http.get(f"http://127.0.0.1:{port}/metrics") as reply:
        reply.raise_for_status()
        families = text_string_to_metric_families(await reply.text())
    return [sample for family in families for sample in family.samples]


def value(samples: list[Sample], name: str, **labels: str) -> float:
    """Of the one sample with that name and these labels, among others."""
    (found,) = [s.value for s in samples if s.name == name and labels.items() <= s.labels.items()]
    return float(found)


async def measure(market: str) -> list[Sample]:
    """The metrics after the time, of a trader that still quotes. Raises RuntimeError as soon as it has halted: it would do little from then on."""
    async with quoting_trader(market) as (venue, trader):
        with apart(venue.pid, trader.pid):
            ends = time.monotonic() + SECONDS
            while (left := ends - time.monotonic()) > 0:
                await asyncio.sleep(min(left, LOOK_S))
                status = await trader.status()
                if status is not None and status["halts"]:
                    raise RuntimeError(f"{left:.0f} s before the end it has halted: {status['halts']}")
            await trader.quoting(60)
            port = trader.admin_port()
            assert port is not None
            return await metrics(port)


def run(data_dir: Path | None) -> list[Figure]:
    """The longest, by the clock on the wall and by processor time: the trader's own measurement, taken around every collection since it began to trade.

    On a machine that does something else beside, the wall clock counts that, too: a stop in which the process was made to wait.
    """
    market, what = recordings(data_dir), f"recordings of 2 symbols at {SPEED} times their speed"
    if market is None:
        market, what = "seeded:7:calm", "seeded market, no recording at hand"
    else:
        market += f" --speed {SPEED}"
    found = asyncio.run(measure(market))
    counts = [int(value(found, "mm_gc_pauses_total", generation=str(number))) for number in range(3)]
    total_ms = 1000 * value(found, "mm_gc_pause_seconds_total")
    note = f"a whole trader for {SECONDS:.0f} s, {what}; collections by generation {counts}, {total_ms:.1f} ms together"
    return [
        Figure(
            f"longest stop by the collector, whole trader, {clock}",
            1000 * value(found, metric),
            "ms",
            "≤ 1",
            told,
        )
        for clock, metric, told in (
            ("wall clock", "mm_gc_longest_pause_seconds", note),
            ("processor time", "mm_gc_longest_pause_cpu_seconds", "of the same collections"),
        )
    ]
