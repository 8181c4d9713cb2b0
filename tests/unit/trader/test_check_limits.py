"""Pre-trade checks at their limits: what is just allowed, and what is just not.

The sound order is 1 base (100 lots of 0.01) at 99.0 (tick 0.1); the market is 99.9 / 100.1."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from mm_trader.core.events import Side
from mm_trader.core.state import RiskLevel
from mm_trader.risk import self_test
from mm_trader.risk.checks import CHECKS, Facts, Intent, first_refusal
from mm_trader.risk.exposure import Exposure
from mm_trader.risk.reasons import Refusal

BUY, FACTS = self_test._sound()
UNIT = 10**16
BASE = 10**8
"""One unit of quote in money, of base in 10^-8."""
MARK = 100 * 10**8
SELL = msgspec.structs.replace(BUY, side=Side.SELL, price=1010)


def alone(code: Refusal, order: Intent = BUY, **facts: Any) -> Refusal | None:
    """What the check with this code says, whatever the others would."""
    rules = {name: facts.pop(name) for name in list(facts) if name in type(FACTS.rules).__struct_fields__}
    _, sound = self_test._sound()
    changed = msgspec.structs.replace(sound, rules=msgspec.structs.replace(sound.rules, **rules), **facts)
    (check,) = [check for check, codes in CHECKS if code in codes]
    return check(order, changed)


def buy(**changes: Any) -> Intent:
    return msgspec.structs.replace(BUY, **changes)


def sell(**changes: Any) -> Intent:
    return msgspec.structs.replace(SELL, **changes)


def held(base: float, **orders: Any) -> Exposure:
    return Exposure(base=int(base * BASE), mark=MARK, **orders)


@pytest.mark.parametrize(
    "code,order,allowed,refused",
    [
        (Refusal.CLOCK_SKEW, BUY, {"clock_skew": 10**9}, {"clock_skew": 10**9 + 1}),
        (Refusal.CLOCK_SKEW, BUY, {"clock_skew": -(10**9)}, {"clock_skew": -(10**9) - 1}),
        (Refusal.STALE_MARKET, BUY, {"market_age": 10**9}, {"market_age": 10**9 + 1}),
        (Refusal.STALE_MARKET, BUY, {"market_age": 0}, {"market_age": -1}),
        (Refusal.STALE_MARKET, BUY, {"market_age": 1}, {"market_age": None}),
        (Refusal.BAD_MARKET, BUY, {"bid": 1, "ask": 2}, {"bid": 0, "ask": 2}),
        (Refusal.BAD_MARKET, BUY, {"bid": 1000, "ask": 1001}, {"bid": 1001, "ask": 1001}),
        (Refusal.PRICE_FILTER, BUY, {"min_price": 990}, {"min_price": 991}),
        (Refusal.PRICE_FILTER, BUY, {"max_price": 990}, {"max_price": 989}),
        (Refusal.LOT_SIZE, BUY, {"min_quantity": 100}, {"min_quantity": 101}),
        (Refusal.LOT_SIZE, BUY, {"max_quantity": 100}, {"max_quantity": 99}),
        (Refusal.NOTIONAL, BUY, {"min_notional": Decimal(99)}, {"min_notional": Decimal("99.01")}),
        (Refusal.NOTIONAL, BUY, {"max_notional": Decimal(99)}, {"max_notional": Decimal("98.99")}),
        (Refusal.NOTIONAL, BUY, {"max_notional": None}, {"max_notional": Decimal(1)}),
        (Refusal.ORDER_NOTIONAL, BUY, {"max_order_money": 99 * UNIT}, {"max_order_money": 99 * UNIT - 1}),
        (Refusal.PRICE_BAND, BUY, {"price_band": Decimal("0.01")}, {"price_band": Decimal("0.0099")}),
        (Refusal.PRICE_BAND, SELL, {"price_band": Decimal("0.01")}, {"price_band": Decimal("0.0099")}),
        (Refusal.POST_ONLY_CROSS, BUY, {"ask": 991}, {"ask": 990}),
        (Refusal.POST_ONLY_CROSS, SELL, {"bid": 1009}, {"bid": 1010}),
        (Refusal.SELF_CROSS, BUY, {"own_opposite": 991}, {"own_opposite": 990}),
        (Refusal.SELF_CROSS, SELL, {"own_opposite": 1009}, {"own_opposite": 1010}),
        (Refusal.INVENTORY, BUY, {"max_inventory": BASE}, {"max_inventory": BASE - 1}),
        (Refusal.INVENTORY, SELL, {"max_inventory": BASE}, {"max_inventory": BASE - 1}),
        (Refusal.SYMBOL_CAPITAL, BUY, {"symbol_capital": 99 * UNIT}, {"symbol_capital": 99 * UNIT - 1}),
        (Refusal.STAGE_CAPITAL, BUY, {"capital": 99 * UNIT}, {"capital": 99 * UNIT - 1}),
        (Refusal.NET_EXPOSURE, BUY, {"net_room": 99 * UNIT}, {"net_room": 99 * UNIT - 1}),
        (Refusal.NET_EXPOSURE, SELL, {"net_room": 101 * UNIT}, {"net_room": 101 * UNIT - 1}),
        (
            Refusal.CORRELATED_EXPOSURE,
            BUY,
            {"correlated_room": 99 * UNIT},
            {"correlated_room": 99 * UNIT - 1},
        ),
        (Refusal.BALANCE, BUY, {"available": 99 * BASE}, {"available": 99 * BASE - 1}),
        (Refusal.BALANCE, SELL, {"available": BASE}, {"available": BASE - 1}),
        (Refusal.BALANCE, SELL, {"available": BASE}, {"available": None}),
        (Refusal.ORDER_RATE, BUY, {"orders_this_second": 19}, {"orders_this_second": 20}),
        (
            Refusal.OPEN_ORDERS,
            BUY,
            {"open_orders": 3, "max_open_orders": 4},
            {"open_orders": 4, "max_open_orders": 4},
        ),
    ],
)
def test_the_limit_itself_is_allowed_and_what_is_beyond_it_is_not(code, order, allowed, refused):
    assert alone(code, order, **allowed) is None
    assert alone(code, order, **refused) is code


def test_a_taker_may_cross_the_market_but_not_an_own_order():
    assert alone(Refusal.POST_ONLY_CROSS, buy(price=1001, post_only=False)) is None
    assert alone(Refusal.SELF_CROSS, buy(post_only=False), own_opposite=990) is Refusal.SELF_CROSS


@pytest.mark.parametrize("level", [RiskLevel.NORMAL, RiskLevel.CAUTIOUS])
def test_below_reduce_only_an_order_may_make_the_position_larger(level):
    assert alone(Refusal.REDUCE_ONLY, BUY, level=level, exposure=held(1)) is None


@pytest.mark.parametrize("level", [RiskLevel.REDUCE_ONLY, RiskLevel.HALTED])
@pytest.mark.parametrize(
    "base,order,reduces",
    [
        (3, SELL, True),
        (1, SELL, True),
        (0.5, SELL, False),
        (-3, SELL, False),
        (0, SELL, False),
        (-3, BUY, True),
        (-1, BUY, True),
        (-0.5, BUY, False),
        (3, BUY, False),
        (0, BUY, False),
    ],
)
def test_in_reduce_only_an_order_brings_the_position_towards_zero_and_not_beyond(level, base, order, reduces):
    expected = None if reduces else Refusal.REDUCE_ONLY
    assert alone(Refusal.REDUCE_ONLY, order, level=level, exposure=held(base)) is expected


@pytest.mark.parametrize(
    "order,exposure,allowed",
    [
        (BUY, held(2, buys=2 * BASE), True),
        (BUY, held(2, buys=2 * BASE + 1), False),
        (SELL, held(-2, sells=2 * BASE), True),
        (SELL, held(-2, sells=2 * BASE + 1), False),
        (SELL, held(9), True),
        (BUY, held(-9), True),
    ],
)
def test_the_inventory_counts_the_position_and_every_order_of_the_side(order, exposure, allowed):
    expected = None if allowed else Refusal.INVENTORY
    assert alone(Refusal.INVENTORY, order, exposure=exposure, max_inventory=5 * BASE) is expected


@pytest.mark.parametrize(
    "code,limit", [(Refusal.SYMBOL_CAPITAL, "symbol_capital"), (Refusal.STAGE_CAPITAL, "capital")]
)
def test_an_order_that_adds_nothing_to_what_is_at_risk_passes_a_capital_that_is_used_up(code, limit):
    assert alone(code, SELL, exposure=held(3), **{limit: 1}) is None
    assert alone(code, BUY, exposure=held(3), **{limit: 1}) is code
    assert alone(code, BUY, exposure=held(-3), **{limit: 1}) is None


def test_the_stage_counts_what_other_symbols_risk():
    assert alone(Refusal.STAGE_CAPITAL, BUY, capital=100 * UNIT, other_exposure=UNIT) is None
    assert (
        alone(Refusal.STAGE_CAPITAL, BUY, capital=100 * UNIT, other_exposure=UNIT + 1)
        is Refusal.STAGE_CAPITAL
    )


@pytest.mark.parametrize(
    "order,exposure,adds",
    [
        (BUY, held(0), 99),
        (BUY, held(2), 99),
        (BUY, held(-0.25), 74.25),
        (BUY, held(-0.25, buys=BASE // 4), 99),
        (SELL, held(0), 101),
        (SELL, held(-2), 101),
        (SELL, held(0.25), 75.75),
        (SELL, held(0.25, sells=BASE // 4), 101),
    ],
)
def test_only_what_goes_beyond_zero_uses_the_room_of_a_direction(order, exposure, adds):
    money = int(adds * UNIT)
    assert alone(Refusal.NET_EXPOSURE, order, exposure=exposure, net_room=money) is None
    assert alone(Refusal.NET_EXPOSURE, order, exposure=exposure, net_room=money - 1) is Refusal.NET_EXPOSURE


@pytest.mark.parametrize("order,base", [(BUY, -1), (BUY, -3), (SELL, 1), (SELL, 3)])
def test_an_order_that_only_brings_the_position_back_needs_no_room(order, base):
    assert alone(Refusal.NET_EXPOSURE, order, exposure=held(base), net_room=-1) is None


def test_the_smallest_addition_needs_room():
    lot = buy(size=1)
    almost = Exposure(base=-(10**6) + 1, mark=MARK)
    assert alone(Refusal.NET_EXPOSURE, lot, exposure=almost, net_room=0) is Refusal.NET_EXPOSURE


MARGIN = {"initial_margin": Decimal("0.1")}


@pytest.mark.parametrize(
    "order,exposure,needed",
    [
        (BUY, held(0), 9.9),
        (BUY, held(2), 9.9),
        (BUY, held(-0.5), 4.95),
        (SELL, held(0), 10.1),
        (SELL, held(-2), 10.1),
        (SELL, held(0.5), 5.05),
    ],
)
def test_on_margin_what_could_make_the_position_larger_has_to_be_backed_at_its_rate(order, exposure, needed):
    enough = int(needed * BASE)
    assert alone(Refusal.BALANCE, order, exposure=exposure, available=enough, **MARGIN) is None
    assert alone(Refusal.BALANCE, order, exposure=exposure, available=enough - 1, **MARGIN) is Refusal.BALANCE
    assert alone(Refusal.BALANCE, order, exposure=exposure, available=None, **MARGIN) is Refusal.BALANCE


@pytest.mark.parametrize("order,base", [(BUY, -1), (BUY, -3), (SELL, 1), (SELL, 3)])
@pytest.mark.parametrize("available", [0, None])
def test_on_margin_an_order_that_only_brings_the_position_back_needs_no_balance(order, base, available):
    assert alone(Refusal.BALANCE, order, exposure=held(base), available=available, **MARGIN) is None


def test_on_margin_what_has_to_be_backed_is_exact_however_large_the_position_is():
    order = buy(size=10**11 + 7)
    short = Exposure(base=-83_030_920_993_190_389, mark=MARK)
    enough = 167_993_882_236_715_149
    assert alone(Refusal.BALANCE, order, exposure=short, available=enough, **MARGIN) is None
    assert alone(Refusal.BALANCE, order, exposure=short, available=enough - 1, **MARGIN) is Refusal.BALANCE


def test_the_sound_order_is_what_its_docstring_says():
    order, facts = self_test._sound()
    assert order == Intent(Side.BUY, 990, 100)
    assert (facts.bid, facts.ask, facts.level, facts.rules.trading) == (999, 1001, RiskLevel.NORMAL, True)
    assert order.size * facts.lot == BASE
    assert order.price * facts.tick == 99 * 10**8
    assert facts.exposure.mark == MARK


def test_the_first_check_that_refuses_gives_the_reason():
    both = msgspec.structs.replace(FACTS, level=RiskLevel.HALTED, side_busy=True)
    assert first_refusal(BUY, both) is Refusal.HALTED


def violations() -> list[tuple[Refusal, Intent, Facts]]:
    return list(self_test._violations(*self_test._sound()))


@pytest.mark.parametrize("number", range(len(violations())), ids=[str(v[0]) for v in violations()])
def test_an_order_of_the_self_test_breaks_the_rule_it_names_and_no_other(number):
    code, order, facts = violations()[number]
    refused = {check(order, facts) for check, _ in CHECKS} - {None}
    # a halt is deeper than reduce-only, and includes it
    assert refused == ({code, Refusal.REDUCE_ONLY} if code is Refusal.HALTED else {code})


SWITCHES = (
    Refusal.NOT_TRADING,
    Refusal.HALTED,
    Refusal.REDUCE_ONLY,
    Refusal.SIDE_BLOCKED,
    Refusal.CIRCUIT_OPEN,
)
"""Rules about something that is or is not: there is no step in between."""
COUNTED = [code for code, _, _ in violations() if code not in SWITCHES]


def nearer(sound: Any, found: Any) -> Any:
    """What differs from the sound one, one step nearer to it; where that has no limit, one step wider."""
    changes = {}
    for name in type(sound).__struct_fields__:
        before, now = getattr(sound, name), getattr(found, name)
        if before == now:
            continue
        if isinstance(now, msgspec.Struct):
            changes[name] = nearer(before, now)
        else:
            step = Decimal("0.01") if isinstance(now, Decimal) else 1
            changes[name] = now + (step if before is None or before > now else -step)
    return msgspec.structs.replace(found, **changes)


@pytest.mark.parametrize("code", COUNTED)
def test_an_order_of_the_self_test_breaks_its_rule_by_one_step(code):
    ((order, facts),) = [(order, facts) for found, order, facts in violations() if found is code]
    sound_order, sound_facts = self_test._sound()
    assert first_refusal(nearer(sound_order, order), nearer(sound_facts, facts)) is None
