"""CPU and heap profiles of the running process, without a restart. Nothing of it is imported or switched on before somebody asks.

CPU: pyinstrument samples the thread it is started on, which is the event loop's: the kernel, the parsers and the shell are all there.
Heap: tracemalloc sees what is allocated from the moment it is switched on: the growth over some seconds, which is what a leak looks like.
"""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import Awaitable, Callable

Sleep = Callable[[float], Awaitable[None]]
CPU_INTERVAL_S = 0.001
TRACE_DEPTH = 8
"""Frames kept per allocation: enough to see who called."""
LONGEST_S = 300.0
CPU_FORMATS = ("text", "html", "speedscope")


class BusyError(Exception):
    """Another profile runs: two would measure each other."""


class Profiler:
    """One profile at a time."""

    def __init__(self, sleep: Sleep = asyncio.sleep) -> None:
        self._sleep = sleep
        self._busy = False

    @property
    def busy(self) -> bool:
        """A profile runs."""
        return self._busy

    async def cpu(self, seconds: float, form: str) -> str:
        """Where the loop's thread spent its time. Raises BusyError."""
        self._begin()
        try:
            from pyinstrument import Profiler as Sampler
            from pyinstrument.renderers import SpeedscopeRenderer

            # disabled: all that runs on this thread, whichever task it belongs to
            sampler = Sampler(interval=CPU_INTERVAL_S, async_mode="disabled")
            sampler.start()
            try:
                await self._sleep(seconds)
            finally:
                sampler.stop()
            match form:
                case "html":
                    return sampler.output_html()
                case "speedscope":
                    return sampler.output(SpeedscopeRenderer())
            return sampler.output_text(unicode=True, color=False, show_all=True)
        finally:
            self._busy = False

    async def heap(self, seconds: float, top: int) -> str:
        """What was allocated meanwhile and is still held, by line, the largest first. Raises BusyError."""
        self._begin()
        try:
            import tracemalloc

            blocks = sys.getallocatedblocks()
            tracemalloc.start(TRACE_DEPTH)
            try:
                await self._sleep(seconds)
                gc.collect()  # what only waits for the collector is no growth
                snapshot = tracemalloc.take_snapshot()
                held, peak = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()
            own = (tracemalloc.Filter(False, tracemalloc.__file__), tracemalloc.Filter(False, __file__))
            lines = [
                f"{seconds:g} s: {held:,} bytes allocated meanwhile and still held, {peak:,} at the peak; "
                f"{sys.getallocatedblocks() - blocks:+,} blocks, {sys.getallocatedblocks():,} in all",
                "",
            ]
            statistics = snapshot.filter_traces(own).statistics("lineno")
            for entry in statistics[:top]:
                frame = entry.traceback[0]
                lines.append(f"{entry.size:>12,} B {entry.count:>8,} blocks  {frame.filename}:{frame.lineno}")
            return "\n".join(lines) + "\n"
        finally:
            self._busy = False

    def _begin(self) -> None:
        if self._busy:
            raise BusyError("another profile runs; wait for it")
        self._busy = True
