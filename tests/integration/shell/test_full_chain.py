"""`mm-trader check` as a person runs it: ticked, with an exit status, and never at mainnet without the switch."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import pytest
import yaml
from shellkit.processes import trader_config

from mm_trader.cli import main
from mm_trader.shell.check.items import ITEMS


@pytest.mark.timeout(400)
async def test_the_list_passes_against_the_embedded_simulator(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "mm_trader.cli", "check", "--json", "--keep", str(tmp_path)]
    process = await asyncio.create_subprocess_exec(
        *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await process.communicate()
    results = [json.loads(line) for line in out.splitlines()]
    # figures are judged on a quiet machine, not beside other tests
    wrong = [r for r in results if r["verdict"] != "passed" and r["section"] != "performance"]
    assert not wrong, (wrong, err[-2000:])
    assert [r["title"] for r in results] == [item.title for item in ITEMS]
    assert (process.returncode == 0) == all(r["verdict"] == "passed" for r in results)
    text = "".join(path.read_text(errors="replace") for path in tmp_path.glob("*.out"))
    assert "Traceback" not in text


def test_mainnet_is_refused_without_the_switch(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = trader_config(tmp_path, "http://127.0.0.1:1", None)
    config["venue"] |= {"environment": "mainnet", "allowRealMoney": True}
    file = tmp_path / "mainnet.yaml"
    file.write_text(yaml.safe_dump(config))
    assert main(["check", "--config", str(file)]) == 2
    assert "--real-money" in capsys.readouterr().err


def test_a_venue_that_does_not_answer_fails_the_first_item_and_ends(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mm_trader.shell.check.starting.START_S", 3.0)
    file = tmp_path / "trader.yaml"
    file.write_text(yaml.safe_dump(trader_config(tmp_path, "http://127.0.0.1:1", None)))
    assert main(["check", "--config", str(file)]) == 1
    out = capsys.readouterr().out
    assert "[!] the trader starts and quotes: FAILED" in out
    assert "0 passed, 1 failed" in out
