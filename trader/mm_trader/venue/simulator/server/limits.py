"""Rate limits in windows aligned to the clock, counted per IP (weight, raw requests) and per account (orders).

The same counts appear in REST headers, in `rateLimits` of every WebSocket API reply, and in `rateLimit/order`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from ..config import LimitConfig
from ..engine.errors import RefusalError
from ..time import NS_PER_S, Clock


class LimitType(StrEnum):
    WEIGHT = "REQUEST_WEIGHT"
    ORDERS = "ORDERS"
    RAW = "RAW_REQUESTS"


@dataclass(frozen=True, slots=True)
class Rule:
    """One limit: `limit` per `number` `interval`s."""

    type: LimitType
    interval: str
    number: int
    limit: int

    @property
    def seconds(self) -> int:
        return self.number * {"SECOND": 1, "MINUTE": 60, "DAY": 86_400}[self.interval]

    @property
    def header(self) -> str:
        return f"{self.number}{self.interval[0]}"

    def shape(self, count: int | None = None) -> dict[str, Any]:
        shape: dict[str, Any] = {
            "rateLimitType": self.type.value,
            "interval": self.interval,
            "intervalNum": self.number,
            "limit": self.limit,
        }
        if count is not None:
            shape["count"] = count
        return shape


class RateLimits:
    """Counters by owner (an address or an account) and rule."""

    def __init__(self, config: LimitConfig, clock: Clock) -> None:
        self._clock = clock
        sizes = (
            (LimitType.WEIGHT, "MINUTE", 1, config.weight_per_minute),
            (LimitType.ORDERS, "SECOND", 10, config.orders_per_10s),
            (LimitType.ORDERS, "MINUTE", 1, config.orders_per_minute),
            (LimitType.ORDERS, "DAY", 1, config.orders_per_day),
            (LimitType.RAW, "MINUTE", 5, config.raw_per_5_minutes),
        )
        self.rules = tuple(Rule(kind, interval, n, most) for kind, interval, n, most in sizes if most)
        self._ip_rules = tuple(r for r in self.rules if r.type is not LimitType.ORDERS)
        self._order_rules = tuple(r for r in self.rules if r.type is LimitType.ORDERS)
        self._counts: dict[tuple[str, Rule], list[int]] = {}

    def count(self, owner: str, rule: Rule) -> int:
        window = self._clock.now() // (rule.seconds * NS_PER_S)
        entry = self._counts.get((owner, rule))
        return entry[1] if entry is not None and entry[0] == window else 0

    def _add(self, owner: str, rule: Rule, amount: int) -> None:
        window = self._clock.now() // (rule.seconds * NS_PER_S)
        entry = self._counts.get((owner, rule))
        if entry is None or entry[0] != window:
            self._counts[owner, rule] = [window, max(0, amount)]
        else:
            entry[1] = max(0, entry[1] + amount)

    def retry_after_s(self, rule: Rule) -> int:
        """Whole seconds until the rule's window ends, at least 1."""
        left = rule.seconds * NS_PER_S - self._clock.now() % (rule.seconds * NS_PER_S)
        return max(1, -(-left // NS_PER_S))

    def charge(self, ip: str, weight: int) -> None:
        """Count one request of `weight` from an address, or refuse it with 429."""
        for rule in self._ip_rules:
            amount = weight if rule.type is LimitType.WEIGHT else 1
            if self.count(ip, rule) + amount > rule.limit:
                raise RefusalError(
                    -1003,
                    f"Too much request weight used; current limit is {rule.limit} request weight per {rule.number} "
                    f"{rule.interval}. Please use WebSocket Streams for live updates to avoid polling the API."
                    if rule.type is LimitType.WEIGHT
                    else f"Too many requests; current limit is {rule.limit} requests per {rule.number} {rule.interval}.",
                    429,
                    {"retryAfter": self.retry_after_s(rule)},
                )
        for rule in self._ip_rules:
            self._add(ip, rule, weight if rule.type is LimitType.WEIGHT else 1)

    def refund(self, ip: str, weight: int) -> None:
        """Successful order placement costs nothing."""
        for rule in self._ip_rules:
            if rule.type is LimitType.WEIGHT:
                self._add(ip, rule, -weight)

    def check_orders(self, account: str) -> None:
        """Refuse with 429 (-1015) if one more order would exceed a limit."""
        for rule in self._order_rules:
            if self.count(account, rule) + 1 > rule.limit:
                raise RefusalError(
                    -1015,
                    f"Too many new orders; current limit is {rule.limit} orders per {rule.number} {rule.interval}.",
                    429,
                    {"retryAfter": self.retry_after_s(rule)},
                )

    def add_orders(self, account: str, amount: int) -> None:
        """Count accepted orders (negative: fills give unfilled-order count back)."""
        for rule in self._order_rules:
            self._add(account, rule, amount)

    def headers(self, ip: str, account: str | None) -> dict[str, str]:
        headers = {
            f"X-MBX-USED-WEIGHT-{rule.header}": str(self.count(ip, rule))
            for rule in self._ip_rules
            if rule.type is LimitType.WEIGHT
        }
        if account is not None:
            for rule in self._order_rules:
                headers[f"X-MBX-ORDER-COUNT-{rule.header}"] = str(self.count(account, rule))
        return headers

    def shapes(self, ip: str, account: str | None) -> list[dict[str, Any]]:
        """`rateLimits` of a WebSocket API reply."""
        shapes = [r.shape(self.count(ip, r)) for r in self._ip_rules if r.type is LimitType.WEIGHT]
        if account is not None:
            shapes += [r.shape(self.count(account, r)) for r in self._order_rules]
        return shapes

    def order_shapes(self, account: str) -> list[dict[str, Any]]:
        return [r.shape(self.count(account, r)) for r in self._order_rules]
