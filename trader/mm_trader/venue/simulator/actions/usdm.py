"""Actions that only a futures venue has: funding, positions closed by force, hedge mode, and the end of a listen key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..engine.types import E8
from .spec import ACCOUNT, SYMBOL, Action, ActionError, Field, Kind, Values

if TYPE_CHECKING:
    from ..simulator import Simulator
    from ..usdm.clockwork import Clockwork


def _clockwork(sim: Simulator) -> Clockwork:
    from ..usdm.clockwork import Clockwork

    if not isinstance(sim.extras, Clockwork):
        raise ActionError("this action is for --product usdm")
    return sim.extras


def _funding(sim: Simulator, values: Values) -> Any:
    rate = values["rate"]
    _clockwork(sim).fund(values["symbol"], None if rate is None else round(rate * E8))
    return {"symbol": values["symbol"], "timeNs": sim.venue_clock.now()}


def _expire_listen_key(sim: Simulator, values: Values) -> Any:
    return {"expired": _clockwork(sim).expire_key(values["account"])}


def _liquidate(sim: Simulator, values: Values) -> Any:
    whole = values["kind"] == "liquidation"
    number = sim.journal.seq
    client_id = f"autoclose-{number}" if whole else "adl_autoclose"
    clockwork = _clockwork(sim)
    account = sim.engine.accounts[values["account"]]
    lots = clockwork.exchange.force(account, values["symbol"], client_id, everything=whole)
    sim.publisher.pump()
    return {"symbol": values["symbol"], "lots": lots, "clientOrderId": client_id}


def _margin_call(sim: Simulator, values: Values) -> Any:
    positions = _clockwork(sim).call_margin(values["account"])
    return {"account": values["account"], "positions": positions}


def _hedge(sim: Simulator, values: Values) -> Any:
    hedged = _clockwork(sim).desk.hedged
    (hedged.add if values["on"] else hedged.discard)(values["account"])
    return {"account": values["account"], "dualSidePosition": values["on"]}


ACTIONS = {
    "liquidate": Action(
        "the venue closes the account's position of the symbol at the market by an order of its own, if there is one",
        _liquidate,
        (
            ACCOUNT,
            SYMBOL,
            Field(
                "kind",
                Kind.CHOICE,
                "liquidation: all of it, after the symbol's orders are cancelled; adl: half of it, orders stay",
                default="liquidation",
                choices=("liquidation", "adl"),
            ),
        ),
        {"account": "{account}", "symbol": "{symbol}"},
        product="usdm",
    ),
    "margin_call": Action(
        "sends MARGIN_CALL with the account's positions; nothing else follows from it",
        _margin_call,
        (ACCOUNT,),
        {"account": "{account}"},
        product="usdm",
    ),
    "hedge": Action(
        "the account is in hedge mode: orders for `BOTH` are refused with -4061",
        _hedge,
        (ACCOUNT, Field("on", Kind.FLAG, "false: in one-way mode again", default=True)),
        {"account": "{account}"},
        product="usdm",
    ),
    "funding": Action(
        "settles funding of the symbol now",
        _funding,
        (SYMBOL, Field("rate", Kind.NUMBER, "none: the going one", low=-0.05, high=0.05)),
        {"symbol": "{symbol}"},
        product="usdm",
    ),
    "expire_listen_key": Action(
        "ends the account's listen key now, with `listenKeyExpired` to whoever uses it",
        _expire_listen_key,
        (ACCOUNT,),
        {"account": "{account}"},
        product="usdm",
    ),
}
