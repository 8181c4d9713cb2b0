"""The recorded USD-M day replayed by the futures profile: the book that clients build by `pu` stays the simulator's."""

from __future__ import annotations

import os
from decimal import Decimal
from pathlib import Path

import pytest
from simwire import S
from usdmwire import trading, usdm_config


async def test_a_recorded_futures_market_can_be_traded_and_has_no_gap() -> None:
    folder = os.environ.get("MM_DATA")
    if not folder:
        pytest.skip("no recordings here (MM_DATA)")
    file = Path(folder) / "binance-usdm-2024-08" / "ethusdt_20240808.jsonl.gz"
    async with trading(usdm_config(f"replay:{file}", symbols="ETHUSDT")) as wire:
        stream = await wire.socket("/public/stream?streams=ethusdt@depth@100ms/ethusdt@bookTicker")
        book = await wire.book("ETHUSDT")
        assert 2600 < Decimal(book["bidPrice"]) < Decimal(book["askPrice"]) < 2800
        await wire.sim.advance(3 * S)
        await stream.send({"method": "LIST_SUBSCRIPTIONS", "id": 1})
        previous, events = None, 0
        while "id" not in (message := await stream.json()):
            data = message["data"]
            if data["e"] == "depthUpdate":
                assert previous in (None, data["pu"])
                previous, events = data["u"], events + 1
        assert events > 10
