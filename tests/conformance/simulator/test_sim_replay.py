"""Recorded markets: the engine's book is the recorded one, and our orders meet recorded liquidity."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path
from typing import Any

import pytest
from simwire import S, config, running

from mm_trader.venue.simulator import ConfigError, ManualClock, Simulator
from mm_trader.venue.simulator.config import symbol_spec
from mm_trader.venue.simulator.engine.checks import to_e8
from mm_trader.venue.simulator.engine.exchange import Exchange
from mm_trader.venue.simulator.engine.types import (
    E8,
    NewOrder,
    OrderStatus,
    OrderType,
    Side,
    SymbolSpec,
    TimeInForce,
)
from mm_trader.venue.simulator.market.driver import background_account
from mm_trader.venue.simulator.market.recorded_book import RecordedBook
from mm_trader.venue.simulator.market.recording import Depth, Snapshot, Top, Trade, parse_line

T0 = 1_700_000_000_000_000_000


class Bench:
    """A replay book alone with one client account."""

    def __init__(self, spec: SymbolSpec | None = None) -> None:
        self.spec = spec or symbol_spec("ETHUSDC")
        self.exchange = Exchange([self.spec], lambda: T0)
        self.me = self.exchange.add_account("me", {self.spec.base: 10 * E8, self.spec.quote: 50_000 * E8})
        accounts = (background_account(self.exchange, n) for n in ("maker", "taker"))
        self.book = RecordedBook(self.exchange, *accounts, self.spec.name)
        self.number = 0

    def snapshot(self, bids: str, asks: str) -> None:
        self.book.snapshot(Snapshot(T0, 1, rows(bids), rows(asks)))

    def order(self, side: Side, price: str, qty: str = "1") -> Any:
        self.number += 1
        new = NewOrder(
            self.spec.name,
            side,
            OrderType.LIMIT,
            f"m{self.number}",
            TimeInForce.GTC,
            to_e8(qty),
            to_e8(price),
        )
        return self.exchange.place(self.me, new).order

    def top(self) -> tuple[int, int, int, int]:
        return self.exchange.market(self.spec.name).book.touch()


def rows(text: str) -> list[tuple[int, int]]:
    """`2600x2 2599x1` as rows."""
    return [(to_e8(p), to_e8(q)) for p, q in (pair.split("x") for pair in text.split())]


def trade(price: str, qty: str, buyer_is_maker: bool) -> Trade:
    return Trade(T0, to_e8(price), to_e8(qty), buyer_is_maker)


def test_our_order_waits_behind_what_was_recorded_before_it() -> None:
    bench = Bench()
    bench.snapshot("2600x2", "2601x1")
    mine = bench.order(Side.BUY, "2600")
    bench.book.trade(trade("2600", "1.5", True))
    assert mine.executed == 0
    bench.book.trade(trade("2600", "1", True))
    assert mine.executed == 5_000


def test_recorded_growth_stands_behind_us_and_recorded_cancels_come_from_behind_first() -> None:
    bench = Bench()
    bench.snapshot("2600x2", "2601x1")
    mine = bench.order(Side.BUY, "2600")
    bench.book.depth(Depth(T0, 2, rows("2600x5"), []))
    bench.book.depth(Depth(T0, 3, rows("2600x2"), []))
    bench.book.trade(trade("2600", "2", True))
    assert mine.executed == 0
    bench.book.trade(trade("2600", "1", True))
    assert mine.status is OrderStatus.FILLED


def test_a_better_price_of_ours_is_taken_before_the_recorded_one() -> None:
    bench = Bench()
    bench.snapshot("2600x2", "2602x1")
    mine = bench.order(Side.BUY, "2600.5")
    bench.book.trade(trade("2600", "1", True))
    assert mine.status is OrderStatus.FILLED
    assert bench.top()[:2] == (260_000, 20_000)


def test_liquidity_that_we_took_is_not_there_for_us_again() -> None:
    bench = Bench()
    bench.snapshot("2600x2", "2601x1 2602x1")
    assert bench.order(Side.BUY, "2601").executed == 10_000
    assert bench.order(Side.BUY, "2601").executed == 0


def test_a_recorded_quote_through_our_price_fills_us() -> None:
    bench = Bench()
    bench.snapshot("2600x2", "2602x1")
    mine = bench.order(Side.SELL, "2601")
    bench.book.depth(Depth(T0, 2, rows("2601.5x3"), rows("2602x0 2603x1")))
    assert mine.status is OrderStatus.FILLED
    assert mine.executed_quote == 2601 * E8


def test_a_trade_whose_liquidity_is_already_gone_is_still_printed() -> None:
    bench = Bench()
    bench.snapshot("2600x2", "2602x1")
    bench.exchange.drain()
    bench.book.depth(Depth(T0, 2, rows("2600x0 2599x1"), []))
    bench.book.trade(trade("2600", "2", True))
    prints = [e for e in bench.exchange.drain() if type(e).__name__ == "TradeEvent"]
    assert [(p.price, p.qty, p.buyer_is_maker) for p in prints] == [(260_000, 20_000, True)]


def test_an_old_diff_is_ignored_and_a_newer_touch_survives_it() -> None:
    bench = Bench()
    bench.snapshot("2600x2", "2602x1")
    bench.book.depth(Depth(T0, 1, rows("2600x9"), []))
    assert bench.top()[1] == 20_000
    bench.book.top(Top(T0, 5, to_e8("2601"), to_e8("1"), to_e8("2602"), to_e8("1")))
    bench.book.depth(Depth(T0, 4, rows("2600x3"), []))
    assert bench.top() == (260_100, 10_000, 260_200, 10_000)


async def test_a_recording_loops_with_continuous_streams(tmp_path: Path) -> None:
    from synthetic import synthetic_recording

    path = synthetic_recording(tmp_path / "short.jsonl.gz", frames=60)
    async with running(config(f"replay:{path}", "ETHUSDC")) as wire:
        socket = await wire.socket("/ws/ethusdc@depth@100ms")
        await wire.sim.advance(5 * S)
        await socket.send({"method": "LIST_SUBSCRIPTIONS", "id": 1})
        last = 0
        while "id" not in (frame := await socket.json()):
            assert not last or frame["U"] == last + 1
            last = frame["u"]
        assert wire.sim.market.state()["ETHUSDC"]["loops"] >= 2
        touch = await wire.book()
        assert float(touch["bidPrice"]) < float(touch["askPrice"])


async def test_a_price_move_shifts_the_rest_of_the_recording_and_fills_what_is_in_between(
    recording: list[str],
) -> None:
    async with running(config("replay:" + ",".join(recording), "ETHUSDC")) as wire:
        await wire.sim.advance(S)
        touch = await wire.book()
        bid = float(touch["bidPrice"])
        mine = (await wire.order("BUY", f"{bid * 0.998:.2f}")).body["orderId"]
        wire.sim.admin.do("price", symbol="ETHUSDC", by_bp=-50)
        assert (await wire.signed("GET", "order", symbol="ETHUSDC", orderId=mine)).body["status"] == "FILLED"
        await wire.sim.advance(S)
        assert float((await wire.book())["bidPrice"]) == pytest.approx(bid * 0.995, rel=0.001)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("replay:/no/such/file", "No such file"),
        ("replay:{folder}/empty.jsonl@ETHUSDC", "no frame with a symbol"),
        ("replay:{folder}/junk.jsonl", "not lines of"),
        ("replay:{folder}/nosnap.jsonl", "no depth snapshot"),
        ("replay:{folder}/nosnap.jsonl@BTCUSDC", "not among --symbols"),
    ],
)
def test_a_file_that_cannot_be_replayed_is_one_line_that_names_it(
    tmp_path: Path, text: str, reason: str
) -> None:
    (tmp_path / "empty.jsonl").write_text("")
    (tmp_path / "junk.jsonl").write_bytes(b"\x00\xff not json\n")
    (tmp_path / "nosnap.jsonl").write_text(
        '1 {"data":{"u":1,"s":"ETHUSDT","b":"1","B":"1","a":"2","A":"1"}}\n'
    )
    with pytest.raises(ConfigError, match=reason) as caught:
        Simulator(config(text.format(folder=tmp_path), "ETHUSDC"), ManualClock())
    assert "\n" not in str(caught.value)


def oracle_lines() -> tuple[dict[str, Snapshot], list[tuple[str, Any]]]:
    """The 2021 oracle: snapshots of four symbols and the depth and bookTicker frames around them."""
    folder = Path(os.environ["MM_DATA"]) / "binance-book-oracle-2021-10"
    snapshots: dict[str, Snapshot] = {}
    for line in (folder / "http.txt").read_text().splitlines():
        if "/api/v3/depth?symbol=" not in line:
            continue
        symbol = line.split("symbol=")[1].split("&")[0]
        frame = parse_line("0 " + line[line.index(": {") + 2 :])
        assert isinstance(frame, Snapshot)
        snapshots[symbol] = frame
    frames = []
    for line in (folder / "ws.txt").read_text().splitlines():
        _, _, text = line.partition(": ")
        if not text.startswith('{"stream"'):
            continue
        frame = parse_line("0 " + text)
        if isinstance(frame, Depth | Top):
            frames.append((json.loads(text)["data"]["s"], frame))
    return snapshots, frames


def recorded_frames(paths: list[str]) -> tuple[dict[str, Snapshot], list[tuple[str, Any]]]:
    snapshots: dict[str, Snapshot] = {}
    frames: list[tuple[str, Any]] = []
    for path in paths:
        with gzip.open(path, "rt") as lines:
            for number, line in enumerate(lines):
                if number > 6_000:
                    break
                frame = parse_line(line)
                if isinstance(frame, Snapshot):
                    snapshots["ETHUSDT"] = frame
                elif isinstance(frame, Depth | Top):
                    frames.append(("ETHUSDT", frame))
        break
    return snapshots, frames


SPECS = {
    "NKNUSDT": SymbolSpec(
        "NKNUSDT",
        "NKN",
        "USDT",
        tick_e8=10_000,
        lot_e8=E8,
        min_qty_e8=E8,
        max_qty_e8=10**9 * E8,
        min_price_e8=1,
    ),
    "LRCBTC": SymbolSpec(
        "LRCBTC", "LRC", "BTC", tick_e8=1, lot_e8=E8, min_qty_e8=E8, max_qty_e8=10**9 * E8, min_price_e8=1
    ),
    "BLZETH": SymbolSpec(
        "BLZETH", "BLZ", "ETH", tick_e8=1, lot_e8=E8, min_qty_e8=E8, max_qty_e8=10**9 * E8, min_price_e8=1
    ),
    "RUNEEUR": SymbolSpec(
        "RUNEEUR",
        "RUNE",
        "EUR",
        tick_e8=10_000,
        lot_e8=E8 // 1000,
        min_qty_e8=1,
        max_qty_e8=10**9 * E8,
        min_price_e8=1,
    ),
    "ETHUSDT": SymbolSpec("ETHUSDT", "ETH", "USDT", max_qty_e8=10**9 * E8),
}


def test_the_recorded_book_equals_every_recorded_book_ticker_of_the_same_update(recording: list[str]) -> None:
    sources = [recorded_frames(recording)]
    if os.environ.get("MM_DATA"):
        sources.append(oracle_lines())
    for snapshots, frames in sources:
        checked = 0
        benches: dict[str, Bench] = {}
        tickers: dict[tuple[str, int], Top] = {(s, f.u): f for s, f in frames if isinstance(f, Top)}
        for symbol, snapshot in snapshots.items():
            benches[symbol] = Bench(SPECS[symbol])
            benches[symbol].book.snapshot(snapshot)
        for symbol, frame in frames:
            bench = benches.get(symbol)
            if bench is None or not isinstance(frame, Depth) or frame.u <= bench.book.last_u:
                continue
            assert frame.first_u <= bench.book.last_u + 1, "the recording has a gap"
            bench.book.depth(frame)
            ticker = tickers.get((symbol, frame.u))
            if ticker is not None:
                tick, lot = bench.spec.tick_e8, bench.spec.lot_e8
                bid, bid_qty, ask, ask_qty = bench.top()
                assert (bid * tick, bid_qty * lot, ask * tick, ask_qty * lot) == (
                    ticker.bid,
                    ticker.bid_qty,
                    ticker.ask,
                    ticker.ask_qty,
                )
                checked += 1
        assert checked >= 20
