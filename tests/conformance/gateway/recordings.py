"""Recorded market frames where the machine has them (MM_DATA, or the folder of shared data beside the checkout), synthetic ones of the same shape otherwise."""

from __future__ import annotations

import gzip
import json
import os
import random
from pathlib import Path
from typing import NamedTuple


class Recording(NamedTuple):
    """Frames of one symbol's combined stream, in order of arrival."""

    name: str
    symbol: str
    tick: str
    lot: str
    frames: list[bytes]


def data_dir() -> Path | None:
    """The folder of recordings, or None."""
    named = os.environ.get("MM_DATA")
    found = Path(named) if named else Path(__file__).parents[4] / "shared" / "data"
    return found if (found / "binance-spot-2024-08").is_dir() else None


def recordings() -> list[Recording]:
    """Spot recordings, or one synthetic."""
    folder = data_dir()
    if folder is None:
        return [synthetic()]
    files = sorted((folder / "binance-spot-2024-08").glob("*.jsonl.gz"))
    return [_read(path) for path in files]


def _read(path: Path) -> Recording:
    symbol = path.name.split("_")[0].upper()
    with gzip.open(path) as lines:
        frames = [line.split(b" ", 1)[1].rstrip() for line in lines]
    lot = "0.00001" if symbol.startswith("BTC") else "0.0001"
    return Recording(path.name, symbol, "0.01", lot, frames)


def synthetic(count: int = 6000, seed: int = 1, *, snapshot: bool = False) -> Recording:
    """A random walk in the wire's shape: three tickers, two trades and a depth difference a step, the difference covering the step's ids, and all of one book.

    `snapshot`: the book of the first step as REST gives it comes after that step.
    """
    rng = random.Random(seed)
    bid, update_id, trade_id = 268_380, 1_000, 500
    frames: list[bytes] = []

    def price(ticks: int) -> str:
        return f"{ticks // 100}.{ticks % 100:02d}000000"

    def size() -> str:
        lots = rng.randrange(1, 400_000)
        return f"{lots // 10_000}.{lots % 10_000:04d}0000"

    def add(stream: str, data: dict[str, object]) -> None:
        frames.append(
            json.dumps({"stream": f"ethusdt@{stream}", "data": data}, separators=(",", ":")).encode()
        )

    held: dict[str, dict[int, str]] = {"b": {}, "a": {}}
    """The book: its levels' sizes by price in ticks."""

    def move(side: str, best: int) -> None:
        """The best price of a side becomes this one: what was better is gone."""
        better = [ticks for ticks in held[side] if (ticks > best if side == "b" else ticks < best)]
        for ticks in better:
            del held[side][ticks]
        changed[side] |= dict.fromkeys(better, "0.00000000")
        held[side][best] = changed[side][best] = size()

    while len(frames) < count:
        first = update_id + 1
        changed: dict[str, dict[int, str]] = {"b": {}, "a": {}}
        for _ in range(3):
            bid += rng.choice((-3, -1, 0, 0, 1, 3))
            update_id += rng.randrange(1, 5)
            move("b", bid)
            move("a", bid + 1)
            top = {
                "b": price(bid),
                "B": held["b"][bid],
                "a": price(bid + 1),
                "A": held["a"][bid + 1],
            }
            add("bookTicker", {"u": update_id, "s": "ETHUSDT", **top})
        for _ in range(2):
            trade_id += 1
            add(
                "trade",
                {"e": "trade", "E": 1, "s": "ETHUSDT", "t": trade_id, "p": price(bid), "q": size(), "T": 1, "m": True, "M": True},
            )  # fmt: skip
        bids, asks = ([[price(ticks), lots] for ticks, lots in changed[side].items()] for side in "ba")
        add(
            "depth@100ms",
            {"e": "depthUpdate", "E": 1, "s": "ETHUSDT", "U": first, "u": update_id, "b": bids, "a": asks},
        )
        if snapshot and len(frames) < 10:
            bids, asks = ([[price(ticks), lots] for ticks, lots in held[side].items()] for side in "ba")
            frames.append(
                json.dumps(
                    {"lastUpdateId": update_id, "bids": bids, "asks": asks}, separators=(",", ":")
                ).encode()
            )
    return Recording("synthetic", "ETHUSDT", "0.01", "0.0001", frames)
