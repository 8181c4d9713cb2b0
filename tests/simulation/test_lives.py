"""Order after order, nothing is left behind: neither open at the venue nor in memory."""

from __future__ import annotations

import gc
import sys

import pytest
from dst.lives import SYMBOLS, World

from mm_trader.core.commands import CancelAllOwn
from mm_trader.market import volatility
from mm_trader.orders import table
from mm_trader.venue.simulator.engine import account, matching


def test_every_order_ends_and_none_is_in_doubt() -> None:
    world = World()
    world.live(2_000)

    status = world.kernel.status()
    assert (status.unknown_orders, status.halts) == (0, ())
    open_orders = world.kernel.open_orders()
    assert len(open_orders) <= 2 * len(SYMBOLS)
    placed = world.asked["Place"] + world.asked["CancelReplace"]
    assert placed == sum(world.ended.values()) + len(open_orders)
    assert min(world.ended["FILLED"], world.asked["CancelReplace"], world.asked["RequestReconcile"]) > 10


def test_a_command_that_nobody_answers_is_no_quiet_wait() -> None:
    with pytest.raises(RuntimeError, match="nobody here answers CancelAllOwn"):
        World()._execute(CancelAllOwn(symbol="ETHUSDC"))


def test_memory_does_not_grow_with_the_number_of_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    """With bounds that are soon reached. One object left behind by each order, fill or tick is several times what is allowed here."""
    monkeypatch.setattr(table, "_RECENT", 100)
    monkeypatch.setattr(volatility, "_RING", 60)
    monkeypatch.setattr(account, "ORDERS_KEPT", 100)
    monkeypatch.setattr(matching, "ORDERS_KEPT", 100)
    monkeypatch.setattr(account, "TRADES_KEPT", 100)
    world = World()
    world.live(2_000)
    gc.collect()
    before = sys.getallocatedblocks()
    world.live(4_000)
    gc.collect()

    assert sys.getallocatedblocks() - before < 200
