"""Faults that are armed right now, and what each does to the next matching request, event or frame.

A `Fault` hits `count` times and is gone. The admin API and scenario files arm them; the server asks `take` at the
places where each kind can strike.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from .server.connection import Channel
from .time import NS_PER_MS

OVERLOADED = "Server is currently overloaded with other requests. Please try again in a few minutes."


class FaultKind(StrEnum):
    """What goes wrong. `before` kinds leave the request unexecuted, `after` kinds execute it first."""

    REFUSE = "refuse"
    """Binance's error `code`/`msg` with HTTP `status`, not executed."""
    STATUS_BEFORE = "status_before"
    """HTTP `status` without execution (503, 429, 418, 403 …)."""
    STATUS_AFTER = "status_after"
    """HTTP `status` although it was executed: a true unknown."""
    DROP_BEFORE = "drop_before"
    """No reply, not executed."""
    DROP_AFTER = "drop_after"
    """No reply, but executed: a true unknown."""
    MALFORMED = "malformed"
    """Executed; status 200 with a body that is not JSON."""
    LOSE_USER_EVENT = "lose_user_event"
    DUPLICATE_USER_EVENT = "duplicate_user_event"
    LATE_USER_EVENT = "late_user_event"
    """Held back `ms` milliseconds; others overtake it."""
    DEPTH_GAP = "depth_gap"
    """The next depth batches of `symbol` are not sent."""


REQUEST_KINDS = frozenset(
    {
        FaultKind.REFUSE,
        FaultKind.STATUS_BEFORE,
        FaultKind.STATUS_AFTER,
        FaultKind.DROP_BEFORE,
        FaultKind.DROP_AFTER,
        FaultKind.MALFORMED,
    }
)
DEPTH_KINDS = frozenset({FaultKind.DEPTH_GAP})
USER_KINDS = frozenset({FaultKind.LOSE_USER_EVENT, FaultKind.DUPLICATE_USER_EVENT, FaultKind.LATE_USER_EVENT})


@dataclass(slots=True)
class Fault:
    """One armed fault. `account`, `call` and `symbol` narrow what it strikes (None = any)."""

    kind: FaultKind
    count: int = 1
    account: str | None = None
    call: str | None = None
    """A call's fault class: place, cancel, amend, replace or query; None = every signed call."""
    symbol: str | None = None
    status: int = 503
    code: int = -1008
    msg: str = OVERLOADED
    ms: int = 0
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


@dataclass(slots=True)
class FaultBoard:
    """All armed faults and standing delays."""

    armed: list[Fault] = field(default_factory=list)
    delays_ms: dict[Channel, int] = field(default_factory=dict)

    def arm(self, fault: Fault) -> None:
        self.armed.append(fault)

    def clear(self) -> None:
        self.armed.clear()
        self.delays_ms.clear()

    def delay_ns(self, channel: Channel) -> int:
        return self.delays_ms.get(channel, 0) * NS_PER_MS

    def take(
        self,
        kinds: frozenset[FaultKind],
        account: str | None = None,
        call: str | None = None,
        symbol: str | None = None,
    ) -> Fault | None:
        """The oldest armed fault that strikes here, counted down; None in the normal case."""
        for fault in self.armed:
            if (
                fault.kind in kinds
                and fault.account in (None, account)
                and fault.call in (None, call)
                and fault.symbol in (None, symbol)
            ):
                fault.hits += 1
                fault.count -= 1
                if fault.count <= 0:
                    self.armed.remove(fault)
                return fault
        return None

    def shape(self) -> dict[str, Any]:
        return {
            "armed": [f.shape() for f in self.armed],
            "delaysMs": {c.value: ms for c, ms in self.delays_ms.items() if ms},
        }
