"""Clock skew: the venue's clock minus ours, as it is now. The gateway measures it now and then; in between only a jump of the wall clock can change it,
and the monotonic clock shows that one at once. A day that rolls over at the wrong time and records with wrong times are what a wrong clock costs."""

from __future__ import annotations


class ClockSkew:
    """Follows the pair (monotonic, wall) of the ticks from that of the last measurement, or, before the first, from that of the first tick. Ns."""

    __slots__ = ("_first", "ns")

    def __init__(self) -> None:
        self._first: int | None = None
        """Wall minus monotonic at the first tick."""
        self.ns = 0
        """Venue minus local, now; signed."""

    def on_tick(self, ts: int, wall_ns: int, offset_ns: int, base_ns: int | None) -> None:
        """`offset_ns`: venue minus local as the gateway measured it last, when wall minus monotonic was `base_ns`; None: it has not measured yet."""
        if self._first is None:
            self._first = wall_ns - ts
        if base_ns is None:
            offset_ns, base_ns = 0, self._first
        self.ns = offset_ns + base_ns - (wall_ns - ts)
