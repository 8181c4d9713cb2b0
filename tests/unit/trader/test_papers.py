"""The closed forms against the papers: their published parameters, their tables, and an independent solution of the problem that they approximate."""

from __future__ import annotations

import math
import random
import statistics
from decimal import Decimal

import pytest
from kernel_driver import eth_rules

from mm_trader.strategy.base import MarketView
from mm_trader.strategy.closed_forms import (
    avellaneda_stoikov_spread,
    fill_premium,
    glft_half_and_skew,
    glft_sized_half_and_skew,
    reservation_price,
)
from mm_trader.strategy.registry import BUILT_IN, validate_parameters

PAPER = {"sigma": 2.0, "k": 1.5}
"""Avellaneda & Stoikov 2008, section 3.3: s = 100, T = 1, σ = 2, dt = 0.005, k = 1.5, A = 140."""
TICKS = {"sigma": 0.3, "a": 0.9, "k": 0.3, "gamma": 0.01}
"""Guéant, Lehalle & Fernandez-Tapia 2013: σ = 0.3 tick/√s, A = 0.9/s, k = 0.3/tick, γ = 0.01/tick."""


def test_avellaneda_stoikov_reservation_price_and_spread_at_the_start_of_the_paper_s_session():
    assert reservation_price(100, 3, 0.1, 2, 1) == pytest.approx(98.8)
    assert reservation_price(100, -3, 0.1, 2, 0.5) == pytest.approx(100.6)
    assert avellaneda_stoikov_spread(0.1, time_left=1, **PAPER) == pytest.approx(1.6908, abs=1e-4)
    assert avellaneda_stoikov_spread(0.1, time_left=0, **PAPER) == pytest.approx(
        2 / 0.1 * math.log(1 + 0.1 / 1.5)
    )


@pytest.mark.parametrize("gamma,published", [(0.1, 1.49), (0.01, 1.35)])
def test_the_mean_spread_over_the_session_is_the_one_in_the_paper_s_tables(gamma, published):
    steps = [avellaneda_stoikov_spread(gamma, time_left=1 - 0.005 * i, **PAPER) for i in range(200)]
    assert round(statistics.mean(steps), 2) == published


def _paths(seed: int, paths: int, *, around_mid: bool) -> tuple[list[float], list[int]]:
    """The paper's experiment: profits and last inventories, γ = 0.1."""
    chance = random.Random(seed)
    dt, gamma, rate = 0.005, 0.1, 140
    profits, inventories = [], []
    for _ in range(paths):
        s, q, cash = 100.0, 0, 0.0
        for step in range(200):
            left = 1 - step * dt
            half = avellaneda_stoikov_spread(gamma, time_left=left, **PAPER) / 2
            centre = s if around_mid else reservation_price(s, q, gamma, 2, left)
            bid, ask = centre - half, centre + half
            if chance.random() < rate * math.exp(-1.5 * (s - bid)) * dt:
                q, cash = q + 1, cash - bid
            if chance.random() < rate * math.exp(-1.5 * (ask - s)) * dt:
                q, cash = q - 1, cash + ask
            s += 2 * math.sqrt(dt) * (1 if chance.random() < 0.5 else -1)
        profits.append(cash + q * s)
        inventories.append(q)
    return profits, inventories


def test_the_paper_s_experiment_gives_the_paper_s_table():
    """Table 1, γ = 0.1: inventory strategy profit 62.94 ± 5.89, final q ± 2.80; around the mid 67.21 ± 13.43, ± 8.66."""
    profits, inventories = _paths(1, 600, around_mid=False)
    assert statistics.mean(profits) == pytest.approx(62.94, rel=0.05)
    assert statistics.stdev(profits) == pytest.approx(5.89, rel=0.2)
    assert statistics.stdev(inventories) == pytest.approx(2.80, rel=0.15)
    profits, inventories = _paths(2, 600, around_mid=True)
    assert statistics.mean(profits) == pytest.approx(67.21, rel=0.05)
    assert statistics.stdev(profits) == pytest.approx(13.43, rel=0.15)
    assert statistics.stdev(inventories) == pytest.approx(8.66, rel=0.15)


def _exact_stationary_quotes(
    gamma: float, sigma: float, k: float, a: float
) -> dict[int, tuple[float, float]]:
    """Inventory → (δb, δa) from the eigenvector of the smallest eigenvalue of the paper's matrix, found by iterating c·I − M; inventory within ±30."""
    most = 30
    alpha, eta = k / 2 * gamma * sigma**2, a * (1 + gamma / k) ** -(1 + k / gamma)
    shift = alpha * most**2 + 2 * eta
    vector = [1.0] * (2 * most + 1)
    for _ in range(5_000):
        padded = [0.0, *vector, 0.0]
        vector = [
            (shift - alpha * (i - most) ** 2) * padded[i + 1] + eta * (padded[i] + padded[i + 2])
            for i in range(2 * most + 1)
        ]
        scale = max(vector)
        vector = [value / scale for value in vector]
    base = math.log(1 + gamma / k) / gamma
    at = {q: vector[q + most] for q in range(-most, most + 1)}
    return {
        q: (base + math.log(at[q] / at[q + 1]) / k, base + math.log(at[q] / at[q - 1]) / k)
        for q in range(-10, 11)
    }


def test_glft_is_within_two_thousandths_of_a_tick_of_the_exact_stationary_quotes():
    half, skew = glft_half_and_skew(**TICKS)
    assert (half, skew) == (pytest.approx(3.3129, abs=1e-4), pytest.approx(0.06787, abs=1e-5))
    for q, (bid, ask) in _exact_stationary_quotes(**TICKS).items():
        assert half + q * skew == pytest.approx(bid, abs=2e-3)
        assert half - q * skew == pytest.approx(ask, abs=2e-3)


def test_the_form_of_2017_contains_the_one_of_2013_and_has_its_limits():
    sizes = {name: TICKS[name] for name in ("sigma", "k", "a", "gamma")}
    assert glft_sized_half_and_skew(xi=0.01, size=1, **sizes) == pytest.approx(glft_half_and_skew(**TICKS))
    half, skew = glft_sized_half_and_skew(xi=0, size=1, **sizes)
    assert skew == pytest.approx(0.3 * math.sqrt(0.01 / (2 * 0.9 * 0.3) * math.e))
    assert half == pytest.approx(1 / 0.3 + skew / 2)
    near = glft_sized_half_and_skew(xi=1e-7, size=1, **sizes)
    assert near == pytest.approx((half, skew), rel=1e-5)
    half, skew = glft_sized_half_and_skew(xi=0.01, size=5, **sizes)
    assert (half, skew) == (pytest.approx(3.1613, abs=1e-4), pytest.approx(0.03132, abs=1e-5))


def test_without_risk_aversion_the_premium_is_one_over_k():
    assert fill_premium(0, 1.5) == pytest.approx(1 / 1.5)
    assert fill_premium(1e-9, 1.5) == pytest.approx(1 / 1.5)


def _strategy(name: str, rules=None, **values: str):
    checked = validate_parameters(name, {key: Decimal(value) for key, value in values.items()})
    return BUILT_IN[name](checked, rules or eth_rules())


def _view(position: float, volatility: float, mid: float = 10_000.0, wall_s: float = 0.0) -> MarketView:
    return MarketView(
        bid=int(mid) - 1,
        ask=int(mid) + 1,
        mid=mid,
        weighted_mid=mid,
        volatility=volatility,
        position=position,
        wall_s=wall_s,
    )


WIDE = {"orderSize": "1", "maxInventory": "100", "maxSpread": "0.5"}


def test_the_strategy_quotes_the_paper_s_prices_in_ticks():
    """s = 100 at a tick of 0.01, σ = 2 = 2 % of the price, T = 1 s, q = 3: r = 98.80, spread 1.6908."""
    strategy = _strategy("AvellanedaStoikov", horizon="1", **WIDE)
    quotes = strategy.quote(_view(position=3, volatility=0.02))
    assert quotes.half_spread == pytest.approx(84.54, abs=0.01)
    assert (quotes.bid.price, quotes.ask.price) == (math.floor(9880 - 84.54), 10_000)
    assert _strategy("AvellanedaStoikov", horizon="1", **WIDE).quote(_view(0, 0.02)).ask.price == math.ceil(
        10_084.54
    )


def test_a_session_runs_down_and_begins_again_at_midnight_utc():
    strategy = _strategy("AvellanedaStoikov", horizon="3600", rolling="0", **WIDE)
    assert strategy.time_left(1_700_006_400) == 3600
    assert strategy.time_left(1_700_006_400 + 3599) == 1
    assert _strategy("AvellanedaStoikov", horizon="3600", **WIDE).time_left(1_700_000_123) == 3600


def test_glft_strategies_quote_their_closed_form_in_ticks():
    """Tick 0.01: γ = 1 and k = 30 per unit of price are 0.01 and 0.3 per tick; σ = 0.3 ticks of 10,000."""
    values = {"arrivalDecay": "30", "arrivalRate": "0.9", **WIDE}
    old = _strategy("GLFT", riskAversion="1", **values)
    new = _strategy("GLFT2017", riskAversion="1", fillRiskAversion="1", **values)
    for strategy in (old, new):
        quotes = strategy.quote(_view(position=10, volatility=0.3 / 10_000))
        assert quotes.half_spread == pytest.approx(3.3129, abs=1e-4)
        centre = 10_000 - 0.67866
        assert (quotes.bid.price, quotes.ask.price) == (
            math.floor(centre - 3.3129),
            math.ceil(centre + 3.3129),
        )
