"""Real processes: the trader is stopped or killed with −9, and its dead man sees to it that the venue shows nothing open."""

from __future__ import annotations

import os
import signal
import time
from typing import Any

import psutil
import pytest
from shellkit.processes import Program, Trader, Venue
from shellkit.waiting import until

from dead_man.conftest import TIMEOUT_S


async def quoting_and_watched(trader: Trader, dead_man: Program) -> None:
    await trader.quoting()
    await until(lambda: '"dead_man_alive"' in dead_man.text(), "the dead man has seen a sign of life", 20)


async def gone_within(venue: Venue, seconds: float) -> float:
    began = time.monotonic()

    async def nothing_open() -> bool:
        return not await venue.open_orders()

    await until(nothing_open, "nothing is open at the venue", seconds)
    return time.monotonic() - began


@pytest.mark.parametrize("number", [signal.SIGSTOP, signal.SIGKILL])
async def test_a_trader_that_stops_or_dies_has_no_open_order_after_its_time_out_and_a_second(
    venue: Venue, trader: Trader, dead_man: Program, number: signal.Signals
) -> None:
    await quoting_and_watched(trader, dead_man)

    async def resting() -> bool:
        return bool(await venue.open_orders())

    await until(resting, "something is open", 10)
    os.kill(trader.pid, number)
    took = await gone_within(venue, TIMEOUT_S + 1)
    print(f"{number.name}: nothing open after {took:.2f} s")
    canceled: list[dict[str, Any]] = [e for e in await venue.journal() if e.get("status") == "CANCELED"]
    assert canceled
    assert '"dead_man_canceled"' in dead_man.text()


async def test_a_trader_that_lives_is_left_alone_and_its_orderly_end_ends_the_watch(
    venue: Venue, trader: Trader, dead_man: Program
) -> None:
    await quoting_and_watched(trader, dead_man)
    assert psutil.Process(dead_man.pid).memory_info().rss < 40 * 2**20
    assert await trader.terminate() == 0, trader.own_text()[-3000:]
    await until(lambda: '"dead_man_gone"' in dead_man.text(), "the dead man sees that it left", 10)
    assert "dead_man_canceled" not in dead_man.text()
    assert await dead_man.terminate() == 0
    assert await venue.open_orders() == []


async def test_a_trader_that_comes_back_in_the_same_pod_is_not_fought(
    venue: Venue, trader: Trader, dead_man: Program
) -> None:
    await quoting_and_watched(trader, dead_man)
    await trader.kill()
    await gone_within(venue, TIMEOUT_S + 1)
    await trader.start()
    await trader.quoting()
    canceled = dead_man.text().count('"dead_man_canceled"')
    mark = await venue.sequence()

    async def busy() -> bool:
        return await venue.sequence() >= mark + 10

    await until(busy, "the successor works undisturbed", 30)
    assert dead_man.text().count('"dead_man_canceled"') == canceled
    later = dead_man.text().split('"dead_man_cancel"')[-1]
    assert '"dead_man_alive"' in later
