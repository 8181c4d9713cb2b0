"""The worked numbers of docs/formulas.md that belong to no strategy's page: each is computed here by the code that trades."""

from __future__ import annotations

import math
from decimal import Decimal

import pytest
from kernel_driver import Driver, eth_rules, trader_config

from mm_trader.core import events as ev
from mm_trader.kernel.markouts import MarkOuts
from mm_trader.market.intensity import fit_exponential
from mm_trader.market.top import TopOfBook
from mm_trader.market.two_scale import realised_variance, two_scale_variance
from mm_trader.risk.guards import VolatilityJump
from mm_trader.strategy.base import MarketView
from mm_trader.strategy.registry import BUILT_IN, validate_parameters

SECOND = 1_000_000_000


def top(bid: int, bid_size: int, ask: int, ask_size: int) -> TopOfBook:
    made = TopOfBook()
    made.update(
        ev.BookTicker(ts=0, symbol="X", update_id=1, bid=bid, bid_size=bid_size, ask=ask, ask_size=ask_size)
    )
    return made


def test_weighted_mid_and_imbalance_of_three_to_one():
    """I = 3/(3 + 1) = 0.75, W = 0.75·101 + 0.25·100 = 100.75."""
    made = top(100, 3, 101, 1)
    assert made.imbalance == 0.75
    assert made.weighted_mid == 100.75


@pytest.mark.parametrize(("sign", "bp"), [(1, -2.0), (-1, 2.0)])
def test_mark_out_of_a_fill_at_2500_when_the_mid_is_half_a_dollar_lower(sign: int, bp: float):
    """side · (2,499.50 − 2,500.00)/2,500.00 · 10⁴ = ∓2 bp, at each horizon."""
    found: list[tuple[int, float]] = []
    marks = MarkOuts(lambda horizon, value: found.append((horizon, value)))
    marks.add(0, sign, 250_000)
    marks.settle(30 * SECOND, 2 * 249_950)
    assert [horizon for horizon, _ in found] == [100, 1_000, 5_000, 30_000]
    assert [value for _, value in found] == pytest.approx([bp] * 4)


def test_two_scale_variance_of_five_values():
    """0, 1, 1, 2, 2 with two grids: RV_all = 2, RV_slow = (1 + 1 + 1)/2, n̄/n = 3/8, TSRV = (1.5 − 0.75)/0.625 = 1.2."""
    values = [0.0, 1.0, 1.0, 2.0, 2.0]
    assert realised_variance(values) == 2
    assert two_scale_variance(values, 2) == pytest.approx(1.2)


def test_arrivals_of_two_a_second_that_fall_by_e_in_three_ticks_and_a_third():
    """Over 250 s, buckets of 2 ticks: 500, 274.4, 150.6, 82.6 sweeps reach 0, 2, 4, 6 ticks: A = 2/s, k = 0.3 per tick, R² = 1."""
    counts = [500.0, 274.4, 150.6, 82.6]
    assert counts == pytest.approx([500 * math.exp(-0.6 * i) for i in range(4)], rel=1e-3)
    fit = fit_exponential(counts, 250, 2)
    assert fit is not None
    assert (fit.a, fit.k, fit.r2) == pytest.approx((2.0, 0.3, 1.0), rel=1e-3)


def test_no_quote_is_nearer_than_the_fee_and_a_tick():
    """Mid 2,500.00 (250,000 ticks), fee 0.1 %: the model's half spread of 62.5 ticks becomes 250 + 1; a rebate of 0.01 % leaves it at 62.5."""
    for fee, half in (("0.001", 251.0), ("-0.0001", 62.5)):
        values = validate_parameters("BasicMarketMaking", {"volatilityFactor": Decimal(0)})
        strategy = BUILT_IN["BasicMarketMaking"](values, eth_rules(maker_fee=Decimal(fee)))
        view = MarketView(
            bid=249_999,
            ask=250_001,
            mid=250_000.0,
            weighted_mid=250_000.0,
            volatility=0.0,
            position=0.0,
            wall_s=0.0,
        )
        assert strategy.quote(view).half_spread == pytest.approx(half)


def test_a_volatility_jump_of_one_sample_five_times_the_usual_one():
    """Both at 1e-4 per √s, then a sample of 5e-4: fast² = 0.81873·1e-8 + 0.18127·25e-8 = 5.3505e-8, slow² = 1.0799e-8, ratio 2.226."""
    jump = VolatilityJump(prior=1e-4)
    mid2 = 2_000_000_000
    jump.sample(0, mid2)
    for second in range(1, 61):
        mid2 += round(mid2 * 1e-4) * (1 if second % 2 else -1)
        jump.sample(second * SECOND, mid2)
    assert jump.ratio == pytest.approx(1.0, abs=1e-3)
    jump.sample(61 * SECOND, mid2 + round(mid2 * 5e-4))
    assert jump.ratio == pytest.approx(2.226, abs=0.005)


def test_drawdown_counts_from_the_peak_in_money_of_the_capital():
    """Capital 10,000, maxDrawdown 0.03: at +100 the floor is −200; a fall of 299 from the peak is none, of 300 one."""
    driver = Driver(trader_config())
    limits = driver.kernel._core.pnl.limits
    driver.start()
    pnl = driver.kernel._core.pnl
    money = limits.drawdown // 300
    assert limits.drawdown == 300 * money
    limits.daily_loss = 10**6 * money
    for net, breached in ((100, False), (-199, False), (-200, True)):
        pnl.net = net * money
        assert pnl.settle() is breached
