"""Every built-in strategy trades over a real socket against the simulator: it quotes both sides, and a fill moves its position."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from shellkit.desk import SYMBOL, Desk, Side, desk
from shellkit.waiting import until

from flows.markets import markets

SIZES = {"orderSize": "0.02", "maxInventory": "0.1"}
STRATEGIES: dict[str, dict[str, str]] = {
    "BasicMarketMaking": {"baseSize": "0.02", "maxInventory": "0.1"},
    "AvellanedaStoikov": {**SIZES, "calibrate": "1"},
    "GLFT": {**SIZES, "calibrate": "1"},
    "GLFT2017": SIZES,
    "MultiLayerGrid": {"levels": "3", "totalSize": "0.06", "maxInventory": "0.1", "step": "0.0004"},
    "SignalSkew": {**SIZES, "microWeight": "0", "flowWeight": "1", "depthWeight": "1"},
}


def strategy(name: str) -> dict[str, Any]:
    return {"name": name, "parameters": STRATEGIES[name]}


@pytest.mark.parametrize("name", sorted(STRATEGIES))
async def test_a_strategy_quotes_both_sides_and_takes_a_fill(tmp_path: Path, name: str) -> None:
    async with desk(tmp_path, markets()[0], strategy=strategy(name)) as d:
        # one that waits for its signals quotes after half a minute
        bid = await d.quoted(Side.BUY, timeout_s=120)
        await d.quoted(Side.SELL)
        before = d.position()
        d.take(bid, bid.remaining)
        await until(lambda: d.position() > before, "the fill is in the position")
        await until(lambda: bool(d.open_at_venue(Side.SELL)), "the side that brings it back is quoted")


async def test_a_grid_rests_all_its_levels_at_the_venue(tmp_path: Path) -> None:
    async with desk(tmp_path, markets()[0], strategy=strategy("MultiLayerGrid")) as d:
        await until(lambda: _levels(d) == (3, 3), "three levels on each side")
        prices = sorted(order.price for order in d.open_at_venue(Side.BUY))
        assert len(set(prices)) == len(prices)


def _levels(d: Desk) -> tuple[int, int]:
    return len(d.open_at_venue(Side.BUY)), len(d.open_at_venue(Side.SELL))


async def test_a_symbol_that_loses_its_limit_stops_and_the_other_trades_until_a_person_lifts_it(
    tmp_path: Path,
) -> None:
    other = "BTCUSDC"
    parameters = {"baseSize": "0.02", "maxInventory": "0.1"}
    async with desk(
        tmp_path,
        markets()[0],
        symbols=[SYMBOL, other],
        strategy={
            "parameters": parameters,
            "symbolParameters": {other: {"baseSize": "0.001", "maxInventory": "0.005"}},
        },
        risk={"capital": "10000", "dailyLossLimit": "100", "symbolLossLimit": "0.2", "maxDrawdown": "0.5"},
    ) as d:
        await until(
            lambda: {order.symbol for order in d.open_at_venue()} == {SYMBOL, other}, "both are quoted"
        )
        bid = next(order for order in d.open_at_venue(Side.BUY) if order.symbol == SYMBOL)
        d.take(bid, bid.remaining)
        await until(lambda: d.position() > 0, "the fill is in the position")
        d.sim.market.move(SYMBOL, -120)
        halts = await until(lambda: d.app.halts.current, "the symbol is halted")
        assert [latch.symbol for latch in halts] == [SYMBOL]
        await until(
            lambda: {order.symbol for order in d.open_at_venue()} == {other}, "it alone has no orders"
        )
        await until(lambda: len(d.open_at_venue()) == 2, "the other quotes both sides")

        async def durable() -> bool:
            return [latch.id for latch in (await d.store.latches()).latches] == [halts[0].id]

        await until(durable, "the halt is durable")
        await d.store.lift(halts[0].id)
        d.app.halts.look()
        await until(lambda: {o.symbol for o in d.open_at_venue()} == {SYMBOL, other}, "it trades again")
