"""Places, cancels, amends and cancel-replaces over the WebSocket API: written at once where the connection takes them, else queued and written with
cancels first; each is answered exactly once.

The stop latch is read and the caller's journal hook is called in the last function before the socket. Without a connection a place is
dropped, and a cancel goes over REST.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from typing import TypedDict

import structlog
from websockets.exceptions import ConnectionClosed

from mm_trader.core.commands import Amend, Cancel, CancelReplace, Modify, Place
from mm_trader.core.events import StreamName, StreamStatus
from mm_trader.core.units import NS_PER_MS
from mm_trader.venue.binance.answers import Answers
from mm_trader.venue.binance.governor import Purpose, RateGovernor
from mm_trader.venue.binance.order_replies import OrderReplies, cancel_half
from mm_trader.venue.binance.order_requests import OrderCommand, OrderRequest, cost_of, request_of
from mm_trader.venue.binance.pending import Pending, PendingCommands
from mm_trader.venue.binance.reflexes import Reflexes
from mm_trader.venue.binance.settings import GatewaySettings
from mm_trader.venue.binance.transport.session import LinkError, Session
from mm_trader.venue.binance.venue_clock import VenueClock
from mm_trader.venue.binance.wire.market import FrameError
from mm_trader.venue.binance.wire.numbers import SymbolNumbers
from mm_trader.venue.binance.wire.orders import RequestEncoder, plain_frame
from mm_trader.venue.binance.wire.replies import ApiReply, read_reply
from mm_trader.venue.port import EventSink

log = structlog.get_logger(__name__)

_HELLO_ID = "hello"
_LANDING_MARGIN_MS = 500
"""The venue judges recvWindow by its clock and ours is measured: an order may land this much later than the window says."""


class ChannelOptions(TypedDict, total=False):
    """What a product may have different."""

    requests: Callable[[OrderCommand, SymbolNumbers], OrderRequest]
    hello: Callable[[str], bytes]


def _ping(request_id: str) -> bytes:
    return plain_frame(request_id, "ping")


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
        answers: Answers,
        before_send: Callable[[Place], None] | None,
        refuses: Callable[[Place | Modify], str | None],
        cancel_by_rest: Callable[[Cancel], bool],
        renew: Callable[[], None],
        note_order: Callable[[str, int, bool], None],
        *,
        requests: Callable[[OrderCommand, SymbolNumbers], OrderRequest] = request_of,
        hello: Callable[[str], bytes] = _ping,
    ) -> None:
        """`requests`: the product's wire for each command. `hello`: a request (by its id) that is always answered."""
        self._request_of = requests
        self._hello_frame = hello
        self._url = ws_api_url
        self._numbers = numbers
        self._encoder = encoder
        self._venue_clock = venue_clock
        self._governor = governor
        self._reflexes = reflexes
        self._settings = settings
        self._sink = sink
        self._answers = answers
        self._before_send = before_send
        self._refuses = refuses
        self._cancel_by_rest = cancel_by_rest
        self._renew = renew
        self._replies = OrderReplies(numbers, reflexes, answers, note_order)
        self._session: Session | None = None
        self._hello: dict[Session, asyncio.Future[ApiReply]] = {}
        self._logged_on: set[Session] = set()
        self._places: deque[Place] = deque()
        self._urgent: deque[Cancel | Amend | CancelReplace | Modify] = deque()
        """What takes a stale order away, or makes it smaller."""
        self._in_hand: OrderCommand | None = None
        self._wake = asyncio.Event()
        self._pending = PendingCommands(settings.reply_timeout_s, self._timed_out)
        self._writer: asyncio.Task[None] | None = None
        self.blocked = False

    # --- the caller's side ---------------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to write what is queued."""
        self._writer = asyncio.create_task(self._write(), name="order-writer")
        self._writer.add_done_callback(self._writer_ended)

    async def stop(self) -> None:
        """Stop writing; what is still queued is dropped, what is not answered is unknown."""
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.cancel()
            await asyncio.wait({writer})
        self._drop_places("stopping")
        urgent, self._urgent = self._urgent, deque()
        for command in urgent:
            self._dropped(command, "stopping")
        for request_id in self._pending.all():
            self._unknown(request_id, "stopping")

    def submit(self, command: OrderCommand) -> None:
        """Write or queue it; the answer is an event."""
        waiting = len(self._places if isinstance(command, Place) else self._urgent)
        if self._writer is None:
            self._dropped(command, "stopped")
        elif command.symbol not in self._numbers:
            self._dropped(command, "symbol has no rules")
        elif isinstance(command, Cancel) and self._take_back(command):
            self._dropped(command, "its place had not left")
        elif waiting >= self._settings.max_queued:
            self._dropped(command, "queue is full")
        elif not self._write_now(command):
            if isinstance(command, Place):
                self._places.append(command)
            else:
                self._urgent.append(command)
            self._wake.set()

    def _take_back(self, cancel: Cancel) -> bool:
        """A place that still waits is not sent, where its cancel would overtake it. True: it waited."""
        waits = next((place for place in self._places if place.client_id == cancel.client_id), None)
        if waits is None:
            return False
        self._places.remove(waits)
        self._answers.dropped(waits, "cancelled before it left")
        return True

    def block(self, blocked: bool) -> None:
        """The stop latch. Queued places end now."""
        self.blocked = blocked
        if blocked:
            self._drop_places("stop latch")

    def may_land_until(self, symbol: str) -> int:
        """Monotonic ns until which a place that was written, but not answered with a yes or no, could still reach the book."""
        return self._pending.may_land_until(symbol)

    # --- writing -------------------------------------------------------------------------------------------------------------------------

    async def _write(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._urgent or self._places:
                self._in_hand = command = (self._urgent or self._places).popleft()
                cleared = self._clear(command)
                if cleared is not None:
                    await self._send(*cleared)
                self._in_hand = None

    def _writer_ended(self, writer: asyncio.Task[None]) -> None:
        """A defect, in here or in the caller's hooks, must not leave orders without their cancels: say so and go on with the next command."""
        if writer.cancelled() or (error := writer.exception()) is None:
            return
        command, self._in_hand = self._in_hand, None
        if self._writer is writer:
            self.start()
            self._wake.set()
        self._failed(command, error)

    def _failed(self, command: OrderCommand | None, error: BaseException) -> None:
        log.error("order_writer_failed", error=type(error).__name__, exc_info=error)
        if command is not None:
            self._unknown_whole(command, "the gateway failed while writing it")

    def _write_now(self, command: OrderCommand) -> bool:
        """Write it before `submit` returns, so that nothing the caller does next (journal, logs, alerts) stands before it. False: it has to be queued.

        Nothing overtakes what takes risk away: a place waits for whatever is queued, the others for what is as urgent as they are.
        """
        session = self._usable()
        waiting = self._urgent or (isinstance(command, Place) and self._places)
        if session is None or not session.ready or waiting or self._in_hand is not None:
            return False
        try:
            cleared = self._clear(command)
            if cleared is not None:
                session, command = cleared
                session.write_now(self._frame(session, command)[1])
        except Exception as error:  # noqa: BLE001 - as in the writer's task: the caller is the kernel's dispatcher, and has more to send
            self._failed(command, error)
        return True

    def _clear(self, command: OrderCommand) -> tuple[Session, OrderCommand] | None:
        """Judge a command at the last moment: through which connection what of it may go. None: nothing, and that has been answered.

        From this look at the latch to the write nothing else can run.
        """
        session = self._usable()
        if isinstance(command, CancelReplace):
            refused = self._admit_place(session, command.place)
            if refused is not None:
                # whatever stands in the way of the new order does not stand in the way of the cancel
                self._answers.dropped(command.place, refused)
                return self._clear(cancel_half(command))
        elif isinstance(command, Place):
            refused = self._admit_place(session, command)
        elif session is not None:
            refused = self._admit_modify(command) if isinstance(command, Modify) else None
            refused = refused or self._governor.admit(*cost_of(command))
        elif isinstance(command, Cancel):
            if self._cancel_by_rest(command):
                return None
            refused = "order socket is down, and REST is busy with other cancels"
        else:
            refused = "order socket is down"
        if session is not None and refused is None:
            return session, command
        self._dropped(command, refused or "")
        return None

    def _admit_modify(self, modify: Modify) -> str | None:
        """It can make an order larger, or move it into the market: the stop latch holds it, too."""
        return "stop latch" if self.blocked else self._refuses(modify)

    def _usable(self) -> Session | None:
        session = self._session
        return session if session is not None and session.open else None

    def _admit_place(self, session: Session | None, place: Place) -> str | None:
        """None: go; else why not."""
        if session is None:
            return "order socket is down"
        if self.blocked and not place.closing:  # those are judged by `before_send`
            return "stop latch"
        refused = self._refuses(place) or self._governor.admit(*cost_of(place))
        if refused is None and self._before_send is not None:
            try:
                self._before_send(place)
            except OSError as error:
                self._governor.settled(*cost_of(place))
                refused = f"intent could not be journaled: {type(error).__name__}"
        return refused

    def _frame(self, session: Session, command: OrderCommand) -> tuple[str, bytes]:
        """Its request id, under which it is pending from now on, and the frame to write."""
        window_ns = (self._encoder.recv_window_ms + _LANDING_MARGIN_MS) * NS_PER_MS
        request_id = self._pending.add(command, session, self._venue_clock.clock.monotonic_ns(), window_ns)
        request = self._request_of(command, self._numbers[command.symbol])
        now_ms = self._venue_clock.now_ms()
        encode = self._encoder.session_frame if session in self._logged_on else self._encoder.signed_frame
        return request_id, encode(request_id, request.method, request.params, now_ms)

    async def _send(self, session: Session, command: OrderCommand) -> None:
        request_id, frame = self._frame(session, command)
        try:
            async with asyncio.timeout(self._settings.write_timeout_s):
                await session.send(frame)
        except (ConnectionClosed, TimeoutError) as error:
            self._unknown(request_id, f"write failed: {type(error).__name__}")
            session.abort()

    # --- answers -------------------------------------------------------------------------------------------------------------------------

    def _settle(self, request_id: str) -> Pending | None:
        pending = self._pending.pop(request_id)
        if pending is not None:
            self._governor.settled(*cost_of(pending.command))
        return pending

    def _timed_out(self, request_id: str) -> None:
        self._unknown(request_id, "no answer in time")

    def _unknown(self, request_id: str, reason: str) -> None:
        pending = self._settle(request_id)
        if pending is not None:
            self._pending.doubt(pending)
            self._unknown_whole(pending.command, reason)

    def _unknown_whole(self, command: OrderCommand, reason: str) -> None:
        for part in _parts(command):
            self._answers.unknown(part, reason)

    def _dropped(self, command: OrderCommand, reason: str) -> None:
        for part in _parts(command):
            self._answers.dropped(part, reason)

    def _drop_places(self, reason: str) -> None:
        # what the answers bring about meanwhile is a new place, to be judged by itself
        places, self._places = self._places, deque()
        for place in places:
            self._answers.dropped(place, reason)

    # --- handler of the link -------------------------------------------------------------------------------------------------------------

    async def prepare(self) -> None:
        """The address is fixed."""

    def url(self) -> str:
        """The WebSocket API."""
        return self._url

    async def greet(self, session: Session) -> None:
        """The first answer shows that requests are served. A key that can log on does, so that no order waits for its signature."""
        log_on = self._encoder.can_log_on
        answer: asyncio.Future[ApiReply] = asyncio.get_running_loop().create_future()
        self._hello[session] = answer
        try:
            if log_on:
                now_ms = self._venue_clock.now_ms()
                await session.send(self._encoder.signed_frame(_HELLO_ID, "session.logon", {}, now_ms))
            else:
                await session.send(self._hello_frame(_HELLO_ID))
            reply = await answer
        finally:
            del self._hello[session]
        if reply.status != 200:
            failure = self._reflexes.on_reply(reply, Purpose.QUERY)
            raise LinkError(f"greeting refused: {failure.message} ({failure.code})")
        if log_on:
            self._logged_on.add(session)

    def probe(self) -> bytes:
        """The greeting again."""
        return self._hello_frame("probe")

    def on_frame(self, session: Session, frame: bytes) -> None:
        """A reply, or notice of a shutdown. Raises LinkError when it cannot be read: whose answer it was is not known."""
        try:
            reply = read_reply(frame)
        except FrameError as error:
            raise LinkError(self._reflexes.redact(str(error))) from None
        pending = self._settle(reply.id) if isinstance(reply.id, str) else None
        self._governor.observe(reply.rate_limits)
        hello = self._hello.get(session)
        if pending is not None:
            if not self._replies.answer(pending.command, reply, pending.sent):
                self._pending.doubt(pending)
        elif hello is not None and reply.id == _HELLO_ID and not hello.done():
            hello.set_result(reply)
        elif reply.id is None and reply.error is not None:
            failure = self._reflexes.on_reply(reply, Purpose.QUERY)
            raise LinkError(f"the venue ends the session: {failure.message} ({failure.code})")
        elif b'"serverShutdown"' in bytes(reply.event):
            log.info("venue_announces_shutdown", link="orders")
            self._renew()

    def on_up(self, session: Session, replaces: Session | None) -> None:
        """Write through this one from now on."""
        self._session = session
        if replaces is None:
            self._status(True, "")
        self._wake.set()

    def on_ended(self, session: Session, reason: str) -> None:
        """Whatever was sent through it and not answered is unknown."""
        self._logged_on.discard(session)
        if self._session is session:
            self._session = None
            self._drop_places("order socket is down")
        for request_id in self._pending.of(session):
            self._unknown(request_id, f"order socket lost: {reason}")

    def on_down(self, reason: str) -> None:
        """No new orders until it is up again."""
        self._status(False, reason)

    def _status(self, up: bool, reason: str) -> None:
        ts = self._venue_clock.clock.monotonic_ns()
        self._sink(StreamStatus(ts=ts, stream=StreamName.ORDERS, up=up, reason=reason))


def _parts(command: OrderCommand) -> tuple[Place | Cancel | Amend | Modify, ...]:
    """What is answered: the command, or the two halves of a cancel-replace."""
    return (cancel_half(command), command.place) if isinstance(command, CancelReplace) else (command,)
