"""Microseconds instead of milliseconds, for spot clients that ask for them: `X-MBX-TIME-UNIT` on REST, `timeUnit` in the address of a socket.

Everything is made in milliseconds; what goes to such a client is rewritten on its way out. The moment of an event (`E`) and the
server's time are exact to the microsecond, times of what happened stay whole milliseconds.
"""

from __future__ import annotations

from typing import Any

import msgspec

from ..engine.errors import RefusalError
from .connection import dumps

MICROSECONDS_FROM = 10**14
"""A time of at least this is in microseconds (in milliseconds it would be the year 5138)."""
_UNITS = {"MILLISECOND": False, "millisecond": False, "MICROSECOND": True, "microsecond": True}

REPLY_TIMES = frozenset(
    {"time", "transactTime", "workingTime", "updateTime", "transactionTime", "openTime", "closeTime", "trailingTime"}
    | {"authorizedSince", "connectedSince", "retryAfter", "T"}
)  # fmt: skip
"""Fields of replies that are times (`T` in aggTrades)."""
NOW = "serverTime"
KLINE_COLUMNS, KLINE_OPEN, KLINE_CLOSE = 12, 0, 6

_OPEN_CLOSE = ("O", "C")
EVENT_TIMES = {
    "trade": ("T",),
    "aggTrade": ("T",),
    "avgPrice": ("T",),
    "balanceUpdate": ("T",),
    "executionReport": ("T", "O", "W"),
    "outboundAccountPosition": ("u",),
    "listStatus": ("T",),
    "24hrTicker": _OPEN_CLOSE,
    "1hTicker": _OPEN_CLOSE,
    "4hTicker": _OPEN_CLOSE,
    "1dTicker": _OPEN_CLOSE,
}
"""Times of stream events beside `E`, by event."""


def microseconds_wanted(unit: str | None) -> bool:
    """Whether a client's word for the unit means microseconds; None: it said nothing. Raises RefusalError (-1194)."""
    if unit is None:
        return False
    if unit not in _UNITS:
        raise RefusalError(-1194, "Invalid value for time unit; expected either MICROSECOND or MILLISECOND.")
    return _UNITS[unit]


def to_ms(time: int) -> int:
    """A time that a client sent, in either unit, as milliseconds."""
    return time // 1000 if time >= MICROSECONDS_FROM else time


def reply_in_us(value: Any, now_us: int) -> Any:
    """A reply with its times in microseconds."""
    if isinstance(value, dict):
        return {
            name: now_us
            if name == NOW
            else _us(field)
            if name in REPLY_TIMES and isinstance(field, int)
            else reply_in_us(field, now_us)
            for name, field in value.items()
        }
    if isinstance(value, list):
        if len(value) == KLINE_COLUMNS and isinstance(value[0], int):
            row = list(value)
            row[KLINE_OPEN], row[KLINE_CLOSE] = _us(row[KLINE_OPEN]), _last_us(row[KLINE_CLOSE])
            return row
        return [reply_in_us(one, now_us) for one in value]
    return value


def event_in_us(text: str, now_us: int) -> str:
    """The JSON text of a stream's event (or list of events) with its times in microseconds."""
    event = msgspec.json.decode(text)
    for one in event if isinstance(event, list) else (event,):
        if "E" in one:
            one["E"] = now_us
        for name in EVENT_TIMES.get(one.get("e"), ()):
            if name in one:
                one[name] = _us(one[name])
        if one.get("e") == "kline":
            candle = one["k"]
            candle["t"], candle["T"] = _us(candle["t"]), _last_us(candle["T"])
    return dumps(event)


def _us(time_ms: int) -> int:
    return time_ms * 1000 if time_ms >= 0 else time_ms


def _last_us(time_ms: int) -> int:
    """The last microsecond of a millisecond: where a candle closes."""
    return time_ms * 1000 + 999
