"""The user stream by listen key: obtained before each connection, kept alive, and renewed when the venue says that it is over.

It has no replay either: anything doubtful ends the connection, and the kernel reconciles."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from decimal import Decimal

import structlog

from mm_trader.core.clock import Clock
from mm_trader.core.events import ErrorClass, ExecutionReport, StreamName, StreamStatus, VenueTrouble
from mm_trader.venue.binance.transport.rest import CallError
from mm_trader.venue.binance.transport.session import LinkError, Session
from mm_trader.venue.binance.usdm.account import ListenKeys
from mm_trader.venue.binance.usdm.wire import EXPIRED, FuturesUserDecoder
from mm_trader.venue.binance.wire.market import FrameError, Notice
from mm_trader.venue.binance.wire.numbers import SymbolNumbers
from mm_trader.venue.port import EventSink

log = structlog.get_logger(__name__)

_PROBE = b'{"method":"LIST_SUBSCRIPTIONS","id":1}'


class FuturesUserFeed:
    """Handler of the user data link."""

    def __init__(
        self,
        stream_url: str,
        numbers: Mapping[str, SymbolNumbers],
        keys: ListenKeys,
        clock: Clock,
        prefix: str,
        sink: EventSink,
        wallet: Callable[[str, Decimal], tuple[Decimal, Decimal]],
        renew: Callable[[], None],
        on_back: Callable[[], None],
        on_keys: Callable[[str], None],
        note_order: Callable[[str, int, bool], None],
        redact: Callable[[str], str],
    ) -> None:
        self._base = stream_url.rstrip("/")
        self._decoder = FuturesUserDecoder(numbers, wallet)
        self._keys = keys
        self._clock = clock
        self._prefix = prefix
        self._sink = sink
        self._renew = renew
        self._on_back = on_back
        self._on_keys = on_keys
        self._was_up = False
        self._note_order = note_order
        self._redact = redact
        self._key = ""
        self.key_refused = asyncio.Event()
        self.refusal = ""
        """The venue's words, while it refuses the key."""

    def __repr__(self) -> str:
        return "FuturesUserFeed(***)"

    async def prepare(self) -> None:
        """Obtain the listen key. Raises LinkError."""
        try:
            self._key = await self._keys.obtain()
        except CallError as error:
            if error.error is ErrorClass.AUTH:
                self.refusal = error.message
                if self._was_up and not self.key_refused.is_set():
                    self._on_keys(error.message)
                self.key_refused.set()
            raise LinkError(f"no listen key: {error.message} ({error.code})") from None
        except FrameError as error:
            raise LinkError(f"no listen key: {error}") from None
        self.key_refused.clear()

    def url(self) -> str:
        """The private stream of the listen key, which is as good as a password for reading: never logged."""
        return f"{self._base}/private/ws?listenKey={self._key}"

    async def greet(self, session: Session) -> None:
        """The first answer shows that the stream is served."""
        await session.send(_PROBE)
        await session.first_frame

    def probe(self) -> bytes:
        """Answered also while nothing happens."""
        return _PROBE

    async def keep_alive(self) -> bool:
        """Give the key another hour. False: it is over, and the connection with it."""
        try:
            await self._keys.keep()
        except CallError as error:
            log.warning("listen_key_not_kept", reason=self._redact(error.message), code=error.code)
            return error.error is not ErrorClass.REFUSED
        return True

    def on_frame(self, session: Session, frame: bytes) -> None:
        """One frame. Raises LinkError when it cannot be read (a fill may be in it) and when the listen key is over."""
        try:
            decoded = self._decoder.decode(frame, session.heard_ns)
        except FrameError as error:
            raise LinkError(self._redact(str(error))) from None
        if decoded == EXPIRED:
            raise LinkError("the listen key is over")
        if isinstance(decoded, Notice):
            if decoded is Notice.SHUTDOWN:
                log.info("venue_ends_user_stream")
                self._renew()
            return
        assert not isinstance(decoded, str), "EXPIRED is the only word"
        for event in decoded:
            if isinstance(event, ExecutionReport):
                own = event.order.client_id.startswith(self._prefix)
                self._note_order(event.order.symbol, event.order.venue_id, own)
                if not own:
                    continue
            elif isinstance(event, VenueTrouble):
                log.error("venue_trouble", trouble=event.trouble.value, detail=event.detail)
            self._sink(event)

    def on_up(self, _session: Session, replaces: Session | None) -> None:
        """Served. Without a gap nobody needs to know."""
        if replaces is None:
            self._status(True, "")
            if self._was_up:
                self._on_back()
        self._was_up = True

    def on_ended(self, _session: Session, _reason: str) -> None:
        """Nothing is owed on this connection."""

    def on_down(self, reason: str) -> None:
        """Fills may be missed from here on."""
        self._status(False, reason)

    def _status(self, up: bool, reason: str) -> None:
        ts = self._clock.monotonic_ns()
        self._sink(StreamStatus(ts=ts, stream=StreamName.USER, up=up, reason=reason))
