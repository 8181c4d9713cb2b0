"""Actions that only a futures venue has: funding and the end of a listen key."""

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


ACTIONS = {
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
