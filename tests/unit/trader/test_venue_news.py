"""What the venue says about itself: a status that changes, a clock, a ban, keys, and a testnet that starts over."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from kernel_driver import Driver, eth_rules, of

from mm_trader.core.commands import Alert, Cancel, Place, QueryOrder, RaiseHalt, RequestReconcile
from mm_trader.core.events import ErrorClass, HaltLifted, RulesChanged, Trouble, VenueTrouble


def test_a_halted_symbol_loses_its_quotes_and_gets_them_back() -> None:
    driver = Driver()
    quoted = {place.client_id for place in driver.quoting()}
    rules = eth_rules(trading=False, status="HALT")
    commands = driver.feed(RulesChanged(ts=driver.ts, rules=rules))
    assert {cancel.client_id for cancel in of(Cancel, commands)} == quoted
    assert [alert.record.message for alert in of(Alert, commands)] == ["ETHUSDC: status HALT, not trading"]
    assert driver.kernel.status().reason == "SymbolNotTrading"
    driver.feed(RulesChanged(ts=driver.ts, rules=eth_rules()))
    assert driver.kernel.status().reason != "SymbolNotTrading"


def test_a_tick_that_changes_stops_the_symbol_until_a_restart() -> None:
    driver = Driver()
    driver.quoting()
    rules = eth_rules()
    commands = driver.feed(
        RulesChanged(ts=driver.ts, rules=msgspec.structs.replace(rules, tick=rules.tick * 10))
    )
    assert "restart" in of(Alert, commands)[0].record.message
    assert driver.kernel.status().reason == "SymbolNotTrading"


def test_a_closed_market_is_no_reject_streak() -> None:
    driver = Driver()
    for _ in range(20):
        places = of(Place, driver.ticks(1.0))
        for place in places or driver.start():
            driver.refuse(place, ErrorClass.CLOSED)
    assert not driver.kernel._core.halts.latches


@pytest.mark.parametrize(
    ("trouble", "reason"),
    [
        (Trouble.CLOCK, "ClockOutOfStep"),
        (Trouble.BANNED, "VenueBanned"),
        (Trouble.KEYS, "CredentialsRefused"),
        (Trouble.RESET, "VenueReset"),
        (Trouble.FORCED, "PositionForced"),
        (Trouble.MARGIN, "MarginCall"),
    ],
)
def test_trouble_with_the_venue_halts_once(trouble: Trouble, reason: str) -> None:
    driver = Driver()
    driver.quoting()
    event = VenueTrouble(ts=driver.ts, trouble=trouble, detail="why")
    halts = of(RaiseHalt, driver.feed(event))
    assert [halt.latch.reason for halt in halts] == [reason]
    assert of(RaiseHalt, driver.feed(event)) == []


def test_after_a_reset_every_order_is_asked_about_and_acknowledging_it_begins_anew_with_the_pnl_it_had() -> (
    None
):
    driver = Driver()
    bid, ask = driver.quoting()
    driver.fill(bid, 10)
    net = driver.kernel._core.pnl.net
    commands = driver.feed(VenueTrouble(ts=driver.ts, trouble=Trouble.RESET, detail="gone"))
    assert {query.client_id for query in of(QueryOrder, commands)} >= {ask.client_id}
    halt = of(RaiseHalt, commands)[0].latch.id
    assert driver.position() == Decimal("0.001")
    commands = driver.feed(HaltLifted(ts=driver.ts, halt_id=halt))
    assert driver.position() == 0
    assert driver.kernel._core.pnl.net == net
    assert [(request.from_trade_id, request.cause) for request in of(RequestReconcile, commands)] == [
        (0, "reset")
    ]
