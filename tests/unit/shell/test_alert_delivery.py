"""A channel that is dead costs nobody anything but its own alerts."""

from __future__ import annotations

import asyncio

import pytest
from alert_doubles import S, alert, channel, until

from mm_api.redis_contract import AlertRecord
from mm_trader.core.clock import ManualClock
from mm_trader.shell.alerts import Alerts
from mm_trader.shell.alerts.outlet import Outlet, SendError


class FakeSender:
    def __init__(self) -> None:
        self.got: list[AlertRecord] = []
        self.fails: Exception | None = None
        self.closed = False

    async def send(self, record: AlertRecord) -> None:
        if self.fails is not None:
            raise self.fails
        self.got.append(record)

    async def repeat(self) -> None: ...

    async def close(self) -> None:
        self.closed = True


class Bench:
    """An outlet whose pauses are taken at once, and counted."""

    def __init__(self, capacity: int = 3) -> None:
        self.clock = ManualClock()
        self.sender = FakeSender()
        self.pauses: list[float] = []
        self.outlet = Outlet(
            channel(minSeverity="info"),
            self.sender,
            self.clock,
            window_ns=0,
            capacity=capacity,
            sleep=self.sleep,
        )

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.clock.advance(round(seconds * S))
        if len(self.pauses) == 5:
            self.sender.fails = None
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    "error", [OSError("refused"), TimeoutError(), SendError("status 500"), KeyError("bug")]
)
async def test_a_channel_that_is_down_is_tried_again_with_growing_pauses_and_loses_nothing(
    error: Exception,
) -> None:
    bench = Bench()
    bench.sender.fails = error
    running = asyncio.create_task(bench.outlet.run())
    bench.outlet(alert("A"))
    bench.outlet(alert("B"))
    await until(lambda: len(bench.sender.got) == 2)
    running.cancel()
    assert [record.reason for record in bench.sender.got] == ["A", "B"]
    assert bench.pauses == [1, 2, 4, 8, 16]
    assert (bench.outlet.delivered, bench.outlet.dropped, bench.outlet.failing) == (2, 0, "")


def test_a_full_queue_drops_the_oldest_counts_it_and_never_blocks_nor_raises() -> None:
    bench = Bench()
    for number in range(10):
        bench.outlet(alert(str(number)))
    assert (bench.outlet.pending, bench.outlet.dropped) == (3, 7)


async def test_what_could_not_be_delivered_for_a_quarter_of_an_hour_is_dropped() -> None:
    bench = Bench()
    bench.outlet(alert("old"))
    bench.clock.advance(901 * S)
    bench.outlet(alert("new"))
    await bench.outlet.flush(5)
    assert [record.reason for record in bench.sender.got] == ["new"]
    assert bench.outlet.dropped == 1
    assert bench.sender.closed


async def test_the_log_line_comes_first_and_a_dead_channel_does_not_cost_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    bench = Bench()
    bench.sender.fails = OSError("down")
    seen: list[str] = []
    alerts = Alerts([lambda record: seen.append(record.reason), bench.outlet])
    alerts.send(alert("A"))
    assert seen == ["A"]
    await bench.outlet.flush(0.5)
    assert bench.outlet.failing == "OSError", "another library's words are not shown"
    assert bench.outlet.pending == 1
