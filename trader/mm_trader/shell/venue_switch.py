"""Keeps the venue's own dead-man switch armed, where it has one: a trader that is stuck or gone stops asking, and the venue cancels its orders by itself.

No order leaves before it is armed, nor while it cannot be armed again. The watcher process of `deadMan` does the same; where it is configured, it does it
alone.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import structlog

from mm_trader.shell.gate import Blocker, PlaceGate
from mm_trader.venue.port import VenueGateway

COUNTDOWN_S = 30.0
"""Orders live this long at most without their trader."""
REFRESH_S = COUNTDOWN_S / 3
RETRY_S = 0.1
"""Until it is armed: nothing can be placed meanwhile."""
FAILURES = 2
"""Refreshes in a row that may fail before places are held: the countdown still runs for a third of its time."""
log = structlog.get_logger("venue_switch")


class VenueSwitch:
    """Runs for as long as the trader does. `active`: whether there is a connection to ask through."""

    def __init__(
        self,
        gateway: VenueGateway,
        symbols: Sequence[str],
        gate: PlaceGate,
        active: Callable[[], bool],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._gateway = gateway
        self._symbols = tuple(symbols)
        self._gate = gate
        self._active = active
        self._sleep = sleep
        self._failures = 0
        self.armed = False
        gate.block(Blocker.VENUE_SWITCH)

    async def run(self) -> None:
        """Arm, and arm again in time."""
        while True:
            if self._active():
                await self._arm()
            await self._sleep(REFRESH_S if self.armed else RETRY_S)

    async def _arm(self) -> None:
        armed = await self._gateway.keep_switch(self._symbols, COUNTDOWN_S)
        self._failures = 0 if armed else self._failures + 1
        if armed:
            self._gate.release(Blocker.VENUE_SWITCH)
        elif self._failures >= FAILURES:
            self._gate.block(Blocker.VENUE_SWITCH)
        if armed != self.armed:
            log.info("venue_switch", armed=armed, countdown_s=COUNTDOWN_S)
        self.armed = armed

    async def disarm(self) -> None:
        """Nothing is open and nothing will be: leave no countdown behind."""
        if self._active():
            self.armed = not await self._gateway.keep_switch(self._symbols, 0)
