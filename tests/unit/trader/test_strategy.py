"""BasicMarketMaking: worked numbers of its page, its floors and caps, and what its parameters may be."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_driver import Driver, eth_rules, of, trader_config

from mm_trader.core import events as ev
from mm_trader.core.commands import Alert, Cancel, Place
from mm_trader.kernel import ConfigurationError
from mm_trader.market.volatility import EwmaVolatility, annualised
from mm_trader.strategy.base import MarketView
from mm_trader.strategy.basic import BasicMarketMaking
from mm_trader.strategy.parameters import ParameterError
from mm_trader.strategy.registry import BUILT_IN, validate_parameters


def strategy(rules=None, **values: str) -> BasicMarketMaking:
    given_values = {name: Decimal(value) for name, value in values.items()}
    return BasicMarketMaking(validate_parameters("BasicMarketMaking", given_values), rules or eth_rules())


def view(
    position: float = 0.0, volatility: float = 1e-4, mid: float = 250_000.0, weighted: float | None = None
) -> MarketView:
    return MarketView(
        bid=int(mid) - 1,
        ask=int(mid) + 1,
        mid=mid,
        weighted_mid=mid if weighted is None else weighted,
        volatility=volatility,
        position=position,
    )


def test_the_worked_numbers_of_the_page():
    quotes = strategy().quote(view(position=0.025))
    assert quotes.half_spread == pytest.approx(96.25)
    assert (quotes.bid.price, quotes.ask.price) == (249_889, 250_082)


def test_a_full_inventory_quotes_only_the_side_that_brings_it_back():
    quotes = strategy().quote(view(position=0.05))
    assert quotes.bid is None
    assert quotes.ask.size == 100
    quotes = strategy().quote(view(position=-0.045))
    assert (quotes.bid.size, quotes.ask.size) == (100, 50)


def test_no_quote_is_tighter_than_fee_and_a_tick_whatever_the_cap_says():
    costly = eth_rules(maker_fee=Decimal("0.001"))
    quotes = strategy(costly, maxSpread="0.0006").quote(view())
    assert quotes.half_spread == pytest.approx(250_000 * 0.001 + 1)


def test_a_rebate_does_not_take_the_tick_away():
    quotes = strategy(
        eth_rules(maker_fee=Decimal("-0.001")), baseSpread="0.00001", volatilityFactor="0"
    ).quote(view(mid=1000.0))
    assert quotes.half_spread == 1


@given(
    st.lists(
        st.builds(
            view,
            position=st.sampled_from([0.0, 0.02, -0.05]),
            volatility=st.sampled_from([1e-4, 3e-4]),
            mid=st.sampled_from([250_000.0, 250_000.5, 260_000.0]),
            weighted=st.sampled_from([None, 250_000.3]),
        ),
        max_size=20,
    )
)
def test_what_was_seen_before_changes_no_quote(views: list[MarketView]) -> None:
    one = strategy(microWeight="0.5")
    assert [one.quote(each) for each in views] == [strategy(microWeight="0.5").quote(each) for each in views]


def test_the_cap_bounds_a_wild_market():
    assert strategy().quote(view(volatility=0.5)).half_spread == pytest.approx(250_000 * 0.005)


def test_the_fair_price_leans_to_the_weighted_mid_as_far_as_asked():
    plain = strategy().quote(view(weighted=250_010.0))
    leaning = strategy(microWeight="1").quote(view(weighted=250_010.0))
    assert leaning.bid.price - plain.bid.price == 10


@settings(max_examples=200, deadline=None)
@given(
    position=st.floats(-0.2, 0.2),
    volatility=st.floats(0, 0.1),
    mid=st.integers(2_000, 20_000_000),
)
def test_quotes_never_cross_never_take_and_never_exceed_the_inventory(position, volatility, mid):
    each = view(position, volatility, float(mid))
    quotes = strategy().quote(each)
    if quotes.bid is not None:
        assert 0 < quotes.bid.price < each.ask
        assert position + quotes.bid.size * 0.0001 <= 0.05 + 1e-9
    if quotes.ask is not None:
        assert quotes.ask.price > each.bid
        assert position - quotes.ask.size * 0.0001 >= -0.05 - 1e-9
    if quotes.bid is not None and quotes.ask is not None:
        assert quotes.bid.price < quotes.ask.price


@pytest.mark.parametrize(
    "values,words",
    [
        ({"baseSpread": "0"}, ["baseSpread", "0.00001 … 0.1"]),
        ({"skewFactor": "-1"}, ["skewFactor", "0 … 2"]),
        ({"skewFactor": "NaN"}, ["skewFactor"]),
        ({"speed": "1"}, ["speed", "no such parameter", "baseSpread"]),
        ({"maxInventory": "0.001"}, ["maxInventory", "below baseSize"]),
        ({"maxSpread": "0.0001"}, ["maxSpread", "below baseSpread"]),
    ],
)
def test_a_wrong_parameter_is_named_with_its_legal_range(values, words):
    with pytest.raises(ParameterError) as caught:
        validate_parameters("BasicMarketMaking", {name: Decimal(value) for name, value in values.items()})
    assert all(word in str(caught.value) for word in words)


def test_all_problems_are_named_at_once_and_snake_case_is_understood():
    with pytest.raises(ParameterError) as caught:
        validate_parameters("BasicMarketMaking", {"base_spread": Decimal(5), "skew_factor": Decimal(9)})
    assert len(caught.value.problems) == 2
    assert validate_parameters("BasicMarketMaking", {"base_size": Decimal("0.02")})["baseSize"] == Decimal(
        "0.02"
    )


def test_an_unknown_strategy_is_refused_by_name():
    with pytest.raises(ParameterError, match=r"strategy\.name: 'Magic'"):
        validate_parameters("Magic", {})


def test_a_plug_in_strategy_is_used_by_its_name():
    class Wide(BasicMarketMaking):
        pass

    config = trader_config()
    config = config.model_copy(update={"strategy": config.strategy.model_copy(update={"name": "Wide"})})
    from mm_trader.core.ids import ClientIds
    from mm_trader.core.state import Restored
    from mm_trader.kernel import Kernel

    kernel = Kernel(
        config,
        {"ETHUSDC": eth_rules()},
        ClientIds("x", 1, 1),
        Restored(),
        ts=0,
        wall_ns=0,
        strategies={**BUILT_IN, "Wide": Wide},
    )
    assert kernel.is_flat()


def test_parameters_change_while_running_and_bad_ones_change_nothing():
    driver = Driver()
    bid, ask = driver.quoting()
    driver.feed(ev.ParametersChanged(ts=driver.ts, parameters={"baseSpread": Decimal(7)}))
    (alert,) = of(Alert, driver.last)
    assert "baseSpread" in alert.record.message
    assert of(Cancel, driver.last) == []
    driver.feed(ev.ParametersChanged(ts=driver.ts, parameters={"baseSpread": Decimal("0.004")}))
    assert {c.client_id for c in of(Cancel, driver.last)} == {bid.client_id, ask.client_id}
    driver.canceled(bid)
    assert of(Place, driver.last)[0].price < bid.price - 300


def test_symbols_in_two_quote_currencies_or_without_rules_are_refused():
    config = trader_config(("ETHUSDC", "BTCUSDT"))
    with pytest.raises(ConfigurationError, match="USDC and USDT"):
        Driver(
            config,
            {"ETHUSDC": eth_rules(), "BTCUSDT": eth_rules("BTCUSDT", base_asset="BTC", quote_asset="USDT")},
        )
    with pytest.raises(ConfigurationError, match="BTCUSDT"):
        Driver(config, {"ETHUSDC": eth_rules()})


def test_volatility_follows_its_formula_and_merges_ticks_within_a_second():
    volatility = EwmaVolatility(tau_s=60, prior=1e-4)
    volatility.sample(0, 2_000_000)
    volatility.sample(500_000_000, 9_000_000)
    assert volatility.sigma == 1e-4
    volatility.sample(1_000_000_000, 2_000_600)
    assert volatility.sigma == pytest.approx(1.064e-4, rel=1e-3)
    assert annualised(1.42e-4) == pytest.approx(0.797, abs=0.001)


def test_a_gap_in_the_data_is_no_tick():
    volatility = EwmaVolatility()
    volatility.sample(0, 2_000_000)
    before = volatility.sigma
    volatility.forget_last()
    volatility.sample(5_000_000_000, 4_000_000)
    assert volatility.sigma == before
