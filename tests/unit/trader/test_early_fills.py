"""Trades that are heard of before anybody knows whose they are: the venue's list has one, and the order's own acknowledgement is still to come."""

from __future__ import annotations

from kernel_driver import SECOND
from order_desk import SIZE, Desk, trade

from mm_trader.orders.lifecycle import _EARLY
from mm_trader.orders.states import OrderState


def early(desk: Desk, *sizes: int, venue_id: int = 7, first: int = 1) -> None:
    for number, size in enumerate(sizes, first):
        assert desk.life.book(trade(size, number, venue_id=venue_id), None, 0, live=False)


def test_what_was_booked_before_the_order_was_known_counts_as_its_own_once_it_is():
    desk = Desk()
    order = desk.place()
    early(desk, 30, 20)
    assert (order.booked, order.filled) == (0, 0)
    desk.life.known_to_venue(order, 7, SECOND)
    assert (order.booked, order.filled, order.state) == (50, 50, OrderState.PARTIALLY_FILLED)
    assert order.unbooked == SIZE - 50


def test_what_was_booked_early_and_is_all_of_it_ends_the_order():
    desk = Desk()
    order = desk.place()
    early(desk, SIZE)
    desk.life.known_to_venue(order, 7, SECOND)
    assert (order.state, order.booked, order.unbooked) == (OrderState.FILLED, SIZE, 0)


def test_early_trades_belong_to_the_order_with_their_number_and_to_one_alone():
    desk = Desk()
    early(desk, 30)
    other, order = desk.place(), desk.place()
    desk.life.known_to_venue(other, 8, SECOND)
    assert (other.booked, other.state) == (0, OrderState.PENDING)
    desk.life.known_to_venue(order, 7, SECOND)
    assert order.booked == 30
    again = desk.place()
    desk.life.known_to_venue(again, 7, SECOND)
    assert again.booked == 0


def test_the_early_trades_of_an_inherited_order_are_not_counted_one_by_one():
    desk = Desk()
    order = desk.place()
    order.inherited = True
    early(desk, 30)
    desk.life.known_to_venue(order, 7, SECOND)
    assert (order.booked, order.filled) == (0, 0)


def test_of_too_many_early_trades_the_oldest_is_forgotten():
    desk = Desk()
    for number in range(1, _EARLY + 2):
        early(desk, 10, venue_id=number, first=number)
    booked = []
    for number in (1, 2, _EARLY + 1):
        order = desk.place()
        desk.life.known_to_venue(order, number, SECOND)
        booked.append(order.booked)
    assert booked == [0, 10, 10]
