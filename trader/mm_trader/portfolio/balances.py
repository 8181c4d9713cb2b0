"""What the account can still lock, in 10^-8 of each asset. The venue's free balance is always a little old; what our own orders lock is not.

available = free + locked − what own orders lock − what others' orders lock. The last is learnt from each balance the venue states: what is locked beyond
our own.
An asset that the venue has not stated is unknown, and nothing is placed on it.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from mm_trader.core.units import to_asset_units


class Balances:
    """Per asset: total, and the part that somebody else's orders lock."""

    def __init__(self) -> None:
        self._total: dict[str, int] = {}
        self._foreign: dict[str, int] = {}

    def update(self, stated: Mapping[str, tuple[Decimal, Decimal]], own_locked: Mapping[str, int]) -> None:
        """Take (free, locked) by asset as the venue states them. `own_locked`: by our own orders, as we know them."""
        for asset, (free, locked) in stated.items():
            locked_units = to_asset_units(locked)
            self._total[asset] = to_asset_units(free) + locked_units
            self._foreign[asset] = max(0, locked_units - own_locked.get(asset, 0))

    def spent(self, asset: str, amount: int) -> None:
        """A fill took this much. What it brought is not counted before the venue states it: its account update may have come first."""
        if asset in self._total:
            self._total[asset] -= amount

    def available(self, asset: str, own_locked: Mapping[str, int]) -> int | None:
        """What a new order may lock; None: unknown. Never negative."""
        total = self._total.get(asset)
        if total is None:
            return None
        return max(0, total - own_locked.get(asset, 0) - self._foreign[asset])
