"""What a trader's config has, a MarketMaker has: the same models, legal ranges that are named, secrets by reference alone."""

from __future__ import annotations

from typing import Any

import pytest
from api_server import refusals
from pydantic import ValidationError
from test_market_maker import STAGE

from mm_api.alerts_config import AlertsConfig, AlertsSpec
from mm_api.engine_config import EngineSpec
from mm_api.kinds import MarketMaker, MarketMakerSpec
from mm_api.process_config import DeadManSpec, LoggingSpec, RecordingSpec
from mm_api.reload_rules import leaves
from mm_api.risk_config import RiskSpec
from mm_api.scalars import parse_quantity
from mm_api.trader_config import DeadManConfig, LoggingConfig, RecordingConfig, RiskConfig, TraderConfig

MADE_BY_THE_OPERATOR = (
    *("schemaVersion", "name", "namespace", "identity", "revision", "scope", "epoch", "journalDir"),
    *("venue.", "lease.", "redis.", "admin."),
    # of a stage, not of the whole
    *("symbols", "risk.capital", "risk.lossBudget"),
    # places in the pod
    *("deadMan.heartbeatFile", "logging.file", "logging.errorFile", "recording.directory"),
)
"""Everything else of a trader's config is a desk's to set."""


def test_whatever_a_desk_would_set_in_a_traders_config_it_can_set_in_its_marketmaker() -> None:
    settable = set(leaves(MarketMakerSpec))
    missing = [
        path
        for path in leaves(TraderConfig)
        if path not in settable and not path.startswith(MADE_BY_THE_OPERATOR)
    ]
    assert missing == []


@pytest.mark.parametrize(
    ("spec", "config"),
    [
        (RiskSpec, RiskConfig),
        (EngineSpec, TraderConfig.model_fields["engine"].annotation),
        (DeadManSpec, DeadManConfig),
        (LoggingSpec, LoggingConfig),
        (RecordingSpec, RecordingConfig),
    ],
)
def test_a_block_is_one_model_on_both_sides(spec: type[Any], config: type[Any]) -> None:
    assert issubclass(config, spec)
    assert all(
        config.model_fields[name].default == field.default for name, field in spec.model_fields.items()
    )


@pytest.mark.parametrize(
    ("model", "wire", "says"),
    [
        (RiskSpec, {"maxClockSkew": "2h"}, "maxClockSkew.*must be from 10ms to 1h"),
        (RiskSpec, {"maxClockSkew": "2d"}, "maxClockSkew.*must be from 10ms to 1h"),
        (RiskSpec, {"priceBand": "1.5"}, "priceBand.*at most 1"),
        (RiskSpec, {"maxFillRate": 0}, "maxFillRate.*greater than or equal to 1"),
        (RiskSpec, {"breaker": {"openFor": "1ms"}}, "openFor.*must be from 100ms to 1d"),
        (
            RiskSpec,
            {"breaker": {"openFor": "5s", "longest": "1s"}},
            "longest must not be shorter than openFor",
        ),
        (RiskSpec, {"guards": {"vpinCautious": "1.01"}}, "vpinCautious.*must be from 0 to 1"),
        (RiskSpec, {"guards": {"vpinCautious": "0.8", "vpinReduce": "0.7"}}, "vpinReduce must not be below"),
        (RiskSpec, {"guards": {"volatilityJumpReduce": "0.5"}}, "volatilityJumpReduce: must be at least 1"),
        (RiskSpec, {"flatten": {"remindEvery": "1s"}}, "remindEvery.*must be from 10s to 30d"),
        (EngineSpec, {"evidenceInterval": "5s"}, "evidenceInterval.*must be from 10ms to 2s"),
        (EngineSpec, {"requoteTolerance": "-0.1"}, "requoteTolerance.*must be from 0 to 1"),
        (DeadManSpec, {"timeout": "10m"}, "timeout.*must be from 1s to 5m"),
    ],
)
def test_a_value_out_of_range_is_refused_with_its_field_and_the_range(
    model: type[Any], wire: dict[str, Any], says: str
) -> None:
    with pytest.raises(ValidationError, match=f"(?s){says}"):
        model.model_validate(wire)


def test_a_guard_is_turned_off_by_zero_whatever_the_level_above_it_says() -> None:
    guards = RiskSpec.model_validate({"guards": {"markOutCautiousBp": "12", "markOutReduceBp": "0"}}).guards
    assert guards.mark_out_reduce_bp == 0
    assert RiskSpec.model_validate({"guards": {"markOutCautiousBp": "40"}}).guards.mark_out_cautious_bp == 40


MAIL = {"name": "mail", "type": "Smtp", "host": "smtp", "sender": "mm@x", "recipients": ["desk@x"]}
HOOK = {"name": "hook", "type": "Webhook", "url": "https://x/y"}


@pytest.mark.parametrize(
    ("channels", "says"),
    [
        ([{**MAIL, "recipients": []}], "needs recipients"),
        ([{**MAIL, "username": "mm"}], "needs secretRef"),
        ([{**HOOK, "url": None}], "needs url, or urlSecretRef"),
        ([{**HOOK, "urlSecretRef": {"name": "s", "key": "k"}}], "not both"),
        ([{**HOOK, "url": "ftp://x"}], "begins with http"),
        ([HOOK, HOOK], "same name"),
        ([{**HOOK, "name": "../etc"}], "name"),
        ([{**MAIL, "password": "hunter2"}], "password"),
        ([{**MAIL, "secretFile": "/etc/x"}], "secretFile"),
    ],
)
def test_a_channel_of_a_marketmaker_is_complete_and_holds_no_secret(
    channels: list[dict[str, Any]], says: str
) -> None:
    with pytest.raises(ValidationError, match=says):
        AlertsSpec.model_validate({"channels": channels})


SPEC: dict[str, Any] = {"risk": {}, "rollout": {"stages": [STAGE]}}
SECRET = {"name": "s", "key": "k"}
MANAGER = {"name": "am", "type": "Alertmanager", "url": "http://am"}
CONSOLE = {"name": "out", "type": "Console"}
UNUSED = [
    pytest.param(channel, wire, value, id=f"{channel['type']}-{wire}")
    for channel, fields in (
        (MAIL, {"url": "https://x", "urlSecretRef": SECRET}),
        *(
            (
                channel,
                {"host": "h", "port": 25, "security": "tls", "sender": "mm@x", "recipients": ["desk@x"]},
            )
            for channel in (HOOK, MANAGER)
        ),
        (
            CONSOLE,
            {"url": "https://x", "urlSecretRef": SECRET, "secretRef": SECRET, "host": "h", "sender": "mm@x"},
        ),
    )
    for wire, value in fields.items()
]


@pytest.mark.parametrize(("channel", "wire", "value"), UNUSED)
def test_what_a_channels_type_does_not_use_is_refused_by_name_on_both_sides(
    channel: dict[str, Any], wire: str, value: Any
) -> None:
    spec = {**channel, wire: value}
    with pytest.raises(
        ValidationError, match=f"channel '{channel['name']}' does not use {wire}, .*remove it"
    ):
        AlertsSpec.model_validate({"channels": [spec]})
    own = wire.replace("SecretRef", "File").replace("secretRef", "secretFile")
    with pytest.raises(ValidationError, match=f"does not use {own}, .*remove it"):
        AlertsConfig.model_validate({"channels": [{**channel, own: "/f" if own != wire else value}]})
    said = refusals(MarketMaker, {**SPEC, "alerts": {"channels": [spec]}})
    assert any(f"alerts: {wire} is for " in problem for problem in said), said
    assert refusals(MarketMaker, {**SPEC, "alerts": {"channels": [channel]}}) == []


def test_a_username_is_for_a_mail_server_and_a_password_for_a_username() -> None:
    with pytest.raises(ValidationError, match="does not use username"):
        AlertsSpec.model_validate({"channels": [{**HOOK, "username": "mm", "secretRef": SECRET}]})
    alone = {**MAIL, "secretRef": SECRET}
    with pytest.raises(ValidationError, match="has secretRef and no username"):
        AlertsSpec.model_validate({"channels": [alone]})
    (said,) = refusals(MarketMaker, {**SPEC, "alerts": {"channels": [alone]}})
    assert "needs a username" in said


@pytest.mark.parametrize("channel", [MAIL, HOOK, MANAGER, CONSOLE], ids=lambda channel: channel["type"])
def test_what_the_api_server_writes_into_every_channel_is_nothing_that_it_does_not_use(
    channel: dict[str, Any],
) -> None:
    """It fills defaults in before the operator reads: a model that took them for somebody's wish would refuse every channel."""
    kept = AlertsSpec.model_validate({"channels": [channel]}).model_dump(by_alias=True, mode="json")
    assert kept["channels"][0]["security"] == "starttls"
    AlertsSpec.model_validate(kept)
    assert (
        refusals(MarketMaker, {**SPEC, "alerts": {"channels": [{**channel, "security": "starttls"}]}}) == []
    )


@pytest.mark.parametrize("field", ["staleAfter", "orderTimeout"])
@pytest.mark.parametrize("value", ["9ms", "61s", "1m1ms", "1h", "1d"])
def test_nothing_is_unknown_for_longer_than_a_minute_while_orders_rest(field: str, value: str) -> None:
    with pytest.raises(ValidationError, match="must be from 10ms to 60s"):
        EngineSpec.model_validate({field: value})
    (said,) = refusals(MarketMaker, {**SPEC, "engine": {field: value}})
    assert said == f"spec.engine.{field}: must be from 10ms to 60s"
    for legal in ("10ms", "60s", "1m"):
        EngineSpec.model_validate({field: legal})
        assert refusals(MarketMaker, {**SPEC, "engine": {field: legal}}) == []


def test_a_traders_own_channel_may_have_its_url_in_a_file() -> None:
    found = AlertsConfig.model_validate({"channels": [{**HOOK, "url": None, "urlFile": "/run/url"}]})
    assert found.channels[0].url_file == "/run/url"
    with pytest.raises(ValidationError, match="needs url, or urlFile"):
        AlertsConfig.model_validate({"channels": [{**HOOK, "url": None}]})


@pytest.mark.parametrize(
    ("text", "number"), [("256Mi", 256 * 2**20), ("1.5Gi", 3 * 2**29), ("2G", 2 * 10**9), ("7", 7)]
)
def test_a_quantity_is_read_as_kubernetes_reads_it(text: str, number: int) -> None:
    assert parse_quantity(text) == number


@pytest.mark.parametrize("text", ["", "0", "-1Mi", "12 apples", "1MiB", "1e3"])
def test_what_is_no_quantity_above_zero_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a quantity above 0"):
        parse_quantity(text)
