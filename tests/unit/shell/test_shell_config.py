"""Config files: whatever is wrong becomes one line that names file and field, and never a traceback."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from mm_api.trader_config import AdminConfig, RedisConfig
from mm_trader import cli
from mm_trader.shell.config import admin_token, load_config, redis_password
from mm_trader.shell.errors import ConfigError

PROFILES = Path(__file__).parents[3] / "configs" / "traders"
GOOD = yaml.safe_load((PROFILES / "simulator.yaml").read_text())


def written(directory: Path, text: str) -> Path:
    file = directory / "trader.yaml"
    file.write_text(text)
    return file


def changed(**changes: object) -> str:
    return yaml.safe_dump({**GOOD, **changes})


@pytest.mark.parametrize("profile", sorted(PROFILES.glob("*.yaml")), ids=lambda file: file.stem)
def test_every_profile_of_the_repository_is_good(profile: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["config-check", str(profile)]) == 0
    assert "ok" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("symbols: [", "not YAML"),
        ("- a\n- b\n", "mapping"),
        ("", "mapping"),
        (changed(symbol=["ETHUSDC"]), "symbol: no such field"),
        (changed(symbols=[]), "symbols"),
        (changed(symbols=["eth-usdc"]), "'eth-usdc'"),
        (changed(symbols=["ETHUSDC", "ETHUSDC"]), "named twice"),
        (changed(risk={}), "risk.capital: is missing"),
        (changed(risk={"capital": "-5"}), "risk.capital"),
        (changed(risk={"capital": 12.5}), "risk.capital"),
        (changed(risk={"capital": "10", "maxOrderRate": 0}), "risk.maxOrderRate"),
        (changed(engine={"orderTimeout": "5 apples"}), "engine.orderTimeout"),
        (changed(admin={"port": 99999}), "admin.port"),
        (changed(admin={"host": ""}), "admin.host"),
        (
            changed(risk={"capital": "10", "maxOrderRate": True}),
            "risk.maxOrderRate: write a whole number, such as 5, not True",
        ),
        (
            changed(lease={"managed": "no"}),
            "lease.managed: write true or false, not 'no'",
        ),
        (changed(engine={"orderTimeout": "999999999d999999999d"}), "engine.orderTimeout"),
        (changed(engine={"staleAfter": "1d"}), "engine.staleAfter: must be from 10ms to 60s"),
        (changed(epoch=10**30), "epoch"),
        (changed(symbols=["ETHUSDC\n"]), "symbols"),
        (changed(journalDir=""), "journalDir"),
        (changed(lease={"renewInterval": "0s"}), "lease.renewInterval: must be from 10ms to 1h"),
        (changed(redis={"url": "localhost"}), "redis.url: must begin with redis://"),
        (changed(redis={"url": "redis://h", "timeout": "0s"}), "redis.timeout: must be from 10ms to 1m"),
        (changed(venue={**GOOD["venue"], "recvWindow": "61s"}), "venue.recvWindow: must be from 10ms to 60s"),
        (changed(venue={**GOOD["venue"], "restUrl": "venue:9443"}), "venue.restUrl: 'venue:9443'"),
        (
            changed(venue={**GOOD["venue"], "restUrl": "https://api.binance.com"}),
            "venue.restUrl: https://api.binance.com is real money",
        ),
        (changed(lease={"ttl": "1s"}), "lease: ttl must be longer"),
        (changed(strategy={"name": "Guess"}), "strategy.name"),
        (changed(strategy={"parameters": {"baseSpread": "7"}}), "strategy.parameters.baseSpread"),
        (changed(strategy={"parameters": {"baseSprad": "0.1"}}), "strategy.parameters.baseSprad"),
        (
            changed(strategy={"symbolParameters": {"ETHUSDC": {"baseSize": "-1"}}}),
            "strategy.symbolParameters.ETHUSDC.baseSize: -1",
        ),
        (
            changed(strategy={"parameters": {"baseSpread": "0.001", "base_spread": "0.002"}}),
            "baseSpread: given twice",
        ),
        (
            changed(portfolio={"weights": {"ETHUSDC": "nan", "BTCUSDC": "0.3"}}),
            "portfolio.weights.ETHUSDC: 'nan'",
        ),
        (changed() + "risk: {capital: '10000'}\n", "risk: stands twice, in lines"),
        (changed(venue={**GOOD["venue"], "environment": "mainnet"}), "allowRealMoney"),
        (changed(venue={**GOOD["venue"], "environment": "moon"}), "venue.environment"),
    ],
)
def test_a_bad_file_is_one_line_that_names_file_and_field(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, names: str
) -> None:
    file = written(tmp_path, text)
    assert cli.main(["--config", str(file)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert str(file) in error
    assert names in error


def test_a_secret_in_an_address_is_refused_and_not_repeated(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = written(tmp_path, changed(redis={"url": "redis://:hunter2@h:6379/0"}))
    assert cli.main(["config-check", str(file)]) == 2
    said = capsys.readouterr()
    assert "redis.passwordFile" in said.err
    assert "hunter2" not in said.err + said.out


def test_a_missing_file_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--config", str(tmp_path / "none.yaml")]) == 2
    assert "no such file" in capsys.readouterr().err


def test_without_a_config_it_says_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([]) == 2
    assert "--config FILE is missing" in capsys.readouterr().err


def test_secrets_come_from_files_and_their_absence_names_the_field(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("pass-word\n")
    assert redis_password(RedisConfig(url="redis://h", password_file=str(file))) == "pass-word"
    with pytest.raises(ConfigError, match=r"redis\.passwordFile"):
        redis_password(RedisConfig(url="redis://h", password_file=str(tmp_path / "none")))
    file.write_text("\n")
    with pytest.raises(ConfigError, match=r"admin\.tokenFile.*empty"):
        admin_token(AdminConfig(token_file=str(file)))


def test_secrets_come_from_the_environment_where_no_file_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MM_REDIS_PASSWORD", "from-environment")
    monkeypatch.delenv("MM_ADMIN_TOKEN", raising=False)
    assert redis_password(RedisConfig(url="redis://h")) == "from-environment"
    assert admin_token(AdminConfig()) is None


def test_the_first_of_several_problems_is_told_and_the_rest_counted(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"\(and 1 more\)"):
        load_config(written(tmp_path, changed(symbols=[], risk={"capital": "0"})))
