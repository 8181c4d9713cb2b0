"""A new holder of the lease: first the venue must be past taking anything of the one before, then nothing may be open, and only then is anything placed."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path

import pytest
from shell_doubles import FakeKernel

from mm_api.kinds.common import Environment
from mm_api.redis_contract import ReportedState
from mm_api.trader_config import RiskConfig, TraderConfig, VenueConfig
from mm_trader.core.clock import ManualClock
from mm_trader.core.ids import ClientIds
from mm_trader.core.units import NS_PER_S
from mm_trader.orders.timing import certain_after
from mm_trader.shell.app import App
from mm_trader.shell.session import LOOK_S
from mm_trader.shell.settling import SETTLE_EXTRA
from mm_trader.shell.store.memory import MemoryStore
from mm_trader.shell.store.port import StoredState, Token

TOKEN = Token(holder="me", epoch=0, counter=1)


class Desk:
    """An app whose pauses pass at once and whose sweeps find nothing; `done` says when, in s since it began."""

    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock = ManualClock()
        self.began = self.clock.monotonic_ns()
        self.done: list[tuple[str, float]] = []
        config = TraderConfig(
            identity="sim.acc1",
            symbols=["ETHUSDC"],
            journal_dir=str(directory),
            venue=VenueConfig(
                environment=Environment.SIMULATOR,
                rest_url="http://x",
                ws_api_url="ws://x",
                stream_url="ws://x",
            ),
            risk=RiskConfig(capital=Decimal(1000)),
        )
        store = MemoryStore("sim.acc1", self.clock)
        self.app = App(config, "me", clock=self.clock, store=store, sleep=self._sleep, boot="boot-2")
        monkeypatch.setattr(self.app.flattener, "until_zero", self._until_zero)
        monkeypatch.setattr(self.app.flattener, "sweep", self._sweep)
        self.settle_s = (config.venue.recv_window + SETTLE_EXTRA).total_seconds()
        window_ns = round(config.venue.recv_window.total_seconds() * NS_PER_S)
        self.certain_s = certain_after(0, window_ns) / NS_PER_S

    def pass_s(self, seconds: float) -> None:
        self.clock.advance(round(seconds * NS_PER_S))

    async def _sleep(self, seconds: float) -> None:
        self.pass_s(seconds)
        await asyncio.sleep(0)

    async def _until_zero(self, cause: str) -> None:
        self._note(cause)

    async def _sweep(self, _timeout_s: float) -> bool:
        self._note("sweep")
        return True

    def _note(self, what: str) -> None:
        self.done.append((what, round((self.clock.monotonic_ns() - self.began) / NS_PER_S, 6)))


@pytest.mark.parametrize("gone_s", [0.0, 0.4, 5.0])
async def test_what_is_left_of_recv_window_is_waited_for_and_the_sweep_comes_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gone_s: float
) -> None:
    desk = Desk(tmp_path, monkeypatch)
    desk.pass_s(gone_s)
    await desk.app.session._sweep_before(TOKEN, desk.began)
    assert desk.done == [("before quoting", max(gone_s, desk.settle_s))]


async def test_after_a_power_cut_the_longest_that_the_venue_may_take_is_waited_for_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(tmp_path, monkeypatch)
    app, session = desk.app, desk.app.session
    report = app.journal.open()
    session.settling.look_back(StoredState(), report)
    session._announce(TOKEN, ClientIds("sim.acc1", 0, 1))
    assert app.journal.state.boot == "", "a process that follows before the wait is over is in the same doubt"
    desk.pass_s(3)
    await session._sweep_before(TOKEN, desk.began + 3 * NS_PER_S)
    assert desk.done == [("before quoting", desk.certain_s)]
    assert app.journal.state.boot == "boot-2"
    assert app.journal.state.counter == 1
    await session._sweep_before(TOKEN, desk.clock.monotonic_ns())
    assert desk.done[1:] == [("before quoting", desk.certain_s + desk.settle_s)], "the next one as usual"
    app.journal.close()


async def test_who_loses_the_lease_in_doubt_sweeps_once_more_when_nothing_can_land_any_longer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(tmp_path, monkeypatch)
    settling = desk.app.session.settling
    await settling.sweep_without_lease()
    assert desk.done == [("sweep", 0)]
    settling.look_back(StoredState(), desk.app.journal.open())
    await settling.sweep_without_lease()
    desk.app.journal.close()
    assert desk.done[1:] == [("sweep", 0), ("sweep", desk.certain_s)]


def reported(phase: str, counter: int) -> StoredState:
    state = ReportedState.model_validate(
        {"holder": "x", "epoch": 1, "counter": counter, "phase": phase, "revision": "r", "scope": "s", "symbols": [],
         "capital": "1", "openOrders": 0, "updatedMs": 1}
    )  # fmt: skip
    return StoredState(state=state)


@pytest.mark.parametrize(
    ("counter", "phase", "other"),
    [(8, "Quoting", True), (7, "Quoting", False), (8, "Stopped", False), (6, "Halted", False)],
)
def test_orders_of_another_process_that_had_the_lease_since_and_did_not_leave_are_in_no_journal_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, counter: int, phase: str, other: bool
) -> None:
    desk = Desk(tmp_path, monkeypatch)
    desk.app.journal.open()
    desk.app.journal.start((1, 99), 7, "local")
    assert desk.app.session.settling.had_another(reported(phase, counter)) is other
    desk.app.journal.close()


def test_where_redis_knows_of_nobody_there_was_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not Desk(tmp_path, monkeypatch).app.session.settling.had_another(StoredState())


async def test_the_ids_of_an_incarnation_begin_with_the_venues_second(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever Redis and the journal count to: both may have lost it."""
    desk = Desk(tmp_path, monkeypatch)
    session, journal = desk.app.session, desk.app.journal
    second = desk.clock.wall_ns() // NS_PER_S
    assert session._new_ids(TOKEN).counter == second
    monkeypatch.setattr(session._p.venue, "now_ns", lambda wall_ns: wall_ns - 3600 * NS_PER_S)
    assert session._new_ids(TOKEN).counter == second - 3600, "by the venue's clock, not by ours"
    journal.open()
    journal.start((1, second), 7, "local")
    assert session._new_ids(TOKEN).counter == second + 1, "and never less than before"
    journal.close()


# --- leaving ------------------------------------------------------------------------------------------------------------------------------


class OnItsWay(FakeKernel):
    """One order is on its way for so many looks."""

    looks = 3

    def may_land(self) -> bool:
        self.looks -= 1
        return self.looks > 0


async def test_who_leaves_waits_for_an_order_on_its_way_and_sweeps_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(tmp_path, monkeypatch)
    desk.app.session.connected = True
    desk.app.dispatcher.attach(OnItsWay())
    assert await desk.app.session.leave("test", 14.0)
    assert desk.done == [("stop", 0), ("stop", pytest.approx(LOOK_S))]


async def test_who_leaves_in_doubt_waits_until_nothing_can_land(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(tmp_path, monkeypatch)
    desk.app.session.connected = True
    desk.app.session.settling.look_back(StoredState(), desk.app.journal.open())
    assert await desk.app.session.leave("test", 14.0)
    assert [what for what, _ in desk.done] == ["stop", "stop"]
    assert desk.done[1][1] >= desk.certain_s
    desk.app.journal.close()


async def test_an_order_that_never_lands_in_time_is_no_zero(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(tmp_path, monkeypatch)
    desk.app.session.connected = True
    kernel = OnItsWay()
    kernel.looks = 10**9
    desk.app.dispatcher.attach(kernel)
    assert not await desk.app.session.leave("test", 0.05)


@pytest.mark.parametrize(
    ("before", "zero"), [("nothing", False), ("killed", False), ("left in good order", True)]
)
async def test_who_never_came_to_the_venue_knows_only_what_its_journal_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: str, zero: bool
) -> None:
    desk = Desk(tmp_path, monkeypatch)
    journal = desk.app.journal
    journal.open()
    if before != "nothing":
        journal.start((0, 1), 1, "local")
    if before == "left in good order":
        journal.stop()
    assert await desk.app.session.leave("test", 14.0) is zero
    assert desk.done == []
    journal.close()


def test_no_hand_over_rests_on_nothing_open_while_something_may_land(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = Desk(tmp_path, monkeypatch).app
    app.flattener.zero_confirmed_ms = 5
    assert app.state().zero_orders_confirmed_ms == 5
    app.flattener.late_until_ns = 10
    assert app.state().zero_orders_confirmed_ms is None
