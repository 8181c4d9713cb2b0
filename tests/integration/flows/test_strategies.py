"""Every built-in strategy trades over a real socket against the simulator: it quotes both sides, and a fill moves its position."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from shellkit.desk import Desk, Side, desk
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
        bid = await d.quoted(Side.BUY)
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
