"""Runs one call under the armed faults and says what goes back: a status and body, or nothing at all.

REST and WebSocket API share it, so a fault strikes both alike.
"""

from __future__ import annotations

from typing import Any

import msgspec
import structlog
from msgspec.structs import replace

from ..engine.errors import RefusalError
from ..faults import (
    OVERLOADED,
    PUBLIC,
    REQUEST_KINDS,
    SNAPSHOT_KINDS,
    WAIT_KINDS,
    Fault,
    FaultBoard,
    FaultKind,
    Form,
)
from .desk import Call, Desk, Request

log = structlog.get_logger(__name__)

UNKNOWN_TIMEOUT = (
    "Timeout waiting for response from backend server. Send status unknown; execution status unknown."
)
MALFORMED = {
    Form.HTML: "<html><body>upstream error</body></html>",
    Form.TRUNCATED: '{"symbol":"ETHUSDC","orderId":1,"status":"NE',
    Form.EMPTY: "",
    Form.OTHER_TYPE: '["ok",null,42]',
}
STALE_BY = 1_000_000
"""How far a stale snapshot's lastUpdateId lies back: before every stream that is open."""


class Outcome(msgspec.Struct, frozen=True):
    """`status` and `result` (success) or `error` (a `RefusalError`); `raw` replaces the body with other bytes.

    The collector must see it: an error knows the frames it passed, and they know the outcome.
    """

    status: int
    result: Any = None
    error: RefusalError | None = None
    raw: str | None = None
    late_ms: int = 0
    """The answer alone is held back so long."""


def run(desk: Desk, faults: FaultBoard, call: Call, request: Request) -> Outcome | None:
    """Perform `call`; None means no reply is to be sent."""
    fault = _take(faults, REQUEST_KINDS, call, request) if faults.armed else None
    if fault is not None and fault.kind in (FaultKind.REFUSE, FaultKind.STATUS_BEFORE):
        return _refusal(fault)
    if fault is not None and fault.kind is FaultKind.DROP_BEFORE:
        return None
    outcome = _perform(desk, call, request)
    if call.ws == "depth" and faults.armed and outcome.error is None:
        _spoil_snapshot(faults, outcome.result, request)
    if fault is None:
        return outcome
    if fault.kind is FaultKind.DROP_AFTER:
        return None
    if fault.kind is FaultKind.STATUS_AFTER:
        return Outcome(fault.status, error=RefusalError(-1007, UNKNOWN_TIMEOUT, fault.status))
    if fault.kind is FaultKind.LATE_REPLY:
        return replace(outcome, late_ms=fault.ms)
    return Outcome(200, raw=MALFORMED[fault.form])


def wait_ms(faults: FaultBoard, call: Call, request: Request) -> int:
    """How long this request waits before it is executed; 0 in the normal case."""
    fault = _take(faults, WAIT_KINDS, call, request) if faults.armed else None
    return fault.ms if fault is not None else 0


def _take(faults: FaultBoard, kinds: frozenset[FaultKind], call: Call, request: Request) -> Fault | None:
    symbol = request.params.peek("symbol")
    if request.identity is not None:
        return faults.take(kinds, request.account.name, call.fault_class, symbol)
    return faults.take(kinds, None, PUBLIC, symbol)


def _spoil_snapshot(faults: FaultBoard, result: Any, request: Request) -> None:
    fault = faults.take(SNAPSHOT_KINDS, symbol=request.params.peek("symbol"))
    if fault is None:
        return
    if fault.kind is FaultKind.STALE_SNAPSHOT:
        result["lastUpdateId"] = max(1, result["lastUpdateId"] - STALE_BY)
    elif result["bids"] and result["asks"]:
        bids, asks = result["bids"], result["asks"]
        bids[0][0], asks[0][0] = asks[0][0], bids[0][0]


def _refusal(fault: Fault) -> Outcome:
    status = fault.status if fault.kind is FaultKind.STATUS_BEFORE else _refusal_status(fault)
    data = {"retryAfter": fault.retry_after_s} if status in (418, 429) else None
    code, msg = fault.code, fault.msg
    if status in (418, 429) and code == -1008 and msg == OVERLOADED:
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
        return Outcome(
            error.status, error=error.with_traceback(None)
        )  # without its frames it goes as soon as it is sent
    except Exception:  # the last line of defence: a client must see the venue's error, not a traceback
        log.exception("simulator.call_failed", call=call.ws or call.rest)
        return Outcome(
            500, error=RefusalError(-1000, "An unknown error occurred while processing the request.", 500)
        )
