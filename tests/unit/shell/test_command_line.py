"""`mm-trader` as a person types it: what each command says when it cannot begin, and what it lists."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from mm_trader.cli import main

GOOD = {
    "symbols": ["ETHUSDC"],
    "venue": {
        "environment": "simulator",
        "restUrl": "http://127.0.0.1:1",
        "wsApiUrl": "ws://127.0.0.1:1/ws-api/v3",
        "streamUrl": "ws://127.0.0.1:1",
    },
    "risk": {"capital": "1000"},
}


def config(directory: Path, **changes: object) -> str:
    file = directory / "trader.yaml"
    file.write_text(yaml.safe_dump({**GOOD, **changes}))
    return str(file)


def test_strategies_are_listed_with_their_parameters(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["strategies"]) == 0
    listed = capsys.readouterr().out
    assert all(
        name in listed for name in ("BasicMarketMaking", "AvellanedaStoikov", "GLFT", "MultiLayerGrid")
    )
    assert main(["strategies", "GLFT"]) == 0
    alone = capsys.readouterr().out
    assert "MultiLayerGrid" not in alone
    assert "legal range" in alone


def test_a_strategy_nobody_has_is_named_with_the_ones_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["strategies", "Nobody"]) == 2
    assert "'Nobody' is not known; known are AvellanedaStoikov" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["-5", "0", "nan", "inf", "soon"])
@pytest.mark.parametrize(
    "words", [["demo"], ["record", "--symbols", "ETHUSDC", "--out", "nowhere"]], ids=lambda words: words[0]
)
def test_a_length_of_time_that_is_none_is_refused_before_anything_starts(
    words: list[str], text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*words, f"--seconds={text}"])
    assert ended.value.code == 2
    assert f"a number of seconds above 0, not '{text}'" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ["--config"],
        ["run", "--config"],
        ["--holder", "pod", "--config"],
        ["config-check"],
        ["dead-man", "--config"],
    ],
    ids=" ".join,
)
def test_a_config_that_is_not_there_is_one_line_and_status_2(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words, "nowhere.yaml"]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "nowhere.yaml" in said


def test_a_config_without_a_dead_man_has_nothing_to_watch(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["dead-man", "--config", config(tmp_path)]) == 2
    assert "deadMan: is missing" in capsys.readouterr().err


def test_a_good_config_is_told_what_it_would_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config-check", config(tmp_path)]) == 0
    assert "ETHUSDC" in capsys.readouterr().out


def test_without_a_config_the_usage_and_the_demo_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "mm-trader demo" in capsys.readouterr().err


def test_a_wrong_option_of_the_simulator_is_one_line_and_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "--symbols", "NOPE"]) == 2
    assert "--symbols NOPE" in capsys.readouterr().err
