"""When to cancel, and what: pure, no clock of its own.

Never two who fight over the same orders: every client order id carries its incarnation's epoch and counter, and the dead man takes only what is as
old as the last one it has heard of, or older. A successor elsewhere has a higher one: its orders are left alone, and it sweeps the older ones itself.
"""

from __future__ import annotations

from enum import Enum
from math import inf

from mm_trader.core.ids import client_id_prefix, is_up_to
from mm_trader.deadman.heartbeat import Beat


class Verdict(Enum):
    """What to do now."""

    WAIT = "wait"
    """No sign of life yet, and too early to worry."""
    ALIVE = "alive"
    GONE = "gone"
    """It left in good order: nothing is open."""
    CANCEL = "cancel"
    """No sign of life for too long: cancel until the venue shows nothing."""


class Watch:
    """Follows one trader's heartbeat. All times in ns of one monotonic clock."""

    def __init__(self, *, timeout_ns: int, start_grace_ns: int, epoch: int, now: int) -> None:
        """`epoch`: the config's, which bounds what may be cancelled while no heartbeat has ever been seen."""
        self._timeout_ns = timeout_ns
        self._start_grace_ns = start_grace_ns
        self._epoch = epoch
        self._born = now
        self._beat: Beat | None = None
        self._changed = now

    def look(self, beat: Beat | None, now: int) -> Verdict:
        """Judge the newest beat. None: there is none that can be read, which is no sign of life."""
        if beat is not None and (self._beat is None or beat.beats != self._beat.beats):
            first = self._beat is None
            self._beat = beat
            # what an earlier dead man of this pod left is as old as it says; a time from the future is none to rely on
            self._changed = min(now, beat.written_ns) if first and beat.written_ns > 0 else now
        if self._beat is None:
            return Verdict.WAIT if now - self._born < self._start_grace_ns else Verdict.CANCEL
        if self._beat.gone:
            return Verdict.GONE
        return Verdict.ALIVE if now - self._changed < self._timeout_ns else Verdict.CANCEL

    def silent_since(self) -> int:
        """Ns at which the last sign of life was seen (the start, before the first)."""
        return self._changed

    @property
    def newest(self) -> tuple[int, int | None]:
        """(epoch, counter) of the newest ids that may be cancelled; counter None: any of this epoch."""
        if self._beat is None:
            return self._epoch, None
        return self._beat.epoch, self._beat.counter


def may_cancel(client_id: str, identity: str, newest: tuple[int, int | None]) -> bool:
    """True: this order is this trader's, or of one before it. An id under the prefix that cannot be read is nobody else's, so it is taken too."""
    epoch, counter = newest
    return is_up_to(client_id, client_id_prefix(identity), epoch, inf if counter is None else counter)
