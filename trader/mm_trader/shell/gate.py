"""The one switch that lets places through to the venue, with everybody who holds it closed. Open only when nobody does.

The gateway reads it in the last function before the socket; cancels never pass here.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

import structlog

log = structlog.get_logger("gate")


class Blocker(StrEnum):
    """Who may hold the gate closed."""

    NO_LEASE = "no_lease"
    """The lease is not held, or its settle time is not over."""
    HALT = "halt"
    """A latch of level Halted or deeper."""
    INTERNAL_ERROR = "internal_error"
    """The kernel raised: what it says next cannot be trusted."""
    VENUE_SWITCH = "venue_switch"
    """The venue's own dead-man switch could not be armed."""
    UNHEARD = "unheard"
    """No sign of life can be given to the dead man: it is about to cancel everything."""
    STOPPING = "stopping"
    """The process is on its way out."""


class PlaceGate:
    """Closed by any of its blockers. Begins closed: nothing is known yet."""

    def __init__(self) -> None:
        self._blockers: set[Blocker] = {Blocker.NO_LEASE}
        self._apply: Callable[[bool], None] | None = None

    def attach(self, apply: Callable[[bool], None]) -> None:
        """`apply(blocked)`: the gateway's stop latch. Called at once, and on every change."""
        self._apply = apply
        apply(self.closed)

    def block(self, blocker: Blocker) -> None:
        """Close, at once."""
        if blocker not in self._blockers:
            self._blockers.add(blocker)
            self._changed("place_gate_closed", blocker)

    def release(self, blocker: Blocker) -> None:
        """One reason less; opens if it was the last."""
        if blocker in self._blockers:
            self._blockers.discard(blocker)
            self._changed("place_gate_released", blocker)

    @property
    def closed(self) -> bool:
        """True: no place may leave."""
        return bool(self._blockers)

    @property
    def lets_closing_through(self) -> bool:
        """True: nothing but a halt holds it, and a halt does not stop what brings a position back."""
        return self._blockers <= {Blocker.HALT}

    @property
    def blockers(self) -> tuple[Blocker, ...]:
        """Who holds it closed, for status."""
        return tuple(sorted(self._blockers))

    def _changed(self, event: str, blocker: Blocker) -> None:
        if self._apply is not None:
            self._apply(self.closed)
        log.info(event, blocker=blocker.value, closed=self.closed)
