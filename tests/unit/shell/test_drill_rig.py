"""What a drill does to the way to the venue: places alone, and never a cancel."""

from __future__ import annotations

from typing import Any

from mm_trader.core.clock import ManualClock
from mm_trader.core.commands import Cancel, CancelReplace, Place
from mm_trader.core.events import CommandRefused, ErrorClass, Side
from mm_trader.shell.drills.rig import DrillRig, Fault


class Gateway:
    """Keeps what reaches it."""

    def __init__(self) -> None:
        self.sent: list[Any] = []

    def submit(self, command: Any) -> None:
        self.sent.append(command)


def place(client_id: str = "mm-1") -> Place:
    return Place(symbol="ETHUSDC", client_id=client_id, side=Side.BUY, price=100, size=5)


CANCEL = Cancel(symbol="ETHUSDC", client_id="mm-0", venue_id=7)


def made() -> tuple[DrillRig, Gateway, list[Any]]:
    gateway, heard = Gateway(), []
    rig = DrillRig(gateway, ManualClock())  # type: ignore[arg-type]  # the one method that is used
    rig.emit = heard.append
    return rig, gateway, heard


def test_without_a_drill_everything_passes() -> None:
    rig, gateway, heard = made()
    rig.submit(place())
    rig.submit(CANCEL)
    assert gateway.sent == [place(), CANCEL]
    assert heard == []


def test_one_place_is_lost_without_an_answer_and_the_next_passes() -> None:
    rig, gateway, heard = made()
    rig.arm(Fault.LOSE_ONE)
    rig.submit(CANCEL)
    rig.submit(place("mm-1"))
    rig.submit(place("mm-2"))
    assert (rig.lost, rig.touched) == ("mm-1", 1)
    assert gateway.sent == [CANCEL, place("mm-2")]
    assert heard == []


def test_a_refused_place_is_answered_as_by_a_busy_venue_and_cancels_pass() -> None:
    rig, gateway, heard = made()
    rig.arm(Fault.REFUSE)
    rig.submit(place())
    rig.submit(CANCEL)
    assert gateway.sent == [CANCEL]
    (said,) = heard
    assert isinstance(said, CommandRefused)
    assert (said.client_id, said.command, said.error) == ("mm-1", "place", ErrorClass.THROTTLED)
    rig.arm(Fault.NONE)
    rig.submit(place())
    assert gateway.sent == [CANCEL, place()]


def test_of_a_cancel_replace_the_cancel_leaves_whatever_becomes_of_the_place() -> None:
    rig, gateway, _ = made()
    rig.arm(Fault.LOSE_ONE)
    rig.submit(CancelReplace(client_id="mm-0", venue_id=7, place=place()))
    assert gateway.sent == [CANCEL]
    assert rig.lost == "mm-1"
