"""What a refused request leaves behind: nothing, since clients may send refused ones for days."""

from __future__ import annotations

import gc
from typing import Any, cast

from mm_trader.venue.simulator.engine.errors import RefusalError
from mm_trader.venue.simulator.faults import FaultBoard
from mm_trader.venue.simulator.server.desk import Call, Desk, Request
from mm_trader.venue.simulator.server.outcome import run


class _Refusing:
    def perform(self, _call: Any, _request: Any) -> Any:
        raise RefusalError(-1121, "Invalid symbol.")


class _NothingArmed:
    armed = False


class _PublicCall:
    ws = "ticker.price"


def _refused() -> None:
    desk, faults, call = cast(Desk, _Refusing()), cast(FaultBoard, _NothingArmed()), cast(Call, _PublicCall())
    outcome = run(desk, faults, call, cast(Request, None))
    assert outcome is not None and outcome.error is not None

    def answer() -> object:
        return outcome  # as the servers keep it until it is sent

    assert answer()


def test_a_refused_request_leaves_nothing_behind() -> None:
    def alive() -> int:
        gc.collect()
        return sum(type(each) is RefusalError for each in gc.get_objects())

    before = alive()
    for _ in range(20):
        _refused()
    assert alive() == before
