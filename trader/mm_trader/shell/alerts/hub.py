"""The one place that alerts are sent to. A channel must return at once and must not raise; what takes time is its own affair (`outlet`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import structlog

from mm_api.redis_contract import AlertRecord
from mm_trader.core.clock import Clock
from mm_trader.core.units import NS_PER_MS

Channel = Callable[[AlertRecord], None]
_METHOD = {"info": "info", "warning": "warning", "critical": "error"}

log = structlog.get_logger("alert")


def warning(
    clock: Clock, reason: str, message: str, severity: Literal["warning", "critical"] = "warning"
) -> AlertRecord:
    """Something that people should look at; it happened now."""
    return AlertRecord(
        kind="Warning",
        severity=severity,
        at_ms=clock.wall_ns() // NS_PER_MS,
        reason=reason,
        message=message,
    )


def log_channel(record: AlertRecord) -> None:
    """One log line for each alert, at the level of its severity."""
    write = getattr(log, _METHOD[record.severity])
    write("alert", kind=record.kind, reason=record.reason, message=record.message, halt_id=record.halt_id)


class Alerts:
    """Sends each alert to every channel, in order: the log first, so that no later channel can cost the line."""

    def __init__(self, channels: Sequence[Channel]) -> None:
        self._channels = tuple(channels)
        self.sent = 0

    def send(self, record: AlertRecord) -> None:
        """Send to all."""
        self.sent += 1
        for channel in self._channels:
            channel(record)
