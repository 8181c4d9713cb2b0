"""The user data stream: own orders, fills and balances. It has no replay, so anything doubtful ends the connection, and the kernel reconciles."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import structlog

from mm_trader.core.events import AccountUpdate, ErrorClass, ExecutionReport, StreamName, StreamStatus
from mm_trader.venue.binance.governor import Purpose, RateGovernor
from mm_trader.venue.binance.reflexes import Reflexes
from mm_trader.venue.binance.transport.session import LinkError, Session
from mm_trader.venue.binance.venue_clock import VenueClock
from mm_trader.venue.binance.wire.market import FrameError, Notice
from mm_trader.venue.binance.wire.numbers import SymbolNumbers
from mm_trader.venue.binance.wire.orders import RequestEncoder, plain_frame
from mm_trader.venue.binance.wire.replies import ApiReply, read_reply
from mm_trader.venue.binance.wire.user import UserDecoder
from mm_trader.venue.port import EventSink

log = structlog.get_logger(__name__)

_SUBSCRIBE_ID = "subscribe"
_SUBSCRIBE = "userDataStream.subscribe.signature"


class UserFeed:
    """Handler of the user data link."""

    def __init__(
        self,
        ws_api_url: str,
        numbers: Mapping[str, SymbolNumbers],
        encoder: RequestEncoder,
        venue_clock: VenueClock,
        governor: RateGovernor,
        reflexes: Reflexes,
        prefix: str,
        sink: EventSink,
        renew: Callable[[], None],
        on_back: Callable[[], None],
        on_keys: Callable[[str], None],
        note_order: Callable[[str, int, bool], None],
    ) -> None:
        self._url = ws_api_url
        self._decoder = UserDecoder(numbers)
        self._encoder = encoder
        self._venue_clock = venue_clock
        self._governor = governor
        self._reflexes = reflexes
        self._prefix = prefix
        self._sink = sink
        self._renew = renew
        self._on_back = on_back
        self._on_keys = on_keys
        self._note_order = note_order
        self._subscribing: dict[Session, asyncio.Future[ApiReply]] = {}
        self.key_refused = asyncio.Event()
        self._was_up = False
        self.refusal = ""
        """The venue's words, while it refuses the key."""

    async def prepare(self) -> None:
        """The address is fixed."""

    def url(self) -> str:
        """The WebSocket API."""
        return self._url

    async def greet(self, session: Session) -> None:
        """Subscribe; the acknowledgement makes the stream usable."""
        answer: asyncio.Future[ApiReply] = asyncio.get_running_loop().create_future()
        self._subscribing[session] = answer
        try:
            await session.send(
                self._encoder.signed_frame(_SUBSCRIBE_ID, _SUBSCRIBE, {}, self._venue_clock.now_ms())
            )
            reply = await answer
        finally:
            del self._subscribing[session]
        if reply.status == 200:
            self.key_refused.clear()
            return
        failure = self._reflexes.on_reply(reply, Purpose.QUERY)
        if failure.error is ErrorClass.AUTH:
            self.refusal = failure.message
            if self._was_up and not self.key_refused.is_set():
                self._on_keys(failure.message)
            self.key_refused.set()
        raise LinkError(f"subscription refused: {failure.message} ({failure.code})")

    def probe(self) -> bytes:
        """`ping` of the WebSocket API."""
        return plain_frame("probe", "ping")

    def on_frame(self, session: Session, frame: bytes) -> None:
        """One frame. Raises LinkError when it cannot be read: a fill may be in it."""
        try:
            decoded = self._decoder.decode_frame(frame, session.heard_ns)
            if decoded is None:
                reply = read_reply(frame)
                event = bytes(reply.event)
                if not event:
                    self._on_reply(session, reply)
                    return
                decoded = self._decoder.decode(event, session.heard_ns)
        except FrameError as error:
            raise LinkError(self._reflexes.redact(str(error))) from None
        if isinstance(decoded, Notice):
            if decoded is Notice.SHUTDOWN:
                log.info("venue_ends_user_stream")
                self._renew()
        elif isinstance(decoded, ExecutionReport):
            order = decoded.order
            own = order.client_id.startswith(self._prefix)
            self._note_order(order.symbol, order.venue_id, own)
            if own:
                self._sink(decoded)
        elif isinstance(decoded, AccountUpdate):
            self._sink(decoded)

    def _on_reply(self, session: Session, reply: ApiReply) -> None:
        self._governor.observe(reply.rate_limits)
        if reply.id is None and reply.error is not None:
            failure = self._reflexes.on_reply(reply, Purpose.QUERY)
            raise LinkError(f"the venue ends the session: {failure.message} ({failure.code})")
        answer = self._subscribing.get(session)
        if answer is not None and reply.id == _SUBSCRIBE_ID and not answer.done():
            answer.set_result(reply)

    def on_up(self, _session: Session, replaces: Session | None) -> None:
        """Subscribed. Without a gap nobody needs to know."""
        if replaces is None:
            if self._was_up:
                self._on_back()
            self._was_up = True
            self._status(True, "")

    def on_ended(self, _session: Session, _reason: str) -> None:
        """Nothing is owed on this connection."""

    def on_down(self, reason: str) -> None:
        """Fills may be missed from here on."""
        self._status(False, reason)

    def _status(self, up: bool, reason: str) -> None:
        ts = self._venue_clock.clock.monotonic_ns()
        self._sink(StreamStatus(ts=ts, stream=StreamName.USER, up=up, reason=reason))
