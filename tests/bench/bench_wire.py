"""The gateway's wire layer: each kind of frame parsed into its type, and parsed and converted into the kernel's event; signing and encoding of an order."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from benchkit import Figure, median_us, recording_of

from mm_trader.core.commands import Place
from mm_trader.core.events import Side
from mm_trader.core.units import SymbolRules
from mm_trader.venue.binance.credentials import Credentials
from mm_trader.venue.binance.wire.market import MarketDecoder
from mm_trader.venue.binance.wire.numbers import SymbolNumbers
from mm_trader.venue.binance.wire.orders import RequestEncoder, place_params
from mm_trader.venue.binance.wire.user import UserDecoder, parse_frame

AS_EVENT = "parse, then every number as whole ticks and lots"
KINDS = (("bookTicker", b"@bookTicker", "≤ 1"), ("depth", b"@depth", "≤ 8"), ("trade", b"@trade", ""))


def execution_report(number: int) -> bytes:
    """A user event in the wire's full shape."""
    event = {
        "e": "executionReport", "E": 1723161255000 + number, "s": "ETHUSDT", "c": f"mm0badcafe-1-1-{number}",
        "S": "BUY", "o": "LIMIT_MAKER", "f": "GTC", "q": "0.05000000", "p": f"26{number % 90 + 10}.80000000",
        "P": "0.00000000", "F": "0.00000000", "g": -1, "C": "", "x": "TRADE", "X": "PARTIALLY_FILLED", "r": "NONE",
        "i": 4293153 + number, "l": f"0.0{number % 9 + 1}000000", "z": "0.02000000", "L": "2683.80000000",
        "n": "0.00002000", "N": "ETH", "T": 1723161255000 + number, "t": number, "I": 8641984 + number, "w": False,
        "m": True, "M": False, "O": 1723161254000, "Z": "53.67600000", "Y": "53.67600000", "Q": "0.00000000",
        "W": 1723161254000, "V": "EXPIRE_MAKER",
    }  # fmt: skip
    return json.dumps({"subscriptionId": 0, "event": event}, separators=(",", ":")).encode()


def run(data_dir: Path | None) -> list[Figure]:
    """Medians over the frames of a recording, in the order in which they came."""
    recording = recording_of(data_dir, "ETHUSDT")
    numbers = SymbolNumbers(
        SymbolRules(
            symbol="ETHUSDT",
            base_asset="ETH",
            quote_asset="USDT",
            tick=Decimal(recording.tick),
            lot=Decimal(recording.lot),
        )
    )
    figures: list[Figure] = []
    for name, mark, target in KINDS:
        decoder = MarketDecoder({"ETHUSDT": numbers})
        frames = [frame for frame in recording.frames if mark in frame[:64]]
        value = median_us(decoder.parse, frames)
        figures.append(
            Figure(f"parse {name}, median", value, "µs", target, f"{len(frames):,} frames, {recording.name}")
        )
        value = median_us(lambda frame, d=decoder: d.decode(frame, 0), frames)
        figures.append(Figure(f"{name} to the kernel's event, median", value, "µs", "", AS_EVENT))
    user = UserDecoder({"ETHUSDT": numbers})
    reports = [execution_report(number) for number in range(5000)]
    value = median_us(parse_frame, reports)
    figures.append(Figure("parse executionReport, median", value, "µs", "≤ 3", "envelope included"))
    value = median_us(lambda frame: user.decode_frame(frame, 0), reports)
    figures.append(Figure("executionReport to the kernel's event, median", value, "µs", "", AS_EVENT))
    encoder = RequestEncoder(Credentials("k" * 64, "s" * 64), timedelta(seconds=1))
    places = [
        Place(
            symbol="ETHUSDT",
            client_id=f"mm0badcafe-1-1-{n}",
            side=Side.BUY,
            price=268380 + n % 500,
            size=50 + n,
        )
        for n in range(5000)
    ]
    value = median_us(
        lambda place: encoder.signed_frame("1", "order.place", place_params(place, numbers), 1723161255000),
        places,
    )
    figures.append(
        Figure("sign + encode an order, median", value, "µs", "≤ 20", "HMAC-SHA256, WebSocket API")
    )
    return figures
