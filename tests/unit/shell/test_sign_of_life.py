"""The heartbeat's writer: what cannot be written pulls the quotes at once, is told once, and counts as heard again only after a while of good writes."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from mm_api.redis_contract import AlertRecord
from mm_trader.core.clock import ManualClock
from mm_trader.deadman.heartbeat import read
from mm_trader.shell.sign_of_life import HEARD_AFTER_NS, SignOfLife

TICK_NS = 50_000_000


class World:
    """A sign of life in a directory that can be taken away."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "shared"
        self.folder.mkdir()
        self.clock = ManualClock()
        self.alerts: list[AlertRecord] = []
        self.said: list[str] = []
        self.sign = SignOfLife(
            self.folder / "heartbeat",
            self.clock,
            lambda: (3, 7),
            self.alerts.append,
            lambda: self.said.append("lost"),
            lambda: self.said.append("back"),
        )

    def lose(self) -> None:
        shutil.rmtree(self.folder)

    def tick(self) -> None:
        self.clock.advance(TICK_NS)
        self.sign.give()


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_a_sign_that_cannot_be_written_is_lost_at_once_and_told_once(world: World) -> None:
    world.tick()
    assert world.said == []
    world.lose()
    for _ in range(100):
        world.tick()
    assert world.said == ["lost"]
    (alert,) = world.alerts
    assert (alert.reason, alert.severity) == ("HeartbeatNotWritten", "critical")
    assert "quotes are pulled" in alert.message


def test_it_is_back_after_a_second_of_good_writes_and_one_good_write_is_none(world: World) -> None:
    world.lose()
    world.tick()
    world.folder.mkdir()
    began = world.clock.monotonic_ns() + TICK_NS
    while world.said == ["lost"]:
        world.tick()
    assert world.said == ["lost", "back"]
    assert world.clock.monotonic_ns() - began == HEARD_AFTER_NS
    found = read(world.folder / "heartbeat")
    assert found is not None
    assert (found.epoch, found.counter, found.gone) == (3, 7, False)


def test_a_file_system_that_comes_and_goes_counts_as_gone(world: World) -> None:
    for _ in range(5):
        world.lose()
        world.tick()
        world.folder.mkdir()
        for _ in range(HEARD_AFTER_NS // TICK_NS):
            world.tick()
    assert world.said == ["lost"]
    assert len(world.alerts) == 1


def test_without_a_file_to_write_no_trader_begins(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="heartbeat"):
        SignOfLife(tmp_path / "none" / "heartbeat", ManualClock(), lambda: (0, 0), print, print, print)
