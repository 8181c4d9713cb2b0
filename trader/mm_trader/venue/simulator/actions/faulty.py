"""Actions that arm faults and disarm them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..faults import CALL_CLASSES, FAULTS, OVERLOADED, Fault, FaultKind, Form
from .spec import ONE_ACCOUNT, Action, Field, Kind, Values

if TYPE_CHECKING:
    from ..simulator import Simulator

MAX_COUNT = 1_000_000
COUNT = Field("count", Kind.INTEGER, "how many are struck", default=1, low=1, high=MAX_COUNT)


def _refuse(sim: Simulator, values: Values) -> Any:
    fault = Fault(
        FaultKind.REFUSE,
        values["count"],
        values["account"],
        values["call"],
        code=values["code"],
        msg=values["msg"],
    )
    sim.faults.arm(fault)
    return fault.shape()


def _fault(sim: Simulator, values: Values) -> Any:
    armed = Fault(
        FaultKind(values["fault"]),
        values["count"],
        values["account"],
        values["call"],
        values["symbol"],
        values["status"],
        values["code"],
        values["msg"],
        values["ms"],
        values["retry_after_s"],
        Form(values["form"]),
    )
    sim.faults.arm(armed)
    return armed.shape()


def _clear(sim: Simulator, _values: Values) -> Any:
    sim.faults.clear()
    sim.venue_clock.offset_ns = 0
    sim.limits.ban_all(0)
    sim.accept_again()
    return sim.faults.shape()


ACTIONS = {
    "refuse": Action(
        "refuses the next calls, not executed",
        _refuse,
        (
            COUNT,
            Field("call", Kind.CHOICE, "kind of call", default="place", choices=CALL_CLASSES),
            ONE_ACCOUNT,
            Field("code", Kind.INTEGER, "Binance's code", default=-2010, low=-99_999, high=0),
            Field("msg", Kind.TEXT, "its text", default="Order rejected by the venue."),
        ),
        {"code": -2010, "msg": "Account has insufficient balance for requested action."},
    ),
    "fault": Action(
        "arms a fault, see `faults`",
        _fault,
        (
            Field("fault", Kind.CHOICE, "its name", required=True, choices=tuple(k.value for k in FAULTS)),
            COUNT,
            ONE_ACCOUNT,
            Field(
                "call",
                Kind.CHOICE,
                "kind of call, for faults that strike requests; none: every signed one",
                choices=CALL_CLASSES,
            ),
            Field("symbol", Kind.SYMBOL, "for faults that strike market data; none: any"),
            Field("status", Kind.INTEGER, "HTTP status", default=503, low=200, high=599),
            Field("code", Kind.INTEGER, "Binance's code", default=-1008, low=-99_999, high=0),
            Field("msg", Kind.TEXT, "its text", default=OVERLOADED),
            Field("ms", Kind.INTEGER, "milliseconds", default=500, low=0, high=600_000),
            Field(
                "retry_after_s",
                Kind.INTEGER,
                "seconds to wait, said with 429 and 418",
                default=5,
                low=0,
                high=259_200,
            ),
            Field(
                "form",
                Kind.CHOICE,
                "of a malformed success",
                default=Form.HTML.value,
                choices=tuple(f.value for f in Form),
            ),
        ),
        {"fault": "drop_after", "call": "place"},
    ),
    "clear": Action("disarms everything: faults, delays, stale streams, silence, skew, bans, blocks", _clear),
}
