"""The clock of the system, the one real implementation of `core.clock.Clock`. Tests use `ManualClock`."""

from __future__ import annotations

import time


class SystemClock:
    """Wall and monotonic time of this machine."""

    def wall_ns(self) -> int:
        """UTC in ns since 1970."""
        return time.time_ns()

    def monotonic_ns(self) -> int:
        """Ns since an arbitrary start; never goes back."""
        return time.monotonic_ns()
