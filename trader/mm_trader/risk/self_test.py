"""The risk controls prove themselves at the start of a scope: each pre-trade check is given an order that breaks exactly its rule, and by one step alone,
and must refuse it with its own code; an order that breaks none must pass; each loss limit is given a ledger that breaches it. The result is evidence for
the RiskControlsWork gate."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import msgspec

from mm_trader.core.events import Side
from mm_trader.core.state import RiskLevel
from mm_trader.core.units import MONEY_DIGITS, SymbolRules
from mm_trader.risk.checks import CHECKS, Facts, Intent, first_refusal
from mm_trader.risk.exposure import Exposure
from mm_trader.risk.pnl import LossLimits, PnlMonitor
from mm_trader.risk.reasons import HaltReason, Refusal

_UNIT = 10**MONEY_DIGITS
"""One unit of quote currency."""


class SelfTestResult(msgspec.Struct, frozen=True, kw_only=True):
    """How many controls were exercised, and which did not do their work."""

    checks: int
    failures: tuple[str, ...]


def run_self_test() -> SelfTestResult:
    """Exercise every control once. Pure; touches nothing of the running trader."""
    failures: list[str] = []
    done = 1
    sound_order, sound_facts = _sound()
    if (refusal := first_refusal(sound_order, sound_facts)) is not None:
        failures.append(f"a sound order was refused: {refusal}")
    covered = set()
    for expected, order, facts in _violations(sound_order, sound_facts):
        done += 1
        covered.add(expected)
        refusal = first_refusal(order, facts)
        if refusal is not expected:
            failures.append(f"{expected}: answered {refusal or 'nothing'}")
    failures += [
        f"{code}: no violating order" for _, codes in CHECKS for code in codes if code not in covered
    ]
    for reason, limits in _loss_limits():
        done += 1
        monitor = PnlMonitor({}, limits, None, scope="self-test", wall_ms=0)
        monitor.begin_scope()
        monitor.net -= 100 * _UNIT
        breach = monitor.breach() if monitor.settle() else None
        if breach is None or breach[0] is not reason:
            failures.append(f"{reason}: a breach was not seen")
    return SelfTestResult(checks=done, failures=tuple(failures))


def _sound() -> tuple[Intent, Facts]:
    """An order that nothing can be said against: 1 base at 99 with the market at 99.9 / 100.1."""
    rules = SymbolRules(
        symbol="TESTUSD",
        base_asset="TEST",
        quote_asset="USD",
        tick=Decimal("0.1"),
        lot=Decimal("0.01"),
        min_quantity=1,
        max_quantity=10_000,
        min_price=10,
        max_price=100_000,
        min_notional=Decimal(5),
        max_notional=Decimal(100_000),
    )
    facts = Facts(
        rules=rules,
        tick=10**7,
        lot=10**6,
        level=RiskLevel.NORMAL,
        market_age=0,
        stale_after=10**9,
        bid=999,
        ask=1001,
        price_band=Decimal("0.02"),
        exposure=Exposure(base=0, mark=100 * 10**8),
        max_inventory=5 * 10**8,
        symbol_capital=1_000 * _UNIT,
        other_exposure=0,
        capital=1_000 * _UNIT,
        max_order_money=1_000 * _UNIT,
        available=1_000 * 10**8,
        orders_this_second=0,
        max_order_rate=20,
        side_busy=False,
        own_opposite=None,
        open_orders=0,
        clock_skew=0,
        max_clock_skew=10**9,
        circuit_open=False,
    )
    return Intent(Side.BUY, 990, 100), facts


def _violations(order: Intent, facts: Facts) -> Iterator[tuple[Refusal, Intent, Facts]]:
    """For every code: an order and facts in which that rule alone is broken, and by one unit of what it counts."""
    replace = msgspec.structs.replace
    rules = facts.rules
    yield Refusal.NOT_TRADING, order, replace(facts, rules=replace(rules, trading=False))
    yield Refusal.HALTED, order, replace(facts, level=RiskLevel.HALTED)
    yield Refusal.REDUCE_ONLY, order, replace(facts, level=RiskLevel.REDUCE_ONLY)
    yield Refusal.STALE_MARKET, order, replace(facts, market_age=10**9 + 1)
    yield Refusal.BAD_MARKET, order, replace(facts, bid=1001)
    yield Refusal.PRICE_FILTER, order, replace(facts, rules=replace(rules, min_price=991))
    yield Refusal.LOT_SIZE, order, replace(facts, rules=replace(rules, min_quantity=101))
    yield Refusal.NOTIONAL, order, replace(facts, rules=replace(rules, min_notional=Decimal("99.01")))
    yield Refusal.ORDER_NOTIONAL, order, replace(facts, max_order_money=99 * _UNIT - 1)
    yield Refusal.PRICE_BAND, replace(order, price=979), facts
    yield Refusal.POST_ONLY_CROSS, replace(order, price=1001), facts
    yield Refusal.SELF_CROSS, order, replace(facts, own_opposite=990)
    yield Refusal.SIDE_BLOCKED, order, replace(facts, side_busy=True)
    yield Refusal.INVENTORY, order, replace(facts, max_inventory=10**8 - 1)
    yield Refusal.SYMBOL_CAPITAL, order, replace(facts, symbol_capital=99 * _UNIT - 1)
    yield Refusal.STAGE_CAPITAL, order, replace(facts, other_exposure=901 * _UNIT + 1)
    yield Refusal.NET_EXPOSURE, order, replace(facts, net_room=99 * _UNIT - 1)
    yield Refusal.CORRELATED_EXPOSURE, order, replace(facts, correlated_room=99 * _UNIT - 1)
    yield Refusal.BALANCE, order, replace(facts, available=99 * 10**8 - 1)
    yield Refusal.ORDER_RATE, order, replace(facts, orders_this_second=20)
    yield Refusal.CLOCK_SKEW, order, replace(facts, clock_skew=-(10**9) - 1)
    yield Refusal.CIRCUIT_OPEN, order, replace(facts, circuit_open=True)
    yield Refusal.OPEN_ORDERS, order, replace(facts, open_orders=rules.max_open_orders)


def _loss_limits() -> Iterator[tuple[HaltReason, LossLimits]]:
    far = 10**6 * _UNIT
    yield HaltReason.DAILY_LOSS_LIMIT, LossLimits(daily_loss=100 * _UNIT, budget=None, drawdown=far)
    yield HaltReason.LOSS_BUDGET, LossLimits(daily_loss=far, budget=100 * _UNIT, drawdown=far)
    yield HaltReason.MAX_DRAWDOWN, LossLimits(daily_loss=far, budget=None, drawdown=100 * _UNIT)
