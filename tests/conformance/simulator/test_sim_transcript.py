"""Same seed, same client, virtual clock: the same bytes on every raw socket, in processes that share nothing."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest
from synthetic import synthetic_recording
from transcript import transcript

from mm_trader.venue.simulator.config import Product

HERE = Path(__file__).resolve().parent


async def told(market: str, product: str, hash_seed: str) -> dict[str, tuple[int, str]]:
    """Length and digest of what each connection heard, from a process of its own."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(HERE / "transcript.py"), market, product,
        env={**os.environ, "PYTHONHASHSEED": hash_seed}, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(100):
        out, _ = await process.communicate()
    assert process.returncode == 0
    lines = [line.split() for line in out.decode().splitlines()]
    return {name: (int(length), digest) for name, length, digest in lines}


@pytest.mark.parametrize("product", ["spot", "usdm"])
async def test_the_same_seed_gives_the_same_bytes_and_another_gives_others(product: str) -> None:
    one, two, other = await asyncio.gather(
        told("seeded:11", product, "1"), told("seeded:11", product, "2"), told("seeded:12", product, "1")
    )
    assert one == two
    assert min(length for length, _ in one.values()) > 3_000
    assert all(one[name][1] != other[name][1] for name in one)


EVENTS = {
    Product.SPOT: {
        "api": [
            "listStatus",
            "ALL_DONE",
            "PENDING_NEW",
            "STOP_LOSS_LIMIT",
            "TAKE_PROFIT",
            "three",
            "OTO",
            "OCO",
        ]
    },
    Product.USDM: {
        "private": [
            "ALGO_UPDATE",
            "TRIGGERING",
            "TRIGGERED",
            "FINISHED",
            "CANCELED",
            "TRAILING_STOP_MARKET",
            "QUEUE",
        ]
    },
}
"""What must be among the bytes, or these tests would say nothing of it."""


@pytest.mark.parametrize("product", EVENTS)
async def test_the_bytes_have_order_lists_stops_and_conditional_orders_in_them(product: Product) -> None:
    heard = await transcript("seeded:11", product)
    for name, words in EVENTS[product].items():
        assert [word for word in words if f'"{word}"'.encode() not in heard[name]] == []


@pytest.mark.parametrize("with_takers", [False, True])
async def test_a_replay_gives_the_same_bytes(with_takers: bool, tmp_path: Path) -> None:
    file = synthetic_recording(tmp_path / "eth.jsonl.gz")
    other = synthetic_recording(tmp_path / "btc.jsonl.gz", seed=4)
    market = f"replay:{file}@ETHUSDC" + (",seeded:3" if with_takers else f",{other}@BTCUSDC")
    one, two = await asyncio.gather(told(market, "spot", "1"), told(market, "spot", "2"))
    assert one == two
