"""The order in which an event's commands are executed: first what takes a stale quote away or moves it, then what else the venue must hear, each with the
intent that must be in the journal before it; then what is only a record of what has happened.

A fill has happened whether it is in the journal or not, and the venue tells it again after a kill. The stale quote on the other side loses money every
microsecond in which something else is done first.
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

_CHANGES = (Cancel, CancelReplace, Modify, Amend)


def venue_first(commands: Sequence[Command]) -> Sequence[Command]:
    """The same commands: cancels and changes, other requests, records; among each of these, and among the records of one order, nothing changes its place.

    A record of an order that the venue is asked to make or to change is before the request where it was before it. With a halt among them they stay as they
    are: the latch comes before everything.
    """
    if len(commands) < 2:  # as of nearly every event
        return commands
    asked: dict[str, int] = {}
    """Order → place of the last request about it that needs its record in the journal."""
    changed: set[str] = set()
    """Orders that are cancelled or changed, or come of that."""
    placed: set[str] = set()
    for number, command in enumerate(commands):
        kind = type(command)
        if kind is RaiseHalt:
            return commands
        if isinstance(command, Place):
            asked[command.client_id] = number
            placed.add(command.client_id)
        elif isinstance(command, _CHANGES):
            changed.add(command.client_id)
            if isinstance(command, CancelReplace):
                asked[command.place.client_id] = number
                changed.add(command.place.client_id)
            elif not isinstance(command, Cancel):
                asked[command.client_id] = number
    if not (placed or changed) or placed & changed:
        return commands
    urgent: list[Command] = []
    others: list[Command] = []
    records: list[Command] = []
    for number, command in enumerate(commands):
        if isinstance(command, _CHANGES):
            urgent.append(command)
        elif isinstance(command, OrderChanged):
            client_id = command.client_id
            if asked.get(client_id, -1) < number:
                records.append(command)
            else:
                (urgent if client_id in changed else others).append(command)
        else:
            (records if isinstance(command, FillBooked) else others).append(command)
    return urgent + others + records
