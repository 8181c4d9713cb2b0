"""An alert in words, for people."""

from __future__ import annotations

from datetime import UTC, datetime

from mm_api.redis_contract import AlertRecord
from mm_api.trader_config import TraderConfig


def stamp(at_ms: int) -> str:
    """RFC 3339, UTC, ms."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def headline(config: TraderConfig, record: AlertRecord) -> str:
    """One line: how bad, who, what."""
    line = f"[{record.severity}] {config.namespace}/{config.name}: {record.kind} {record.reason}"
    return " ".join(line.split())


def body(config: TraderConfig, record: AlertRecord) -> str:
    """All of it, one fact a line."""
    lines = [
        headline(config, record),
        record.message,
        "",
        f"time: {stamp(record.at_ms)}",
        f"identity: {config.identity}",
        f"environment: {config.venue.environment.value}",
        f"revision: {config.revision}",
        f"scope: {config.scope}",
    ]
    if record.halt_id is not None:
        lines.append(f"halt: {record.halt_id}")
    return "\n".join(lines) + "\n"
