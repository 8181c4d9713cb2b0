"""Frames of the combined market stream → core events, in ticks and lots.

The stream's name picks the decoder, so that each frame is decoded once, into exactly the fields that are used.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum

import msgspec

from mm_trader.core.events import BookTicker, DepthUpdate, Event, PublicTrade
from mm_trader.core.units import UnitError
from mm_trader.venue.binance.wire.numbers import SymbolNumbers

CHANNELS = ("bookTicker", "depth@100ms", "trade")


class FrameError(ValueError):
    """A frame that cannot be understood. The message holds no part of it beyond the reason."""


class Notice(Enum):
    """Frames that are no market event."""

    REPLY = "reply"
    """Answer to a request of ours; shows the connection lives."""
    SHUTDOWN = "shutdown"
    """The server is going away: connect a replacement."""
    OTHER = "other"
    """A stream or event we do not know: ignored, as the venue may add some."""


class _Ticker(msgspec.Struct, gc=False):
    u: int
    b: str
    B: str
    a: str
    A: str


class _TickerFrame(msgspec.Struct, gc=False):
    data: _Ticker


class _Depth(msgspec.Struct):
    U: int
    u: int
    b: list[tuple[str, str]]
    a: list[tuple[str, str]]
    pu: int | None = None


class _DepthFrame(msgspec.Struct):
    data: _Depth


class _Trade(msgspec.Struct, gc=False):
    t: int
    p: str
    q: str
    m: bool


class _TradeFrame(msgspec.Struct, gc=False):
    data: _Trade


class _Named(msgspec.Struct):
    e: str = ""


class _AnyFrame(msgspec.Struct):
    stream: str = ""
    e: str = ""
    id: int | str | None = None
    data: _Named | None = None


_Route = Callable[[bytes, int], Event]
_decode_any = msgspec.json.Decoder(_AnyFrame).decode


class MarketDecoder:
    """Decodes the frames of one combined connection."""

    def __init__(self, numbers: Mapping[str, SymbolNumbers]) -> None:
        self._routes: dict[bytes, _Route] = {}
        for symbol, number in numbers.items():
            name = symbol.lower().encode()
            self._routes[name + b"@bookTicker"] = _ticker_route(symbol, number)
            self._routes[name + b"@depth@100ms"] = _depth_route(symbol, number)
            self._routes[name + b"@trade"] = _trade_route(symbol, number)

    def decode(self, frame: bytes, ts: int) -> Event | Notice:
        """One frame, received at `ts` (monotonic ns). Raises FrameError."""
        # {"stream":"NAME",… : the name is what stands between the third and the fourth quote; {"result":["NAME",… is a reply
        parts = frame.split(b'"', 4)
        route = self._routes.get(parts[3]) if len(parts) > 4 and parts[1] == b"stream" else None
        try:
            if route is not None:
                return route(frame, ts)
            return self._slow(frame, ts)
        except (msgspec.DecodeError, UnitError) as error:
            raise FrameError(f"market frame: {error}") from None

    def _slow(self, frame: bytes, ts: int) -> Event | Notice:
        """Frames whose keys come in another order, replies, notices and strangers."""
        envelope = _decode_any(frame)
        route = self._routes.get(envelope.stream.encode())
        if route is not None:
            return route(frame, ts)
        named = envelope.data.e if envelope.data is not None else envelope.e
        if named == "serverShutdown" or envelope.stream == "!serverShutdown":
            return Notice.SHUTDOWN
        return Notice.REPLY if envelope.id is not None else Notice.OTHER


def _ticker_route(symbol: str, number: SymbolNumbers) -> _Route:
    decode, ticks, lots = msgspec.json.Decoder(_TickerFrame).decode, number.ticks, number.public_lots

    def route(frame: bytes, ts: int) -> Event:
        data = decode(frame).data
        return BookTicker(
            ts=ts,
            symbol=symbol,
            update_id=data.u,
            bid=ticks[data.b],
            bid_size=lots[data.B],
            ask=ticks[data.a],
            ask_size=lots[data.A],
        )

    return route


def _depth_route(symbol: str, number: SymbolNumbers) -> _Route:
    decode, ticks, lots = msgspec.json.Decoder(_DepthFrame).decode, number.ticks, number.public_lots

    def route(frame: bytes, ts: int) -> Event:
        data = decode(frame).data
        return DepthUpdate(
            ts=ts,
            symbol=symbol,
            first_id=data.U,
            last_id=data.u,
            previous_id=data.pu,
            bids=[(ticks[price], lots[size]) for price, size in data.b],
            asks=[(ticks[price], lots[size]) for price, size in data.a],
        )

    return route


def _trade_route(symbol: str, number: SymbolNumbers) -> _Route:
    decode, ticks, lots = msgspec.json.Decoder(_TradeFrame).decode, number.ticks, number.public_lots

    def route(frame: bytes, ts: int) -> Event:
        data = decode(frame).data
        return PublicTrade(
            ts=ts,
            symbol=symbol,
            trade_id=data.t,
            price=ticks[data.p],
            size=lots[data.q],
            buyer_is_maker=data.m,
        )

    return route


def stream_path(symbols: Mapping[str, object] | list[str]) -> str:
    """`/stream?streams=…` for the channels of all symbols."""
    return "/stream?streams=" + "/".join(
        f"{symbol.lower()}@{channel}" for symbol in symbols for channel in CHANNELS
    )
