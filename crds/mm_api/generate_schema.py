"""From a pydantic model to a structural OpenAPI schema, the subset of JSON schema that Kubernetes takes for a CRD.

References are resolved, `anyOf` with null becomes an optional field, titles go, defaults are written in the wire form, and unknown fields are left
to the API server's own strictness (`additionalProperties: false` is not structural). Used by `generate`.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import core_schema

from mm_api.kinds.common import Resource
from mm_api.scalars import format_decimal, format_duration

_DROPPED = frozenset(
    {"title", "additionalProperties", "default", "anyOf", "$defs", "$ref", "allOf", "const", "propertyNames"}
)
_UNBOUNDED_TEXT = 32_768
"""Longest text a status field may hold: far above what is written, far below what would trouble etcd."""


class _WireSchema(GenerateJsonSchema):
    """Pydantic's generator, with defaults as they are written on the wire."""

    def encode_default(self, dft: Any) -> Any:
        if isinstance(dft, timedelta):
            return format_duration(dft)
        if isinstance(dft, Decimal):
            return format_decimal(dft)
        return super().encode_default(dft)

    def get_default_value(self, schema: core_schema.WithDefaultSchema) -> Any:
        factory = schema.get("default_factory")
        if isinstance(factory, type) and issubclass(factory, BaseModel):
            # `{}` lets the API server fill in the defaults of the fields below
            return {}
        if factory is list:
            return []
        return super().get_default_value(schema)


def structural_schema(model: type[Resource]) -> dict[str, Any]:
    """The `openAPIV3Schema` of a kind: apiVersion, kind, metadata, and the models of spec and status."""
    full = model.model_json_schema(by_alias=True, schema_generator=_WireSchema)
    definitions: dict[str, Any] = full.get("$defs", {})
    properties: dict[str, Any] = {
        "apiVersion": {"type": "string"},
        "kind": {"type": "string"},
        "metadata": {"type": "object"},
    }
    for name in ("spec", "status"):
        if name in full["properties"]:
            properties[name] = _convert(full["properties"][name], definitions)
            properties[name].pop("default", None)
    return {
        "type": "object",
        "description": " ".join((model.__doc__ or "").split()),
        "required": ["spec"],
        "properties": properties,
    }


def _convert(node: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    node, nullable = _resolve(node, definitions)
    result = {key: value for key, value in node.items() if key not in _DROPPED}
    if "const" in node:
        result["enum"] = [node["const"]]
    if "properties" in node:
        result["type"] = "object"
        result["properties"] = {
            name: _convert(child, definitions) for name, child in node["properties"].items()
        }
    elif result.get("type") == "object":
        values = node.get("additionalProperties")
        result["additionalProperties"] = (
            _convert(values, definitions) if isinstance(values, dict) else {"type": "string"}
        )
        if "maxProperties" not in result and "maxLength" in result:
            result["maxProperties"] = result.pop("maxLength")
    if "items" in node:
        result["items"] = _convert(node["items"], definitions)
        if _is_condition(result["items"]):
            result["x-kubernetes-list-type"] = "map"
            result["x-kubernetes-list-map-keys"] = ["type"]
    if result.get("type") == "string" and not {"maxLength", "enum", "format"} & result.keys():
        result["maxLength"] = _UNBOUNDED_TEXT
    if "default" in node and node["default"] is not None and not nullable:
        result["default"] = node["default"]
    return dict(sorted(result.items(), key=_reading_order))


def _resolve(node: dict[str, Any], definitions: dict[str, Any]) -> tuple[dict[str, Any], bool]:
    """The node with `$ref`, `allOf` and optional `anyOf` folded in; and whether null was one of its forms.

    Null itself is not taken over: an optional field is one that is left out, and the API server drops nulls before it validates.
    """
    nullable = False
    if "anyOf" in node:
        forms = [form for form in node["anyOf"] if form.get("type") != "null"]
        nullable = len(forms) < len(node["anyOf"])
        if len(forms) != 1:
            raise ValueError(f"a field with several types has no structural schema: {node}")
        node = {**forms[0], **{key: value for key, value in node.items() if key != "anyOf"}}
    if "$ref" in node:
        target, _ = _resolve(definitions[node["$ref"].rsplit("/", 1)[1]], definitions)
        node = {**target, **{key: value for key, value in node.items() if key != "$ref"}}
    return node, nullable


def _is_condition(schema: dict[str, Any]) -> bool:
    return {"type", "status", "lastTransitionTime"} <= set(schema.get("properties", {}))


def _reading_order(item: tuple[str, Any]) -> tuple[int, str]:
    first = ("type", "description", "default", "required", "properties", "items")
    key = item[0]
    return (first.index(key), "") if key in first else (len(first), key)
