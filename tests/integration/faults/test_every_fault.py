"""A trader through every fault and action the simulator has, one after the other; each ends reconciled, with no order unknown.

What there is comes from the simulator's own catalogue: a new fault is covered as soon as it is declared. The trader quotes, the fault strikes while
orders are placed, filled and cancelled, everything is disarmed, and then venue, kernel and journal must have the same orders and the same position.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from shellkit.desk import SYMBOL, Desk, Side, desk
from shellkit.processes import ACCOUNT, venue_positions
from shellkit.waiting import until

from mm_api.redis_contract import Latch
from mm_trader.venue.simulator.actions import ACTIONS
from mm_trader.venue.simulator.engine.errors import RefusalError
from mm_trader.venue.simulator.faults import FAULTS, FaultKind, Strikes

QUICK = {"orderTimeout": "300ms", "staleAfter": "1s"}
WIDE = {"parameters": {"baseSpread": "0.0005", "baseSize": "0.02", "maxInventory": "0.1"}}
RISK = {"capital": "10000", "maxRejectStreak": 1000}
ROUNDS = 4
CALLS = ("place", "cancel", "query")
FIELDS = {"count": 2, "ms": 400}
"""So that a fault bites, and is over soon."""
RATE_FIELDS = {"status": 429, "code": -1003, "retry_after_s": 1}
NOT_OURS = {"clear", "fault"} | {
    name for name, action in ACTIONS.items() if action.product not in (None, "spot")
}
"""No fault, the one that arms the others, and what only another product's venue has."""
ENDS_THE_PAST = {"reset"}
"""After these the venue knows nothing of before, so positions cannot be compared."""


def _strikes() -> Iterator[Any]:
    """(action, its fields), one for each thing that can go wrong."""
    for kind, info in FAULTS.items():
        if info.strikes is Strikes.REQUEST:
            for call in CALLS:
                yield pytest.param(
                    "fault", {"fault": kind.value, "call": call, **FIELDS}, id=f"{kind}-{call}"
                )
        else:
            yield pytest.param("fault", {"fault": kind.value, **FIELDS}, id=kind.value)
    throttled = {"fault": FaultKind.STATUS_BEFORE.value, "call": "place", **RATE_FIELDS}
    yield pytest.param("fault", throttled, id="throttled-place")
    for name in ACTIONS:
        if name not in NOT_OURS:
            yield pytest.param(name, {}, id=name)


STRIKES = list(_strikes())


def test_nothing_in_the_catalogue_is_left_out() -> None:
    named = [str(case.id) for case in STRIKES]
    assert ACTIONS.keys() - NOT_OURS <= set(named)
    for kind in FAULTS:
        assert any(name == kind or name.startswith(f"{kind}-") for name in named)


async def traffic(d: Desk) -> None:
    """Orders are filled and the market moves, so that the trader places and cancels: quotes are taken where there are any, the price steps to and fro."""
    for step in range(ROUNDS):
        for order in d.open_at_venue():
            try:
                d.take(order, max(1, order.remaining // 2))
            except RefusalError:
                break  # a market that is halted takes no orders of anybody's
        d.sim.admin.do("price", symbol=SYMBOL, by_bp=15 if step % 2 else -15)
        seen = len(d.journal())
        # as long as it takes to react, or to show that the fault keeps it from reacting
        await until(_changed_or(d, seen), "traffic goes on", 10.0)


def _changed_or(d: Desk, seen: int) -> Any:
    looks = iter(range(40))
    return lambda: len(d.journal()) > seen + 2 or next(looks, None) is None


async def end_of_fault(d: Desk) -> None:
    """Everything disarmed, and what an action has left behind undone."""
    d.sim.admin.do("clear")
    d.sim.admin.do("revoke", account=ACCOUNT, on="false")
    d.sim.admin.do("status", symbol=SYMBOL, status="TRADING")


async def reconciled(d: Desk, *, compare: bool) -> None:
    """Stopped, so that nothing moves: nothing open, nothing unknown, and the same position everywhere."""
    latch = {"id": "pause", "level": "Halted", "source": "Pause", "reason": "Paused", "atMs": 1}
    await d.store.set_latch(Latch.model_validate(latch))
    await until(lambda: not d.open_at_venue(), "everything is cancelled", 40)
    await until(lambda: d.app.kernel_status().unknown_orders == 0, "no order is unknown", 40)
    await until(lambda: d.app.dispatcher.kernel.is_flat(), "the trader knows that nothing is open", 40)
    assert not d.app.dispatcher.crashed
    if compare:
        positions = venue_positions(d.journal())
        position = positions[SYMBOL][0] if SYMBOL in positions else 0
        await until(lambda: d.position() == position, f"the kernel has the venue's position {position}", 30)
        ledger = d.app.journal.state.ledger
        assert position == (ledger.positions[SYMBOL].position if ledger is not None else 0)


@pytest.mark.parametrize(("action", "fields"), STRIKES)
async def test_the_trader_ends_reconciled(tmp_path: Path, action: str, fields: dict[str, Any]) -> None:
    async with desk(tmp_path, strategy=WIDE, engine=QUICK, risk=RISK) as d:
        await d.quoted(Side.BUY)
        # an action is done as its own example says
        d.sim.admin.do(action, **(fields or ACTIONS[action].shape(d.sim)["example"]))
        await traffic(d)
        await end_of_fault(d)
        await reconciled(d, compare=action not in ENDS_THE_PAST)
