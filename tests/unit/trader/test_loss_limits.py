"""Loss limits: a breach stops trading within the event that brought it, stays until a person accepts it, and survives restarts."""

from __future__ import annotations

from decimal import Decimal

import pytest
from kernel_driver import MS, WALL, Driver, of, trader_config

from mm_api.kinds.common import HaltLevel
from mm_api.redis_contract import Latch, LatchSource, TraderPhase
from mm_trader.core import events as ev
from mm_trader.core.commands import Alert, Cancel, Place, RaiseHalt
from mm_trader.core.state import Restored, RiskLevel


def long_trader(**risk) -> tuple[Driver, list[Place]]:
    """Holds 0.01 ETH bought at about 2,498, quoting on both sides."""
    driver = Driver(trader_config(**risk))
    bid, ask = driver.quoting()
    places = of(Place, driver.fill(bid))
    for place in places:
        driver.accept(place)
    return driver, [*places, ask]


def test_a_daily_loss_cancels_first_then_latches_and_places_nothing():
    driver, _ = long_trader(daily_loss_limit=Decimal(2))
    driver.wait(10)
    commands = driver.market("2290.00", "2290.01")
    kinds = [type(c) for c in commands]
    assert kinds.index(RaiseHalt) > max(i for i, kind in enumerate(kinds) if kind is Cancel)
    assert kinds[0] is Cancel
    assert Place not in kinds
    (halt,) = of(RaiseHalt, commands)
    assert (halt.latch.reason, halt.latch.level, halt.latch.source) == (
        "DailyLossLimit",
        HaltLevel.HALTED,
        LatchSource.RISK,
    )
    assert halt.latch.id.startswith("risk-dailylosslimit-")
    status = driver.kernel.status()
    assert (status.phase, status.reason, status.risk_level) == (
        TraderPhase.HALTED,
        "DailyLossLimit",
        RiskLevel.HALTED,
    )


def test_a_halt_is_raised_once_however_long_the_breach_lasts():
    driver, _ = long_trader(daily_loss_limit=Decimal(2))
    driver.market("2290.00", "2290.01")
    driver.ticks(5)
    driver.market("2200.00", "2200.01")
    assert len(of(RaiseHalt, driver.log)) == 1
    evidence = driver.evidence()
    assert (evidence.halts, evidence.risk_violations, evidence.violation_reasons) == (
        1,
        1,
        ["DailyLossLimit"],
    )


def test_drawdown_counts_from_the_peak_not_from_the_start():
    driver, _ = long_trader(capital=Decimal(1000), max_drawdown=Decimal("0.001"))
    driver.market("2580.00", "2580.01")
    assert of(RaiseHalt, driver.log) == []
    commands = driver.market("2470.00", "2470.01")
    (halt,) = of(RaiseHalt, commands)
    assert halt.latch.reason == "MaxDrawdown"
    assert driver.evidence().max_drawdown >= Decimal("0.001")


def test_the_stages_budget_halts_before_a_wider_daily_limit():
    driver, _ = long_trader(loss_budget=Decimal(1))
    commands = driver.market("2390.00", "2390.01")
    assert of(RaiseHalt, commands)[0].latch.reason == "LossBudget"


def test_no_place_follows_while_a_halt_stands_whatever_happens():
    driver, orders = long_trader(daily_loss_limit=Decimal(2))
    driver.market("2290.00", "2290.01")
    placed = len(of(Place, driver.log))
    for order in orders:
        driver.canceled(order)
    driver.snapshot()
    driver.allow()
    driver.snapshot()
    driver.feed(ev.HaltsChanged(ts=driver.ts, latches=()))
    driver.ticks(3)
    driver.market("2300.00", "2300.01")
    assert len(of(Place, driver.log)) == placed
    assert driver.kernel.status().phase is TraderPhase.HALTED


def test_an_acknowledged_loss_is_accepted_and_the_same_breach_does_not_halt_again():
    driver, orders = long_trader(daily_loss_limit=Decimal(2))
    (halt,) = of(RaiseHalt, driver.market("2290.00", "2290.01"))
    for order in orders:
        driver.canceled(order)
    driver.feed(ev.HaltDurable(ts=driver.ts, halt_id=halt.latch.id))
    commands = driver.feed(ev.HaltLifted(ts=driver.ts, halt_id=halt.latch.id))
    assert len(of(Place, commands)) == 2
    driver.ticks(2)
    assert len(of(RaiseHalt, driver.log)) == 1
    net = driver.evidence().net_pnl
    assert net < -2, "the evidence does not forget what a person accepted"
    commands = driver.market("2080.00", "2080.01")
    assert of(RaiseHalt, commands), "the limit counts anew from the acknowledgement"


def test_a_lifted_halt_of_an_earlier_incarnation_is_understood_by_its_id():
    driver, _ = long_trader(daily_loss_limit=Decimal(2))
    driver.market("2290.00", "2290.01")
    restored = Restored(ledger=driver.kernel.ledger())
    after = Driver(driver.config, restored=restored, counter=2)
    after.feed(ev.HaltLifted(ts=0, halt_id="risk-dailylosslimit-abc123"))
    assert len(after.start("2290.00", "2290.01")) == 2
    assert of(RaiseHalt, after.log) == []


def test_a_breach_known_from_state_halts_before_the_first_quote_of_the_next_incarnation():
    driver, _ = long_trader(daily_loss_limit=Decimal(2))
    ledger = driver.kernel.ledger()
    after = Driver(driver.config, restored=Restored(ledger=ledger), counter=2)
    after.start("2290.00", "2290.01")
    assert of(Place, after.log) == []
    assert of(RaiseHalt, after.log)[0].latch.reason == "DailyLossLimit"


def test_a_latch_read_at_the_start_is_obeyed_from_the_first_event():
    latch = Latch(id="alert-x-1", level=HaltLevel.HALTED, source=LatchSource.ALERT, reason="Alert", at_ms=1)
    driver = Driver(restored=Restored(latches=(latch,)))
    assert driver.start() == []
    assert driver.kernel.status().halts == ("alert-x-1",)
    driver.feed(ev.HaltsChanged(ts=driver.ts, latches=()))
    assert len(of(Place, driver.last)) == 2, "what is not our own risk halt ends with what Redis shows"


def test_a_risk_latch_missing_from_redis_is_still_obeyed_until_it_is_lifted():
    latch = Latch(
        id="risk-maxdrawdown-1",
        level=HaltLevel.HALTED,
        source=LatchSource.RISK,
        reason="MaxDrawdown",
        at_ms=1,
    )
    driver = Driver(restored=Restored(latches=(latch,)))
    driver.start()
    driver.feed(ev.HaltsChanged(ts=driver.ts, latches=()))
    assert of(Place, driver.log) == []
    driver.feed(ev.HaltLifted(ts=driver.ts, halt_id=latch.id))
    assert len(of(Place, driver.last)) == 2
    driver.feed(ev.HaltsChanged(ts=driver.ts, latches=(latch,)))
    assert driver.kernel.status().halts == (), "a late copy does not bring a lifted halt back"


def test_the_day_rolls_at_utc_midnight_and_the_new_day_starts_at_zero_loss():
    driver = Driver(trader_config(daily_loss_limit=Decimal(3)), wall=WALL + 6_370 * 1000 * MS)
    bid, _ = driver.quoting()
    driver.fill(bid)
    driver.market("2300.00", "2300.01")
    before = driver.kernel.status().net_pnl_day
    assert Decimal(-3) < before < Decimal("-1.5")
    for _ in range(60):
        driver.tick(1000)
        driver.market("2300.00", "2300.01")
    assert driver.kernel.ledger().day == "2023-11-15"
    assert driver.kernel.status().net_pnl_day == 0
    driver.market("2110.00", "2110.01")
    assert of(RaiseHalt, driver.log) == []


def test_a_ledger_of_yesterday_starts_today_without_its_loss():
    driver, _ = long_trader(daily_loss_limit=Decimal(3))
    driver.market("2300.00", "2300.01")
    ledger = driver.kernel.ledger()
    after = Driver(driver.config, restored=Restored(ledger=ledger), counter=2, wall=WALL + 86_400_000 * MS)
    after.start("2300.00", "2300.01")
    assert of(RaiseHalt, after.log) == []
    assert after.kernel.status().net_pnl_day == 0


def test_a_new_scope_starts_its_budget_and_peak_at_the_present_mark():
    driver, _ = long_trader(loss_budget=Decimal(3), max_drawdown=Decimal("0.9"))
    driver.market("2300.00", "2300.01")
    ledger = driver.kernel.ledger()
    config = trader_config(scope="rev/stage/1/1", loss_budget=Decimal(3), max_drawdown=Decimal("0.9"))
    after = Driver(config, restored=Restored(ledger=ledger), counter=2)
    after.start("2200.00", "2200.01")
    assert of(RaiseHalt, after.log) == [], "what was lost before the scope is not its loss"
    assert after.evidence().net_pnl == 0
    assert after.kernel.status().net_pnl_day < -1


@pytest.mark.parametrize(
    "bid,ask,level",
    [
        ("2450.00", "2450.01", RiskLevel.NORMAL),
        ("2290.00", "2290.01", RiskLevel.CAUTIOUS),
        ("2160.00", "2160.01", RiskLevel.REDUCE_ONLY),
    ],
)
def test_the_level_deepens_with_the_used_part_of_the_limit(bid, ask, level):
    driver, _ = long_trader(daily_loss_limit=Decimal(4), price_band=Decimal("0.5"))
    driver.market(bid, ask)
    driver.tick()
    assert driver.kernel.status().risk_level is level


def test_cautious_quotes_are_wider_and_smaller():
    driver, orders = long_trader(daily_loss_limit=Decimal(4))
    driver.market("2290.00", "2290.01")
    driver.tick()
    for order in orders:
        driver.canceled(order)
    bid, ask = of(Place, driver.log)[-2:]
    assert bid.size == ask.size == 50
    assert ask.price - bid.price > 1.4 * (2 * 250_000 * (0.00025 + 0.0003))


def test_reduce_only_quotes_the_side_that_brings_the_position_back_and_no_more_than_it():
    driver, orders = long_trader(daily_loss_limit=Decimal(4))
    driver.market("2160.00", "2160.01")
    driver.tick()
    before = len(of(Place, driver.log))
    for order in orders:
        driver.canceled(order)
    last = of(Place, driver.log)[before:]
    assert [(p.side, p.size) for p in last] == [(ev.Side.SELL, 100)]
    assert driver.kernel.status().phase is TraderPhase.REDUCE_ONLY


def test_limits_only_get_tighter_while_running():
    driver, _ = long_trader(daily_loss_limit=Decimal(10))
    driver.feed(
        ev.LimitsTightened(ts=driver.ts, limits={"dailyLossLimit": Decimal(50), "capital": Decimal(99_999)})
    )
    driver.market("2390.00", "2390.01")
    assert of(RaiseHalt, driver.log) == []
    driver.feed(ev.LimitsTightened(ts=driver.ts, limits={"dailyLossLimit": Decimal(1)}))
    assert of(RaiseHalt, driver.last)[0].latch.reason == "DailyLossLimit", "judged at once"


def test_a_limit_nobody_knows_is_told_and_ignored():
    driver, _ = long_trader()
    driver.feed(ev.LimitsTightened(ts=driver.ts, limits={"maxFun": Decimal(1), "capital": Decimal(-5)}))
    (alert,) = of(Alert, driver.last)
    assert alert.record.reason == "UnknownLimit" and "maxFun" in alert.record.message


@pytest.mark.parametrize("level", [HaltLevel.HALTED, HaltLevel.HIBERNATED])
def test_a_halt_asked_for_from_outside_is_the_kernels_own(level):
    driver, _ = long_trader()
    driver.feed(ev.HaltRequested(ts=driver.ts, level=level, reason="EmergencyStop", message="by hand"))
    assert type(driver.last[0]) is Cancel
    assert of(RaiseHalt, driver.last)[0].latch.id.startswith("risk-emergencystop-")
    assert driver.kernel.status().phase is TraderPhase.HALTED


def test_a_reduce_only_halt_leaves_only_the_reducing_side():
    driver, orders = long_trader()
    driver.feed(ev.HaltRequested(ts=driver.ts, level=HaltLevel.REDUCE_ONLY, reason="Careful", message=""))
    cancelled = {c.client_id for c in of(Cancel, driver.last)}
    bids = {o.client_id for o in orders if o.side is ev.Side.BUY}
    assert bids <= cancelled
    for order in orders:
        driver.canceled(order)
    driver.ticks(1)
    sides = {o.side for o in driver.kernel.open_orders()}
    assert sides <= {"SELL"}


def test_a_commission_without_a_rate_halts_and_its_fill_is_booked():
    driver = Driver()
    bid, _ = driver.quoting()
    driver.fill(bid, fee="0.0001", asset="BNB")
    assert driver.position() == Decimal("0.01")
    assert of(RaiseHalt, driver.last)[0].latch.reason == "FeeAssetUnknown"
    assert driver.kernel.ledger().positions["ETHUSDC"].other_fees == {"BNB": Decimal("0.0001")}


def test_a_commission_with_a_rate_is_part_of_the_pnl():
    driver = Driver(trader_config(fee_asset_rates={"BNB": Decimal(600)}))
    bid, _ = driver.quoting()
    driver.fill(bid, fee="0.0001", asset="BNB")
    assert of(RaiseHalt, driver.log) == []
    assert driver.kernel.status().fees == Decimal("0.06")


def test_a_fall_before_the_new_scope_has_begun_is_not_its_drawdown():
    driver, _ = long_trader()
    ledger = driver.kernel.ledger()
    config = trader_config(scope="rev/stage/1/1", capital=Decimal(1000), max_drawdown=Decimal("0.001"))
    after = Driver(config, restored=Restored(ledger=ledger), counter=2)
    after.market("2300.00", "2300.01")
    after.start("2300.00", "2300.01")
    assert of(RaiseHalt, after.log) == []
    assert of(Place, after.log)
