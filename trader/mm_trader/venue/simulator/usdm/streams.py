"""The split stream addresses: `/public` (book), `/market` (trades, marks), `/private` (one account's events by its listen key).

The addresses before the split (`/ws`, `/stream`) carry everything, a listen key included, for clients that still use them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from aiohttp import web

from ..server.listen_keys import PrivateStreams
from ..server.profile import add_market_routes
from ..server.sockets import MarketSockets

if TYPE_CHECKING:
    from ..simulator import Simulator

_BOOK = ("bookTicker", "depth")


def _is_book(stream: str) -> bool:
    return stream.startswith("!bookTicker") or stream.partition("@")[2].startswith(_BOOK)


def is_public(stream: str) -> bool:
    """Book streams, and single trades, which clients ask for here."""
    return _is_book(stream) or stream.endswith("@trade")


def is_market(stream: str) -> bool:
    """Everything else that is not an account's; single trades too."""
    return not _is_book(stream)


def is_private(stream: str) -> bool:
    """What can be a listen key: names of market streams have an `@` or a `!`."""
    return "@" not in stream and "!" not in stream


def add_routes(app: web.Application, sim: Simulator, private: PrivateStreams) -> None:
    """All addresses."""

    def of(serves: Callable[[str], bool] | None, **options: Any) -> MarketSockets:
        return MarketSockets(sim.sockets, sim.hub, serves, **options)

    add_market_routes(app, "/public", of(is_public))
    add_market_routes(app, "/market", of(is_market))
    add_market_routes(app, "/private", of(is_private, owner=private.owner, private=True))
    add_market_routes(app, "", of(None, owner=private.owner))
