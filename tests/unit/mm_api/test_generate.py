"""The CRDs are what the models say, and what a real API server takes: structural, bounded, with rules that speak."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mm_api.generate import KINDS, crd, main, outputs
from mm_api.kinds.common import Resource

ROOT = Path(__file__).resolve().parents[3]


def nodes(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    yield path, schema
    for name, child in schema.get("properties", {}).items():
        yield from nodes(child, f"{path}.{name}")
    for key, suffix in (("items", "[]"), ("additionalProperties", "{}")):
        if isinstance(schema.get(key), dict):
            yield from nodes(schema[key], path + suffix)


def schema_of(model: type[Resource]) -> dict[str, Any]:
    found: dict[str, Any] = crd(model)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return found


def at(model_name: str, path: str) -> dict[str, Any]:
    model = next(kind for kind in KINDS if kind.__name__ == model_name)
    return dict(nodes(schema_of(model)))[path]


def test_what_is_committed_is_what_the_models_say(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check"]) == 0, capsys.readouterr().err


def test_drift_is_refused_with_the_files_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([], tmp_path) == 0
    assert main(["--check"], tmp_path) == 0
    (tmp_path / "crds" / "marketmakers.mm-rebuild.io.yaml").write_text("edited by hand\n")
    (tmp_path / "docs" / "reference" / "kinds.md").unlink()
    assert main(["--check"], tmp_path) == 1
    said = capsys.readouterr().err
    assert "crds/marketmakers.mm-rebuild.io.yaml" in said
    assert "docs/reference/kinds.md" in said


def test_the_chart_carries_the_same_files(tmp_path: Path) -> None:
    texts = {path.relative_to(tmp_path): text for path, text in outputs(tmp_path)}
    own = {path.name: text for path, text in texts.items() if path.parent == Path("crds")}
    chart = {path.name: text for path, text in texts.items() if "helm" in path.parts}
    assert own == chart
    assert len(own) == len(KINDS)


@pytest.mark.parametrize("model", KINDS)
def test_every_node_is_structural(model: type[Resource]) -> None:
    for path, node in nodes(schema_of(model)):
        assert "type" in node, path
        assert not {"$ref", "anyOf", "allOf", "oneOf", "title", "const"} & node.keys(), path
        assert not ("properties" in node and "additionalProperties" in node), path


@pytest.mark.parametrize("model", KINDS)
def test_spec_lists_maps_and_strings_are_bounded_so_that_rules_stay_cheap(model: type[Resource]) -> None:
    for path, node in nodes(schema_of(model)["properties"]["spec"]):
        if node["type"] == "string":
            assert {"maxLength", "enum", "format"} & node.keys(), path
        if node["type"] == "array":
            assert "maxItems" in node, path
        if node["type"] == "object" and "additionalProperties" in node:
            assert "maxProperties" in node, path


@pytest.mark.parametrize(
    ("kind", "path", "words"),
    [
        ("MarketMaker", ".spec.rollout.stages[].symbols[]", "ETHUSDC"),
        ("MarketMaker", ".spec.rollout", "two stages have the same name"),
        ("MarketMaker", ".spec.rollout.stages[]", "steps fall in capital"),
        ("MarketMaker", ".spec.risk.dailyLossLimit", "above 0"),
        ("MarketMaker", ".spec.risk.maxDrawdown", "at most 1"),
        ("MarketMaker", ".spec.rollout.stages[].gates[]", "needs promql"),
        ("VenueAccount", ".spec", "allowRealMoney"),
        ("StageApproval", ".spec", "never changes"),
        ("StageRecord", ".spec", "never changes"),
    ],
)
def test_a_rule_says_what_is_wrong_and_how_to_mend_it(kind: str, path: str, words: str) -> None:
    messages = [rule["message"] for rule in at(kind, path)["x-kubernetes-validations"]]
    assert any(words in message for message in messages)


@pytest.mark.parametrize(
    ("path", "default"),
    [
        (".spec.engine.orderTimeout", "5s"),
        (".spec.engine", {}),
        (".spec.risk.maxDrawdown", "0.03"),
        (".spec.risk.maxCancelRatio", "0.9"),
        (".spec.pause", "None"),
        (".spec.rollout.stages[].soak", "1d"),
        (".spec.rollout.onFailure", "Rollback"),
    ],
)
def test_defaults_are_in_the_form_a_user_writes(path: str, default: object) -> None:
    assert at("MarketMaker", path)["default"] == default


def test_conditions_are_a_map_by_type() -> None:
    conditions = at("MarketMaker", ".status.conditions")
    assert conditions["x-kubernetes-list-type"] == "map"
    assert conditions["x-kubernetes-list-map-keys"] == ["type"]


def test_columns_names_and_status_subresource_are_there() -> None:
    model = next(kind for kind in KINDS if kind.__name__ == "MarketMaker")
    spec = crd(model)["spec"]
    version = spec["versions"][0]
    shown = [column["name"] for column in version["additionalPrinterColumns"] if not column.get("priority")]
    assert shown == ["Stage", "State", "Capital", "Gate", "Revision", "Age"]
    assert version["subresources"] == {"status": {}}
    assert (spec["names"]["shortNames"], spec["names"]["categories"]) == (["mm"], ["mm-rebuild"])


def test_every_spec_field_is_described_or_speaks_for_itself() -> None:
    page = next(text for path, text in outputs(ROOT) if path.name == "kinds.md")
    for model in KINDS:
        for path, node in nodes(schema_of(model)["properties"]["spec"], "spec"):
            if "." in path and not path.endswith(("[]", "{}")):
                assert f"`{path}`" in page, path
            assert node is not None
