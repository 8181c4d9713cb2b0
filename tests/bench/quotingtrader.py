"""A whole trader that quotes two symbols, state in memory, the simulator in another process: for benches of the process, not of the kernel."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "integration"))

from shellkit.processes import Trader, Venue, trader_config

SYMBOLS = ["ETHUSDC", "BTCUSDC"]
RECV_WINDOW = "10s"
"""Orders that a busy machine delays twice beyond the window are a clock out of step, which halts, and the rest of the time is worth nothing."""


@asynccontextmanager
async def quoting_trader(market: str) -> AsyncIterator[tuple[Venue, Trader]]:
    """`market` as the simulator's option has it."""
    with tempfile.TemporaryDirectory(prefix="mm-bench-") as name:
        directory = Path(name)
        venue = Venue(directory, market=market, symbols=",".join(SYMBOLS))
        await venue.start()
        config = trader_config(directory, venue.url, None, symbols=SYMBOLS)
        config["venue"]["recvWindow"] = RECV_WINDOW
        trader = Trader(directory, config)
        try:
            await trader.start()
            await trader.quoting(60)
            yield venue, trader
        finally:
            await trader.kill()
            await venue.kill()


def recordings(data_dir: Path | None) -> str | None:
    """The market of both symbols' recordings. None: none at hand."""
    if data_dir is None:
        return None
    files = sorted(str(path) for path in (data_dir / "binance-spot-2024-08").glob("*.jsonl.gz"))
    return f"replay:{','.join(files)}"
