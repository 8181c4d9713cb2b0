"""Every frame of the recordings is read, nothing of it is lost or changed, and depth differences join without a gap."""

from __future__ import annotations

import json
from collections import Counter
from decimal import Decimal

import pytest
from recordings import Recording, data_dir, recordings

from mm_trader.core.events import BookTicker, DepthUpdate, Event, PublicTrade
from mm_trader.core.units import SymbolRules
from mm_trader.venue.binance.wire.market import MarketDecoder, Notice
from mm_trader.venue.binance.wire.numbers import SymbolNumbers
from mm_trader.venue.binance.wire.replies import DepthBody, depth_snapshot, read_body

RECORDINGS = recordings()


def numbers_of(recording: Recording) -> SymbolNumbers:
    quote = recording.symbol[-4:]
    return SymbolNumbers(
        SymbolRules(
            symbol=recording.symbol,
            base_asset=recording.symbol[:-4],
            quote_asset=quote,
            tick=Decimal(recording.tick),
            lot=Decimal(recording.lot),
        )
    )


def floor(text: str, lot: Decimal) -> int:
    lots = int(Decimal(text) / lot)
    return max(1, lots) if Decimal(text) else 0


@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda r: r.name)
def test_every_frame_is_read_with_all_its_numbers_exact(recording: Recording) -> None:
    numbers = numbers_of(recording)
    tick, lot = numbers.rules.tick, numbers.rules.lot
    decoder = MarketDecoder({recording.symbol: numbers})
    kinds: Counter[str] = Counter()
    for ts, frame in enumerate(recording.frames):
        body = json.loads(frame)
        if "lastUpdateId" in body:
            snapshot = depth_snapshot(read_body(frame, DepthBody), numbers, ts)
            assert len(snapshot.bids) == len(body["bids"])
            kinds["snapshot"] += 1
            continue
        event, data = decoder.decode(frame, ts), body["data"]
        assert isinstance(event, Event)
        assert event.ts == ts
        kinds[type(event).__name__] += 1
        if isinstance(event, BookTicker):
            assert (tick * event.bid, tick * event.ask) == (Decimal(data["b"]), Decimal(data["a"]))
            assert (event.bid_size, event.ask_size) == (floor(data["B"], lot), floor(data["A"], lot))
            assert event.update_id == data["u"]
        elif isinstance(event, PublicTrade):
            assert (tick * event.price, lot * event.size) == (Decimal(data["p"]), Decimal(data["q"]))
            assert (event.trade_id, event.buyer_is_maker) == (data["t"], data["m"])
        elif isinstance(event, DepthUpdate):
            assert (event.first_id, event.last_id) == (data["U"], data["u"])
            for levels, rows in ((event.bids, data["b"]), (event.asks, data["a"])):
                assert levels == [(int(Decimal(p) / tick), floor(q, lot)) for p, q in rows]
    assert kinds["BookTicker"] > 1000
    assert kinds["DepthUpdate"] > 500
    assert kinds["PublicTrade"] > 500
    assert sum(kinds.values()) == len(recording.frames)


@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda r: r.name)
def test_depth_differences_join_without_a_gap_and_ids_only_grow(recording: Recording) -> None:
    decoder = MarketDecoder({recording.symbol: numbers_of(recording)})
    last: dict[type, int] = {}
    for frame in recording.frames:
        if frame.startswith(b'{"lastUpdateId"'):
            continue
        event = decoder.decode(frame, 0)
        assert not isinstance(event, Notice)
        if isinstance(event, DepthUpdate):
            assert event.first_id <= event.last_id
            assert last.get(DepthUpdate) in (None, event.first_id - 1)
            last[DepthUpdate] = event.last_id
        elif isinstance(event, PublicTrade):
            assert event.trade_id > last.get(PublicTrade, -1)
            last[PublicTrade] = event.trade_id


def test_the_older_recording_of_four_symbols_is_read_too() -> None:
    folder = data_dir()
    steps = {"NKNUSDT": "0.00001", "BLZETH": "0.00000001", "LRCBTC": "0.00000001", "RUNEEUR": "0.001"}
    if folder is None:
        frames = {
            "NKNUSDT": [
                b'{"stream":"nknusdt@depth@100ms","data":{"U":1,"u":2,"b":[["0.3513","6195"]],"a":[]}}'
            ]
        }
    else:
        lines = (folder / "binance-book-oracle-2021-10" / "ws.txt").read_bytes().splitlines()
        bodies = [line.split(b": ", 1)[1] for line in lines if b': {"stream"' in line]
        frames = {
            symbol: [b for b in bodies if b.startswith(b'{"stream":"' + symbol.lower().encode())]
            for symbol in steps
        }
    read = 0
    for symbol, own in frames.items():
        rules = SymbolRules(
            symbol=symbol,
            base_asset="A",
            quote_asset="B",
            tick=Decimal(steps[symbol]),
            lot=Decimal("0.00000001"),
        )
        decoder = MarketDecoder({symbol: SymbolNumbers(rules)})
        read += sum(isinstance(decoder.decode(frame, 0), Event) for frame in own)
    assert read >= (1 if folder is None else 250)
