"""The venue's own dead-man switch, kept running for each symbol while the trader lives.

A countdown counts as running only when the venue has said so, and as perhaps running from the moment it was asked for: an answer that was lost may have been
a yes. One call a step, so that a venue that does not answer holds up one look at the heartbeat, not one a symbol.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from mm_trader.deadman.client import CallError

_NS_PER_MS = 1_000_000


class Arms(Protocol):
    """The part of the venue that is needed here."""

    def arm(self, symbol: str, countdown_ms: int) -> None:
        """Cancel everything of the symbol that long from now, unless told again; 0: never mind. Raises CallError."""


class ServerSwitch:
    """Of one account. Times are monotonic ns."""

    def __init__(
        self, venue: Arms, symbols: Sequence[str], *, countdown_ms: int, refresh_ms: int, retry_ms: int
    ) -> None:
        """`refresh_ms`: a running countdown begins anew this long after it was confirmed. `retry_ms`: after a failure, unless the venue asks for longer."""
        self._venue = venue
        self._countdown_ms = countdown_ms
        self._refresh_ns = refresh_ms * _NS_PER_MS
        self._retry_ns = retry_ms * _NS_PER_MS
        self._confirmed: dict[str, int] = {}
        """Symbol → when the venue was last asked for a countdown that it then confirmed."""
        self._runs_until: dict[str, int] = {}
        """Symbol → until when a countdown may be running."""
        self._tried = dict.fromkeys(symbols, -1)
        self._not_before = 0

    def may_run(self, now: int) -> bool:
        """Whether some countdown may still be running."""
        return any(now < until for until in self._runs_until.values())

    def keep(self, now: int) -> bool:
        """The trader lives: arm the symbol whose turn it is. True: nothing is amiss. Raises CallError."""
        due = [
            s for s in self._tried if now - self._confirmed.get(s, now - self._refresh_ns) >= self._refresh_ns
        ]
        return self._ask(due, now, self._countdown_ms)

    def end(self, now: int) -> bool:
        """The trader has left in good order: leave no countdown behind. True: nothing is amiss. Raises CallError."""
        self._runs_until = {s: until for s, until in self._runs_until.items() if now < until}
        return self._ask(list(self._runs_until), now, 0)

    def _ask(self, due: list[str], now: int, countdown_ms: int) -> bool:
        if now < self._not_before:
            return False
        if not due:
            return True
        symbol = min(due, key=self._tried.__getitem__)
        self._tried[symbol] = now
        if countdown_ms:
            self._runs_until[symbol] = now + countdown_ms * _NS_PER_MS
        try:
            self._venue.arm(symbol, countdown_ms)
        except CallError as error:
            self._confirmed.pop(symbol, None)
            self._not_before = now + max(self._retry_ns, round(error.wait_s * 1e9))
            raise
        if countdown_ms:
            self._confirmed[symbol] = now
        else:
            self._confirmed.pop(symbol, None)
            del self._runs_until[symbol]
        return True
