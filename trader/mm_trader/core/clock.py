"""Time is given to the kernel with each event; the shell takes it from a clock that is injected, so that tests and replays move it by hand."""

from __future__ import annotations

from typing import Protocol


class Clock(Protocol):
    """Two readings: wall time for records and the venue, monotonic time for leases, time-outs and everything that measures a length."""

    def wall_ns(self) -> int:
        """UTC in ns since 1970."""
        ...

    def monotonic_ns(self) -> int:
        """Ns since an arbitrary start; never goes back."""
        ...


class ManualClock:
    """A clock that stands until it is moved."""

    def __init__(self, wall_ns: int = 1_700_000_000_000_000_000, monotonic_ns: int = 0) -> None:
        self._wall = wall_ns
        self._monotonic = monotonic_ns

    def wall_ns(self) -> int:
        """UTC in ns since 1970."""
        return self._wall

    def monotonic_ns(self) -> int:
        """Ns since the start."""
        return self._monotonic

    def advance(self, ns: int) -> None:
        """Move both readings forward."""
        self._wall += ns
        self._monotonic += ns
