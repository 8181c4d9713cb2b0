"""What the venue says about itself: rules that changed while running, and trouble with the venue as a whole."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from mm_trader.core import events as ev
from mm_trader.core.units import SymbolRules
from mm_trader.kernel.desk import Core
from mm_trader.kernel.halting import Halting
from mm_trader.risk.reasons import HaltReason

_HALTS = {
    ev.Trouble.CLOCK: HaltReason.CLOCK_OUT_OF_STEP,
    ev.Trouble.BANNED: HaltReason.VENUE_BANNED,
    ev.Trouble.KEYS: HaltReason.CREDENTIALS_REFUSED,
    ev.Trouble.RESET: HaltReason.VENUE_RESET,
    ev.Trouble.FORCED: HaltReason.POSITION_FORCED,
    ev.Trouble.MARGIN: HaltReason.MARGIN_CALL,
}


class VenueNews:
    """Handlers of those events."""

    def __init__(self, core: Core, halting: Halting) -> None:
        self._core = core
        self._halting = halting

    def on_rules(self, event: ev.RulesChanged) -> None:
        """Use them from now on. Everything is counted in the ticks and lots it started with: where those change, the symbol stops until a restart."""
        core, rules = self._core, event.rules
        desk = core.desks.get(rules.symbol)
        if desk is None:
            return
        before = desk.rules
        if (rules.tick, rules.lot) != (before.tick, before.lot):
            desk.rules = msgspec.structs.replace(before, trading=False, status=rules.status)
            self._tell(rules.symbol, "tick or lot size changed at the venue: restart to trade on", "warning")
        else:
            desk.rules = rules
            if rules.trading is not before.trading:
                what = f"status {rules.status}, {'trading' if rules.trading else 'not trading'}"
                self._tell(rules.symbol, what, "info" if rules.trading else "warning")
        desk.dirty = True

    def on_trouble(self, event: ev.VenueTrouble) -> None:
        """Nothing that goes by itself: halt, and a person looks."""
        core = self._core
        if event.trouble is ev.Trouble.RESET:
            for order in core.table.all_live():
                core.manager.doubt(order, "the venue was reset", event.ts)
        self._halting.halt(_HALTS[event.trouble], event.detail, event.ts)
        if event.trouble is ev.Trouble.FORCED:
            # its trades are none of an order of ours: they are booked from the account's own list
            for symbol in core.desks:
                core.reconciler.begin(symbol, "forced", event.ts)

    def _tell(self, symbol: str, what: str, severity: str) -> None:
        core = self._core
        self._halting.alert("Warning", "SymbolRules", f"{symbol}: {what}", core.now, severity=severity)


def held_by_account(rules: SymbolRules, snapshot: ev.ReconcileSnapshot) -> Decimal | None:
    """Base units that the account has of a symbol, by whomever; None: the snapshot does not tell."""
    if rules.initial_margin is not None:
        return snapshot.held
    stated = snapshot.balances.get(rules.base_asset)
    return stated[0] + stated[1] if stated is not None else None
