"""Orders whose answer is lost, and their user event with it: what is there is ours within a second, what is not is asked about until it is certain."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from shellkit.desk import SYMBOL, Desk, Side, desk
from shellkit.processes import ACCOUNT
from shellkit.waiting import until

from flows.test_flows import WIDE, booked, everybody_agrees
from mm_trader.kernel.room import Room

PATIENT = {"orderTimeout": "30s"}
"""So long that whatever is found is found by an early question."""


def lose_the_first_bid(d: Desk, *faults: dict[str, Any], user_events: int = 1) -> None:
    """Before anything is placed: the first place meets the faults, and no user event says what became of it."""
    for fault in faults:
        d.sim.admin.do("fault", call="place", count=1, **fault)
    if user_events:
        d.sim.admin.do("fault", fault="lose_user_event", account=ACCOUNT, count=user_events)


def heard(d: Desk, event: str) -> int:
    return d.app.dispatcher.events.get(event, 0)


def bids_placed(d: Desk) -> list[str]:
    return [entry["clientOrderId"] for entry in d.journal("place") if entry["side"] == "BUY"]


async def test_an_order_whose_answer_is_lost_is_ours_long_before_the_answer_is_overdue(
    tmp_path: Path,
) -> None:
    async with desk(tmp_path, strategy=WIDE, engine=PATIENT) as d:
        lose_the_first_bid(d, {"fault": "drop_after"})
        bid = await d.quoted(Side.BUY)
        assert bids_placed(d) == [bid.client_id]
        assert heard(d, "OrderFound") == 1
        assert d.app.evidence().orders_unknown == 0
        d.take(bid, bid.remaining)
        await until(lambda: booked(d, bid) > 0, "its fill is booked")
        await everybody_agrees(d)


async def test_an_order_that_the_engine_takes_late_is_found_by_the_next_question(tmp_path: Path) -> None:
    """A second and a half after it was sent, unanswered. Its side is not quoted meanwhile."""
    async with desk(tmp_path, strategy=WIDE, engine=PATIENT) as d:
        # the ask, which is not struck, has two user events before it
        lose_the_first_bid(d, {"fault": "late_execution", "ms": 1500}, {"fault": "drop_after"}, user_events=3)
        bid = await d.quoted(Side.BUY)
        assert bids_placed(d) == [bid.client_id]
        assert heard(d, "OrderNotFound") >= 3
        assert d.app.evidence().orders_unknown == 0
        d.take(bid, bid.remaining)
        await until(lambda: booked(d, bid) > 0, "its fill is booked")
        await everybody_agrees(d)


async def test_an_order_that_never_arrived_blocks_its_side_and_counts_until_it_is_certain(
    tmp_path: Path,
) -> None:
    """Not found is no proof before recvWindow, clock and engine's time-out are over; that it is one then: tests/unit/trader/test_order_life.py."""
    async with desk(tmp_path, strategy=WIDE, engine={"orderTimeout": "1s"}) as d:
        lose_the_first_bid(d, {"fault": "drop_before"}, user_events=0)
        await until(lambda: heard(d, "OrderNotFound") >= 5, "the venue was asked again and again")
        (lost,) = [o for o in d.app.dispatcher.kernel.open_orders() if o.side == "BUY"]
        assert lost.state == "UNKNOWN"
        assert bids_placed(d) == []
        core = d.app.dispatcher.kernel._core
        room = Room(core, core.desks[SYMBOL], core.now)
        assert room.exposure.buys == int(lost.quantity.scaleb(8))
