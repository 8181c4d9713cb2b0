"""Actions on the market: prices, trading status, standing streams, and the testnet's reset."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..engine.types import E8, SymbolStatus
from ..time import NS_PER_S
from .spec import SYMBOL, Action, ActionError, Field, Kind, Values

if TYPE_CHECKING:
    from ..simulator import Simulator

MAX_MOVE_BP = 9_000.0


def _price(sim: Simulator, values: Values) -> Any:
    symbol = values["symbol"]
    before = sim.market.fair_price(symbol)
    if values["to"] is not None:
        if before <= 0:
            raise ActionError("to: the market has no price yet")
        by_bp = (values["to"] / before - 1) * 10_000
    elif values["by_bp"] is not None:
        by_bp = values["by_bp"]
    else:
        raise ActionError("by_bp: must be a number (or give `to`)")
    if not -MAX_MOVE_BP <= by_bp <= MAX_MOVE_BP:
        raise ActionError(f"by_bp: at most {MAX_MOVE_BP:g} either way, this is {by_bp:g}")
    spec, after = sim.engine.markets[symbol].spec, before * (1 + by_bp / 10_000)
    if before > 0 and not spec.min_price_e8 <= after * E8 <= spec.max_price_e8:
        raise ActionError(
            f"{'to' if values['to'] is not None else 'by_bp'}: {after:g} is no price of the symbol"
        )
    sim.market.move(symbol, by_bp, values["drift"])
    return {
        "symbol": symbol,
        "before": before,
        "after": sim.market.fair_price(symbol),
        "timeNs": sim.venue_clock.now(),
    }


def _status(sim: Simulator, values: Values) -> Any:
    sim.engine.set_status(values["symbol"], SymbolStatus(values["status"]))
    return {"symbol": values["symbol"], "status": values["status"]}


def _stale(sim: Simulator, values: Values) -> Any:
    symbol, seconds = values["symbol"], values["seconds"]
    if seconds:
        sim.faults.stale[symbol] = sim.scheduler.clock.now() + int(seconds * NS_PER_S)
    else:
        sim.faults.stale.pop(symbol, None)
    return {"symbol": symbol, "seconds": seconds}


def _reset(sim: Simulator, _values: Values) -> Any:
    sim.reset()
    return {"reset": True}


ACTIONS = {
    "price": Action(
        "moves fair value and book, trading through every order in between",
        _price,
        (
            SYMBOL,
            Field("by_bp", Kind.NUMBER, "move in basis points"),
            Field("to", Kind.NUMBER, "or the price to move to", low=1e-8),
            Field("drift", Kind.NUMBER, "seconds that the move takes", default=0.0, low=0, high=86_400),
        ),
        {"symbol": "{symbol}", "by_bp": -20},
    ),
    "status": Action(
        "sets a symbol's trading status",
        _status,
        (
            SYMBOL,
            Field(
                "status",
                Kind.CHOICE,
                "orders are taken in TRADING alone, cancels in all",
                required=True,
                choices=tuple(s.value for s in SymbolStatus),
            ),
        ),
        {"symbol": "{symbol}", "status": "CANCEL_ONLY"},
    ),
    "stale": Action(
        "market streams of the symbol stand still on connections that stay alive; depth goes on without a gap",
        _stale,
        (SYMBOL, Field("seconds", Kind.NUMBER, "how long; 0 ends it", default=5.0, low=0, high=86_400)),
        {"symbol": "{symbol}", "seconds": 3},
    ),
    "reset": Action(
        "testnet reset: orders, trades, balances and order ids begin anew without a word; keys stay", _reset
    ),
}
