"""Runs one call under the armed faults and says what goes back: a status and body, or nothing at all.

REST and WebSocket API share it, so a fault strikes both alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import structlog

from ..engine.errors import RefusalError
from ..faults import REQUEST_KINDS, Fault, FaultBoard, FaultKind
from .desk import Call, Desk, Request

log = structlog.get_logger(__name__)

UNKNOWN_TIMEOUT = (
    "Timeout waiting for response from backend server. Send status unknown; execution status unknown."
)
RETRY_AFTER_S = 5
"""What a scripted 429 or 418 tells the client to wait."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """`status` and `result` (success) or `error` (a `RefusalError`); `raw` replaces the body with other bytes."""

    status: int
    result: Any = None
    error: RefusalError | None = None
    raw: str | None = None


def run(desk: Desk, faults: FaultBoard, call: Call, request: Request) -> Outcome | None:
    """Perform `call`; None means no reply is to be sent."""
    fault = None
    if request.identity is not None and faults.armed:
        fault = faults.take(REQUEST_KINDS, request.account.name, call.fault_class)
    if fault is not None and fault.kind in (FaultKind.REFUSE, FaultKind.STATUS_BEFORE):
        return _refusal(fault)
    if fault is not None and fault.kind is FaultKind.DROP_BEFORE:
        return None
    outcome = _perform(desk, call, request)
    if fault is None:
        return outcome
    if fault.kind is FaultKind.DROP_AFTER:
        return None
    if fault.kind is FaultKind.STATUS_AFTER:
        return Outcome(fault.status, error=RefusalError(-1007, UNKNOWN_TIMEOUT, fault.status))
    return Outcome(200, raw="<html><body>upstream error</body></html>")


def _refusal(fault: Fault) -> Outcome:
    status = fault.status if fault.kind is FaultKind.STATUS_BEFORE else _refusal_status(fault)
    data = {"retryAfter": RETRY_AFTER_S} if status in (418, 429) else None
    code, msg = fault.code, fault.msg
    if status in (418, 429) and code == -1008:
        code, msg = -1003, "Too many requests; please use the websocket for live updates to avoid bans."
    return Outcome(status, error=RefusalError(code, msg, status, data))


def _refusal_status(fault: Fault) -> int:
    if fault.code in (-2014, -2015):
        return 401
    if fault.code in (-1003, -1015):
        return 429
    return 400 if fault.code not in (-1008, -1006, -1007) else 503


def _perform(desk: Desk, call: Call, request: Request) -> Outcome:
    try:
        return Outcome(200, desk.perform(call, request))
    except RefusalError as error:
        return Outcome(error.status, error=error)
    except Exception:  # the last line of defence: a client must see the venue's error, not a traceback
        log.exception("simulator.call_failed", call=call.ws or call.rest)
        return Outcome(
            500, error=RefusalError(-1000, "An unknown error occurred while processing the request.", 500)
        )
