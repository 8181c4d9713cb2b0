"""What holds for every built-in strategy, and what is special to the grid and the signal-driven one."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_driver import eth_rules

from mm_api.scalars import format_decimal
from mm_trader.strategy.base import Intensity, MarketView, Signal
from mm_trader.strategy.parameters import ParameterError
from mm_trader.strategy.registry import BUILT_IN, validate_parameters

PAGES = Path(__file__).parents[3] / "docs" / "strategies"
NAMES = sorted(BUILT_IN)


def make(name: str, rules=None, **values: str):
    checked = validate_parameters(name, {key: Decimal(value) for key, value in values.items()})
    return BUILT_IN[name](checked, rules or eth_rules())


def view(mid2: int = 500_000, position: float = 0.0, volatility: float = 0.0, **changes) -> MarketView:
    fields = {
        "bid": (mid2 - 1) // 2,
        "ask": mid2 // 2 + 1,
        "mid": mid2 / 2,
        "weighted_mid": mid2 / 2,
        "volatility": volatility,
        "position": position,
        "micro_price": mid2 / 2,
        "depth_imbalance": 0.0,
        "order_flow": 0.0,
    }
    return MarketView(**(fields | changes))


VIEWS = st.builds(
    view,
    mid2=st.integers(2_000, 40_000_000),
    position=st.floats(-0.2, 0.2),
    volatility=st.floats(0, 0.05),
    micro_price=st.floats(500, 25_000_000),
    order_flow=st.floats(-1e6, 1e6),
    depth_imbalance=st.floats(-1, 1),
    wall_s=st.floats(0, 1e10),
)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=150, deadline=None)
@given(each=VIEWS, fee=st.sampled_from(["-0.0001", "0", "0.0002", "0.001", "0.01"]))
def test_no_strategy_takes_crosses_itself_goes_below_its_fees_or_beyond_its_inventory(name, each, fee):
    rules = eth_rules(maker_fee=Decimal(fee))
    values = {"flowWeight": "1", "depthWeight": "1"} if name == "SignalSkew" else {}
    quotes = make(name, rules, **values).quote(each)
    bids, asks = [q.price for q in quotes.bids], [q.price for q in quotes.asks]
    assert bids == sorted(set(bids), reverse=True) and asks == sorted(set(asks))
    assert all(0 < price < each.ask for price in bids)
    assert all(price > each.bid for price in asks)
    assert all(q.size > 0 for q in (*quotes.bids, *quotes.asks))
    if bids and asks:
        least = 2 * (
            each.mid * max(float(fee), 0.0) * 0.4 + 1
        )  # the fair price may lean, but nowhere near that far
        assert asks[0] - bids[0] >= least
    lot = float(rules.lot)
    assert each.position + lot * sum(q.size for q in quotes.bids) <= max(0.05, each.position) + 1e-9
    assert each.position - lot * sum(q.size for q in quotes.asks) >= min(-0.05, each.position) - 1e-9


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=100, deadline=None)
@given(
    mid2=st.integers(20_000, 40_000_000),
    volatility=st.floats(0, 0.01),
    positions=st.tuples(st.floats(-0.049, 0.039), st.floats(0.0001, 0.01)),
)
def test_with_more_inventory_no_quote_is_higher(name, mid2, volatility, positions):
    less, step = positions
    strategy = make(name)
    low = strategy.quote(view(mid2, less, volatility))
    high = strategy.quote(view(mid2, less + step, volatility))
    for before, after in ((low.bid, high.bid), (low.ask, high.ask)):
        if before is not None and after is not None:
            assert after.price <= before.price


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=100, deadline=None)
@given(volatility=st.tuples(st.floats(0, 0.01), st.floats(0, 0.01)))
def test_a_wilder_market_is_never_quoted_tighter(name, volatility):
    calm, wild = sorted(volatility)
    strategy = make(name)
    assert (
        strategy.quote(view(volatility=wild)).half_spread
        >= strategy.quote(view(volatility=calm)).half_spread - 1e-9
    )


@pytest.mark.parametrize("name", NAMES)
def test_every_parameter_has_its_row_on_the_strategy_s_page(name):
    pages = {page.name: page.read_text() for page in PAGES.glob("*.md")}
    for each in BUILT_IN[name].parameters:
        row = f"| `{each.name}` | {format_decimal(each.default)} | {each.legal_range} | {each.unit} | {each.meaning} |"
        assert any(row in text for text in pages.values()), f"no page of docs/strategies has: {row}"


@pytest.mark.parametrize("name", NAMES)
def test_defaults_are_legal_and_every_bound_is_refused_by_name_when_crossed(name):
    validate_parameters(name, {})
    for each in BUILT_IN[name].parameters:
        for wrong in (each.low - 1, each.high + 1, Decimal("NaN"), Decimal("Infinity")):
            with pytest.raises(ParameterError, match=each.name) as caught:
                validate_parameters(name, {each.name: wrong})
            assert each.legal_range in str(caught.value)


# --- grid ---------------------------------------------------------------------------------------------------------------------------------


def test_the_worked_grid_of_the_page():
    quotes = make("MultiLayerGrid").quote(view())
    assert [q.price for q in quotes.bids] == [249_937, 249_812, 249_687]
    assert [q.price for q in quotes.asks] == [250_063, 250_188, 250_313]
    assert {q.size for q in quotes.bids} == {100}
    quotes = make("MultiLayerGrid", stepGrowth="2", sizeRatio="2").quote(view())
    assert [quotes.bids[0].price - q.price for q in quotes.bids] == [0, 125, 375]
    assert [q.size for q in quotes.bids] == [42, 85, 171]


def test_a_grid_fills_what_inventory_is_left_from_the_best_level_outwards():
    quotes = make("MultiLayerGrid").quote(view(position=0.035))
    assert [q.size for q in quotes.bids] == [100, 50]
    assert [q.size for q in quotes.asks] == [100, 100, 100]


def test_a_fraction_of_a_level_is_refused():
    with pytest.raises(ParameterError, match=r"levels: 2.5 is outside a whole number of 1 … 20 levels"):
        validate_parameters("MultiLayerGrid", {"levels": Decimal("2.5")})


@settings(max_examples=100, deadline=None)
@given(
    levels=st.integers(1, 20),
    ratio=st.decimals("0.1", "10", places=2),
    growth=st.decimals("1", "3", places=2),
)
def test_sizes_of_a_side_never_exceed_the_total_and_levels_stay_apart(levels, ratio, growth):
    strategy = make(
        "MultiLayerGrid", levels=str(levels), sizeRatio=str(ratio), stepGrowth=str(growth), step="0.000001"
    )
    quotes = strategy.quote(view(mid2=20_000))
    assert sum(q.size for q in quotes.bids) <= 300
    prices = [q.price for q in quotes.asks]
    assert len(set(prices)) == len(prices)


# --- signals ------------------------------------------------------------------------------------------------------------------------------


def test_the_worked_lean_of_the_page():
    skewed = make("SignalSkew", microWeight="1", flowWeight="0.5", depthWeight="0.2", volatilityFactor="0")
    plain = make("SignalSkew", microWeight="0", volatilityFactor="0", baseSpread="0.0007")
    assert plain.needs == frozenset()
    assert skewed.needs == {Signal.MICRO_PRICE, Signal.ORDER_FLOW, Signal.DEPTH_IMBALANCE}
    each = view(micro_price=250_000.4, order_flow=0.6, depth_imbalance=0.5, bid=249_999, ask=250_001)
    assert skewed._lean(each) == pytest.approx(0.8)


def test_the_lean_is_bounded_by_the_half_spread():
    strategy = make("SignalSkew", microWeight="1", maxLean="0.5")
    far = strategy.quote(view(micro_price=260_000.0))
    plain = strategy.quote(view())
    assert far.bid.price - plain.bid.price == pytest.approx(plain.half_spread / 2, abs=1)


@pytest.mark.parametrize("missing", ["micro_price", "order_flow", "depth_imbalance"])
def test_a_missing_signal_is_waited_for_and_not_replaced_by_zero(missing):
    strategy = make("SignalSkew", microWeight="1", flowWeight="1", depthWeight="1")
    quotes = strategy.quote(view(**{missing: None}))
    assert quotes.waiting == "SignalsUnknown"
    assert quotes.bids == quotes.asks == ()


# --- calibration --------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["AvellanedaStoikov", "GLFT", "GLFT2017"])
def test_a_good_fit_takes_the_place_of_the_given_arrivals_and_a_bad_one_does_not(name):
    given_values = make(name)
    fitted = make(name, calibrate="1", minFit="0.9")
    assert given_values.needs == frozenset() and fitted.needs == {Signal.INTENSITY}
    good = view(volatility=1e-5, intensity=Intensity(2.0, 0.05, 0.95))
    bad = view(volatility=1e-5, intensity=Intensity(2.0, 0.05, 0.85))
    assert fitted.quote(bad).half_spread == given_values.quote(bad).half_spread
    assert fitted.quote(good).half_spread < given_values.quote(good).half_spread
    assert given_values.quote(good).half_spread == given_values.quote(bad).half_spread
