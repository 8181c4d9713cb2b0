"""Market streams: who listens to what, and the SUBSCRIBE family of requests.

A payload is turned into at most two frames (plain and wrapped) however many listen; nothing is made for a stream
without listeners.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from .connection import Channel, Connection, dumps, text_frame
from .params import LONG_MAX
from .time_unit import event_in_us


class StreamClient:
    """A market-data connection: its subscriptions and whether frames are wrapped in `{stream, data}`."""

    def __init__(
        self,
        connection: Connection,
        combined: bool,
        serves: Callable[[str], bool] | None = None,
        precise: bool = False,
    ) -> None:
        """`serves`: which stream names this kind of connection carries; others are accepted and stay silent. `precise`: times in µs."""
        self.connection = connection
        self.combined = combined
        self.streams: dict[str, None] = {}
        self.serves = serves
        self.precise = precise

    def frame(self, stream: str, text: str, now_us: int) -> bytes:
        """An event of a stream as this client is sent it."""
        if self.precise:
            text = event_in_us(text, now_us)
        return text_frame(f'{{"stream":"{stream}","data":{text}}}' if self.combined else text)


class StreamHub:
    """All market-data connections by stream name."""

    def __init__(self, max_streams: int, now_us: Callable[[], int]) -> None:
        self.max_streams = max_streams
        """Of one connection; 0 for no limit."""
        self.now_us = now_us
        """The venue's time."""
        self._listeners: dict[str, dict[StreamClient, None]] = {}
        self.clients: dict[StreamClient, None] = {}
        self.frames = 0

    def wanted(self, stream: str) -> bool:
        return stream in self._listeners

    def listeners(self, stream: str) -> list[StreamClient]:
        """Who listens to a stream now."""
        return list(self._listeners.get(stream, ()))

    def names(self) -> list[str]:
        """Streams that somebody listens to."""
        return list(self._listeners)

    def publish(self, stream: str, payload: Callable[[], str]) -> None:
        """Send the text of `payload` to everybody who listens to `stream`."""
        listeners = self._listeners.get(stream)
        if not listeners:
            return
        text = payload()
        plain: bytes | None = None
        wrapped: bytes | None = None
        for client in listeners:
            if client.precise:
                client.connection.send_frame(client.frame(stream, text, self.now_us()), Channel.MARKET)
            elif client.combined:
                if wrapped is None:
                    wrapped = text_frame(f'{{"stream":"{stream}","data":{text}}}')
                client.connection.send_frame(wrapped, Channel.MARKET)
            else:
                if plain is None:
                    plain = text_frame(text)
                client.connection.send_frame(plain, Channel.MARKET)
        self.frames += len(listeners)

    def add(self, client: StreamClient, streams: list[str]) -> None:
        self.clients[client] = None
        for stream in streams:
            client.streams[stream] = None
            if client.serves is None or client.serves(stream):
                self._listeners.setdefault(stream, {})[client] = None

    def unsubscribe(self, client: StreamClient, streams: list[str]) -> None:
        for stream in streams:
            client.streams.pop(stream, None)
            listeners = self._listeners.get(stream)
            if listeners is not None:
                listeners.pop(client, None)
                if not listeners:
                    del self._listeners[stream]

    def remove(self, client: StreamClient) -> None:
        self.unsubscribe(client, list(client.streams))
        self.clients.pop(client, None)

    def handle(self, client: StreamClient, text: str) -> dict[str, Any]:
        """Answer one control message of a client."""
        try:
            request = json.loads(text)
        except (ValueError, RecursionError):
            return {"error": {"code": 3, "msg": "Invalid JSON: expected value at line 1 column 1"}}
        if not isinstance(request, dict):
            return _invalid("request must be an object", None)
        number = request.get("id")
        if not _is_id(number):
            return _invalid("request ID must be an unsigned integer", None)
        if "method" not in request:
            return _invalid(f"missing field `method` at line 1 column {len(text)}", number)
        method, params = request["method"], request.get("params", [])
        handler = self._methods().get(method) if isinstance(method, str) else None
        if handler is None:
            named = method if isinstance(method, str) else dumps(method)
            return _invalid(
                f"unknown variant `{named[:60]}`, expected one of `SUBSCRIBE`, `UNSUBSCRIBE`, "
                "`LIST_SUBSCRIPTIONS`, `SET_PROPERTY`, `GET_PROPERTY`",
                number,
            )
        return handler(client, params, number)

    def _methods(self) -> dict[str, Callable[[StreamClient, Any, Any], dict[str, Any]]]:
        return {
            "SUBSCRIBE": self._subscribe,
            "UNSUBSCRIBE": self._unsubscribe,
            "LIST_SUBSCRIPTIONS": lambda c, _, n: {"result": list(c.streams), "id": n},
            "GET_PROPERTY": self._get_property,
            "SET_PROPERTY": self._set_property,
        }

    def _subscribe(self, client: StreamClient, params: Any, number: Any) -> dict[str, Any]:
        streams = _names(params)
        if streams is None:
            return _invalid("params must be an array of stream names", number)
        if 0 < self.max_streams < len(client.streams.keys() | set(streams)):
            return _error(4, "Too many subscriptions", number)
        self.add(client, streams)
        return {"result": None, "id": number}

    def _unsubscribe(self, client: StreamClient, params: Any, number: Any) -> dict[str, Any]:
        streams = _names(params)
        if streams is None:
            return _invalid("params must be an array of stream names", number)
        self.unsubscribe(client, streams)
        return {"result": None, "id": number}

    def _get_property(self, client: StreamClient, params: Any, number: Any) -> dict[str, Any]:
        return _property(params, 1, number) or {"result": client.combined, "id": number}

    def _set_property(self, client: StreamClient, params: Any, number: Any) -> dict[str, Any]:
        refusal = _property(params, 2, number)
        if refusal is not None:
            return refusal
        if len(params) != 2 or not isinstance(params[1], bool):
            return _error(1, "Invalid value type: expected Boolean", number)
        client.combined = params[1]
        return {"result": None, "id": number}


def _is_id(number: Any) -> bool:
    """A signed whole number of 64 bits, up to 36 characters, or null."""
    if isinstance(number, int) and not isinstance(number, bool):
        return -LONG_MAX - 1 <= number <= LONG_MAX
    return number is None or (isinstance(number, str) and len(number) <= 36)


def _property(params: Any, most: int, number: Any) -> dict[str, Any] | None:
    """Why a property's name cannot be used, None: it can; there is one alone."""
    if not isinstance(params, list) or not params or not isinstance(params[0], str):
        return _invalid("property name must be a string", number)
    if len(params) > most:
        return _invalid("too many parameters", number)
    if params[0] != "combined":
        return _error(0, "Unknown property", number)
    return None


def _names(params: Any) -> list[str] | None:
    if not isinstance(params, list) or not all(isinstance(p, str) and 0 < len(p) <= 100 for p in params):
        return None
    return params


def _error(code: int, msg: str, number: Any) -> dict[str, Any]:
    return {"error": {"code": code, "msg": msg}, "id": number}


def _invalid(why: str, number: Any) -> dict[str, Any]:
    return _error(2, f"Invalid request: {why}", number)
