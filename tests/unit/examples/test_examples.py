"""Every YAML that a user may copy is a valid object of its kind, and says what the release plan says."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from mm_api.kinds import GateName, MarketMaker, StageApproval, TradingHalt, VenueAccount
from mm_api.kinds.common import Resource

ROOT = Path(__file__).resolve().parents[3]
KINDS: dict[str, type[Resource]] = {
    kind.__name__: kind for kind in (MarketMaker, VenueAccount, StageApproval, TradingHalt)
}
FILES = sorted([*(ROOT / "configs/examples").glob("*.yaml"), *(ROOT / "configs/demo/objects").glob("*.yaml")])


def documents() -> list[Any]:
    """One test parameter per object in any file."""
    return [
        pytest.param(document, id=f"{path.name}-{index}")
        for path in FILES
        for index, document in enumerate(yaml.safe_load_all(path.read_text()))
    ]


def load(name: str) -> list[dict[str, Any]]:
    """The objects of one example file."""
    return list(yaml.safe_load_all((ROOT / "configs/examples" / name).read_text()))


@pytest.mark.parametrize("document", documents())
def test_an_example_is_a_valid_object_of_its_kind(document: dict[str, Any]) -> None:
    assert document["apiVersion"] == "mm-rebuild.io/v1alpha1"
    KINDS[document["kind"]].model_validate(document)


@pytest.mark.parametrize("document", documents())
def test_an_example_has_no_field_its_schema_does_not_know(document: dict[str, Any]) -> None:
    """The models of kinds ignore unknown top-level fields (the API server adds some); a user's file must have none."""
    assert set(document) == {"apiVersion", "kind", "metadata", "spec"}
    assert set(document["metadata"]) <= {"name", "namespace", "labels"}


@pytest.mark.parametrize("document", documents())
def test_an_example_fits_the_generated_schema(document: dict[str, Any]) -> None:
    plural = KINDS[document["kind"]].names.plural
    crd = yaml.safe_load((ROOT / f"crds/{plural}.mm-rebuild.io.yaml").read_text())
    schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    assert unknown_fields(document["spec"], schema["properties"]["spec"], "spec") == []


def unknown_fields(value: Any, schema: dict[str, Any], path: str) -> list[str]:
    """Paths of fields that a structural schema has no property for; the API server would drop or refuse them."""
    if isinstance(value, list):
        items = schema.get("items", {})
        return [
            bad for index, item in enumerate(value) for bad in unknown_fields(item, items, f"{path}[{index}]")
        ]
    if not isinstance(value, dict):
        return []
    found: list[str] = []
    for name, inner in value.items():
        known = schema.get("properties", {}).get(name, schema.get("additionalProperties"))
        if known is None:
            found.append(f"{path}.{name}")
        else:
            found += unknown_fields(inner, known, f"{path}.{name}")
    return found


def test_the_release_plan_is_that_of_the_requirement() -> None:
    (document,) = load("marketmaker-release-plan.yaml")
    stages = MarketMaker.model_validate(document).spec.rollout.stages
    assert [stage.name for stage in stages] == ["testnet", "small-capital", "scale-up"]
    testnet, small, scale_up = stages
    assert testnet.soak == timedelta(hours=24)
    assert {gate.name for gate in testnet.gates} == {
        GateName.NO_RESTARTS,
        GateName.NO_ORDER_ANOMALIES,
        GateName.RISK_CONTROLS_WORK,
    }
    assert (small.capital, small.soak, small.symbols) == (Decimal(1000), timedelta(hours=72), ["ETHUSDC"])
    accuracy = next(gate for gate in small.gates if gate.name is GateName.ORDER_ACCURACY)
    assert accuracy.min == Decimal("0.999")
    assert [step.capital for step in scale_up.steps] == [Decimal(2000), Decimal(5000), Decimal(10000)]
    assert "BTCUSDC" in (scale_up.steps[1].symbols or [])


def test_the_accounts_of_the_release_plan_exist_and_cover_its_capital() -> None:
    (document,) = load("marketmaker-release-plan.yaml")
    accounts = {
        item["metadata"]["name"]: VenueAccount.model_validate(item) for item in load("venue-accounts.yaml")
    }
    for stage in MarketMaker.model_validate(document).spec.rollout.stages:
        ceiling = accounts[stage.account_ref.name].spec.capital_ceiling.amount
        assert max([stage.capital or Decimal(0), *(step.capital for step in stage.steps)]) <= ceiling


def test_the_only_account_with_real_money_is_named_so() -> None:
    real = [item for item in load("venue-accounts.yaml") if item["spec"].get("allowRealMoney")]
    assert [item["metadata"]["name"] for item in real] == ["binance-main"]
