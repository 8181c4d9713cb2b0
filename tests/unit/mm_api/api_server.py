"""What an API server does with an object before it stores it: defaults are filled in, then the schema's rules (CEL) are evaluated, node by node.

Types, patterns and ranges are its plain schema, which `kubectl` tests on a real cluster cover; here it is the rules, in milliseconds.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import cel

from mm_api.generate import crd
from mm_api.kinds.common import Resource
from mm_api.scalars import parse_quantity


def schema_of(kind: type[Resource]) -> dict[str, Any]:
    """The spec's schema as it is installed."""
    found: dict[str, Any] = crd(kind)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]
    return found["spec"]


def refusals(kind: type[Resource], spec: dict[str, Any]) -> list[str]:
    """`path: message` of each rule that does not hold; a rule that compares with the stored object holds for a new one."""
    schema = schema_of(kind)
    return list(_judged(schema, _defaulted(schema, spec), "spec"))


def _defaulted(schema: dict[str, Any], value: Any) -> Any:
    if isinstance(value, list):
        return [_defaulted(schema["items"], item) for item in value]
    if not isinstance(value, dict):
        return value
    fields = schema.get("properties", {})
    filled = value | {
        name: field["default"] for name, field in fields.items() if "default" in field and name not in value
    }
    values = schema.get("additionalProperties", {})
    return {name: _defaulted(fields.get(name, values), item) for name, item in filled.items()}


def _judged(schema: dict[str, Any], value: Any, path: str) -> Iterator[str]:
    for rule in schema.get("x-kubernetes-validations", ()):
        if "oldSelf" not in rule["rule"] and not cel.evaluate(rule["rule"], _context(value)):
            yield f"{path}: {rule['message']}"
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _judged(schema["items"], item, f"{path}[{index}]")
    elif isinstance(value, dict):
        fields, values = schema.get("properties", {}), schema.get("additionalProperties", {})
        for name, item in value.items():
            yield from _judged(fields.get(name, values), item, f"{path}.{name}")


def _context(value: Any) -> cel.Context:
    """With Kubernetes' own functions, as far as the rules use them."""
    context = cel.Context({"self": value})
    context.add_function("isSorted", lambda items: list(items) == sorted(items))
    context.add_function("sum", lambda items: sum(items))
    context.add_function("isQuantity", _is_quantity)
    context.add_function("quantity", lambda text: 0.0 if text == "0" else float(parse_quantity(text)))
    context.add_function("isGreaterThan", lambda one, other: one > other)
    return context


def _is_quantity(text: str) -> bool:
    try:
        parse_quantity(text)
    except ValueError:
        return False
    return True
