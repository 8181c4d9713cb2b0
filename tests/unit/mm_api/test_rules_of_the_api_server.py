"""What the models refuse, `kubectl apply` refuses too, in the same words: the CRDs' rules are evaluated as an API server would."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from api_server import refusals
from pydantic import ValidationError
from test_market_maker import NONSENSE, STAGE

from mm_api.kinds import MarketMaker, VenueAccount
from mm_api.kinds.common import Resource

EXAMPLES = Path(__file__).parents[3] / "configs" / "examples"
KINDS: dict[str, type[Resource]] = {kind.__name__: kind for kind in (MarketMaker, VenueAccount)}


def market_maker(risk: dict[str, Any] | None = None, **stage: Any) -> dict[str, Any]:
    made = {name: value for name, value in (STAGE | stage).items() if value is not None}
    return {"risk": risk or {}, "rollout": {"stages": [made]}}


def examples() -> list[Any]:
    return [
        pytest.param(body, id=f"{file.stem}-{body['metadata']['name']}")
        for file in sorted(EXAMPLES.glob("*.yaml"))
        for body in yaml.safe_load_all(file.read_text())
        if body and body["kind"] in KINDS
    ]


@pytest.mark.parametrize("body", examples())
def test_what_the_examples_show_is_taken(body: dict[str, Any]) -> None:
    assert refusals(KINDS[body["kind"]], body["spec"]) == []


@pytest.mark.parametrize(("stage", "names"), NONSENSE)
def test_a_stage_that_the_models_refuse_is_refused_by_the_api_server(
    stage: dict[str, Any], names: str
) -> None:
    said = " ".join(refusals(MarketMaker, market_maker(**stage)))
    for word in ("named twice",) if "named twice" in names else (names,):
        assert word in said


@pytest.mark.parametrize(
    ("risk", "says"),
    [
        ({"guards": {"volatilityJumpCautious": "0.5"}}, "volatilityJumpCautious must be at least 1, or 0"),
        ({"guards": {"volatilityJumpReduce": "0.99"}}, "volatilityJumpReduce must be at least 1, or 0"),
        ({"guards": {"vpinCautious": "0.8", "vpinReduce": "0.7"}}, "vpinReduce must not be below"),
        ({"breaker": {"openFor": "40s"}}, "longest must not be shorter"),
        ({"maxClockSkew": "2h"}, "spec.risk.maxClockSkew: must be from 10ms to 1h"),
        ({"maxDrawdown": "1.5"}, "at most 1"),
    ],
)
def test_limits_that_the_models_refuse_are_refused_by_the_api_server(risk: dict[str, Any], says: str) -> None:
    spec = market_maker(risk)
    assert says in " ".join(refusals(MarketMaker, spec))
    with pytest.raises(ValidationError):
        MarketMaker.model_validate({"spec": spec})


@pytest.mark.parametrize(
    "stage",
    [
        {"gates": [{"name": "NetPnL", "min": "0", "confidence": "0.5"}, {"name": "Drawdown", "max": "0.1"}]},
        {"gates": [{"name": "Custom", "promql": "x", "min": "1", "max": "1"}]},
        {"symbols": ["ETHUSDC", "BTCUSDC"]},
        {"capital": None, "steps": [{"capital": "9"}, {"capital": "10", "symbols": ["BTCUSDC"]}]},
    ],
)
def test_what_makes_sense_is_taken_by_both(stage: dict[str, Any]) -> None:
    spec = market_maker({"guards": {"volatilityJumpCautious": "0", "volatilityJumpReduce": "1"}}, **stage)
    assert refusals(MarketMaker, spec) == []
    MarketMaker.model_validate({"spec": spec})


ACCOUNT: dict[str, Any] = {
    "environment": "testnet",
    "credentialsSecretRef": {"name": "keys"},
    "capitalCeiling": {"amount": "1", "asset": "USDC"},
}
SIMULATOR = {"rest": "http://sim:9180", "wsApi": "ws://sim:9180/ws-api/v3", "stream": "ws://sim:9180"}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"environment": "mainnet"}, "spec: spec.environment: mainnet is real money"),
        ({"environment": "simulator"}, "needs its addresses"),
        ({"environment": "mainnet", "allowRealMoney": True, "endpoints": SIMULATOR}, "fixed addresses"),
        ({"endpoints": SIMULATOR | {"rest": "https://API.binance.com"}}, "endpoints.rest is real money"),
        ({"endpoints": SIMULATOR | {"wsApi": "wss://ws-fapi.binance.com/x"}}, "wsApi is real money"),
    ],
)
def test_an_account_that_the_models_refuse_is_refused_by_the_api_server(
    change: dict[str, Any], says: str
) -> None:
    assert any(says in problem for problem in refusals(VenueAccount, ACCOUNT | change))
    with pytest.raises(ValidationError):
        VenueAccount.model_validate({"spec": ACCOUNT | change})


def test_practice_accounts_are_taken() -> None:
    demo = SIMULATOR | {"rest": "https://demo-fapi.binance.com", "wsApi": "wss://testnet.binancefuture.com/x"}
    for spec in (ACCOUNT, ACCOUNT | {"endpoints": demo}):
        assert refusals(VenueAccount, spec) == []
