"""The market stream: one combined connection for all symbols, decoded, without doubles, into the sink."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import structlog

from mm_trader.core.clock import Clock
from mm_trader.core.events import BookTicker, DepthUpdate, Event, PublicTrade, StreamName, StreamStatus
from mm_trader.venue.binance.transport.session import Session
from mm_trader.venue.binance.wire.market import FrameError, MarketDecoder, MarkPrice, Notice, stream_path
from mm_trader.venue.binance.wire.numbers import SymbolNumbers
from mm_trader.venue.port import EventSink

log = structlog.get_logger(__name__)

_PROBE = b'{"method":"LIST_SUBSCRIPTIONS","id":1}'


class MarketFeed:
    """Handler of the market link."""

    def __init__(
        self,
        stream_url: str,
        numbers: Mapping[str, SymbolNumbers],
        clock: Clock,
        sink: EventSink,
        renew: Callable[[], None],
        on_trade: Callable[[PublicTrade], None],
        *,
        path: str | None = None,
        decoder: MarketDecoder | None = None,
        vital: bool = True,
        on_mark: Callable[[str, float], None] | None = None,
    ) -> None:
        """`path` and `decoder`: spot's unless given. `vital`: its loss is the loss of the market; False: nobody is told. `on_mark`: symbol, ticks."""
        self._url = stream_url.rstrip("/") + (path or stream_path(list(numbers)))
        self._decoder = decoder or MarketDecoder(numbers)
        self._vital = vital
        self._clock = clock
        self._sink = sink
        self._renew = renew
        self._on_trade = on_trade
        self._on_mark = on_mark
        self._last: dict[tuple[type[Event], str], int] = {}
        self._complained = False

    async def prepare(self) -> None:
        """The address is fixed."""

    def url(self) -> str:
        """The combined stream of all symbols."""
        return self._url

    async def greet(self, session: Session) -> None:
        """Streams are named in the address; any frame shows that it works, and a quiet market is made to send one."""
        await session.send(_PROBE)
        await session.first_frame

    def probe(self) -> bytes:
        """Answered also while nobody trades."""
        return _PROBE

    def on_frame(self, session: Session, frame: bytes) -> None:
        """One frame. What cannot be read is left out: a missing difference shows as a gap in the book."""
        try:
            event = self._decoder.decode(frame, session.heard_ns)
        except FrameError as error:
            if not self._complained:
                self._complained = True
                log.warning("market_frame_unreadable", reason=str(error))
            return
        if isinstance(event, Notice):
            if event is Notice.SHUTDOWN:
                log.info("venue_announces_shutdown", link="market")
                self._renew()
        elif self._is_new(event):
            self._sink(event)

    def _is_new(self, event: Event) -> bool:
        """While two connections overlap everything comes twice; the ids of each kind only grow. What is not for the kernel ends here."""
        key: tuple[type[Event], str]
        if isinstance(event, BookTicker):
            key, number = (BookTicker, event.symbol), event.update_id
        elif isinstance(event, DepthUpdate):
            key, number = (DepthUpdate, event.symbol), event.last_id
        elif isinstance(event, PublicTrade):
            key, number = (PublicTrade, event.symbol), event.trade_id
            if number > self._last.get(key, -1):
                self._on_trade(event)
        else:
            if isinstance(event, MarkPrice) and self._on_mark is not None:
                self._on_mark(event.symbol, event.ticks)
            return False
        if number <= self._last.get(key, -1):
            return False
        self._last[key] = number
        return True

    def on_up(self, _session: Session, replaces: Session | None) -> None:
        """After a gap ids may start anew (a testnet that was reset)."""
        self._complained = False
        if replaces is None:
            self._last.clear()
            self._status(True, "")

    def on_ended(self, _session: Session, _reason: str) -> None:
        """Nothing is owed on this connection."""

    def on_down(self, reason: str) -> None:
        """No market data from here on."""
        self._status(False, reason)

    def _status(self, up: bool, reason: str) -> None:
        if self._vital:
            ts = self._clock.monotonic_ns()
            self._sink(StreamStatus(ts=ts, stream=StreamName.MARKET, up=up, reason=reason))
