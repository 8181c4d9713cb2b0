"""Alerts and configs with channels, made of as little as they need."""

from __future__ import annotations

import asyncio
from typing import Any

from mm_api.redis_contract import AlertRecord
from mm_api.trader_config import AlertChannel, TraderConfig

S = 1_000_000_000
AT_MS = 1_700_000_000_000


def alert(reason: str = "DailyLossLimit", **changes: Any) -> AlertRecord:
    fields = {
        "kind": "Halt",
        "severity": "critical",
        "at_ms": AT_MS,
        "reason": reason,
        "message": "loss is 20",
    }
    return AlertRecord.model_validate({**fields, "halt_id": "risk-dailylosslimit-1", **changes})


def config(*channels: dict[str, Any], **alerts: Any) -> TraderConfig:
    return TraderConfig.model_validate(
        {
            "name": "eth",
            "namespace": "desk",
            "identity": "sim.acc1",
            "symbols": ["ETHUSDC"],
            "venue": {
                "environment": "simulator",
                "restUrl": "http://v",
                "wsApiUrl": "ws://v",
                "streamUrl": "ws://v",
            },
            "risk": {"capital": "100"},
            "alerts": {"channels": list(channels), **alerts},
        }
    )


def channel(type_: str = "Console", **fields: Any) -> AlertChannel:
    return AlertChannel.model_validate({"name": "c", "type": type_, **fields})


async def until(look: Any) -> None:
    async with asyncio.timeout(10):
        while not look():
            await asyncio.sleep(0)
