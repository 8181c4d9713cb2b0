"""Listen keys: an account's private name of a stream, which carries its user events on the market sockets.

USD-M futures have them; spot had them until 2026-02-20 (`--listen-keys on` gives them back to clients of before).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ..engine.errors import RefusalError
from ..time import NS_PER_MS
from .connection import Channel, Connection, dumps
from .desk import Call, Desk, ListenKeys, Request, Security
from .params import missing

if TYPE_CHECKING:
    from ..simulator import Simulator

NO_LISTEN_KEY = "This listenKey does not exist."


class PrivateStreams:
    """Who hears of an account by its key: every market socket that named the key, in its address or by SUBSCRIBE."""

    def __init__(self, sim: Simulator) -> None:
        self.sim = sim
        self.keys: ListenKeys = sim.desk.listen_keys

    def owner(self, stream: str) -> str | None:
        """The account whose good key the stream name is."""
        return self.keys.owner(stream, self.sim.desk.now_ms())

    def listened_to(self, account: str) -> bool:
        """Whether an event of the account would go out."""
        key = self.keys.key_of(account, self.sim.desk.now_ms())
        return key is not None and self.sim.hub.wanted(key)

    def listeners(self, account: str, text: str) -> Iterator[tuple[Connection, bytes]]:
        """Who gets an event of the account, and as which frame."""
        key = self.keys.key_of(account, self.sim.desk.now_ms())
        if key is not None:
            yield from self._frames(key, text)

    def _frames(self, key: str, text: str) -> Iterator[tuple[Connection, bytes]]:
        for client in self.sim.hub.listeners(key):
            yield client.connection, client.frame(key, text, self.sim.desk.now_us())

    def expire_ended(self) -> None:
        """Tell the listeners of keys whose hour is over."""
        for _, key in self.keys.ended(self.sim.venue_clock.now() // NS_PER_MS):
            self._tell(key)

    def expire(self, account: str) -> bool:
        """End an account's key now. False: it has none."""
        key = self.keys.end(account)
        if key is not None:
            self._tell(key)
        return key is not None

    def _tell(self, key: str) -> None:
        event = dumps({"e": "listenKeyExpired", "E": self.sim.desk.now_ms(), "listenKey": key})
        for connection, frame in self._frames(key, event):
            connection.send_frame(frame, Channel.USER)


def start(desk: Desk, request: Request) -> Any:
    """The account's key; its hour begins anew."""
    request.params.finish()
    return {"listenKey": desk.listen_keys.obtain(request.account.name, desk.now_ms())}


def keep_alive(desk: Desk, request: Request) -> Any:
    """Another hour; refused where the key is over."""
    _check(desk, request)
    return {"listenKey": desk.listen_keys.obtain(request.account.name, desk.now_ms())}


def keep_alive_silently(desk: Desk, request: Request) -> Any:
    """Spot's answer says nothing, and it wants to be told the key."""
    if not request.params.has("listenKey"):
        raise missing("listenKey")
    keep_alive(desk, request)
    return {}


def close(desk: Desk, request: Request) -> Any:
    _check(desk, request)
    desk.listen_keys.end(request.account.name)
    return {}


def _check(desk: Desk, request: Request) -> None:
    given = request.params.text("listenKey")
    request.params.finish()
    good = desk.listen_keys.key_of(request.account.name, desk.now_ms())
    if good is None or given not in (None, "", good):
        raise RefusalError(-1125, NO_LISTEN_KEY)


SPOT_CALLS = (
    Call(("POST", "userDataStream"), "userDataStream.start", start, 2, Security.KEY),
    Call(("PUT", "userDataStream"), "userDataStream.ping", keep_alive_silently, 2, Security.KEY),
    Call(("DELETE", "userDataStream"), "userDataStream.stop", close, 2, Security.KEY),
)
