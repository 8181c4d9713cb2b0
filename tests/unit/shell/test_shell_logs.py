"""The log holds no secret, wherever in a field it stands; and an output that fails costs its own lines alone, never the trading."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from mm_api.trader_config import LoggingConfig
from mm_trader.shell.logs import MASK, Redactor, configure

SECRET = "s3cr3t-t0ken"


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    before = structlog.get_config()
    yield
    structlog.configure(**before)
    structlog.contextvars.clear_contextvars()


@pytest.mark.parametrize(
    "value",
    [
        f"GET /?t={SECRET} failed",
        [f"a {SECRET}", "b"],
        (f"{SECRET}",),
        {"deep": {"list": [{"text": f"x{SECRET}x"}]}},
        {SECRET: "as a key"},
        OSError(f"cannot reach {SECRET}"),
    ],
)
def test_a_registered_secret_is_masked_in_whatever_holds_it(value: object) -> None:
    redactor = Redactor()
    redactor.register(SECRET)
    event = redactor(None, "info", {"event": "x", "field": value, "number": 5, "token": ["x"]})
    said = json.dumps(event, default=str)
    assert SECRET not in said
    assert MASK in said
    assert (event["number"], event["token"]) == (5, MASK)


def test_a_short_secret_is_masked_as_a_word_and_ordinary_words_stay() -> None:
    redactor = Redactor()
    redactor.register("hunter2")
    event = redactor(None, "info", {"event": "login mm:hunter2 failed, hunter23 stays"})
    assert event["event"] == f"login mm:{MASK} failed, hunter23 stays"


@pytest.mark.parametrize("lose", ["rename", "unlink"])
def test_a_file_that_is_moved_away_is_begun_anew(tmp_path: Path, lose: str) -> None:
    file = tmp_path / "all.jsonl"
    configure(LoggingConfig(file=str(file)), io.StringIO())
    log = structlog.get_logger("test")
    log.info("one")
    if lose == "rename":
        file.rename(tmp_path / "all.jsonl.1")
    else:
        file.unlink()
    log.info("two")
    log.info("three")
    assert [json.loads(line)["event"] for line in file.read_text().splitlines()] == ["two", "three"]
    if lose == "rename":
        assert "one" in (tmp_path / "all.jsonl.1").read_text()


class Full(io.StringIO):
    """A file on a full disk, until there is room again."""

    full = True

    def write(self, text: str) -> int:
        if self.full:
            raise OSError(28, "No space left on device")
        return super().write(text)


def test_an_output_that_fails_is_said_in_the_others_once_and_stops_nothing() -> None:
    stdout = io.StringIO()
    configure(LoggingConfig(file="/dev/full", error_file="/dev/full"), stdout)
    log = structlog.get_logger("test")
    for number in range(3):
        log.error("something", number=number)
    lines = [json.loads(line) for line in stdout.getvalue().splitlines()]
    assert [line["number"] for line in lines if line["event"] == "something"] == [0, 1, 2]
    failed = [line for line in lines if line["event"] == "log_output_failed"]
    assert [line["output"] for line in failed] == ["/dev/full", "/dev/full"]
    assert "No space left" in failed[0]["reason"]
    assert failed[0]["level"] == "error"


def test_a_standard_output_that_is_gone_stops_nothing_and_is_said_in_the_file(tmp_path: Path) -> None:
    stdout, file = Full(), tmp_path / "all.jsonl"
    configure(LoggingConfig(file=str(file)), stdout)
    log = structlog.get_logger("test")
    log.info("one")
    stdout.full = False
    log.info("two")
    events = [json.loads(line) for line in file.read_text().splitlines()]
    assert [line["event"] for line in events] == ["one", "log_output_failed", "two", "log_output_back"]
    assert events[-1]["lost"] == 1
    assert "two" in stdout.getvalue()
