"""A recording in the shared format, made from a random walk: what tests replay where no real one is at hand."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from random import Random
from typing import Any


def synthetic_recording(path: Path, seed: int = 3, frames: int = 4000) -> Path:
    """Write `frames` frames of a symbol ETHUSDT to `path` (gzip); the same seed gives the same market."""
    rng = Random(seed)
    bids = {260_000 - i: rng.randint(1_000, 90_000) for i in range(50)}
    asks = {260_001 + i: rng.randint(1_000, 90_000) for i in range(50)}
    now, u = 1_700_000_000_000_000_000, 1_000

    def rows(side: dict[int, int], prices: list[int]) -> list[list[str]]:
        return [[f"{p / 100:.2f}", f"{side.get(p, 0) / 10_000:.8f}"] for p in prices]

    def line(data: dict[str, Any], stream: str | None) -> str:
        body = {"stream": f"ethusdt@{stream}", "data": data} if stream else data
        return f"{now} {json.dumps(body)}\n"

    with gzip.open(path, "wt") as out:
        out.write(line({"u": u, "s": "ETHUSDT", "b": "1", "B": "1", "a": "2", "A": "1"}, "bookTicker"))
        out.write(
            line({"lastUpdateId": u, "bids": rows(bids, list(bids)), "asks": rows(asks, list(asks))}, None)
        )
        for _ in range(frames):
            now += rng.randint(1, 20) * 1_000_000
            u += 1
            side, _, sign = (bids, asks, -1) if rng.random() < 0.5 else (asks, bids, 1)
            best = max(bids) if side is bids else min(asks)
            if rng.random() < 0.3 and len(side) > 20:  # a trade takes part or all of the best level
                taken = side[best] if rng.random() < 0.3 else rng.randint(1, side[best])
                trade = {"e": "trade", "s": "ETHUSDT", "p": f"{best / 100:.2f}", "q": f"{taken / 10_000:.8f}"}
                out.write(line({**trade, "t": u, "m": side is bids}, "trade"))
                side[best] -= taken
                changed = [best]
            else:
                price = best + sign * rng.randint(-2, 10)
                if (price >= min(asks)) if side is bids else (price <= max(bids)):
                    price = best
                side[price] = (
                    0
                    if price in side and rng.random() < 0.3 and len(side) > 20
                    else rng.randint(1_000, 90_000)
                )
                changed = [price]
            update = {"e": "depthUpdate", "s": "ETHUSDT", "U": u, "u": u}
            update |= {
                "b": rows(bids, changed) if side is bids else [],
                "a": rows(asks, changed) if side is asks else [],
            }
            for price in [p for p, q in side.items() if q == 0]:
                del side[price]
            out.write(line(update, "depth@100ms"))
            bid, ask = max(bids), min(asks)
            top = {"u": u, "s": "ETHUSDT", "b": f"{bid / 100:.2f}", "B": f"{bids[bid] / 10_000:.8f}"}
            out.write(line({**top, "a": f"{ask / 100:.2f}", "A": f"{asks[ask] / 10_000:.8f}"}, "bookTicker"))
    return path
