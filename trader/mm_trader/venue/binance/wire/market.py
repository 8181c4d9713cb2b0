"""Frames of the combined market stream → core events, in ticks and lots.

Each frame is decoded once, into exactly the fields that are used.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from functools import reduce
from operator import or_
from typing import Any

import msgspec

from mm_trader.core.events import BookTicker, DepthUpdate, Event, PublicTrade
from mm_trader.core.units import UnitError
from mm_trader.venue.binance.wire.levels import LevelReader
from mm_trader.venue.binance.wire.numbers import SymbolNumbers
from mm_trader.venue.binance.wire.ticker import TickerReader, ticker_reader

CHANNELS = ("bookTicker", "depth@100ms", "trade")


class FrameError(ValueError):
    """A frame that cannot be understood. The message holds no part of it beyond the reason."""


DECODE_ERRORS = (msgspec.DecodeError, UnicodeDecodeError)
"""What msgspec raises: the second on text that is no UTF-8, which it finds only where the text is used."""


class MarkPrice(Event, frozen=True, kw_only=True, gc=False):
    """What the venue reckons a symbol on margin to be worth. For the gateway's own filters: the kernel marks by the book."""

    symbol: str
    ticks: float
    """Not a whole number: a mean of prices."""


class Notice(Enum):
    """Frames that are no market event."""

    REPLY = "reply"
    """Answer to a request of ours; shows the connection lives."""
    SHUTDOWN = "shutdown"
    """The server is going away: connect a replacement."""
    OTHER = "other"
    """A stream or event we do not know: ignored, as the venue may add some."""


class Ticker(msgspec.Struct, gc=False):
    """bookTicker."""

    u: int
    b: str
    B: str
    a: str
    A: str


class Depth(msgspec.Struct, gc=False):
    """depthUpdate. Its levels are read by LevelReader."""

    U: int
    u: int
    b: msgspec.Raw
    a: msgspec.Raw
    pu: int | None = None


class Trade(msgspec.Struct, gc=False):
    """trade."""

    t: int
    p: str
    q: str
    m: bool


class _Named(msgspec.Struct):
    e: str = ""


class _AnyFrame(msgspec.Struct):
    stream: str = ""
    e: str = ""
    id: int | str | None = None
    data: _Named | None = None


Route = Callable[[Any, int], Event]
_decode_any = msgspec.json.Decoder(_AnyFrame).decode


class MarketDecoder:
    """Decodes the frames of one combined connection.

    There is a type of frame for each stream, told apart by the stream's name while the frame is decoded: each is gone through once. Spot's bookTickers in
    their usual form are read in place before that (`ticker`).
    """

    def __init__(self, numbers: Mapping[str, SymbolNumbers]) -> None:
        self._routes: dict[type, Route] = {}
        self._streams: set[str] = set()
        self._tickers: list[tuple[bytes, TickerReader]] = []
        """With what their frames begin. Trying one after the other is quicker than finding the stream's name in the frame, for a trader's few symbols."""
        for symbol, number in numbers.items():
            for channel, data, route in self.channels(symbol, number):
                stream = f"{symbol.lower()}@{channel}"
                self._add(stream, data, route)
                if data is Ticker:
                    self._tickers.append(ticker_reader(symbol, stream, number))
        self.parse: Callable[[bytes], Any] = msgspec.json.Decoder(reduce(or_, self._routes)).decode
        """A frame as its type, `data` with the venue's names and exact texts. Raises msgspec.DecodeError for frames of no known stream."""

    def _add(self, stream: str, data: type, route: Route) -> None:
        frame = msgspec.defstruct(
            f"Frame{len(self._routes)}", [("data", data)], tag_field="stream", tag=stream, gc=False
        )
        self._routes[frame] = route
        self._streams.add(stream)

    def channels(self, symbol: str, number: SymbolNumbers) -> list[tuple[str, type, Route]]:
        """(channel, type of its `data`, how that becomes an event) of one symbol."""
        return [
            ("bookTicker", Ticker, _ticker_route(symbol, number)),
            ("depth@100ms", Depth, _depth_route(symbol, number)),
            ("trade", Trade, _trade_route(symbol, number)),
        ]

    def decode(self, frame: bytes, ts: int) -> Event | Notice:
        """One frame, received at `ts` (monotonic ns). Raises FrameError."""
        for head, read in self._tickers:
            if frame.startswith(head):
                ticker = read(frame, ts)
                if ticker is not None:
                    return ticker
                break
        try:
            parsed = self.parse(frame)
        except DECODE_ERRORS as error:
            return self._other(frame, error)
        try:
            return self._routes[parsed.__class__](parsed.data, ts)
        except UnitError as error:
            raise FrameError(f"market frame: {error}") from None
        except DECODE_ERRORS as error:
            return self._other(frame, error)

    def _other(self, frame: bytes, error: Exception) -> Notice:
        """Replies, notices and strangers; what is of a known stream is broken."""
        try:
            envelope = _decode_any(frame)
        except DECODE_ERRORS as broken:
            raise FrameError(f"market frame: {broken}") from None
        if envelope.stream in self._streams:
            raise FrameError(f"market frame: {error}")
        named = envelope.data.e if envelope.data is not None else envelope.e
        if named == "serverShutdown" or envelope.stream == "!serverShutdown":
            return Notice.SHUTDOWN
        return Notice.REPLY if envelope.id is not None else Notice.OTHER


def _ticker_route(symbol: str, number: SymbolNumbers) -> Route:
    ticks, read = number.ticks, number.public_lots.read
    # most often one of the two sizes changes and the other stays
    bid_text = ask_text = ""
    bid_size = ask_size = 0

    def route(data: Ticker, ts: int) -> Event:
        nonlocal bid_text, bid_size, ask_text, ask_size
        text = data.B
        if text != bid_text:
            bid_size = read(text)
            bid_text = text
        text = data.A
        if text != ask_text:
            ask_size = read(text)
            ask_text = text
        return BookTicker(
            ts=ts,
            symbol=symbol,
            update_id=data.u,
            bid=ticks[data.b],
            bid_size=bid_size,
            ask=ticks[data.a],
            ask_size=ask_size,
        )

    return route


def _depth_route(symbol: str, number: SymbolNumbers) -> Route:
    levels = LevelReader(number).read

    def route(data: Depth, ts: int) -> Event:
        return DepthUpdate(
            ts=ts,
            symbol=symbol,
            first_id=data.U,
            last_id=data.u,
            previous_id=data.pu,
            bids=levels(bytes(data.b)),
            asks=levels(bytes(data.a)),
        )

    return route


def _trade_route(symbol: str, number: SymbolNumbers) -> Route:
    ticks, read = number.ticks, number.public_lots.read

    def route(data: Trade, ts: int) -> Event:
        return PublicTrade(
            ts=ts,
            symbol=symbol,
            trade_id=data.t,
            price=ticks[data.p],
            size=read(data.q),
            buyer_is_maker=data.m,
        )

    return route


def stream_path(symbols: Mapping[str, object] | list[str]) -> str:
    """`/stream?streams=…` for the channels of all symbols."""
    return "/stream?streams=" + "/".join(
        f"{symbol.lower()}@{channel}" for symbol in symbols for channel in CHANNELS
    )
