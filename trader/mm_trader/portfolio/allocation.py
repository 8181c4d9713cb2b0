"""Capital split over symbols: weights that add up to 1 at most, and money units that never add up to more than the capital. Pure. docs/portfolio.md.

Fixed               weights as given, equal where none are
InverseVolatility   w_i = (1/σ_i) / Σ 1/σ_j
RiskParity          w_i·(Σw)_i equal for all i: every symbol brings the same share of the variance (Maillard, Roncalli & Teïletche 2010), by cyclical
                    coordinate descent (Griveau-Billion, Richard & Roncalli 2013)
A cap per symbol holds afterwards: what is cut off goes to the others in proportion, and stays unused where all are at their cap.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import isfinite, sqrt

Correlation = Callable[[str, str], float]
"""Of two different symbols, in [-1, 1]."""

_ROUNDS = 200
_TOLERANCE = 1e-10
_GRAIN = 10**9
"""Weights are made whole billionths before they meet money: shares are then exact integers."""


def equal_weights(symbols: Sequence[str]) -> dict[str, float]:
    """1/n each."""
    return dict.fromkeys(symbols, 1 / len(symbols)) if symbols else {}


def inverse_volatility(sigmas: Mapping[str, float]) -> dict[str, float]:
    """More capital where the market is calm. Equal weights unless every σ is positive and finite: no symbol is given everything because its σ is missing."""
    if not all(sigma > 0 and isfinite(sigma) for sigma in sigmas.values()):
        return equal_weights(list(sigmas))
    total = sum(1 / sigma for sigma in sigmas.values())
    return {symbol: 1 / sigma / total for symbol, sigma in sigmas.items()}


def risk_parity(sigmas: Mapping[str, float], correlation: Correlation) -> dict[str, float]:
    """Equal contributions to the variance; for two symbols, inverse volatility. Equal weights unless every σ is positive and finite."""
    symbols = list(sigmas)
    weights = inverse_volatility(sigmas)
    if len(symbols) < 3 or not all(sigma > 0 and isfinite(sigma) for sigma in sigmas.values()):
        return weights
    # in units of σ the problem is that of the correlation matrix: x_i = w_i·σ_i with x_i·(Cx)_i = 1/n
    matrix = [[1.0 if a == b else correlation(a, b) for b in symbols] for a in symbols]
    count = len(symbols)
    x = [1 / sqrt(count)] * count
    for _ in range(_ROUNDS):
        moved = 0.0
        for i in range(count):
            others = sum(matrix[i][j] * x[j] for j in range(count) if j != i)
            new = (-others + sqrt(others * others + 4 / count)) / 2
            moved = max(moved, abs(new - x[i]))
            x[i] = new
        if moved < _TOLERANCE:
            break
    raw = {symbol: value / sigmas[symbol] for symbol, value in zip(symbols, x, strict=True)}
    total = sum(raw.values())
    return {symbol: value / total for symbol, value in raw.items()}


def capped(weights: Mapping[str, float], cap: float) -> dict[str, float]:
    """No weight above `cap`; the excess goes to the others in proportion to their weights. The sum is 1, or less where the caps do not let it."""
    result = dict(weights)
    fixed: set[str] = set()
    while True:
        over = [symbol for symbol in result if symbol not in fixed and result[symbol] > cap]
        if not over:
            return result
        fixed.update(over)
        free = {symbol: weights[symbol] for symbol in result if symbol not in fixed}
        left = max(0.0, min(1.0, sum(weights.values())) - cap * len(fixed))
        total = sum(free.values())
        for symbol in fixed:
            result[symbol] = cap
        for symbol, weight in free.items():
            result[symbol] = left * weight / total if total else 0.0


def shares(capital: int, weights: Mapping[str, float]) -> dict[str, int]:
    """Money units per symbol, rounded down. Their sum never exceeds `capital`."""
    parts = {symbol: int(max(0.0, weight) * _GRAIN) for symbol, weight in weights.items()}
    whole = max(_GRAIN, sum(parts.values()))
    return {symbol: capital * part // whole for symbol, part in parts.items()}


def equal_split(capital: int, symbols: Sequence[str]) -> dict[str, int]:
    """Money units per symbol, exactly equal. The rest of the division stays unused."""
    return dict.fromkeys(symbols, capital // len(symbols)) if symbols else {}


def differs(old: Mapping[str, float], new: Mapping[str, float], hysteresis: float) -> bool:
    """Whether any weight moved by more than `hysteresis` of its old value: small moves are not worth the orders they cost."""
    return any(abs(new[symbol] - weight) > hysteresis * weight for symbol, weight in old.items())
