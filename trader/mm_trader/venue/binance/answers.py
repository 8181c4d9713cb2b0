"""The events that answer a Place, a Cancel or an Amend, made in one place for the order socket and the way over REST."""

from __future__ import annotations

from mm_trader.core.clock import Clock
from mm_trader.core.commands import Amend, Cancel, Modify, Place
from mm_trader.core.events import (
    CommandDropped,
    CommandRefused,
    CommandUnknown,
    ErrorClass,
    OrderAccepted,
    OrderAmended,
    OrderFound,
    OrderView,
)
from mm_trader.venue.binance.reflexes import Failure
from mm_trader.venue.port import EventSink


class Answers:
    """Each method gives the one answer of a command."""

    def __init__(self, clock: Clock, sink: EventSink) -> None:
        self._clock = clock
        self._sink = sink

    def accepted(self, place: Place, venue_id: int) -> None:
        """The order is at the venue."""
        self._sink(
            OrderAccepted(
                ts=self._clock.monotonic_ns(),
                symbol=place.symbol,
                client_id=place.client_id,
                venue_id=venue_id,
            )
        )

    def cancelled(self, order: OrderView) -> None:
        """The cancel was carried out, and this is the order now."""
        self._sink(OrderFound(ts=self._clock.monotonic_ns(), order=order))

    def amended(self, order: OrderView) -> None:
        """The amend was carried out, and this is the order now."""
        self._sink(OrderAmended(ts=self._clock.monotonic_ns(), order=order))

    def failed(self, command: Place | Cancel | Amend | Modify, failure: Failure) -> None:
        """Refused, or unknown where the failure says nothing about execution."""
        if failure.error is ErrorClass.AMBIGUOUS:
            self.unknown(command, f"{failure.message} (code {failure.code})")
            return
        self._sink(
            CommandRefused(
                ts=self._clock.monotonic_ns(),
                symbol=command.symbol,
                client_id=command.client_id,
                command=word(command),
                error=failure.error,
                code=failure.code,
                message=failure.message,
            )
        )

    def unknown(self, command: Place | Cancel | Amend | Modify, reason: str) -> None:
        """It may have been executed."""
        self._sink(
            CommandUnknown(
                ts=self._clock.monotonic_ns(),
                symbol=command.symbol,
                client_id=command.client_id,
                command=word(command),
                reason=reason,
            )
        )

    def dropped(self, command: Place | Cancel | Amend | Modify, reason: str) -> None:
        """It never left."""
        self._sink(
            CommandDropped(
                ts=self._clock.monotonic_ns(),
                symbol=command.symbol,
                client_id=command.client_id,
                command=word(command),
                reason=reason,
            )
        )


def word(command: Place | Cancel | Amend | Modify) -> str:
    """`place`, `cancel` or `amend`."""
    if isinstance(command, Place):
        return "place"
    return "cancel" if isinstance(command, Cancel) else "amend"
