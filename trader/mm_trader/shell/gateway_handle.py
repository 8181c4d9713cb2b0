"""A gateway that can be made again: keys that were missing or refused may be there on the next attempt, and connections that failed are not reused.

Implements the venue port by passing everything on to the gateway of the moment."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mm_trader.core.commands import Command
from mm_trader.core.units import SymbolRules
from mm_trader.venue.port import Capabilities, EventSink, GatewayHealth, VenueGateway

NOT_CONNECTED = GatewayHealth(
    streams={},
    last_message_age_ms={},
    clock_offset_ms=0.0,
    clock_base_ns=None,
    used_weight=0,
    weight_limit=0,
    reconnects={},
)


class GatewayHandle:
    """`make` builds a gateway; it may raise VenueError (no keys)."""

    def __init__(self, make: Callable[[], VenueGateway], capabilities: Capabilities) -> None:
        self._capabilities = capabilities
        self._make = make
        self._gateway: VenueGateway | None = None
        self._blocked = True
        self._started = False

    @property
    def capabilities(self) -> Capabilities:
        """Of the gateway; as announced while there is none."""
        return self._gateway.capabilities if self._gateway is not None else self._capabilities

    async def load_rules(self, symbols: Sequence[str]) -> dict[str, SymbolRules]:
        """See the port. A gateway that failed is thrown away."""
        gateway = self._current()
        try:
            return await gateway.load_rules(symbols)
        except BaseException:
            await self._discard()
            raise

    async def start(self, rules: dict[str, SymbolRules], client_id_prefix: str, sink: EventSink) -> None:
        """See the port. A gateway that failed is thrown away."""
        fresh = self._gateway is None
        gateway = self._current()
        try:
            if fresh:
                await gateway.load_rules(
                    list(rules)
                )  # measures the clock, without which nothing can be signed
            gateway.block_places(self._blocked)
            await gateway.start(rules, client_id_prefix, sink)
        except BaseException:
            await self._discard()
            raise
        self._started = True

    def submit(self, command: Command) -> None:
        """See the port."""
        self._current().submit(command)

    def block_places(self, blocked: bool) -> None:
        """See the port. Remembered for a gateway that is made later."""
        self._blocked = blocked
        if self._gateway is not None:
            self._gateway.block_places(blocked)

    async def cancel_all_own(self, symbols: Sequence[str], timeout_s: float) -> bool:
        """See the port."""
        return await self._current().cancel_all_own(symbols, timeout_s)

    async def keep_switch(self, symbols: Sequence[str], timeout_s: float) -> bool:
        """See the port."""
        return await self._current().keep_switch(symbols, timeout_s)

    def drop_connections(self) -> None:
        """See the port. None: nothing to cut."""
        if self._gateway is not None:
            self._gateway.drop_connections()

    def health(self) -> GatewayHealth:
        """See the port."""
        return self._gateway.health() if self._gateway is not None and self._started else NOT_CONNECTED

    async def stop(self) -> None:
        """See the port."""
        await self._discard()

    def _current(self) -> VenueGateway:
        if self._gateway is None:
            self._gateway = self._make()
        return self._gateway

    async def _discard(self) -> None:
        gateway, self._gateway, self._started = self._gateway, None, False
        if gateway is not None:
            await gateway.stop()
