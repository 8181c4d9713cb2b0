"""The self-test of the risk controls: what it says when one of them does not do its work."""

from __future__ import annotations

import pytest

from mm_trader.risk import checks, self_test
from mm_trader.risk.checks import CHECKS
from mm_trader.risk.pnl import LossLimits, PnlMonitor
from mm_trader.risk.reasons import HaltReason, Refusal

UNIT = 10**16
CONTROLS = 1 + len(Refusal) + 3
"""The sound order, a violation of each code, three loss limits."""


def replaced(code: Refusal, check):
    """The list with one check replaced."""
    return tuple((check, codes) if code in codes else (real, codes) for real, codes in CHECKS)


def test_a_check_that_refuses_everything_is_found_by_the_sound_order(monkeypatch):
    monkeypatch.setattr(checks, "CHECKS", replaced(Refusal.NOT_TRADING, lambda _o, _f: Refusal.NOT_TRADING))
    result = self_test.run_self_test()
    assert result.checks == CONTROLS
    assert result.failures[0] == "a sound order was refused: NotTrading"
    assert "Halted: answered NotTrading" in result.failures
    assert len(result.failures) == len(Refusal), "the sound order, and every violation but its own"


@pytest.mark.parametrize("code", [code for code in Refusal if code is not Refusal.HALTED])
def test_a_check_that_refuses_nothing_is_found_by_its_violation_alone(monkeypatch, code):
    monkeypatch.setattr(checks, "CHECKS", replaced(code, lambda _o, _f: None))
    result = self_test.run_self_test()
    assert result.failures == (f"{code}: answered nothing",)
    assert result.checks == CONTROLS


def test_a_check_that_gives_another_reason_is_found(monkeypatch):
    def confused(order, facts):
        return Refusal.BALANCE if checks.order_rate(order, facts) else None

    monkeypatch.setattr(checks, "CHECKS", replaced(Refusal.ORDER_RATE, confused))
    assert self_test.run_self_test().failures == ("OrderRate: answered Balance",)


def test_a_code_that_no_order_violates_is_found(monkeypatch):
    real = self_test._violations
    monkeypatch.setattr(
        self_test, "_violations", lambda o, f: (v for v in real(o, f) if v[0] is not Refusal.SELF_CROSS)
    )
    result = self_test.run_self_test()
    assert result.failures == ("SelfCross: no violating order",)
    assert result.checks == CONTROLS - 1


@pytest.mark.parametrize(
    "reason,limit",
    [
        (HaltReason.DAILY_LOSS_LIMIT, "daily_loss"),
        (HaltReason.LOSS_BUDGET, "budget"),
        (HaltReason.MAX_DRAWDOWN, "drawdown"),
    ],
)
def test_a_loss_limit_that_is_not_judged_is_found(monkeypatch, reason, limit):
    real = PnlMonitor.breach

    def blind(monitor):
        found = real(monitor)
        return None if found is not None and found[0] is reason else found

    monkeypatch.setattr(PnlMonitor, "breach", blind)
    assert self_test.run_self_test().failures == (f"{reason}: a breach was not seen",)


def test_a_floor_that_is_not_reached_is_found_though_the_limits_are_judged(monkeypatch):
    monkeypatch.setattr(PnlMonitor, "settle", lambda _monitor: False)
    failures = self_test.run_self_test().failures
    assert failures == tuple(
        f"{reason}: a breach was not seen"
        for reason in (HaltReason.DAILY_LOSS_LIMIT, HaltReason.LOSS_BUDGET, HaltReason.MAX_DRAWDOWN)
    )


def test_a_limit_that_is_named_wrongly_is_found(monkeypatch):
    real = PnlMonitor.breach
    monkeypatch.setattr(PnlMonitor, "breach", lambda m: (HaltReason.LOSS_BUDGET, "") if real(m) else None)
    assert self_test.run_self_test().failures == (
        "DailyLossLimit: a breach was not seen",
        "MaxDrawdown: a breach was not seen",
    )


def test_a_limit_that_is_not_reached_is_no_breach(monkeypatch):
    far = 10**6 * UNIT
    just_not = LossLimits(daily_loss=100 * UNIT + 1, budget=None, drawdown=far)
    monkeypatch.setattr(self_test, "_loss_limits", lambda: iter([(HaltReason.DAILY_LOSS_LIMIT, just_not)]))
    assert self_test.run_self_test().failures == ("DailyLossLimit: a breach was not seen",)


@pytest.mark.parametrize("limit", ["daily_loss", "budget", "drawdown"])
def test_each_loss_limit_is_breached_alone_and_just_so(limit):
    names = {
        "daily_loss": HaltReason.DAILY_LOSS_LIMIT,
        "budget": HaltReason.LOSS_BUDGET,
        "drawdown": HaltReason.MAX_DRAWDOWN,
    }
    limits = dict(self_test._loss_limits())[names[limit]]
    assert getattr(limits, limit) == 100 * UNIT
    others = [getattr(limits, name) for name in names if name != limit]
    assert all(other is None or other > 100 * UNIT for other in others)
