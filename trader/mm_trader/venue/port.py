"""The port through which the trader speaks to a venue. `venue/binance` implements it on real sockets; tests may on lists.

Commands go in and return at once; every answer, also to a failure, comes back as an event through the sink. Nothing here raises on a venue's answer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from mm_trader.core.commands import Command
from mm_trader.core.events import Event
from mm_trader.core.units import SymbolRules

EventSink = Callable[[Event], None]


class Capabilities(msgspec.Struct, frozen=True, kw_only=True):
    """What differs between products; strategy and kernel never ask which venue it is."""

    dead_man: bool
    """The venue cancels by itself when it hears nothing."""
    modify_price: bool
    short_without_inventory: bool
    amend_keeps_priority: bool = False
    """Amend: an order shrinks and keeps its place in the queue."""
    reduce_only: bool = False
    """Place.reduce_only is kept by the venue itself."""
    cancel_replace: bool = False
    """CancelReplace: cancel and new order in one request."""


class VenueError(Exception):
    """The venue could not be used at start-up. `reason` is CamelCase for conditions, `permanent` says whether trying again is pointless."""

    def __init__(self, reason: str, message: str, *, permanent: bool) -> None:
        super().__init__(message)
        self.reason = reason
        self.permanent = permanent


class GatewayHealth(msgspec.Struct, frozen=True, kw_only=True):
    """State of the connections."""

    streams: dict[str, bool]
    last_message_age_ms: dict[str, int]
    clock_offset_ms: float
    """Venue's clock minus ours, as it was measured last."""
    clock_base_ns: int | None
    """Wall minus monotonic clock at that measurement; None: nothing is measured yet."""
    used_weight: int
    weight_limit: int
    reconnects: dict[str, int]


class VenueGateway(Protocol):
    """One account at one venue."""

    @property
    def capabilities(self) -> Capabilities:
        """What this venue can do."""
        ...

    async def load_rules(self, symbols: Sequence[str]) -> dict[str, SymbolRules]:
        """Measure the clock offset, read exchangeInfo and the account's fees. Symbols that are not listed are absent from the result. Raises VenueError."""
        ...

    async def start(self, rules: dict[str, SymbolRules], client_id_prefix: str, sink: EventSink) -> None:
        """Open the three connections and keep them open; events flow into the sink from now on. Raises VenueError when keys are refused."""
        ...

    def submit(self, command: Command) -> None:
        """Place, Cancel, Amend, CancelReplace, CancelAllOwn, QueryOrder, RequestReconcile or RequestDepth. Returns at once; the answer is an event."""
        ...

    def block_places(self, blocked: bool) -> None:
        """The stop latch: read in the last function before the socket. True: every Place that is not yet written becomes CommandDropped."""
        ...

    async def keep_switch(self, symbols: Sequence[str], timeout_s: float) -> bool:
        """Have the venue cancel everything in these symbols `timeout_s` from now unless asked again before; 0: no more. Cancels orders of others, too.
        False: not confirmed. Only where `Capabilities.dead_man` is True."""
        ...

    async def cancel_all_own(self, symbols: Sequence[str], timeout_s: float) -> bool:
        """Cancel everything open under the prefix in these symbols and ask again until the venue shows none. False: could not be confirmed in time."""
        ...

    def drop_connections(self) -> None:
        """Cut every connection, as a network would; the gateway makes them anew by itself. For drills."""
        ...

    def health(self) -> GatewayHealth:
        """State of the connections."""
        ...

    async def stop(self) -> None:
        """Close everything. Idempotent."""
        ...
