"""Exposure across symbols, in money of the worst case of each direction: what would be long if every buy filled, and short if every sell did. Pure.

    long_i  = max(0, base_i + buys_i) · price_i        short_i = max(0, −base_i + sells_i) · price_i
    net     = Σ_i long_i, or Σ_i short_i: all symbols taken as one market
    correlated, seen from symbol i, upwards = long_i + Σ_j≠i (ρ_ij ≥ 0 ? ρ_ij·long_j : −ρ_ij·short_j); downwards the same with long and short exchanged
A limit holds for both directions, and the correlated one from every symbol's point of view: an order that makes any larger than the limit is not placed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from mm_trader.risk.exposure import Exposure

_NO_RELATION = 1e-6
"""Correlations smaller than this let nothing through that money could be counted in."""

Directional = tuple[int, int]
"""(long, short), money."""


def directional(exposure: Exposure) -> Directional:
    """Worst cases of one symbol at its mark, or at its dearest order where that is higher."""
    price = max(exposure.mark, exposure.buy_high, exposure.sell_high)
    return max(0, exposure.longest) * price, max(0, -exposure.shortest) * price


def net_room(limit: int, sides: Mapping[str, Directional], direction: int) -> int:
    """Money that may still be added in a direction (+1 long, −1 short). Negative: over the limit."""
    at = 0 if direction > 0 else 1
    return limit - sum(side[at] for side in sides.values())


def correlated_room(
    limit: int,
    sides: Mapping[str, Directional],
    symbol: str,
    direction: int,
    correlation: Callable[[str, str], float],
) -> int:
    """Money that one symbol may still add in a direction, from every symbol's point of view. Negative: over the limit."""
    room: int | None = None
    for other in sides:
        rho = 1.0 if other == symbol else correlation(symbol, other)
        if abs(rho) < _NO_RELATION:
            continue
        # seen from `other`, this order counts in the direction that moves with it
        seen = direction if rho > 0 else -direction
        taken = 0.0
        for each, (long, short) in sides.items():
            weight = 1.0 if each == other else correlation(each, other)
            taken += abs(weight) * (long if weight * seen > 0 else short)
        left = int((limit - taken) / abs(rho)) - 1
        room = left if room is None else min(room, left)
    return limit if room is None else room
