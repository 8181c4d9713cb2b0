"""A MarketMaker that no API server has judged (an older CRD, a cluster without rules): the models say no themselves, and the operator makes no pod of it."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from mm_api.kinds.market_maker import RolloutSpec

STAGE: dict[str, Any] = {
    "name": "testnet",
    "accountRef": {"name": "sim"},
    "symbols": ["ETHUSDC"],
    "capital": "1000",
}


def rollout(**stage: Any) -> RolloutSpec:
    merged = {name: value for name, value in (STAGE | stage).items() if value is not None}
    return RolloutSpec.model_validate({"stages": [merged]})


NONSENSE: list[tuple[dict[str, Any], str]] = [
    ({"capital": None}, "either capital or steps"),
    ({"steps": [{"capital": "1"}]}, "either capital or steps"),
    ({"capital": None, "steps": [{"capital": "5000"}, {"capital": "2000"}]}, "steps fall in capital"),
    ({"symbols": None}, "symbols is missing"),
    ({"symbols": ["ETHUSDC", "ETHUSDC"]}, "symbol ETHUSDC is named twice"),
    (
        {"capital": None, "steps": [{"capital": "1", "symbols": ["BTCUSDC", "BTCUSDC"]}]},
        "symbol BTCUSDC is named twice",
    ),
    ({"drills": ["Disconnect", "Disconnect"]}, "drill Disconnect is named twice"),
    ({"gates": [{"name": "Custom", "min": "1"}]}, "needs promql"),
    ({"gates": [{"name": "Custom", "promql": "x"}]}, "needs min or max"),
    ({"gates": [{"name": "NetPnL", "promql": "x"}]}, "for the Custom gate only"),
    ({"gates": [{"name": "Custom", "promql": "x", "min": "2", "max": "1"}]}, "no value would pass"),
    ({"gates": [{"name": "NetPnL", "confidence": "0.4"}]}, "a loss would pass for a profit"),
    ({"gates": [{"name": "NetPnL", "confidence": "1"}]}, "from 0.5 to below 1"),
]


@pytest.mark.parametrize(("stage", "names"), NONSENSE)
def test_a_stage_that_makes_no_sense_is_refused_by_the_model_too(stage: dict[str, Any], names: str) -> None:
    with pytest.raises(ValidationError, match=names):
        rollout(**stage)


def test_two_stages_of_one_name_are_refused_and_sound_ones_are_not() -> None:
    assert rollout(capital=None, steps=[{"capital": "1"}, {"capital": "1"}]).stages[0].name == "testnet"
    with pytest.raises(ValidationError, match="stage testnet is named twice"):
        RolloutSpec.model_validate({"stages": [STAGE, STAGE]})
