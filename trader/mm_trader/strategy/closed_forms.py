"""The papers' formulas, in the papers' notation and in any one price unit. Pure; the strategies convert to and from ticks.

Units and worked numbers: docs/strategies/.

s mid, q inventory (in orders of one size, unless said otherwise), γ risk aversion, σ volatility of the price per √s, k decay of arrivals per unit of price,
A arrivals per second at distance 0, T − t seconds left.
"""

from __future__ import annotations

from math import e, log1p, sqrt


def reservation_price(s: float, q: float, gamma: float, sigma: float, time_left: float) -> float:
    """r = s − q·γ·σ²·(T − t) (Avellaneda & Stoikov 2008, eq. 29). σ enters squared: a variance, not a volatility."""
    return s - q * gamma * sigma * sigma * time_left


def avellaneda_stoikov_spread(gamma: float, sigma: float, k: float, time_left: float) -> float:
    """δa + δb = γ·σ²·(T − t) + (2/γ)·ln(1 + γ/k) (the same, eq. 30), centred on the reservation price."""
    return gamma * sigma * sigma * time_left + 2 * fill_premium(gamma, k)


def fill_premium(gamma: float, k: float) -> float:
    """(1/γ)·ln(1 + γ/k), the half spread of a maker without inventory risk; 1/k as γ → 0."""
    return log1p(gamma / k) / gamma if gamma else 1 / k


def glft_half_and_skew(gamma: float, sigma: float, k: float, a: float) -> tuple[float, float]:
    """Half spread and shift of the centre per order held, without a horizon (Guéant, Lehalle & Fernandez-Tapia 2013, section 4):

    δb(q) = (1/γ)·ln(1 + γ/k) + (2q + 1)/2·C,  δa(q) = (1/γ)·ln(1 + γ/k) − (2q − 1)/2·C,  C = √(σ²γ/(2kA)·(1 + γ/k)^(1 + k/γ)).
    The quotes stand at s − q·C ∓ (first term + C/2): half spread and shift are what is returned.
    """
    c = sigma * sqrt(gamma / (2 * k * a) * _power(gamma / k) * (1 + gamma / k))
    return fill_premium(gamma, k) + c / 2, c


def glft_sized_half_and_skew(
    gamma: float, xi: float, sigma: float, k: float, a: float, size: float
) -> tuple[float, float]:
    """The same for orders of `size` base units, and the shift per base unit (Guéant 2017, eq. 4.6 and 4.7, arXiv 1605.01862):

    half = ln(1 + ξD/k)/(ξD) + (D/2)·σ·c2,  shift = σ·c2,  c2 = √(γ/(2ADk)·(1 + ξD/k)^(k/(ξD) + 1)).
    ξ = γ is the model with one risk aversion for price and fill risk, ξ → 0 takes fills as riskless.
    """
    risk = xi * size
    c2 = sqrt(gamma / (2 * a * size * k) * _power(risk / k) * (1 + risk / k))
    return fill_premium(risk, k) + size / 2 * sigma * c2, sigma * c2


def _power(x: float) -> float:
    """(1 + x)^(1/x), e as x → 0."""
    return float((1 + x) ** (1 / x)) if x > 1e-9 else e
