"""Clock skew: the venue's clock minus ours, as it is now. The gateway measures it now and then; in between only a jump of the wall clock can change it,
and the monotonic clock shows that one at once. A day that rolls over at the wrong time and records with wrong times are what a wrong clock costs."""

from __future__ import annotations


class ClockSkew:
    """Follows the pair (monotonic, wall) of the ticks, and the offsets that the gateway measured. Ns."""

    __slots__ = ("_base", "_offset", "ns")

    def __init__(self) -> None:
        self._base: int | None = None
        self._offset = 0
        self.ns = 0
        """Venue minus local, now; signed."""

    def on_tick(self, ts: int, wall_ns: int, offset_ns: int | None) -> None:
        """`offset_ns`: the gateway's last measurement of venue minus local; None: there is none yet."""
        if self._base is None or (offset_ns is not None and offset_ns != self._offset):
            self._base = wall_ns - ts
            self._offset = offset_ns or 0
        self.ns = self._offset + self._base - (wall_ns - ts)
