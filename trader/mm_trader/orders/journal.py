"""What the order side tells the rest of the kernel: commands for the shell, counters for the evidence, fills for the ledger."""

from __future__ import annotations

from typing import Protocol

from mm_trader.core.commands import Command
from mm_trader.core.events import ErrorClass, TradeView
from mm_trader.orders.order import Order


class Outbox:
    """The commands of the event being handled, in order."""

    __slots__ = ("commands",)

    def __init__(self) -> None:
        self.commands: list[Command] = []

    def emit(self, command: Command) -> None:
        """Append one."""
        self.commands.append(command)

    def drain(self) -> list[Command]:
        """Hand them over and begin anew."""
        commands = self.commands
        self.commands = []
        return commands


class OrderListener(Protocol):
    """Implemented by the kernel. Called within the event that caused it."""

    def wall_ms(self, ts: int) -> int:
        """Wall time at a monotonic instant."""
        ...

    def on_fill(self, trade: TradeView, order: Order | None, *, live: bool) -> None:
        """A trade to book; each one once. `order` None: of an order this process has never known, or has forgotten. `live`: it happened just now."""
        ...

    def on_placed(self, order: Order) -> None:
        """A Place is going out."""
        ...

    def on_change_sent(self) -> None:
        """Another price and size for an order is going out. A smaller size alone does not count."""
        ...

    def on_change_refused(self, order: Order, error: ErrorClass) -> None:
        """The venue said no to a change: the order is as it was."""
        ...

    def on_accepted(self, order: Order) -> None:
        """The venue is heard of this order for the first time."""
        ...

    def on_refused(self, order: Order, error: ErrorClass, message: str) -> None:
        """The venue said no to a place."""
        ...

    def on_cancel_sent(self, order: Order) -> None:
        """A Cancel is going out."""
        ...

    def on_cancel_refused(self, order: Order) -> None:
        """The venue said no to a cancel."""
        ...

    def on_cancel_exhausted(self, order: Order) -> None:
        """Identical cancels reached their cap: a person must look."""
        ...

    def on_unknown(self, order: Order) -> None:
        """The order became UNKNOWN."""
        ...

    def on_changed(self, order: Order) -> None:
        """State or filled quantity changed: the symbol's quotes should be looked at again."""
        ...

    def on_anomaly(self, symbol: str, what: str) -> None:
        """Something that should not happen: counted, and people are told."""
        ...
