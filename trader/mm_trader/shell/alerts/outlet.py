"""Delivers to one channel behind the trader's back: a bounded queue, a task, growing pauses.

A dead channel costs nothing but its own alerts, and they are in the log anyway."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Protocol

import structlog

from mm_api.redis_contract import AlertRecord
from mm_api.trader_config import AlertChannel
from mm_trader.core.clock import Clock
from mm_trader.core.units import NS_PER_S
from mm_trader.shell.alerts.route import Throttle, wanted

SEND_TIMEOUT_S = 10.0
PAUSE_FIRST_S = 1.0
PAUSE_LAST_S = 60.0
TOO_OLD_NS = 900 * NS_PER_S
"""An alert that could not be delivered for a quarter of an hour is history, and in the log."""
LOOK_S = 1.0
"""How often held alerts and repetitions are looked at."""
log = structlog.get_logger("alerts")


class Sender(Protocol):
    """The way to one channel."""

    async def send(self, record: AlertRecord) -> None:
        """Deliver. May take long; may raise, best SendError with a reason."""
        ...

    async def repeat(self) -> None:
        """Called about once a second: say again what must be said again. Raises as `send`."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


class SendError(Exception):
    """The other side did not take it. The message holds no secret. `refused`: it answered, and did not want this one."""

    def __init__(self, message: str, *, refused: bool = False) -> None:
        super().__init__(message)
        self.refused = refused


class Outlet:
    """One channel with its rule, its throttle and its queue. Calling it never waits and never raises."""

    def __init__(
        self,
        channel: AlertChannel,
        sender: Sender,
        clock: Clock,
        *,
        window_ns: int,
        capacity: int,
        timeout_s: float = SEND_TIMEOUT_S,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.name = channel.name
        self._channel = channel
        self._sender = sender
        self._clock = clock
        self._throttle = Throttle(window_ns)
        self._queue: deque[tuple[int, AlertRecord]] = deque()
        self._capacity = capacity
        self._timeout_s = timeout_s
        self._sleep = sleep
        self._wake = asyncio.Event()
        self.delivered = 0
        self.dropped = 0
        """Alerts that never reached the channel: the queue was full, or they were too old."""
        self.failing = ""
        """Why it does not work now; empty while it does."""
        self._refused = False
        """Whether the last failure was a refusal of that one alert."""

    def __call__(self, record: AlertRecord) -> None:
        """Take an alert on, if it is this channel's."""
        if wanted(self._channel, record):
            self._put(self._throttle.take(record, self._clock.monotonic_ns()))

    def _put(self, records: list[AlertRecord]) -> None:
        now = self._clock.monotonic_ns()
        for record in records:
            if len(self._queue) >= self._capacity:
                self._queue.popleft()  # the oldest: what is new is what somebody must hear
                self.dropped += 1
            self._queue.append((now, record))
        if records:
            self._wake.set()

    @property
    def pending(self) -> int:
        """Alerts that wait."""
        return len(self._queue)

    async def run(self) -> None:
        """Deliver for ever."""
        pause = PAUSE_FIRST_S
        while True:
            if await (self._deliver_next() if self._queue else self._idle()):
                pause = PAUSE_FIRST_S
            else:
                await self._sleep(pause)
                pause = min(pause * 2, PAUSE_LAST_S)

    async def flush(self, timeout_s: float) -> None:
        """Try to deliver what waits, once each, within the time."""
        try:
            async with asyncio.timeout(timeout_s):
                for _ in range(len(self._queue)):
                    if self._queue and not await self._deliver_next() and not self._refused:
                        break
        except TimeoutError:
            pass
        if self._queue:
            log.warning("alerts_not_delivered", channel=self.name, pending=len(self._queue))
        await self._sender.close()

    async def _idle(self) -> bool:
        """Wait for the next alert, a second at most; then see to what is held, and to repetitions. False: those failed."""
        self._wake.clear()
        try:
            async with asyncio.timeout(LOOK_S):
                await self._wake.wait()
        except TimeoutError:
            self._put(self._throttle.due(self._clock.monotonic_ns()))
            return await self._attempt(self._sender.repeat)
        return True

    async def _deliver_next(self) -> bool:
        """The oldest one that is not too old. False: the channel did not take it; one that it refused goes behind the others."""
        now = self._clock.monotonic_ns()
        while self._queue and now - self._queue[0][0] > TOO_OLD_NS:
            self._queue.popleft()
            self.dropped += 1
        if not self._queue:
            return True
        entry = self._queue[0]
        if not await self._attempt(lambda: self._sender.send(entry[1])):
            if self._refused and self._queue and self._queue[0] is entry:
                self._queue.rotate(-1)
            return False
        if self._queue and self._queue[0] is entry:  # a full queue may have dropped it meanwhile
            self._queue.popleft()
        self.delivered += 1
        return True

    async def _attempt(self, work: Callable[[], Awaitable[None]]) -> bool:
        try:
            async with asyncio.timeout(self._timeout_s):
                await work()
        except Exception as error:  # noqa: BLE001 - whatever a channel does, it does it to its own alerts alone; it is said, and tried again
            # only what a sender says on purpose is shown: another library's words may hold an address or a token
            problem = (str(error) if isinstance(error, SendError) else "") or type(error).__name__
            if not self.failing:
                log.warning("alert_channel_down", channel=self.name, reason=problem)
            self.failing = problem
            self._refused = isinstance(error, SendError) and error.refused
            return False
        if self.failing:
            log.info("alert_channel_up", channel=self.name)
        self.failing = ""
        return True
