"""Micro-price, order flow, depth imbalance, intensity, two-scale variance: worked numbers, independent solutions, and what is said before anything is known."""

from __future__ import annotations

import itertools
import math
import random
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_driver import Driver, of, trader_config

from mm_trader.core import events as ev
from mm_trader.core.commands import Cancel, Place
from mm_trader.market.book import L2Book
from mm_trader.market.intensity import ArrivalIntensity, fit_exponential
from mm_trader.market.micro_price import MicroPrice
from mm_trader.market.order_flow import OrderFlow, flow
from mm_trader.market.two_scale import realised_variance, two_scale_variance
from mm_trader.market.volatility import EwmaVolatility

SECOND = 1_000_000_000


# --- micro-price --------------------------------------------------------------------------------------------------------------------------


def feed_chain(micro: MicroPrice, steps: int, seed: int = 3) -> None:
    """Heavy bid (9:1) or heavy ask, spread one tick. Half of the steps move the mid a tick to the heavy side and keep the state, half turn the state over."""
    chance = random.Random(seed)
    bid, heavy = 100_000, 1
    for _ in range(steps):
        micro.update(bid, 9 if heavy > 0 else 1, bid + 1, 1 if heavy > 0 else 9)
        if chance.random() < 0.5:
            bid += heavy
        else:
            heavy = -heavy
    micro.update(bid, 9 if heavy > 0 else 1, bid + 1, 1 if heavy > 0 else 9)


def test_the_worked_micro_price_of_the_page():
    """g = ½·(1 + g) − ½·g, so g = ½: a heavy side pulls the mid half a tick."""
    micro = MicroPrice()
    assert micro.adjustment is None
    feed_chain(micro, 20_000)
    micro.refit_if_due()
    micro.update(100_000, 9, 100_001, 1)
    assert micro.adjustment == pytest.approx(0.5, abs=0.02)
    micro.update(100_000, 1, 100_001, 9)
    assert micro.adjustment == pytest.approx(-0.5, abs=0.02)


def test_the_one_system_gives_what_the_paper_s_series_gives():
    """Σ B^i·G1 over all states, mirrored counts, summed term by term, against the solution on half of the states."""
    chance = random.Random(11)
    micro = MicroPrice()
    tops = []
    bid, sizes = 50_000, [5, 5]
    for _ in range(6_000):
        side = chance.randrange(2)
        sizes[side] = max(0, sizes[side] + chance.choice([-3, -1, 1, 2]))
        if sizes[side] == 0:
            bid += -1 if side == 0 else 1
            sizes = [chance.randint(1, 9), chance.randint(1, 9)]
        top = (bid, sizes[0], bid + 1, sizes[1])
        tops.append(top)
        micro.update(*top)
    micro.refit_if_due()
    table = micro.table
    assert table is not None
    full = _series([(b + a, bs, asz) for b, bs, a, asz in tops])
    for bucket in range(5):
        assert table[bucket * 3] == pytest.approx(full[bucket], abs=1e-6)
        assert table[bucket * 3] == pytest.approx(-full[9 - bucket], abs=1e-6)


def _series(tops: list[tuple[int, int, int]]) -> list[float]:
    def bucket(bid_size: int, ask_size: int) -> int:
        light = min(4, 10 * min(bid_size, ask_size) // (bid_size + ask_size))
        return light if bid_size <= ask_size else 9 - light

    n = 10
    q = [[0.0] * n for _ in range(n)]
    t = [[0.0] * n for _ in range(n)]
    rk, totals = [0.0] * n, [0.0] * n
    for before, after in itertools.pairwise(tops):
        x, y, move = bucket(*before[1:]), bucket(*after[1:]), (after[0] - before[0]) / 2
        for a, b, m in ((x, y, move), (9 - x, 9 - y, -move)):
            totals[a] += 1
            rk[a] += m
            (t if m else q)[a][b] += 1
    q = [[value / totals[i] if totals[i] else 0 for value in row] for i, row in enumerate(q)]
    t = [[value / totals[i] if totals[i] else 0 for value in row] for i, row in enumerate(t)]
    rk = [value / totals[i] if totals[i] else 0 for i, value in enumerate(rk)]

    def inverse_times(vector: list[float]) -> list[float]:
        """(1 − Q)^-1 v by its own series."""
        total = list(vector)
        for _ in range(4_000):
            total = [vector[i] + sum(q[i][j] * total[j] for j in range(n)) for i in range(n)]
        return total

    term = inverse_times(rk)
    g = list(term)
    for _ in range(60):
        term = inverse_times([sum(t[i][j] * term[j] for j in range(n)) for i in range(n)])
        g = [a + b for a, b in zip(g, term, strict=True)]
        if max(map(abs, term)) < 1e-10:
            break
    return g


def test_a_micro_price_stays_bounded_when_the_market_only_goes_up():
    micro = MicroPrice()
    for step in range(3_000):
        micro.update(1000 + step, 5 + step % 3, 1001 + step, 5)
    micro.refit_if_due()
    assert micro.adjustment is None or abs(micro.adjustment) < 100


def test_a_gap_is_no_transition():
    micro = MicroPrice()
    feed_chain(micro, 700)
    seen, moved = micro.seen, micro.moved
    micro.forget_last()
    micro.update(200_000, 9, 200_001, 1)
    assert (micro.seen, micro.moved) == (seen, moved)
    micro.update(200_000, 0, 200_001, 0)
    assert micro.adjustment is None


# --- order flow ---------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "before,after,e",
    [
        ((100, 5, 101, 4), (100, 8, 101, 4), 3),
        ((100, 5, 101, 4), (101, 2, 102, 4), 2 + 4),
        ((100, 5, 101, 4), (99, 7, 101, 4), -5),
        ((100, 5, 101, 4), (100, 5, 102, 6), 4),
        ((100, 5, 101, 4), (99, 1, 100, 6), -5 - 6),
    ],
)
def test_order_flow_of_one_update(before, after, e):
    assert flow(*before, *after) == e


@given(
    st.lists(
        st.tuples(st.integers(90, 100), st.integers(0, 50), st.integers(101, 110), st.integers(0, 50)),
        min_size=2,
        max_size=20,
    )
)
def test_order_flow_changes_its_sign_with_the_market_in_the_mirror(tops):
    def mirror(top):
        bid, bid_size, ask, ask_size = top
        return 200 - ask, ask_size, 200 - bid, bid_size

    for before, after in itertools.pairwise(tops):
        assert flow(*before, *after) == -flow(*mirror(before), *mirror(after))


def test_expected_move_is_flow_over_twice_the_depth_and_fades():
    of_ = OrderFlow(tau_s=5)
    for index in range(60):
        of_.update(index * 1_000_000, 100, 10, 101, 10)
    assert of_.expected_move == pytest.approx(0)
    of_.update(60_000_000, 100, 20, 101, 10)
    assert of_.expected_move == pytest.approx(10 / 20, rel=0.01)
    of_.update(60_000_000 + 5 * SECOND, 100, 20, 101, 10)
    assert of_.expected_move == pytest.approx(
        10 / math.e / (2 * (10 / math.e + 15 * (1 - 1 / math.e))), rel=0.02
    )
    of_.reset()
    assert of_.expected_move is None


# --- depth --------------------------------------------------------------------------------------------------------------------------------


def test_depth_imbalance_weighs_near_levels_more_and_is_unknown_without_a_book():
    book = L2Book()
    assert not book.synced
    book.on_update(
        ev.DepthUpdate(ts=0, symbol="X", first_id=1, last_id=1, previous_id=None, bids=[], asks=[])
    )
    book.on_snapshot(ev.DepthSnapshot(ts=0, symbol="X", last_id=1, bids=[(10, 4), (9, 10)], asks=[(11, 6)]))
    assert book.synced
    assert book.weighted_imbalance(5, 1.0) == pytest.approx((14 - 6) / 20)
    assert book.weighted_imbalance(5, 0.5) == pytest.approx((4 + 5 - 6) / 15)
    assert book.weighted_imbalance(1, 0.5) == pytest.approx(-2 / 10)


# --- intensity ----------------------------------------------------------------------------------------------------------------------------


def test_the_fit_finds_the_parameters_of_an_exponential():
    counts = [500 * math.exp(-0.3 * i * 2) for i in range(6)]
    fit = fit_exponential(counts, 250.0, 2.0)
    assert (fit.a, fit.k, fit.r2) == (pytest.approx(2.0), pytest.approx(0.3), pytest.approx(1.0))


def test_a_poisson_market_with_exponential_reach_is_recovered_with_the_rate_of_one_side():
    chance = random.Random(5)
    arrivals = ArrivalIntensity()
    mid2, ts = 2_000_000, SECOND
    width = 1_000_000 * 5e-6
    k = 0.5 / width
    for _ in range(20_000):
        ts += int(chance.expovariate(4.0) * SECOND) + 2_000_000
        sell = chance.random() < 0.5
        reach = chance.expovariate(k)
        price = 1_000_000 - int(reach) if sell else 1_000_000 + int(reach)
        arrivals.on_trade(ts, price, mid2, sell=sell)
        arrivals.refit_if_due(ts)
    fit = arrivals.fit
    assert fit.r2 > 0.98
    assert fit.k == pytest.approx(k, rel=0.15)
    assert fit.a == pytest.approx(4.0 / 2, rel=0.1)


def test_trades_of_one_sweep_are_one_arrival():
    one, many = ArrivalIntensity(), ArrivalIntensity()
    one.on_trade(SECOND, 100_100, 200_000, sell=False)
    for price in (100_010, 100_050, 100_100):
        many.on_trade(SECOND, price, 200_000, sell=False)
    assert one._counts == many._counts


def test_too_little_or_a_rising_curve_is_no_fit():
    assert fit_exponential([3.0] * 20, 10, 1) is None
    assert fit_exponential([10.0, 20.0, 30.0, 40.0], 10, 1) is None
    assert fit_exponential([10.0] * 6, 0, 1) is None


# --- two scales ---------------------------------------------------------------------------------------------------------------------------


def test_two_scales_see_through_bounce():
    """A random walk of σ = 1 per step with bounce of ±3 on top: plain variance is off by a factor of 19, two scales are near."""
    chance = random.Random(9)
    walk, values = 0.0, []
    for _ in range(5_000):
        walk += chance.gauss(0, 1)
        values.append(walk + chance.choice([-3, 3]))
    assert realised_variance(values) / 5_000 == pytest.approx(19, rel=0.1)
    assert two_scale_variance(values, 20) / 5_000 == pytest.approx(1, rel=0.35)
    assert two_scale_variance(values[:30], 20) is None


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-100, 100), min_size=0, max_size=80), st.integers(0, 12))
def test_two_scale_variance_is_never_negative(values, k):
    variance = two_scale_variance(values, k)
    assert variance is None or variance >= 0


def test_the_volatility_knows_how_much_of_it_is_bounce():
    volatility = EwmaVolatility()
    assert volatility.two_scale_sigma() is None and volatility.noise_share() is None
    for second in range(200):
        volatility.sample(second * SECOND, 2_000_000 + 200 * (second % 2))
    assert volatility.noise_share() > 0.95
    assert volatility.two_scale_sigma() < volatility.sigma / 4
    volatility.forget_last()
    assert volatility.noise_share() is None


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 10**10), st.integers(1, 10**8)), min_size=1, max_size=60),
)
def test_volatility_is_finite_and_positive_whatever_the_ticks(ticks):
    volatility = EwmaVolatility()
    ts = 0
    for gap, mid2 in ticks:
        ts += gap
        volatility.sample(ts, mid2)
        assert 0 <= volatility.sigma < math.inf
        assert volatility.sigma_annual == pytest.approx(volatility.sigma * math.sqrt(31_536_000))


# --- in the kernel ------------------------------------------------------------------------------------------------------------------------


def driver_with(name: str, **parameters: str) -> Driver:
    config = trader_config(parameters=parameters)
    return Driver(config.model_copy(update={"strategy": config.strategy.model_copy(update={"name": name})}))


def test_nothing_is_quoted_before_a_signal_that_is_asked_for_is_known_and_then_it_is():
    driver = driver_with("SignalSkew", microWeight="0", flowWeight="1")
    assert driver.start() == []
    assert driver.kernel.status().reason == "SignalsUnknown"
    for _ in range(60):
        driver.tick(20)
        driver.market("2500.00", "2500.01")
    assert len(of(Place, driver.log)) == 2


def test_losing_the_market_forgets_the_signals_and_pulls_the_quotes():
    driver = driver_with("SignalSkew", microWeight="0", flowWeight="1")
    driver.start()
    for _ in range(60):
        driver.tick(20)
        driver.market("2500.00", "2500.01")
    for place in of(Place, driver.log):
        driver.accept(place)
    driver.feed(ev.StreamStatus(ts=driver.ts, stream=ev.StreamName.MARKET, up=False))
    assert len(of(Cancel, driver.last)) == 2
    driver.feed(ev.StreamStatus(ts=driver.ts, stream=ev.StreamName.MARKET, up=True))
    driver.market("2500.00", "2500.01")
    assert driver.kernel.status().reason == "SignalsUnknown"


def test_parameters_changed_while_running_bring_and_take_signals():
    driver = driver_with("SignalSkew", microWeight="0")
    assert len(driver.start()) == 2
    desk = driver.kernel._core.desks["ETHUSDC"]
    assert desk.signals is None, "no weight, nothing computed"
    driver.feed(
        ev.ParametersChanged(ts=driver.ts, parameters={"flowWeight": Decimal(1), "microWeight": Decimal(0)})
    )
    assert desk.signals is not None
