"""What the benches share: the figure they return, how a median is taken, and the frames they run on."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple, TypeVar

sys.path.append(str(Path(__file__).parents[1] / "conformance" / "gateway"))

from recordings import Recording, synthetic

from mm_api.trader_config import RiskConfig

T = TypeVar("T")

__all__ = ["OUT_OF_THE_WAY", "Figure", "Recording", "median_us", "recording_of", "synthetic"]

OUT_OF_THE_WAY = RiskConfig(
    capital=Decimal(1_000_000),
    daily_loss_limit=Decimal(10**6),
    max_drawdown=Decimal(1),
    max_cancel_ratio=Decimal(1),
    max_order_rate=1000,
)
"""Limits that are checked and never reached."""


class Figure(NamedTuple):
    """One measured value. `target` is `≤ 5`, `≥ 50000` or empty."""

    name: str
    value: float
    unit: str
    target: str
    note: str

    @property
    def met(self) -> bool | None:
        """Whether the target is reached; None without one."""
        if not self.target:
            return None
        relation, bound = self.target.split()
        return self.value <= float(bound) if relation == "≤" else self.value >= float(bound)


def median_us(work: Callable[[T], object], items: Sequence[T]) -> float:
    """Median over the items of the time of one call, in µs, less the cost of reading the clock."""
    clock = time.perf_counter_ns
    times: list[int] = []
    empty: list[int] = []
    for item in items:
        before = clock()
        work(item)
        after = clock()
        times.append(after - before)
        empty.append(clock() - after)
    return (statistics.median(times) - statistics.median(empty)) / 1000


def recording_of(data_dir: Path | None, symbol: str) -> Recording:
    """All recorded spot frames of a symbol joined, or a synthetic recording."""
    from recordings import recordings

    if data_dir is None:
        return synthetic(40_000, snapshot=True)
    parts = [part for part in recordings() if part.symbol == symbol]
    frames = [frame for part in parts for frame in part.frames]
    return Recording(" + ".join(part.name for part in parts), symbol, parts[0].tick, parts[0].lot, frames)
