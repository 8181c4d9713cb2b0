"""The clock of the system, the one real implementation of `core.clock.Clock`, and the name of this run of the machine. Tests use `ManualClock`."""

from __future__ import annotations

import time
from pathlib import Path

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def boot_id() -> str:
    """Another one after each start of the machine. Empty: this system has none."""
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return ""


class SystemClock:
    """Wall and monotonic time of this machine."""

    def wall_ns(self) -> int:
        """UTC in ns since 1970."""
        return time.time_ns()

    def monotonic_ns(self) -> int:
        """Ns since an arbitrary start; never goes back."""
        return time.monotonic_ns()
