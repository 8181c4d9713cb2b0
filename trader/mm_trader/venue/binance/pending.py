"""Commands that were written to the order socket and are not answered yet: found again by request id, by connection, by age."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from mm_trader.venue.binance.order_requests import OrderCommand, may_add
from mm_trader.venue.binance.transport.session import Session


class Pending:
    """One such command."""

    __slots__ = ("command", "lands_by", "sent", "session", "timer")

    def __init__(
        self, command: OrderCommand, session: Session, timer: asyncio.TimerHandle, sent: int, lands_by: int
    ) -> None:
        self.command = command
        self.session = session
        self.timer = timer
        self.sent = sent
        """Monotonic ns: when it got its timestamp."""
        self.lands_by = lands_by
        """Monotonic ns: the venue itself refuses it when it gets it later."""


class PendingCommands:
    """All of them. Bounded by the time-out that each has."""

    def __init__(self, timeout_s: float, on_timeout: Callable[[str], None]) -> None:
        self._timeout_s = timeout_s
        self._on_timeout = on_timeout
        self._by_id: dict[str, Pending] = {}
        self._in_doubt_until: dict[str, int] = {}
        self._sequence = 0

    def add(self, command: OrderCommand, session: Session, now: int, window_ns: int) -> str:
        """Before the write, at `now` (monotonic ns); the venue refuses it when it gets it `window_ns` later. Returns the request id."""
        self._sequence += 1
        request_id = str(self._sequence)
        loop = asyncio.get_running_loop()
        timer = loop.call_later(self._timeout_s, self._on_timeout, request_id)
        self._by_id[request_id] = Pending(command, session, timer, now, now + window_ns)
        return request_id

    def pop(self, request_id: str) -> Pending | None:
        """Take it out; None if it is not, or no longer, pending."""
        pending = self._by_id.pop(request_id, None)
        if pending is not None:
            pending.timer.cancel()
        return pending

    def of(self, session: Session) -> list[str]:
        """Request ids that were written to this connection."""
        return [key for key, pending in self._by_id.items() if pending.session is session]

    def all(self) -> list[str]:
        """All request ids."""
        return list(self._by_id)

    def doubt(self, pending: Pending) -> None:
        """It ended without a yes or no: a place may still land."""
        if may_add(pending.command):
            symbol = pending.command.symbol
            self._in_doubt_until[symbol] = max(pending.lands_by, self._in_doubt_until.get(symbol, 0))

    def may_land_until(self, symbol: str) -> int:
        """Monotonic ns until which a place of the symbol that has no yes or no yet could still reach the book."""
        latest = self._in_doubt_until.get(symbol, 0)
        for pending in self._by_id.values():
            if pending.command.symbol == symbol and may_add(pending.command):
                latest = max(latest, pending.lands_by)
        return latest
