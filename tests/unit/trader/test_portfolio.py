"""Several symbols in one trader: split of the capital, limits across symbols, a halt of one symbol alone."""

from __future__ import annotations

import math
import random
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_driver import Driver, of, trader_config

from mm_api.kinds.common import HaltLevel, PortfolioSpec, SplitMethod
from mm_api.redis_contract import Latch, LatchSource
from mm_trader.core import events as ev
from mm_trader.core.commands import Cancel, Place, RaiseHalt
from mm_trader.core.events import Side
from mm_trader.core.state import Restored
from mm_trader.portfolio.allocation import (
    capped,
    differs,
    equal_split,
    inverse_volatility,
    risk_parity,
    shares,
)
from mm_trader.portfolio.correlation import STEP_NS, Correlations
from mm_trader.portfolio.cross import correlated_room, net_room

TWO = ("ETHUSDC", "BTCUSDC")

# --- split --------------------------------------------------------------------------------------------------------------------------------

WEIGHTS = st.dictionaries(
    st.sampled_from([f"S{i}" for i in range(6)]), st.floats(1e-6, 1), min_size=1, max_size=6
).map(lambda raw: {k: v / sum(raw.values()) for k, v in raw.items()})
SIGMAS = st.dictionaries(
    st.sampled_from([f"S{i}" for i in range(6)]), st.floats(1e-6, 1e-2), min_size=1, max_size=6
)


@settings(max_examples=300, deadline=None)
@given(capital=st.integers(0, 10**24), weights=WEIGHTS, cap=st.floats(0.05, 1))
def test_shares_never_add_up_to_more_than_the_capital_and_caps_hold(capital, weights, cap):
    limited = capped(weights, cap)
    assert all(weight <= cap + 1e-12 for weight in limited.values())
    assert sum(limited.values()) <= 1 + 1e-9
    if cap * len(weights) >= 1:
        assert sum(limited.values()) == pytest.approx(1)
    split = shares(capital, limited)
    assert sum(split.values()) <= capital
    assert all(share <= capital * (cap + 1e-9) + 1 for share in split.values())


@given(capital=st.integers(0, 10**24), count=st.integers(1, 16))
def test_an_equal_split_is_equal_and_within_the_capital(capital, count):
    split = equal_split(capital, [f"S{i}" for i in range(count)])
    assert len(set(split.values())) == 1 and sum(split.values()) <= capital


def test_inverse_volatility_and_cap_as_on_the_page():
    weights = inverse_volatility({"A": 1e-4, "B": 3e-4})
    assert weights == {"A": pytest.approx(0.75), "B": pytest.approx(0.25)}
    assert capped(weights, 0.7) == {"A": 0.7, "B": pytest.approx(0.3)}


@settings(max_examples=100, deadline=None)
@given(sigmas=SIGMAS, rho=st.floats(0, 0.95))
def test_risk_parity_gives_every_symbol_the_same_share_of_the_variance(sigmas, rho):
    def correlation(a: str, b: str) -> float:
        return rho if {a, b} != {"S0", "S1"} else rho / 2

    weights = risk_parity(sigmas, correlation)
    assert sum(weights.values()) == pytest.approx(1)
    contributions = [
        weights[a]
        * sigmas[a]
        * sum(weights[b] * sigmas[b] * (1.0 if a == b else correlation(a, b)) for b in sigmas)
        for a in sigmas
    ]
    assert max(contributions) == pytest.approx(min(contributions), rel=1e-6)


def test_a_missing_volatility_gives_nobody_everything():
    assert inverse_volatility({"A": 0.0, "B": 1e-4}) == {"A": 0.5, "B": 0.5}
    assert risk_parity({"A": math.nan, "B": 1e-4, "C": 1e-4}, lambda *_: 0.5)["A"] == pytest.approx(1 / 3)


def test_hysteresis_ignores_small_moves():
    assert not differs({"A": 0.5, "B": 0.5}, {"A": 0.54, "B": 0.46}, 0.1)
    assert differs({"A": 0.5, "B": 0.5}, {"A": 0.56, "B": 0.44}, 0.1)


# --- correlation --------------------------------------------------------------------------------------------------------------------------


def test_correlations_are_one_until_known_and_then_follow_the_market():
    chance = random.Random(4)
    correlations = Correlations(("A", "B", "C"))
    assert correlations.of("A", "B") == 1.0
    a = b = c = 0.0
    for step in range(300):
        common = chance.gauss(0, 1e-4)
        a, b, c = a + common, b - common, c + chance.gauss(0, 1e-4)
        mids = {name: int(1e9 * math.exp(x)) for name, x in zip("ABC", (a, b, c), strict=True)}
        correlations.sample(step * STEP_NS, mids)
    assert correlations.of("A", "B") == pytest.approx(-1, abs=0.01)
    assert abs(correlations.of("A", "C")) < 0.35
    assert correlations.of("A", "A") == 1.0


def test_a_symbol_without_a_price_makes_a_gap_and_no_jump():
    correlations = Correlations(("A", "B"))
    for step in range(100):
        mids = {"A": 10**6 + step % 2, "B": None if step % 2 else 10**6}
        correlations.sample(step * STEP_NS, mids)
    assert not correlations.known and correlations.of("A", "B") == 1.0


def test_room_across_symbols_as_on_the_page():
    sides = {"ETH": (0, 0), "BTC": (4_000, 0)}
    assert net_room(6_000, sides, 1) == 2_000
    assert net_room(6_000, sides, -1) == 6_000
    assert correlated_room(6_000, sides, "ETH", 1, lambda *_: 0.5) == pytest.approx(4_000, abs=1)
    assert correlated_room(6_000, sides, "ETH", -1, lambda *_: -0.5) == pytest.approx(4_000, abs=1)
    assert correlated_room(6_000, sides, "ETH", 1, lambda *_: -1.0) == pytest.approx(6_000, abs=1)


@settings(max_examples=200, deadline=None)
@given(
    held=st.lists(st.tuples(st.integers(0, 5_000), st.integers(0, 5_000)), min_size=2, max_size=4),
    rho=st.floats(-1, 1),
    direction=st.sampled_from([1, -1]),
)
def test_filling_the_correlated_room_exceeds_the_limit_from_nobody_s_point_of_view(held, rho, direction):
    limit = 10_000
    sides = {f"S{i}": each for i, each in enumerate(held)}
    room = correlated_room(limit, sides, "S0", direction, lambda *_: rho)
    if room <= 0:
        return
    long, short = sides["S0"]
    after = sides | {"S0": (long + room, short) if direction > 0 else (long, short + room)}
    for seen in (1, -1):
        for name in after:
            before_total, total = (
                sum(
                    abs(1.0 if other == name else rho)
                    * state[other][0 if (1.0 if other == name else rho) * seen > 0 else 1]
                    for other in state
                )
                for state in (sides, after)
            )
            assert total <= max(limit, before_total) + 1


# --- in the kernel ------------------------------------------------------------------------------------------------------------------------


def two(parameters: dict[str, str] | None = None, portfolio: PortfolioSpec | None = None, **risk) -> Driver:
    config = trader_config(TWO, parameters=parameters, **risk)
    return Driver(config.model_copy(update={"portfolio": portfolio}))


def quoting(driver: Driver) -> dict[tuple[str, Side], Place]:
    places = driver.start()
    for place in places:
        driver.accept(place)
    return {(place.symbol, place.side): place for place in places}


def test_a_symbol_that_loses_its_limit_is_halted_and_the_other_trades_on():
    driver = two({"baseSize": "0.04"}, symbol_loss_limit=Decimal(1), daily_loss_limit=Decimal(100))
    places = quoting(driver)
    driver.fill(places["ETHUSDC", Side.BUY])
    driver.log.clear()
    driver.market("2470.00", "2470.01", "ETHUSDC")
    (halt,) = of(RaiseHalt, driver.log)
    assert halt.latch.reason == "SymbolLossLimit" and halt.latch.symbol == "ETHUSDC"
    assert halt.latch.level is HaltLevel.NONE
    assert {c.symbol for c in of(Cancel, driver.log)} == {"ETHUSDC"}
    status = driver.kernel.status()
    assert status.halts == (halt.latch.id,)
    assert status.phase.value == "Quoting"
    driver.canceled(places["ETHUSDC", Side.SELL])
    driver.log.clear()
    driver.wait(300)
    driver.market("2600.00", "2600.01", "BTCUSDC")
    for side in Side:
        driver.canceled(places["BTCUSDC", side])
    driver.market("2470.00", "2470.01", "ETHUSDC")
    assert {p.symbol for p in of(Place, driver.log)} == {"BTCUSDC"}


def test_only_the_halt_s_own_id_lifts_it_and_the_loss_counts_from_there():
    driver = two({"baseSize": "0.04"}, symbol_loss_limit=Decimal(1))
    places = quoting(driver)
    driver.fill(places["ETHUSDC", Side.BUY])
    driver.market("2470.00", "2470.01", "ETHUSDC")
    for place in of(Place, driver.log):
        if place.symbol == "ETHUSDC" and driver.state(place.client_id) is not None:
            driver.canceled(place)
    halt = driver.kernel.status().halts[0]
    driver.log.clear()
    driver.feed(ev.HaltLifted(ts=driver.ts, halt_id="risk-symbollosslimit-btcusdc-1"))
    assert driver.kernel.status().halts == (halt,)
    driver.feed(ev.HaltLifted(ts=driver.ts, halt_id=halt))
    assert driver.kernel.status().halts == ()
    driver.wait(10)
    driver.market("2470.00", "2470.01", "ETHUSDC")
    assert {p.symbol for p in of(Place, driver.log)} == {"ETHUSDC"}


def test_the_limit_of_the_account_halts_every_symbol():
    driver = two({"baseSize": "0.04"}, symbol_loss_limit=Decimal(50), daily_loss_limit=Decimal(1))
    places = quoting(driver)
    driver.fill(places["ETHUSDC", Side.BUY])
    driver.log.clear()
    driver.market("2470.00", "2470.01", "ETHUSDC")
    assert [h.latch.reason for h in of(RaiseHalt, driver.log)] == ["DailyLossLimit"]
    assert {c.symbol for c in of(Cancel, driver.log)} == set(TWO)


def test_a_symbol_s_halt_and_its_day_survive_a_restart():
    driver = two({"baseSize": "0.04"}, symbol_loss_limit=Decimal(2))
    places = quoting(driver)
    driver.fill(places["ETHUSDC", Side.BUY])
    driver.market("2470.00", "2470.01", "ETHUSDC")
    assert driver.kernel.status().halts == (), "1.2 of 2 lost"
    again = Driver(driver.config, restored=Restored(ledger=driver.kernel.ledger()))
    again.streams()
    again.allow()
    for symbol in TWO:
        again.snapshot(symbol)
    again.market("2470.00", "2470.01", "BTCUSDC")
    again.market("2440.00", "2440.01", "ETHUSDC")
    assert "symbollosslimit-ethusdc" in again.kernel.status().halts[0]
    latch = Latch(
        id="risk-symbollosslimit-btcusdc-1",
        level=HaltLevel.NONE,
        source=LatchSource.RISK,
        reason="SymbolLossLimit",
        at_ms=0,
    )
    third = Driver(driver.config, restored=Restored(latches=(latch,)))
    assert {p.symbol for p in third.start()} == {"ETHUSDC"}


def test_the_net_limit_holds_over_both_symbols_and_all_their_orders():
    driver = two({"baseSize": "0.3", "maxInventory": "3"}, max_net_exposure=Decimal(1_000))
    places = driver.start()
    for side in Side:
        money = sum(p.price * p.size for p in places if p.side is side) * Decimal("0.000001")
        assert 700 < money <= 1_000


def test_unknown_correlation_counts_as_one_and_orders_that_reduce_are_always_allowed():
    driver = two({"baseSize": "0.3", "maxInventory": "3"}, max_correlated_exposure=Decimal(800))
    places = quoting(driver)
    total = sum(p.price * p.size for p in places.values() if p.side is Side.BUY) * Decimal("0.000001")
    assert total <= 800
    bid = places["ETHUSDC", Side.BUY]
    driver.fill(bid)
    asks = [p for p in of(Place, driver.log) if p.symbol == "ETHUSDC" and p.side is Side.SELL]
    assert asks, "the ask that brings the position back stands"


def test_a_limit_that_is_tightened_while_running_takes_effect_at_once():
    driver = two({"baseSize": "0.3", "maxInventory": "3"})
    places = quoting(driver)
    driver.log.clear()
    driver.feed(ev.LimitsTightened(ts=driver.ts, limits={"maxNetExposure": Decimal(100)}))
    assert {c.client_id for c in of(Cancel, driver.log)} == {p.client_id for p in places.values()}


def test_capital_follows_the_volatility_once_it_has_moved_enough():
    split = PortfolioSpec(split=SplitMethod.INVERSE_VOLATILITY, max_weight=Decimal("0.8"))
    driver = two(portfolio=split)
    quoting(driver)
    desks = driver.kernel._core.desks
    assert desks["ETHUSDC"].capital == desks["BTCUSDC"].capital
    for step in range(150):
        driver.tick(1000)
        driver.market("2500.00", "2500.01", "ETHUSDC")
        price = Decimal(2500) + (step % 2) * 2
        driver.market(str(price), str(price + Decimal("0.01")), "BTCUSDC")
    assert desks["ETHUSDC"].capital > desks["BTCUSDC"].capital
    assert sum(desk.capital for desk in desks.values()) <= driver.kernel._core.settings.capital


def test_fixed_weights_and_parameters_per_symbol():
    config = trader_config(TWO, parameters={"baseSize": "0.02"})
    config = config.model_copy(
        update={
            "portfolio": PortfolioSpec(weights={"ETHUSDC": Decimal("0.25"), "BTCUSDC": Decimal("0.5")}),
            "strategy": config.strategy.model_copy(
                update={"symbol_parameters": {"BTCUSDC": {"baseSize": Decimal("0.03")}}}
            ),
        }
    )
    driver = Driver(config)
    sizes = {place.symbol: place.size for place in driver.start()}
    assert sizes == {"ETHUSDC": 200, "BTCUSDC": 300}
    desks = driver.kernel._core.desks
    assert [desks[symbol].capital * 4 // desks["ETHUSDC"].capital for symbol in TWO] == [4, 8]
    driver.log.clear()
    driver.feed(ev.ParametersChanged(ts=driver.ts, parameters={"baseSize": Decimal("0.01")}))
    assert driver.kernel._core.desks["BTCUSDC"].strategy._shaper._sizes == (300,)
    assert driver.kernel._core.desks["ETHUSDC"].strategy._shaper._sizes == (100,)


@pytest.mark.parametrize(
    "change,words",
    [
        ({"portfolio": {"weights": {"ETHUSDC": "0.5"}}}, "BTCUSDC has none"),
        ({"portfolio": {"weights": {"ETHUSDC": "0.9", "BTCUSDC": "0.2"}}}, "add up to 1.1"),
        ({"portfolio": {"split": "RiskParity", "weights": {"ETHUSDC": "0.5"}}}, "for split Fixed"),
        ({"portfolio": {"maxWeight": "1.5"}}, "maxWeight"),
        ({"strategy": {"symbolParameters": {"XRPUSDC": {}}}}, "XRPUSDC is not among symbols"),
        ({"portfolio": {"split": "Magic"}}, "split"),
    ],
)
def test_a_wrong_portfolio_is_refused_by_name(change, words):
    from mm_trader.shell.config import parse_config
    from mm_trader.shell.errors import ConfigError

    wire = trader_config(TWO).to_wire()
    with pytest.raises(ConfigError, match=words):
        parse_config(wire | change, "file")


def test_a_wrong_parameter_of_one_symbol_is_refused():
    from mm_trader.shell.config import parse_config
    from mm_trader.shell.errors import ConfigError

    wire = trader_config(TWO).to_wire()
    wire["strategy"] = {"symbolParameters": {"BTCUSDC": {"baseSpread": "7"}}}
    with pytest.raises(ConfigError, match="baseSpread: 7 is outside"):
        parse_config(wire, "file")
