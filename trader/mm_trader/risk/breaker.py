"""Circuit breaker (Nygard, *Release It!*, 2007): closed → open after so many failures in a row → half-open after a time, in which one probe decides.

One per class of calls to the venue. It exists so that a venue in trouble is not hammered, and nothing new is placed through a door that does not answer.
Cancels never ask it.
"""

from __future__ import annotations

from enum import StrEnum


class Endpoint(StrEnum):
    """Classes of calls."""

    ORDERS = "orders"
    """Places, amends and replacements."""
    QUERIES = "queries"
    """Questions about one order."""
    ACCOUNT = "account"
    """Open orders, trades and balances: reconciling."""
    MARKET = "market"
    """Depth snapshots."""


class BreakerState(StrEnum):
    """Where a breaker stands."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


_CLOSED, _HALF_OPEN, _OPEN = BreakerState.CLOSED, BreakerState.HALF_OPEN, BreakerState.OPEN
"""Names that are quick to look up: see `events.BUY`."""


class CircuitBreaker:
    """Of one class. Times in ns."""

    __slots__ = (
        "_first_ns",
        "_length_ns",
        "_longest_ns",
        "_probe_until",
        "_threshold",
        "_until",
        "failures",
        "opened",
        "state",
    )

    def __init__(self, threshold: int, open_ns: int, longest_ns: int) -> None:
        """`threshold`: failures in a row that open it. Each probe that fails doubles the time it stays open, up to `longest_ns`."""
        self._threshold = threshold
        self._first_ns = self._length_ns = open_ns
        self._longest_ns = longest_ns
        self._until = 0
        self._probe_until = 0
        self.state = _CLOSED
        self.failures = 0
        """In a row."""
        self.opened = 0
        """Times it opened, ever."""

    def allows(self, ts: int) -> bool:
        """May a call leave now? Turns half-open when its time has come."""
        if self.state is _CLOSED:
            return True
        if self.state is _OPEN:
            if ts < self._until:
                return False
            self.state = _HALF_OPEN
            self._probe_until = 0
        return ts >= self._probe_until

    def sent(self, ts: int) -> None:
        """A call left. In half-open it is the probe: no other until it is answered, or has been silent for as long as the breaker was open."""
        if self.state is _HALF_OPEN:
            self._probe_until = ts + self._length_ns

    def succeeded(self) -> None:
        """The venue answered usefully, be it with a no."""
        self.failures = 0
        self._length_ns = self._first_ns
        self.state = _CLOSED

    def failed(self, ts: int) -> bool:
        """No answer, or one that means "not now". True: it has just opened."""
        self.failures += 1
        if self.state is _OPEN:
            return False  # an answer to something that left before it opened
        if self.state is _HALF_OPEN:
            self._length_ns = min(self._length_ns * 2, self._longest_ns)
        elif self.failures < self._threshold:
            return False
        self.state = _OPEN
        self._until = ts + self._length_ns
        self.opened += 1
        return True

    def probe_now(self) -> None:
        """The connection has just been made anew: no reason to wait for the time to pass."""
        if self.state is _OPEN:
            self._until = 0
