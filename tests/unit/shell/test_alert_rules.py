"""Who is told of what, and how often; and which channels are refused before anything starts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from alert_doubles import S, alert, channel, config
from pydantic import ValidationError

from mm_api.trader_config import AlertChannel, AlertsConfig
from mm_trader.core.clock import ManualClock
from mm_trader.shell.alerts.build import build_outlets
from mm_trader.shell.alerts.route import Throttle, wanted
from mm_trader.shell.errors import ConfigError
from mm_trader.shell.logs import redactor


@pytest.mark.parametrize(
    ("rule", "fields", "goes"),
    [
        ({}, {"severity": "warning"}, True),
        ({}, {"severity": "info"}, False),
        ({"minSeverity": "critical"}, {"severity": "warning"}, False),
        ({"minSeverity": "info"}, {"severity": "info"}, True),
        ({"kinds": ["Halt"]}, {}, True),
        ({"kinds": ["Halt"]}, {"kind": "Warning"}, False),
    ],
)
def test_a_channel_gets_its_kinds_from_its_severity_on(
    rule: dict[str, Any], fields: dict[str, Any], goes: bool
) -> None:
    assert wanted(channel(**rule), alert(**fields)) is goes


def test_repeats_within_the_window_become_one_with_their_number_and_another_halt_is_another_alert() -> None:
    throttle = Throttle(60 * S)
    assert throttle.take(alert(), 0) == [alert()]
    assert throttle.take(alert(), 1 * S) == []
    assert throttle.take(alert(message="loss is 22"), 2 * S) == []
    assert throttle.take(alert(halt_id="risk-dailylosslimit-2"), 2 * S) != []
    assert throttle.due(59 * S) == []
    held = throttle.due(60 * S)
    assert [record.message for record in held] == ["loss is 22 (2 like this meanwhile; the last is shown)"]
    assert throttle.due(61 * S) == []
    assert throttle.take(alert(), 100 * S) == []
    assert len(throttle.take(alert(), 121 * S)) == 2
    assert throttle.held == 3


def test_the_throttle_remembers_a_bounded_number_of_kinds() -> None:
    throttle = Throttle(60 * S)
    for number in range(10_000):
        throttle.take(alert(halt_id=str(number)), number)
    assert len(throttle._last) == 512


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"type": "Smtp"}, "needs host"),
        ({"type": "Webhook"}, "needs url"),
        ({"type": "Alertmanager", "url": "alertmanager:9093"}, "begins with http"),
        (
            {"type": "Smtp", "host": "h", "sender": "a", "recipients": ["b"], "username": "u"},
            "needs secretFile",
        ),
        (
            {
                "type": "Smtp",
                "host": "h",
                "sender": "a",
                "recipients": ["b"],
                "username": "u",
                "secretFile": "f",
                "security": "none",
            },
            "in the clear",
        ),
        ({"type": "Pigeon"}, "type"),
        ({"type": "Console", "kinds": ["Halts"]}, "kinds"),
    ],
)
def test_a_channel_that_cannot_work_is_refused_at_the_start(fields: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        AlertChannel.model_validate({"name": "c", **fields})


def test_two_channels_of_one_name_are_refused_and_a_secret_that_cannot_be_read_is_named(
    tmp_path: Path,
) -> None:
    with pytest.raises(ValidationError, match="same name"):
        AlertsConfig(channels=[channel(), channel()])
    lost = {"name": "hook", "type": "Webhook", "url": "http://x", "secretFile": str(tmp_path / "none")}
    with pytest.raises(ConfigError, match=r"alerts\.channels\.hook\.secretFile"):
        build_outlets(config(lost), ManualClock(), lambda: ())


def test_a_url_that_is_a_secret_is_read_from_its_file_and_never_logged(tmp_path: Path) -> None:
    file = tmp_path / "url"
    file.write_text("https://chat.example.org/hook/T0K3N\n")
    made = build_outlets(
        config({"name": "chat", "type": "Webhook", "urlFile": str(file)}), ManualClock(), lambda: ()
    )
    assert [outlet.name for outlet in made] == ["chat"]
    said = redactor(None, "info", {"event": "posting to https://chat.example.org/hook/T0K3N failed"})
    assert "T0K3N" not in str(said)
    file.unlink()
    with pytest.raises(ConfigError, match=r"alerts\.channels\.chat\.urlFile"):
        build_outlets(
            config({"name": "chat", "type": "Webhook", "urlFile": str(file)}), ManualClock(), lambda: ()
        )
