"""What is told of the garbage collector's stops."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from mm_trader.shell import collector as module
from mm_trader.shell.collector import Collector

MS = 1_000_000


@pytest.fixture
def alone() -> Iterator[None]:
    """No collection but those that a test asks for, and what `calm` does is undone."""
    thresholds = gc.get_threshold()
    gc.disable()
    yield
    gc.unfreeze()
    gc.set_threshold(*thresholds)
    gc.enable()


@pytest.fixture
def collector(alone: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    """Its collections take 1, 5 and 2 ms on the wall clock, and 1, 0.25 and 2 ms of the processor."""
    wall = iter([0, 1 * MS, 10 * MS, 15 * MS, 20 * MS, 22 * MS])
    cpu = iter([0, 1 * MS, 1 * MS, 1 * MS + MS // 4, 2 * MS, 4 * MS])
    monkeypatch.setattr(module, "perf_counter_ns", lambda: next(wall))
    monkeypatch.setattr(module, "thread_time_ns", lambda: next(cpu))
    made = Collector()
    made.watch()
    yield made
    made.unwatch()


def test_the_longest_stop_is_told_and_beside_it_the_longest_by_processor_time(collector: Collector) -> None:
    for generation in (0, 0, 1):
        gc.collect(generation)

    assert collector.pauses == [2, 1, 0]
    assert collector.total_ns == 8 * MS
    assert collector.longest_ns == 5 * MS  # in which the machine did something else for 4.75 ms
    assert collector.longest_cpu_ns == 2 * MS


def test_what_was_before_trading_does_not_count(collector: Collector) -> None:
    gc.collect(0)
    collector.calm()  # which collects once itself

    assert (collector.pauses, collector.total_ns) == ([0, 0, 0], 0)
    assert (collector.longest_ns, collector.longest_cpu_ns) == (0, 0)
    gc.collect(0)
    assert (collector.pauses, collector.longest_ns) == ([1, 0, 0], 2 * MS)


def test_nothing_is_measured_any_more_once_nobody_watches(collector: Collector) -> None:
    collector.unwatch()
    gc.collect(0)

    assert collector.pauses == [0, 0, 0]
