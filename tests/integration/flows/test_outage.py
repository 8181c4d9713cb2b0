"""hummingbot#8457 on a whole trader: a network that is gone while six orders rest, of which nobody has heard, and that are filled meanwhile."""

from __future__ import annotations

from pathlib import Path

from shellkit.desk import SYMBOL, Desk, desk
from shellkit.processes import ACCOUNT, venue_positions
from shellkit.waiting import until

from flows.test_flows import everybody_agrees
from flows.test_strategies import strategy

ORDERS = 6


def open_here(d: Desk) -> set[str]:
    """What the trader takes for open, or does not know to be over."""
    return {record.client_id for record in d.app.dispatcher.kernel.open_orders()}


async def test_orders_that_were_accepted_before_an_outage_and_filled_in_it_are_ours(tmp_path: Path) -> None:
    async with desk(tmp_path, strategy=strategy("MultiLayerGrid"), engine={"orderTimeout": "300ms"}) as d:
        d.sim.admin.do("fault", fault="drop_after", call="place", count=ORDERS)
        d.sim.admin.do("fault", fault="lose_user_event", account=ACCOUNT, count=ORDERS)
        await until(lambda: len(d.open_at_venue()) == ORDERS, "six orders rest at the venue", 60)
        accepted = d.open_at_venue()
        d.sim.admin.do("fault", fault="status_before", call="any", status=503, count=100_000)
        d.sim.admin.do("cut", what="all", block_s=3600)
        for order in accepted:
            d.take(order, order.remaining)
        assert d.open_at_venue() == []
        failed = d.app.dispatcher.events.get("QueryFailed", 0)
        await until(
            lambda: d.app.dispatcher.events.get("QueryFailed", 0) >= failed + 2 * ORDERS,
            "they were asked about again and again, in vain",
            60,
        )
        assert open_here(d) == {order.client_id for order in accepted}, "none is given up, and none is new"
        d.sim.admin.do("clear")
        d.sim.accept_again()
        await until(
            lambda: not open_here(d) & {order.client_id for order in accepted}, "all are accounted for", 60
        )
        _, _, traded = venue_positions(d.journal())[SYMBOL]
        booked = [fill.trade_id for fill in d.app.dispatcher.recent_fills]
        assert len(traded) >= ORDERS
        assert traded <= set(booked)
        assert len(set(booked)) == len(booked)
        placed = [entry["clientOrderId"] for entry in d.journal("place")]
        assert len(set(placed)) == len(placed)
        await everybody_agrees(d)
