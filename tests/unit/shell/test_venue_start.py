"""A venue that cannot be used yet: tried again for as long as it takes, at a pace that fits the reason, and said with it."""

from __future__ import annotations

import pytest
from shell_doubles import RULES, FakeGateway, MovingSleep

from mm_trader.core.clock import ManualClock
from mm_trader.shell.reporter import Progress
from mm_trader.shell.venue_start import PERMANENT_RETRY_S, RETRY_FIRST_S, RETRY_LAST_S, VenueStart
from mm_trader.venue.port import VenueError


class World:
    """A start-up whose gateway raises one error for a number of attempts."""

    def __init__(self, error: VenueError | None, attempts: int) -> None:
        self.gateway = FakeGateway()
        self.gateway.load_error = error
        self.progress = Progress(holder="pod-a", epoch=1)
        self.sleep = MovingSleep(ManualClock())
        self.reports: list[tuple[str, str]] = []
        self.attempts = attempts
        self.start = VenueStart(
            self.gateway, "sim.acc1", ["ETHUSDC"], self.progress, self._report, self.sleep
        )

    def _report(self) -> None:
        self.reports.append((self.progress.error_reason, self.progress.error))
        if len(self.reports) == self.attempts:
            self.gateway.load_error = None


async def test_one_that_is_not_reached_is_tried_again_with_a_growing_pause_and_said_each_time() -> None:
    world = World(VenueError("VenueUnreachable", "no route", permanent=False), attempts=8)
    assert await world.start.rules() == {"ETHUSDC": RULES}
    assert world.sleep.slept[:3] == [RETRY_FIRST_S, 2 * RETRY_FIRST_S, 4 * RETRY_FIRST_S]
    assert world.sleep.slept[-1] == RETRY_LAST_S
    assert world.reports == [("VenueUnreachable", "no route")] * 8
    assert (world.progress.error_reason, world.progress.error, world.progress.reason) == ("", "", "")


@pytest.mark.parametrize("reason", ["CredentialsMissing", "CredentialsRefused"])
async def test_what_a_person_has_to_change_is_looked_at_every_quarter_of_a_minute(reason: str) -> None:
    world = World(VenueError(reason, "look at the keys", permanent=True), attempts=3)
    assert await world.start.rules() == {"ETHUSDC": RULES}
    assert world.sleep.slept == [PERMANENT_RETRY_S] * 3
    assert world.reports[0] == (reason, "look at the keys")
    assert world.progress.error_reason == ""


async def test_keys_that_are_refused_when_the_streams_open_are_tried_again_from_the_beginning() -> None:
    world = World(None, attempts=1)
    opened: list[str] = []

    async def refused_once(rules: object, prefix: str, sink: object) -> None:
        opened.append(prefix)
        if len(opened) == 1:
            raise VenueError("CredentialsRefused", "revoked", permanent=True)

    world.gateway.start = refused_once  # type: ignore[method-assign]
    await world.start.connect({"ETHUSDC": RULES}, lambda _event: None)
    assert len(opened) == 2
    assert world.gateway.stopped, "what the first attempt had opened is closed"
    assert world.sleep.slept == [PERMANENT_RETRY_S]
    assert world.reports == [("CredentialsRefused", "revoked")]
