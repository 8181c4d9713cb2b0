"""The reference page of all kinds: every field with path, type, default, rules and meaning.

From the same schema that the API server gets; used by `generate`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from mm_api import API_VERSION
from mm_api.generate_schema import structural_schema
from mm_api.kinds.common import Resource

_INTRODUCTION = f"""<!-- Generated from crds/mm_api by `make generate`. Edit the models there, not this page. -->
# Kinds (`{API_VERSION}`)
Every field of every kind. A field without a default and without *required* may be left out. Amounts are decimal strings (`"0.01"`), lengths of time are
strings such as `72h` or `1h30m` (units: ms, s, m, h, d). Fields that are not listed are refused by `kubectl apply`.
`[]` stands for each element of a list, `{{}}` for each value of a map.
"""


def reference_page(kinds: Iterable[type[Resource]]) -> str:
    """The whole page, Markdown."""
    parts = [_INTRODUCTION]
    for model in kinds:
        schema = structural_schema(model)
        names = model.names
        parts.append(f"\n## {model.__name__}\n{schema['description']}\n")
        parts.append(
            f"Short name `{', '.join(names.short)}`; in `kubectl get {' '.join(model.categories)}`. Columns: "
            + ", ".join(
                column.name.upper() + (" (wide)" if column.priority else "") for column in model.columns
            )
            + ".\n"
        )
        for section in ("spec", "status"):
            if section not in schema["properties"]:
                continue
            node = schema["properties"][section]
            parts.append(f"\n### {model.__name__} {section}\n{node.get('description', '')}\n")
            parts.extend(f"- rule: {rule['message']}" for rule in node.get("x-kubernetes-validations", []))
            parts.append("\n| field | type | default | rules | meaning |\n|---|---|---|---|---|")
            parts.extend(_rows(node, section))
            parts.append("")
    return "\n".join(line.rstrip() for line in "\n".join(parts).split("\n")).rstrip() + "\n"


def _rows(node: dict[str, Any], path: str) -> Iterator[str]:
    required = set(node.get("required", []))
    for name, child in node.get("properties", {}).items():
        yield from _row(child, f"{path}.{name}", name in required)


def _row(node: dict[str, Any], path: str, required: bool) -> Iterator[str]:
    inner, suffix = node, ""
    if node.get("type") == "array":
        inner, suffix = node["items"], "[]"
    elif isinstance(node.get("additionalProperties"), dict):
        inner, suffix = node["additionalProperties"], "{}"
    default = "*required*" if required else _default(node)
    meaning = node.get("description") or inner.get("description", "")
    yield f"| `{path}` | {_type(inner, suffix)} | {default} | {_rules(node, inner)} | {_cell(meaning)} |"
    if "properties" in inner:
        yield from _rows(inner, path + suffix)


def _default(node: dict[str, Any]) -> str:
    if "default" not in node or node["default"] in ({}, []):
        return ""
    return f"`{node['default']}`" if node["default"] != "" else '`""`'


def _type(inner: dict[str, Any], suffix: str) -> str:
    base = str(inner.get("type", "string"))
    if "enum" in inner:
        base = "one of " + ", ".join(f"`{value}`" for value in inner["enum"])
    elif inner.get("format") == "date-time":
        base = "time (RFC 3339)"
    elif "[0-9]{1,9}(ms|s|m|h|d)" in inner.get("pattern", ""):
        base = "duration"
    elif r"(\.[0-9]{1,18})?" in inner.get("pattern", ""):
        base = "decimal"
    return {"": base, "[]": f"list of {base}", "{}": f"map of {base}"}[suffix]


def _rules(node: dict[str, Any], inner: dict[str, Any]) -> str:
    found: list[str] = []
    for source in (node,) if inner is node else (node, inner):
        for key, words in (
            ("minimum", "at least {}"),
            ("maximum", "at most {}"),
            ("minItems", "at least {} elements"),
            ("maxItems", "at most {} elements"),
            ("maxProperties", "at most {} entries"),
        ):
            if key in source:
                found.append(words.format(source[key]))
        if (
            source.get("type") == "string"
            and source.get("maxLength", 32_768) < 32_768
            and "pattern" not in source
        ):
            found.append(f"at most {source['maxLength']} characters")
        pattern = source.get("pattern", "")
        if pattern and _type(source, "") == "string":
            found.append(f"matches `{_cell(pattern)}`")
        found.extend(rule["message"] for rule in source.get("x-kubernetes-validations", []))
    return _cell("; ".join(found))


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
