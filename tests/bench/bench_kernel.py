"""The kernel on a whole recording: every frame decoded and digested, orders placed, answered and cancelled, fills from trades through our price."""

from __future__ import annotations

import gc
import statistics
import time
from collections import Counter, deque
from decimal import Decimal
from pathlib import Path

from benchkit import OUT_OF_THE_WAY, Figure, Recording, recording_of

from mm_api.kinds.common import Environment
from mm_api.trader_config import StrategyConfig, TraderConfig, VenueConfig
from mm_trader.core import events as ev
from mm_trader.core.commands import Cancel, CancelAllOwn, Command, Place, RequestDepth, RequestReconcile
from mm_trader.core.ids import ClientIds
from mm_trader.core.state import Restored
from mm_trader.core.units import SymbolRules
from mm_trader.kernel import Kernel
from mm_trader.venue.binance.wire.market import MarketDecoder
from mm_trader.venue.binance.wire.numbers import SymbolNumbers
from mm_trader.venue.binance.wire.replies import DepthBody, depth_snapshot, read_body

_MS = 1_000_000
_TICK_NS = 50 * _MS
_FRAME_NS = 8 * _MS
"""Spacing of frames on the kernel's clock: what the recording has on average (79,744 frames in 650 s)."""
_WALL = 1_723_161_254_000_000_000


class Venue:
    """Answers commands at once, and fills a resting order when a public trade goes through its price."""

    def __init__(self, symbol: str, numbers: SymbolNumbers) -> None:
        self.symbol = symbol
        self.numbers = numbers
        self.resting: dict[str, tuple[Place, int]] = {}
        self.counts: Counter[str] = Counter()
        self.snapshot: ev.DepthSnapshot | None = None
        self._ids = 0

    def answer(self, command: Command, ts: int) -> list[ev.Event]:
        """The events that a command brings."""
        self.counts[type(command).__name__] += 1
        if isinstance(command, Place):
            self._ids += 1
            self.resting[command.client_id] = (command, self._ids)
            return [
                ev.OrderAccepted(ts=ts, symbol=self.symbol, client_id=command.client_id, venue_id=self._ids)
            ]
        if isinstance(command, Cancel):
            known = self.resting.pop(command.client_id, None)
            return [] if known is None else [self._report(*known, "CANCELED", "CANCELED", ts, None)]
        if isinstance(command, RequestDepth) and self.snapshot is not None:
            snapshot = self.snapshot
            return [
                ev.DepthSnapshot(
                    ts=ts,
                    symbol=self.symbol,
                    last_id=snapshot.last_id,
                    bids=snapshot.bids,
                    asks=snapshot.asks,
                )
            ]
        if isinstance(command, RequestReconcile | CancelAllOwn):
            if isinstance(command, CancelAllOwn):
                self.resting.clear()
            return [self._reconciled(command, ts)]
        return []

    def trade(self, trade: ev.PublicTrade) -> list[ev.Event]:
        """Fills by this trade."""
        fills: list[ev.Event] = []
        for client_id, (place, venue_id) in list(self.resting.items()):
            through = trade.price < place.price if place.side is ev.Side.BUY else trade.price > place.price
            if through:
                del self.resting[client_id]
                self.counts["fills"] += 1
                fills.append(self._report(place, venue_id, "TRADE", "FILLED", trade.ts, trade.trade_id))
        return fills

    def _report(
        self, place: Place, venue_id: int, execution: str, status: str, ts: int, trade_id: int | None
    ) -> ev.ExecutionReport:
        trade = None
        if trade_id is not None:
            trade = ev.TradeView(
                symbol=self.symbol,
                trade_id=trade_id * 10 + self.counts["fills"] % 10,
                venue_id=venue_id,
                side=place.side,
                price=place.price,
                size=place.size,
                commission=Decimal(0),
                commission_asset="USDT",
                maker=True,
                venue_ms=0,
            )
        order = ev.OrderView(
            symbol=self.symbol,
            client_id=place.client_id,
            venue_id=venue_id,
            side=place.side,
            status=status,
            price=place.price,
            size=place.size,
            filled=place.size if trade else 0,
            update_ms=0,
        )
        return ev.ExecutionReport(ts=ts, order=order, execution=execution, trade=trade)

    def _reconciled(self, command: RequestReconcile | CancelAllOwn, ts: int) -> ev.ReconcileSnapshot:
        return ev.ReconcileSnapshot(
            ts=ts,
            symbol=self.symbol,
            asked_ts=ts,
            open_orders=[
                self._report(place, venue_id, "NEW", "NEW", ts, None).order
                for place, venue_id in self.resting.values()
            ],
            foreign_open_orders=0,
            trades=[],
            balances={"USDT": (Decimal(10**7), Decimal(0)), "ETH": (Decimal(1000), Decimal(0))},
            cause=command.cause if isinstance(command, RequestReconcile) else "cancel_all",
        )


STRATEGIES: dict[str, dict[str, str]] = {
    "BasicMarketMaking": {},
    "AvellanedaStoikov": {"calibrate": "1"},
    "GLFT": {"calibrate": "1"},
    "GLFT2017": {},
    "MultiLayerGrid": {"levels": "5", "totalSize": "0.05", "maxInventory": "0.1"},
    "SignalSkew": {"microWeight": "1", "flowWeight": "1", "depthWeight": "1"},
}
"""Every built-in strategy, with the signals it can ask for."""
RUNS = 5
LEVELS = range(30, 61)
"""Levels of a depth frame for which a figure is promised."""
Times = dict[str, list[int]]


def kind_of(event: object) -> str | None:
    """Under which name a frame's time is counted."""
    if isinstance(event, ev.BookTicker):
        return "bookTicker"
    if isinstance(event, ev.PublicTrade):
        return "trade"
    if isinstance(event, ev.DepthUpdate):
        return "depth, 30–60 levels" if len(event.bids) + len(event.asks) in LEVELS else "depth, other sizes"
    return None


def make_kernel(rules: SymbolRules, strategy: str) -> Kernel:
    """Limits wide enough that the run is not cut short by a halt."""
    config = TraderConfig(
        identity="bench",
        symbols=[rules.symbol],
        venue=VenueConfig(
            environment=Environment.SIMULATOR, rest_url="http://x", ws_api_url="ws://x", stream_url="ws://x"
        ),
        strategy=StrategyConfig(
            name=strategy,
            parameters={name: Decimal(value) for name, value in STRATEGIES[strategy].items()},
        ),
        risk=OUT_OF_THE_WAY,
    )
    ids = ClientIds("bench", 1, 1)
    return Kernel(config, {rules.symbol: rules}, ids, Restored(), ts=0, wall_ns=_WALL)


def replay(
    recording: Recording, strategy: str = "BasicMarketMaking", times: Times | None = None
) -> tuple[float, Counter[str], Kernel]:
    """Seconds for the whole recording, what happened in it, and the kernel as it ended.

    `times`: where given, the processor time from each frame as bytes to its commands is added there, ns by kind; answers of the venue are outside of it.
    """
    symbol = recording.symbol
    rules = SymbolRules(
        symbol=symbol,
        base_asset="ETH",
        quote_asset="USDT",
        tick=Decimal(recording.tick),
        lot=Decimal(recording.lot),
        min_notional=Decimal(5),
    )
    numbers = SymbolNumbers(rules)
    decoder, kernel = MarketDecoder({symbol: numbers}), make_kernel(rules, strategy)
    venue = Venue(symbol, numbers)
    queue: deque[ev.Event] = deque()

    def settle(commands: list[Command], ts: int) -> None:
        while True:
            for command in commands:
                queue.extend(venue.answer(command, ts))
            if not queue:
                return
            commands = kernel.on_event(queue.popleft())

    def feed(event: ev.Event) -> None:
        settle(kernel.on_event(event), event.ts)

    clock = time.thread_time_ns
    started = time.process_time()
    for stream in ev.StreamName:
        feed(ev.StreamStatus(ts=1, stream=stream, up=True))
    feed(ev.TradingAllowed(ts=1, allowed=True))
    ts = next_tick = 2
    for frame in recording.frames:
        ts += _FRAME_NS
        if ts >= next_tick:
            feed(ev.Tick(ts=ts, wall_ns=_WALL + ts))
            next_tick = ts + _TICK_NS
        if frame.startswith(b'{"lastUpdateId"'):
            venue.snapshot = depth_snapshot(read_body(frame, DepthBody), numbers, ts)
            feed(venue.snapshot)
            continue
        if times is None:
            event = decoder.decode(frame, ts)
            if isinstance(event, ev.PublicTrade):
                for fill in venue.trade(event):
                    feed(fill)
            if isinstance(event, ev.Event):
                feed(event)
            continue
        before = clock()
        event = decoder.decode(frame, ts)
        commands = kernel.on_event(event) if isinstance(event, ev.Event) else []
        after = clock()
        kind = kind_of(event)
        if kind is not None:
            times.setdefault(kind, []).append(after - before)
        settle(commands, ts)
        if isinstance(event, ev.PublicTrade):
            for fill in venue.trade(event):
                feed(fill)
    return time.process_time() - started, venue.counts, kernel


def clock_cost() -> int:
    """Ns that reading the clock twice costs."""
    clock = time.thread_time_ns
    costs = []
    for _ in range(10_000):
        before = clock()
        costs.append(clock() - before)
    return int(statistics.median(costs))


def latencies(recording: Recording, strategy: str) -> dict[str, tuple[float, float, float, int]]:
    """Kind of frame → (p50, p99, p99.9) in µs and frames: the median over the runs of each."""
    cost = clock_cost()
    found: dict[str, list[tuple[float, float, float, int]]] = {}
    for _ in range(RUNS):
        times: Times = {}
        gc.collect()
        gc.freeze()  # as the trader does once it is warm
        replay(recording, strategy, times)
        gc.unfreeze()
        for kind, values in times.items():
            values.sort()
            points = [(values[int(len(values) * share)] - cost) / 1000 for share in (0.5, 0.99, 0.999)]
            found.setdefault(kind, []).append((points[0], points[1], points[2], len(values)))
    return {
        kind: (
            statistics.median(run[0] for run in runs),
            statistics.median(run[1] for run in runs),
            statistics.median(run[2] for run in runs),
            runs[0][3],
        )
        for kind, runs in found.items()
    }


_TARGETS = {
    ("bookTicker", "p50"): "≤ 10",
    ("bookTicker", "p99"): "≤ 80",
    ("bookTicker", "p99.9"): "≤ 250",
    ("depth, 30–60 levels", "p99"): "≤ 250",
}


def latency_figures(recording: Recording) -> list[Figure]:
    """Frame in → commands out, per kind of frame and strategy. The targets are promised for BasicMarketMaking."""
    figures = []
    for strategy in STRATEGIES:
        for kind, (p50, p99, p999, count) in sorted(latencies(recording, strategy).items()):
            for name, value in (("p50", p50), ("p99", p99), ("p99.9", p999)):
                target = _TARGETS.get((kind, name), "") if strategy == "BasicMarketMaking" else ""
                note = f"processor time of the thread, median of {RUNS} runs over {count:,} frames"
                figures.append(Figure(f"{strategy}: {kind} → commands, {name}", value, "µs", target, note))
    return figures


def run(data_dir: Path | None) -> list[Figure]:
    """Throughput by processor time (one thread, no waiting, so on an idle machine it is the time on the wall): the median of five; then latencies."""
    recording = recording_of(data_dir, "ETHUSDT")
    runs = sorted((replay(recording) for _ in range(RUNS)), key=lambda one: one[0])
    elapsed, counts, kernel = runs[len(runs) // 2]
    note = (
        f"processor time, median of {RUNS} runs; {len(recording.frames):,} frames of {recording.name}; {counts['Place']} places, "
        f"{counts['Cancel']} cancels, {counts['fills']} fills; phase at the end {kernel.status().phase}"
    )
    throughput = Figure(
        "decode + kernel, whole recording", len(recording.frames) / elapsed, "frames/s", "≥ 50000", note
    )
    return [throughput, *latency_figures(recording)]
