"""`python configs/dashboards/generate.py [--check]`: Grafana's dashboards, from `boards.yaml` into the chart.

A panel is a title, a unit, and queries with legends; everything else of Grafana's model is the same for all. A test holds every metric and label that is
named there, and in the alert rules, to what operator and trader export.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import yaml

TARGET = Path(__file__).resolve().parents[2] / "helm/mm-rebuild/files/dashboards"
BOARDS = Path(__file__).with_name("boards.yaml")
_SOURCE = {"type": "prometheus", "uid": "${datasource}"}
_WIDE, _HIGH, _PER_ROW = 6, 7, 4


def dashboard(board: dict[str, Any]) -> dict[str, Any]:
    """Grafana's model of one board."""
    panels: list[dict[str, Any]] = []
    y = 0
    for row in board["rows"]:
        panels.append(
            {
                "type": "row",
                "title": row["title"],
                "collapsed": False,
                "gridPos": {"x": 0, "y": y, "w": 24, "h": 1},
            }
        )
        y += 1
        for index, panel in enumerate(row["panels"]):
            x, line = index % _PER_ROW, index // _PER_ROW
            place = {"x": x * _WIDE, "y": y + line * _HIGH, "w": _WIDE, "h": _HIGH}
            panels.append(_panel(panel, place))
        y += _HIGH * -(-len(row["panels"]) // _PER_ROW)
    for number, made in enumerate(panels, start=1):
        made["id"] = number
    return {
        "uid": board["uid"],
        "title": board["title"],
        "tags": ["mm-rebuild"],
        "schemaVersion": 39,
        "editable": True,
        "refresh": "10s",
        "time": {"from": "now-3h", "to": "now"},
        "timezone": "utc",
        "templating": {"list": [_data_source(), _names()]},
        "links": [
            {
                "type": "dashboards",
                "tags": ["mm-rebuild"],
                "title": "MM-Rebuild",
                "asDropdown": True,
                "includeVars": True,
                "keepTime": True,
            }
        ],
        "panels": panels,
    }


def _panel(panel: dict[str, Any], place: dict[str, int]) -> dict[str, Any]:
    kind = panel.get("kind", "timeseries")
    instant = kind in ("stat", "table")
    targets = [
        {
            "refId": chr(ord("A") + n),
            "expr": query,
            "legendFormat": legend,
            "datasource": _SOURCE,
            "instant": instant,
            "range": not instant,
        }
        | ({"format": "table"} if kind == "table" else {})
        for n, (legend, query) in enumerate(panel["queries"].items())
    ]
    return {
        "type": kind,
        "title": panel["title"],
        "description": panel.get("help", ""),
        "datasource": _SOURCE,
        "gridPos": place,
        "fieldConfig": {"defaults": {"unit": panel.get("unit", "short")}, "overrides": []},
        "targets": targets,
    }


def _data_source() -> dict[str, Any]:
    return {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus"}


def _names() -> dict[str, Any]:
    query = "label_values(mm_build_info, market_maker)"
    return {
        "name": "market_maker",
        "label": "MarketMaker",
        "type": "query",
        "datasource": _SOURCE,
        "query": {"query": query, "refId": "names"},
        "definition": query,
        "refresh": 2,
        "includeAll": True,
        "allValue": ".+",
        "multi": True,
        "current": {"text": "All", "value": "$__all"},
    }


def outputs() -> dict[Path, str]:
    """Every file with what it must hold."""
    boards = yaml.safe_load(BOARDS.read_text(encoding="utf-8"))
    return {
        TARGET / f"{board['uid']}.json": json.dumps(dashboard(board), indent=1) + "\n" for board in boards
    }


def main(arguments: list[str]) -> int:
    """The exit status."""
    drifted = []
    for path, text in outputs().items():
        if "--check" not in arguments:
            path.write_text(text, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            drifted.append(path.name)
    for name in drifted:
        sys.stderr.write(
            f"{name}: not what configs/dashboards/generate.py says; run it and commit the file\n"
        )
    return 1 if drifted else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
