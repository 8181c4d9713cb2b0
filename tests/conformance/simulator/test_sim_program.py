"""The simulator as a program: options from every source, one-line errors, a clean end on SIGTERM."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from pathlib import Path

import aiohttp
import pytest

from mm_trader.venue.simulator import ConfigError
from mm_trader.venue.simulator.config import MarketKind
from mm_trader.venue.simulator.market.preset import builtin_presets, load_preset
from mm_trader.venue.simulator.settings import load_config

ROOT = Path(__file__).resolve().parents[3]


def test_options_come_from_file_environment_and_command_line_which_wins(tmp_path: Path) -> None:
    (tmp_path / "accounts").write_text("# the demo's\nb:KB:SB:ETH=1\n")
    (tmp_path / "sim.yaml").write_text(
        f"""
port: 1234
speed: 2
symbols: [ETHUSDC]
market: seeded:9:toxic
account-file: {tmp_path}/accounts
accounts-from-env: MM_SIM_
accounts:
- {{name: c, key: KC, secret: SC, balances: {{USDC: '12.5'}}, maker-commission: '-0.0001'}}
limits: {{orders-per-10s: 7}}
"""
    )
    config, steps = load_config(
        {"config": str(tmp_path / "sim.yaml"), "port": 5678, "account": ["a:KA:SA:ETH=10,USDC=5"]},
        {"MM_SIM_1": "d:KD:SD:ETH=2", "OTHER": "x"},
    )
    assert [a.name for a in config.accounts] == ["a", "c", "b", "d"]
    assert (config.port, config.speed, [s.name for s in config.symbols]) == (5678, 2.0, ["ETHUSDC"])
    assert (config.market.kind, config.market.seed, config.market.preset) == (MarketKind.SEEDED, "9", "toxic")
    assert (config.accounts[1].balances, str(config.accounts[1].maker_commission)) == (
        {"USDC": 1_250_000_000},
        "-0.0001",
    )
    assert config.limits.orders_per_10s == 7
    assert steps == []


def test_replay_files_may_name_the_symbol_they_appear_as() -> None:
    config, _ = load_config({"market": ["replay:a.jsonl.gz@ETHUSDC", "b.jsonl.gz"]}, {})
    assert config.market.files == (("a.jsonl.gz", "ETHUSDC"), ("b.jsonl.gz", None))


WRONG = [
    ({"market": ["weather:1"]}, "--market"),
    ({"account": ["x"]}, "--account x"),
    ({"account": ["x:K:S:ETH"]}, "--account x"),
    ({"account": ["x:K!:S:ETH=1"]}, "--account x"),
    ({"account": ["x:K:S:ETH=1", "x:L:S:ETH=1"]}, "--account"),
    ({"account": ["x:K:ed25519=zz:ETH=1"]}, "--account x"),
    ({"symbols": "ETHXYZ"}, "--symbols ETHXYZ"),
    ({"speed": 0.0}, "--speed"),
    ({"port": 99_999}, "--port"),
    ({"stp": "MAYBE"}, "--stp"),
    ({"maker_commission": "lots"}, "--maker-commission"),
    ({"accounts_from_env": "NOPE_"}, "--accounts-from-env"),
    ({"account_file": ["/no/such"]}, "--account-file /no/such: No such file"),
    ({"limits": "orders=1"}, "--limits: unknown name 'orders'; known: ban-after"),
    ({"limits": {"ban-after": "x"}}, "--limits ban-after=x"),
    ({"limits": 5}, "--limits: must be"),
    ({"listen_keys": "maybe"}, "--listen-keys 'maybe': must be on or off"),
    ({"config": "/no/such"}, "--config"),
    ({"scenario": "/no/such"}, "--scenario"),
]


@pytest.mark.parametrize(("args", "option"), WRONG, ids=[o + str(i) for i, (_, o) in enumerate(WRONG)])
def test_a_wrong_option_is_one_line_that_names_it(args: dict[str, object], option: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(args, {})
    assert option in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_secret_is_never_in_an_error() -> None:
    with pytest.raises(ConfigError) as caught:
        load_config({"account": ["x:KEY:very-secret:ETH"]}, {})
    assert "very-secret" not in str(caught.value)


@pytest.mark.parametrize("name", builtin_presets())
def test_the_documented_presets_are_the_packages_own(name: str) -> None:
    assert load_preset(str(ROOT / "configs" / "markets" / f"{name}.yaml")) == load_preset(name)


@pytest.mark.parametrize(
    "path", sorted((ROOT / "configs" / "scenarios").glob("*.yaml")), ids=lambda p: p.stem
)
def test_every_shipped_scenario_loads(path: Path) -> None:
    _, steps = load_config({"scenario": str(path)}, {})
    assert steps


async def test_it_starts_says_where_it_listens_and_ends_at_once_on_sigterm() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "mm_trader.venue.simulator", "--port", "0", "--accounts-from-env", "MM_SIM_",
        env={**os.environ, "MM_SIM_A": "a:KA:SA:ETH=1"}, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stderr is not None
    async with asyncio.timeout(60):
        line = (await process.stdout.readline()).decode()
        port = re.search(r"http://127\.0\.0\.1:(\d+)", line)
        assert port, line
        async with aiohttp.ClientSession() as session:
            socket = await session.ws_connect(f"http://127.0.0.1:{port[1]}/ws/ethusdc@bookTicker")
            page = await session.get(f"http://127.0.0.1:{port[1]}/admin/live")
            assert (await page.content.readline()).startswith(b"data: {")
            process.send_signal(signal.SIGTERM)
            while await page.content.readany():  # its stream is ended, not cut in the middle of a snapshot
                continue
            assert await process.wait() == 0
            await socket.close()
    assert await process.stderr.read() == b""


async def test_a_wrong_option_exits_with_status_2_and_one_line() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "mm_trader.venue.simulator",
        "--market",
        "weather:1",
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(60):
        _, errors = await process.communicate()
    assert process.returncode == 2
    assert errors.decode().count("\n") == 1
    assert "Traceback" not in errors.decode()
