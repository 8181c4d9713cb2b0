"""Fixtures: a venue, and a trader with its dead man, each a process of its own."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from shellkit.processes import API_KEY, SECRET, Program, Trader, Venue, trader_config

TIMEOUT_S = 2


@pytest.fixture
async def venue(tmp_path: Path) -> AsyncIterator[Venue]:
    running = Venue(tmp_path)
    await running.start()
    yield running
    await running.kill()


@pytest.fixture
async def trader(tmp_path: Path, venue: Venue) -> AsyncIterator[Trader]:
    watched = {"heartbeatFile": str(tmp_path / "heartbeat"), "timeout": f"{TIMEOUT_S}s"}
    program = Trader(tmp_path, trader_config(tmp_path, venue.url, None, deadMan=watched))
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
