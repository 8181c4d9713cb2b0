"""Faults that are armed right now, and what each does to the next matching request, event or frame.

A `Fault` hits `count` times and is gone. The admin API and scenario files arm them; the server asks `take` at the
places where each kind can strike. `FAULTS` is the catalogue: what each kind strikes and does, for people and for tests
that go through all of them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from random import Random
from typing import Any

from .server.connection import Channel
from .time import NS_PER_MS

OVERLOADED = "Server is currently overloaded with other requests. Please try again in a few minutes."
PUBLIC = "public"
"""The fault class of calls without a signature."""
ANY_CALL = "any"
CALL_CLASSES = ("place", "cancel", "amend", "replace", "query", PUBLIC, ANY_CALL)


class FaultKind(StrEnum):
    """What goes wrong; `FAULTS` tells what each does."""

    REFUSE = "refuse"
    STATUS_BEFORE = "status_before"
    STATUS_AFTER = "status_after"
    DROP_BEFORE = "drop_before"
    DROP_AFTER = "drop_after"
    MALFORMED = "malformed"
    LATE_EXECUTION = "late_execution"
    LATE_REPLY = "late_reply"
    LOSE_USER_EVENT = "lose_user_event"
    DUPLICATE_USER_EVENT = "duplicate_user_event"
    LATE_USER_EVENT = "late_user_event"
    REORDER_USER_EVENT = "reorder_user_event"
    DEPTH_GAP = "depth_gap"
    CROSSED_SNAPSHOT = "crossed_snapshot"
    STALE_SNAPSHOT = "stale_snapshot"
    CROSSED_TICKER = "crossed_ticker"


class Strikes(StrEnum):
    """What one hit of a fault falls on."""

    REQUEST = "request"
    USER_EVENT = "user event"
    DEPTH_BATCH = "depth batch"
    SNAPSHOT = "depth snapshot"
    TICKER = "bookTicker frame"


@dataclass(frozen=True, slots=True)
class FaultInfo:
    """One line of the catalogue. `executed`: whether a struck request takes effect; None for what is no request."""

    strikes: Strikes
    does: str
    executed: bool | None = None
    uses: tuple[str, ...] = ()


FAULTS: dict[FaultKind, FaultInfo] = {
    FaultKind.REFUSE: FaultInfo(
        Strikes.REQUEST, "refused with `code` and `msg`, in the status that belongs to them", False, ("code", "msg")
    ),
    FaultKind.STATUS_BEFORE: FaultInfo(
        Strikes.REQUEST,
        "HTTP `status` without execution; 429 and 418 say when to come back (`retry_after_s`)",
        False,
        ("status", "code", "msg", "retry_after_s"),
    ),
    FaultKind.STATUS_AFTER: FaultInfo(
        Strikes.REQUEST, "HTTP `status` with code -1007 although it was executed: a true unknown", True, ("status",)
    ),
    FaultKind.DROP_BEFORE: FaultInfo(
        Strikes.REQUEST, "no answer, not executed; a REST connection is dropped", False
    ),
    FaultKind.DROP_AFTER: FaultInfo(
        Strikes.REQUEST, "no answer, but executed; a REST connection is dropped: a true unknown", True
    ),
    FaultKind.MALFORMED: FaultInfo(
        Strikes.REQUEST, "executed; status 200 with a body of the given `form`, which is no valid answer", True, ("form",)
    ),
    FaultKind.LATE_EXECUTION: FaultInfo(
        Strikes.REQUEST, "waits `ms` before it is executed (checked on arrival), others overtake it", True, ("ms",)
    ),
    FaultKind.LATE_REPLY: FaultInfo(
        Strikes.REQUEST, "executed at once, answered `ms` later, other answers overtake it", True, ("ms",)
    ),
    FaultKind.LOSE_USER_EVENT: FaultInfo(Strikes.USER_EVENT, "is never sent"),
    FaultKind.DUPLICATE_USER_EVENT: FaultInfo(Strikes.USER_EVENT, "is sent twice"),
    FaultKind.LATE_USER_EVENT: FaultInfo(Strikes.USER_EVENT, "is held back `ms`, others overtake it", uses=("ms",)),
    FaultKind.REORDER_USER_EVENT: FaultInfo(
        Strikes.USER_EVENT, "changes places with the next one of its account, or comes `ms` later if none does", uses=("ms",)
    ),
    FaultKind.DEPTH_GAP: FaultInfo(Strikes.DEPTH_BATCH, "is not sent, so `U` does not continue the last `u`"),
    FaultKind.CROSSED_SNAPSHOT: FaultInfo(
        Strikes.SNAPSHOT, "has a best bid above its best ask, with a right lastUpdateId"
    ),
    FaultKind.STALE_SNAPSHOT: FaultInfo(
        Strikes.SNAPSHOT, "has a lastUpdateId from before every stream that is open, as a lagging replica would"
    ),
    FaultKind.CROSSED_TICKER: FaultInfo(Strikes.TICKER, "has its bid and ask changed for each other"),
}  # fmt: skip


def _kinds(strikes: Strikes) -> frozenset[FaultKind]:
    return frozenset(kind for kind, info in FAULTS.items() if info.strikes is strikes)


WAIT_KINDS = frozenset({FaultKind.LATE_EXECUTION})
REQUEST_KINDS = _kinds(Strikes.REQUEST) - WAIT_KINDS
USER_KINDS = _kinds(Strikes.USER_EVENT)
DEPTH_KINDS = _kinds(Strikes.DEPTH_BATCH)
SNAPSHOT_KINDS = _kinds(Strikes.SNAPSHOT)
TICKER_KINDS = _kinds(Strikes.TICKER)


class Form(StrEnum):
    """What a malformed success looks like."""

    HTML = "html"
    TRUNCATED = "truncated"
    EMPTY = "empty"
    OTHER_TYPE = "other_type"


@dataclass(slots=True)
class Fault:
    """One armed fault. `account`, `call` and `symbol` narrow what it strikes (None = any; `call` None = any signed)."""

    kind: FaultKind
    count: int = 1
    account: str | None = None
    call: str | None = None
    symbol: str | None = None
    status: int = 503
    code: int = -1008
    msg: str = OVERLOADED
    ms: int = 0
    retry_after_s: int = 5
    form: Form = Form.HTML
    hits: int = 0

    def shape(self) -> dict[str, Any]:
        return {
            "fault": self.kind.value,
            "left": self.count,
            "hits": self.hits,
            "account": self.account,
            "call": self.call,
            "symbol": self.symbol,
        }

    def strikes(self, account: str | None, call: str | None, symbol: str | None) -> bool:
        if call is not None and self.call != ANY_CALL:
            if self.call is None and call == PUBLIC:
                return False
            if self.call is not None and self.call != call:
                return False
        return self.account in (None, account) and self.symbol in (None, symbol)


@dataclass(slots=True)
class FaultBoard:
    """All armed faults and standing conditions: delays, symbols whose streams stand still, silent pings."""

    armed: list[Fault] = field(default_factory=list)
    delays_ms: dict[Channel, int] = field(default_factory=dict)
    jitters_ms: dict[Channel, int] = field(default_factory=dict)
    stale: dict[str, int] = field(default_factory=dict)
    """Symbols whose market streams stand still, with the moment (ns) at which they go on."""
    pings_silent: bool = False
    """Neither pings nor pongs leave the venue."""
    hits: int = 0
    """Of all faults, ever."""
    _rng: Random = field(default_factory=lambda: Random("jitter"))

    def arm(self, fault: Fault) -> None:
        self.armed.append(fault)

    def clear(self) -> None:
        self.armed.clear()
        self.delays_ms.clear()
        self.jitters_ms.clear()
        self.stale.clear()
        self.pings_silent = False

    def delay_ns(self, channel: Channel) -> int:
        """How long a frame of this channel that is sent now is held back."""
        if not self.delays_ms:
            return 0
        delay, jitter = self.delays_ms.get(channel, 0), self.jitters_ms.get(channel, 0)
        return (delay + (self._rng.randint(0, jitter) if jitter else 0)) * NS_PER_MS

    def is_stale(self, symbol: str, now_ns: int) -> bool:
        """Whether the symbol's streams stand still."""
        until = self.stale.get(symbol)
        if until is None:
            return False
        if now_ns >= until:
            del self.stale[symbol]
            return False
        return True

    def take(
        self,
        kinds: frozenset[FaultKind],
        account: str | None = None,
        call: str | None = None,
        symbol: str | None = None,
    ) -> Fault | None:
        """The oldest armed fault that strikes here, counted down; None in the normal case."""
        for fault in self.armed:
            if fault.kind in kinds and fault.strikes(account, call, symbol):
                fault.hits += 1
                self.hits += 1
                fault.count -= 1
                if fault.count <= 0:
                    self.armed.remove(fault)
                return fault
        return None

    def shape(self) -> dict[str, Any]:
        return {
            "armed": [f.shape() for f in self.armed],
            "delaysMs": {c.value: ms for c, ms in self.delays_ms.items() if ms},
            "jittersMs": {c.value: ms for c, ms in self.jitters_ms.items() if ms},
            "stale": list(self.stale),
            "pingsSilent": self.pings_silent,
            "hits": self.hits,
        }
