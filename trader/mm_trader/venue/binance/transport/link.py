"""A WebSocket connection that is kept: connect, greet, read, probe when silent, reconnect with back-off, replace before the venue cuts it.

A replacement is connected and greeted while the old connection still works; the old one is read on for a while, so that nothing is missed. What
the frames mean is the handler's business.
"""

from __future__ import annotations

import asyncio
import random
from typing import Protocol

import structlog
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from mm_trader.core.clock import Clock
from mm_trader.core.units import NS_PER_S
from mm_trader.venue.binance.governor import RateGovernor
from mm_trader.venue.binance.settings import GatewaySettings
from mm_trader.venue.binance.transport.background import Background
from mm_trader.venue.binance.transport.backoff import Backoff
from mm_trader.venue.binance.transport.session import LinkError, Session, UpgradeRefusedError, open_socket

log = structlog.get_logger(__name__)


class LinkHandler(Protocol):
    """What a link does with its connections."""

    async def prepare(self) -> None:
        """What must be there before the address is known. Raises LinkError."""
        ...

    def url(self) -> str:
        """Where to connect to."""
        ...

    async def greet(self, session: Session) -> None:
        """Make the connection usable; returns on the first good answer. Raises LinkError when it is refused."""
        ...

    def probe(self) -> bytes:
        """A request that costs next to nothing and is always answered."""
        ...

    def on_frame(self, session: Session, frame: bytes) -> None:
        """A frame of the current connection, of one being greeted, or of one just replaced. Raises LinkError."""
        ...

    def on_up(self, _session: Session, replaces: Session | None) -> None:
        """This is now the connection to use. `replaces`: without a gap."""
        ...

    def on_ended(self, _session: Session, _reason: str) -> None:
        """A connection is gone: what was sent through it and not answered will not be."""
        ...

    def on_down(self, reason: str) -> None:
        """There is no usable connection."""
        ...


class Link:
    """Keeps one connection of one kind."""

    def __init__(
        self,
        name: str,
        handler: LinkHandler,
        clock: Clock,
        governor: RateGovernor,
        settings: GatewaySettings,
        rng: random.Random,
    ) -> None:
        self.name = name
        self._handler = handler
        self._clock = clock
        self._governor = governor
        self._settings = settings
        self._rng = rng
        self._backoff = Backoff(settings.backoff_first_s, settings.backoff_max_s, rng)
        self._renew = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._retiring = Background(limit=8)
        self._sessions: set[Session] = set()
        self._current: Session | None = None
        self.connected = asyncio.Event()
        self.connects = 0

    @property
    def session(self) -> Session | None:
        """The connection to use; None while there is none."""
        return self._current

    @property
    def heard_ns(self) -> int | None:
        """Monotonic time of the last frame of the present connection."""
        return self._current.heard_ns if self._current is not None else None

    def start(self) -> None:
        """Connect and keep connected."""
        self._task = asyncio.create_task(self._run(), name=f"link-{self.name}")

    def renew(self) -> None:
        """Connect a replacement now: the venue is about to close this one."""
        self._renew.set()

    def drop(self) -> None:
        """Give the present connection up and connect anew."""
        if self._current is not None:
            self._current.abort()

    async def stop(self) -> None:
        """Close everything. Idempotent."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait({task})
        await self._retiring.close()
        for session in list(self._sessions):
            await session.close()
        self._current = None

    async def _run(self) -> None:
        reason = ""
        while True:
            try:
                session = await self._establish()
            except LinkError as error:
                if str(error) != reason:
                    reason = str(error)
                    log.warning("link_not_connected", link=self.name, reason=reason)
                    self._handler.on_down(reason)
                await asyncio.sleep(max(self._backoff.next_s(), self._governor.ban_left_s()))
                continue
            self._take(session, None)
            reason = await self._serve(session)
            log.warning("link_down", link=self.name, reason=reason)
            self._handler.on_down(reason)

    def _take(self, session: Session, replaces: Session | None) -> None:
        self._current = session
        self.connects += 1
        log.info("link_up", link=self.name, connects=self.connects, seamless=replaces is not None)
        self._handler.on_up(session, replaces)
        self.connected.set()

    async def _serve(self, session: Session) -> str:
        """Until there is no usable connection any more; returns why."""
        while True:
            end = await self._until_renewal(session)
            if end is not None:
                break
            replacement = await self._replace(session)
            if replacement is None:
                end = await _result(session)
                break
            session = replacement
        self._current = None
        self.connected.clear()
        if self._clock.monotonic_ns() - session.opened_ns > self._settings.stable_after_s * NS_PER_S:
            self._backoff.reset()
        return end

    async def _until_renewal(self, session: Session) -> str | None:
        """The reason why the session ended, or None when it is time to replace it."""
        settings = self._settings
        life_ns = int(settings.renew_after_s * (1 - 0.05 * self._rng.random()) * NS_PER_S)
        renew_at = session.opened_ns + life_ns
        while True:
            now = self._clock.monotonic_ns()
            if self._renew.is_set() or now >= renew_at:
                self._renew.clear()
                return None
            silent_at = session.heard_ns + int(settings.silence_s(self.name) * NS_PER_S)
            if now >= silent_at:
                if not await self._answers(session):
                    session.abort()
                    await _result(session)
                    return "silent: no frame and no answer to a probe"
                continue
            if await self._ended_within(session, (min(renew_at, silent_at) - now) / NS_PER_S):
                return await _result(session)

    async def _ended_within(self, session: Session, timeout_s: float) -> bool:
        """Wait for the end, a renewal or the time-out; True if it ended."""
        assert session.reader is not None
        renew = asyncio.create_task(self._renew.wait())
        try:
            await asyncio.wait(
                {session.reader, renew}, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            renew.cancel()
        return session.reader.done()

    async def _answers(self, session: Session) -> bool:
        assert session.reader is not None
        heard = session.heard_ns
        try:
            async with asyncio.timeout(self._settings.write_timeout_s):
                await session.send(self._handler.probe())
        except (ConnectionClosed, TimeoutError):
            return False
        await asyncio.wait({session.reader}, timeout=self._settings.probe_timeout_s)
        return session.heard_ns != heard and not session.reader.done()

    async def _replace(self, session: Session) -> Session | None:
        """Connect a replacement while the session lives. None: it ended before one was there."""
        assert session.reader is not None
        while not session.reader.done():
            attempt = asyncio.create_task(self._establish())
            try:
                await asyncio.wait({attempt, session.reader}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                if not attempt.done():
                    attempt.cancel()
                    await asyncio.wait({attempt})
            if attempt.cancelled():
                return None
            error = attempt.exception()
            if error is None:
                replacement = attempt.result()
                self._take(replacement, session)
                self._retiring.start(self._retire(session), "link-retire")
                return replacement
            if not isinstance(error, LinkError):
                raise error
            log.warning("link_not_replaced", link=self.name, reason=str(error))
            await asyncio.wait({session.reader}, timeout=self._backoff.next_s())
        return None

    async def _retire(self, session: Session) -> None:
        assert session.reader is not None
        await asyncio.wait({session.reader}, timeout=self._settings.linger_s)
        await session.close()

    async def _establish(self) -> Session:
        """Connect and greet. Raises LinkError."""
        banned_s = self._governor.ban_left_s()
        if banned_s:
            raise LinkError("banned by the venue")
        try:
            async with asyncio.timeout(self._settings.connect_timeout_s):
                await self._handler.prepare()
                session = Session(await self._open(), self._clock)
                self._sessions.add(session)
                session.reader = asyncio.create_task(self._read(session), name=f"read-{self.name}")
                await self._greet(session)
                return session
        except TimeoutError:
            raise LinkError("no connection in time") from None

    async def _open(self) -> ClientConnection:
        try:
            return await open_socket(self._handler.url())
        except UpgradeRefusedError as error:
            if error.status in (418, 429):
                # on an upgrade both mean that connecting again at once makes it worse
                self._governor.banned(error.wait_s)
            raise

    async def _greet(self, session: Session) -> None:
        assert session.reader is not None
        greeting = asyncio.create_task(self._handler.greet(session))
        try:
            await asyncio.wait({greeting, session.reader}, return_when=asyncio.FIRST_COMPLETED)
            if not greeting.done():
                raise LinkError(f"lost while connecting: {await _result(session)}")
            greeting.result()
        except ConnectionClosed:
            raise LinkError("lost while connecting") from None
        finally:
            if not greeting.done():
                greeting.cancel()
                await asyncio.wait({greeting})
            if greeting.cancelled() or greeting.exception() is not None:
                session.abort()

    async def _read(self, session: Session) -> str:
        """Read until the end; returns why it ended."""
        handler, clock, recv = self._handler, self._clock, session.recv
        reason = "closed"
        try:
            while True:
                frame = await recv()
                session.heard_ns = clock.monotonic_ns()
                if not session.first_frame.done():
                    session.first_frame.set_result(frame)
                handler.on_frame(session, frame)
        except ConnectionClosed as error:
            reason = f"closed by {'the venue' if error.rcvd is not None else 'the network'}"
        except LinkError as error:
            reason = str(error)
        finally:
            session.abort()
            self._sessions.discard(session)
            handler.on_ended(session, reason)
        return reason


async def _result(session: Session) -> str:
    """Why the session ended. A defect, in a handler or in what it calls, ends the connection like a loss: the kernel will reconcile."""
    assert session.reader is not None
    await asyncio.wait({session.reader})
    error = session.reader.exception()
    if error is None:
        return session.reader.result()
    log.error("link_reader_failed", error=type(error).__name__, exc_info=error)
    return f"defect: {type(error).__name__}"
