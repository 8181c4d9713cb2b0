"""Pre-trade checks: each refuses what it is there for, and one that breaks stops trading."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from kernel_driver import Driver, of, trader_config

from mm_trader.core import events as ev
from mm_trader.core.commands import Cancel, Place, RaiseHalt
from mm_trader.core.events import ErrorClass, Side
from mm_trader.core.state import RiskLevel
from mm_trader.risk import checks, self_test
from mm_trader.risk.checks import CHECKS, CheckFailedError, first_refusal
from mm_trader.risk.exposure import Exposure
from mm_trader.risk.reasons import Refusal

SOUND, FACTS = self_test._sound()
VIOLATIONS = list(self_test._violations(SOUND, FACTS))


def test_a_sound_order_passes_every_check():
    assert first_refusal(SOUND, FACTS) is None


@pytest.mark.parametrize("code,order,facts", VIOLATIONS, ids=[code for code, _, _ in VIOLATIONS])
def test_an_order_that_breaks_one_rule_is_refused_with_that_rules_code(code, order, facts):
    assert first_refusal(order, facts) is code


def test_every_code_belongs_to_a_check_and_every_check_is_exercised():
    assert {code for _, codes in CHECKS for code in codes} == set(Refusal)
    assert {code for code, _, _ in VIOLATIONS} == set(Refusal)


def test_the_self_test_finds_nothing_wrong_and_counts_every_control():
    result = self_test.run_self_test()
    assert result.failures == ()
    assert result.checks == 1 + len(Refusal) + 3


def test_the_self_test_finds_a_check_that_lets_everything_through(monkeypatch):
    broken = tuple(
        ((lambda _order, _facts: None) if check is checks.price_band else check, codes)
        for check, codes in CHECKS
    )
    monkeypatch.setattr(checks, "CHECKS", broken)
    assert any("PriceBand" in failure for failure in self_test.run_self_test().failures)


def test_a_trader_whose_controls_fail_their_test_does_not_trade(monkeypatch):
    broken = tuple(
        ((lambda _order, _facts: None), codes) if check is checks.balance else (check, codes)
        for check, codes in CHECKS
    )
    monkeypatch.setattr(checks, "CHECKS", broken)
    driver = Driver()
    assert driver.start() == []
    assert of(RaiseHalt, driver.log)[0].latch.reason == "SelfTestFailed"
    assert driver.evidence().self_test_failures


def test_a_check_that_raises_is_an_error_of_its_own(monkeypatch):
    def explode(_order, _facts):
        raise ZeroDivisionError("oops")

    monkeypatch.setattr(checks, "CHECKS", ((explode, (Refusal.HALTED,)),))
    with pytest.raises(CheckFailedError, match="explode"):
        first_refusal(SOUND, FACTS)


def test_a_check_that_raises_while_trading_cancels_and_halts(monkeypatch):
    driver = Driver()
    bid, ask = driver.quoting()

    def explode(_order, _facts):
        raise ZeroDivisionError("oops")

    monkeypatch.setattr(checks, "CHECKS", ((explode, (Refusal.HALTED,)),))
    commands = driver.fill(bid)
    assert of(Place, commands) == []
    assert [c.client_id for c in of(Cancel, commands)] == [ask.client_id]
    assert of(RaiseHalt, commands)[0].latch.reason == "InternalError"
    assert driver.position() == Decimal("0.01"), "the fill itself is booked"


def test_an_event_that_cannot_be_digested_halts_and_takes_back_what_was_decided_in_it(monkeypatch):
    driver = Driver(trader_config(("ETHUSDC", "BTCUSDC"), parameters={"baseSize": "0.01"}))
    driver.streams()
    driver.allow()
    driver.snapshot("ETHUSDC")
    driver.snapshot("BTCUSDC")
    desks = driver.kernel._core.desks
    real = desks["ETHUSDC"].strategy.quote

    class Second:
        max_inventory = desks["ETHUSDC"].strategy.max_inventory

        def quote(self, _view):
            raise RuntimeError("a plug-in with a fault")

    desks["BTCUSDC"].strategy = Second()
    driver.market("2500.00", "2500.01")
    assert real is not None
    assert len(of(Place, driver.last)) == 2
    for place in of(Place, driver.last):
        driver.accept(place)
    driver.feed(ev.StreamStatus(ts=driver.ts, stream=ev.StreamName.MARKET, up=True))
    driver.market("60000.00", "60000.01", "BTCUSDC")
    assert of(Place, driver.last) == []
    assert of(RaiseHalt, driver.last)[0].latch.reason == "InternalError"
    assert driver.kernel.status().risk_level is RiskLevel.HALTED


def test_refusals_in_a_row_halt_and_the_pauses_between_them_grow():
    driver = Driver(trader_config(max_reject_streak=6))
    driver.start()
    times = []
    for _ in range(2000):
        for place in of(Place, driver.last):
            times.append(driver.ts)
            driver.refuse(place, ErrorClass.REFUSED, "Filter failure: PERCENT_PRICE_BY_SIDE")
        if of(RaiseHalt, driver.log):
            break
        driver.tick()
        places = of(Place, driver.last)
        driver.market("2500.00", "2500.01")
        driver.last = places + driver.last
    (halt,) = of(RaiseHalt, driver.log)
    assert halt.latch.reason == "RejectStreak"
    assert "PERCENT_PRICE" in halt.latch.message
    assert driver.evidence().orders_rejected == 6
    assert times[-1] - times[0] > 3_000_000_000


def test_refused_credentials_halt_at_once():
    driver = Driver()
    bid, _ = driver.start()
    driver.refuse(bid, ErrorClass.AUTH, "Invalid API-key")
    assert of(RaiseHalt, driver.last)[0].latch.reason == "CredentialsRefused"


def test_an_order_that_brings_the_position_back_is_exempt_from_capital():
    full = msgspec.structs.replace(
        FACTS,
        exposure=Exposure(base=10 * 10**8, mark=100 * 10**8),
        symbol_capital=1,
        capital=1,
        max_inventory=20 * 10**8,
    )
    sell = msgspec.structs.replace(SOUND, side=Side.SELL, price=1010)
    assert first_refusal(sell, full) is None
    assert first_refusal(SOUND, full) is Refusal.SYMBOL_CAPITAL


def test_capital_bounds_the_size_of_the_quotes():
    driver = Driver(trader_config(capital=Decimal(40)))
    places = driver.start()
    assert sum(p.price * p.size for p in places) <= 40 * 10**6
    assert places


def test_unknown_balances_and_empty_ones_are_not_quoted_on():
    driver = Driver()
    driver.balances = {"USDC": (Decimal(3), Decimal(0)), "ETH": (Decimal(10), Decimal(0))}
    assert [p.side for p in driver.start()] == [Side.SELL]
    driver = Driver()
    driver.balances = {"ETH": (Decimal(10), Decimal(0))}
    assert [p.side for p in driver.start()] == [Side.SELL]


def test_balance_that_others_lock_is_not_ours():
    driver = Driver()
    driver.balances = {"USDC": (Decimal(10), Decimal(500)), "ETH": (Decimal(10), Decimal(0))}
    places = driver.start()
    assert sum(p.price * p.size for p in places if p.side is Side.BUY) <= 10 * 10**6


def test_more_orders_than_the_rate_allows_are_refused_locally():
    driver = Driver(trader_config(max_order_rate=1))
    assert len(driver.start()) == 1
    assert driver.evidence().orders_refused_locally == 1
    driver.tick(1100)
    driver.market("2500.00", "2500.01")
    assert len(of(Place, driver.log)) == 2


def test_a_symbol_that_is_not_traded_now_is_not_quoted():
    from kernel_driver import eth_rules

    driver = Driver(rules={"ETHUSDC": eth_rules(trading=False)})
    assert driver.start() == []
    assert driver.kernel.status().reason == "SymbolNotTrading"
