"""Quotes that move, on a real socket: cancel and new order in one request, amends in place, and the venue never holds two orders for one intent."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from shellkit.desk import SYMBOL, Side, desk
from shellkit.waiting import until

WIDE = {"parameters": {"baseSpread": "0.0005", "baseSize": "0.02", "maxInventory": "0.2"}}


async def test_quotes_move_in_one_request_and_the_venue_never_holds_two_for_one_intent(tmp_path: Path):
    async with desk(tmp_path, strategy=WIDE, engine={"requoteTolerance": "0.02"}) as d:
        commands = d.app.dispatcher.commands
        await d.quoted()
        await until(lambda: commands.get("CancelReplace", 0) >= 10, "ten moves", 60)
        d.take(await d.quoted(Side.BUY), 100)
        await until(lambda: d.position() != 0, "the fill is booked", 10)
        live: dict[str, str] = {}
        for entry in d.journal():
            if "status" not in entry:
                continue
            if entry["status"] in ("NEW", "PARTIALLY_FILLED"):
                live[entry["clientOrderId"]] = entry["side"]
            else:
                live.pop(entry["clientOrderId"], None)
            assert max(Counter(live.values()).values(), default=0) <= 1
        status = d.app.kernel_status()
        assert status is not None and status.halts == () and status.unknown_orders == 0

        def agree() -> bool:
            ours = {record.client_id for record in d.app.dispatcher.kernel.open_orders()}
            return ours == {order.client_id for order in d.open_at_venue()}

        await until(agree, "both sides hold the same orders", 30)


async def test_an_order_that_became_too_large_keeps_its_place(tmp_path: Path):
    async with desk(tmp_path, strategy=WIDE) as d:
        order = await d.quoted(Side.SELL)
        core = d.app.dispatcher.kernel._core
        strategy = core.desks[SYMBOL].strategy
        half = order.qty // 2

        class Smaller:
            """The same prices, half the size."""

            def quote(self, view):
                desired = strategy.quote(view)
                smaller = [
                    tuple(type(quote)(quote.price, half) for quote in side)
                    for side in (desired.bids, desired.asks)
                ]
                return type(desired)(
                    bids=smaller[0],
                    asks=smaller[1],
                    half_spread=1e9,  # whatever the price does, it is good enough
                    spacing=0.0,
                    waiting=desired.waiting,
                )

        core.desks[SYMBOL].strategy = Smaller()
        client_id = order.client_id
        await until(lambda: order.qty == half or order.is_final, "it is amended", 20)
        assert order.qty == half and order.client_id == client_id
        record = next(r for r in d.app.dispatcher.kernel.open_orders() if r.client_id == client_id)
        await until(lambda: record.state == "NEW", "and stays open", 5)
