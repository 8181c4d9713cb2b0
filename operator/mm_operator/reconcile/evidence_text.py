"""The trader's counters as a StageRecord keeps them: flat, as text, by their wire names. Pure."""

from __future__ import annotations

from mm_api.redis_contract import Evidence

_NOT_COUNTERS = ("schemaVersion", "scope", "revision")
LONGEST_VALUE = 512


def evidence_fields(evidence: Evidence | None) -> dict[str, str]:
    """Every counter of the evidence, nested ones with dots: `pnlSamples.mean`. Empty where there is no evidence."""
    if evidence is None:
        return {}
    fields: dict[str, str] = {}
    for name, value in evidence.to_wire().items():
        if name in _NOT_COUNTERS:
            continue
        if isinstance(value, dict):
            for key, inner in value.items():
                parts = inner.items() if isinstance(inner, dict) else [("", inner)]
                fields.update(
                    {f"{name}.{key}" + (f".{part}" if part else ""): str(item) for part, item in parts}
                )
        elif isinstance(value, list):
            fields[name] = ", ".join(map(str, value))[:LONGEST_VALUE]
        else:
            fields[name] = str(value)
    return fields
