"""The last function before the socket: what has happened between the kernel's decision and the write is looked at there, and nowhere after."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from shell_doubles import RULES, latch

from mm_api.kinds.common import Environment
from mm_api.trader_config import RiskConfig, TraderConfig, VenueConfig
from mm_trader.core.clock import ManualClock
from mm_trader.core.commands import Place
from mm_trader.core.events import Side
from mm_trader.core.units import NS_PER_S
from mm_trader.orders.timing import LEAVES_WITHIN_NS
from mm_trader.shell.app import App
from mm_trader.shell.gate import Blocker
from mm_trader.shell.store.memory import MemoryStore
from mm_trader.shell.store.port import Token

PLACE = Place(symbol="ETHUSDC", client_id="mm-1", side=Side.BUY, price=200_001, size=100)
CLOSE = Place(symbol="ETHUSDC", client_id="mm-2", side=Side.SELL, price=200_001, size=100, closing=True)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def app(tmp_path: Path, clock: ManualClock) -> Iterator[App]:
    """A trader that holds its lease; nothing of it runs."""
    config = TraderConfig(
        identity="sim.acc1",
        symbols=["ETHUSDC"],
        journal_dir=str(tmp_path),
        venue=VenueConfig(
            environment=Environment.SIMULATOR, rest_url="http://x", ws_api_url="ws://x", stream_url="ws://x"
        ),
        risk=RiskConfig(capital=Decimal(1000)),
    )
    made = App(config, "me", clock=clock, store=MemoryStore("sim.acc1", clock))
    made.journal.open()
    made.effects.rules = {"ETHUSDC": RULES}
    made.keeper.lease.granted(Token(holder="me", epoch=0, counter=1), clock.monotonic_ns())
    yield made
    made.journal.close()


def test_the_order_is_in_the_journal_when_it_leaves(app: App) -> None:
    app._before_send(PLACE)
    assert set(app.journal.state.orders_json) == {"mm-1"}


def test_a_lease_that_ran_out_since_the_decision_keeps_the_order_back(app: App, clock: ManualClock) -> None:
    lease = app.config.lease
    usable = lease.ttl - lease.margin
    clock.advance(round(usable.total_seconds() * NS_PER_S) - 1)
    app._before_send(PLACE)
    clock.advance(1)
    with pytest.raises(OSError, match="lease has run out"):
        app._before_send(PLACE)


def test_a_close_passes_a_gate_that_a_halt_alone_holds_and_no_other(app: App) -> None:
    app.gate.release(Blocker.NO_LEASE)
    app.halts.raise_halt(latch())
    app._before_send(CLOSE)
    app.gate.block(Blocker.INTERNAL_ERROR)
    with pytest.raises(OSError, match="places are blocked"):
        app._before_send(CLOSE)


def test_an_order_that_was_decided_too_long_ago_does_not_leave(app: App, clock: ManualClock) -> None:
    app.ack_times.sent(PLACE.client_id, clock.monotonic_ns())
    clock.advance(LEAVES_WITHIN_NS)
    app._before_send(PLACE)
    clock.advance(1)
    with pytest.raises(OSError, match="decided too long ago"):
        app._before_send(PLACE)
