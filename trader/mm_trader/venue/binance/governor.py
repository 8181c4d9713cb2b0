"""Keeps us inside the venue's rate limits, and keeps a share of them for cancels.

Limits come from exchangeInfo; how much is used comes from the headers and `rateLimits` of replies, plus what is under way. Windows are
aligned to the venue's clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import NamedTuple

import structlog

from mm_trader.core.units import NS_PER_MS, NS_PER_S
from mm_trader.venue.binance.settings import GatewaySettings
from mm_trader.venue.binance.venue_clock import VenueClock
from mm_trader.venue.binance.wire.replies import RateLimit

log = structlog.get_logger(__name__)

_INTERVAL_NS = {
    "SECOND": NS_PER_S,
    "MINUTE": 60 * NS_PER_S,
    "HOUR": 3600 * NS_PER_S,
    "DAY": 86_400 * NS_PER_S,
}
_LETTERS = {"S": "SECOND", "M": "MINUTE", "H": "HOUR", "D": "DAY"}
_HEADERS = {"x-mbx-used-weight-": "REQUEST_WEIGHT", "x-mbx-order-count-": "ORDERS"}

Key = tuple[str, str, int]


class Purpose(StrEnum):
    """Who asks for the budget."""

    CANCEL = "cancel"
    PLACE = "place"
    QUERY = "query"


class _Window:
    """One limit and its current fixed window."""

    def __init__(self, limit: int, length_ns: int) -> None:
        self.limit = limit
        self.length_ns = length_ns
        self.number = -1
        self.used = 0
        self.under_way = 0

    def roll(self, now_ns: int) -> None:
        number = now_ns // self.length_ns
        if number != self.number:
            self.number = number
            self.used = self.under_way


class _Share(NamedTuple):
    """What one kind of request takes of one limit."""

    key: Key
    window: _Window
    cost: int
    allowance: float


class RateGovernor:
    """Admits or refuses before a request is written."""

    def __init__(self, venue_clock: VenueClock, settings: GatewaySettings) -> None:
        self._venue_clock = venue_clock
        self._settings = settings
        self._windows: dict[Key, _Window] = {}
        self._shares: dict[tuple[Purpose, int], list[_Share]] = {}
        """By purpose and weight, as long as the limits stay."""
        self._paused_until = 0
        self._cancels_paused_until = 0
        self._banned_until = 0

    # --- limits and counts ---------------------------------------------------------------------------------------------------------------

    def configure(self, limits: Iterable[RateLimit]) -> None:
        """Take over the limits of exchangeInfo; counts of limits that stay are kept."""
        for limit in limits:
            unit = _INTERVAL_NS.get(limit.interval)
            if unit is None or limit.interval_num <= 0:
                log.warning("rate_limit_not_understood", type=limit.rate_limit_type, interval=limit.interval)
                continue
            key = (limit.rate_limit_type, limit.interval, limit.interval_num)
            window = self._windows.setdefault(key, _Window(limit.limit, unit * limit.interval_num))
            window.limit = limit.limit
        self._shares.clear()

    def observe(self, limits: Iterable[RateLimit]) -> None:
        """`rateLimits` of a reply: the venue's count, plus what is still under way."""
        for limit in limits:
            if limit.count is not None:
                self._count(limit.rate_limit_type, limit.interval, limit.interval_num, limit.count)

    def observe_headers(self, headers: Mapping[str, str]) -> None:
        """`X-MBX-USED-WEIGHT-1M` and its kind."""
        for name, value in headers.items():
            lowered = name.lower()
            for prefix, kind in _HEADERS.items():
                span = lowered[len(prefix) :].upper()
                if lowered.startswith(prefix) and span[:-1].isdigit() and value.isdigit():
                    self._count(kind, _LETTERS.get(span[-1], ""), int(span[:-1]), int(value))

    def _count(self, kind: str, interval: str, number: int, count: int) -> None:
        window = self._windows.get((kind, interval, number))
        if window is not None:
            window.roll(self._venue_clock.now_ns())
            window.used = count + window.under_way

    # --- admission -----------------------------------------------------------------------------------------------------------------------

    def admit(self, purpose: Purpose, weight: int) -> str | None:
        """None: go, and call `settled` once it ended. Otherwise the reason why not."""
        now = self._venue_clock.clock.monotonic_ns()
        if now < self._banned_until:
            return "banned by the venue"
        if purpose is Purpose.CANCEL:
            if now < self._cancels_paused_until:
                return "the venue throttles cancels"
        elif now < self._paused_until:
            return "the venue asked to wait"
        venue_now = self._venue_clock.now_ns()
        shares = self._shares_of(purpose, weight)
        for (kind, interval, number), window, cost, allowance in shares:
            window.roll(venue_now)
            if window.used + cost > allowance:
                return f"limit {kind} of {window.limit} per {number} {interval.lower()} is used up"
        for _, window, cost, _ in shares:
            window.used += cost
            window.under_way += cost
        return None

    def settled(self, purpose: Purpose, weight: int) -> None:
        """The request ended: from now on the venue's own count includes it."""
        for _, window, cost, _ in self._shares_of(purpose, weight):
            window.under_way = max(0, window.under_way - cost)

    def _shares_of(self, purpose: Purpose, weight: int) -> list[_Share]:
        shares = self._shares.get((purpose, weight))
        if shares is None:
            shares = self._shares[purpose, weight] = [
                _Share(key, window, cost, self._allowance(key[0], purpose, window))
                for key, window in self._windows.items()
                if (cost := _cost(key[0], purpose, weight))
            ]
        return shares

    def _allowance(self, kind: str, purpose: Purpose, window: _Window) -> float:
        if kind == "ORDERS" or purpose is Purpose.CANCEL:
            return window.limit
        return window.limit * (1 - self._settings.cancel_share)

    # --- pauses --------------------------------------------------------------------------------------------------------------------------

    def throttled(self, purpose: Purpose, retry_after_s: float | None) -> None:
        """A 429: no new orders or queries for that long. Cancels go on, but a cancel that was itself refused makes them wait a second, or a ban follows."""
        wait_s = self._settings.throttle_default_s if retry_after_s is None else retry_after_s
        now = self._venue_clock.clock.monotonic_ns()
        if now >= self._paused_until:
            log.warning("venue_throttles", wait_s=wait_s, purpose=purpose.value)
        self._paused_until = max(self._paused_until, now + int(wait_s * NS_PER_S))
        if purpose is Purpose.CANCEL:
            self._cancels_paused_until = now + int(min(wait_s, 1.0) * NS_PER_S)

    def banned(self, retry_after_s: float | None) -> bool:
        """A 418: nothing at all for that long. True: no ban was running before."""
        wait_s = self._settings.ban_default_s if retry_after_s is None else retry_after_s
        now = self._venue_clock.clock.monotonic_ns()
        begins = now >= self._banned_until
        if begins:
            log.error("venue_banned_us", wait_s=wait_s)
        self._banned_until = max(self._banned_until, now + int(wait_s * NS_PER_S))
        return begins

    def ban_left_s(self) -> float:
        """Seconds until anything may be sent again; 0 without a ban."""
        return max(0.0, (self._banned_until - self._venue_clock.clock.monotonic_ns()) / NS_PER_S)

    def wait_of(self, epoch_ms: int) -> float:
        """The WebSocket API's `retryAfter` (epoch ms) → seconds from now."""
        return max(0.0, (epoch_ms * NS_PER_MS - self._venue_clock.now_ns()) / NS_PER_S)

    def weight(self) -> tuple[int, int]:
        """(used, limit) of the request weight; (0, 0) while unknown."""
        for (kind, _, _), window in self._windows.items():
            if kind == "REQUEST_WEIGHT":
                window.roll(self._venue_clock.now_ns())
                return window.used, window.limit
        return 0, 0


def _cost(kind: str, purpose: Purpose, weight: int) -> int:
    if kind == "REQUEST_WEIGHT":
        return weight
    if kind == "ORDERS":
        return 1 if purpose is Purpose.PLACE else 0
    return 1 if kind == "RAW_REQUESTS" else 0
