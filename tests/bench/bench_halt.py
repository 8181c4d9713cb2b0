"""Risk alert → zero open orders at the venue: a real trader process, a real Redis, the simulator on a real socket.

An alert is what the operator's webhook does: one script that sets a latch and tells the trader to look. The time ends with the venue's own record of
the last order going (its clock and ours are the same machine's). Between two alerts the halt is lifted and the trader quotes again.
"""

from __future__ import annotations

import asyncio
import math
import sys
import tempfile
import time
from pathlib import Path

from benchkit import Figure

sys.path.insert(0, str(Path(__file__).parents[1] / "integration"))

from shellkit.processes import IDENTITY, Trader, Venue, trader_config
from shellkit.redis_server import RedisServer
from shellkit.waiting import until

from mm_api.redis_contract import Keys, Latch
from mm_api.redis_scripts import LIFT_LATCH, SET_LATCH

INJECTIONS = 60
LOOK = '{"kind":"RefreshLatches","atMs":0}'


def run(data_dir: Path | None) -> list[Figure]:
    """The figures. Recorded data are not used: what is measured does not depend on the market."""
    del data_dir
    with tempfile.TemporaryDirectory(prefix="mm-bench-") as folder:
        times_ms = asyncio.run(_measure(Path(folder)))
    note = f"{len(times_ms)} injections, median {percentile(times_ms, 50):.1f} ms, slowest {max(times_ms):.1f} ms"
    p99 = percentile(times_ms, 99)
    return [Figure("risk alert → zero open orders at the venue, p99", p99, "ms", "≤ 250", note)]


def percentile(values: list[float], percent: float) -> float:
    """The value that `percent` of the values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, math.ceil(len(ordered) * percent / 100) - 1)]


async def _measure(folder: Path) -> list[float]:
    venue = Venue(folder)
    await venue.start()
    try:
        with RedisServer(folder / "redis") as server:
            trader = Trader(folder, trader_config(folder, venue.url, server.url))
            await trader.start()
            try:
                return [await _inject(number, venue, server) for number in range(INJECTIONS)]
            finally:
                await trader.kill()
    finally:
        await venue.kill()


async def _inject(number: int, venue: Venue, server: RedisServer) -> float:
    keys, client = Keys(IDENTITY), server.client

    async def quoting() -> bool:
        return len(await venue.open_orders()) >= 1

    await until(quoting, "the trader quotes", 30)
    halt_id = f"alert-bench-{number}"
    latch = Latch.model_validate(
        {"id": halt_id, "level": "Halted", "source": "Alert", "reason": "Bench", "atMs": 0}
    )
    began = time.time_ns()
    client.eval(SET_LATCH, 2, keys.latches, keys.commands, halt_id, latch.to_json_line(), LOOK)

    async def flat() -> bool:
        return not await venue.open_orders()

    await until(flat, "nothing is open", 10)
    gone = [e["timeNs"] for e in await venue.journal() if e["timeNs"] > began]
    client.eval(LIFT_LATCH, 3, keys.latches, keys.acknowledged, keys.commands, halt_id, LOOK, 1)
    return (max(gone, default=began) - began) / 1e6
