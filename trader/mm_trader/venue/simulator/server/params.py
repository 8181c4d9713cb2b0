"""Request parameters: taking typed values out of what was sent, with Binance's refusals for what does not fit.

A `Params` remembers what was read, so that a parameter nobody asked for is refused (-1104) like the venue does.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from ..engine.checks import to_e8
from ..engine.errors import RefusalError
from .time_unit import to_ms

E = TypeVar("E", bound=StrEnum)

DECIMAL = re.compile(r"([0-9]{1,20})(\.[0-9]{1,20})?", re.ASCII)
CLIENT_ID = re.compile(r"[a-zA-Z0-9\-_]{1,36}", re.ASCII)
FUTURES_CLIENT_ID = re.compile(r"[.A-Z:/a-z0-9_\-]{1,36}", re.ASCII)
SYMBOL = re.compile(r"[A-Z0-9\-_.]{1,20}", re.ASCII)
INTEGER = re.compile(r"[0-9]{1,20}", re.ASCII)
LONG_MAX = (1 << 63) - 1
SECURITY_PARAMS = frozenset({"timestamp", "recvWindow", "signature", "apiKey", "returnRateLimits"})


def missing(name: str) -> RefusalError:
    return RefusalError(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")


def empty(name: str) -> RefusalError:
    return RefusalError(-1105, f"Parameter '{name}' was empty.")


def too_precise(name: str) -> RefusalError:
    return RefusalError(-1111, f"Parameter '{name}' has too much precision.")


def illegal(name: str, pattern: re.Pattern[str]) -> RefusalError:
    return RefusalError(
        -1100, f"Illegal characters found in parameter '{name}'; legal range is '^{pattern.pattern}$'."
    )


@dataclass(frozen=True, slots=True)
class ClientIds:
    """What clients may name their orders with one product. `too_long`: what else is said of one of more than 36 characters."""

    pattern: re.Pattern[str]
    too_long: tuple[int, str] | None = None


SPOT_IDS = ClientIds(CLIENT_ID)
FUTURES_IDS = ClientIds(FUTURES_CLIENT_ID, (-4015, "Client order id length should be less than 36 chars"))
ID_LENGTH = 36


class Params:
    """The parameters of one request as text by name."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values
        self._read: set[str] = set()
        self.strict = True
        """Whether a parameter that nobody reads is refused."""
        self.ids = SPOT_IDS

    def peek(self, name: str) -> str | None:
        """What was sent under `name`, unchecked and not counted as read."""
        return self._values.get(name)

    def sent(self) -> dict[str, str]:
        """All of them, for a call that is another one in other words."""
        return dict(self._values)

    def has(self, name: str) -> bool:
        return self._values.get(name, "") != ""

    def any_of(self, names: frozenset[str]) -> bool:
        """Whether one of `names` was sent."""
        return not names.isdisjoint(self._values)

    def text(self, name: str) -> str | None:
        """The value as sent, None if absent; empty is refused (-1105)."""
        value = self._values.get(name)
        if value is None:
            return None
        self._read.add(name)
        if not value:
            raise empty(name)
        return value

    def need(self, name: str) -> str:
        self._read.add(name)
        value = self._values.get(name)
        if not value:
            raise missing(name)
        return value

    def matched(self, name: str, pattern: re.Pattern[str]) -> str | None:
        if name not in self._values:  # most of what may be sent is not
            return None
        value = self.text(name)
        if value is not None and not pattern.fullmatch(value):
            raise illegal(name, pattern)
        return value

    def symbol(self) -> str:
        value = self.need("symbol")
        if not SYMBOL.fullmatch(value):
            raise illegal("symbol", SYMBOL)
        return value

    def client_id(self, name: str) -> str | None:
        """An order's own name."""
        ids = self.ids
        if ids.too_long is not None and len(self._values.get(name, "")) > ID_LENGTH:
            raise RefusalError(*ids.too_long)
        return self.matched(name, ids.pattern)

    def integer(self, name: str, low: int = 0, high: int = LONG_MAX) -> int | None:
        value = self.matched(name, INTEGER)
        if value is None:
            return None
        number = int(value)
        if number > LONG_MAX:
            raise RefusalError(-1108, f"Parameter '{name}' overflowed.")
        if not low <= number <= high:
            raise RefusalError(-1130, f"Data sent for parameter '{name}' is not valid.")
        return number

    def time(self, name: str) -> int | None:
        """A time in ms or µs, as ms."""
        sent = self.integer(name)
        return to_ms(sent) if sent is not None else None

    def decimal(self, name: str) -> int | None:
        """A plain decimal as 10^-8 integer; more than 8 digits after the point are refused (-1111)."""
        value = self.matched(name, DECIMAL)
        if value is None:
            return None
        try:
            return to_e8(value)
        except ValueError as error:
            raise too_precise(name) from error

    def choice(self, name: str, kind: type[E], refusal: tuple[int, str] | None = None) -> E | None:
        """An enumeration value; `refusal`: code and message that a wrong one is answered with."""
        value = self.text(name)
        if value is None:
            return None
        try:
            return kind(value)
        except ValueError as error:
            code, msg = refusal or (-1130, f"Data sent for parameter '{name}' is not valid.")
            raise RefusalError(code, msg) from error

    def required(self, name: str, kind: type[E], refusal: tuple[int, str] | None = None) -> E:
        """As `choice`, of a parameter that must be there (-1102)."""
        self.need(name)
        value = self.choice(name, kind, refusal)
        assert value is not None, "it was just required"
        return value

    def flag(self, name: str, default: bool) -> bool:
        value = self.text(name)
        if value is None:
            return default
        if value.lower() not in ("true", "false"):
            raise RefusalError(-1130, f"Data sent for parameter '{name}' is not valid.")
        return value.lower() == "true"

    def finish(self) -> None:
        """Refuse what was sent but not read, where the API is strict."""
        if not self.strict:
            return
        sent = self._values.keys()
        unread = sent - self._read - SECURITY_PARAMS
        if unread:
            total = len(sent)
            raise RefusalError(
                -1104,
                f"Not all sent parameters were read; read '{total - len(unread)}' parameter(s) but was sent '{total}'.",
            )
