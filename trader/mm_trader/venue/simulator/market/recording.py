"""Reading recorded traffic: gzip or plain lines of `receive-time-ns raw-frame`, one frame at a time.

Understands the combined streams' bookTicker, depthUpdate and trade frames and the one REST snapshot line. Nothing is
kept in memory but the line in hand, however long the recording.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from ..engine.checks import to_e8

Rows = list[tuple[int, int]]
"""(price, quantity) pairs in 10^-8."""
PROBE_LINES = 2000


class RecordingError(ValueError):
    """A file cannot be used; the text names it and says why."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    time_ns: int
    u: int
    bids: Rows
    asks: Rows


@dataclass(frozen=True, slots=True)
class Depth:
    time_ns: int
    u: int
    bids: Rows
    asks: Rows
    first_u: int = 0


@dataclass(frozen=True, slots=True)
class Top:
    """A bookTicker; prices and sizes in 10^-8."""

    time_ns: int
    u: int
    bid: int
    bid_qty: int
    ask: int
    ask_qty: int


@dataclass(frozen=True, slots=True)
class Trade:
    time_ns: int
    price: int
    qty: int
    buyer_is_maker: bool


Frame = Snapshot | Depth | Top | Trade


def _rows(raw: Any) -> Rows:
    return [(to_e8(p), to_e8(q)) for p, q in raw]


def parse_line(line: str) -> Frame | None:
    """One recorded line as a frame; None for a frame of another kind. Raises ValueError for what is no frame."""
    stamp, _, text = line.partition(" ")
    try:
        return _frame(int(stamp), json.loads(text))
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"not a frame: {type(error).__name__}") from error


def _frame(time_ns: int, data: Any) -> Frame | None:
    if isinstance(data, dict):
        data = data.get("data", data)
    if not isinstance(data, dict):
        raise TypeError("a frame is an object")
    if "lastUpdateId" in data:
        return Snapshot(time_ns, data["lastUpdateId"], _rows(data["bids"]), _rows(data["asks"]))
    kind = data.get("e")
    if kind == "depthUpdate":
        return Depth(time_ns, data["u"], _rows(data["b"]), _rows(data["a"]), data["U"])
    if kind == "trade":
        return Trade(time_ns, to_e8(data["p"]), to_e8(data["q"]), bool(data["m"]))
    if kind in (None, "bookTicker") and "u" in data and "B" in data:
        return Top(time_ns, data["u"], to_e8(data["b"]), to_e8(data["B"]), to_e8(data["a"]), to_e8(data["A"]))
    return None


def _open(path: str) -> TextIO:
    if path.endswith(".gz"):
        return gzip.open(path, "rt", encoding="utf-8")
    return Path(path).open(encoding="utf-8")


class Recording:
    """One symbol's files in time order."""

    def __init__(self, symbol: str, paths: list[str]) -> None:
        self.symbol = symbol
        self.paths = paths

    def frames(self) -> Iterator[Frame]:
        """All frames from the first file's first line on; lines that are no frame are left out."""
        for path in self.paths:
            with _open(path) as lines:
                for line in lines:
                    try:
                        frame = parse_line(line)
                    except ValueError:
                        frame = None  # a torn last line of a recorder that was stopped
                    if frame is not None:
                        yield frame


def probe(path: str) -> tuple[str, int, bool]:
    """(symbol, first receive time ns, whether a snapshot is near the start) of a file. Raises RecordingError."""
    symbol, first, snapshot = "", 0, False
    try:
        with _open(path) as lines:
            for number, line in enumerate(lines):
                if number >= PROBE_LINES or (symbol and snapshot):
                    break
                stamp, _, text = line.partition(" ")
                data = json.loads(text)
                first = first or int(stamp)
                snapshot = snapshot or "lastUpdateId" in data
                symbol = symbol or data.get("data", data).get("s", "")
    except OSError as error:
        raise RecordingError(f"{path}: {error.strerror or 'cannot be read'}") from error
    except (ValueError, AttributeError, RecursionError, EOFError) as error:
        raise RecordingError(f"{path}: not lines of `receive-time-ns frame`") from error
    if not symbol:
        raise RecordingError(f"{path}: no frame with a symbol in its first {PROBE_LINES} lines")
    return symbol, first, snapshot


def group_recordings(
    files: tuple[tuple[str, str | None], ...], symbols: dict[str, str], complete: bool = True
) -> dict[str, Recording]:
    """Recordings by the symbol they appear as. `symbols` maps each configured symbol to its base asset.

    `FILE@SYMBOL` decides; else a symbol of the same name, else of the same base asset, else the next one without any.
    """
    by_target: dict[str, list[tuple[int, str, str, bool]]] = {}
    open_ones: list[tuple[int, str, str, bool]] = []
    for path, wanted in files:
        recorded, first, snapshot = probe(path)
        entry = (first, path, recorded, snapshot)
        target = wanted or _match(recorded, symbols)
        if target is None:
            open_ones.append(entry)
        elif target not in symbols:
            raise RecordingError(f"{path}: {target} is not among --symbols")
        else:
            by_target.setdefault(target, []).append(entry)
    for entry in open_ones:
        free = next((s for s in symbols if s not in by_target), None)
        same = next((t for t, e in by_target.items() if e[0][2] == entry[2]), None)
        target = same or free
        if target is None:
            raise RecordingError(f"{entry[1]}: no symbol left for {entry[2]}; name one with @SYMBOL")
        by_target.setdefault(target, []).append(entry)
    recordings: dict[str, Recording] = {}
    for target, entries in by_target.items():
        entries.sort()
        if not entries[0][3]:
            raise RecordingError(f"{entries[0][1]}: the first file of {entries[0][2]} has no depth snapshot")
        recordings[target] = Recording(entries[0][2], [e[1] for e in entries])
    missing = [s for s in symbols if s not in recordings]
    if missing and complete:
        raise RecordingError(f"no recording for {', '.join(missing)}; name fewer --symbols or more files")
    return recordings


def _match(recorded: str, symbols: dict[str, str]) -> str | None:
    if recorded in symbols:
        return recorded
    return next((s for s, base in symbols.items() if recorded.startswith(base)), None)
