"""Real processes on a perpetual: the dead man keeps the venue's own switch armed while the trader lives, and it fires when both are gone."""

from __future__ import annotations

import pytest
from shellkit.processes import Program, Trader, Venue
from shellkit.waiting import until

from dead_man.conftest import TIMEOUT_S
from dead_man.test_dead_man_process import gone_within, quoting_and_watched
from mm_trader.deadman.process import SWITCH_MARGIN_MS


@pytest.fixture
def product() -> str:
    return "usdm"


async def countdowns(venue: Venue) -> int:
    return sum(entry["kind"] == "countdown" for entry in await venue.journal())


async def test_the_switch_is_kept_armed_and_when_trader_and_dead_man_are_both_gone_the_venue_cancels(
    venue: Venue, trader: Trader, dead_man: Program
) -> None:
    await quoting_and_watched(trader, dead_man)
    mark = await venue.sequence()

    async def busy() -> bool:
        return await venue.sequence() >= mark + 20

    await until(busy, "the trader works for a while", 30)
    assert await countdowns(venue) == 0, "armed again in time"
    await dead_man.kill()
    await trader.kill()
    assert await venue.open_orders()
    await gone_within(venue, TIMEOUT_S + SWITCH_MARGIN_MS / 1000 + 5)
    assert await countdowns(venue) > 0
