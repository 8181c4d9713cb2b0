"""What the strategies after the papers share: one quote a side, of one size, with the papers' units and the common bounds."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from mm_trader.core.units import SymbolRules
from mm_trader.strategy.base import Signal
from mm_trader.strategy.paper_units import PaperUnits
from mm_trader.strategy.shaping import Shaper, check_common


class PaperQuotes:
    """Everything but the formula."""

    def __init__(self, values: Mapping[str, Decimal], rules: SymbolRules) -> None:
        """`values`: as `validate_parameters` returns them."""
        self.max_inventory = values["maxInventory"]
        self._units = PaperUnits(values, rules)
        self.needs: frozenset[Signal] = self._units.needs
        self._order = float(values["orderSize"])
        self._shaper = Shaper(
            rules,
            sizes=(values["orderSize"],),
            max_inventory=self.max_inventory,
            min_spread=values["minSpread"],
            max_spread=values["maxSpread"],
        )

    @classmethod
    def check(cls, values: Mapping[str, Decimal]) -> list[str]:
        """The cap above the floor, one quote within the inventory."""
        return check_common(values)
