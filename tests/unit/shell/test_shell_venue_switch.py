"""The venue's own switch: armed while connected, again in time, sooner after a failure, and disarmed by an orderly end."""

from __future__ import annotations

import asyncio

import pytest
from shell_doubles import FakeGateway

from mm_trader.shell.gate import Blocker, PlaceGate
from mm_trader.shell.venue_switch import COUNTDOWN_S, REFRESH_S, RETRY_S, VenueSwitch


class Stop(Exception):
    """Ends the loop of a test."""


def switch(gateway: FakeGateway, rounds: int, connected: bool = True) -> tuple[VenueSwitch, list[float]]:
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == rounds:
            raise Stop

    gate = PlaceGate()
    gate.release(Blocker.NO_LEASE)
    return VenueSwitch(gateway, ["ETHUSDC"], gate, lambda: connected, sleep), pauses


def run(one: VenueSwitch) -> None:
    with pytest.raises(Stop):
        asyncio.run(one.run())


def test_it_is_armed_again_three_times_within_its_countdown() -> None:
    gateway = FakeGateway()
    one, pauses = switch(gateway, 3)
    run(one)
    assert gateway.switched == [(("ETHUSDC",), COUNTDOWN_S)] * 3
    assert pauses == [REFRESH_S] * 3
    assert one.armed
    assert not one._gate.closed
    asyncio.run(one.disarm())
    assert gateway.switched[-1] == (("ETHUSDC",), 0)
    assert not one.armed


def test_no_order_leaves_before_it_is_armed_and_a_refusal_is_tried_again_soon() -> None:
    gateway = FakeGateway()
    gateway.switch_works = False
    one, pauses = switch(gateway, 3)
    assert one._gate.blockers == (Blocker.VENUE_SWITCH,)
    run(one)
    assert pauses == [RETRY_S] * 3
    assert one._gate.blockers == (Blocker.VENUE_SWITCH,)


def test_one_failed_refresh_holds_nothing_and_two_hold_places() -> None:
    gateway = FakeGateway()
    one, _ = switch(gateway, 1)
    run(one)
    gateway.switch_works = False
    asyncio.run(one._arm())
    assert not one._gate.closed
    asyncio.run(one._arm())
    assert one._gate.blockers == (Blocker.VENUE_SWITCH,)
    gateway.switch_works = True
    asyncio.run(one._arm())
    assert not one._gate.closed


def test_without_a_connection_nothing_is_asked() -> None:
    gateway = FakeGateway()
    one, _ = switch(gateway, 2, connected=False)
    run(one)
    asyncio.run(one.disarm())
    assert gateway.switched == []
