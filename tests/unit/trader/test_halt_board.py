"""The board of halts: who may put one up, who may take it down, and how deep the deepest is."""

from __future__ import annotations

from typing import Any

import pytest

from mm_api.kinds.common import HaltLevel
from mm_api.redis_contract import Latch, LatchSource
from mm_trader.core.state import RiskLevel
from mm_trader.risk.halts import HaltBoard

AT = 1_700_000_000_000
STAMP = "loyw3v28"
"""AT in base 36."""


def latch(
    name: str, level: HaltLevel = HaltLevel.HALTED, source: LatchSource = LatchSource.RISK, **more: Any
) -> Latch:
    return Latch(id=name, level=level, source=source, **({"reason": "Because", "at_ms": AT} | more))


def external(name: str = "operator-1", level: HaltLevel = HaltLevel.HALTED) -> Latch:
    source = next(source for source in LatchSource if source is not LatchSource.RISK)
    return latch(name, level, source)


def board(*latches: Latch) -> HaltBoard:
    return HaltBoard("rev-1", "scope-1", latches)


def test_an_empty_board_stops_nothing():
    found = board()
    assert (found.level, found.symbols, found.ids, found.latches, found.waiting) == (
        RiskLevel.NORMAL,
        frozenset(),
        (),
        [],
        0,
    )


@pytest.mark.parametrize(
    "levels,level",
    [
        ([HaltLevel.NONE], RiskLevel.NORMAL),
        ([HaltLevel.REDUCE_ONLY], RiskLevel.REDUCE_ONLY),
        ([HaltLevel.HALTED], RiskLevel.HALTED),
        ([HaltLevel.HIBERNATED], RiskLevel.HALTED),
        ([HaltLevel.REDUCE_ONLY, HaltLevel.HALTED], RiskLevel.HALTED),
        ([HaltLevel.NONE, HaltLevel.REDUCE_ONLY], RiskLevel.REDUCE_ONLY),
    ],
)
def test_the_deepest_halt_is_obeyed(levels, level):
    assert board(*(external(f"x-{n}", each) for n, each in enumerate(levels))).level is level
    assert board(*(latch(f"risk-x-{n}", each) for n, each in enumerate(levels))).level is level


def test_halts_of_others_are_what_redis_shows_now_and_those_of_risk_stay_until_lifted():
    found = board(external(), latch("risk-x-1", HaltLevel.REDUCE_ONLY))
    assert found.ids == ("operator-1", "risk-x-1")
    found.replace([])
    assert (found.ids, found.level) == (("risk-x-1",), RiskLevel.REDUCE_ONLY)
    found.lift("risk-x-1")
    assert (found.ids, found.level) == ((), RiskLevel.NORMAL)


def test_a_late_copy_does_not_bring_back_what_was_lifted_and_a_new_halt_is_still_read():
    old = latch("risk-x-1")
    found = board(old)
    found.lift("risk-x-1")
    found.replace([old, latch("risk-x-2", HaltLevel.REDUCE_ONLY)])
    assert (found.ids, found.level) == (("risk-x-2",), RiskLevel.REDUCE_ONLY)


def test_a_halt_of_others_that_was_lifted_is_back_when_redis_shows_it_again():
    found = board(external())
    found.lift("operator-1")
    assert found.level is RiskLevel.NORMAL
    found.replace([external()])
    assert found.level is RiskLevel.HALTED


def test_lifted_ids_are_remembered_for_a_while_and_not_for_ever():
    found = board()
    for number in range(257):
        found.lift(f"risk-x-{number}")
    found.replace([latch("risk-x-0"), latch("risk-x-1")])
    assert found.ids == ("risk-x-0",)


def test_a_new_halt_counts_at_once_and_waits_to_be_durable():
    found = board()
    raised = found.raise_own("DailyLossLimit", "lost", AT, HaltLevel.REDUCE_ONLY)
    assert raised == Latch(
        id=f"risk-dailylosslimit-{STAMP}",
        level=HaltLevel.REDUCE_ONLY,
        source=LatchSource.RISK,
        reason="DailyLossLimit",
        message="lost",
        at_ms=AT,
        revision="rev-1",
        scope="scope-1",
    )
    assert (found.latches, found.waiting, found.level) == ([raised], 1, RiskLevel.REDUCE_ONLY)
    found.durable(raised.id)
    assert (found.latches, found.waiting) == ([raised], 0)


def test_what_redis_shows_of_a_new_halt_makes_it_durable():
    found = board()
    raised = found.raise_own("X", "", AT, HaltLevel.HALTED)
    found.replace([raised])
    assert (found.waiting, found.ids) == (0, (raised.id,))


def test_a_halt_is_raised_once_unless_it_is_deeper():
    found = board()
    assert found.raise_own("X", "", AT, HaltLevel.REDUCE_ONLY)
    assert found.raise_own("X", "", AT + 1, HaltLevel.REDUCE_ONLY) is None
    assert found.raise_own("X", "", AT + 2, HaltLevel.HALTED)
    assert found.raise_own("X", "", AT + 3, HaltLevel.REDUCE_ONLY) is None
    assert found.raise_own("Y", "", AT + 4, HaltLevel.REDUCE_ONLY)
    assert found.waiting == 3


@pytest.mark.parametrize(
    "reason,name", [("Fee-Asset Unknown!", "feeassetunknown"), ("???", "unnamed"), ("X9", "x9")]
)
def test_a_reason_makes_a_name_of_letters_and_digits(reason, name):
    assert board().raise_own(reason, "", AT, HaltLevel.HALTED).id == f"risk-{name}-{STAMP}"
    assert board().raise_symbol("ETHUSDC", reason, "", AT).id == f"risk-{name}-ethusdc-{STAMP}"


def test_a_halt_of_one_symbol_stops_that_symbol_and_nothing_else():
    found = board()
    raised = found.raise_symbol("ETHUSDC", "SymbolLossLimit", "lost", AT)
    assert raised == Latch(
        id=f"risk-symbollosslimit-ethusdc-{STAMP}",
        level=HaltLevel.NONE,
        source=LatchSource.RISK,
        reason="SymbolLossLimit",
        message="lost",
        at_ms=AT,
        revision="rev-1",
        scope="scope-1",
    )
    assert (found.symbols, found.level, found.waiting) == ({"ETHUSDC"}, RiskLevel.NORMAL, 1)
    assert found.latches == [raised]
    assert found.raise_symbol("ETHUSDC", "Other", "", AT + 1) is None
    assert found.raise_symbol("BTCUSDC", "SymbolLossLimit", "", AT) is not None
    assert found.symbols == {"ETHUSDC", "BTCUSDC"}
    found.lift(raised.id)
    assert found.symbols == {"BTCUSDC"}


def test_lifting_a_halt_that_is_not_durable_yet_waits_for_nothing():
    found = board()
    raised = found.raise_own("X", "", AT, HaltLevel.HALTED)
    assert found.lift(raised.id) == "x"
    assert (found.waiting, found.level) == (0, RiskLevel.NORMAL)


def test_a_halt_of_others_can_be_lifted_and_gives_its_reason():
    found = board(external())
    assert found.lift("operator-1") == "because"
    assert (found.ids, found.level) == ((), RiskLevel.NORMAL)


@pytest.mark.parametrize(
    "halt_id,reason",
    [
        ("risk-dailylosslimit-abc", "dailylosslimit"),
        ("risk-symbollosslimit-ethusdc-abc", "symbollosslimit"),
        ("risk-dailylosslimit", ""),
        ("operator-dailylosslimit-abc", ""),
        ("", ""),
    ],
)
def test_the_reason_of_a_halt_that_was_never_seen_is_in_its_id(halt_id, reason):
    assert board().lift(halt_id) == reason
