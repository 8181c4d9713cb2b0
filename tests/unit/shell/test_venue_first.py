"""What the venue must hear is executed before what is only a record."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st
from shell_doubles import changed, fill, latch

from mm_trader.core.commands import (
    Amend,
    Cancel,
    CancelReplace,
    Command,
    FillBooked,
    Modify,
    OrderChanged,
    Place,
    QueryOrder,
    RaiseHalt,
)
from mm_trader.core.events import Side
from mm_trader.shell.venue_first import venue_first

SYMBOL = "ETHUSDC"


def place(client_id: str) -> Place:
    return Place(symbol=SYMBOL, client_id=client_id, side=Side.BUY, price=1, size=1)


def cancel(client_id: str) -> Cancel:
    return Cancel(symbol=SYMBOL, client_id=client_id, venue_id=None)


def replace(old: str, new: str) -> CancelReplace:
    return CancelReplace(client_id=old, venue_id=None, place=place(new))


def test_a_fill_is_written_down_after_the_requests_it_brings_about_and_their_intents() -> None:
    filled, gone = FillBooked(record=fill(1)), changed("bid", "fill")
    new_bid, new_ask, going = changed("bid2", "placed"), changed("ask2", "placed"), changed("ask", "sent")
    commands = [filled, gone, new_bid, place("bid2"), new_ask, replace("ask", "ask2"), going]
    assert venue_first(commands) == [
        new_ask,
        replace("ask", "ask2"),
        new_bid,
        place("bid2"),
        filled,
        gone,
        going,
    ]


def test_an_order_that_is_changed_after_its_own_fill_keeps_its_records_in_order() -> None:
    filled, part, intent = FillBooked(record=fill(1)), changed("bid", "fill"), changed("bid", "amend sent")
    smaller = Amend(symbol=SYMBOL, client_id="bid", venue_id=None, size=1)
    assert venue_first([filled, part, intent, smaller]) == [part, intent, smaller, filled]


def test_a_halt_is_latched_before_anything_else() -> None:
    commands: list[Command] = [FillBooked(record=fill(1)), RaiseHalt(latch=latch()), cancel("bid")]
    assert venue_first(commands) == commands


def test_an_order_that_is_sent_and_cancelled_at_once_is_sent_first() -> None:
    commands: list[Command] = [FillBooked(record=fill(1)), place("bid"), cancel("bid")]
    assert venue_first(commands) == commands


def test_without_a_request_nothing_moves() -> None:
    commands: list[Command] = [changed("bid"), FillBooked(record=fill(1)), changed("ask")]
    assert venue_first(commands) == commands


IDS = st.sampled_from("abc")
COMMANDS = st.one_of(
    st.builds(place, IDS),
    st.builds(cancel, IDS),
    st.builds(replace, IDS, IDS),
    st.builds(lambda i: Amend(symbol=SYMBOL, client_id=i, venue_id=None, size=1), IDS),
    st.builds(
        lambda i: Modify(symbol=SYMBOL, client_id=i, venue_id=None, side=Side.BUY, price=1, size=1), IDS
    ),
    st.builds(changed, IDS, st.sampled_from(["x", "y"])),
    st.builds(lambda n: FillBooked(record=fill(n)), st.integers(1, 5)),
    st.builds(lambda i: QueryOrder(symbol=SYMBOL, client_id=i), IDS),
)


CHANGES = (Cancel, CancelReplace, Amend, Modify)


def orders_of(command: Command) -> set[str]:
    """Orders that a request or a record is about."""
    if isinstance(command, CancelReplace):
        return {command.client_id, command.place.client_id}
    if isinstance(command, OrderChanged):
        return {command.client_id}
    return {command.client_id} if isinstance(command, Place | Cancel | Amend | Modify) else set()


def needs_record_of(command: Command) -> str | None:
    """The order whose record has to be in the journal before this request."""
    if isinstance(command, CancelReplace):
        return command.place.client_id
    return command.client_id if isinstance(command, Place | Amend | Modify) else None


def ids(commands: Sequence[Command]) -> list[int]:
    return list(map(id, commands))


@given(st.lists(COMMANDS, max_size=12))
def test_only_what_may_move_moves(commands: list[Command]) -> None:
    ordered = list(venue_first(commands))
    assert sorted(ids(ordered)) == sorted(ids(commands))
    for kinds in ((FillBooked,), CHANGES, (Place,), (QueryOrder,)):
        assert ids([c for c in ordered if isinstance(c, kinds)]) == ids(
            [c for c in commands if isinstance(c, kinds)]
        )
    for order_id in "abc":
        records_and_own_requests = [
            [
                c
                for c in each
                if needs_record_of(c) == order_id
                or (isinstance(c, OrderChanged) and c.record.client_id == order_id)
            ]
            for each in (ordered, commands)
        ]
        assert ids(records_and_own_requests[0]) == ids(records_and_own_requests[1])
        requests = [
            [c for c in each if isinstance(c, (*CHANGES, Place)) and order_id in orders_of(c)]
            for each in (ordered, commands)
        ]
        assert ids(requests[0]) == ids(requests[1])
