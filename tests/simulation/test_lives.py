"""Order after order, nothing is left behind: neither open at the venue nor in memory."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from dst.lives import SYMBOLS, World

from mm_trader.core.commands import CancelAllOwn
from mm_trader.market import volatility
from mm_trader.orders import table
from mm_trader.shell import journal_state
from mm_trader.shell.store import memory
from mm_trader.venue.simulator.engine import account, matching

SMALL = 100


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Alone with its journal."""
    made = World(tmp_path)
    yield made
    made.scribe.close()


@pytest.fixture
def soon_full(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is kept of the past has bounds that are soon reached."""
    for module, name in (
        (table, "_RECENT"),
        (volatility, "_RING"),
        (account, "ORDERS_KEPT"),
        (account, "TRADES_KEPT"),
        (matching, "ORDERS_KEPT"),
        (journal_state, "RECENT_FILLS"),
        (memory, "STREAM_LENGTH"),
    ):
        monkeypatch.setattr(module, name, SMALL)


def test_every_order_ends_and_none_is_in_doubt(world: World) -> None:
    world.live(2_000)

    status = world.kernel.status()
    assert (status.unknown_orders, status.halts) == (0, ())
    open_orders = world.kernel.open_orders()
    assert len(open_orders) <= 2 * len(SYMBOLS)
    placed = world.asked["Place"] + world.asked["CancelReplace"]
    assert placed == sum(world.ended.values()) + len(open_orders)
    assert min(world.ended["FILLED"], world.asked["CancelReplace"], world.asked["RequestReconcile"]) > 10
    assert world.scribe.lines > world.asked["OrderChanged"]


def test_a_command_that_nobody_answers_is_no_quiet_wait(world: World) -> None:
    with pytest.raises(RuntimeError, match="nobody here answers CancelAllOwn"):
        world._execute(CancelAllOwn(symbol="ETHUSDC"))


def test_memory_does_not_grow_with_the_number_of_lives(soon_full: None, world: World) -> None:
    """One object left behind by each order or fill is twice what is allowed here, which is what stands open at the moment."""
    world.live(2_000)
    gc.collect()
    before = sys.getallocatedblocks()
    world.live(5_000)
    gc.collect()

    assert sys.getallocatedblocks() - before < 500
