"""From a MarketMaker to the file its trader reads: every block arrives, secrets as mounted files, and nothing that is at its default."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import yaml
from operator_definitions import account, definition

from mm_api.kinds import MarketMakerSpec
from mm_api.trader_config import TraderConfig
from mm_operator.reconcile.revision import in_force
from mm_operator.resources import trader

CHANNELS = [
    {
        "name": "mail",
        "type": "Smtp",
        "host": "smtp",
        "sender": "mm@x",
        "recipients": ["desk@x"],
        "username": "mm",
        "secretRef": {"name": "mail-login", "key": "password"},
    },
    {"name": "chat", "type": "Webhook", "urlSecretRef": {"name": "chat", "key": "hook"}, "kinds": ["Halt"]},
    {"name": "am", "type": "Alertmanager", "url": "http://alertmanager:9093", "minSeverity": "info"},
]
EVERYTHING: dict[str, Any] = {
    "risk": {
        "priceBand": "0.01",
        "maxRejectStreak": 7,
        "maxFillRate": 100,
        "maxClockSkew": "500ms",
        "breaker": {"failures": 3, "openFor": "1s"},
        "guards": {"vpinCautious": "0.6", "markOutReduceBp": "0"},
        "flatten": {"enabled": True},
        "feeAssetRates": {"BNB": "600"},
    },
    "engine": {"requoteInterval": "100ms", "evidenceInterval": "500ms"},
    "alerts": {"throttle": "30s", "channels": CHANNELS},
    "deadMan": {"timeout": "8s"},
    "logging": {"level": "DEBUG"},
    "recording": {"segmentMib": 4, "keepSegments": 9},
}


def read_back(made: trader.TraderDefinition) -> TraderConfig:
    return TraderConfig.model_validate(yaml.safe_load(trader.config_map(made)["data"]["config.yaml"]))


def test_every_block_of_the_spec_is_in_the_file_the_trader_reads() -> None:
    config = read_back(definition(spec=EVERYTHING, priceBand="0.01", maxRejectStreak="7"))
    wire = config.to_wire()
    assert wire["risk"] | EVERYTHING["risk"] == wire["risk"] | {
        **EVERYTHING["risk"],
        **{name: EVERYTHING["risk"][name] for name in ("breaker", "guards", "flatten")},
    }
    assert wire["risk"]["breaker"] == {"failures": 3, "openFor": "1s", "longest": "30s"}
    assert (wire["risk"]["guards"]["vpinCautious"], wire["risk"]["guards"]["markOutReduceBp"]) == ("0.6", "0")
    assert wire["risk"]["flatten"]["enabled"] is True
    assert (config.engine.requote_interval, config.engine.evidence_interval) == (
        timedelta(milliseconds=100),
        timedelta(milliseconds=500),
    )
    assert config.dead_man is not None
    assert (config.dead_man.timeout, config.dead_man.heartbeat_file) == (
        timedelta(seconds=8),
        "/run/mm/heartbeat",
    )
    assert (config.logging.level, config.logging.format) == ("DEBUG", "json")
    assert (config.recording.directory, config.recording.segment_mib) == ("/var/lib/mm/recording", 4)


def test_the_channels_secrets_are_files_mounted_from_the_secrets_they_name() -> None:
    made = definition(spec=EVERYTHING)
    mail, chat, manager = read_back(made).alerts.channels
    assert (mail.secret_file, mail.url_file) == ("/etc/mm/alerts/mail/secret", None)
    assert (chat.url, chat.url_file) == (None, "/etc/mm/alerts/chat/url")
    assert (manager.url, manager.secret_file) == ("http://alertmanager:9093", None)
    pod = trader.stateful_set(made)["spec"]["template"]["spec"]
    volume = next(volume for volume in pod["volumes"] if volume["name"] == "alerts")
    assert volume["projected"]["sources"] == [
        {"secret": {"name": "mail-login", "items": [{"key": "password", "path": "mail/secret"}]}},
        {"secret": {"name": "chat", "items": [{"key": "hook", "path": "chat/url"}]}},
    ]
    mounts = {mount["name"]: mount for mount in pod["containers"][0]["volumeMounts"]}
    assert mounts["alerts"] == {"name": "alerts", "mountPath": "/etc/mm/alerts", "readOnly": True}
    dead_man = {mount["name"] for mount in pod["containers"][1]["volumeMounts"]}
    assert "alerts" not in dead_man, "it tells nobody anything"


def test_a_marketmaker_without_channels_mounts_nothing_for_them() -> None:
    pod = trader.stateful_set(definition())["spec"]["template"]["spec"]
    assert "alerts" not in {volume["name"] for volume in pod["volumes"]}


def test_what_is_at_its_default_is_not_written_so_an_older_image_meets_no_field_it_does_not_know() -> None:
    wire = yaml.safe_load(trader.config_map(definition())["data"]["config.yaml"])
    assert set(wire) == {
        *("schemaVersion", "name", "namespace", "identity", "revision", "scope", "epoch", "symbols"),
        *("venue", "risk", "lease", "redis", "journalDir", "admin", "deadMan"),
    } - set(_at_default(wire))
    assert set(wire["risk"]) == {"capital", "dailyLossLimit", "maxDrawdown", "maxOrderRate", "maxCancelRatio"}


def _at_default(wire: dict[str, Any]) -> list[str]:
    """A block all of whose values happen to be defaults may be left out as a whole."""
    return [name for name in ("lease",) if name not in wire]


def test_the_process_ends_in_order_below_whatever_memory_its_container_has() -> None:
    assert definition().config.process.memory_limit_mib == 240
    assert definition(memory_limit="1Gi").config.process.memory_limit_mib == 960
    spec = {"process": {"memoryLimitMib": 0}}
    assert definition(spec=spec, memory_limit="1Gi").config.process.memory_limit_mib == 0


def test_what_is_not_earned_is_taken_from_the_spec_as_it_is_now_and_the_rest_from_the_revision() -> None:
    stage = {"name": "s", "accountRef": {"name": "main"}, "symbols": ["ETHUSDC"], "capital": "100"}
    rollout = {"rollout": {"stages": [stage]}}
    began = MarketMakerSpec.model_validate(rollout)
    now = MarketMakerSpec.model_validate(
        rollout
        | EVERYTHING
        | {"engine": {"orderTimeout": "1s", "healthCheckInterval": "3s", "evidenceInterval": "2s"}}
    )
    found = in_force(began, now)
    assert (found.alerts, found.logging, found.recording) == (now.alerts, now.logging, now.recording)
    assert found.engine.health_check_interval == timedelta(seconds=3)
    assert found.engine.evidence_interval == timedelta(seconds=2)
    assert found.engine.order_timeout == timedelta(seconds=5), "earned"
    assert found.risk == began.risk, "earned"


def test_mainnet_stays_a_second_switch() -> None:
    assert definition(venue=account("mainnet", allowRealMoney=True)).config.venue.allow_real_money is True
