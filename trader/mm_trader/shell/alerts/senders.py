"""The channels: console, SMTP, webhook, Alertmanager. Each says one alert in its own language."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from typing import Any, TextIO

import aiohttp

from mm_api.redis_contract import AlertRecord
from mm_api.trader_config import AlertChannel, TraderConfig
from mm_trader.shell.alerts.outlet import SEND_TIMEOUT_S, SendError
from mm_trader.shell.alerts.text import body, headline, stamp

REPEAT_MS = 60_000
"""Alertmanager forgets what is not said again; a halt is said again for as long as it stands."""
LASTS_MS = 300_000
"""Alerts that are an event, not a state, end by themselves after this."""
_MOST_HALTS = 64


class ConsoleSender:
    """One line each on standard error (standard output belongs to the log)."""

    def __init__(self, config: TraderConfig, stream: TextIO | None = None) -> None:
        self._config = config
        self._stream = stream

    async def send(self, record: AlertRecord) -> None:
        """Write it."""
        stream = self._stream or sys.stderr
        halt = f" (halt {record.halt_id})" if record.halt_id else ""
        stream.write(f"{stamp(record.at_ms)} {headline(self._config, record)}: {record.message}{halt}\n")
        stream.flush()

    async def repeat(self) -> None:
        """Nothing is said twice."""

    async def close(self) -> None:
        """Nothing is held."""


class SmtpSender:
    """E-mail. The library blocks, so it runs on a thread: one connection for each mail, as alerts are rare."""

    def __init__(self, config: TraderConfig, channel: AlertChannel, password: str | None) -> None:
        self._config = config
        self._channel = channel
        self._password = password

    async def send(self, record: AlertRecord) -> None:
        """Send one mail."""
        await asyncio.to_thread(self._send, record)

    def _send(self, record: AlertRecord) -> None:
        # imported here: only who sends mail pays for it
        import smtplib
        import ssl
        from email.message import EmailMessage
        from email.utils import formatdate, make_msgid

        channel = self._channel
        mail = EmailMessage()
        mail["From"], mail["To"] = channel.sender, ", ".join(channel.recipients)
        mail["Subject"] = headline(self._config, record)
        mail["Date"], mail["Message-ID"] = formatdate(record.at_ms / 1000), make_msgid(domain="mm-rebuild")
        if record.severity == "critical":
            mail["X-Priority"] = "1"
        mail.set_content(body(self._config, record))
        host, port = channel.host or "", channel.port or 25
        try:
            if channel.security == "tls":
                server: smtplib.SMTP = smtplib.SMTP_SSL(
                    host, port, timeout=SEND_TIMEOUT_S, context=ssl.create_default_context()
                )
            else:
                server = smtplib.SMTP(host, port, timeout=SEND_TIMEOUT_S)
            with server:
                if channel.security == "starttls":
                    server.starttls(context=ssl.create_default_context())
                if channel.username is not None:
                    server.login(channel.username, self._password or "")
                server.send_message(mail)
        except smtplib.SMTPException as error:
            raise SendError(f"{host}:{port}: {type(error).__name__}") from None

    async def repeat(self) -> None:
        """A mail is sent once."""

    async def close(self) -> None:
        """Nothing is held."""


class HttpSender:
    """What webhook and Alertmanager share: POST of JSON, with a bearer token where there is one."""

    def __init__(self, url: str, token: str | None) -> None:
        self._url = url
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._session: aiohttp.ClientSession | None = None

    async def post(self, content: Any) -> None:
        """Raises SendError unless the answer is 2xx."""
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=SEND_TIMEOUT_S))
        try:
            async with self._session.post(self._url, json=content, headers=self._headers) as reply:
                if reply.status // 100 != 2:
                    raise SendError(f"status {reply.status}")
        except aiohttp.ClientError as error:
            raise SendError(type(error).__name__) from None

    async def close(self) -> None:
        """Close the session."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()


class WebhookSender:
    """POST of one JSON object an alert: the record's wire form and who says it."""

    def __init__(self, config: TraderConfig, http: HttpSender) -> None:
        self._config = config
        self._http = http

    async def send(self, record: AlertRecord) -> None:
        """Post it."""
        config = self._config
        who = {
            "name": config.name,
            "namespace": config.namespace,
            "identity": config.identity,
            "environment": config.venue.environment.value,
            "revision": config.revision,
            "scope": config.scope,
        }
        await self._http.post(
            {"version": 1, "trader": who, "text": headline(config, record), "alert": record.to_wire()}
        )

    async def repeat(self) -> None:
        """A webhook is called once."""

    async def close(self) -> None:
        """Close the session."""
        await self._http.close()


class AlertmanagerSender:
    """Alertmanager's own API (`POST /api/v2/alerts`). A halt is an alert that fires until the halt is lifted; everything else ends by itself."""

    def __init__(self, config: TraderConfig, http: HttpSender, wall_ms: Callable[[], int]) -> None:
        self._config = config
        self._http = http
        self._wall_ms = wall_ms
        self._halts: dict[str, AlertRecord] = {}
        self._said_ms = 0

    async def send(self, record: AlertRecord) -> None:
        """Post it; a lifted halt is resolved."""
        now = self._wall_ms()
        if record.kind == "HaltLifted":
            halt = self._halts.pop(record.halt_id or "", None)
            if halt is not None:
                await self._http.post([self._alert(halt, ends_ms=now)])
            return
        if record.kind == "Halt" and record.halt_id is not None:
            self._halts[record.halt_id] = record
            while len(self._halts) > _MOST_HALTS:
                del self._halts[next(iter(self._halts))]
            await self._http.post([self._alert(record, ends_ms=now + 3 * REPEAT_MS)])
            return
        await self._http.post([self._alert(record, ends_ms=now + LASTS_MS)])

    async def repeat(self) -> None:
        """Say again which halts stand."""
        now = self._wall_ms()
        if self._halts and now - self._said_ms >= REPEAT_MS:
            await self._http.post(
                [self._alert(halt, ends_ms=now + 3 * REPEAT_MS) for halt in self._halts.values()]
            )
            self._said_ms = now

    def _alert(self, record: AlertRecord, *, ends_ms: int) -> dict[str, Any]:
        config = self._config
        labels = {
            "alertname": f"MarketMaker{record.kind}",
            "severity": record.severity,
            "reason": record.reason,
            "market_maker": config.name,
            "namespace": config.namespace,
            "identity": config.identity,
            "halt_id": record.halt_id or "",
        }
        return {
            "labels": {name: value for name, value in labels.items() if value},
            "annotations": {"summary": headline(config, record), "description": record.message},
            "startsAt": stamp(record.at_ms),
            "endsAt": stamp(max(ends_ms, record.at_ms)),
        }

    async def close(self) -> None:
        """Close the session. What stands is resolved by Alertmanager when nobody says it again."""
        await self._http.close()
