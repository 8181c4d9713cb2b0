"""The desk: what every call needs (engine, keys, limits, journal) and how a call is described.

Calls register in the `CALLS` tables of `calls_*`; `rest` and `wsapi` look them up and run them through `Desk.perform`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import msgspec

from ..engine.account import Account
from ..engine.errors import RefusalError
from ..engine.exchange import Exchange
from ..engine.types import Order, SymbolSpec
from ..journal import Journal
from ..time import NS_PER_MS, NS_PER_US, Clock
from . import shapes
from .auth import Authenticator, Identity
from .limits import RateLimits
from .params import Params
from .publisher import Publisher

KEY_LIFE_MS = 3_600_000
"""Of a listen key."""
AMENDMENTS = 5000
"""Of all accounts together."""


class Security(StrEnum):
    """What a call asks of the client: nothing, its API key, or a signature."""

    NONE = "NONE"
    KEY = "KEY"
    SIGNED = "SIGNED"


class Request(msgspec.Struct, gc=False):
    """One call as it arrived: parameters, who sent it (None for public calls), from where."""

    params: Params
    identity: Identity | None
    ip: str
    source: str

    @property
    def account(self) -> Account:
        assert self.identity is not None, "a signed call has an identity"
        return self.identity.account


Handler = Callable[["Desk", Request], Any]
Weight = Callable[[Params], int]


@dataclass(frozen=True, slots=True)
class Call:
    """One venue function under its REST route and WebSocket API method (either may be absent)."""

    rest: tuple[str, str] | None
    ws: str | None
    handler: Handler
    weight: int | Weight = 1
    security: Security = Security.NONE
    trades: bool = False
    """Needs the TRADE permission; weight is given back when it succeeds; the kind that order faults apply to."""
    fault_class: str = "query"
    """What the admin API calls this kind of call: place, cancel, amend, replace or query."""
    refunds: bool = True
    """A call that trades gives its weight back when it succeeds."""
    counts_orders: bool = False
    """It counts against the order limits, so its replies tell their counts; those of other calls tell the weight alone."""

    def weight_of(self, params: Params) -> int:
        return self.weight if isinstance(self.weight, int) else self.weight(params)


class ListenKeys:
    """One key an account, good for an hour after it was last asked for or kept alive."""

    def __init__(self) -> None:
        self._of: dict[str, tuple[str, int]] = {}
        self._made = 0

    def obtain(self, account: str, now_ms: int) -> str:
        """The account's key, made where it has none; its hour begins anew."""
        key = self.key_of(account, now_ms)
        if key is None:
            self._made += 1
            key = f"{account}{self._made:032x}".replace("-", "")
        self._of[account] = (key, now_ms + KEY_LIFE_MS)
        return key

    def key_of(self, account: str, now_ms: int) -> str | None:
        """The account's key while it is good."""
        key, until = self._of.get(account, ("", 0))
        return key if now_ms < until else None

    def owner(self, key: str, now_ms: int) -> str | None:
        """Whose key it is."""
        return next((a for a, (k, until) in self._of.items() if k == key and now_ms < until), None)

    def end(self, account: str) -> str | None:
        """Forget the account's key; it."""
        key, _ = self._of.pop(account, (None, 0))
        return key

    def ended(self, now_ms: int) -> list[tuple[str, str]]:
        """(account, key) of those whose hour is over; they are forgotten."""
        over = [(account, key) for account, (key, until) in self._of.items() if now_ms >= until]
        for account, _ in over:
            del self._of[account]
        return over


class Desk:
    """State shared by all calls. `pump` sends out what a call caused."""

    def __init__(
        self,
        exchange: Exchange,
        auth: Authenticator,
        limits: RateLimits,
        journal: Journal,
        publisher: Publisher,
        clock: Clock,
    ) -> None:
        self.exchange = exchange
        self.auth = auth
        self.limits = limits
        self.journal = journal
        self.publisher = publisher
        self.clock = clock
        self.amendments: deque[dict[str, Any]] = deque(maxlen=AMENDMENTS)
        self.listen_keys = ListenKeys()
        self._generated = 0

    def now_ms(self) -> int:
        return self.clock.now() // NS_PER_MS

    def now_us(self) -> int:
        return self.clock.now() // NS_PER_US

    def spec(self, symbol: str) -> SymbolSpec:
        return self.exchange.market(symbol).spec

    def queried(self, order: Order) -> dict[str, Any]:
        """An order as queries and lists show it."""
        return shapes.queried(order, self.spec(order.symbol))

    def generated_id(self) -> str:
        """A client order id for a client that sent none."""
        self._generated += 1
        return f"gen{self._generated:019d}"

    def perform(self, call: Call, request: Request) -> Any:
        """Charge, check permission, run, send out; the result for the wire or RefusalError."""
        weight = call.weight_of(request.params)
        self.limits.charge(request.ip, weight)
        if call.trades and request.identity is not None and not request.identity.key.may_trade:
            raise RefusalError(-2015, "Invalid API-key, IP, or permissions for action.", 401)
        self.journal.source = request.source
        try:
            result = call.handler(self, request)
        finally:
            self.publisher.pump()
            self.journal.source = ""
        if call.trades and call.refunds:
            self.limits.refund(request.ip, weight)
        return result
