"""Life of the WebSocket connections: upgrade, read loop, server pings, orderly and disorderly ends.

Two kinds share it: market streams (`/ws…`, `/stream`) and the WebSocket API.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import unquote

from aiohttp import WSMsgType, web

from ..engine.errors import RefusalError
from ..faults import FaultBoard
from ..time import NS_PER_S, Scheduler, Timer
from .connection import Channel, Connection, dumps
from .limits import RateLimits
from .streams import StreamClient, StreamHub
from .time_unit import microseconds_wanted

MAX_MESSAGE = 256 * 1024
LIFE_OVER = 1001
"""The WebSocket close code of a connection that has come to its age (a guess: the docs only say "disconnected")."""
TOO_MANY = 1008
OnText = Callable[[str], Awaitable[None] | None]


class Sockets:
    """Accepts WebSockets and keeps them alive; `live` maps each to what the admin API may cut it as."""

    def __init__(
        self, scheduler: Scheduler, faults: FaultBoard, limits: RateLimits, ping_interval_s: float
    ) -> None:
        self.scheduler = scheduler
        self.faults = faults
        self.limits = limits
        self.ping_interval_s = ping_interval_s
        self.live: dict[Connection, Callable[[Channel, str | None], bool]] = {}
        self.refuse_new = False
        self._number = 0

    async def serve(
        self,
        request: web.Request,
        matches: Callable[[Channel, str | None], bool],
        begin: Callable[[Connection], OnText],
        end: Callable[[], None],
        texts_limited: bool,
        headers: Mapping[str, str] | None = None,
    ) -> web.StreamResponse:
        """Run one connection to its end. `begin` gets the connection and gives the text handler; `headers` go with the upgrade.

        `texts_limited`: text frames count against the frames that a client may send a second, beside pings and pongs.
        """
        socket = web.WebSocketResponse(autoping=False, compress=False, max_msg_size=MAX_MESSAGE)
        if self.refuse_new or not socket.can_prepare(request):
            return web.Response(status=503 if self.refuse_new else 400, text="")
        try:
            self.limits.connect(request.remote or "")
        except RefusalError as error:
            return refused(error)
        socket.headers.update(headers or {})
        await socket.prepare(request)
        self._number += 1
        connection = Connection(self._number, request, socket, self.scheduler, self.faults)
        self.live[connection] = matches
        on_text = begin(connection)
        self._ping_later(connection)
        life = self._limit_life(connection)
        limit = self.limits.stream_messages_per_s
        try:
            async for message in socket:
                kind = message.type
                if connection.deaf:
                    continue
                if (kind is not WSMsgType.TEXT or texts_limited) and connection.over_limit(limit):
                    connection.end(TOO_MANY, "Too many requests")
                    break
                if kind is WSMsgType.TEXT:
                    waiting = on_text(message.data)
                    if waiting is not None:
                        await waiting
                elif kind is WSMsgType.PING:
                    connection.pong(bytes(message.data))
                elif kind is WSMsgType.PONG:
                    connection.ponged(bytes(message.data))
                elif kind is WSMsgType.BINARY:
                    await socket.close(code=1003, message=b"text frames only")
                else:
                    break
        except ConnectionResetError:
            connection.cut()
        finally:
            if life is not None:
                life.cancel()
            self.live.pop(connection, None)
            end()
        return socket

    def _ping_later(self, connection: Connection) -> None:
        if self.ping_interval_s > 0:
            self.scheduler.call_after(int(self.ping_interval_s * NS_PER_S), lambda: self._ping(connection))

    def _ping(self, connection: Connection) -> None:
        if connection not in self.live:
            return
        now = self.scheduler.clock.now()
        if connection.pong_due_ns and now >= connection.pong_due_ns:
            connection.cut()
            return
        connection.ping(now)
        self._ping_later(connection)

    def _limit_life(self, connection: Connection) -> Timer | None:
        age = self.limits.connection_life_s
        if not age:
            return None
        return self.scheduler.call_after(age * NS_PER_S, lambda: connection.end(LIFE_OVER, ""))

    def chosen(self, channel: Channel | None, account: str | None) -> list[Connection]:
        """Live connections of a channel (None = any) and account (None = any)."""
        everything = channel is None and account is None
        return [c for c, matches in self.live.items() if everything or _hit(matches, channel, account)]

    def cut(self, channel: Channel | None, account: str | None) -> int:
        """Drop every connection that matches; how many."""
        chosen = self.chosen(channel, account)
        for connection in chosen:
            connection.cut()
        return len(chosen)

    def expire(self, channel: Channel | None, account: str | None) -> int:
        """End every connection that matches as its age would; how many."""
        chosen = self.chosen(channel, account)
        for connection in chosen:
            connection.end(LIFE_OVER, "")
        return len(chosen)

    def mute(self, channel: Channel | None, account: str | None, deaf: bool = False) -> int:
        """Make every connection that matches half-open (`deaf`: both ways); how many."""
        chosen = self.chosen(channel, account)
        for connection in chosen:
            connection.muted = True
            connection.deaf = connection.deaf or deaf
        return len(chosen)


def refused(error: RefusalError) -> web.Response:
    """An upgrade that a limit refuses."""
    headers = {}
    if error.data is not None and "retryAfter" in error.data:
        headers["Retry-After"] = str(error.data["retryAfter"])
    return web.Response(
        text=dumps({"code": error.code, "msg": error.msg}),
        status=error.status,
        headers=headers,
        content_type="application/json",
    )


def _hit(
    matches: Callable[[Channel, str | None], bool], channel: Channel | None, account: str | None
) -> bool:
    channels = (channel,) if channel is not None else tuple(Channel)
    return any(matches(c, account) for c in channels)


def _literally(raw_query: str, wanted: str) -> str:
    """A query parameter whose `+` is a plus: stream names have one (`@kline_1d@+08:00`) and no spaces."""
    for part in raw_query.split("&"):
        name, _, value = part.partition("=")
        if name == wanted:
            return unquote(value, errors="replace")
    return ""


class MarketSockets:
    """The market-stream endpoints. `serves`: the stream names that they carry, None: all.

    `owner`: the account of a stream name that is a listen key, None where none are served here. `private`: nothing of the
    market is. `microseconds`: a client may ask for them in its address.
    """

    def __init__(
        self,
        sockets: Sockets,
        hub: StreamHub,
        serves: Callable[[str], bool] | None = None,
        owner: Callable[[str], str | None] | None = None,
        private: bool = False,
        microseconds: bool = False,
    ) -> None:
        self.serves = serves
        self.sockets = sockets
        self.hub = hub
        self.owner = owner
        self.private = private
        self.microseconds = microseconds

    async def raw(self, request: web.Request) -> web.StreamResponse:
        """`/ws` and `/ws/<stream>[/<stream>…]`: frames as they are."""
        names = request.match_info.get("streams", "")
        return await self._serve(request, names or self._key(request), combined=False)

    async def combined(self, request: web.Request) -> web.StreamResponse:
        """`/stream?streams=a/b`: frames wrapped in `{stream, data}`."""
        names = _literally(request.rel_url.raw_query_string, "streams")
        return await self._serve(request, names or self._key(request), combined=True)

    def _key(self, request: web.Request) -> str:
        """`?listenKey=…`, another way to name a key."""
        return request.query.get("listenKey", "") if self.owner is not None else ""

    async def _serve(self, request: web.Request, names: str, combined: bool) -> web.StreamResponse:
        streams = [n for n in names.split("/") if n]
        if 0 < self.hub.max_streams < len(streams) or any(len(n) > 100 for n in streams):
            return web.Response(status=400, text="")
        try:
            precise = self.microseconds and microseconds_wanted(request.query.get("timeUnit"))
        except RefusalError as error:
            return refused(error)
        client: list[StreamClient] = []

        def begin(connection: Connection) -> OnText:
            one = StreamClient(connection, combined, self.serves, precise)
            client.append(one)
            self.hub.add(one, streams)

            def on_text(text: str) -> None:
                connection.send(self.hub.handle(one, text), Channel.MARKET)

            return on_text

        def end() -> None:
            for one in client:
                self.hub.remove(one)

        return await self.sockets.serve(
            request,
            lambda channel, account: bool(client) and self._matches(client[0], channel, account),
            begin,
            end,
            texts_limited=True,
        )

    def _matches(self, client: StreamClient, channel: Channel, account: str | None) -> bool:
        """Whether the connection is of the channel (and of the account); with a listen key it may be of two."""
        if channel is Channel.MARKET:
            return account is None and not self.private
        if channel is not Channel.USER or self.owner is None:
            return False
        owners = {self.owner(stream) for stream in client.streams} - {None}
        return account in owners or (account is None and (self.private or bool(owners)))
