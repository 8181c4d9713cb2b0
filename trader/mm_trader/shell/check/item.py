"""What every item of the list needs: how it says yes, no or "has no meaning here", and what it reads from a trader's metrics."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from mm_trader.shell.check.bench import Bench, NotYetError, until

START_S, BACK_S, SOON_S = 45.0, 60.0, 15.0
"""For a start, for quoting again after a fault, and for what is local."""
CPU_OVER_S = 5.0


class SkippedError(Exception):
    """The item has no meaning here; the message says why."""


class Item(NamedTuple):
    """One question. `run` answers in a few words; raises NotYetError (no) or SkippedError."""

    section: str
    title: str
    run: Callable[[Bench], Awaitable[str]]
    faulty: bool = False
    """Injects a fault: at a simulator alone."""


def demand(condition: object, message: str) -> None:
    """Raises NotYetError with the message unless the condition holds."""
    if not condition:
        raise NotYetError(message)


async def zero(bench: Bench) -> float:
    """Seconds until nothing is open, by the venue's own book where that can be read, else by what it has told the trader."""
    began = time.monotonic()

    async def none_open() -> bool:
        if bench.venue is not None and bench.venue.account:
            return not await bench.venue.open_orders()
        status = await bench.status()
        return status is not None and not status["state"]["openOrders"]

    await until(none_open, "nothing is open at the venue", SOON_S)
    return time.monotonic() - began


async def total(bench: Bench, name: str) -> float:
    """Over all series of a metric."""
    return sum(value for series, value in (await bench.metrics()).items() if series.startswith(name))


async def quantiles(bench: Bench, name: str) -> tuple[float, float, int]:
    """(P95, P99) in ms from its buckets, and the count."""
    found: list[tuple[float, float]] = []
    for series, value in (await bench.metrics()).items():
        if series.startswith(f"{name}_bucket"):
            bound = series.split('le="')[1].split('"')[0]
            found.append((float(bound), value))
    found.sort()
    total = found[-1][1] if found else 0
    demand(total, "nothing was measured")

    def at(share: float) -> float:
        """Linear within the bucket, as Prometheus' histogram_quantile."""
        low, below = 0.0, 0.0
        for bound, value in found:
            if value >= share * total:
                return 1000.0 * (low + (bound - low) * (share * total - below) / (value - below))
            low, below = bound, value
        return float("inf")

    return at(0.95), at(0.99), int(total)
