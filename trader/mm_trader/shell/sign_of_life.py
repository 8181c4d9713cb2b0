"""The trader's sign of life to its dead man, and what follows where it cannot be given: quotes are pulled, because somebody else is about to pull them.

A dead man that hears nothing cancels every order it knows of, again and again. A trader that went on quoting would have its orders taken from under it, at
a time that is not its own, and would be alone from the moment it really dies.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import structlog

from mm_api.redis_contract import AlertRecord
from mm_trader.core.clock import Clock
from mm_trader.core.units import NS_PER_S
from mm_trader.deadman.heartbeat import Heartbeat
from mm_trader.shell.alerts import warning

HEARD_AFTER_NS = NS_PER_S
"""So long signs must have been written before orders rest on them again: the dead man looks ten times a second, and one good write says little of the next."""
log = structlog.get_logger("sign_of_life")


class SignOfLife:
    """Writes the heartbeat file."""

    def __init__(
        self,
        path: str | Path,
        clock: Clock,
        newest_ids: Callable[[], tuple[int, int]],
        alert: Callable[[AlertRecord], None],
        lost: Callable[[], None],
        back: Callable[[], None],
    ) -> None:
        """`lost` and `back`: nobody hears us, somebody does again. Raises OSError: the file cannot be opened, and a trader nobody watches does not begin."""
        self._heartbeat = Heartbeat(path)
        self._clock = clock
        self._newest_ids = newest_ids
        self._alert = alert
        self._lost = lost
        self._back = back
        self._silent = False
        self._written_since: int | None = None
        """Ns since when every sign was written, while silent; None: the last one was not."""

    def give(self, *, gone: bool = False) -> None:
        """The loop has gone round and the kernel has digested a tick: say so. `gone`: nothing is open, and nothing will be."""
        now = self._clock.monotonic_ns()
        try:
            self._heartbeat.beat(now, self._newest_ids(), gone=gone)
        except OSError as error:
            self._not_written(error)
        else:
            if self._silent:
                self._written(now)

    def close(self) -> None:
        """Close the file; what it says last stays."""
        self._heartbeat.close()

    def _not_written(self, error: OSError) -> None:
        self._written_since = None
        if self._silent:
            return
        self._silent = True
        self._lost()
        message = f"deadMan.heartbeatFile: the dead man hears nothing and cancels our orders; quotes are pulled until it does: {error}"
        self._alert(warning(self._clock, "HeartbeatNotWritten", message, "critical"))

    def _written(self, now: int) -> None:
        if self._written_since is None:
            self._written_since = now
        elif now - self._written_since >= HEARD_AFTER_NS:
            self._silent, self._written_since = False, None
            log.info("heartbeat_written_again")
            self._back()
