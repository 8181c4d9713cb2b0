"""A symbol that leaves the config and comes back: its ledger is kept to the last digit, its money stays in every sum, and people are told what it holds."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_driver import MS, WALL, Driver, eth_rules, of, trader_config

from mm_api.redis_contract import LedgerRecord, PositionRecord
from mm_trader.core import events as ev
from mm_trader.core.commands import Alert, Place, RaiseHalt, RequestReconcile
from mm_trader.core.state import Restored
from mm_trader.risk.dormant import Dormant, net_of
from mm_trader.risk.ledger import Position

BOTH = ("ETHUSDC", "BTCUSDC")
DAY_MS = 86_400_000


def with_position(**risk: Any) -> LedgerRecord:
    """Two symbols; 0.04 ETH were bought just below 2500, which are worth 2450 now."""
    driver = Driver(trader_config(BOTH, parameters={"baseSize": "0.04"}, **risk))
    places = driver.start()
    bid = next(place for place in places if place.symbol == "ETHUSDC" and place.side is ev.Side.BUY)
    driver.accept(bid)
    driver.fill(bid)
    driver.market("2450.00", "2450.01", "ETHUSDC")
    ledger = driver.kernel.ledger()
    assert ledger.positions["ETHUSDC"].position == Decimal("0.04")
    return ledger


def again(ledger: LedgerRecord, *symbols: str, wall: int = WALL, **risk: Any) -> Driver:
    config = trader_config(symbols, parameters={"baseSize": "0.04"}, **risk)
    return Driver(config, restored=Restored(ledger=ledger), counter=2, wall=wall)


def test_a_symbol_that_was_left_out_and_comes_back_goes_on_from_what_it_held() -> None:
    before = with_position()
    without = again(before, "BTCUSDC")
    assert len(without.start()) == 2, "the others trade on"
    kept = without.kernel.ledger()
    assert kept.positions["ETHUSDC"] == before.positions["ETHUSDC"]
    back = again(kept, *BOTH)
    assert back.position("ETHUSDC") == Decimal("0.04")
    assert back.kernel.ledger().positions["ETHUSDC"] == before.positions["ETHUSDC"]
    back.streams()
    asked = {request.symbol: request for request in of(RequestReconcile, back.allow())}
    assert asked["ETHUSDC"].from_trade_id == before.positions["ETHUSDC"].last_trade_id + 1


def test_a_trade_that_was_booked_before_it_was_left_out_is_not_booked_again() -> None:
    before = with_position()
    (booked,) = before.positions["ETHUSDC"].booked_trade_ids
    back = again(again(before, "BTCUSDC").kernel.ledger(), *BOTH)
    place = Place(symbol="ETHUSDC", client_id="x", side=ev.Side.BUY, price=249_000, size=400, post_only=True)
    back.accept(place)
    trade = back.trade(place, 400, trade_id=booked)
    back.snapshot("ETHUSDC", trades=[trade])
    assert back.position("ETHUSDC") == Decimal("0.04")


@pytest.mark.parametrize("move", ["loss", "profit"])
def test_leaving_a_symbol_out_neither_forgives_its_loss_nor_makes_one(move: str) -> None:
    before = with_position()
    if move == "profit":
        before = before.model_copy(
            update={"day_start_pnl": Decimal(-100), "scope_start_pnl": Decimal(-100), "peak_pnl": Decimal(0)}
        )
    both, one = again(before, *BOTH).kernel.status(), again(before, "BTCUSDC").kernel.status()
    assert one.net_pnl_day == both.net_pnl_day != 0
    assert one.net_pnl_scope == both.net_pnl_scope
    assert one.drawdown == both.drawdown


def test_a_loss_limit_that_was_breached_holds_without_the_symbol_that_lost() -> None:
    before = with_position(daily_loss_limit=Decimal(50))
    one = again(before, "BTCUSDC", daily_loss_limit=Decimal("1.5"))
    assert one.start() == []
    assert [halt.latch.reason for halt in of(RaiseHalt, one.log)] == ["DailyLossLimit"]


def test_a_fill_of_another_symbol_counts_on_top_of_it() -> None:
    one = again(with_position(), "BTCUSDC")
    places = one.start()
    net = one.kernel.status().net_pnl_day
    bid = next(place for place in places if place.side is ev.Side.BUY)
    one.accept(bid)
    one.fill(bid)
    gained = one.kernel.status().net_pnl_day - net
    assert abs(gained) < 1, "of one trade near the mid, and nothing else"


def test_its_days_loss_is_remembered_within_the_day_and_begins_anew_with_the_next() -> None:
    before = with_position(symbol_loss_limit=Decimal(50))
    start = before.symbol_day_start["ETHUSDC"]
    one = again(before, "BTCUSDC", symbol_loss_limit=Decimal(50))
    assert one.kernel.ledger().symbol_day_start["ETHUSDC"] == start
    back = again(one.kernel.ledger(), *BOTH, symbol_loss_limit=Decimal("1.5"))
    back.start("2450.00", "2450.01")
    assert "symbollosslimit-ethusdc" in back.kernel.status().halts[0]
    one.feed(ev.Tick(ts=one.ts, wall_ns=WALL + DAY_MS * MS))
    assert one.kernel.ledger().day == "2023-11-15"
    assert "ETHUSDC" not in one.kernel.ledger().symbol_day_start
    tomorrow = again(before, "BTCUSDC", wall=WALL + DAY_MS * MS)
    assert "ETHUSDC" not in tomorrow.kernel.ledger().symbol_day_start


def test_people_are_told_what_it_holds_and_nothing_of_one_that_holds_nothing() -> None:
    def said(driver: Driver) -> list[str]:
        driver.tick()
        return [a.record.message for a in of(Alert, driver.log) if a.record.reason == "DormantPosition"]

    before = with_position()
    one = again(before, "BTCUSDC")
    (message,) = said(one)
    assert message.startswith("ETHUSDC is not in symbols any more and holds 0.04 in base units")
    assert one.kernel.status().dormant == {"ETHUSDC": Decimal("0.04")}
    assert said(again(before, *BOTH)) == []
    assert said(again(before, "ETHUSDC")) == [], "BTCUSDC holds nothing"


def test_a_testnet_that_starts_over_takes_what_it_held_with_it() -> None:
    one = again(with_position(), "BTCUSDC")
    one.start()
    net = one.kernel.status().net_pnl_day
    one.feed(ev.VenueTrouble(ts=one.ts, trouble=ev.Trouble.RESET, detail="began anew"))
    (halt_id,) = one.kernel.status().halts
    one.feed(ev.HaltLifted(ts=one.ts, halt_id=halt_id))
    record = one.kernel.ledger().positions["ETHUSDC"]
    assert (record.position, record.last_trade_id, record.booked_trade_ids) == (0, -1, [])
    assert one.kernel.status().net_pnl_day == net
    assert one.kernel.status().dormant == {}


AMOUNTS = st.integers(-(10**14), 10**14)


@given(base=AMOUNTS, cash=AMOUNTS, mark2=st.integers(0, 10**8))
def test_its_money_is_what_its_position_would_have_made_of_it_to_the_last_digit(
    base: int, cash: int, mark2: int
) -> None:
    rules = eth_rules()
    record = PositionRecord(
        position=Decimal(base).scaleb(-8),
        cash=Decimal(cash).scaleb(-16),
        realised=Decimal(cash).scaleb(-16),
        mark=rules.tick * mark2 / 2,
    )
    position = Position(rules, record)
    assert net_of(record) == position.net == Dormant({"ETHUSDC": record}).net


def test_what_is_written_off_is_closed_at_its_mark_and_its_trades_begin_anew() -> None:
    record = PositionRecord(
        position=Decimal("0.04"),
        cash=Decimal(-100),
        average_price=Decimal(2500),
        realised=Decimal(-1),
        fees=Decimal("0.1"),
        mark=Decimal(2450),
        last_trade_id=7,
        booked_trade_ids=[9],
    )
    dormant = Dormant({"ETHUSDC": record})
    net = dormant.net
    dormant.write_off()
    closed = dormant.records["ETHUSDC"]
    assert dict(closed) == dict(record) | {
        "position": Decimal(0),
        "cash": Decimal(-2),
        "realised": Decimal(-2),
        "average_price": Decimal(0),
        "last_trade_id": -1,
        "booked_trade_ids": [],
    }
    assert net_of(closed) == net == -2 * 10**16


def test_before_the_day_has_begun_no_start_of_a_day_is_known() -> None:
    assert Dormant({"ETHUSDC": PositionRecord()}).day_starts == {}
