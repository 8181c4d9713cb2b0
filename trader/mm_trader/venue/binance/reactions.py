"""What each status and code of the venue means for us: a table, read from the top, first match wins.

Only what the venue is known to say before execution counts as a definite no. Everything else is AMBIGUOUS: nobody may assume either way,
and it is never sent again.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from mm_trader.core.events import ErrorClass


class Step(Enum):
    """What the gateway does besides answering."""

    NONE = "none"
    PAUSE = "pause"
    """No new orders until the venue's time to wait is over; cancels go on."""
    BAN = "ban"
    """Nothing is sent at all until the ban is over."""
    RESYNC = "resync"
    """Measure the clock offset again."""
    REREAD = "reread"
    """Read the symbols' status again."""


class Row(NamedTuple):
    """One rule. None matches anything; `text` is looked for in the message, ignoring case."""

    statuses: range | None
    codes: frozenset[int] | None
    text: str
    error: ErrorClass
    step: Step
    why: str


def _codes(*codes: int) -> frozenset[int]:
    return frozenset(codes)


_E, _S = ErrorClass, Step

TABLE: tuple[Row, ...] = (
    Row(range(418, 419), None, "", _E.THROTTLED, _S.BAN, "IP ban: every further request makes it longer"),
    Row(range(429, 430), None, "", _E.THROTTLED, _S.PAUSE, "request weight or order count used up"),
    Row(range(500, 600), None, "", _E.AMBIGUOUS, _S.NONE, "execution unknown, whatever the code says"),
    Row(
        None,
        _codes(-1000, -1001, -1006, -1007),
        "",
        _E.AMBIGUOUS,
        _S.NONE,
        "internal error or time-out behind the front",
    ),
    Row(range(409, 410), None, "", _E.AMBIGUOUS, _S.NONE, "half done"),
    Row(None, _codes(-2022), "reduceonly", _E.REFUSED, _S.NONE, "futures: nothing to reduce"),
    Row(
        None,
        _codes(-2021, -2022),
        "",
        _E.AMBIGUOUS,
        _S.NONE,
        "cancel-replace that failed and does not say in which half",
    ),
    Row(range(401, 402), None, "", _E.AUTH, _S.NONE, "key refused"),
    Row(range(403, 404), None, "", _E.AUTH, _S.NONE, "firewall: a person must look"),
    Row(
        None,
        _codes(-1002, -1022, -2014, -2015),
        "",
        _E.AUTH,
        _S.NONE,
        "key, signature, address or permission",
    ),
    Row(None, _codes(-1021), "", _E.CLOCK, _S.RESYNC, "our time is outside the window"),
    Row(None, _codes(-1003, -1015), "", _E.THROTTLED, _S.PAUSE, "too many requests or orders"),
    Row(None, _codes(-1008), "", _E.THROTTLED, _S.NONE, "server busy, refused at the door"),
    Row(None, _codes(-2010), "immediately match", _E.POST_ONLY, _S.NONE, "would have taken"),
    Row(None, _codes(-2010), "duplicate", _E.DUPLICATE, _S.NONE, "client id is open already"),
    Row(None, _codes(-2010), "insufficient balance", _E.BALANCE, _S.NONE, "not enough free balance"),
    Row(None, _codes(-1013, -2010), "market is closed", _E.CLOSED, _S.REREAD, "halt, break or cancel only"),
    Row(None, _codes(-4108, -4140), "", _E.CLOSED, _S.REREAD, "futures: symbol is not in trading status"),
    Row(None, _codes(-2011), "unknown order", _E.NOT_FOUND, _S.NONE, "nothing to cancel"),
    Row(None, _codes(-2038), "", _E.REFUSED, _S.NONE, "amend refused, the order is as it was"),
    Row(None, _codes(-2013), "", _E.NOT_FOUND, _S.NONE, "no such order"),
    Row(None, _codes(-5022), "", _E.POST_ONLY, _S.NONE, "futures: would have taken"),
    Row(None, _codes(-4116), "", _E.DUPLICATE, _S.NONE, "futures: client id is open already"),
    Row(None, _codes(-2018, -2019), "", _E.BALANCE, _S.NONE, "futures: not enough margin"),
    Row(range(400, 401), None, "", _E.REFUSED, _S.NONE, "any other 400 with a code: looked at and refused"),
    Row(None, None, "", _E.AMBIGUOUS, _S.NONE, "anything unheard of"),
)

UNREADABLE = -1
"""Stands for the code where the body held none."""


class Reaction(NamedTuple):
    """The class for the kernel and the step for the gateway."""

    error: ErrorClass
    step: Step


def classify(status: int, code: int | None, message: str) -> Reaction:
    """Status and code of a reply that is no success. `code` None: the body could not be read, so a 400 is not known to be the venue's own."""
    lowered = message.lower()
    for row in TABLE:
        if row.statuses is not None and status not in row.statuses:
            continue
        if row.codes is not None and code not in row.codes:
            continue
        if row.text not in lowered:
            continue
        if code is None and row.error is ErrorClass.REFUSED:
            continue
        return Reaction(row.error, row.step)
    raise AssertionError("the last row matches everything")
