"""Rate limits in windows aligned to the clock, counted per IP (weight, raw requests) and per account (orders).

The same counts appear in REST headers, in `rateLimits` of every WebSocket API reply, and in `rateLimit/order`.
An address that goes on after 429 is banned (418), the longer the more often: 2 minutes at first, 3 days at most.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from ..config import LimitConfig
from ..engine.errors import RefusalError
from ..time import NS_PER_S, Clock

FIRST_BAN_S = 120
LONGEST_BAN_S = 3 * 86_400
BAN_GROWTH = 4
"""Each further ban is this many times longer (a guess: the docs give the ends of the scale only)."""
CONNECT_WINDOW_S = 300
USED = "X-MBX-USED-WEIGHT"


class LimitType(StrEnum):
    WEIGHT = "REQUEST_WEIGHT"
    ORDERS = "ORDERS"
    RAW = "RAW_REQUESTS"


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """One limit: `limit` per `number` `interval`s. Compared by identity: rules are keys of every count."""

    type: LimitType
    interval: str
    number: int
    limit: int
    seconds: int = field(init=False)
    window_ns: int = field(init=False)
    header: str = field(init=False)
    json_head: str = field(init=False)
    """All of `shape` up to the count, as JSON: this is in every WebSocket API reply."""

    def __post_init__(self) -> None:
        seconds = self.number * {"SECOND": 1, "MINUTE": 60, "DAY": 86_400}[self.interval]
        derived = {
            "seconds": seconds,
            "window_ns": seconds * NS_PER_S,
            "header": f"{self.number}{self.interval[0]}",
        }
        for name, value in derived.items():
            object.__setattr__(self, name, value)
        object.__setattr__(
            self, "json_head", json.dumps(self.shape(), separators=(",", ":"))[:-1] + ',"count":'
        )

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
        self.stream_messages_per_s = config.stream_messages_per_s or 0
        self.connection_life_s = config.connection_life_s
        self._ban_after = config.ban_after
        self._refused: dict[str, list[int]] = {}
        """By address: [window of the last 429, how many in it]."""
        self._bans: dict[str, list[int]] = {}
        """By address: [end of the ban in ns, bans so far]."""
        self._ban_all_until = 0
        self._connects = config.connects_per_5_minutes
        self._connected: dict[str, list[int]] = {}
        """By address: [window, new connections in it]."""

    def count(self, owner: str, rule: Rule) -> int:
        window = self._clock.now() // rule.window_ns
        entry = self._counts.get((owner, rule))
        return entry[1] if entry is not None and entry[0] == window else 0

    def _add(self, owner: str, rule: Rule, amount: int) -> None:
        window = self._clock.now() // rule.window_ns
        entry = self._counts.get((owner, rule))
        if entry is None or entry[0] != window:
            self._counts[owner, rule] = [window, max(0, amount)]
        else:
            entry[1] = max(0, entry[1] + amount)

    def retry_after_s(self, rule: Rule) -> int:
        """Whole seconds until the rule's window ends, at least 1."""
        left = rule.window_ns - self._clock.now() % rule.window_ns
        return max(1, -(-left // NS_PER_S))

    def charge(self, ip: str, weight: int) -> None:
        """Count one request of `weight` from an address, or refuse it with 429, or 418 while it is banned."""
        self.check_ban(ip)
        for rule in self._ip_rules:
            amount = weight if rule.type is LimitType.WEIGHT else 1
            if self.count(ip, rule) + amount > rule.limit:
                self._note_refusal(ip, rule)
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

    def check_ban(self, ip: str) -> None:
        """Refuse with 418 while the address is banned."""
        until = self._ban_all_until
        if ip in self._bans:
            until = max(until, self._bans[ip][0])
        now = self._clock.now()
        if now < until:
            raise RefusalError(
                -1003,
                f"Way too much request weight used; IP banned until {until // 1_000_000}. "
                "Please use WebSocket Streams for live updates to avoid bans.",
                418,
                {"retryAfter": max(1, -(-(until - now) // NS_PER_S))},
            )

    def ban_all(self, seconds: float) -> int:
        """Ban every address for so long (0: lift all bans); the end in epoch ms."""
        if seconds <= 0:
            self._bans.clear()
            self._refused.clear()
            self._ban_all_until = 0
            return 0
        self._ban_all_until = self._clock.now() + int(seconds * NS_PER_S)
        return self._ban_all_until // 1_000_000

    def _note_refusal(self, ip: str, rule: Rule) -> None:
        """A 429 of the address; one too many in a window is a ban."""
        if not self._ban_after:
            return
        window = self._clock.now() // (rule.seconds * NS_PER_S)
        seen = self._refused.setdefault(ip, [window, 0])
        if seen[0] != window:
            seen[:] = [window, 0]
        seen[1] += 1
        if seen[1] <= self._ban_after:
            return
        del self._refused[ip]
        ban = self._bans.setdefault(ip, [0, 0])
        length = min(LONGEST_BAN_S, FIRST_BAN_S * BAN_GROWTH ** min(ban[1], 8))
        ban[:] = [self._clock.now() + length * NS_PER_S, ban[1] + 1]
        self.check_ban(ip)

    def connect(self, ip: str) -> None:
        """Count one new WebSocket of an address, or refuse it with 429 (418 while it is banned)."""
        self.check_ban(ip)
        if not self._connects:
            return
        now = self._clock.now()
        window = now // (CONNECT_WINDOW_S * NS_PER_S)
        seen = self._connected.setdefault(ip, [window, 0])
        if seen[0] != window:
            seen[:] = [window, 0]
        if seen[1] >= self._connects:
            left = CONNECT_WINDOW_S - now // NS_PER_S % CONNECT_WINDOW_S
            raise RefusalError(
                -1003,
                f"Too many connections; current limit is {self._connects} per 5 MINUTE.",
                429,
                {"retryAfter": left},
            )
        seen[1] += 1

    def refund(self, ip: str, weight: int) -> None:
        """Successful order placement costs nothing."""
        for rule in self._ip_rules:
            if rule.type is LimitType.WEIGHT:
                self._add(ip, rule, -weight)

    def check_orders(self, account: str, amount: int = 1) -> None:
        """Refuse with 429 (-1015) if so many more orders would exceed a limit."""
        for rule in self._order_rules:
            if self.count(account, rule) + amount > rule.limit:
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
        """Of a reply; the weight's under its old name, without the interval, too, as the venue still sends it."""
        headers: dict[str, str] = {}
        for rule in self._ip_rules:
            if rule.type is LimitType.WEIGHT:
                headers |= dict.fromkeys((USED, f"{USED}-{rule.header}"), str(self.count(ip, rule)))
        if account is not None:
            for rule in self._order_rules:
                headers[f"X-MBX-ORDER-COUNT-{rule.header}"] = str(self.count(account, rule))
        return headers

    def encoded(self, ip: str, account: str | None) -> str:
        """`rateLimits` of a WebSocket API reply, as JSON."""
        parts = []
        if account is not None:
            parts = [f"{rule.json_head}{self.count(account, rule)}}}" for rule in self._order_rules]
        parts += [
            f"{rule.json_head}{self.count(ip, rule)}}}"
            for rule in self._ip_rules
            if rule.type is LimitType.WEIGHT
        ]
        return f"[{','.join(parts)}]"

    def order_shapes(self, account: str) -> list[dict[str, Any]]:
        return [r.shape(self.count(account, r)) for r in self._order_rules]
