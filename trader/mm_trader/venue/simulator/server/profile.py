"""What is different between products: engine, publisher, calls, routes. One object answers for each, and the composition root asks it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

from aiohttp import web

from ..config import Product, SimulatorConfig
from ..engine.account import Account
from ..engine.exchange import Clock, Exchange
from ..engine.spot import SpotExchange
from ..time import NS_PER_S
from .desk import Call, Desk
from .listen_keys import SPOT_CALLS, PrivateStreams
from .publisher import Publisher
from .rest import ALL_CALLS, API
from .sockets import MarketSockets
from .strangers import expected
from .wsapi import GONE_METHODS

if TYPE_CHECKING:
    from ..simulator import Simulator


class Extras(Protocol):
    """What a product runs besides the common parts: its socket routes, its timers, its memory."""

    def routes(self, app: web.Application) -> None:
        """Add the product's sockets."""

    def start(self) -> None:
        """Begin what happens by itself."""

    def reset(self) -> None:
        """Testnet reset."""

    def positions(self, account: Account) -> list[dict[str, Any]]:
        """What the account holds on margin, a row a symbol."""

    def conditional(self, account: Account) -> list[dict[str, Any]]:
        """The account's open orders that are no orders of the engine yet."""

    def cancel_conditional(self, account: Account) -> int:
        """End those that still wait; how many."""


@dataclass(frozen=True, slots=True)
class Profile:
    """One product's parts."""

    prefix: str
    """Of its REST paths."""
    ws_path: str
    calls: tuple[Call, ...]
    gone_methods: frozenset[str]
    exchange: Callable[[SimulatorConfig, Clock], Exchange]
    publisher: type[Publisher]
    desk: type[Desk]
    extras: Callable[[Simulator], Extras]


class SpotExtras:
    """Spot's market streams, with listen keys where they are wanted."""

    def __init__(self, sim: Simulator) -> None:
        self._sim = sim
        self._private = PrivateStreams(sim) if sim.config.listen_keys else None
        self._markets = MarketSockets(
            sim.sockets,
            sim.hub,
            owner=self._private.owner if self._private is not None else None,
            microseconds=True,
        )

    def routes(self, app: web.Application) -> None:
        """`/ws`, `/ws/<stream>…`, `/stream`."""
        add_market_routes(app, "", self._markets)

    def start(self) -> None:
        """Listen keys end by themselves."""
        private, sim = self._private, self._sim
        if private is None:
            return
        sim.wsapi.listeners.append(private.listeners)
        sim.publisher.listened_to = lambda account: (
            sim.wsapi.listened_to(account) or private.listened_to(account)
        )
        self._second(private)

    def _second(self, private: PrivateStreams) -> None:
        private.expire_ended()
        self._sim.scheduler.call_after(NS_PER_S, lambda: self._second(private))

    def reset(self) -> None:
        """Nothing is remembered."""

    def positions(self, _account: Account) -> list[dict[str, Any]]:
        """Nothing is held on margin."""
        return []

    def conditional(self, _account: Account) -> list[dict[str, Any]]:
        """Orders that wait for a price are the engine's."""
        return []

    def cancel_conditional(self, _account: Account) -> int:
        """There are none."""
        return 0


def add_market_routes(app: web.Application, base: str, markets: MarketSockets) -> None:
    """The three ways to name streams, below `base`."""
    for path in (f"{base}/ws", f"{base}/ws/"):
        app.router.add_get(path, markets.raw, expect_handler=expected)
    app.router.add_get(f"{base}/ws/{{streams:.+}}", markets.raw, expect_handler=expected)
    for path in (f"{base}/stream", f"{base}/stream/"):
        app.router.add_get(path, markets.combined, expect_handler=expected)


def _spot_exchange(config: SimulatorConfig, clock: Clock) -> Exchange:
    return SpotExchange(config.symbols, clock, config.default_stp)


SPOT = Profile(
    prefix=API,
    ws_path="/ws-api/v3",
    calls=ALL_CALLS,
    gone_methods=GONE_METHODS,
    exchange=_spot_exchange,
    publisher=Publisher,
    desk=Desk,
    extras=SpotExtras,
)


def profile_of(config: SimulatorConfig) -> Profile:
    """The profile of the configured product."""
    if config.product is Product.SPOT:
        if config.listen_keys:
            return replace(SPOT, calls=(*SPOT.calls, *SPOT_CALLS), gone_methods=frozenset())
        return SPOT
    from ..usdm.profile import USDM

    return USDM
