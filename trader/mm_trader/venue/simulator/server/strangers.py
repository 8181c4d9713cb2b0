"""What the HTTP server does with requests that no client of the venue sends: they are answered, and not logged.

A request that is no HTTP, or a peer that went away in the middle, is no error of this program: the server answers 400 or
closes, and a line with a traceback for each would be a way to fill somebody's disk. Everything else is logged.
"""

from __future__ import annotations

import logging

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError


class _StrangersBytes(logging.Filter):
    """Drops what a peer caused."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        return not isinstance(error, HttpProcessingError | ConnectionError)


HTTP_LOG = logging.getLogger("mm_trader.venue.simulator.http")
HTTP_LOG.addFilter(_StrangersBytes())


async def expected(request: web.Request) -> None:
    """For every route: answers `Expect: 100-continue`; another expectation is refused without repeating its bytes."""
    if request.headers.get("Expect", "").lower() != "100-continue":
        raise web.HTTPExpectationFailed(text="")
    if request.version >= (1, 1) and request.transport is not None:
        request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
