"""A halt of one symbol is shown and must be acknowledged, but it is no halt of the account."""

from __future__ import annotations

from datetime import UTC, datetime

from mm_api.kinds import TradingState
from mm_api.kinds.common import HaltLevel
from mm_api.kinds.market_maker_status import HaltStatus
from mm_api.redis_contract import Latch, LatchSource
from mm_operator.reconcile.progress import halted_state


def halt(level: HaltLevel) -> HaltStatus:
    return HaltStatus(
        id="risk-symbollosslimit-ethusdc-1",
        level=level,
        source="Risk",
        reason="SymbolLossLimit",
        since=datetime(2026, 1, 1, tzinfo=UTC),
        account="a",
        needs_acknowledgement=True,
    )


def test_the_state_column_says_that_a_symbol_is_halted_unless_something_deeper_is() -> None:
    assert halted_state([halt(HaltLevel.NONE)]) is TradingState.SYMBOL_HALTED
    assert halted_state([halt(HaltLevel.NONE), halt(HaltLevel.HALTED)]) is TradingState.HALTED


def test_a_latch_names_its_symbol_in_its_id_and_only_at_level_none() -> None:
    def latch(level: HaltLevel, name: str, source: LatchSource = LatchSource.RISK) -> Latch:
        return Latch(id=name, level=level, source=source, reason="x", at_ms=0)

    assert latch(HaltLevel.NONE, "risk-symbollosslimit-ethusdc-1").symbol == "ETHUSDC"
    assert latch(HaltLevel.HALTED, "risk-symbollosslimit-ethusdc-1").symbol is None
    assert latch(HaltLevel.NONE, "risk-dailylosslimit-1").symbol is None
    assert latch(HaltLevel.NONE, "tradinghalt-a-b-c", LatchSource.TRADING_HALT).symbol is None
