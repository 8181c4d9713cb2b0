"""Processor time of a whole trader that quotes two symbols on the recorded market at its own speed, the simulator in another process."""

from __future__ import annotations

import asyncio
import statistics
import time
from pathlib import Path

import psutil
from benchkit import Figure
from quotingtrader import quoting_trader, recordings

RUNS = 5
WARM_S, RUN_S = 15.0, 20.0
"""Start-up costs are not those of trading; a run is longer than the journal's and the evidence's periods."""


async def shares(market: str) -> tuple[list[float], int]:
    """Processor time over time on the wall, in percent, of each run; commands of the trader during all of them."""
    async with quoting_trader(market) as (venue, trader):
        await asyncio.sleep(WARM_S)
        process, found = psutil.Process(trader.pid), []
        entries = await venue.sequence()
        for _ in range(RUNS):
            began, before = time.monotonic(), process.cpu_times()
            await asyncio.sleep(RUN_S)
            after = process.cpu_times()
            spent = after.user + after.system - before.user - before.system
            found.append(100 * spent / (time.monotonic() - began))
        entries = await venue.sequence() - entries
        await trader.quoting(60)  # it has done what was measured, to the end
    return found, entries


def run(data_dir: Path | None) -> list[Figure]:
    """The median of five stretches of one trader's life."""
    market, what = recordings(data_dir), "recordings of both symbols at their own speed"
    if market is None:
        market, what = "seeded:7:calm", "seeded market, no recording at hand"
    found, entries = asyncio.run(shares(market))
    note = (
        f"user and system time of the trader's process, state in memory; {what}; {RUNS} stretches of {RUN_S:.0f} s, most {max(found):.1f} %; "
        f"{entries / RUNS / RUN_S:.1f} order events a second"
    )
    return [
        Figure("processor time at the recorded rate, 2 symbols", statistics.median(found), "%", "≤ 15", note)
    ]
