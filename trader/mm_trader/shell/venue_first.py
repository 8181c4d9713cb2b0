"""The order in which an event's commands are executed: what the venue must hear goes first, with the intents that must be in the journal before it; what is
only a record of what has happened follows.

A fill has happened whether it is in the journal or not, and the venue tells it again after a kill. The stale quote on the other side loses money every
microsecond in which the fill is written down first.
"""

from __future__ import annotations

from collections.abc import Sequence

from mm_trader.core.commands import (
    Amend,
    Cancel,
    CancelReplace,
    Command,
    FillBooked,
    Modify,
    OrderChanged,
    Place,
    RaiseHalt,
)

_ASKED = (Place, CancelReplace, Modify, Amend, Cancel)


def venue_first(commands: Sequence[Command]) -> Sequence[Command]:
    """The same commands. Among those to the venue, among an order's records and among fills nothing changes its place; a record of an order that the venue is
    asked to make or to change is before the request where it was before it. With a halt among them they stay as they are: the latch comes before everything.
    """
    asked: dict[str, int] = {}
    """Order → place of the last request about it that needs its record in the journal."""
    asks = False
    for number, command in enumerate(commands):
        kind = type(command)
        if kind is RaiseHalt:
            return commands
        if kind in _ASKED:
            asks = True
            about = command.place if isinstance(command, CancelReplace) else command
            if isinstance(about, Place | Modify | Amend):
                asked[about.client_id] = number
    if not asks:
        return commands
    first: list[Command] = []
    records: list[Command] = []
    for number, command in enumerate(commands):
        is_record = isinstance(command, FillBooked) or (
            isinstance(command, OrderChanged) and asked.get(command.record.client_id, -1) < number
        )
        (records if is_record else first).append(command)
    return first + records
