"""Actions on accounts: money from outside, cancels by another hand, keys that become invalid."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..engine.checks import to_e8
from ..engine.errors import RefusalError
from .spec import ACCOUNT, Action, ActionError, Field, Kind, Values

if TYPE_CHECKING:
    from ..simulator import Simulator


def _deposit(sim: Simulator, values: Values) -> Any:
    amount: str = values["amount"]
    negative = amount.startswith("-")
    try:
        value = to_e8(amount.removeprefix("-"))
        account = sim.engine.accounts[values["account"]]
        sim.engine.deposit(account, values["asset"], -value if negative else value)
    except ValueError as error:
        raise ActionError("amount: must be a plain decimal as text") from error
    except RefusalError as error:
        raise ActionError(f"amount: {error.msg}") from error
    sim.publisher.pump()
    return {"account": values["account"], "asset": values["asset"]}


def _cancel(sim: Simulator, values: Values) -> Any:
    account = sim.engine.accounts[values["account"]]
    orders = list(account.open.values())
    for order in orders:
        if not order.is_final:  # as the others of a list are, once one of them is cancelled
            sim.engine.cancel(order, "venue")
    waiting = sim.extras.cancel_conditional(account)
    sim.publisher.pump()
    return {"cancelled": len(orders) + waiting}


def _revoke(sim: Simulator, values: Values) -> Any:
    return {"keys": sim.auth.revoke(values["account"], values["on"])}


ACTIONS = {
    "deposit": Action(
        "adds to an account's free balance, or takes from it",
        _deposit,
        (
            ACCOUNT,
            Field("asset", Kind.TEXT, "the asset", required=True),
            Field("amount", Kind.TEXT, "a decimal as text; with - it is withdrawn", required=True),
        ),
        {"account": "{account}", "asset": "USDC", "amount": "100"},
    ),
    "cancel": Action(
        "the venue cancels all open orders of the account, order lists and conditional orders too",
        _cancel,
        (ACCOUNT,),
        {"account": "{account}"},
    ),
    "revoke": Action(
        "the account's keys become invalid",
        _revoke,
        (ACCOUNT, Field("on", Kind.FLAG, "false: valid again", default=True)),
        {"account": "{account}", "on": False},
    ),
}
