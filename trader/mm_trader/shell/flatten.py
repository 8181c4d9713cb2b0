"""Makes sure that nothing is open at the venue, and remembers when the venue last said so. Used before quoting, after a halt, and before leaving."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence

import structlog

from mm_trader.core.clock import Clock
from mm_trader.core.units import NS_PER_MS
from mm_trader.shell.alerts import Alerts, warning
from mm_trader.venue.port import VenueGateway

SWEEP_TIMEOUT_S = 5.0
RETRY_FIRST_S = 0.1
RETRY_LAST_S = 2.0
ALERT_AFTER = 3
"""Sweeps that could not be confirmed before a person is told."""
log = structlog.get_logger("flatten")


class Flattener:
    """Cancels everything under the prefix until the venue shows nothing."""

    def __init__(
        self,
        gateway: VenueGateway,
        symbols: Sequence[str],
        clock: Clock,
        alerts: Alerts,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._gateway = gateway
        self._symbols = tuple(symbols)
        self._left_open: tuple[str, ...] = ()
        self._clock = clock
        self._alerts = alerts
        self._sleep = sleep
        self.zero_confirmed_ms: int | None = None
        """Wall time at which the venue last showed nothing open. None: since then orders were placed, or it never did."""
        self.late_until_ns: int | None = None
        """Monotonic: until then an order of a process before may still land, and "nothing open" confirms nothing. None: no such order is thought of, or the
        venue has shown nothing open since."""

    def include(self, symbols: Iterable[str]) -> None:
        """Sweep these, too: symbols of an earlier config, in which orders may be open. Replaces the ones of before."""
        self._left_open = tuple(sorted(set(symbols) - set(self._symbols)))

    def placed(self) -> None:
        """Something was placed: the last confirmation holds no longer."""
        self.zero_confirmed_ms = None

    async def sweep(self, timeout_s: float) -> bool:
        """One attempt. True: the venue shows nothing open."""
        asked_ns = self._clock.monotonic_ns()
        if not await self._gateway.cancel_all_own((*self._symbols, *self._left_open), timeout_s):
            return False
        if self.late_until_ns is None or asked_ns >= self.late_until_ns:
            self.late_until_ns = None
            self.zero_confirmed_ms = self._clock.wall_ns() // NS_PER_MS
        return True

    async def until_zero(self, cause: str) -> None:
        """Attempts until one succeeds. A person is told when it takes several."""
        attempts, pause = 0, RETRY_FIRST_S
        while not await self.sweep(SWEEP_TIMEOUT_S):
            attempts += 1
            log.warning("zero_orders_unconfirmed", cause=cause, attempts=attempts)
            if attempts == ALERT_AFTER:
                message = "the venue does not confirm that no order is open; look at it by hand"
                self._alerts.send(warning(self._clock, "ZeroOrdersUnconfirmed", message, "critical"))
            await self._sleep(pause)
            pause = min(pause * 2, RETRY_LAST_S)
        log.info("zero_orders_confirmed", cause=cause)
