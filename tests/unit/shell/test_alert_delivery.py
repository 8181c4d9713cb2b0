"""A channel that is dead costs nobody anything but its own alerts."""

from __future__ import annotations

import asyncio

import pytest
from alert_doubles import S, alert, channel, until

from mm_api.redis_contract import AlertRecord
from mm_trader.core.clock import ManualClock
from mm_trader.shell.alerts import Alerts
from mm_trader.shell.alerts.build import AlertsPart
from mm_trader.shell.alerts.outlet import Outlet, SendError
from mm_trader.shell.alerts.route import Throttle
from mm_trader.shell.tasks import Tasks


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


class Repeating(FakeSender):
    """Says standing halts again; the first time fails, as beside an Alertmanager that is started anew."""

    def __init__(self) -> None:
        super().__init__()
        self.repeats = 0

    async def repeat(self) -> None:
        self.repeats += 1
        if self.repeats == 1:
            raise OSError("refused")


async def test_a_repetition_that_failed_is_tried_again_though_nothing_new_comes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("mm_trader.shell.alerts.outlet.LOOK_S", 0.0)
    bench = Bench()
    bench.outlet._sender = sender = Repeating()
    running = asyncio.create_task(bench.outlet.run())
    await until(lambda: sender.repeats >= 3)
    running.cancel()
    assert bench.pauses == [1], "after the one failure a pause, and then as before"
    assert bench.outlet.failing == ""


async def test_what_the_throttle_held_goes_out_when_the_channel_is_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("mm_trader.shell.alerts.outlet.LOOK_S", 0.0)
    bench = Bench()
    bench.outlet._throttle = Throttle(60 * S)
    bench.outlet._sender = sender = Repeating()
    bench.outlet(alert("A"))
    bench.outlet(alert("A"))
    running = asyncio.create_task(bench.outlet.run())
    await until(lambda: sender.repeats >= 2)
    bench.clock.advance(60 * S)
    await until(lambda: len(sender.got) == 2)
    running.cancel()


class Choosy(FakeSender):
    """Refuses one alert, whatever is tried."""

    async def send(self, record: AlertRecord) -> None:
        if record.reason == "TooLarge":
            raise SendError("status 413", refused=True)
        await super().send(record)


async def test_an_alert_that_the_channel_refuses_does_not_hold_up_those_behind_it() -> None:
    bench = Bench()
    bench.outlet._sender = sender = Choosy()
    running = asyncio.create_task(bench.outlet.run())
    for reason in ("TooLarge", "A", "B"):
        bench.outlet(alert(reason))
    await until(lambda: len(sender.got) == 2)
    assert [record.reason for record in sender.got] == ["A", "B"]
    await until(lambda: bench.outlet.dropped == 1)
    running.cancel()
    assert sum(bench.pauses) >= 900, "it is tried for its quarter of an hour all the same"


async def test_at_the_stop_dead_channels_are_waited_for_at_the_same_time() -> None:
    outlets = []
    waiting, all_wait = [0], asyncio.Event()

    class Dead(FakeSender):
        async def send(self, record: AlertRecord) -> None:
            waiting[0] += 1
            if waiting[0] == 3:
                all_wait.set()
            await all_wait.wait()

    for _ in range(3):
        bench = Bench()
        bench.outlet._sender = Dead()
        bench.outlet(alert())
        outlets.append(bench.outlet)
    async with asyncio.timeout(2):
        await AlertsPart(outlets, Tasks(lambda error, name: None)).stop()
    assert [outlet.pending for outlet in outlets] == [0, 0, 0]
