"""Dashboards and alert rules: generated files are what the table says, and every metric and label that is named anywhere is one that is exported."""

from __future__ import annotations

import json
import re
import runpy
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from mm_operator.metrics import Metrics
from mm_trader.shell.admin.catalogue import METRICS, MetricType

from .rendering import Chart

ROOT = Path(__file__).resolve().parents[3]
FILES = ROOT / "helm/mm-rebuild/files"
BOARDS = sorted((FILES / "dashboards").glob("*.json"))
RULES = yaml.safe_load((FILES / "alert-rules.yaml").read_text())
OF_THE_PROCESS = {"process_cpu_seconds_total", "process_resident_memory_bytes"}
OF_PROMETHEUS = {"instance", "namespace", "job", "le"}
"""Labels that a scrape or a histogram adds."""


def exported() -> dict[str, set[str]]:
    """Every series' name → labels of any program that exports it."""
    found: dict[str, set[str]] = {name: set() for name in OF_THE_PROCESS}
    for metric in METRICS:
        names = [metric.name]
        if metric.type is MetricType.HISTOGRAM:
            names = [f"{metric.name}_{part}" for part in ("bucket", "sum", "count")]
        for name in names:
            found.setdefault(name, set()).update({"market_maker", *metric.labels})
    for name, collector in Metrics().registry._names_to_collectors.items():
        found.setdefault(name, set()).update(getattr(collector, "_labelnames", ()))
    return found


def queries() -> Iterator[tuple[str, str]]:
    """(where, PromQL) of everything we ship."""
    for path in BOARDS:
        for panel in json.loads(path.read_text())["panels"]:
            for target in panel.get("targets", []):
                yield f"{path.stem}: {panel['title']}", target["expr"]
    for group in RULES["groups"]:
        for rule in group["rules"]:
            yield rule["alert"], rule["expr"]
    for path in sorted([*ROOT.glob("configs/examples/*.yaml"), *ROOT.glob("configs/demo/objects/*.yaml")]):
        for document in yaml.safe_load_all(path.read_text()):
            for stage in document.get("spec", {}).get("rollout", {}).get("stages", []):
                for gate in stage.get("gates", []):
                    if "promql" in gate:
                        yield f"{path.name}: {stage['name']}", gate["promql"]


QUERIES = list(queries())


def names_and_labels(promql: str) -> Iterator[tuple[str, set[str]]]:
    for name, selector in re.findall(r"\b((?:mm|process)_[a-z_]+)\b(?:\{([^}]*)\})?", promql):
        yield name, set(re.findall(r"([a-z_]+)\s*(?:=~|!=|!~|=)", selector))


@pytest.mark.parametrize(("where", "promql"), QUERIES, ids=[where for where, _ in QUERIES])
def test_every_metric_and_label_of_a_query_is_exported(where: str, promql: str) -> None:
    known = exported()
    found = list(names_and_labels(promql))
    assert found, promql
    for name, labels in found:
        assert name in known, f"{where}: {name} is exported by nobody"
        assert labels <= known[name] | OF_PROMETHEUS, f"{where}: {name} has no label {labels - known[name]}"


def test_a_metric_that_does_not_exist_would_be_found() -> None:
    (found,) = names_and_labels('rate(mm_no_such_total{symbol="X"}[5m])')
    assert found == ("mm_no_such_total", {"symbol"})
    assert found[0] not in exported()


def test_every_legend_and_annotation_names_a_label_of_its_query() -> None:
    known = exported()
    for path in BOARDS:
        for panel in json.loads(path.read_text())["panels"]:
            for target in panel.get("targets", []):
                own = set().union(*(known[name] for name, _ in names_and_labels(target["expr"])))
                wanted = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
                assert wanted <= own | OF_PROMETHEUS, panel["title"]
    for group in RULES["groups"]:
        for rule in group["rules"]:
            own = set().union(*(known[name] for name, _ in names_and_labels(rule["expr"])))
            said = " ".join(rule["annotations"].values())
            assert set(re.findall(r"\$labels\.(\w+)", said)) <= own | OF_PROMETHEUS, rule["alert"]


def test_what_is_in_the_chart_is_what_the_table_says() -> None:
    module = runpy.run_path(str(ROOT / "configs/dashboards/generate.py"))
    wanted = {path.name: text for path, text in module["outputs"]().items()}
    assert wanted == {path.name: path.read_text() for path in BOARDS}


def test_the_four_boards_show_what_they_are_for() -> None:
    titles = {path.stem: path.read_text() for path in BOARDS}
    assert set(titles) == {"mm-overview", "mm-performance", "mm-risk", "mm-health"}
    for metric in ("mm_stage", "mm_capital", "mm_net_pnl_day", "mm_quote_price"):
        assert metric in titles["mm-overview"]
    assert "mm_order_ack_seconds_bucket" in titles["mm-performance"]
    assert "mm_risk_level" in titles["mm-risk"]


def test_panels_do_not_lie_on_each_other() -> None:
    for path in BOARDS:
        taken: set[tuple[int, int]] = set()
        for panel in json.loads(path.read_text())["panels"]:
            at = panel["gridPos"]
            cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
            assert not cells & taken, f"{path.stem}: {panel['title']}"
            taken |= cells


def test_boards_and_rules_are_off_until_they_are_asked_for(chart: Chart) -> None:
    kinds = {body["kind"] for body in chart.render()}
    assert "PrometheusRule" not in kinds


def test_asked_for_they_are_what_the_files_hold(chart: Chart) -> None:
    made = chart.render(
        *("--set", "dashboards.enabled=true,dashboards.namespace=monitoring"),
        *("--set", "dashboards.annotations.grafana_folder=Trading"),
        *("--set", "alertRules.enabled=true,alertRules.labels.release=prometheus"),
    )
    boards = [body for body in made if body["metadata"]["labels"].get("grafana_dashboard") == "1"]
    assert {name for body in boards for name in body["data"]} == {path.name for path in BOARDS}
    for body in boards:
        ((name, text),) = body["data"].items()
        assert json.loads(text) == json.loads((FILES / "dashboards" / name).read_text())
        assert body["metadata"]["namespace"] == "monitoring"
        assert body["metadata"]["annotations"] == {"grafana_folder": "Trading"}
    (rules,) = [body for body in made if body["kind"] == "PrometheusRule"]
    assert rules["spec"] == RULES
    assert rules["metadata"]["labels"]["release"] == "prometheus"


def test_every_metric_that_a_page_or_the_full_chain_check_names_exists() -> None:
    known = set(exported()) | {metric.name for metric in METRICS}
    known |= {name.rsplit("_", 1)[0] for name in known if name.endswith("_bucket")}
    programs = {"mm_api", "mm_operator", "mm_trader"}
    for path in sorted(ROOT.glob("docs/**/*.md")):
        found = set(re.findall(r"`(mm_[a-z0-9_]+)(?:\{[^`]*\})?`", path.read_text())) - programs
        assert found <= known, f"{path.name}: {found - known}"
    for path in sorted(ROOT.glob("trader/mm_trader/shell/check/*.py")):
        found = set(re.findall(r'"(mm_[a-z0-9_]+)"', path.read_text()))
        assert found <= known, f"{path.name}: {found - known}"
