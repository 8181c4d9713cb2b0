"""Whatever order the venue's words come in, however often, and whichever are lost: the end is the venue's truth, and every fill is booked exactly once."""

from __future__ import annotations

from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st
from kernel_driver import MS, WALL, Driver, of, side_of

from mm_trader.core import events as ev
from mm_trader.core.commands import FillBooked, OrderChanged, Place
from mm_trader.core.events import Side

SIZE = 100


@st.composite
def lives(draw: Any) -> tuple[list[tuple[str, int]], list[int]]:
    """A life as the venue saw it: (status, cumulative filled) after each step, and the sizes of its trades."""
    cuts = sorted(draw(st.sets(st.integers(1, SIZE - 1), max_size=3)))
    end = draw(st.sampled_from(["FILLED", "CANCELED", "EXPIRED", "open"]))
    marks = [*cuts, SIZE] if end == "FILLED" else cuts
    steps: list[tuple[str, int]] = [("NEW", 0)]
    steps += [("FILLED" if mark == SIZE else "PARTIALLY_FILLED", mark) for mark in marks]
    if end in ("CANCELED", "EXPIRED"):
        steps.append((end, marks[-1] if marks else 0))
    sizes = [after - before for before, after in zip([0, *marks], marks, strict=False)]
    return steps, sizes


DELIVERIES = st.lists(
    st.tuples(
        st.sampled_from(
            ["report", "found", "ack", "unknown", "not_found", "tick", "late", "snapshot", "refuse_cancel"]
        ),
        st.integers(0, 10),
    ),
    max_size=25,
)


class Venue:
    """One order's truth, and the means to tell any part of it."""

    def __init__(self, driver: Driver, place: Place, steps: list[tuple[str, int]], sizes: list[int]) -> None:
        self.driver, self.place, self.steps = driver, place, steps
        driver.view(place, "NEW")
        self.trades = [driver.trade(place, size, trade_id=number + 1) for number, size in enumerate(sizes)]

    def report(self, step: int) -> None:
        status, filled = self.steps[step]
        is_trade = 0 < step <= len(self.trades)
        self.driver.report(
            self.place,
            "TRADE" if is_trade else status,
            status,
            filled,
            self.trades[step - 1] if is_trade else None,
        )

    def snapshot(self, step: int) -> None:
        """The venue's account as it was after `step`."""
        status, filled = self.steps[step]
        still_open = status in ("NEW", "PARTIALLY_FILLED")
        self.driver.snapshot(
            orders=[self.driver.view(self.place, status, filled)] if still_open else [],
            trades=self.trades[: min(step, len(self.trades))],
            cause="timer",
        )

    def tell(self, what: str, number: int) -> None:
        driver, step = self.driver, number % len(self.steps)
        if what == "report":
            self.report(step)
        elif what == "found":
            driver.found(self.place, *self.steps[step])
        elif what == "snapshot":
            # one that was asked for earlier than what it proves would be a lie of the venue: only the latest is told
            self.snapshot(len(self.steps) - 1)
        elif what == "ack":
            driver.accept(self.place, driver.venue_ids[self.place.client_id])
        elif what == "unknown":
            driver.unknown(self.place)
        elif what == "not_found":
            driver.not_found(self.place)
        elif what == "tick":
            driver.tick(number * 300)
        elif what == "late":
            driver.tick(6_000)
        else:
            driver.feed(
                ev.CommandRefused(
                    ts=driver.ts,
                    symbol=self.place.symbol,
                    client_id=self.place.client_id,
                    command="cancel",
                    error=ev.ErrorClass.NOT_FOUND,
                    code=-2011,
                    message="Unknown order sent.",
                )
            )


_FORGOTTEN = [("report", 0), ("late", 0), ("late", 0), ("refuse_cancel", 0), ("not_found", 0)]
"""The venue took the order, then says it does not know it."""


@settings(max_examples=150, deadline=None)
@given(life=lives(), deliveries=DELIVERIES)
@example(life=([("NEW", 0)], []), deliveries=_FORGOTTEN)
@example(life=([("NEW", 0), ("PARTIALLY_FILLED", 40)], [40]), deliveries=_FORGOTTEN)
@example(life=([("NEW", 0), ("EXPIRED", 0)], []), deliveries=_FORGOTTEN)
@example(life=([("NEW", 0), ("PARTIALLY_FILLED", 1)], [1]), deliveries=[("late", 0)])
def test_any_interleaving_ends_in_the_venues_truth(life, deliveries):
    driver = Driver()
    bid = side_of(driver.start(), Side.BUY)
    assert bid.size == SIZE
    venue = Venue(driver, bid, *life)
    for what, number in deliveries:
        venue.tell(what, number)
    # in the end the venue is heard in full
    driver.tick(50)
    venue.snapshot(len(venue.steps) - 1)
    driver.found(bid, *venue.steps[-1])
    booked = [c.record.trade_id for c in of(FillBooked, driver.log)]
    assert sorted(booked) == [trade.trade_id for trade in venue.trades]
    assert driver.position() == driver.rules["ETHUSDC"].quantity(sum(trade.size for trade in venue.trades))
    status, filled = venue.steps[-1]
    told = [c.record for c in of(OrderChanged, driver.log) if c.record.client_id == bid.client_id]
    last = told[-1]
    assert [r.filled for r in told] == sorted(r.filled for r in told), "filled quantity only grows"
    assert last.filled == driver.rules["ETHUSDC"].quantity(filled)
    if status in ("NEW", "PARTIALLY_FILLED"):
        assert driver.state(bid.client_id) in (status, "CANCELING")
    else:
        assert driver.state(bid.client_id) is None
        assert last.state == status
    assert driver.kernel.status().halts == ()


@settings(max_examples=60, deadline=None)
@given(life=lives(), deliveries=DELIVERIES)
def test_the_same_events_give_the_same_commands(life, deliveries):
    logs = []
    for _ in range(2):
        driver = Driver()
        venue = Venue(driver, side_of(driver.start(), Side.BUY), *life)
        for what, number in deliveries:
            venue.tell(what, number)
        logs.append(driver.log)
    assert logs[0] == logs[1]


@settings(max_examples=60, deadline=None)
@given(life=lives(), deliveries=DELIVERIES, cut=st.integers(0, 25))
def test_a_restart_at_any_point_books_every_fill_once_and_ends_in_the_same_position(life, deliveries, cut):
    from mm_trader.core.state import Restored

    driver = Driver()
    bid = side_of(driver.start(), Side.BUY)
    venue = Venue(driver, bid, *life)
    for what, number in deliveries[:cut]:
        venue.tell(what, number)
    restored = Restored(ledger=driver.kernel.ledger(), orders=tuple(driver.kernel.open_orders()), clean=False)
    after = Driver(restored=restored, counter=2, wall=WALL + driver.ts)
    after.venue_ids.update(driver.venue_ids)
    venue.driver = after
    after.streams()
    after.allow()
    for what, number in deliveries[cut:]:
        venue.tell(what, number)
    after.ts += 1 * MS
    venue.snapshot(len(venue.steps) - 1)
    after.found(bid, *venue.steps[-1])
    booked = [c.record.trade_id for d in (driver, after) for c in of(FillBooked, d.log)]
    assert sorted(booked) == [trade.trade_id for trade in venue.trades]
    assert after.position() == after.rules["ETHUSDC"].quantity(sum(trade.size for trade in venue.trades))
