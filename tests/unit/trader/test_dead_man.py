"""The dead man's rules: what is a sign of life, when silence is long enough, and whose orders it may take."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mm_api.trader_config import TraderConfig
from mm_trader.core.ids import ClientIds
from mm_trader.deadman import process
from mm_trader.deadman.client import CallError
from mm_trader.deadman.heartbeat import LINE_BYTES, Beat, Heartbeat, decode, encode, read
from mm_trader.deadman.launch import options_of
from mm_trader.deadman.process import DeadMan, Options
from mm_trader.deadman.switch import ServerSwitch
from mm_trader.deadman.watch import Verdict, Watch, may_cancel
from mm_trader.shell.errors import ConfigError

S = 1_000_000_000
MS = 1_000_000
IDENTITY = "sim.acc1"


def beat(number: int, written: int = 0, *, gone: bool = False, ids: tuple[int, int] = (3, 7)) -> Beat:
    return Beat(number, written, *ids, gone)


def watch(now: int = 0) -> Watch:
    return Watch(timeout_ns=5 * S, start_grace_ns=60 * S, epoch=3, now=now)


def test_a_beat_is_read_back_and_a_torn_changed_or_foreign_line_is_none() -> None:
    line = encode(beat(12, 34))
    assert len(line) == LINE_BYTES
    assert decode(line) == beat(12, 34)
    assert decode(encode(Beat(2**62, 2**62, 2**40, 2**40, gone=True))) is not None
    for bad in (
        b"",
        b"\xff" * 96,
        line[:20],
        line.replace(b"12", b"13", 1),
        line.replace(b"beat-1", b"beat-2"),
    ):
        assert decode(bad) is None


def test_the_writer_goes_on_counting_where_the_process_before_stopped(tmp_path: Path) -> None:
    file = tmp_path / "heartbeat"
    first = Heartbeat(file)
    first.beat(1, (0, 1))
    first.beat(2, (0, 1))
    first.close()
    second = Heartbeat(file)
    second.beat(3, (0, 2))
    second.close()
    found = read(file)
    assert found is not None
    assert (found.beats, found.counter) == (3, 2)
    assert read(tmp_path / "none") is None


@pytest.mark.parametrize("lose", ["unlink", "replace"])
def test_a_file_that_was_removed_or_replaced_is_written_anew_and_counted_on(
    tmp_path: Path, lose: str
) -> None:
    """Before, the trader wrote into a file without a name, and the dead man cancelled each of its orders for ever."""
    file = tmp_path / "heartbeat"
    heart = Heartbeat(file)
    heart.beat(1, (0, 1))
    if lose == "unlink":
        file.unlink()
    else:
        (tmp_path / "other").write_bytes(b"")
        (tmp_path / "other").replace(file)
    heart.beat(2, (0, 1))
    found = read(file)
    assert found is not None
    assert found.beats == 2
    heart.close()


def test_silence_is_counted_from_the_last_change_by_the_readers_clock() -> None:
    w = watch()
    assert w.look(beat(1, 1 * S), 1 * S) is Verdict.ALIVE
    assert w.look(beat(1, 1 * S), 5 * S) is Verdict.ALIVE
    assert w.look(beat(2, 5 * S), 5 * S) is Verdict.ALIVE
    assert w.look(beat(2, 5 * S), 10 * S - 1) is Verdict.ALIVE
    assert w.look(beat(2, 5 * S), 10 * S) is Verdict.CANCEL
    assert w.look(None, 11 * S) is Verdict.CANCEL
    assert w.look(beat(3, 12 * S), 12 * S) is Verdict.ALIVE


def test_a_file_that_vanishes_or_cannot_be_read_is_silence() -> None:
    w = watch()
    w.look(beat(1, 1 * S), 1 * S)
    assert w.look(None, 5 * S) is Verdict.ALIVE
    assert w.look(None, 6 * S) is Verdict.CANCEL


def test_a_dead_man_that_starts_after_the_trader_died_does_not_wait_again() -> None:
    assert watch(now=100 * S).look(beat(9, 10 * S), 100 * S) is Verdict.CANCEL


def test_a_beat_from_the_future_is_no_long_life() -> None:
    w = watch(now=100 * S)
    assert w.look(beat(9, 10_000 * S), 100 * S) is Verdict.ALIVE
    assert w.look(beat(9, 10_000 * S), 105 * S) is Verdict.CANCEL


def test_who_left_in_good_order_is_not_watched_until_it_comes_back() -> None:
    w = watch()
    assert w.look(beat(1, 0, gone=True), 1 * S) is Verdict.GONE
    assert w.look(beat(1, 0, gone=True), 99 * S) is Verdict.GONE
    assert w.look(beat(2, 99 * S), 99 * S) is Verdict.ALIVE


def test_without_any_sign_of_life_it_waits_for_the_start_and_then_takes_what_is_not_newer_than_its_config() -> (
    None
):
    w = watch()
    assert w.look(None, 59 * S) is Verdict.WAIT
    assert w.look(None, 60 * S) is Verdict.CANCEL
    assert w.newest == (3, None)
    w.look(beat(1, 61 * S, ids=(3, 7)), 61 * S)
    assert w.newest == (3, 7)


@pytest.mark.parametrize(
    ("epoch", "counter", "mine"),
    [(3, 7, True), (3, 6, True), (2, 99, True), (3, 8, False), (4, 1, False)],
)
def test_only_orders_as_old_as_the_last_token_heard_of_are_taken(
    epoch: int, counter: int, mine: bool
) -> None:
    assert may_cancel(ClientIds(IDENTITY, epoch, counter).next(), IDENTITY, (3, 7)) is mine


def test_orders_of_others_are_never_taken_and_unreadable_ones_under_the_prefix_are() -> None:
    prefix = ClientIds(IDENTITY, 0, 0).prefix
    assert not may_cancel("web_12345", IDENTITY, (3, 7))
    assert not may_cancel(ClientIds("sim.acc2", 0, 0).next(), IDENTITY, (3, 7))
    assert may_cancel(f"{prefix}nobody knows", IDENTITY, (3, 7))
    assert may_cancel(ClientIds(IDENTITY, 3, 99).next(), IDENTITY, (3, None))
    assert not may_cancel(ClientIds(IDENTITY, 4, 0).next(), IDENTITY, (3, None))


# --- the process, on a venue of lists and a clock that is moved by hand -----------------------------------------------------------------------


class FakeVenue:
    """Open orders by symbol; refuses what it is told to."""

    def __init__(self, switch: str | None = None) -> None:
        self.paths = process.VenueClient("binance", "http://localhost:1", None, 1000).paths._replace(
            switch=switch
        )
        self.orders: dict[str, list[tuple[str, int]]] = {"ETHUSDC": []}
        self.canceled: list[int] = []
        self.armed: list[int] = []
        self.error: CallError | None = None
        self.switch_error: CallError | None = None
        self.on_list: Any = None

    def open_orders(self, symbol: str) -> list[tuple[str, int]]:
        if self.error is not None:
            raise self.error
        found = list(self.orders[symbol])
        if self.on_list is not None:
            self.on_list()
        return found

    def cancel(self, symbol: str, venue_id: int) -> bool:
        self.canceled.append(venue_id)
        self.orders[symbol] = [order for order in self.orders[symbol] if order[1] != venue_id]
        return True

    def arm(self, symbol: str, countdown_ms: int) -> None:
        if self.switch_error is not None:
            raise self.switch_error
        self.armed.append(countdown_ms)


class World:
    """One dead man."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, switch: str | None = None) -> None:
        self.now = 1_000 * S
        monkeypatch.setattr(process.time, "monotonic_ns", lambda: self.now)
        self.venue = FakeVenue(switch)
        self.heart = Heartbeat(folder / "heartbeat")
        options = Options(
            identity=IDENTITY,
            symbols=["ETHUSDC"],
            epoch=3,
            kind="binance",
            rest_url="http://localhost:1",
            credentials_dir=None,
            recv_window_ms=1000,
            heartbeat_file=str(folder / "heartbeat"),
            timeout_ms=5000,
            start_grace_ms=60_000,
            server_switch=True,
        )
        self.man = DeadMan(options, self.venue)  # type: ignore[arg-type]

    def order(self, number: int, counter: int = 7) -> None:
        self.venue.orders["ETHUSDC"].append((ClientIds(IDENTITY, 3, counter).next(), number))

    def beat(self, **changes: Any) -> None:
        self.heart.beat(self.now, (3, 7), **changes)

    def silent_for(self, seconds: float) -> None:
        self.now += round(seconds * S)
        self.man.step()


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return World(tmp_path, monkeypatch)


def test_silence_cancels_own_orders_alone_and_goes_on_until_none_can_land_any_more(world: World) -> None:
    world.beat()
    world.order(1)
    world.order(2, counter=8)
    world.venue.orders["ETHUSDC"].append(("web_1", 3))
    world.man.step()
    assert world.venue.canceled == []
    world.silent_for(5)
    assert world.venue.canceled == [1]
    world.order(4)  # was on its way
    world.silent_for(0.1)
    assert world.venue.canceled == [1, 4]
    world.silent_for(0.1)
    assert not world.man.zero_seen
    world.silent_for(2)
    assert world.man.zero_seen
    world.order(5)  # a trader that is half alive
    world.silent_for(4.9)
    assert world.venue.canceled == [1, 4]
    world.silent_for(0.1)
    assert world.venue.canceled == [1, 4, 5]


def test_a_trader_that_comes_back_between_list_and_cancel_keeps_its_orders(world: World) -> None:
    world.beat()
    world.man.step()
    world.order(1)
    world.venue.on_list = world.beat
    world.silent_for(6)
    assert world.venue.canceled == []


def test_a_venue_that_fails_or_throttles_is_asked_again_and_said_once(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.beat()
    world.man.step()
    world.order(1)
    world.venue.error = CallError("GET /api/v3/openOrders: status 429, code -1003", wait_s=7.0)
    world.silent_for(6)
    world.silent_for(7)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["event"] for line in lines].count("dead_man_cannot_cancel") == 1
    world.venue.error = None
    world.silent_for(6.9)
    assert world.venue.canceled == []
    world.silent_for(0.1)
    assert world.venue.canceled == [1]


def test_told_to_stop_it_stays_while_the_trader_lives_and_leaves_when_nothing_is_open(world: World) -> None:
    world.beat()
    world.man.step()
    assert not world.man.may_leave()
    world.man.told_to_stop_ns = world.now
    assert not world.man.may_leave()
    world.beat(gone=True)
    world.man.step()
    assert world.man.may_leave()


def test_told_to_stop_beside_a_trader_that_dies_it_first_sees_everything_cancelled(world: World) -> None:
    world.beat()
    world.man.step()
    world.order(1)
    world.man.told_to_stop_ns = world.now
    world.silent_for(6)
    assert world.venue.canceled == [1]
    assert not world.man.may_leave()
    world.silent_for(2)
    assert world.man.may_leave()


def test_the_venues_own_switch_is_kept_armed_while_the_trader_lives_and_disarmed_when_it_has_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(tmp_path, monkeypatch, switch="/fapi/v1/countdownCancelAll")
    world.beat()
    world.man.step()
    world.man.step()
    assert world.venue.armed == [7000]
    world.now += 2 * S
    world.beat()
    world.man.step()
    assert world.venue.armed == [7000, 7000]
    world.silent_for(6)
    assert world.venue.armed == [7000, 7000]  # it runs out by itself
    world.beat(gone=True)
    world.man.step()
    world.man.step()
    assert world.venue.armed == [7000, 7000, 0]


def test_a_switch_that_could_not_be_armed_is_not_taken_for_armed_and_is_tried_again_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    world = World(tmp_path, monkeypatch, switch="/fapi/v1/countdownCancelAll")
    world.venue.switch_error = CallError("POST /fapi/v1/countdownCancelAll: status 503, code -1008")
    world.beat()
    world.man.step()
    world.silent_for(0.1)
    world.venue.switch_error = None
    world.silent_for(0.1)
    assert world.venue.armed == [7000]
    world.silent_for(0.1)
    assert world.venue.armed == [7000]
    lines = [json.loads(line)["event"] for line in capsys.readouterr().out.splitlines()]
    assert lines == ["dead_man_alive", "dead_man_switch_failed", "dead_man_switch_works_again"]


def test_a_venue_that_throttles_is_not_asked_for_the_switch_before_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(tmp_path, monkeypatch, switch="/fapi/v1/countdownCancelAll")
    world.venue.switch_error = CallError("status 429, code -1003", wait_s=3.0)
    world.beat()
    world.man.step()
    world.venue.switch_error = None
    world.silent_for(2.9)
    assert world.venue.armed == []
    world.silent_for(0.1)
    assert world.venue.armed == [7000]


def test_one_symbol_that_fails_does_not_keep_the_others_from_being_armed() -> None:
    armed: list[str] = []

    class Venue:
        def arm(self, symbol: str, countdown_ms: int) -> None:
            if symbol == "A" and countdown_ms:
                raise CallError("no")
            armed.append(symbol)

    switch = ServerSwitch(Venue(), ["A", "B"], countdown_ms=7000, refresh_ms=1666, retry_ms=100)
    for moment in range(0, 600, 100):
        with contextlib.suppress(CallError):
            switch.keep(moment * MS)
    assert armed == ["B"]
    assert switch.may_run(600 * MS), "an answer that was lost may have been a yes"
    for moment in range(600, 1000, 100):
        switch.end(moment * MS)
    assert armed == ["B", "B", "A"]
    assert not switch.may_run(1000 * MS)


def test_told_to_stop_it_first_ends_the_countdown_or_lets_it_run_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(tmp_path, monkeypatch, switch="/fapi/v1/countdownCancelAll")
    world.beat()
    world.man.step()
    world.beat(gone=True)
    world.venue.switch_error = CallError("status 503, code -1008")
    world.man.told_to_stop_ns = world.now
    world.man.step()
    assert not world.man.may_leave()
    world.silent_for(6.9)
    assert not world.man.may_leave()
    world.silent_for(0.2)
    assert world.man.may_leave()


def test_its_options_come_from_the_traders_config_and_a_config_without_one_is_refused() -> None:
    wire = {
        "identity": IDENTITY,
        "symbols": ["ETHUSDC"],
        "venue": {
            "environment": "simulator",
            "restUrl": "http://v",
            "wsApiUrl": "ws://v",
            "streamUrl": "ws://w",
        },
        "risk": {"capital": "100"},
        "deadMan": {"heartbeatFile": "/run/mm/heartbeat", "timeout": "3s"},
    }
    options = options_of(TraderConfig.model_validate(wire))
    assert (options.timeout_ms, options.recv_window_ms, options.kind) == (3000, 1000, "binance")
    del wire["deadMan"]
    with pytest.raises(ConfigError, match="deadMan: is missing"):
        options_of(TraderConfig.model_validate(wire))


def test_the_small_process_imports_nothing_large() -> None:
    code = (
        "import sys, mm_trader.deadman.process;"
        "large = {'pydantic', 'asyncio', 'aiohttp', 'msgspec', 'structlog', 'yaml', 'cryptography', 'redis'};"
        "print(sorted(large & set(sys.modules)))"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ})
    assert shown.stdout.strip() == "[]", shown.stderr
