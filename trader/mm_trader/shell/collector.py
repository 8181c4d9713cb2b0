"""What Python's garbage collector may do while the trader trades, and how long it has stopped it.

Once everything is warm, one full collection finds all there is to find, and what is left is frozen: no later collection looks at it again. What the kernel
makes per event dies by reference counting. A collection takes as long as what it walks, about 0.2 µs for each object, and the count that starts one falls
when older objects die, so that what is walked can be some times the threshold: hence small thresholds for the young and the middle generation (a collection
of 20,000 objects took 11 ms). The oldest, the only one that can take long, waits for so many of them that what it has to look at is what one day has left over.
"""

from __future__ import annotations

import gc
from time import perf_counter_ns, thread_time_ns
from typing import Any

import structlog

THRESHOLDS = (500, 4, 1_000)
"""Containers made and not yet dropped before a young collection; young ones before a middle one; middle ones before an old one."""
log = structlog.get_logger("collector")


class Collector:
    """Measures every collection, and calms the collector when asked."""

    def __init__(self) -> None:
        self.pauses = [0, 0, 0]
        """Collections since `calm`, by generation."""
        self.total_ns = 0
        self.longest_ns = 0
        """Since `calm`: before that nothing is quoted."""
        self.longest_cpu_ns = 0
        """The most processor time that one of them took. What `longest_ns` is above it, the machine gave to somebody else meanwhile."""
        self._began = self._began_cpu = 0

    def watch(self) -> None:
        """Measure from now on."""
        if self._on_collection not in gc.callbacks:
            gc.callbacks.append(self._on_collection)

    def unwatch(self) -> None:
        """Measure no more."""
        if self._on_collection in gc.callbacks:
            gc.callbacks.remove(self._on_collection)

    def calm(self) -> None:
        """Everything long-lived is there: collect once, freeze, and count from here."""
        gc.collect()
        gc.freeze()
        gc.set_threshold(*THRESHOLDS)
        self.pauses = [0, 0, 0]
        self.total_ns = self.longest_ns = self.longest_cpu_ns = 0
        log.debug("collector_calmed", frozen=gc.get_freeze_count())

    def _on_collection(self, phase: str, info: dict[str, Any]) -> None:
        if phase == "start":
            self._began, self._began_cpu = perf_counter_ns(), thread_time_ns()
            return
        cpu, took = thread_time_ns() - self._began_cpu, perf_counter_ns() - self._began
        self.pauses[info["generation"]] += 1
        self.total_ns += took
        if took > self.longest_ns:
            self.longest_ns = took
        if cpu > self.longest_cpu_ns:
            self.longest_cpu_ns = cpu
