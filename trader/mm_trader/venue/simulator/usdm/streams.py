"""The split stream addresses: `/public` (book), `/market` (trades, marks), `/private` (one account's events by its listen key).

The addresses before the split (`/ws`, `/stream`) carry everything, a listen key included, for clients that still use them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

from aiohttp import web

from ..server.connection import Channel, Connection, dumps, text_frame
from ..server.profile import add_market_routes
from ..server.sockets import MarketSockets, OnText
from ..server.strangers import expected
from .desk import futures_desk

if TYPE_CHECKING:
    from ..simulator import Simulator

_BOOK = ("bookTicker", "depth")


def _is_book(stream: str) -> bool:
    return stream.startswith("!bookTicker") or stream.partition("@")[2].startswith(_BOOK)


def is_public(stream: str) -> bool:
    """Book streams, and single trades, which clients ask for here."""
    return _is_book(stream) or stream.endswith("@trade")


def is_market(stream: str) -> bool:
    """Everything else that is not an account's; single trades too."""
    return not _is_book(stream)


class PrivateStreams:
    """User data by listen key, as raw events or wrapped in `{stream, data}`."""

    def __init__(self, sim: Simulator) -> None:
        self.sim = sim
        self.desk = futures_desk(sim.desk)
        self._connections: dict[Connection, tuple[str, str, bool]] = {}
        """Account, listen key, wrapped or not."""

    def routes(self, app: web.Application) -> None:
        """All addresses."""
        sim = self.sim
        add_market_routes(app, "/public", MarketSockets(sim.sockets, sim.hub, is_public))
        add_market_routes(app, "/market", MarketSockets(sim.sockets, sim.hub, is_market))
        for path in ("/private/ws", "/private/ws/{key}"):
            app.router.add_get(path, self._raw, expect_handler=expected)
        app.router.add_get("/private/stream", self._wrapped, expect_handler=expected)
        self._older = MarketSockets(sim.sockets, sim.hub)
        app.router.add_get("/ws/{streams:[^@/]+}", self._raw_older, expect_handler=expected)
        add_market_routes(app, "", self._older)

    async def _raw(self, request: web.Request) -> web.StreamResponse:
        return await self._serve(request, request.match_info.get("key") or request.query.get("listenKey", ""))

    async def _wrapped(self, request: web.Request) -> web.StreamResponse:
        key = request.query.get("listenKey") or request.query.get("streams", "")
        return await self._serve(request, key, wrapped=True)

    async def _raw_older(self, request: web.Request) -> web.StreamResponse:
        key = request.match_info["streams"]
        if self.desk.listen_keys.owner(key, self.desk.now_ms()) is None:
            return await self._older.raw(request)
        return await self._serve(request, key)

    async def _serve(self, request: web.Request, key: str, *, wrapped: bool = False) -> web.StreamResponse:
        """A key that is none opens a connection that stays silent, as at the venue."""
        account = self.desk.listen_keys.owner(key, self.desk.now_ms()) or ""
        mine: list[Connection] = []

        def begin(connection: Connection) -> OnText:
            mine.append(connection)
            self._connections[connection] = (account, key, wrapped)
            return lambda text: connection.send_frame(text_frame(_answer(text, key)), Channel.USER)

        def end() -> None:
            for connection in mine:
                self._connections.pop(connection, None)

        return await self.sim.sockets.serve(
            request,
            lambda channel, name: channel is Channel.USER and name in (None, account),
            begin,
            end,
            texts_limited=True,
        )

    def listeners(self, account: str, text: str) -> Iterator[tuple[Connection, bytes]]:
        """Who gets an event of the account, and as which frame: connections whose key is still the account's."""
        good = self.desk.listen_keys.key_of(account, self.desk.now_ms())
        for connection, (owner, key, wrapped) in self._connections.items():
            if owner == account and key == good:
                yield connection, text_frame(_wrap(key, text) if wrapped else text)

    def expire(self, account: str, key: str) -> None:
        """Tell the connections of a key that its hour is over."""
        event = dumps({"e": "listenKeyExpired", "E": self.desk.now_ms(), "listenKey": key})
        for connection, (owner, used, wrapped) in self._connections.items():
            if owner == account and used == key:
                connection.send_frame(text_frame(_wrap(key, event) if wrapped else event), Channel.USER)

    def announce(self, event: str) -> int:
        """An event to every connection; how many."""
        for connection in self._connections:
            connection.send_frame(text_frame(event), Channel.USER)
        return len(self._connections)


def _wrap(stream: str, text: str) -> str:
    return f'{{"stream":"{stream}","data":{text}}}'


def _answer(text: str, key: str) -> str:
    """The control requests of a private connection: only the list of subscriptions has an answer of its own."""
    try:
        request = json.loads(text)
    except (ValueError, RecursionError):
        return '{"error":{"code":3,"msg":"Invalid JSON: expected value at line 1 column 1"}}'
    if not isinstance(request, dict) or not isinstance(request.get("id"), int | str | None):
        return '{"error":{"code":2,"msg":"Invalid request: request must be an object"}}'
    result = [key] if request.get("method") == "LIST_SUBSCRIPTIONS" else None
    return dumps({"result": result, "id": request.get("id")})
