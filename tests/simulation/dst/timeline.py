"""Virtual time: one heap of things that will happen, and an event loop that waits by moving the clock. Nothing here knows what happens."""

from __future__ import annotations

import asyncio
import heapq
import math
from collections.abc import Callable
from typing import Any

MS = 1_000_000
SECOND = 1_000 * MS
WALL = 1_700_000_000 * SECOND
"""2023-11-14 22:13:20 UTC: the true time at the beginning of every run."""

THREAD_S = 0.002
"""What work in a thread takes."""

Happening = Callable[[], None]


class Timeline:
    """What will happen outside of the trader's process: messages on their way, the market, faults."""

    def __init__(self) -> None:
        self.now = 0
        self._heap: list[tuple[int, int, Happening]] = []
        self._sequence = 0
        self.steps = 0
        self.after_step: Happening = lambda: None

    def after(self, delay: int, happening: Happening) -> None:
        """In `delay` ns."""
        self._sequence += 1
        heapq.heappush(self._heap, (self.now + max(0, delay), self._sequence, happening))

    @property
    def next_at(self) -> int | None:
        """When the next thing happens."""
        return self._heap[0][0] if self._heap else None

    def step(self) -> None:
        """Let the next thing happen, and be judged."""
        at, _, happening = heapq.heappop(self._heap)
        self.now = max(self.now, at)
        self.steps += 1
        happening()
        self.after_step()


class Waiting:
    """The selector of the loop: where a real one blocks in the kernel, this one lets the world go on."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self.turn: Happening = lambda: None
        """Called before each round of the loop."""
        self.stalled_until = 0
        """The process does not run before this: its loop is stuck, or the machine was suspended."""

    def select(self, timeout: float | None) -> list[Any]:
        """Advance to the loop's next timer, or to the next thing that happens, whichever comes first."""
        timeline = self._timeline
        self.turn()
        if timeline.now < self.stalled_until:
            while timeline.next_at is not None and timeline.next_at <= self.stalled_until:
                timeline.step()
            timeline.now = max(timeline.now, self.stalled_until)
            return []
        if timeout == 0:
            return []
        wake = None if timeout is None else timeline.now + max(1, math.ceil(timeout * SECOND))
        if timeline.next_at is not None and (wake is None or timeline.next_at <= wake):
            timeline.step()
        elif wake is not None:
            timeline.now = wake
        else:
            raise RuntimeError("nothing will ever happen again: every task waits")
        return []


class VirtualLoop(asyncio.BaseEventLoop):
    """An event loop without sockets, threads or a clock of its own."""

    def __init__(self, timeline: Timeline) -> None:
        super().__init__()
        self.waiting = Waiting(timeline)
        self._selector = self.waiting
        self._timeline = timeline
        self._clock_resolution = 1e-9

    def time(self) -> float:
        return self._timeline.now / SECOND

    def _process_events(self, event_list: list[Any]) -> None:
        """There are none: everything comes through the timeline."""

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:
        """A thread's work takes its time, and is then done at once: real threads would keep real time."""
        done: asyncio.Future[Any] = self.create_future()

        def work() -> None:
            if done.cancelled():
                return
            try:
                done.set_result(func(*args))
            except Exception as error:
                done.set_exception(error)

        self.call_later(THREAD_S, work)
        return done

    def _write_to_self(self) -> None:
        """Nobody else is there to wake it."""


class ProcessClock:
    """The clock that one process reads. Its wall time may jump; its monotonic time began when it booted."""

    def __init__(self, timeline: Timeline, skew: Callable[[], int]) -> None:
        self._timeline = timeline
        self._skew = skew
        self._born = timeline.now

    def wall_ns(self) -> int:
        return WALL + self._timeline.now + self._skew()

    def monotonic_ns(self) -> int:
        return self._timeline.now - self._born
