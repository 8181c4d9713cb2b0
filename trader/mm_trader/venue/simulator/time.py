"""Venue time and what is due at which moment of it.

`SystemClock` runs with the wall clock; `ManualClock` stands still until `Scheduler.advance` moves it. Everything that
happens by itself (market steps, depth batches, pings, delayed replies) goes through one `Scheduler`, so a run on a
manual clock is a function of the seed and of what clients do.
"""

from __future__ import annotations

import asyncio
import heapq
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import structlog

log = structlog.get_logger(__name__)

NS_PER_S = 1_000_000_000
NS_PER_MS = 1_000_000
NS_PER_US = 1000

_YIELD_EVERY = 16
"""Timers run between two turns given to the sockets while a manual clock advances."""
_SETTLE_TURNS = 4
COMPACT_AT = 4096
"""Timers in the queue at which cancelled ones are looked for."""


class Clock(Protocol):
    """`now()` is venue time, ns since the epoch."""

    manual: bool

    def now(self) -> int: ...


class SystemClock:
    """The machine's wall clock."""

    manual = False
    now = staticmethod(time.time_ns)


class ManualClock:
    """Time that moves only when told. Starts at 2025-01-01T00:00:00Z unless given."""

    manual = True

    def __init__(self, start_ns: int = 1_735_689_600 * NS_PER_S) -> None:
        self._now = start_ns

    def now(self) -> int:
        return self._now

    def set(self, now_ns: int) -> None:
        """Move forward to `now_ns`; time never goes back."""
        self._now = max(self._now, now_ns)


class VenueClock:
    """The time that the venue shows and judges by: another clock plus `offset_ns`, which a fault can set.

    Timers stay on the clock beneath, so that a skew neither stops the market nor makes it rush.
    """

    def __init__(self, base: Clock) -> None:
        self.base = base
        self.manual = base.manual
        self.offset_ns = 0

    def now(self) -> int:
        return self.base.now() + self.offset_ns


@dataclass(order=True, slots=True)
class Timer:
    """A call due at `when` ns; equal times run in the order they were asked for."""

    when: int
    seq: int
    call: Callable[[], None] = field(compare=False)
    cancelled: bool = field(default=False, compare=False)

    def cancel(self) -> None:
        """Never call; what the call holds is let go at once."""
        self.cancelled = True
        self.call = _nothing


def _nothing() -> None:
    """What a cancelled timer calls."""


class Scheduler:
    """A timer queue on a clock; with a system clock the running event loop drives it after `start`."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._heap: list[Timer] = []
        self._seq = 0
        self._compact_at = COMPACT_AT
        self._loop: asyncio.AbstractEventLoop | None = None
        self._armed: asyncio.TimerHandle | None = None
        self._armed_for = 0

    def call_at(self, when_ns: int, call: Callable[[], None]) -> Timer:
        self._seq += 1
        timer = Timer(when_ns, self._seq, call)
        if (
            len(self._heap) >= self._compact_at
        ):  # far timers that were cancelled would pile up until they fall due
            self._heap = [t for t in self._heap if not t.cancelled]
            heapq.heapify(self._heap)
            self._compact_at = max(COMPACT_AT, 2 * len(self._heap))
        heapq.heappush(self._heap, timer)
        self._arm()
        return timer

    def call_after(self, delay_ns: int, call: Callable[[], None]) -> Timer:
        return self.call_at(self.clock.now() + delay_ns, call)

    def start(self) -> None:
        """Let the running event loop drive the queue (system clock only; a manual clock waits for `advance`)."""
        if not self.clock.manual:
            self._loop = asyncio.get_running_loop()
            self._arm()

    def stop(self) -> None:
        if self._armed is not None:
            self._armed.cancel()
        self._loop = None
        self._heap.clear()

    async def advance(self, ns: int) -> None:
        """Move a manual clock `ns` forward, running what falls due at its time, letting sockets work in between."""
        clock = self.clock
        if not isinstance(clock, ManualClock):
            raise TypeError("advance() needs a ManualClock")
        target = clock.now() + ns
        ran = 0
        while self._heap and self._heap[0].when <= target:
            timer = heapq.heappop(self._heap)
            if timer.cancelled:
                continue
            clock.set(timer.when)
            timer.call()
            ran += 1
            if ran % _YIELD_EVERY == 0:
                await asyncio.sleep(0)
        clock.set(target)
        for _ in range(_SETTLE_TURNS):
            await asyncio.sleep(0)

    def _arm(self) -> None:
        if self._loop is None or not self._heap:
            return
        due = self._heap[0].when
        if self._armed is not None:
            if self._armed_for <= due:
                return
            self._armed.cancel()
        self._armed_for = due
        delay = max(0.0, (due - self.clock.now()) / NS_PER_S)
        self._armed = self._loop.call_later(delay, self._fire)

    def _fire(self) -> None:
        self._armed = None
        now = self.clock.now()
        while self._heap and self._heap[0].when <= now and self._loop is not None:
            timer = heapq.heappop(self._heap)
            if timer.cancelled:
                continue
            try:
                timer.call()
            except Exception:  # one broken timer must not stop the market, the pings and everybody's streams
                log.exception("simulator.timer_failed")
        self._arm()
