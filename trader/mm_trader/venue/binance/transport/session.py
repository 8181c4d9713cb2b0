"""One WebSocket connection: opened quietly, read and written as whole text frames."""

from __future__ import annotations

import asyncio
import logging

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI
from websockets.protocol import State

from mm_trader.core.clock import Clock
from mm_trader.venue.binance.reflexes import retry_after

_QUIET = logging.getLogger("mm_trader.venue.binance.websockets")
_QUIET.setLevel(logging.CRITICAL)  # the library's debug lines show whole frames, keys and signatures included
_MAX_FRAME = 8 * 2**20
_CLOSE_TIMEOUT_S = 0.5


class LinkError(Exception):
    """The connection cannot be used or trusted any more: give it up and connect anew. The message is for people and holds no secret."""


class Session:
    """One connection of a link."""

    def __init__(self, ws: ClientConnection, clock: Clock) -> None:
        self._ws = ws
        self.opened_ns = clock.monotonic_ns()
        self.heard_ns = self.opened_ns
        self.first_frame: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self.reader: asyncio.Task[str] | None = None

    @property
    def open(self) -> bool:
        """False: a write is sure to fail."""
        return self._ws.state is State.OPEN

    async def send(self, frame: bytes) -> None:
        """Write one text frame. Raises ConnectionClosed or TimeoutError, in which case it may or may not have been sent."""
        await self._ws.send(frame, text=True)

    @property
    def ready(self) -> bool:
        """`write_now` may be called: it is open, and the system has taken all that was written before."""
        transport = self._ws.transport
        return self.open and not transport.is_closing() and not transport.get_write_buffer_size()

    def write_now(self, frame: bytes) -> None:
        """Write one text frame within this call. Only while `ready`."""
        self._ws.protocol.send_text(frame)
        self._ws.send_data()

    async def recv(self) -> bytes:
        """The next frame. Raises ConnectionClosed."""
        return await self._ws.recv(decode=False)

    def abort(self) -> None:
        """Cut it without a closing handshake: the peer may not be there."""
        self._ws.transport.abort()

    async def close(self) -> None:
        """Close it in order and wait for the reader to end."""
        await self._ws.close()
        if self.reader is not None:
            await asyncio.wait({self.reader})


class UpgradeRefusedError(LinkError):
    """The venue answered the upgrade with an HTTP status. `wait_s`: what it asked for, if it did."""

    def __init__(self, status: int, wait_s: float | None) -> None:
        super().__init__(f"upgrade refused with status {status}")
        self.status = status
        self.wait_s = wait_s


async def open_socket(url: str) -> ClientConnection:
    """Connect. Raises LinkError without any part of the address."""
    try:
        return await connect(
            url,
            logger=_QUIET,
            compression=None,
            proxy=None,
            open_timeout=None,
            close_timeout=_CLOSE_TIMEOUT_S,
            max_size=_MAX_FRAME,
            max_queue=1024,
        )
    except InvalidStatus as error:
        wait_s = retry_after(error.response.headers)
        raise UpgradeRefusedError(error.response.status_code, wait_s) from None
    except (OSError, InvalidHandshake, InvalidURI, ConnectionClosed) as error:
        raise LinkError(f"cannot connect: {type(error).__name__}") from None
