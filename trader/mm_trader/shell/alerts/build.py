"""From the config to the outlets, and their part in the lifecycle."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from mm_api.redis_contract import AlertRecord
from mm_api.trader_config import AlertChannel, TraderConfig
from mm_trader.core.clock import Clock
from mm_trader.core.units import NS_PER_MS
from mm_trader.shell.alerts.outlet import SEND_TIMEOUT_S, Outlet, Sender
from mm_trader.shell.config import secret_file
from mm_trader.shell.lifecycle import PartHealth
from mm_trader.shell.logs import redactor
from mm_trader.shell.tasks import Tasks

FLUSH_S = 3.0
MAIL_TIMEOUT_S = 60.0
"""Mail servers may keep strangers waiting at each step."""
Standing = Callable[[], Sequence[AlertRecord]]
"""The trader's own halts that stand now."""


def build_outlets(config: TraderConfig, clock: Clock, standing: Standing) -> list[Outlet]:
    """One outlet per configured channel. Raises ConfigError for secrets that cannot be read."""
    alerts = config.alerts
    return [
        Outlet(
            channel,
            _sender(config, channel, clock, standing),
            clock,
            window_ns=round(alerts.throttle.total_seconds() * 1e9),
            capacity=alerts.queue,
            timeout_s=MAIL_TIMEOUT_S if channel.type == "Smtp" else SEND_TIMEOUT_S,
        )
        for channel in alerts.channels
    ]


def _sender(config: TraderConfig, channel: AlertChannel, clock: Clock, standing: Standing) -> Sender:
    # imported here: a trader without channels does not pay for them
    from mm_trader.shell.alerts import senders

    secret = _secret(channel, "secretFile", channel.secret_file)
    url = _secret(channel, "urlFile", channel.url_file) or channel.url or ""
    match channel.type:
        case "Console":
            return senders.ConsoleSender(config)
        case "Smtp":
            from mm_trader.shell.alerts.mail import SmtpSender

            return SmtpSender(config, channel, secret)
        case "Webhook":
            return senders.WebhookSender(config, senders.HttpSender(url, secret))
        case "Alertmanager":
            http = senders.HttpSender(f"{url.rstrip('/')}/api/v2/alerts", secret)
            return senders.AlertmanagerSender(config, http, lambda: clock.wall_ns() // NS_PER_MS, standing)


def _secret(channel: AlertChannel, field: str, path: str | None) -> str | None:
    """What a channel's file holds, kept out of every log from now on; None: it names none."""
    if path is None:
        return None
    value = secret_file(path, f"alerts.channels.{channel.name}.{field}")
    redactor.register(value)
    return value


class AlertsPart:
    """Started early and stopped late, so that the last alert is delivered too."""

    name = "alerts"

    def __init__(self, outlets: list[Outlet], tasks: Tasks) -> None:
        self._outlets = outlets
        self._tasks = tasks

    async def start(self) -> None:
        """Begin to deliver."""
        for outlet in self._outlets:
            self._tasks.spawn(outlet.run(), f"alerts-{outlet.name}")

    async def stop(self) -> None:
        """Deliver what waits, within a moment: all channels at once, as several may be dead."""
        await self._tasks.cancel()
        await asyncio.gather(*(outlet.flush(FLUSH_S) for outlet in self._outlets))

    def health(self) -> PartHealth:
        """A channel that is down is said, and stops nothing."""
        down = [f"{outlet.name}: {outlet.failing}" for outlet in self._outlets if outlet.failing]
        return PartHealth(healthy=True, detail="; ".join(down) or f"{len(self._outlets)} channels")
