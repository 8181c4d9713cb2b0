"""What the gates judge: counted over incarnations, continued from what was stored, and never counted as good when it is not known."""

from __future__ import annotations

from decimal import Decimal

import pytest
from kernel_driver import Driver, of, side_of, trader_config

from mm_trader.core import events as ev
from mm_trader.core.commands import Alert, Place
from mm_trader.core.events import Side
from mm_trader.core.state import Restored


def test_a_scope_begins_with_its_first_quote_and_its_controls_tested():
    driver = Driver()
    evidence = driver.evidence()
    assert (evidence.started_ms, evidence.incarnations, evidence.unclean_stops) == (0, 1, 0)
    assert evidence.self_test_checks > 20 and evidence.self_test_failures == []
    driver.wait(5)
    driver.start()
    assert driver.evidence().started_ms == (driver.wall0 + driver.ts) // 1_000_000


def test_counters_tell_what_happened():
    driver = Driver()
    bid, _ = driver.start()
    ask = side_of(of(Place, driver.log), Side.SELL)
    driver.accept(bid)
    driver.refuse(ask)
    driver.fill(bid, fee="0.01")
    evidence = driver.evidence()
    assert evidence.orders_placed == 2
    assert (evidence.orders_accepted, evidence.orders_rejected) == (1, 1)
    assert (evidence.fills, evidence.maker_fills) == (1, 1)
    assert evidence.volume == Decimal(bid.price).scaleb(-2) * Decimal("0.01")
    assert evidence.fees == Decimal("0.01")
    assert evidence.realised_pnl == Decimal("-0.01")
    assert evidence.orders_unknown == 0


def test_an_order_without_an_answer_is_counted_and_people_are_told_at_most_once_a_second():
    driver = Driver()
    for place in driver.start():
        driver.unknown(place)
    assert (driver.evidence().orders_unknown, driver.evidence().orders_unknown_open) == (2, 2)
    told = [alert.record for alert in of(Alert, driver.log) if alert.record.reason == "OrderUnknown"]
    assert [alert.severity for alert in told] == ["warning"]


def test_a_restart_goes_on_counting_and_an_unclean_one_is_counted():
    driver = Driver()
    bid, _ = driver.quoting()
    driver.fill(bid)
    stored = driver.evidence()
    clean = Driver(restored=Restored(ledger=driver.kernel.ledger(), evidence=stored), counter=2).evidence()
    assert (clean.incarnations, clean.unclean_stops, clean.fills) == (2, 0, 1)
    assert clean.volume == stored.volume
    crashed = Driver(
        restored=Restored(ledger=driver.kernel.ledger(), evidence=stored, clean=False), counter=2
    ).evidence()
    assert crashed.unclean_stops == 1


def test_evidence_of_another_scope_is_not_this_scopes():
    stored = Driver().evidence()
    other = Driver(
        trader_config(scope="rev/other/0/1"), restored=Restored(evidence=stored, clean=False)
    ).evidence()
    assert (other.incarnations, other.unclean_stops) == (1, 0)


def test_quoted_time_is_time_with_both_sides_at_the_venue():
    driver = Driver()
    bid, ask = driver.start()
    driver.accept(bid)
    driver.ticks(1)
    assert driver.evidence().quoted_ms == 0
    driver.accept(ask)
    driver.ticks(2)
    assert driver.evidence().quoted_ms == 2000
    driver.feed(ev.StopRequested(ts=driver.ts, reason="x"))
    driver.canceled(bid)
    driver.ticks(1)
    assert driver.evidence().quoted_ms == pytest.approx(2000, abs=60)


def test_mark_outs_measure_the_mid_after_the_fill_at_each_horizon():
    driver = Driver()
    bid, _ = driver.quoting()
    driver.fill(bid)
    price = bid.price
    for _ in range(31 * 20):
        driver.tick()
        driver.market("2490.00", "2490.01")
    marks = driver.evidence().mark_out_bp
    expected = (249_000.5 - price) / price * 1e4
    for horizon in ("100", "1000", "5000", "30000"):
        assert marks[horizon].count == 1
        assert marks[horizon].mean == pytest.approx(expected)
    assert expected < 0, "picked off"


def test_a_mark_out_without_a_fresh_mid_is_dropped():
    driver = Driver()
    bid, _ = driver.quoting()
    driver.fill(bid)
    driver.ticks(40, market=False)
    marks = driver.evidence().mark_out_bp
    assert marks["100"].count == 1
    assert marks["30000"].count == 0


def test_pnl_samples_are_taken_per_interval_and_only_while_quoting():
    driver = Driver()
    driver.ticks(3)
    assert driver.evidence().pnl_samples.count == 0
    bid, _ = driver.quoting()
    driver.fill(bid)
    driver.ticks(10)
    samples = driver.evidence().pnl_samples
    assert 8 <= samples.count <= 10


def test_reading_the_evidence_twice_changes_nothing():
    driver = Driver()
    driver.quoting()
    assert driver.evidence() == driver.evidence()


def test_a_cancel_ratio_above_its_limit_makes_the_trader_cautious():
    driver = Driver(trader_config(max_cancel_ratio=Decimal("0.5"), max_order_rate=1000))
    orders = list(driver.quoting())
    price = 2500
    for step in range(40):
        driver.tick(260)
        price += 10 if step % 2 else -10
        driver.market(f"{price}.00", f"{price}.01")
        for order in orders:
            if driver.state(order.client_id) == "CANCELING":
                driver.canceled(order)
        orders = [p for p in of(Place, driver.log) if driver.state(p.client_id) is not None]
        for order in orders:
            if driver.state(order.client_id) == "PENDING":
                driver.accept(order)
    assert "CancelRatio" in driver.kernel.status().risk_reasons


def test_a_trade_of_yesterday_that_is_read_today_is_not_todays_loss():
    driver = Driver()
    driver.streams()
    driver.allow()
    driver.market("2500.00", "2500.01")
    old = Place(symbol="ETHUSDC", client_id="mm-old", side=Side.BUY, price=260_000, size=1000)
    import msgspec

    trade = msgspec.structs.replace(driver.trade(old, 1000), venue_ms=driver.wall0 // 1_000_000 - 86_400_000)
    driver.snapshot(trades=[trade])
    assert driver.kernel.status().net_pnl_day == 0
    assert driver.position() == Decimal("0.1")
    assert side_of(of(Place, driver.log), Side.SELL)
