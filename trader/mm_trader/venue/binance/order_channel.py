"""Places and cancels over the WebSocket API: queued, written with cancels first, and each answered exactly once.

The stop latch is read and the caller's journal hook is called in the last function before the socket. Without a connection a place is
dropped, and a cancel goes over REST.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping

import structlog
from websockets.exceptions import ConnectionClosed

from mm_trader.core.commands import Cancel, Place
from mm_trader.core.events import (
    CommandDropped,
    CommandRefused,
    CommandUnknown,
    ErrorClass,
    OrderAccepted,
    OrderFound,
    StreamName,
    StreamStatus,
)
from mm_trader.core.units import NS_PER_MS
from mm_trader.venue.binance.governor import Purpose, RateGovernor
from mm_trader.venue.binance.reactions import UNREADABLE, classify
from mm_trader.venue.binance.reflexes import Reflexes
from mm_trader.venue.binance.settings import GatewaySettings
from mm_trader.venue.binance.transport.link import LinkError, Session
from mm_trader.venue.binance.venue_clock import VenueClock
from mm_trader.venue.binance.wire.market import FrameError
from mm_trader.venue.binance.wire.numbers import SymbolNumbers
from mm_trader.venue.binance.wire.orders import RequestEncoder, cancel_params, place_params, plain_frame
from mm_trader.venue.binance.wire.replies import (
    ApiReply,
    OrderBody,
    Placed,
    order_view,
    read_body,
    read_reply,
)
from mm_trader.venue.port import EventSink

log = structlog.get_logger(__name__)

_ORDER_WEIGHT = 1
_HELLO_ID = "hello"
_LANDING_MARGIN_MS = 500
"""The venue judges recvWindow by its clock and ours is measured: an order may land this much later than the window says."""


class _Pending:
    """A command that was written and is not answered yet."""

    __slots__ = ("command", "lands_by", "session", "timer")

    def __init__(
        self, command: Place | Cancel, session: Session, timer: asyncio.TimerHandle, lands_by: int
    ) -> None:
        self.command = command
        self.session = session
        self.timer = timer
        self.lands_by = lands_by
        """Monotonic ns: the venue itself refuses it when it gets it later."""


class OrderChannel:
    """Handler of the order link, and the queue in front of it."""

    def __init__(
        self,
        ws_api_url: str,
        numbers: Mapping[str, SymbolNumbers],
        encoder: RequestEncoder,
        venue_clock: VenueClock,
        governor: RateGovernor,
        reflexes: Reflexes,
        settings: GatewaySettings,
        sink: EventSink,
        before_send: Callable[[Place], None] | None,
        cancel_by_rest: Callable[[Cancel], bool],
        renew: Callable[[], None],
        note_order: Callable[[str, int, bool], None],
        redact: Callable[[str], str],
    ) -> None:
        self._url = ws_api_url
        self._numbers = numbers
        self._encoder = encoder
        self._venue_clock = venue_clock
        self._governor = governor
        self._reflexes = reflexes
        self._settings = settings
        self._sink = sink
        self._before_send = before_send
        self._cancel_by_rest = cancel_by_rest
        self._renew = renew
        self._note_order = note_order
        self._redact = redact
        self._session: Session | None = None
        self._hello: dict[Session, asyncio.Future[ApiReply]] = {}
        self._places: deque[Place] = deque()
        self._cancels: deque[Cancel] = deque()
        self._wake = asyncio.Event()
        self._pending: dict[str, _Pending] = {}
        self._sequence = 0
        self._may_land_until: dict[str, int] = {}
        self.blocked = False
        self._writer: asyncio.Task[None] | None = None

    # --- the caller's side ---------------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to write what is queued."""
        self._writer = asyncio.create_task(self._write(), name="order-writer")

    async def stop(self) -> None:
        """Stop writing; what is still queued is dropped, what is not answered is unknown."""
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.cancel()
            await asyncio.wait({writer})
        self._drop_places("stopping")
        while self._cancels:
            self._drop(self._cancels.popleft(), "stopping")
        for request_id in list(self._pending):
            self._unknown(request_id, "stopping")

    def submit(self, command: Place | Cancel) -> None:
        """Queue it; the answer is an event."""
        if isinstance(command, Place):
            if command.symbol not in self._numbers:
                self._drop(command, "symbol has no rules")
            elif len(self._places) >= self._settings.max_queued:
                self._drop(command, "queue is full")
            else:
                self._places.append(command)
        elif len(self._cancels) >= self._settings.max_queued:
            self._drop(command, "queue is full")
        else:
            self._cancels.append(command)
        self._wake.set()

    def block(self, blocked: bool) -> None:
        """The stop latch. Queued places end now."""
        self.blocked = blocked
        if blocked:
            self._drop_places("stop latch")

    def may_land_until(self, symbol: str) -> int:
        """Monotonic ns until which a place that was written, but not answered with a yes or no, could still reach the book."""
        unanswered = (
            pending.lands_by
            for pending in self._pending.values()
            if pending.command.symbol == symbol and isinstance(pending.command, Place)
        )
        return max(self._may_land_until.get(symbol, 0), *unanswered, 0)

    # --- writing -------------------------------------------------------------------------------------------------------------------------

    async def _write(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._cancels or self._places:
                if self._cancels:
                    await self._write_cancel(self._cancels.popleft())
                else:
                    await self._write_place(self._places.popleft())

    async def _write_cancel(self, cancel: Cancel) -> None:
        session = self._session
        if session is None or not session.open:
            if not self._cancel_by_rest(cancel):
                self._drop(cancel, "order socket is down and too many cancels are under way over REST")
            return
        refused = self._governor.admit(Purpose.CANCEL, _ORDER_WEIGHT)
        if refused is not None:
            self._drop(cancel, refused)
            return
        await self._send(session, cancel, "order.cancel", cancel_params(cancel))

    async def _write_place(self, place: Place) -> None:
        """The last function before the socket: from the look at the latch to the write nothing else can run."""
        session = self._session
        if session is None or not session.open:
            self._drop(place, "order socket is down")
            return
        if self.blocked:
            self._drop(place, "stop latch")
            return
        refused = self._governor.admit(Purpose.PLACE, _ORDER_WEIGHT)
        if refused is not None:
            self._drop(place, refused)
            return
        if self._before_send is not None:
            try:
                self._before_send(place)
            except OSError as error:
                self._governor.settled(Purpose.PLACE, _ORDER_WEIGHT)
                self._drop(place, f"intent could not be journaled: {type(error).__name__}")
                return
        await self._send(session, place, "order.place", place_params(place, self._numbers[place.symbol]))

    async def _send(
        self, session: Session, command: Place | Cancel, method: str, params: dict[str, str | int | bool]
    ) -> None:
        self._sequence += 1
        request_id = f"{self._sequence}"
        frame = self._encoder.signed_frame(request_id, method, params, self._venue_clock.now_ms())
        loop = asyncio.get_running_loop()
        timer = loop.call_later(
            self._settings.reply_timeout_s, self._unknown, request_id, "no answer in time"
        )
        lands_by = self._now() + (self._encoder.recv_window_ms + _LANDING_MARGIN_MS) * NS_PER_MS
        self._pending[request_id] = _Pending(command, session, timer, lands_by)
        try:
            async with asyncio.timeout(self._settings.write_timeout_s):
                await session.send(frame)
        except (ConnectionClosed, TimeoutError) as error:
            self._unknown(request_id, f"write failed: {type(error).__name__}")
            session.abort()

    # --- answers -------------------------------------------------------------------------------------------------------------------------

    def _answer(self, pending: _Pending, reply: ApiReply) -> None:
        command, status = pending.command, reply.status or 0
        if status // 100 == 2:
            self._accepted(pending, reply)
            return
        code = reply.error.code if reply.error is not None else None
        message = self._redact(reply.error.msg) if reply.error is not None else ""
        reaction = classify(status, code, message)
        wait_s = None
        if (
            reply.error is not None
            and reply.error.data is not None
            and reply.error.data.retry_after is not None
        ):
            wait_s = self._governor.wait_of(reply.error.data.retry_after)
        self._reflexes.act(reaction.step, _purpose(command), wait_s)
        if reaction.error is ErrorClass.AMBIGUOUS:
            self._emit_unknown(pending, f"status {status}, code {code}: {message}")
            return
        self._sink(
            CommandRefused(
                ts=self._now(),
                symbol=command.symbol,
                client_id=command.client_id,
                command=_word(command),
                error=reaction.error,
                code=UNREADABLE if code is None else code,
                message=message,
            )
        )

    def _accepted(self, pending: _Pending, reply: ApiReply) -> None:
        command = pending.command
        try:
            if isinstance(command, Cancel):
                order = order_view(read_body(reply.result, OrderBody), self._numbers[command.symbol])
                self._sink(OrderFound(ts=self._now(), order=order))
                return
            venue_id = read_body(reply.result, Placed).order_id
        except FrameError:
            self._emit_unknown(pending, "success with a result that cannot be read")
            return
        self._note_order(command.symbol, venue_id, True)
        self._sink(
            OrderAccepted(
                ts=self._now(), symbol=command.symbol, client_id=command.client_id, venue_id=venue_id
            )
        )

    def _unknown(self, request_id: str, reason: str) -> None:
        pending = self._settle(request_id)
        if pending is not None:
            self._emit_unknown(pending, reason)

    def _settle(self, request_id: str) -> _Pending | None:
        pending = self._pending.pop(request_id, None)
        if pending is not None:
            pending.timer.cancel()
            self._governor.settled(_purpose(pending.command), _ORDER_WEIGHT)
        return pending

    def _emit_unknown(self, pending: _Pending, reason: str) -> None:
        command = pending.command
        if isinstance(command, Place):
            latest = max(pending.lands_by, self._may_land_until.get(command.symbol, 0))
            self._may_land_until[command.symbol] = latest
        self._sink(
            CommandUnknown(
                ts=self._now(),
                symbol=command.symbol,
                client_id=command.client_id,
                command=_word(command),
                reason=reason,
            )
        )

    def _drop(self, command: Place | Cancel, reason: str) -> None:
        self._sink(
            CommandDropped(
                ts=self._now(),
                symbol=command.symbol,
                client_id=command.client_id,
                command=_word(command),
                reason=reason,
            )
        )

    def _drop_places(self, reason: str) -> None:
        while self._places:
            self._drop(self._places.popleft(), reason)

    def _now(self) -> int:
        return self._venue_clock.clock.monotonic_ns()

    # --- handler of the link -------------------------------------------------------------------------------------------------------------

    def url(self) -> str:
        """The WebSocket API."""
        return self._url

    async def greet(self, session: Session) -> None:
        """The first answer shows that requests are served."""
        answer: asyncio.Future[ApiReply] = asyncio.get_running_loop().create_future()
        self._hello[session] = answer
        try:
            await session.send(plain_frame(_HELLO_ID, "ping"))
            reply = await answer
        finally:
            del self._hello[session]
        if reply.status != 200:
            code = reply.error.code if reply.error is not None else None
            message = self._redact(reply.error.msg) if reply.error is not None else ""
            self._reflexes.act(classify(reply.status or 0, code, message).step, Purpose.QUERY, None)
            raise LinkError(f"greeting refused: status {reply.status}, code {code}")

    def probe(self) -> bytes:
        """`ping` of the WebSocket API."""
        return plain_frame("probe", "ping")

    def on_frame(self, session: Session, frame: bytes) -> None:
        """A reply, or notice of a shutdown. Raises LinkError when it cannot be read: whose answer it was is not known."""
        try:
            reply = read_reply(frame)
        except FrameError as error:
            raise LinkError(str(error)) from None
        self._settle_and_answer(session, reply)
        self._governor.observe(reply.rate_limits)

    def _settle_and_answer(self, session: Session, reply: ApiReply) -> None:
        if isinstance(reply.id, str) and (pending := self._settle(reply.id)) is not None:
            self._answer(pending, reply)
            return
        hello = self._hello.get(session)
        if hello is not None and reply.id == _HELLO_ID and not hello.done():
            hello.set_result(reply)
        elif reply.id is None and reply.error is not None:
            raise LinkError(
                f"the venue ends the session: {self._redact(reply.error.msg)} ({reply.error.code})"
            )
        elif b'"serverShutdown"' in bytes(reply.event):
            log.info("venue_announces_shutdown", link="orders")
            self._renew()

    def on_up(self, _session: Session, replaces: Session | None) -> None:
        """Write through this one from now on."""
        self._session = _session
        if replaces is None:
            self._sink(StreamStatus(ts=self._now(), stream=StreamName.ORDERS, up=True))
        self._wake.set()

    def on_ended(self, _session: Session, _reason: str) -> None:
        """Whatever was sent through it and not answered is unknown."""
        if self._session is _session:
            self._session = None
            self._drop_places("order socket is down")
        for request_id, pending in list(self._pending.items()):
            if pending.session is _session:
                self._unknown(request_id, f"order socket lost: {_reason}")

    def on_down(self, reason: str) -> None:
        """No new orders until it is up again."""
        self._sink(StreamStatus(ts=self._now(), stream=StreamName.ORDERS, up=False, reason=reason))


def _word(command: Place | Cancel) -> str:
    return "place" if isinstance(command, Place) else "cancel"


def _purpose(command: Place | Cancel) -> Purpose:
    return Purpose.PLACE if isinstance(command, Place) else Purpose.CANCEL
