"""The recorded USD-M stream: every frame is read exactly, differences chain by `pu` without a gap, and our top is the venue's at every equal `u`."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from decimal import Decimal

import pytest
from recordings import data_dir

from mm_trader.core.events import BookTicker, DepthUpdate, Event, PublicTrade
from mm_trader.core.units import SymbolRules
from mm_trader.market.book import L2Book
from mm_trader.venue.binance.usdm.wire import FuturesMarketDecoder
from mm_trader.venue.binance.wire.numbers import SymbolNumbers
from mm_trader.venue.binance.wire.replies import DepthBody, depth_snapshot, read_body

NUMBERS = SymbolNumbers(
    SymbolRules(
        symbol="ETHUSDT", base_asset="ETH", quote_asset="USDT", tick=Decimal("0.01"), lot=Decimal("0.001")
    )
)


def recorded() -> list[bytes]:
    """Frames in order of arrival; the recorder's `depth@0ms` is today's `depth@100ms` to the decoder."""
    folder = data_dir()
    if folder is None:
        pytest.skip("no recordings here (MM_DATA)")
    with gzip.open(folder / "binance-usdm-2024-08" / "ethusdt_20240808.jsonl.gz") as lines:
        return [line.split(b" ", 1)[1].rstrip().replace(b"@depth@0ms", b"@depth@100ms") for line in lines]


def test_the_recorded_futures_book_has_no_gap_and_equals_every_book_ticker() -> None:
    decoder = FuturesMarketDecoder({"ETHUSDT": NUMBERS})
    book, kinds = L2Book(), Counter[str]()
    tops: dict[int, BookTicker] = {}
    waiting: dict[int, BookTicker] = {}
    checked = 0
    for ts, frame in enumerate(recorded()):
        if frame.startswith(b'{"lastUpdateId"'):
            kinds["snapshot"] += 1
            assert book.on_snapshot(depth_snapshot(read_body(frame, DepthBody), NUMBERS, ts)) is False
            continue
        event = decoder.decode(frame, ts)
        assert isinstance(event, Event), frame[:200]
        kinds[type(event).__name__] += 1
        data = json.loads(frame)["data"]
        if isinstance(event, BookTicker):
            assert (event.bid * NUMBERS.rules.tick, event.ask * NUMBERS.rules.tick) == (
                Decimal(data["b"]),
                Decimal(data["a"]),
            )
            tops[event.update_id] = waiting[event.update_id] = event
        elif isinstance(event, DepthUpdate):
            assert event.previous_id == data["pu"]
            book.on_update(event)
        elif isinstance(event, PublicTrade):
            assert event.size * NUMBERS.rules.lot == Decimal(data["q"])
        if book.last_id > 0:
            top = waiting.pop(book.last_id, None)
            if top is not None:
                checked += 1
                assert book.agrees_with_top(top.bid, top.bid_size, top.ask, top.ask_size), top
    assert book.gaps == 0
    assert book.usable
    assert kinds == {
        "BookTicker": 53992,
        "DepthUpdate": 6586,
        "PublicTrade": 14076,
        "snapshot": kinds["snapshot"],
    }
    assert kinds["snapshot"] >= 1
    print(f"{checked} of {len(tops)} book tickers met the book at an equal id")
    assert checked > 100


def test_a_chain_whose_first_ids_are_not_contiguous_joins_a_snapshot_between_two_differences() -> None:
    """As on the venue: `U` of the next difference lies beyond `pu` + 1. Also without recordings."""
    from mm_trader.core.events import DepthSnapshot

    def update(previous: int, first: int, last: int, bid: int) -> DepthUpdate:
        return DepthUpdate(
            ts=1, symbol="ETHUSDT", first_id=first, last_id=last, previous_id=previous, bids=[(bid, 5)], asks=[]
        )  # fmt: skip

    for snapshot_id in (110, 115, 119):
        book = L2Book()
        assert book.on_update(update(100, 105, 110, 10)) is True
        book.on_update(update(110, 117, 120, 11))
        snapshot = DepthSnapshot(ts=1, symbol="ETHUSDT", last_id=snapshot_id, bids=[(9, 1)], asks=[(20, 1)])
        assert book.on_snapshot(snapshot) is False
        book.on_update(update(120, 130, 131, 12))
        assert (book.gaps, book.last_id, book.bids.best()) == (0, 131, (12, 5))
    late = L2Book()
    late.on_update(update(110, 117, 120, 11))
    assert late.on_snapshot(DepthSnapshot(ts=1, symbol="ETHUSDT", last_id=109, bids=[], asks=[])) is True
    torn = L2Book()
    torn.on_update(update(110, 117, 120, 11))
    torn.on_snapshot(DepthSnapshot(ts=1, symbol="ETHUSDT", last_id=115, bids=[(9, 1)], asks=[(20, 1)]))
    assert torn.on_update(update(121, 122, 125, 12)) is True
    assert torn.gaps == 1
