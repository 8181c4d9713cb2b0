"""Orders that move in one request: cancel-replace with both halves, shrinking in place, and another price under the same id."""

from __future__ import annotations

from decimal import Decimal

import pytest
from kernel_driver import Driver, eth_rules, of, side_of, trader_config

from mm_trader.core import events as ev
from mm_trader.core.commands import (
    Amend,
    Cancel,
    CancelReplace,
    Command,
    Modify,
    OrderChanged,
    Place,
    QueryOrder,
)
from mm_trader.core.events import ErrorClass, Side
from mm_trader.core.state import RiskLevel

FAR = ("2500.60", "2500.61")
STILL = {"skewFactor": "0", "volatilityFactor": "0"}


def driver(
    *, engine: dict[str, object] | None = None, config: dict[str, str] | None = None, **rules: bool
) -> Driver:
    """`rules`: what the venue can do."""
    made = trader_config(parameters=STILL | (config or {}), engine=engine)
    return Driver(made, {"ETHUSDC": eth_rules(**rules)})


def moved(d: Driver) -> list[Command]:
    d.wait(300)
    return d.market(*FAR)


def answer(
    d: Driver, kind: type[ev.Event], order: Place | CancelReplace | Amend | Modify, word: str, **more: object
) -> list[Command]:
    return d.feed(
        kind(ts=d.ts, symbol=order.symbol, client_id=order.client_id, command=word, **more)  # type: ignore[call-arg]
    )


# --- cancel-replace -----------------------------------------------------------------------------------------------------------------------


def test_a_quote_that_moves_is_replaced_in_one_request_and_journaled_before_it():
    d = driver(replaceable=True)
    bid, ask = d.quoting()
    commands = moved(d)
    replaced = of(CancelReplace, commands)
    assert [each.client_id for each in replaced] == [bid.client_id, ask.client_id]
    assert not of(Cancel, commands) and not of(Place, commands)
    assert all(each.place.post_only for each in replaced)
    for each in replaced:
        journaled = next(
            i
            for i, c in enumerate(commands)
            if type(c) is OrderChanged and c.record.client_id == each.place.client_id
        )
        assert journaled < commands.index(each)
        assert d.state(each.client_id) == "CANCELING" and d.state(each.place.client_id) == "PENDING"


def test_both_halves_carried_out_leave_the_new_order():
    d = driver(replaceable=True)
    bid, _ = d.quoting()
    new = of(CancelReplace, moved(d))[0].place
    d.found(bid, "CANCELED")
    d.accept(new)
    assert d.state(bid.client_id) is None and d.state(new.client_id) == "NEW"


def test_a_cancel_half_that_fails_asks_about_the_old_order_and_ends_the_new_one():
    d = driver(replaceable=True)
    bid, _ = d.quoting()
    replaced = of(CancelReplace, moved(d))[0]
    asked = answer(
        d,
        ev.CommandRefused,
        replaced,
        "cancel",
        error=ErrorClass.NOT_FOUND,
        code=-2011,
        message="Unknown order sent.",
    )
    assert [query.client_id for query in of(QueryOrder, asked)] == [bid.client_id]
    answer(d, ev.CommandDropped, replaced.place, "place", reason="not attempted")
    assert d.state(replaced.place.client_id) is None
    assert d.state(bid.client_id) == "UNKNOWN"
    assert not of(Place, d.ticks(3)), "the side is blocked until the venue has spoken"
    assert of(Place, d.fill(bid) + d.ticks(1)), "the fill was the reason, and the side is free again"


def test_a_new_half_that_fails_is_a_refused_place_after_a_cancel():
    d = driver(replaceable=True)
    bid, _ = d.quoting()
    replaced = of(CancelReplace, moved(d))[0]
    d.found(bid, "CANCELED")
    answer(d, ev.CommandRefused, replaced.place, "place", error=ErrorClass.REFUSED, code=-2010, message="no")
    assert d.state(bid.client_id) is None and d.state(replaced.place.client_id) is None
    assert side_of(of(Place, d.ticks(1)), Side.BUY), "placed anew after the pause"


def test_an_unknown_outcome_asks_about_both_and_counts_both():
    d = driver(replaceable=True)
    bid, _ = d.quoting()
    replaced = of(CancelReplace, moved(d))[0]
    new = replaced.place
    asked = answer(d, ev.CommandUnknown, replaced, "cancel", reason="time-out")
    asked += answer(d, ev.CommandUnknown, new, "place", reason="time-out")
    assert {query.client_id for query in of(QueryOrder, asked)} == {bid.client_id, new.client_id}
    exposed = d.kernel._quoter._core.table.may_move("ETHUSDC")
    bought = sum(order.unbooked for order in exposed if order.side is Side.BUY)
    assert bought == bid.size + new.size
    meanwhile = d.ticks(4)
    assert not of(Place, meanwhile) and not of(CancelReplace, meanwhile)
    # the old one was cancelled and the new one never placed: the venue says so, and both are over
    d.found(bid, "CANCELED")
    d.ticks(16)
    d.not_found(new)
    assert d.state(bid.client_id) is None and d.state(new.client_id) is None


def test_no_answer_at_all_ends_in_questions():
    d = driver(replaceable=True)
    bid, _ = d.quoting()
    new = of(CancelReplace, moved(d))[0].place
    asked = {query.client_id for query in of(QueryOrder, d.ticks(6))}
    assert {bid.client_id, new.client_id} <= asked


@pytest.mark.parametrize(
    ("why", "risk", "parameters"),
    [
        ("inventory", {}, {"maxInventory": "0.015"}),
        ("capital", {"capital": Decimal(60)}, {}),
        ("rate", {"max_order_rate": 2}, {}),
    ],
)
def test_no_limit_is_lent_out_twice(why, risk, parameters):
    """No room for the old and the new order together, or no order left this second: cancel first, place after its end."""
    config = trader_config(parameters=STILL | {"baseSize": "0.01"} | parameters, **risk)
    d = Driver(config, {"ETHUSDC": eth_rules(replaceable=True)})
    bid, ask = d.quoting()
    commands = moved(d)
    assert not of(CancelReplace, commands), why
    assert {cancel.client_id for cancel in of(Cancel, commands)} == {bid.client_id, ask.client_id}
    commands = d.canceled(bid) + d.ticks(1.5)
    assert side_of(of(Place, commands), Side.BUY), "and the new one follows"


def test_a_halt_of_the_same_event_turns_the_replacement_into_its_cancel():
    d = driver(replaceable=True)
    bid, ask = d.quoting()
    kernel = d.kernel
    real = kernel._quoter.look

    def look_and_halt(desk, ts):
        real(desk, ts)
        kernel._halting.halt("Test", "in the same event", ts)

    kernel._quoter.look = look_and_halt  # type: ignore[method-assign]
    commands = moved(d)
    assert not of(CancelReplace, commands) and not of(Place, commands)
    assert [cancel.client_id for cancel in of(Cancel, commands)] == [bid.client_id, ask.client_id]
    assert [type(command) for command in commands[:2]] == [Cancel, Cancel], "cancels leave first"
    assert {record.client_id for record in kernel.open_orders()} == {bid.client_id, ask.client_id}


def test_it_can_be_switched_off():
    d = driver(replaceable=True, amendable=True, engine={"requote_in_place": False})
    d.quoting()
    commands = moved(d)
    assert len(of(Cancel, commands)) == 2 and not of(CancelReplace, commands)


# --- amend --------------------------------------------------------------------------------------------------------------------------------


def large(**rules: bool) -> tuple[Driver, Place]:
    """A bid that is too large now: the position has grown towards its limit."""
    d = driver(config={"baseSize": "0.01", "maxInventory": "0.03"}, **rules)
    bid, _ = d.quoting()
    core = d.kernel._quoter._core
    core.desks["ETHUSDC"].max_inventory = 10**8 * 2 // 1000 * 10
    return d, bid


def shrunk(d: Driver, bid: Place, lots: int) -> list[Command]:
    """A look with a smaller wish."""
    desk = d.kernel._quoter._core.desks["ETHUSDC"]
    real = desk.strategy.quote

    class Smaller:
        def quote(self, view):
            desired = real(view)
            return type(desired)(
                bids=tuple(type(q)(q.price, lots) for q in desired.bids),
                asks=desired.asks,
                half_spread=desired.half_spread,
                spacing=desired.spacing,
                waiting=desired.waiting,
            )

    desk.strategy = Smaller()  # type: ignore[assignment]
    d.wait(300)
    return d.market("2500.00", "2500.01")


def test_an_order_that_is_too_large_shrinks_where_it_is():
    d, bid = large(amendable=True)
    commands = shrunk(d, bid, 60)
    (amend,) = of(Amend, commands)
    assert (amend.client_id, amend.size) == (bid.client_id, 60) and not of(Cancel, commands)
    core = d.kernel._quoter._core
    order = core.table.get("ETHUSDC", bid.client_id)
    assert order.unbooked == bid.size, "the old size counts until the venue has confirmed the new one"
    assert not of(Amend, shrunk(d, bid, 40)), "one change at a time"
    d.feed(ev.OrderAmended(ts=d.ts, order=resized(d, bid, 60)))
    assert order.unbooked == 60 and d.state(bid.client_id) == "NEW"
    last = [c.record for c in of(OrderChanged, d.log) if c.record.client_id == bid.client_id][-1]
    assert last.quantity == d.rules["ETHUSDC"].quantity(60)
    assert d.kernel.status().halts == () and d.evidence().order_anomalies == 0


def resized(
    d: Driver, order: Place, size: int, price: int | None = None, status: str = "NEW"
) -> ev.OrderView:
    view = d.view(order, status)
    return type(view)(
        **{name: getattr(view, name) for name in view.__struct_fields__}
        | {"size": size, "price": view.price if price is None else price}
    )


def test_what_is_filled_is_part_of_the_new_size():
    d, bid = large(amendable=True)
    d.fill(bid, 30)
    (amend,) = of(Amend, shrunk(d, bid, 40))
    assert amend.size == 70


def test_an_older_description_does_not_undo_an_amend():
    d, bid = large(amendable=True)
    before = d.view(bid, "NEW")
    shrunk(d, bid, 60)
    d.wait(5)
    d.feed(ev.ExecutionReport(ts=d.ts, order=resized(d, bid, 60), execution="REPLACED", trade=None))
    d.feed(ev.OrderFound(ts=d.ts, order=before))
    order = d.kernel._quoter._core.table.get("ETHUSDC", bid.client_id)
    assert order.size == 60 and d.evidence().order_anomalies == 0


def test_a_refused_amend_leaves_the_order_which_is_then_cancelled():
    d, bid = large(amendable=True)
    (amend,) = of(Amend, shrunk(d, bid, 60))
    commands = answer(
        d, ev.CommandRefused, amend, "amend", error=ErrorClass.REFUSED, code=-2038, message="no"
    )
    order = d.kernel._quoter._core.table.get("ETHUSDC", bid.client_id)
    assert order.size == bid.size and order.change is None
    assert [cancel.client_id for cancel in of(Cancel, commands)] == [bid.client_id]


def test_a_dropped_amend_is_tried_again():
    d, bid = large(amendable=True)
    (amend,) = of(Amend, shrunk(d, bid, 60))
    answer(d, ev.CommandDropped, amend, "amend", reason="no budget")
    d.wait(300)
    assert of(Amend, d.market("2500.00", "2500.01"))


@pytest.mark.parametrize("how", ["said", "silent"])
def test_an_amend_without_an_answer_is_asked_about_and_the_order_goes(how):
    d, bid = large(amendable=True)
    (amend,) = of(Amend, shrunk(d, bid, 60))
    commands = (
        answer(d, ev.CommandUnknown, amend, "amend", reason="socket lost") if how == "said" else d.ticks(6)
    )
    assert bid.client_id in {query.client_id for query in of(QueryOrder, commands)}
    assert bid.client_id in {cancel.client_id for cancel in of(Cancel, commands)}
    order = d.kernel._quoter._core.table.get("ETHUSDC", bid.client_id)
    assert order.unbooked == bid.size
    d.feed(ev.OrderFound(ts=d.ts, order=resized(d, bid, 60, status="CANCELED")))
    assert d.state(bid.client_id) is None and d.evidence().order_anomalies == 0


def test_no_more_amends_than_the_venue_allows():
    d = driver(config={"baseSize": "0.01"}, amendable=True)
    d.rules["ETHUSDC"] = eth_rules(amendable=True, max_amends=1)
    d = Driver(d.config, d.rules)
    bid, _ = d.quoting()
    shrunk(d, bid, 60)
    d.feed(ev.OrderAmended(ts=d.ts, order=resized(d, bid, 60)))
    commands = shrunk(d, bid, 40)
    assert not of(Amend, commands) and [c.client_id for c in of(Cancel, commands)] == [bid.client_id]


# --- modify -------------------------------------------------------------------------------------------------------------------------------


def test_a_quote_moves_under_the_same_id_and_the_worst_of_both_counts():
    d = driver(modifiable=True)
    bid, ask = d.quoting()
    commands = moved(d)
    modified = of(Modify, commands)
    assert [each.client_id for each in modified] == [bid.client_id, ask.client_id]
    assert not of(Cancel, commands) and not of(Place, commands)
    order = d.kernel._quoter._core.table.get("ETHUSDC", bid.client_id)
    assert order.risk_price == max(bid.price, modified[0].price)
    journaled = [
        i for i, c in enumerate(commands) if type(c) is OrderChanged and c.record.client_id == bid.client_id
    ]
    assert journaled and journaled[0] < commands.index(modified[0])
    d.feed(ev.OrderAmended(ts=d.ts, order=resized(d, bid, modified[0].size, modified[0].price)))
    assert order.price == order.risk_price == modified[0].price and d.state(bid.client_id) == "NEW"
    assert d.evidence().order_anomalies == 0


def test_a_modify_that_would_have_taken_ends_the_order():
    d = driver(modifiable=True)
    bid, _ = d.quoting()
    moved(d)
    commands = d.feed(ev.OrderAmended(ts=d.ts, order=d.view(bid, "CANCELED")))
    assert d.state(bid.client_id) is None
    assert side_of(of(Place, commands), Side.BUY)


def test_a_modify_without_an_answer_is_cancelled():
    d = driver(modifiable=True)
    bid, _ = d.quoting()
    modify = of(Modify, moved(d))[0]
    commands = answer(d, ev.CommandUnknown, modify, "amend", reason="socket lost")
    assert [cancel.client_id for cancel in of(Cancel, commands)] == [bid.client_id]


def test_a_modify_counts_against_the_order_rate():
    config = trader_config(parameters=STILL, max_order_rate=3)
    d = Driver(config, {"ETHUSDC": eth_rules(modifiable=True)})
    d.quoting()
    commands = moved(d)
    assert len(of(Modify, commands)) == 1 and len(of(Cancel, commands)) == 1


def test_orders_that_may_only_reduce_say_so_to_a_venue_that_keeps_it():
    d = driver(reducible=True, modifiable=True)
    bid, ask = d.quoting()
    d.fill(bid)
    core = d.kernel._quoter._core
    core.risk.set("Test", RiskLevel.REDUCE_ONLY)
    commands = moved(d)
    assert not of(Modify, commands), "the flag is for an order's life: it is cancelled and placed anew"
    assert ask.client_id in {cancel.client_id for cancel in of(Cancel, commands)}
    (place,) = of(Place, d.canceled(ask) + d.ticks(1))
    assert place.side is Side.SELL and place.reduce_only
