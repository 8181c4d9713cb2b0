"""What a trader costs: resident memory of a real process, stops by the garbage collector, memory taken per bookTicker."""

from __future__ import annotations

import asyncio
import gc
import statistics
import sys
import tempfile
import tracemalloc
from decimal import Decimal
from pathlib import Path

import psutil
from benchkit import Figure, Recording, recording_of

sys.path.append(str(Path(__file__).parents[1] / "integration"))

from bench_kernel import make_kernel, replay
from shellkit.processes import Trader, Venue, trader_config

from mm_trader.core import events as ev
from mm_trader.core.units import SymbolRules
from mm_trader.shell.collector import Collector
from mm_trader.venue.binance.wire.market import MarketDecoder
from mm_trader.venue.binance.wire.numbers import SymbolNumbers

SYMBOLS = ["ETHUSDC", "BTCUSDC", "SOLUSDC", "BNBUSDC"]
RUNS = 5
STRATEGY = "BasicMarketMaking"
TEN_MINUTES_TENFOLD = 10 * 10 * 60 * 123
"""Frames in 10 minutes at 10 times the recorded rate (79,744 frames in 650 s)."""
FIRST_PEAK = 708
"""Bytes at the peak per bookTicker at commit 13691e5, the first kernel that traded, by this very measurement."""
WARM_UP, MEASURED = 3_000, 3_000


async def resident_mib() -> tuple[list[float], int]:
    """MiB of a trader with four symbols that quotes, one process after the other; how many symbols quoted."""
    found: list[float] = []
    with tempfile.TemporaryDirectory(prefix="mm-bench-") as name:
        directory = Path(name)
        venue = Venue(directory, symbols=",".join(SYMBOLS))
        await venue.start()
        try:
            for number in range(RUNS):
                own = directory / str(number)
                own.mkdir()
                trader = Trader(own, trader_config(own, venue.url, None, symbols=SYMBOLS))
                await trader.start()
                try:
                    status = await trader.quoting(60)
                    found.append(psutil.Process(trader.pid).memory_info().rss / 2**20)
                    await trader.terminate(30)
                finally:
                    await trader.kill()
        finally:
            await venue.kill()
    return found, len(status["kernel"]["quotes"])


def collector_pauses(recording: Recording) -> tuple[float, list[int]]:
    """Longest collection in ms, and collections by generation, over the frames of ten minutes at ten times the recorded rate.

    Fed as fast as it goes: collections follow allocations, not time.
    """
    collector = Collector()
    replay(recording, STRATEGY)
    collector.watch()
    thresholds = gc.get_threshold()
    try:
        collector.calm()
        for _ in range(-(-TEN_MINUTES_TENFOLD // len(recording.frames))):
            replay(recording, STRATEGY)
        return collector.longest_ns / 1e6, list(collector.pauses)
    finally:
        collector.unwatch()
        gc.set_threshold(*thresholds)
        gc.unfreeze()


def peak_bytes(recording: Recording) -> float:
    """Median over bookTickers of the memory that one takes at its peak, from frame to commands, by tracemalloc."""
    rules = SymbolRules(
        symbol=recording.symbol,
        base_asset="ETH",
        quote_asset="USDT",
        tick=Decimal(recording.tick),
        lot=Decimal(recording.lot),
        min_notional=Decimal(5),
    )
    decoder = MarketDecoder({recording.symbol: SymbolNumbers(rules)})
    kernel = make_kernel(rules, STRATEGY)
    kernel.on_event(ev.StreamStatus(ts=1, stream=ev.StreamName.MARKET, up=True))
    frames = [frame for frame in recording.frames if b'"B":"' in frame][: WARM_UP + MEASURED]
    peaks: list[int] = []
    gc.disable()
    try:
        for number, frame in enumerate(frames):
            if number == WARM_UP:
                tracemalloc.start(1)
            ts = 2 + number * 8_000_000
            if number < WARM_UP:
                kernel.on_event(decoder.decode(frame, ts))
                continue
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            event = decoder.decode(frame, ts)
            kernel.on_event(event)
            peaks.append(tracemalloc.get_traced_memory()[1] - before)
    finally:
        tracemalloc.stop()
        gc.enable()
    return statistics.median(peaks)


def run(data_dir: Path | None) -> list[Figure]:
    """Medians of five runs, except for the longest pause, which is the longest."""
    recording = recording_of(data_dir, "ETHUSDT")
    resident, symbols = asyncio.run(resident_mib())
    longest, pauses = collector_pauses(recording)
    peak = peak_bytes(recording)
    return [
        Figure(
            f"resident memory, {symbols} symbols",
            statistics.median(resident),
            "MiB",
            "≤ 90",
            f"a trader's own process that quotes, state in memory; {RUNS} processes, largest {max(resident):.1f}",
        ),
        Figure(
            "longest stop by the collector, 10 min at 10 times the recorded rate",
            longest,
            "ms",
            "≤ 1",
            f"{TEN_MINUTES_TENFOLD:,} frames; collections by generation {pauses}",
        ),
        Figure(
            "memory taken per bookTicker, frame to commands",
            peak,
            "bytes",
            f"≤ {FIRST_PEAK // 2}",
            f"at the peak, by tracemalloc, median of {MEASURED:,}; the first version (commit 13691e5) took {FIRST_PEAK}",
        ),
    ]
