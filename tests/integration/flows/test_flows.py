"""Requirement R28: the five flows, each over a real socket against the simulator, on seeded and on recorded markets."""

from __future__ import annotations

import time
from decimal import Decimal
from pathlib import Path

import pytest
from shellkit.desk import SYMBOL, Desk, Order, Side, desk
from shellkit.processes import ACCOUNT, venue_positions
from shellkit.waiting import until

from flows.markets import markets
from mm_api.redis_contract import Latch, LedgerRecord

WIDE = {"parameters": {"baseSpread": "0.0005", "baseSize": "0.02", "maxInventory": "0.1"}}
LOT = Decimal("0.0001")
on_every_market = pytest.mark.parametrize("market", markets(), ids=lambda text: text.split(":")[0])


def stop() -> Latch:
    return Latch.model_validate(
        {"id": "pause", "level": "Halted", "source": "Pause", "reason": "Paused", "atMs": 1}
    )


def booked(d: Desk, order: Order) -> Decimal:
    """How much of an order the trader has booked."""
    fills = [fill for fill in d.app.dispatcher.recent_fills if fill.client_id == order.client_id]
    return sum((fill.quantity for fill in fills), Decimal(0))


async def everybody_agrees(d: Desk) -> None:
    """Trading is stopped, so that nothing moves; then venue, kernel, journal and store have the same position."""
    await d.store.set_latch(stop())
    await until(lambda: not d.open_at_venue(), "everything is cancelled")
    await until(lambda: d.app.dispatcher.kernel.is_flat(), "the trader knows that nothing is open")
    position, cash, _ids = venue_positions(d.journal())[SYMBOL]
    await until(lambda: d.position() == position, f"the kernel has the venue's position {position}")
    journaled = d.app.journal.state.ledger
    assert journaled is not None
    assert journaled.positions[SYMBOL].position == position
    assert journaled.positions[SYMBOL].cash == cash

    async def stored() -> bool:
        ledger: LedgerRecord | None = (await d.store.load("local")).ledger
        return ledger is not None and ledger.positions[SYMBOL].position == position

    await until(stored, "the store has the position")


@on_every_market
async def test_place_fill_inventory(tmp_path: Path, market: str) -> None:
    async with desk(tmp_path, market, strategy=WIDE) as d:
        bid = await d.quoted(Side.BUY)
        had = booked(d, bid)
        lots = bid.remaining
        d.take(bid, lots)
        bought = Decimal(lots) * LOT
        await until(lambda: booked(d, bid) == had + bought, "the fill is booked")
        fill = next(f for f in reversed(d.app.dispatcher.recent_fills) if f.client_id == bid.client_id)
        assert (fill.side, fill.maker) == ("BUY", True)
        assert fill.price == Decimal(bid.price) * Decimal("0.01")
        again = await d.quoted(Side.BUY)  # the trader goes on, and knows that this order is over
        assert again.client_id != bid.client_id
        assert bid.client_id not in {r.client_id for r in d.app.dispatcher.kernel.open_orders()}
        await everybody_agrees(d)


@on_every_market
async def test_partial_fill_then_cancel(tmp_path: Path, market: str) -> None:
    async with desk(tmp_path, market, strategy=WIDE) as d:
        ask = await d.quoted(Side.SELL)
        had = booked(d, ask)
        part = ask.remaining // 4
        d.take(ask, part)
        await until(lambda: booked(d, ask) >= had + Decimal(part) * LOT, "the part is booked")
        await everybody_agrees(d)
        last = [e for e in d.journal() if e.get("clientOrderId") == ask.client_id][-1]
        assert (last["kind"], last["status"]) == ("cancel", "CANCELED")
        assert Decimal(last["executed"]) == booked(d, ask)
        assert d.app.state().phase.value == "Halted"


@on_every_market
async def test_an_order_that_a_risk_check_refuses_never_reaches_the_venue(
    tmp_path: Path, market: str
) -> None:
    limits = {
        "capital": "10000",
        "priceBand": "0.0001",
    }  # the strategy quotes 2.5 bp away, the check allows 1
    async with desk(tmp_path, market, strategy=WIDE, risk=limits) as d:

        def refused() -> int:
            kernel = d.app.dispatcher.kernel
            return kernel.evidence(0).orders_refused_locally if kernel is not None else 0

        await until(refused, "an order is refused by a pre-trade check", 30)
        assert d.journal("place") == []
        assert d.app.dispatcher.kernel.evidence(0).orders_placed == 0
        assert d.app.halts.current == ()  # a refused check drops the order; it halts nothing


@on_every_market
async def test_a_place_without_an_answer_is_asked_about_and_never_repeated_blindly(
    tmp_path: Path, market: str
) -> None:
    quick = {"orderTimeout": "300ms"}
    async with desk(tmp_path, market, strategy=WIDE, engine=quick) as d:
        await d.quoted(Side.BUY)
        d.sim.admin.do("fault", fault="drop_after", call="place", count=1)  # executed, but nobody says so …
        d.sim.admin.do(
            "fault", fault="lose_user_event", account=ACCOUNT, count=1
        )  # … not even the user stream
        seen = len(d.journal("place"))
        for order in d.open_at_venue():
            d.take(order, order.remaining)

        def asked() -> int:
            return d.app.dispatcher.events.get("OrderFound", 0)

        await until(asked, "the venue was asked and knew the order", 30)
        await until(lambda: d.app.kernel_status().unknown_orders == 0, "nothing is unknown any more")
        await d.quoted(Side.BUY)
        await d.quoted(Side.SELL)
        placed = d.journal("place")[seen:]
        assert len({entry["clientOrderId"] for entry in placed}) == len(placed)
        assert len(d.open_at_venue(Side.BUY)) <= 1
        assert len(d.open_at_venue(Side.SELL)) <= 1
        await everybody_agrees(d)


@on_every_market
async def test_reconciliation_finds_what_the_user_stream_lost(tmp_path: Path, market: str) -> None:
    async with desk(tmp_path, market, strategy=WIDE) as d:
        bid = await d.quoted(Side.BUY)
        had, lots = booked(d, bid), bid.remaining
        d.sim.admin.do("fault", fault="lose_user_event", account=ACCOUNT, count=50)
        d.take(bid, lots)
        bought = Decimal(lots) * LOT
        began = time.monotonic()
        d.app.request_reconcile(None, "command")
        await until(lambda: booked(d, bid) >= had + bought, "the lost fill is booked")
        assert time.monotonic() - began < 5  # the figure is 1 s; other tests run beside this one
        d.sim.admin.do("clear")
        assert d.app.dispatcher.kernel.evidence(0).reconcile_repairs >= 1
        await everybody_agrees(d)
        assert booked(d, bid) == had + bought  # once, and not again
