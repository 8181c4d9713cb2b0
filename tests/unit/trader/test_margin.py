"""A symbol on margin (a perpetual): shorts without inventory, balance by margin, funding booked once and to the last digit."""

from __future__ import annotations

from decimal import Decimal

from kernel_driver import WALL, Driver, eth_rules, of, trader_config

from mm_trader.core import events as ev
from mm_trader.core.commands import FundingBooked, Place, RaiseHalt, RequestReconcile
from mm_trader.core.events import FundingView, Side
from mm_trader.core.state import Restored, RiskLevel
from mm_trader.core.units import margin_of

NOW_MS = WALL // 10**6
PERPETUAL = {"initial_margin": Decimal("0.05"), "lot": Decimal("0.001"), "max_quantity": 9_000_000}


def driver(usdc: str = "50000", **changes: object) -> Driver:
    config = trader_config(capital=Decimal(10_000))
    made = Driver(config, {"ETHUSDC": eth_rules(**(PERPETUAL | changes))})
    made.balances = {"USDC": (Decimal(usdc), Decimal(0))}
    return made


def funded(d: Driver, *payments: tuple[str, int]) -> list[FundingBooked]:
    commands = d.feed(
        ev.ReconcileSnapshot(
            ts=d.ts,
            symbol="ETHUSDC",
            asked_ts=d.ts,
            open_orders=[],
            foreign_open_orders=0,
            trades=[],
            balances=d.balances,
            cause="timer",
            funding=[FundingView(amount=Decimal(amount), venue_ms=ms) for amount, ms in payments],
        )
    )
    return of(FundingBooked, commands)


def compared(d: Driver, held: str, asked: int | None = None) -> list[RaiseHalt]:
    """A comparison, asked for now unless said otherwise, in which the account holds so much."""
    if asked is None:
        asked = d.ts
        d.wait(100)
    commands = d.feed(
        ev.ReconcileSnapshot(
            ts=d.ts,
            symbol="ETHUSDC",
            asked_ts=asked,
            open_orders=[],
            foreign_open_orders=0,
            trades=[],
            balances=d.balances,
            cause="timer",
            held=Decimal(held),
        )
    )
    return of(RaiseHalt, commands)


def test_a_position_that_our_fills_do_not_explain_at_two_comparisons_halts_once() -> None:
    d = driver()
    d.start()
    assert compared(d, "1.5") == [], "what was there before us is learned"
    assert compared(d, "1.5") == []
    assert compared(d, "1.2") == [], "once may be a fill on its way"
    (halt,) = compared(d, "1.2")
    assert halt.latch.reason == "PositionDrift"
    assert "-0.3" in halt.latch.message
    assert compared(d, "1.2") == []
    d.feed(ev.HaltLifted(ts=d.ts, halt_id=halt.latch.id))
    assert compared(d, "1.2") == [], "a person has accepted it"


def test_a_venue_that_started_over_is_compared_from_the_beginning() -> None:
    d = driver()
    d.start()
    compared(d, "1.5")
    d.feed(ev.VenueTrouble(ts=d.ts, trouble=ev.Trouble.RESET, detail="began anew"))
    (halt_id,) = d.kernel.status().halts
    d.feed(ev.HaltLifted(ts=d.ts, halt_id=halt_id))
    assert [compared(d, "0") for _ in range(3)] == [[], [], []]


def test_our_own_fills_explain_a_position_and_one_booked_during_the_question_proves_nothing() -> None:
    d = driver()
    bid, ask = d.quoting()
    assert compared(d, "0") == []
    d.fill(bid)
    held = str(d.position())
    assert held != "0"
    d.wait(1)
    for _ in range(3):
        assert compared(d, held) == []
    for already in range(2):
        asked, held = d.ts, str(d.position())
        d.wait(100)
        d.fill(ask, 1, already)
        assert compared(d, held, asked) == [], "the account was read before this fill"


def test_both_sides_are_quoted_without_any_inventory() -> None:
    places = driver().start()
    assert {place.side for place in places} == {Side.BUY, Side.SELL}


def test_spot_without_inventory_quotes_the_buy_side_alone() -> None:
    made = Driver(trader_config(capital=Decimal(10_000)))
    made.balances = {"USDC": (Decimal(50_000), Decimal(0)), "ETH": (Decimal(0), Decimal(0))}
    assert {place.side for place in made.start()} == {Side.BUY}


def test_what_margin_cannot_back_is_not_placed() -> None:
    rich, poor = driver("50000").start(), driver("1.5").start()
    notional = sum(place.price * place.size for place in poor) * Decimal("0.00001")
    assert notional * Decimal("0.05") <= Decimal("1.5")
    assert sum(place.size for place in poor) < sum(place.size for place in rich)


def test_a_sold_position_is_valued_and_needs_no_balance_to_be_bought_back() -> None:
    d = driver("50000")
    bid, ask = d.start()
    d.accept(bid)
    d.accept(ask)
    d.fill(ask)
    assert d.position() == -Decimal("0.001") * ask.size
    d.balances = {"USDC": (Decimal(0), Decimal(0))}
    d.feed(ev.AccountUpdate(ts=d.ts, balances=d.balances))
    (again,) = of(Place, d.canceled(bid) + d.ticks(1.0))
    assert again.side is Side.BUY
    assert 0 < again.size <= ask.size


def test_funding_is_booked_once_in_cash_and_asked_for_from_the_last_payment_on() -> None:
    d = driver()
    d.start()
    asked = of(RequestReconcile, d.log)
    assert asked[-1].funding_since_ms == NOW_MS + 1
    net = d.kernel.status().net_pnl_scope
    booked = funded(d, ("-0.12345678", NOW_MS + 5_000), ("0.5", NOW_MS + 9_000))
    assert [(b.amount, b.venue_ms) for b in booked] == [
        (Decimal("-0.12345678"), NOW_MS + 5_000),
        (Decimal("0.5"), NOW_MS + 9_000),
    ]
    assert d.kernel.status().net_pnl_scope - net == Decimal("0.37654322")
    assert funded(d, ("-0.12345678", NOW_MS + 5_000), ("0.5", NOW_MS + 9_000)) == []
    record = d.kernel.ledger().positions["ETHUSDC"]
    assert (record.funding, record.last_funding_ms) == (Decimal("0.37654322"), NOW_MS + 9_000)
    assert record.cash == Decimal("0.37654322")


def test_funding_is_not_booked_again_by_the_next_incarnation() -> None:
    d = driver()
    d.start()
    funded(d, ("-0.25", NOW_MS + 5_000))
    after = Driver(d.config, d.rules, Restored(ledger=d.kernel.ledger()), counter=2, wall=WALL + 60 * 10**9)
    after.balances = d.balances
    after.start()
    assert of(RequestReconcile, after.log)[-1].funding_since_ms == NOW_MS + 5_001
    assert funded(after, ("-0.25", NOW_MS + 5_000)) == []
    assert after.kernel.ledger().positions["ETHUSDC"].funding == Decimal("-0.25")


def test_a_settlement_that_the_stream_tells_of_is_read_at_once() -> None:
    d = driver()
    d.start()
    asked = of(RequestReconcile, d.feed(ev.FundingSettled(ts=d.ts, symbol="ETHUSDC")))
    assert [command.cause for command in asked] == ["funding"]


def test_a_loss_by_funding_halts_like_any_other() -> None:
    d = driver()
    d.start()
    funded(d, ("-150", NOW_MS + 5_000))
    assert d.kernel.status().risk_level is RiskLevel.HALTED


def test_margin_is_rounded_up() -> None:
    assert margin_of(100, Decimal("0.05")) == 5
    assert margin_of(101, Decimal("0.05")) == 6
    assert margin_of(1, Decimal(1) / Decimal(125)) == 1
