"""What could only be *taken for* a value is refused: YAML's `true` for 1, `"5"` for 5, `1` for true, a duration that overflows, a line break at the end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

import pytest
from pydantic import BaseModel, ValidationError

from mm_api.kinds import MarketMakerSpec, VenueAccountSpec
from mm_api.kinds.market_maker import Stage
from mm_api.scalars import parse_decimal, parse_duration
from mm_api.trader_config import TraderConfig


def parts(annotation: Any) -> Iterator[Any]:
    yield annotation
    for part in get_args(annotation):
        yield from parts(part)


def models(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    yield model
    for field in model.model_fields.values():
        for part in parts(field.annotation):
            if isinstance(part, type) and issubclass(part, BaseModel):
                yield from models(part)


def fields(wanted: type) -> list[tuple[type[BaseModel], str]]:
    found = {
        (model, field.alias or name)
        for root in (TraderConfig, MarketMakerSpec, VenueAccountSpec)
        for model in models(root)
        for name, field in model.model_fields.items()
        if wanted in parts(field.annotation)
    }
    return sorted(found, key=lambda pair: (pair[0].__name__, pair[1]))


def said_of(model: type[BaseModel], field: str, value: object) -> str:
    with pytest.raises(ValidationError) as caught:
        model.model_validate({field: value})
    return "".join(error["msg"] for error in caught.value.errors() if error["loc"] == (field,))


def test_there_are_whole_numbers_and_switches_to_judge() -> None:
    assert {field for _, field in fields(int)} >= {"maxOrderRate", "port", "epoch", "fills", "queue"}
    assert {field for _, field in fields(bool)} >= {"allowRealMoney", "managed", "enabled", "serverSwitch"}


@pytest.mark.parametrize(("model", "field"), fields(int), ids=lambda part: getattr(part, "__name__", part))
def test_a_whole_number_is_nothing_else(model: type[BaseModel], field: str) -> None:
    for value in (True, False, "5", 5.0, 2.5):
        assert "write a whole number, such as 5" in said_of(model, field, value)


@pytest.mark.parametrize(("model", "field"), fields(bool), ids=lambda part: getattr(part, "__name__", part))
def test_a_switch_is_true_or_false(model: type[BaseModel], field: str) -> None:
    for value in (1, 0, "true", "yes", "off", 1.0):
        assert "write true or false" in said_of(model, field, value)


@pytest.mark.parametrize("text", ["999999999d999999999d", "36501d", "999999999d"])
def test_a_duration_that_no_date_can_be_moved_by_is_refused_with_the_most_it_may_be(text: str) -> None:
    with pytest.raises(ValueError, match="36500d"):
        parse_duration(text)
    stage = {"name": "a", "accountRef": {"name": "b"}, "symbols": ["ETHUSDC"], "capital": "1"}
    with pytest.raises(ValidationError, match="36500d"):
        Stage.model_validate(stage | {"soak": text})


@pytest.mark.parametrize("value", ["5\n", 10**18, -(10**18)])
def test_a_number_has_the_form_that_the_api_server_asks_for(value: object) -> None:
    with pytest.raises(ValueError, match="plain decimal"):
        parse_decimal(value)


def test_a_line_break_is_no_part_of_a_duration() -> None:
    with pytest.raises(ValueError, match="duration"):
        parse_duration("5s\n")


ACCOUNT: dict[str, Any] = {
    "environment": "testnet",
    "credentialsSecretRef": {"name": "keys"},
    "capitalCeiling": {"amount": "1", "asset": "USDC"},
}


def endpoints(rest: str, ws_api: str) -> dict[str, str]:
    return {"rest": rest, "wsApi": ws_api, "stream": "wss://stream.binance.com:9443"}


PRACTICE = (
    ("https://testnet.binance.vision", "wss://ws-api.testnet.binance.vision/ws-api/v3"),
    ("https://demo-api.binance.com", "wss://demo-ws-api.binance.com/ws-api/v3"),
    ("https://demo-fapi.binance.com", "wss://testnet.binancefuture.com/ws-fapi/v1"),
    ("http://simulator:9180", "ws://simulator:9180/ws-api/v3"),
    ("https://proxy.example/api.binance.com", "wss://notbinance.com/"),
)
REAL = (
    "api.binance.com",
    "API.Binance.COM",
    "api.binance.com:443",
    "api3.binance.com/",
    "fapi.binance.com",
    "ws-api.binance.com:443/ws-api/v3",
    "api.binance.us",
    "user@api.binance.com",
    "api.binance.com.",
    "binance.com?x",
)


@pytest.mark.parametrize("address", REAL)
@pytest.mark.parametrize("environment", ["simulator", "testnet", "demo"])
def test_no_address_of_real_money_goes_round_the_second_switch(environment: str, address: str) -> None:
    rest, ws_api = PRACTICE[0]
    for bad in (endpoints(f"https://{address}", ws_api), endpoints(rest, f"wss://{address}")):
        with pytest.raises(ValidationError, match="real money"):
            VenueAccountSpec.model_validate(ACCOUNT | {"environment": environment, "endpoints": bad})
        venue = {"restUrl": bad["rest"], "wsApiUrl": bad["wsApi"], "streamUrl": bad["stream"]}
        with pytest.raises(ValidationError, match="real money"):
            TraderConfig.model_validate(
                {
                    "symbols": ["ETHUSDC"],
                    "risk": {"capital": "1"},
                    "venue": venue | {"environment": environment},
                }
            )


@pytest.mark.parametrize(("rest", "ws_api"), PRACTICE)
def test_practice_venues_need_no_second_switch(rest: str, ws_api: str) -> None:
    VenueAccountSpec.model_validate(ACCOUNT | {"endpoints": endpoints(rest, ws_api)})


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"environment": "mainnet"}, "allowRealMoney"),
        ({"environment": "simulator"}, "needs its addresses"),
        (
            {"environment": "mainnet", "allowRealMoney": True, "endpoints": endpoints(*PRACTICE[3])},
            "fixed addresses",
        ),
    ],
)
def test_an_account_that_no_api_server_has_judged_is_refused_by_the_model(
    change: dict[str, Any], says: str
) -> None:
    with pytest.raises(ValidationError, match=says):
        VenueAccountSpec.model_validate(ACCOUNT | change)
