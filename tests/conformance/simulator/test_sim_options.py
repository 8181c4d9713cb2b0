"""Command line and YAML file are the same options; the help is all that a stranger needs; markets may be both kinds."""

from __future__ import annotations

import argparse
import asyncio
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from simcert import self_signed
from simwire import KEY, SECRET, S, config, running
from synthetic import synthetic_recording

from mm_trader.venue.simulator import ConfigError
from mm_trader.venue.simulator.config import MarketKind, parse_market
from mm_trader.venue.simulator.faults import FAULTS
from mm_trader.venue.simulator.options import OPTIONS, add_options
from mm_trader.venue.simulator.settings import load_config

ROOT = Path(__file__).resolve().parents[3]

SAMPLES: dict[str, tuple[list[str], Any]] = {
    "port": (["9000"], 9000),
    "host": (["0.0.0.0"], "0.0.0.0"),
    "tls_cert": (["{tmp}/own.pem"], "{tmp}/own.pem"),
    "tls_key": (["{tmp}/own.pem"], "{tmp}/own.pem"),
    "account": (
        ["a:K:S:ETH=1,maker-commission=0.0002"],
        [{"name": "a", "key": "K", "secret": "S", "balances": {"ETH": "1"}, "maker-commission": "0.0002"}],
    ),
    "account_file": (["{tmp}/accounts"], "{tmp}/accounts"),
    "accounts_from_env": (["MM_TEST_SIM_"], "MM_TEST_SIM_"),
    "symbols": (["BTCUSDC"], ["BTCUSDC"]),
    "market": (["seeded:9:toxic"], ["seeded:9:toxic"]),
    "speed": (["2.5"], 2.5),
    "scenario": (
        [str(ROOT / "configs/scenarios/bad-day.yaml")],
        str(ROOT / "configs/scenarios/bad-day.yaml"),
    ),
    "maker_commission": (["0.0005"], "0.0005"),
    "taker_commission": (["0.0007"], "0.0007"),
    "stp": (["EXPIRE_BOTH"], "EXPIRE_BOTH"),
    "product": (["usdm"], "usdm"),
    "leverage": (["5"], 5),
    "funding_rate": (["0.0003"], "0.0003"),
    "funding_interval": (["60"], 60),
    "limits": (["orders-per-10s=7,ban-after=0"], {"orders-per-10s": 7, "ban-after": 0}),
    "ping_interval": (["5"], 5),
    "stop_orders": (["off"], False),
    "listen_keys": (["on"], True),
    "journal_size": (["100"], 100),
}


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser()
    add_options(made)
    return made


def test_every_option_of_the_command_line_is_one_of_the_file_and_the_other_way_round() -> None:
    dests = {a.dest for a in parser()._actions} - {"help", "config"}
    assert dests == set(OPTIONS) == set(SAMPLES)


@pytest.mark.parametrize("name", OPTIONS)
def test_an_option_means_the_same_on_the_command_line_and_in_the_file(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MM_TEST_SIM_1", "e:KE:SE:USDC=7")
    (tmp_path / "accounts").write_text("f:KF:SF:ETH=3\n")
    self_signed(tmp_path)
    words, value = SAMPLES[name]
    words = [w.format(tmp=tmp_path) for w in words]
    if isinstance(value, str):
        value = value.format(tmp=tmp_path)
    file = tmp_path / "sim.yaml"
    file.write_text(yaml.safe_dump({name.replace("_", "-"): value}))
    more = ["--account", "z:KZ:SZ:ETH=1"] if "commission" in name else []
    more += ["--tls-cert", str(tmp_path / "own.pem")] if name == "tls_key" else []
    told = load_config(vars(parser().parse_args([f"--{name.replace('_', '-')}", *words, *more])))
    written = load_config(vars(parser().parse_args(["--config", str(file), *more])))
    assert told == written
    assert told != load_config(vars(parser().parse_args(more)))


def test_the_help_names_every_option_every_fault_and_where_things_are(capsys: Any) -> None:
    with pytest.raises(SystemExit):
        parser().parse_args(["--help"])
    text = capsys.readouterr().out
    for name in OPTIONS:
        assert f"--{name.replace('_', '-')}" in text
    for needed in (
        *FAULTS,
        "/api/v3/",
        "/ws-api/v3",
        "/stream",
        "/admin/catalogue",
        "calm",
        "toxic",
        "replay:",
    ):
        assert needed in text, needed


async def test_the_yaml_of_the_help_is_a_configuration(tmp_path: Path, capsys: Any) -> None:
    with pytest.raises(SystemExit):
        parser().parse_args(["--help"])
    block = re.search(r"wins:\n((?:  .*\n)+)", capsys.readouterr().out)
    assert block is not None
    file = tmp_path / "help.yaml"
    file.write_text(block[1])
    settings, _ = load_config({"config": str(file)}, {})
    assert [a.name for a in settings.accounts] == ["demo"]
    assert settings.limits.orders_per_10s == 50


@pytest.mark.parametrize(
    ("text", "kind", "files"),
    [
        ("seeded:7:toxic", MarketKind.SEEDED, ()),
        ("replay:a.gz,b.gz@ETHUSDC", MarketKind.REPLAY, (("a.gz", None), ("b.gz", "ETHUSDC"))),
        ("replay:a.gz,b.gz,seeded:7", MarketKind.BOTH, (("a.gz", None), ("b.gz", None))),
        ("seeded:7,replay:a.gz", MarketKind.BOTH, (("a.gz", None),)),
    ],
)
def test_a_market_is_seeded_replayed_or_both(text: str, kind: MarketKind, files: Any) -> None:
    assert (parse_market(text).kind, parse_market(text).files) == (kind, files)


@pytest.mark.parametrize("text", ["", "seeded:1,seeded:2", "replay:", "a.gz", "seeded:1,a.gz", "weather:1"])
def test_a_market_that_is_neither_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="--market"):
        parse_market(text)


async def test_in_both_the_generators_takers_meet_the_recording_and_the_rest_is_generated(
    tmp_path: Path,
) -> None:
    file = synthetic_recording(tmp_path / "eth.jsonl.gz")
    prints: list[list[Any]] = []
    for market in (f"replay:{file}", f"replay:{file},seeded:7", f"replay:{file},seeded:7"):
        symbols = "ETHUSDC,BTCUSDC" if "seeded" in market else "ETHUSDC"
        async with running(config(market, symbols)) as wire:
            await wire.sim.advance(10 * S)
            prints.append([(t.price, t.qty) for t in wire.sim.publisher.last_trades["ETHUSDC"]])
            state = wire.sim.market.state()
            if "seeded" in market:
                assert state["takerTrades"]["ETHUSDC"] > 3
                assert (await wire.book("BTCUSDC"))["bidPrice"] != "0.00000000"
                for symbol in ("ETHUSDC", "BTCUSDC"):
                    before = wire.sim.market.fair_price(symbol)
                    wire.sim.admin.do("price", symbol=symbol, by_bp=-100)
                    assert wire.sim.market.fair_price(symbol) < before
                wire.sim.admin.do("reset")
                await wire.sim.advance(S)
                book = await wire.book()
                assert float(book["bidPrice"]) < float(book["askPrice"])
    assert prints[1] == prints[2]
    assert len(prints[1]) > len(prints[0]) + 3


async def test_a_scenario_whose_fields_are_wrong_ends_the_program_with_one_line(tmp_path: Path) -> None:
    file = tmp_path / "s.yaml"
    file.write_text("steps:\n- {at: 1, action: price, symbol: XRPUSDC, by_bp: 1}\n")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "mm_trader.venue.simulator", "--port", "0", "--scenario", str(file),
        "--account", f"a:{KEY}:{SECRET}:ETH=1", stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(60):
        _, errors = await process.communicate()
    assert process.returncode == 2
    assert errors.decode().startswith(
        "mm-trader simulate: --scenario: steps[0].action: symbol: must be one of"
    )
    assert errors.decode().count("\n") == 1
