"""What every product's fault tests share: the list of what can go wrong at its venue, traffic to be struck, and the look at what is left of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mm_api.redis_contract import Latch
from mm_trader.core.units import NS_PER_S
from mm_trader.orders import timing
from mm_trader.venue.simulator.actions import ACTIONS
from mm_trader.venue.simulator.engine.errors import RefusalError
from mm_trader.venue.simulator.faults import FAULTS, FaultKind, Strikes
from shellkit.desk import SYMBOL, Desk, Product, Side, desk
from shellkit.processes import ACCOUNT, venue_positions
from shellkit.waiting import until

QUICK = {"orderTimeout": "300ms", "staleAfter": "1s"}
WIDE = {"parameters": {"baseSpread": "0.0005", "baseSize": "0.02", "maxInventory": "0.1"}}
RISK = {"capital": "10000", "maxRejectStreak": 1000}
ROUNDS = 4
CALLS = ("place", "cancel", "query")
FIELDS = {"count": 2, "ms": 400}
"""So that a fault bites, and is over soon."""
THROTTLED = {
    "fault": FaultKind.STATUS_BEFORE.value, "call": "place", "status": 429, "code": -1003, "retry_after_s": 1
}  # fmt: skip
NO_FAULT = {"clear", "fault"}
"""The one that ends all others, and the one that arms them."""
ENDS_THE_PAST = {"reset"}
"""After these the venue knows nothing of before, so positions cannot be compared."""
UNDO = {
    "revoke": {"account": ACCOUNT, "on": "false"},
    "status": {"symbol": SYMBOL, "status": "TRADING"},
    "hedge": {"account": ACCOUNT, "on": "false"},
}
"""How an action whose effect stays is taken back."""


def actions_of(product: Product) -> list[str]:
    """Those that this product's venue has, but for arming and disarming."""
    return [n for n, a in ACTIONS.items() if a.product in (None, product.value) and n not in NO_FAULT]


def strikes(product: Product) -> Iterator[Any]:
    """(action, its fields), one for each thing that can go wrong."""
    for kind, info in FAULTS.items():
        if info.strikes is Strikes.REQUEST:
            for call in CALLS:
                fields = {"fault": kind.value, "call": call, **FIELDS}
                yield pytest.param("fault", fields, id=f"{kind}-{call}")
        else:
            yield pytest.param("fault", {"fault": kind.value, **FIELDS}, id=kind.value)
    yield pytest.param("fault", THROTTLED, id="throttled-place")
    for name in actions_of(product):
        yield pytest.param(name, {}, id=name)


def left_out(product: Product, cases: list[Any]) -> set[str]:
    """What the catalogue holds and no case strikes with."""
    named = [str(case.id) for case in cases]
    struck = {kind.value for kind in FAULTS if any(n == kind or n.startswith(f"{kind}-") for n in named)}
    return ({kind.value for kind in FAULTS} - struck) | (set(actions_of(product)) - set(named))


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
        await until(_changed_or(d, seen), "traffic goes on", 60.0)


def _changed_or(d: Desk, seen: int) -> Any:
    looks = iter(range(40))
    return lambda: len(d.journal()) > seen + 2 or next(looks, None) is None


async def end_of_fault(d: Desk, product: Product) -> None:
    """Everything disarmed, and what an action has left behind undone."""
    d.sim.admin.do("clear")
    for name in actions_of(product):
        if name in UNDO:
            d.sim.admin.do(name, **UNDO[name])


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


NEEDS_A_POSITION = {"liquidate"}


async def take_some(d: Desk) -> None:
    """The trader comes to hold a position, and knows it."""
    order = await d.quoted(Side.BUY)
    d.take(order, max(1, order.remaining // 2))
    await until(lambda: d.position() > 0, "the trader knows of its position", 30)


async def strike(directory: Path, product: Product, action: str, fields: dict[str, Any]) -> None:
    """One fault, from quoting to reconciled."""
    with pytest.MonkeyPatch.context() as patch:
        # the simulated engine answers at once: the time that a real one may take is not waited for here
        patch.setattr(timing, "ENGINE_TIMEOUT_NS", NS_PER_S)
        async with desk(directory, strategy=WIDE, engine=QUICK, risk=RISK, product=product) as d:
            await d.quoted(Side.BUY)
            if action in NEEDS_A_POSITION:
                await take_some(d)
            # an action is done as its own example says
            d.sim.admin.do(action, **(fields or ACTIONS[action].shape(d.sim)["example"]))
            await traffic(d)
            await end_of_fault(d, product)
            await reconciled(d, compare=action not in ENDS_THE_PAST)
            assert not d.journal("countdown"), "the venue's own switch was kept alive all the time"
