"""Market guards, behaviour and clock: what each one measures, and what it does to the quotes."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from kernel_driver import MS, SECOND, Driver, of, trader_config

from mm_api.redis_contract import LedgerRecord
from mm_api.risk_config import GuardConfig
from mm_trader.core import events as ev
from mm_trader.core.commands import Place
from mm_trader.core.events import Side
from mm_trader.core.state import Restored, RiskLevel
from mm_trader.core.units import NS_PER_S
from mm_trader.risk.behaviour import BehaviourMonitor
from mm_trader.risk.guards import GuardLimits, SymbolGuards, VolatilityJump, Vpin
from mm_trader.risk.skew import ClockSkew

LIMITS = GuardLimits(
    hold=30 * NS_PER_S,
    mark_out_horizon_ms=1000,
    mark_out_fills=5,
    mark_out_cautious_bp=2.0,
    mark_out_reduce_bp=5.0,
    vpin_buckets=5,
    vpin_cautious=0.6,
    vpin_reduce=0.9,
    jump_cautious=3.0,
    jump_reduce=6.0,
)


def guards(**changes: Any) -> SymbolGuards:
    import msgspec

    return SymbolGuards(msgspec.structs.replace(LIMITS, **changes), prior_sigma=1e-4)


def fills(guard: SymbolGuards, bp: float, count: int = 5) -> None:
    for _ in range(count):
        guard.mark_out.add(1000, bp)


@pytest.mark.parametrize(
    ("bp", "level"),
    [
        (-1.9, RiskLevel.NORMAL),
        (-2.0, RiskLevel.CAUTIOUS),
        (-5.0, RiskLevel.REDUCE_ONLY),
        (9.0, RiskLevel.NORMAL),
    ],
)
def test_sustained_adverse_mark_out_asks_for_its_level(bp: float, level: RiskLevel) -> None:
    g = guards()
    fills(g, bp, 4)
    g.mark_out.add(5000, -99.0)  # another horizon
    g.judge(0)
    assert g.level is RiskLevel.NORMAL
    fills(g, bp, 1)
    g.judge(0)
    assert g.level is level


def test_a_level_stays_for_its_hold_then_the_next_fills_are_judged_and_not_the_old_ones() -> None:
    g = guards()
    fills(g, -3.0)
    assert g.judge(0)
    assert g.reasons == ("MarkOut",)
    assert not g.judge(30 * NS_PER_S - 1)
    assert g.judge(30 * NS_PER_S)
    assert g.level is RiskLevel.NORMAL
    g.mark_out.add(1000, -3.0)
    g.judge(31 * NS_PER_S)
    assert g.level is RiskLevel.NORMAL
    fills(g, -3.0, 4)
    g.judge(32 * NS_PER_S)
    assert g.level is RiskLevel.CAUTIOUS


def test_it_deepens_at_once_and_new_adverse_fills_renew_the_hold() -> None:
    g = guards()
    fills(g, -3.0)
    g.judge(0)
    fills(g, -9.0)
    g.judge(NS_PER_S)
    assert g.level is RiskLevel.REDUCE_ONLY
    fills(g, -9.0, 1)
    g.judge(29 * NS_PER_S)
    g.judge(58 * NS_PER_S)
    assert g.level is RiskLevel.REDUCE_ONLY


def test_thresholds_that_are_unset_are_off() -> None:
    g = guards(mark_out_cautious_bp=None, mark_out_reduce_bp=None)
    fills(g, -99.0)
    g.judge(0)
    assert g.level is RiskLevel.NORMAL


def trades(vpin: Vpin, seconds: int, sides: str, start: int = 0) -> None:
    """One trade of 10 lots a second; `sides` is repeated: B a buyer took, S a seller took."""
    for second in range(start, start + seconds):
        vpin.add(second * NS_PER_S, 10, buyer_is_maker=sides[second % len(sides)] == "S")


def test_vpin_is_none_at_first_0_for_a_balanced_flow_and_1_for_a_one_sided_one() -> None:
    balanced, one_sided = Vpin(5), Vpin(5)
    trades(balanced, 61, "BS")
    assert balanced.value is None
    trades(balanced, 400, "BS", 61)
    trades(one_sided, 400, "B")
    assert balanced.value is not None
    assert balanced.value < 0.15
    assert one_sided.value == pytest.approx(1.0)


def test_vpin_of_three_buys_to_one_sell_is_a_half() -> None:
    vpin = Vpin(20)
    trades(vpin, 600, "BBBS")
    assert vpin.value == pytest.approx(0.5, abs=0.1)


def test_one_trade_that_fills_several_buckets_counts_in_each() -> None:
    vpin = Vpin(5)
    trades(vpin, 100, "BS")
    vpin.add(101 * NS_PER_S, 10_000, buyer_is_maker=True)
    assert vpin.value is not None
    assert vpin.value > 0.8


def test_toxic_flow_asks_for_its_level_and_runs_out_when_the_flow_is_balanced_again() -> None:
    g = guards()
    trades(g.vpin, 300, "B")
    g.judge(300 * NS_PER_S)
    assert (g.level, g.reasons) == (RiskLevel.REDUCE_ONLY, ("ToxicFlow",))
    trades(g.vpin, 300, "BS", 300)
    g.judge(600 * NS_PER_S)
    g.judge(640 * NS_PER_S)
    assert g.level is RiskLevel.NORMAL


def test_a_volatility_jump_is_seen_against_the_slow_estimate_and_a_calm_market_is_none() -> None:
    jump = VolatilityJump(prior=1e-4)
    for second in range(120):
        jump.sample(second * NS_PER_S, 200_000 + 20 * (second % 2))
    assert jump.ratio == pytest.approx(1.0, abs=0.2)
    jump.sample(120 * NS_PER_S, 204_000)
    assert jump.ratio > 5


def test_a_gap_in_the_data_is_no_jump() -> None:
    jump = VolatilityJump(prior=1e-4)
    for second in range(60):
        jump.sample(second * NS_PER_S, 200_000 + 20 * (second % 2))
    before = jump.ratio
    jump.forget_last()
    jump.sample(600 * NS_PER_S, 260_000)
    assert jump.ratio == before


def test_a_guard_widens_its_own_symbol_and_is_told_of() -> None:
    driver = Driver(
        trader_config(
            guards=GuardConfig(mark_out_fills=5, mark_out_cautious_bp=Decimal(1), mark_out_reduce_bp=None)
        )
    )
    bid, _ = driver.quoting()
    for _ in range(5):
        driver.kernel._core.desks["ETHUSDC"].guards.mark_out.add(1000, -4.0)
    driver.tick()
    status = driver.kernel.status()
    assert status.guards == {"ETHUSDC": ("MarkOut",)}
    assert status.guard_levels == {"ETHUSDC": RiskLevel.CAUTIOUS}
    driver.ticks(2)
    driver.report(bid, "CANCELED", "CANCELED")
    driver.ticks(2)
    wider = [place for place in of(Place, driver.log) if place.side is Side.BUY][-1]
    assert wider.price < bid.price
    assert wider.size < bid.size


def test_own_fills_feed_the_guard_through_the_mark_outs() -> None:
    driver = Driver(
        trader_config(
            guards=GuardConfig(mark_out_fills=5, mark_out_cautious_bp=Decimal(1), mark_out_reduce_bp=None)
        )
    )
    bid, _ = driver.quoting()
    for number in range(1, 6):
        driver.report(bid, "TRADE", "PARTIALLY_FILLED", number, driver.trade(bid, 1))
    driver.wait(900)
    driver.market("2490.00", "2490.01")
    driver.wait(200)
    driver.tick()
    assert driver.kernel.status().guards == {"ETHUSDC": ("MarkOut",)}


def test_public_trades_feed_vpin() -> None:
    driver = Driver()
    driver.quoting()
    for number in range(700):
        driver.wait(1000)
        driver.feed(
            ev.PublicTrade(
                ts=driver.ts, symbol="ETHUSDC", trade_id=number, price=1, size=10, buyer_is_maker=False
            )
        )
    assert driver.kernel.status().vpin["ETHUSDC"] == pytest.approx(1.0)


# --- behaviour ----------------------------------------------------------------------------------------------------------------------------


def test_fills_are_counted_over_a_minute_and_the_limit_lets_go_below_95_percent() -> None:
    monitor = BehaviourMonitor()
    for _ in range(11):
        monitor.filled(5 * NS_PER_S)
    assert monitor.fills_per_minute(10 * NS_PER_S) == 11
    assert monitor.fills_too_fast(10 * NS_PER_S, 10)
    assert monitor.fills_too_fast(11 * NS_PER_S, 11)
    assert not monitor.fills_too_fast(66 * NS_PER_S, 10)
    assert monitor.fills_per_minute(66 * NS_PER_S) == 0


def test_fills_faster_than_their_limit_make_the_trader_cautious() -> None:
    driver = Driver(trader_config(max_fill_rate=3))
    bid, _ = driver.quoting()
    for number in range(1, 5):
        driver.report(bid, "TRADE", "PARTIALLY_FILLED", number, driver.trade(bid, 1))
    driver.tick(1000)
    assert "FillRate" in driver.kernel.status().risk_reasons
    assert driver.kernel.status().risk_level is RiskLevel.CAUTIOUS


# --- the clock ----------------------------------------------------------------------------------------------------------------------------


def test_skew_is_the_measured_offset_and_a_jump_of_the_wall_clock_shows_at_once() -> None:
    skew = ClockSkew()
    skew.on_tick(0, 1000, 0, None)
    assert skew.ns == 0
    skew.on_tick(5, 1005 + 7, 0, None)
    assert skew.ns == -7, "before the first measurement a jump shows against the first tick"
    skew.on_tick(10, 1010, 5, 1000)
    assert skew.ns == 5
    skew.on_tick(20, 1020 + 300, 5, 1000)
    assert skew.ns == 5 - 300
    skew.on_tick(30, 1030 + 300, -295, 1300)
    assert skew.ns == -295


def test_a_measurement_that_equals_the_one_before_is_one_all_the_same() -> None:
    skew = ClockSkew()
    skew.on_tick(0, 1000 - 300, 0, None)
    skew.on_tick(10, 1010, 0, None)
    assert skew.ns == -300, "the clock was set"
    skew.on_tick(20, 1020, 0, 1000)
    assert skew.ns == 0, "and it is right now, as the venue says"


def test_a_clock_that_was_set_between_the_measurement_and_the_tick_is_seen() -> None:
    skew = ClockSkew()
    skew.on_tick(0, 1000, 0, 1000)
    skew.on_tick(10, 1010 + 300, 300, 1000)
    assert skew.ns == 0


def tick(driver: Driver, offset_ms: int, jump_ms: int = 0) -> None:
    driver.wait(50)
    driver.feed(
        ev.Tick(
            ts=driver.ts,
            wall_ns=driver.wall0 + driver.ts + jump_ms * MS,
            clock_offset_ns=offset_ms * MS,
            clock_base_ns=driver.wall0,
        )
    )


@pytest.mark.parametrize(("offset_ms", "jump_ms"), [(2001, 0), (-2001, 0), (0, 2001), (0, -86_400_000)])
def test_nothing_is_quoted_with_a_clock_that_is_wrong_and_quotes_return_when_it_is_right(
    offset_ms: int, jump_ms: int
) -> None:
    driver = Driver()
    bid, ask = driver.quoting()
    tick(driver, 0)
    tick(driver, offset_ms, jump_ms)
    assert driver.kernel.status().reason == "ClockSkew"
    for place in (bid, ask):
        driver.report(place, "CANCELED", "CANCELED")
    before = len(driver.log)
    tick(driver, 0)
    driver.market("2500.00", "2500.01")
    driver.wait(500)
    driver.market("2500.00", "2500.02")
    assert len(of(Place, driver.log[before:])) == 2


def test_a_day_begins_once_whatever_the_clock_says() -> None:
    driver = Driver(trader_config(max_clock_skew=timedelta(seconds=2)))
    driver.quoting()
    pnl = driver.kernel._core.pnl
    first = pnl.day
    tick(driver, 0)
    tick(driver, 0, jump_ms=86_400_000)  # wrong: no roll
    assert pnl.day == first
    driver.ts += 2 * 3600 * SECOND  # midnight comes
    tick(driver, 0)
    assert pnl.day != first
    rolled = pnl.day
    driver.wall0 -= 3 * 3600 * SECOND
    driver.ts += SECOND
    assert not pnl.roll_day((driver.wall0 + driver.ts) // MS)
    assert pnl.day == rolled


def test_a_restart_with_a_clock_that_went_back_keeps_the_days_loss() -> None:
    ledger = LedgerRecord(day="2023-11-15", day_start_pnl=Decimal(50), updated_ms=0)
    driver = Driver(restored=Restored(ledger=ledger))
    assert driver.kernel._core.pnl.day == "2023-11-15"
    assert driver.kernel.status().net_pnl_day == Decimal(-50)


def test_fills_that_are_not_adverse_change_no_level() -> None:
    g = guards()
    fills(g, 9.0)
    assert g.judge(0) is False
    assert g.judge(NS_PER_S) is False
    assert (g.level, g.reasons) == (RiskLevel.NORMAL, ())


def test_with_every_threshold_unset_nothing_is_asked_for() -> None:
    g = guards(jump_cautious=None, jump_reduce=None, vpin_cautious=None, vpin_reduce=None)
    g.jump.ratio, g.vpin.value = 99.0, 1.0
    assert g.judge(0) is False
    assert g.level is RiskLevel.NORMAL
