"""The venue port with what a drill does to it: an order that is lost on its way, orders that are refused at the door, connections that are cut.

Only places are ever touched. A cancel passes always, and of a cancel-replace the cancel half does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum

from mm_trader.core.clock import Clock
from mm_trader.core.commands import Cancel, CancelReplace, Command, Place
from mm_trader.core.events import CommandRefused, ErrorClass, Event
from mm_trader.core.units import SymbolRules
from mm_trader.venue.port import Capabilities, EventSink, GatewayHealth, VenueGateway

REASON = "refused by a drill: the venue was not asked"


class Fault(StrEnum):
    """What happens to the next places."""

    NONE = "none"
    LOSE_ONE = "lose_one"
    """The next place is lost before the venue, and nobody answers."""
    REFUSE = "refuse"
    """Each place is answered as by a venue that is too busy; nothing is sent."""


class DrillRig:
    """Stands between the shell and its gateway. Passes everything on but what a drill has armed."""

    def __init__(self, gateway: VenueGateway, clock: Clock) -> None:
        self._gateway = gateway
        self._clock = clock
        self.emit: Callable[[Event], None] | None = None
        """Where answers of its own go: the dispatcher."""
        self.fault = Fault.NONE
        self.lost: str | None = None
        """Client id of the order that was lost."""
        self.touched = 0
        """Places that a fault has met since it was armed."""

    def arm(self, fault: Fault) -> None:
        """From now on; NONE ends it."""
        self.fault, self.lost, self.touched = fault, None, 0

    def submit(self, command: Command) -> None:
        """See the port."""
        if self.fault is Fault.NONE or not isinstance(command, Place | CancelReplace):
            self._gateway.submit(command)
            return
        place = command.place if isinstance(command, CancelReplace) else command
        if isinstance(command, CancelReplace):
            self._gateway.submit(
                Cancel(symbol=command.symbol, client_id=command.client_id, venue_id=command.venue_id)
            )
        self.touched += 1
        if self.fault is Fault.LOSE_ONE:
            self.fault, self.lost = Fault.NONE, place.client_id
            return
        if self.emit is not None:
            self.emit(
                CommandRefused(
                    ts=self._clock.monotonic_ns(),
                    symbol=place.symbol,
                    client_id=place.client_id,
                    command="place",
                    error=ErrorClass.THROTTLED,
                    code=0,
                    message=REASON,
                )
            )

    # --- passed on ----------------------------------------------------------------------------------------------------------------------

    @property
    def capabilities(self) -> Capabilities:
        """See the port."""
        return self._gateway.capabilities

    async def load_rules(self, symbols: Sequence[str]) -> dict[str, SymbolRules]:
        """See the port."""
        return await self._gateway.load_rules(symbols)

    async def start(self, rules: dict[str, SymbolRules], client_id_prefix: str, sink: EventSink) -> None:
        """See the port."""
        await self._gateway.start(rules, client_id_prefix, sink)

    def block_places(self, blocked: bool) -> None:
        """See the port."""
        self._gateway.block_places(blocked)

    async def keep_switch(self, symbols: Sequence[str], timeout_s: float) -> bool:
        """See the port."""
        return await self._gateway.keep_switch(symbols, timeout_s)

    async def cancel_all_own(self, symbols: Sequence[str], timeout_s: float) -> bool:
        """See the port."""
        return await self._gateway.cancel_all_own(symbols, timeout_s)

    def drop_connections(self) -> None:
        """See the port."""
        self._gateway.drop_connections()

    def health(self) -> GatewayHealth:
        """See the port."""
        return self._gateway.health()

    async def stop(self) -> None:
        """See the port."""
        await self._gateway.stop()
