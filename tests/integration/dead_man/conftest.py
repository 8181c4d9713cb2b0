"""Fixtures: a venue, and a trader with its dead man, each a process of its own."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from shellkit.processes import (
    API_KEY,
    BALANCES,
    SECRET,
    Program,
    Trader,
    Venue,
    on_futures,
    trader_config,
)

TIMEOUT_S = 2


@pytest.fixture
def product() -> str:
    """Spot, unless a module says otherwise."""
    return "spot"


@pytest.fixture
async def venue(tmp_path: Path, product: str) -> AsyncIterator[Venue]:
    running = Venue(tmp_path, product=product, balances=BALANCES if product == "spot" else "USDC=50000")
    await running.start()
    yield running
    await running.kill()


@pytest.fixture
async def trader(tmp_path: Path, venue: Venue, product: str) -> AsyncIterator[Trader]:
    watched = {"heartbeatFile": str(tmp_path / "heartbeat"), "timeout": f"{TIMEOUT_S}s"}
    config = trader_config(tmp_path, venue.url, None, deadMan=watched)
    program = Trader(tmp_path, config if product == "spot" else on_futures(config))
    await program.start()
    yield program
    await program.kill()


@pytest.fixture
async def dead_man(tmp_path: Path, trader: Trader) -> AsyncIterator[Program]:
    words = [sys.executable, "-m", "mm_trader.cli", "dead-man", "--config", str(tmp_path / "trader.yaml")]
    program = Program(words, tmp_path / "dead-man.log", {"MM_API_KEY": API_KEY, "MM_SECRET_KEY": SECRET})
    await program.launch()
    yield program
    await program.kill()
    assert program.text(), "it has said something"
    for canary in (API_KEY, SECRET, "signature="):
        assert canary not in program.text()
