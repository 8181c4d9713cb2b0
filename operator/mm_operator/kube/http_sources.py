"""Two read-only HTTP sources: Prometheus for Custom gates, and a venue's public symbol list.

Errors come back as values: a gate's Error, a condition's message.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import aiohttp

from mm_operator.kube.clock import Clock

TIMEOUT = aiohttp.ClientTimeout(total=5)
LISTING_HOLDS_S = 300.0
FAILURE_HOLDS_S = 5.0
MOST_VENUES = 64


@dataclass(frozen=True)
class Reading:
    """One number, no data, or why there is none."""

    value: float | None = None
    error: str = ""


class Prometheus:
    """Instant queries with one number as their answer."""

    def __init__(self, session: aiohttp.ClientSession, url: str | None) -> None:
        self._session = session
        self._url = url.rstrip("/") if url else None

    async def query(self, promql: str) -> Reading:
        """The value of a query. NaN and an empty vector are no data; more than one series is an error."""
        if self._url is None:
            return Reading(error="no Prometheus is configured (--prometheus-url)")
        try:
            async with self._session.get(
                f"{self._url}/api/v1/query", params={"query": promql}, timeout=TIMEOUT
            ) as response:
                body: dict[str, Any] = await response.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            return Reading(error=f"Prometheus does not answer: {error or type(error).__name__}"[:300])
        if not isinstance(body, dict) or body.get("status") != "success":
            return Reading(
                error=f"Prometheus refuses the query: {body.get('error', '') if isinstance(body, dict) else body}"[
                    :300
                ]
            )
        return _single(body.get("data", {}))


def _single(data: dict[str, Any]) -> Reading:
    result = data.get("result", [])
    if data.get("resultType") == "vector":
        if len(result) > 1:
            return Reading(error=f"the query gives {len(result)} series, one is needed")
        result = result[0]["value"] if result else None
    elif data.get("resultType") != "scalar":
        return Reading(error=f"the query gives a {data.get('resultType')}, one number is needed")
    if result is None:
        return Reading()
    value = float(result[1])
    return Reading() if math.isnan(value) else Reading(value)


@dataclass(frozen=True)
class Listing:
    """A venue's symbols that trade, or why they are not known."""

    symbols: frozenset[str] = frozenset()
    error: str = ""


class VenueListings:
    """Symbols by venue address, remembered for minutes (a failure for seconds). No keys are needed to ask."""

    def __init__(self, session: aiohttp.ClientSession, clock: Clock) -> None:
        self._session = session
        self._clock = clock
        self._known: dict[str, tuple[float, Listing]] = {}

    async def listing(self, rest_url: str) -> Listing:
        """What the venue lists and trades now."""
        at = self._clock.monotonic()
        known = self._known.get(rest_url)
        if known is not None and at < known[0]:
            return known[1]
        found = await self._ask(rest_url)
        if len(self._known) >= MOST_VENUES:
            self._known.clear()
        self._known[rest_url] = (at + (FAILURE_HOLDS_S if found.error else LISTING_HOLDS_S), found)
        return found

    def forget(self, rest_url: str) -> None:
        """Ask again next time: a symbol was missing, and may have been listed since."""
        self._known.pop(rest_url, None)

    async def _ask(self, rest_url: str) -> Listing:
        url = f"{rest_url.rstrip('/')}/api/v3/exchangeInfo"
        try:
            async with self._session.get(url, timeout=TIMEOUT) as response:
                if response.status != 200:
                    return Listing(error=f"{url} answers {response.status}")
                body = await response.json(content_type=None)
            return Listing(
                frozenset(entry["symbol"] for entry in body["symbols"] if entry.get("status") == "TRADING")
            )
        except (aiohttp.ClientError, TimeoutError, ValueError, KeyError, TypeError) as error:
            return Listing(error=f"{url} does not answer: {error or type(error).__name__}"[:300])
