"""Reading a WebSocket API request: `{id, method, params}`, with each parameter as the text that was signed.

Almost every message is what it should be and is decoded in one go; what is not is read again piece by piece, which takes
longer but can say what is wrong with it. Both give the same for the same text; a property test holds them to that.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from ..engine.errors import RefusalError
from .connection import dumps
from .params import LONG_MAX

MAX_ID = 36
"""Characters of a request's id."""


class _Message(msgspec.Struct, gc=False):
    """A request as almost every client sends it: read in one go. What does not fit is read piece by piece."""

    method: str
    id: str | int | None = None
    params: dict[str, str | int] = {}


_MESSAGE = msgspec.json.Decoder(_Message)
_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_STRING = msgspec.json.Decoder(str)
_NUMBER = re.compile(rb"-?[0-9]+", re.ASCII)


def param_text(raw: bytes) -> str | None:
    """A parameter's value as it is signed: numbers as the text that was sent; None for what cannot be one."""
    first = raw[:1]
    if first == b'"':
        return _STRING.decode(raw)
    if first in b"-0123456789" or raw in (b"true", b"false"):
        return raw.decode()
    if first == b"[":
        return dumps(msgspec.json.decode(raw))
    return None


def read_request(text: str) -> tuple[Any, str, dict[str, str]]:
    """(id, method, parameters as signed text) of a request."""
    try:
        message = _MESSAGE.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return read_piecewise(text)
    number = message.id
    if (isinstance(number, str) and len(number) > MAX_ID) or (
        isinstance(number, int) and abs(number) > LONG_MAX
    ):
        return read_piecewise(text)
    values: dict[str, str] = {}
    for name, value in message.params.items():
        if isinstance(value, int):
            if not value:  # it may have been sent as -0, and is signed as it was sent
                return read_piecewise(text)
            value = str(value)
        values[name] = value
    return number, message.method, values


def read_piecewise(text: str) -> tuple[Any, str, dict[str, str]]:
    """As `read_request`, for whatever may come: each piece alone, so that a refusal can name what is wrong."""
    try:
        message = _OBJECT.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as error:
        raise BadRequestError(None, "Invalid JSON Request") from error
    number = _request_id(bytes(message.get("id", b"null")))
    method = bytes(message.get("method", b"null"))
    if not method.startswith(b'"'):
        raise _unusable(number, "method")
    try:
        params = bytes(message.get("params", b"null"))
        sent = {} if params == b"null" else _OBJECT.decode(params)
    except (msgspec.DecodeError, RecursionError) as error:
        raise _unusable(number, "params") from error
    values: dict[str, str] = {}
    for name, raw in sent.items():
        value = param_text(bytes(raw))
        if value is None:
            raise _unusable(number, name)
        values[name] = value
    return number, _STRING.decode(method), values


class BadRequestError(RefusalError):
    """A message that is no request; `number` is its id where one could be read."""

    def __init__(self, number: Any, msg: str) -> None:
        super().__init__(-1135, msg)
        self.number = number


def _request_id(raw: bytes) -> Any:
    """A request's id for its reply: a string of up to 36 characters, a whole number, or null."""
    if raw == b"null":
        return None
    if _NUMBER.fullmatch(raw) and len(raw) <= 20:
        return int(raw)
    if raw.startswith(b'"'):
        text = _STRING.decode(raw)
        if len(text) <= MAX_ID:
            return text
    raise _unusable(None, "id")


def _unusable(number: Any, name: str) -> BadRequestError:
    return BadRequestError(number, f"Invalid JSON Request\nJSON sent for parameter '{name}' is not valid")
