"""Front doors of the products that this process does not serve, and the paths of old.

Clients ping every product when they start and read all the symbols they may trade. Binance answers at one address for each
product; here an address that is pointed at this process too finds a venue that is up and has nothing listed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from .calls_market import ping, time
from .desk import Call, Desk, Request, Security

SPOT, USDM, COINM = "/api/v3/", "/fapi/v1/", "/dapi/v1/"
_LEGACY_NAMES = {"ticker/price": "ticker/allPrices", "ticker/bookTicker": "ticker/allBookTickers"}


def nothing_listed(desk: Desk, request: Request) -> Any:
    """exchangeInfo of a product that has no symbols in this process."""
    for name in ("symbol", "symbols", "permissions", "showPermissionSets", "symbolStatus"):
        request.params.text(name)
    request.params.finish()
    return {
        "timezone": "UTC",
        "serverTime": desk.now_ms(),
        "rateLimits": [rule.shape() for rule in desk.limits.rules],
        "exchangeFilters": [],
        "assets": [],
        "symbols": [],
    }


def front_doors(*prefixes: str) -> tuple[Call, ...]:
    """`ping`, `time` and `exchangeInfo` below each prefix."""
    return tuple(
        Call(("GET", f"{prefix}{name}"), None, handler)
        for prefix in prefixes
        for name, handler in (("ping", ping), ("time", time), ("exchangeInfo", nothing_listed))
    )


def legacy(calls: Iterable[Call]) -> tuple[Call, ...]:
    """The public calls below `/api/v1/`, where they were first; older clients still use them."""
    old = [
        replace(call, rest=(method, f"/api/v1/{path}"), ws=None)
        for call in calls
        if call.rest is not None and call.security is not Security.SIGNED
        for method, path in [call.rest]
        if not path.startswith("/")
    ]
    renamed = [
        replace(call, rest=(method, f"/api/v1/{_LEGACY_NAMES[name]}"))
        for call in old
        if call.rest is not None
        for method, path in [call.rest]
        if (name := path.removeprefix("/api/v1/")) in _LEGACY_NAMES
    ]
    return (*old, *renamed)
