"""The channels console, webhook, Alertmanager; `mail` has SMTP. Each says one alert in its own language."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any, TextIO

import aiohttp

from mm_api.redis_contract import AlertRecord
from mm_api.trader_config import TraderConfig
from mm_trader.shell.alerts.outlet import SEND_TIMEOUT_S, SendError
from mm_trader.shell.alerts.text import headline, stamp

REPEAT_MS = 60_000
"""Alertmanager forgets what is not said again; a halt is said again for as long as it stands."""
LASTS_MS = 300_000
"""Alerts that are an event, not a state, end by themselves after this."""


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


class HttpSender:
    """What webhook and Alertmanager share: POST of JSON, with a bearer token where there is one."""

    def __init__(self, url: str, token: str | None) -> None:
        self._url = url
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._session: aiohttp.ClientSession | None = None

    async def post(self, content: Any) -> None:
        """Raises SendError unless the answer is 2xx. A redirect is none: followed, it would be asked by GET, and without the content."""
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=SEND_TIMEOUT_S))
        try:
            async with self._session.post(
                self._url, json=content, headers=self._headers, allow_redirects=False
            ) as reply:
                if reply.status // 100 != 2:
                    more = (
                        " (a redirect: give the address that it leads to)" if reply.status // 100 == 3 else ""
                    )
                    raise SendError(f"status {reply.status}{more}", refused=reply.status // 100 == 4)
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
    """Alertmanager's own API (`POST /api/v2/alerts`). A halt is an alert that fires for as long as it stands; everything else ends by itself."""

    def __init__(
        self,
        config: TraderConfig,
        http: HttpSender,
        wall_ms: Callable[[], int],
        standing: Callable[[], Sequence[AlertRecord]],
    ) -> None:
        """`standing`: the trader's own halts that stand now, those of a process before included."""
        self._config = config
        self._http = http
        self._wall_ms = wall_ms
        self._standing = standing
        self._said: dict[str, AlertRecord] = {}
        """Halts that Alertmanager has been told of, and not that they were lifted."""
        self._said_ms = 0

    async def send(self, record: AlertRecord) -> None:
        """Post it; a lifted halt is resolved."""
        now = self._wall_ms()
        if record.kind == "HaltLifted":
            halt = self._said.get(record.halt_id or "")
            if halt is not None:
                await self._end(halt, now)
            return
        if record.kind == "Halt" and record.halt_id is not None:
            await self._http.post([self._alert(record, ends_ms=now + 3 * REPEAT_MS)])
            self._said[record.halt_id] = record
            return
        await self._http.post([self._alert(record, ends_ms=now + LASTS_MS)])

    async def repeat(self) -> None:
        """Say again which halts stand, and of which it is over: the rule of a channel may have kept that alert from it."""
        now = self._wall_ms()
        stands = {halt.halt_id: halt for halt in self._standing() if halt.halt_id is not None}
        for over in [halt for halt_id, halt in self._said.items() if halt_id not in stands]:
            await self._end(over, now)
        new = stands.keys() - self._said.keys()
        if stands and (new or now - self._said_ms >= REPEAT_MS):
            halts = {halt_id: self._said.get(halt_id, halt) for halt_id, halt in stands.items()}
            await self._http.post([self._alert(halt, ends_ms=now + 3 * REPEAT_MS) for halt in halts.values()])
            self._said, self._said_ms = halts, now

    async def _end(self, halt: AlertRecord, now: int) -> None:
        await self._http.post([self._alert(halt, ends_ms=now)])
        self._said.pop(halt.halt_id or "", None)

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
