"""The guards' measures against their formulas, and the levels they ask for, threshold by threshold."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from math import exp, sqrt
from random import Random
from typing import Any

import msgspec
import pytest
from kernel_driver import SECOND
from test_guards import LIMITS

from mm_trader.core.state import RiskLevel
from mm_trader.risk.guards import MarkOutGuard, SymbolGuards, VolatilityJump, Vpin
from mm_trader.risk.levels import RiskState, level_for_usage
from mm_trader.risk.reasons import Caution
from mm_trader.risk.skew import ClockSkew

TAU, BUCKET, WARM_UP = 300.0, 10.0, 60.0


# --- VPIN ---------------------------------------------------------------------------------------------------------------------------------


class PlainVpin:
    """The definition, without any bookkeeping: lots are poured one by one, in the order they were traded; a bucket is of the size measured at its first."""

    def __init__(self, buckets: int) -> None:
        self.wanted = buckets
        self.past: list[tuple[int, float]] = []
        self.found: list[float] = []
        self.size: Fraction | None = None
        self.volume = {True: Fraction(0), False: Fraction(0)}

    def add(self, ts: int, size: int, *, buyer_is_maker: bool) -> float | None:
        now = max([ts, *(t for t, _ in self.past[-1:])])
        self.past.append((now, size))
        age = (now - self.past[0][0]) / SECOND
        left = Fraction(size)
        while age >= WARM_UP and left:
            if self.size is None:
                rate = sum(s * exp((t - now) / SECOND / TAU) for t, s in self.past)
                self.size = Fraction(rate / (TAU * (1 - exp(-age / TAU))) * BUCKET)
            taken = min(left, self.size - sum(self.volume.values()))
            self.volume[buyer_is_maker] += taken
            left -= taken
            if sum(self.volume.values()) == self.size:
                self.found.append(float(abs(self.volume[True] - self.volume[False]) / self.size))
                self.volume = {True: Fraction(0), False: Fraction(0)}
                self.size = None
        last = self.found[-self.wanted :]
        return sum(last) / len(last) if len(last) == self.wanted else None


def test_what_a_large_trade_leaves_over_goes_to_the_next_bucket_and_changes_nothing_of_this_one():
    vpin = Vpin(2)
    for second in range(600):
        vpin.add(second * SECOND, 10, buyer_is_maker=second % 2 == 0)
    calm = vpin.value
    vpin.add(600 * SECOND, 1_000, buyer_is_maker=True)
    assert (calm, vpin.value) == (pytest.approx(0.0, abs=0.1), 1.0)


@pytest.mark.parametrize("seed", range(3))
def test_vpin_is_the_mean_imbalance_of_buckets_of_equal_volume(seed):
    chance = Random(seed)
    vpin, plain = Vpin(4), PlainVpin(4)
    ts, values = 5 * SECOND, 0
    for _ in range(700):
        ts += chance.choice([0, 0, SECOND // 10, SECOND, -SECOND // 20])
        size = chance.choice([1, 3, 10, 10, 200])
        maker = chance.random() < 0.3
        vpin.add(ts, size, buyer_is_maker=maker)
        expected = plain.add(ts, size, buyer_is_maker=maker)
        assert vpin.value == (None if expected is None else pytest.approx(expected))
        values += expected is not None
    assert values > 50


def test_vpin_begins_a_minute_after_its_first_trade_and_says_nothing_before_its_last_bucket():
    vpin = Vpin(1)
    vpin.add(40 * SECOND, 100, buyer_is_maker=False)
    vpin.add(100 * SECOND - 1, 100, buyer_is_maker=False)
    assert vpin.value is None
    vpin.add(100 * SECOND, 1000, buyer_is_maker=True)
    assert vpin.value == 1.0


def warm(size: float) -> Vpin:
    """A minute old, with the size of its bucket known."""
    vpin = Vpin(1)
    vpin.add(0, 1, buyer_is_maker=False)
    vpin._size = size
    return vpin


def test_a_trade_that_just_fills_its_bucket_closes_it():
    vpin = warm(10.0)
    vpin.add(60 * SECOND, 9, buyer_is_maker=False)
    assert vpin.value is None
    vpin.add(60 * SECOND, 1, buyer_is_maker=True)
    assert vpin.value == pytest.approx(0.8)


def test_where_less_than_a_lot_is_traded_in_the_time_of_a_bucket_one_trade_fills_several():
    vpin = Vpin(3)
    vpin.add(0, 1, buyer_is_maker=False)
    vpin.add(200 * SECOND, 1, buyer_is_maker=False)
    assert vpin.value == 1.0


def test_trades_of_less_than_a_lot_fill_no_bucket():
    vpin = Vpin(1)
    for second in (0, 60, 120):
        vpin.add(second * SECOND, 0, buyer_is_maker=True)
    assert vpin.value is None


# --- volatility jump ----------------------------------------------------------------------------------------------------------------------


def jump_of(prior: float, samples: list[tuple[float, int]]) -> float:
    """√ of (fast over slow mean of r²/Δt), each an exponential mean over time that begins at the prior."""
    means = {5.0: prior * prior, 300.0: prior * prior}
    for (t0, m0), (t1, m1) in pairwise(samples):
        for tau in means:
            weight = exp(-(t1 - t0) / tau)
            means[tau] = weight * means[tau] + (1 - weight) * ((m1 - m0) / m0) ** 2 / (t1 - t0)
    return sqrt(means[5.0] / means[300.0])


@pytest.mark.parametrize("seed", range(3))
def test_a_jump_is_fast_over_slow_volatility_of_irregular_samples(seed):
    chance = Random(seed)
    jump = VolatilityJump(2e-4)
    samples = [(3.0, 500_000)]
    jump.sample(3 * SECOND, 500_000)
    for _ in range(60):
        t, mid2 = samples[-1]
        samples.append((t + chance.choice([0.5, 1.0, 2.0]), mid2 + chance.randint(-400, 400)))
        jump.sample(round(samples[-1][0] * SECOND), samples[-1][1])
        if samples[-1][0] - 3.0 >= 30:
            assert jump.ratio == pytest.approx(jump_of(2e-4, samples))
        else:
            assert jump.ratio == 1.0


def test_it_says_nothing_before_half_a_minute_of_samples():
    jump = VolatilityJump(1e-4)
    jump.sample(0, 1000)
    jump.sample(30 * SECOND - 1, 1100)
    assert jump.ratio == 1.0
    jump.sample(30 * SECOND, 1100)
    assert jump.ratio > 1.5


def test_a_second_sample_of_the_same_instant_or_an_older_one_is_no_change():
    jump, other = VolatilityJump(1e-4), VolatilityJump(1e-4)
    for each in (jump, other):
        each.sample(SECOND, 1000)
        each.sample(40 * SECOND, 1010)
    jump.sample(40 * SECOND, 1010)
    assert (jump._fast, jump._slow, jump._age, jump.ratio) == (
        other._fast,
        other._slow,
        other._age,
        other.ratio,
    )


def test_after_a_gap_the_move_across_it_does_not_count():
    jump, other = VolatilityJump(1e-4), VolatilityJump(1e-4)
    for each in (jump, other):
        each.sample(SECOND, 1000)
        each.sample(40 * SECOND, 1001)
    jump.forget_last()
    jump.sample(50 * SECOND, 2000)
    assert (jump._fast, jump._slow, jump._age, jump.ratio) == (
        other._fast,
        other._slow,
        other._age,
        other.ratio,
    )


def test_a_market_that_never_moved_has_no_jump():
    jump = VolatilityJump(0.0)
    for second in range(40):
        jump.sample(second * SECOND, 1000)
    assert jump.ratio == 1.0


# --- mark-out -----------------------------------------------------------------------------------------------------------------------------


def test_the_mean_mark_out_is_that_of_the_last_fills_at_its_horizon():
    guard = MarkOutGuard(LIMITS)
    for bp in (9.0, -1.0, -2.0, -3.0):
        guard.add(1000, bp)
    guard.add(5000, -99.0)
    assert guard.mean_bp is None
    guard.add(1000, -4.0)
    assert guard.mean_bp == pytest.approx(-0.2)
    guard.add(1000, -5.0)
    assert guard.mean_bp == pytest.approx(-3.0)
    guard.forget()
    assert guard.mean_bp is None


def test_without_a_new_fill_there_is_no_new_reason():
    guard = MarkOutGuard(LIMITS)
    assert guard.asks() is RiskLevel.NORMAL
    for _ in range(5):
        guard.add(1000, -3.0)
    assert [guard.asks(), guard.asks()] == [RiskLevel.CAUTIOUS, RiskLevel.NORMAL]
    guard.add(5000, -3.0)
    assert guard.asks() is RiskLevel.NORMAL


# --- levels -------------------------------------------------------------------------------------------------------------------------------


def guards(**changes: Any) -> SymbolGuards:
    return SymbolGuards(msgspec.structs.replace(LIMITS, **changes), prior_sigma=1e-4)


@pytest.mark.parametrize(
    "vpin,jump,level,reasons",
    [
        (None, 1.0, RiskLevel.NORMAL, ()),
        (0.59, 2.9, RiskLevel.NORMAL, ()),
        (0.6, 1.0, RiskLevel.CAUTIOUS, ("ToxicFlow",)),
        (0.9, 1.0, RiskLevel.REDUCE_ONLY, ("ToxicFlow",)),
        (None, 3.0, RiskLevel.CAUTIOUS, ("VolatilityJump",)),
        (None, 6.0, RiskLevel.REDUCE_ONLY, ("VolatilityJump",)),
        (0.6, 6.0, RiskLevel.REDUCE_ONLY, ("VolatilityJump", "ToxicFlow")),
        (0.9, 3.0, RiskLevel.REDUCE_ONLY, ("ToxicFlow", "VolatilityJump")),
    ],
)
def test_flow_and_volatility_ask_for_the_level_of_their_threshold(vpin, jump, level, reasons):
    found = guards()
    found.vpin.value, found.jump.ratio = vpin, jump
    assert found.judge(SECOND) is (level is not RiskLevel.NORMAL)
    assert (found.level, found.reasons) == (level, reasons)
    assert found.judge(SECOND) is False


@pytest.mark.parametrize("off", ["vpin_cautious", "jump_cautious"])
def test_a_cautious_step_that_is_off_leaves_the_deeper_one(off):
    found = guards(**{off: None})
    found.vpin.value, found.jump.ratio = (0.89, 1.0) if off == "vpin_cautious" else (None, 5.9)
    assert found.judge(SECOND) is False
    found.vpin.value, found.jump.ratio = (0.9, 1.0) if off == "vpin_cautious" else (None, 6.0)
    assert found.judge(SECOND) is True
    assert found.level is RiskLevel.REDUCE_ONLY


def test_a_shallower_level_counts_only_when_the_deeper_one_has_run_out():
    found = guards()
    found.jump.ratio = 6.0
    found.judge(SECOND)
    found.jump.ratio = 3.0
    assert found.judge(31 * SECOND - 1) is False
    assert found.judge(31 * SECOND) is True
    assert found.level is RiskLevel.NORMAL
    assert found.judge(31 * SECOND) is True
    assert found.level is RiskLevel.CAUTIOUS


def test_each_cause_runs_out_by_itself():
    found = guards()
    found.jump.ratio, found.vpin.value = 3.0, 0.9
    found.judge(0)
    found.vpin.value = 0.0
    found.judge(20 * SECOND)
    assert found.judge(30 * SECOND) is True
    assert (found.level, found.reasons) == (RiskLevel.CAUTIOUS, ("VolatilityJump",))


# --- the four-level state -----------------------------------------------------------------------------------------------------------------


def test_the_deepest_cause_is_obeyed_and_a_change_is_said():
    state = RiskState()
    assert (state.level, state.reasons, state.asked(Caution.REJECTS)) == (
        RiskLevel.NORMAL,
        (),
        RiskLevel.NORMAL,
    )
    assert state.set(Caution.REJECTS, RiskLevel.NORMAL) is False
    assert state.set(Caution.REJECTS, RiskLevel.CAUTIOUS) is True
    assert state.set(Caution.REJECTS, RiskLevel.CAUTIOUS) is False
    assert state.set(Caution.FILL_RATE, RiskLevel.CAUTIOUS) is False
    assert state.set(Caution.LOSS_NEAR_LIMIT, RiskLevel.REDUCE_ONLY) is True
    assert state.asked(Caution.LOSS_NEAR_LIMIT) is RiskLevel.REDUCE_ONLY
    assert (state.level, state.reasons) == (RiskLevel.REDUCE_ONLY, ("LossNearLimit", "Rejects", "FillRate"))
    assert state.set(Caution.REJECTS, RiskLevel.NORMAL) is False
    assert state.set(Caution.LOSS_NEAR_LIMIT, RiskLevel.NORMAL) is True
    assert (state.level, state.reasons) == (RiskLevel.CAUTIOUS, ("FillRate",))
    assert state.set(Caution.FILL_RATE, RiskLevel.NORMAL) is True
    assert state.level is RiskLevel.NORMAL


@pytest.mark.parametrize(
    "usage,now,level",
    [
        (0.49, RiskLevel.NORMAL, RiskLevel.NORMAL),
        (0.5, RiskLevel.NORMAL, RiskLevel.CAUTIOUS),
        (0.79, RiskLevel.NORMAL, RiskLevel.CAUTIOUS),
        (0.8, RiskLevel.NORMAL, RiskLevel.REDUCE_ONLY),
        (0.46, RiskLevel.CAUTIOUS, RiskLevel.CAUTIOUS),
        (0.44, RiskLevel.CAUTIOUS, RiskLevel.NORMAL),
        (0.76, RiskLevel.CAUTIOUS, RiskLevel.CAUTIOUS),
        (0.76, RiskLevel.REDUCE_ONLY, RiskLevel.REDUCE_ONLY),
        (0.74, RiskLevel.REDUCE_ONLY, RiskLevel.CAUTIOUS),
        (0.46, RiskLevel.REDUCE_ONLY, RiskLevel.CAUTIOUS),
        (0.44, RiskLevel.REDUCE_ONLY, RiskLevel.NORMAL),
        (0.76, RiskLevel.HALTED, RiskLevel.REDUCE_ONLY),
    ],
)
def test_a_level_is_entered_at_its_threshold_and_left_a_little_below_it(usage, now, level):
    assert level_for_usage(usage, now) is level


@pytest.mark.parametrize("now,usage", [(RiskLevel.CAUTIOUS, 0.5 - 0.05), (RiskLevel.REDUCE_ONLY, 0.8 - 0.05)])
def test_at_the_release_itself_the_level_is_kept(now, usage):
    assert level_for_usage(usage, now) is now


# --- clock skew ---------------------------------------------------------------------------------------------------------------------------

WALL = 1_700_000_000 * SECOND


def test_before_a_measurement_the_skew_is_what_the_wall_clock_has_jumped_since_the_first_tick():
    skew = ClockSkew()
    assert skew.ns == 0
    skew.on_tick(5 * SECOND, WALL, 0, None)
    assert skew.ns == 0
    skew.on_tick(6 * SECOND, WALL + SECOND + 7, 0, None)
    assert skew.ns == -7, "our clock has gone ahead of the venue's"
    skew.on_tick(7 * SECOND, WALL + 2 * SECOND - 9, 0, None)
    assert skew.ns == 9


def test_after_one_it_is_what_was_measured_and_what_the_wall_clock_has_jumped_since():
    skew = ClockSkew()
    skew.on_tick(0, WALL, 100, WALL)
    assert skew.ns == 100
    skew.on_tick(SECOND, WALL + SECOND + 30, 100, WALL)
    assert skew.ns == 70
    skew.on_tick(2 * SECOND, WALL + 2 * SECOND + 30, 80, WALL + 30)
    assert skew.ns == 80
    skew.on_tick(3 * SECOND, WALL + 3 * SECOND + 30, 80, WALL)
    assert skew.ns == 50, "the same offset, measured before the jump"
    skew.on_tick(4 * SECOND, WALL + 4 * SECOND + 30, 0, WALL + 30)
    assert skew.ns == 0


def test_the_first_tick_may_bring_no_measurement_and_the_next_a_first_one():
    skew = ClockSkew()
    skew.on_tick(0, WALL, 0, None)
    skew.on_tick(SECOND, WALL + SECOND + 50, 1, WALL + 50)
    assert skew.ns == 1
