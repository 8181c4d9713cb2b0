"""One WebSocket connection: frames out without a task per connection, delayed or cut where a fault asks for it.

Text frames are encoded once and written to the transport of every subscriber; a reader that does not keep up is cut
at a bounded backlog, as the venue does.
"""

from __future__ import annotations

import asyncio
import json
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import msgspec
from aiohttp import web

from ..time import NS_PER_S, Scheduler

if TYPE_CHECKING:
    from ..faults import FaultBoard

PONG_WITHIN_S = 60
MAX_BACKLOG = 16 * 1024 * 1024
"""Bytes a slow reader may be behind before it is cut."""


class Channel(StrEnum):
    """What a connection carries, as the admin API names it."""

    MARKET = "market"
    USER = "user"
    ORDERS = "orders"


def frame(data: bytes) -> bytes:
    """An unmasked, uncompressed WebSocket text frame around UTF-8 `data`."""
    size = len(data)
    if size < 126:
        return bytes((0x81, size)) + data
    if size < 65_536:
        return b"\x81\x7e" + size.to_bytes(2, "big") + data
    return b"\x81\x7f" + size.to_bytes(8, "big") + data


def text_frame(text: str) -> bytes:
    return frame(text.encode())


_ENCODE = msgspec.json.Encoder().encode


def encode(value: Any) -> bytes:
    """Compact JSON."""
    try:
        return _ENCODE(value)
    except UnicodeEncodeError:  # half a surrogate pair that a client sent: JSON can only carry it escaped
        return json.dumps(value, separators=(",", ":")).encode()


def dumps(value: Any) -> str:
    return encode(value).decode()


class Connection:
    """Sends to one client; `faults` says how long frames of a channel are held back, and whether pings are silent."""

    def __init__(
        self,
        number: int,
        request: web.Request,
        socket: web.WebSocketResponse,
        scheduler: Scheduler,
        faults: FaultBoard,
    ) -> None:
        self.number = number
        self.ip = request.remote or ""
        self.socket = socket
        self._transport = request.transport
        self._scheduler = scheduler
        self._faults = faults
        self._loop = asyncio.get_running_loop()
        self._not_before: dict[Channel, int] = {}
        self._buffer: list[bytes] = []
        self._flush_asked = False
        self.muted = False
        """A half-open socket: nothing leaves, nothing tells the client."""
        self.deaf = False
        """What arrives is lost as well."""
        self.born_ns = scheduler.clock.now()
        self.pong_due_ns = 0
        """When the client is cut unless a pong comes; 0 while none is owed."""
        self._pings: set[bytes] = set()
        """Payloads of pings that are not answered yet."""
        self._second = 0
        self._in_second = 0

    @property
    def open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing() and not self.socket.closed

    def send(self, value: Any, channel: Channel) -> None:
        self.send_frame(frame(encode(value)), channel)

    def send_frame(self, ready: bytes, channel: Channel) -> None:
        """Queue a ready frame; order is kept even when the delay shrinks."""
        if self.muted:
            return
        delay = self._faults.delay_ns(channel)
        if delay or self._not_before:
            held_until = self._not_before.get(channel, 0)
            now = self._scheduler.clock.now()
            due = max(now + delay, held_until)
            if due > now:
                self._not_before[channel] = due
                self._scheduler.call_at(due, lambda: self._write(ready))
                return
            self._not_before.pop(channel, None)
        self._write(ready)

    def _write(self, ready: bytes) -> None:
        self._buffer.append(ready)
        if not self._flush_asked:
            self._flush_asked = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flush_asked = False
        transport = self._transport
        if transport is None or not self.open:
            self._buffer.clear()
            return
        transport.write(b"".join(self._buffer))
        self._buffer.clear()
        if transport.get_write_buffer_size() > MAX_BACKLOG:
            transport.abort()

    def ping(self, now_ns: int) -> None:
        """A server ping whose payload is the time in ms, as the venue's are."""
        if self.open and not self.muted and not self._faults.pings_silent:
            data = str(now_ns // 1_000_000).encode()
            self._pings.add(data)
            self.pong_due_ns = self.pong_due_ns or now_ns + PONG_WITHIN_S * NS_PER_S
            self._write(bytes((0x89, len(data))) + data)

    def pong(self, data: bytes) -> None:
        """Answer a client's ping."""
        if self.open and not self.muted and not self._faults.pings_silent and len(data) < 126:
            self._write(bytes((0x8A, len(data))) + data)

    def ponged(self, data: bytes) -> None:
        """A pong came in; only one that copies an open ping's payload counts, as on the venue."""
        if data in self._pings:
            self._pings.clear()
            self.pong_due_ns = 0

    def over_limit(self, limit: int) -> bool:
        """Count one frame of the client; whether it has now sent more than `limit` (0: none) this second."""
        if not limit:
            return False
        second = self._scheduler.clock.now() // NS_PER_S
        if second != self._second:
            self._second, self._in_second = second, 0
        self._in_second += 1
        return self._in_second > limit

    def end(self, code: int, reason: str) -> None:
        """An orderly end from the venue's side: a close frame, then the connection."""
        if not self.open:
            return
        body = code.to_bytes(2, "big") + reason.encode()[:100]
        if not self.muted:
            self._write(bytes((0x88, len(body))) + body)
        self._flush()
        if self._transport is not None:
            self._transport.close()

    def cut(self) -> None:
        """Drop the TCP connection without a goodbye."""
        if self._transport is not None:
            self._transport.abort()
