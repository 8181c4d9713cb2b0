"""The venue's time: the local clock plus a measured offset."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from mm_trader.core.clock import Clock
from mm_trader.core.units import NS_PER_MS, NS_PER_S

_HALF_MS = NS_PER_MS // 2
"""The venue's time is cut to whole ms: on average it was half a ms later."""


class VenueClock:
    """Reads the injected clock; every signed request takes its timestamp here."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._offset_ns = 0
        self._measured_at: int | None = None
        self.base_ns: int | None = None
        """Wall minus monotonic at the last measurement: what a step of the wall clock changes. None: nothing is measured yet."""
        self._measuring = asyncio.Lock()

    @property
    def offset_ms(self) -> float:
        """Venue minus local."""
        return self._offset_ns / NS_PER_MS

    def now_ms(self) -> int:
        """Venue time, epoch ms."""
        return self.now_ns() // NS_PER_MS

    def now_ns(self) -> int:
        """Venue time, epoch ns."""
        return self.clock.wall_ns() + self._offset_ns

    async def measure(self, ask: Callable[[], Awaitable[int]], samples: int) -> None:
        """Ask the venue's time (epoch ms) several times and believe the quickest answer. Whatever `ask` raises passes through."""
        async with self._measuring:
            best: tuple[int, int, int] | None = None
            for _ in range(samples):
                wall, start = self.clock.wall_ns(), self.clock.monotonic_ns()
                server_ms = await ask()
                trip = self.clock.monotonic_ns() - start
                offset = server_ms * NS_PER_MS + _HALF_MS - (wall + trip // 2)
                if best is None or trip < best[0]:
                    best = (trip, offset, wall - start)
            if best is not None:
                _, self._offset_ns, self.base_ns = best
                self._measured_at = self.clock.monotonic_ns()

    def doubt_ms(self) -> float:
        """How far from the venue's our clock is, or how far it has jumped since that was measured, whichever is more."""
        jump = self.clock.wall_ns() - self.clock.monotonic_ns() - (self.base_ns or 0)
        return max(abs(self._offset_ns), abs(jump)) / NS_PER_MS

    def age_s(self) -> float:
        """Since the last measurement; infinite before the first."""
        if self._measured_at is None:
            return float("inf")
        return (self.clock.monotonic_ns() - self._measured_at) / NS_PER_S
