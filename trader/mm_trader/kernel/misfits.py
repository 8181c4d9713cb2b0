"""Why a symbol that may be quoted has no order: nothing that the strategy wants fits a limit, a balance or the venue's least. Said with the field that decides.

It is a state, not a fault: the next look may place. Where it lasts, people are told once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from mm_trader.core.events import Side
from mm_trader.core.state import RiskLevel
from mm_trader.core.units import NS_PER_S
from mm_trader.kernel.desk import Core, Desk
from mm_trader.risk.reasons import Refusal
from mm_trader.strategy.base import Quote

PATIENCE = 10 * NS_PER_S
"""A state that lasts this long is told to people."""
_MENDS = {
    Refusal.INVENTORY: "the strategy's maxInventory leaves less",
    Refusal.SYMBOL_CAPITAL: "risk.capital (this symbol's share of it), risk.maxNetExposure or risk.maxCorrelatedExposure leaves less",
    Refusal.ORDER_NOTIONAL: "risk.maxOrderNotional is less",
    Refusal.LOT_SIZE: "the venue's largest order is less",
}


class Misfit(NamedTuple):
    """What decided that nothing is placed."""

    reason: str
    """CamelCase, a `Refusal`."""
    message: str


def nothing_wanted(desk: Desk) -> Misfit:
    """The strategy has no level at all, with a position that leaves it room on one side at least."""
    return Misfit(
        Refusal.LOT_SIZE,
        f"the strategy asks for no order: its sizes in strategy.parameters are below the venue's step of {desk.rules.lot:f} {desk.rules.base_asset}",
    )


def too_small(desk: Desk, side: Side, quote: Quote, least: int, tightest: Refusal) -> Misfit:
    """What is wanted, or what the limits leave of it, is less than the venue takes."""
    rules = desk.rules
    needs = f"an order takes {rules.quantity(least):f} {rules.base_asset} at {rules.price(quote.price):f} at least"
    if quote.size < least:
        return Misfit(
            Refusal.NOTIONAL,
            f"{needs}, and the strategy asks for {rules.quantity(quote.size):f}: raise its size in strategy.parameters",
        )
    asset = rules.quote_asset if side is Side.BUY or rules.initial_margin is not None else rules.base_asset
    mend = _MENDS.get(tightest, f"there is not enough free {asset} in the account")
    return Misfit(tightest, f"{needs}, and {mend}")


def refused(refusal: Refusal) -> Misfit:
    """A pre-trade check says no."""
    return Misfit(refusal, f"the pre-trade check {refusal.value} refuses what the strategy asks for")


def misfit_of(core: Core, desk: Desk) -> Misfit | None:
    """Of a symbol that may be quoted, both ways, and has no order; None: it has, or something else is said of it."""
    if (
        desk.blocked
        or desk.misfit is None
        or max(core.risk.level, desk.guards.level) >= RiskLevel.REDUCE_ONLY
    ):
        return None
    return None if core.table.has_live(desk.symbol) else desk.misfit


def tell_misfit(core: Core, desk: Desk, ts: int, tell: Callable[[str], None]) -> None:
    """Tell people of one that lasts, once while it does."""
    misfit = misfit_of(core, desk)
    if misfit is None:
        desk.misfit_since, desk.misfit_told = None, False
    elif desk.misfit_since is None:
        desk.misfit_since = ts
    elif not desk.misfit_told and ts - desk.misfit_since >= PATIENCE:
        desk.misfit_told = True
        tell(f"{desk.symbol}: {misfit.message}")
