"""Resident memory over a million order lives: kernel, journal, write-behind, a store in memory and the simulator's engine in one process, four symbols
(see `dst/lives.py`)."""

from __future__ import annotations

import gc
import os
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import psutil
from benchkit import Figure

from mm_trader.core.commands import Cancel, CancelReplace, RequestReconcile

sys.path.append(str(Path(__file__).parents[1] / "simulation"))

from dst.lives import SYMBOLS, World

LIVES = int(os.environ.get("MM_BENCH_LIVES", "1000000"))
WARM = max(LIVES // 10, 1)
"""Lives until every bounded collection is full: the engine keeps 10,000 closed orders and 10,000 trades, the store 10,000 fills, the kernel 2,000 orders."""


def _resident_mib() -> float:
    gc.collect()
    return float(psutil.Process().memory_info().rss) / 2**20


def run(_data_dir: Path | None) -> list[Figure]:
    """In a process of its own: what an earlier bench has left free would hide growth."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return [pool.submit(measure).result()]


def measure() -> Figure:
    """Memory after the warm-up, and how far it is from there in the end."""
    with tempfile.TemporaryDirectory(prefix="mm-bench-") as directory:
        return _measure(World(Path(directory)))


def _measure(world: World) -> Figure:
    world.live(WARM, _tell)
    before = _resident_mib()
    cpu = psutil.Process().cpu_times().user
    world.live(LIVES, _tell)
    spent = psutil.Process().cpu_times().user - cpu
    after = _resident_mib()
    status = world.kernel.status()
    asked = ", ".join(
        f"{world.asked[kind.__name__]:,} {what}"
        for kind, what in ((CancelReplace, "moved"), (Cancel, "cancelled"), (RequestReconcile, "reconciles"))
    )
    world.scribe.close()
    note = (
        f"kernel, journal, writer and engine in one process, {len(SYMBOLS)} symbols, {world.lives:,} order lives ({world.ended['FILLED']:,} filled, {asked}); "
        f"{before:.1f} MiB after the first {WARM:,}, {after:.1f} MiB in the end; "
        f"{spent / max(LIVES - WARM, 1) * 1e6:.0f} µs of processor time per life, market included; "
        f"{status.unknown_orders} unknown, {len(status.halts)} halts"
    )
    return Figure("resident memory, growth over the order lives", after - before, "MiB", "≤ 2", note)


def _tell(line: str) -> None:
    print(f"{line}, {_resident_mib():.2f} MiB", file=sys.stderr, flush=True)


if __name__ == "__main__":
    print(measure())
