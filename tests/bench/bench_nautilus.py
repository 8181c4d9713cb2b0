"""Ticks per second of a back-test beside NautilusTrader's: the same best bids and asks at their recorded times, the same rule for requoting, matching in
process, turn by turn.

Theirs: `BacktestEngine` on quote ticks with the strategy of `nautilus/quoting.py`, in an environment of its own with the pinned version, made here if there is
none. Ours: `Kernel` with BasicMarketMaking (all that is risk, ledger and evidence as in a live trader) and the simulator's engine (`touchvenue`).
Both are handed ticks that are objects of their own already; what is counted is the processor time of the run.
"""

from __future__ import annotations

import gc
import gzip
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import IO, Any, NamedTuple

from benchkit import OUT_OF_THE_WAY, Figure, recording_of
from touchvenue import TouchVenue

from mm_api.kinds.common import Environment
from mm_api.trader_config import EngineConfig, StrategyConfig, TraderConfig, VenueConfig
from mm_trader.core import events as ev
from mm_trader.core.ids import ClientIds
from mm_trader.core.state import Restored
from mm_trader.kernel import Kernel
from mm_trader.shell.collector import Collector
from mm_trader.venue.binance.wire.market import MarketDecoder
from mm_trader.venue.binance.wire.numbers import SymbolNumbers

VERSION = "1.221.0"
SYMBOL = "ETHUSDT"
RUNS = 5
SYNTHETIC_NS = 11_000_000
"""Between two ticks where there is no recording: the mean of the recorded ones."""
TIMER_NS = 50_000_000
"""The live shell's timer: it judges limits and guards and takes evidence, here too."""
_START = 1_723_161_254_000_000_000
_HERE = Path(__file__).parent


class Rule(NamedTuple):
    """How both quote: `size` on each side, `spread` (of the price) around the mid, looked at `interval_ms` apart at least; a quote stays while it is within
    `tolerance` of the half spread."""

    name: str
    interval_ms: int
    tolerance: str
    target: str = ""
    spread: str = "0.0005"
    size: str = "0.01"


# The promise is for what a trader does by default. The other rule moves six times as many orders, to compare what an order costs
RULES = (
    Rule("quotes follow every change of the mid", 1, "0"),
    Rule("a look every 250 ms, 20 % tolerance (the defaults)", 250, "0.2", "≥ 5"),
)


class Run(NamedTuple):
    """One back-test."""

    seconds: float
    places: int
    cancels: int
    fills: int


class NotAvailableError(RuntimeError):
    """NautilusTrader cannot be run here; the message says why."""


def nautilus_python() -> Path:
    """The Python of the pinned environment, made if there is none. Raises NotAvailableError."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mm-rebuild"
    home = cache / "nautilus" / VERSION
    python = home / "bin" / "python"
    if _has_nautilus(python):
        return python
    uv = next(iter(sorted(cache.glob("tools/python-tools-*/bin/uv"), reverse=True)), shutil.which("uv"))
    if uv is None:
        raise NotAvailableError(
            f"there is no environment at {home}, and no uv to make one: run `make setup` first"
        )
    print(f"making {home} with nautilus_trader {VERSION}", flush=True)
    for words in (
        ["venv", "--quiet", "--clear", "--python", sys.executable, str(home)],
        ["pip", "install", "--quiet", "--python", str(python), f"nautilus_trader=={VERSION}"],
    ):
        done = subprocess.run([str(uv), *words], capture_output=True, text=True, check=False)
        if done.returncode:
            raise NotAvailableError(f"uv {words[0]} failed: {' '.join(done.stderr.split())[-400:]}")
    if not _has_nautilus(python):
        raise NotAvailableError(
            f"nautilus_trader {VERSION} was installed into {home}, but cannot be imported"
        )
    return python


def _has_nautilus(python: Path) -> bool:
    if not python.exists():
        return False
    ask = "import nautilus_trader; print(nautilus_trader.__version__)"
    done = subprocess.run([str(python), "-c", ask], capture_output=True, text=True, check=False)
    return done.stdout.strip() == VERSION


@contextmanager
def nautilus(python: Path, ticks: list[list[Any]]) -> Iterator[subprocess.Popen[str]]:
    """Their side as a process that waits for rules."""
    with tempfile.TemporaryDirectory(prefix="mm-bench-") as name:
        file = Path(name) / "ticks.json"
        file.write_text(json.dumps(ticks))
        process = subprocess.Popen(
            [str(python), str(_HERE / "nautilus" / "quoting.py"), str(file)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def theirs(process: subprocess.Popen[str], rule: Rule) -> Run:
    """One back-test of theirs."""
    pipe, answers = process.stdin, process.stdout
    assert pipe is not None
    assert answers is not None
    print(json.dumps(rule._asdict()), file=pipe, flush=True)
    return Run(**_answer(answers))


def _answer(answers: IO[str]) -> dict[str, Any]:
    """The next line that is an answer: a library may print lines of its own."""
    for line in answers:
        if line.startswith("{"):
            return dict(json.loads(line))
    raise RuntimeError("NautilusTrader's process ended without an answer")


def timed_frames(data_dir: Path | None) -> tuple[str, list[tuple[int, bytes]]]:
    """Where they are from, and every bookTicker with its time of receipt in ns, later ones later by 1 ns at least."""
    if data_dir is None:
        recording = recording_of(None, SYMBOL)
        lines = [(_START + number * SYNTHETIC_NS, frame) for number, frame in enumerate(recording.frames)]
        name = recording.name
    else:
        files = sorted((data_dir / "binance-spot-2024-08").glob("ethusdt_*.jsonl.gz"))
        lines = [_timed(line) for file in files for line in gzip.decompress(file.read_bytes()).splitlines()]
        name = " + ".join(file.name for file in files)
    found: list[tuple[int, bytes]] = []
    for ts, frame in lines:
        if b'"B":"' in frame:
            found.append((max(ts, found[-1][0] + 1) if found else ts, frame))
    return name, found


def _timed(line: bytes) -> tuple[int, bytes]:
    ts, frame = line.split(b" ", 1)
    return int(ts), frame.rstrip()


def ticks_of(frames: list[tuple[int, bytes]]) -> list[list[Any]]:
    """`[ts, bid, bid size, ask, ask size]` of every bookTicker, as the venue wrote them."""
    found: list[list[Any]] = []
    for ts, frame in frames:
        data = json.loads(frame)["data"]
        found.append([ts, data["b"], data["B"], data["a"], data["A"]])
    return found


def events_of(frames: list[tuple[int, bytes]]) -> list[ev.BookTicker]:
    """The same as the kernel's events."""
    decoder = MarketDecoder({SYMBOL: SymbolNumbers(TouchVenue(SYMBOL, "ETH", "USDT").rules())})
    events = [decoder.decode(frame, ts) for ts, frame in frames]
    return [event for event in events if isinstance(event, ev.BookTicker)]


def ours(events: list[ev.BookTicker], rule: Rule) -> Run:
    """One back-test of ours."""
    venue = TouchVenue(SYMBOL, "ETH", "USDT")
    start = venue.now = events[0].ts - 1
    kernel = Kernel(
        _config(SYMBOL, rule),
        {SYMBOL: venue.rules()},
        ClientIds("bench", 1, 1),
        Restored(),
        ts=start,
        wall_ns=start,
    )
    queue: deque[ev.Event] = deque()
    digest, answer, quote = kernel.on_event, venue.answer, venue.quote

    def feed(event: ev.Event) -> None:
        queue.append(event)
        while queue:
            for command in digest(queue.popleft()):
                queue.extend(answer(command))

    for stream in ev.StreamName:
        feed(ev.StreamStatus(ts=start, stream=stream, up=True))
    feed(ev.TradingAllowed(ts=start, allowed=True))
    collector = Collector()
    collector.calm()  # as the live trader does once it is warm
    next_timer = start
    began = time.process_time()
    for event in events:
        if event.ts >= next_timer:
            venue.now, next_timer = event.ts, event.ts + TIMER_NS
            feed(ev.Tick(ts=event.ts, wall_ns=event.ts))
        for fill in quote(event):
            feed(fill)
        for command in digest(event):
            queue.extend(answer(command))
        while queue:
            feed(queue.popleft())
    seconds = time.process_time() - began
    gc.unfreeze()
    status = kernel.status()
    if status.halts or status.unknown_orders:
        raise RuntimeError(
            f"the run is no back-test: {status.halts} halts, {status.unknown_orders} orders unknown"
        )
    return Run(seconds, venue.places, venue.cancels, venue.fills)


def _config(symbol: str, rule: Rule) -> TraderConfig:
    """The rule as a trader's config, with limits that this flow does not reach."""
    plain = {"volatilityFactor": 0, "skewFactor": 0, "inventoryWidening": 0, "maxInventory": 100}
    return TraderConfig(
        identity="bench",
        symbols=[symbol],
        venue=VenueConfig(
            environment=Environment.SIMULATOR, rest_url="http://x", ws_api_url="ws://x", stream_url="ws://x"
        ),
        strategy=StrategyConfig(
            name="BasicMarketMaking",
            parameters={
                **{name: Decimal(value) for name, value in plain.items()},
                "baseSpread": Decimal(rule.spread),
                "baseSize": Decimal(rule.size),
            },
        ),
        risk=OUT_OF_THE_WAY,
        engine=EngineConfig(
            requote_interval=timedelta(milliseconds=rule.interval_ms),
            requote_tolerance=Decimal(rule.tolerance),
        ),
    )


def run(data_dir: Path | None) -> list[Figure]:
    """Medians of runs that take turns; the ratio is the median of the ratios of each turn."""
    try:
        python = nautilus_python()
    except NotAvailableError as error:
        print(f"NOT COMPARED with NautilusTrader {VERSION}: {error}", flush=True)
        return []
    name, frames = timed_frames(data_dir)
    events, thresholds = events_of(frames), gc.get_threshold()
    figures: list[Figure] = []
    with nautilus(python, ticks_of(frames)) as process:
        for rule in RULES:
            pairs = [(ours(events, rule), theirs(process, rule)) for _ in range(RUNS)]
            figures += _figures(rule, len(events), name, pairs)
    gc.set_threshold(*thresholds)
    return figures


def _figures(rule: Rule, count: int, name: str, pairs: list[tuple[Run, Run]]) -> list[Figure]:
    own, other = pairs[-1]
    rates = [statistics.median(count / side.seconds for side in sides) for sides in zip(*pairs, strict=True)]
    ratio = statistics.median(their.seconds / our.seconds for our, their in pairs)
    note = f"processor time, median of {RUNS} runs in turn; {count:,} bookTickers of {name}"
    return [
        Figure(
            f"back-test, {rule.name}: ours",
            rates[0],
            "ticks/s",
            "",
            f"{note}; {own.places:,} orders, {own.cancels:,} cancels, {own.fills} fills",
        ),
        Figure(
            f"back-test, {rule.name}: NautilusTrader {VERSION}",
            rates[1],
            "ticks/s",
            "",
            f"the same; {other.places:,} orders, {other.cancels:,} cancels, {other.fills} fills",
        ),
        Figure(
            f"back-test, {rule.name}: ours over theirs",
            ratio,
            "times",
            rule.target,
            f"median of the {RUNS} turns' ratios",
        ),
    ]
