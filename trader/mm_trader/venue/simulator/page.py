"""The page at `/`: one static file and one stream of server-sent events that shows the market as it is.

A snapshot goes out four times a second of the simulator's clock to every open page, and less often to one that does
not read: what a slow page misses is never sent. The page's controls use the admin API like anybody else.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
from importlib import resources
from typing import TYPE_CHECKING, Any

from aiohttp import web

from .server import shapes
from .server.connection import dumps
from .server.info import book_levels
from .server.strangers import expected
from .time import NS_PER_MS

if TYPE_CHECKING:
    from .simulator import Simulator

EVERY_NS = 250 * NS_PER_MS
LEVELS = 12
TRADES = 40
ENTRIES = 40
MAX_PAGES = 32
"""Open pages; one more is refused."""


class Page:
    """Serves the page and its stream."""

    def __init__(self, sim: Simulator) -> None:
        self.sim = sim
        self.open = 0
        self._waits: set[asyncio.Event] = set()
        self._closing = False
        self._html = resources.files(__package__).joinpath("page.html").read_text(encoding="utf-8")
        self._headers = {
            "Content-Security-Policy": "default-src 'none'; connect-src 'self'; img-src data:; base-uri 'none'; "
            f"form-action 'none'; frame-ancestors 'none'; script-src {_hash(self._html, 'script')}; "
            f"style-src {_hash(self._html, 'style')}",
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "no-cache",
        }

    def routes(self, app: web.Application) -> None:
        app.router.add_get("/", self._index, expect_handler=expected)
        app.router.add_get("/admin/live", self._live, expect_handler=expected)

    async def _index(self, _request: web.Request) -> web.Response:
        return web.Response(text=self._html, content_type="text/html", charset="utf-8", headers=self._headers)

    async def _live(self, request: web.Request) -> web.StreamResponse:
        """Snapshots of `?symbol=` (default: the first) until the reader goes."""
        markets = self.sim.engine.markets
        symbol = request.query.get("symbol", next(iter(markets)))
        if symbol not in markets:
            return web.json_response({"error": f"symbol: must be one of {', '.join(markets)}"}, status=400)
        if self.open >= MAX_PAGES:
            return web.json_response({"error": f"at most {MAX_PAGES} pages at a time"}, status=503)
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
        )
        self.open += 1
        try:
            await response.prepare(request)
            while not self._closing:
                await response.write(f"data: {dumps(self.snapshot(symbol))}\n\n".encode())
                await self._pause()
        except ConnectionError:
            return response  # the reader went away
        finally:
            self.open -= 1
        return response

    async def _pause(self) -> None:
        due = asyncio.Event()
        self._waits.add(due)
        self.sim.scheduler.call_after(EVERY_NS, due.set)
        await due.wait()
        self._waits.discard(due)

    def close(self) -> None:
        """End every stream: the simulator stops."""
        self._closing = True
        for due in self._waits:
            due.set()

    def snapshot(self, symbol: str) -> dict[str, Any]:
        """What the page shows of `symbol` and of everything else, ready for JSON."""
        sim = self.sim
        market = sim.engine.markets[symbol]
        bids, asks = book_levels(market, LEVELS)
        own: dict[str, int] = {}
        for name in sim.client_accounts:
            for order in sim.engine.accounts[name].open.values():
                if order.symbol == symbol and order.level is not None:
                    price = shapes.price_text(market.spec, order.price)
                    own[price] = own.get(price, 0) + order.remaining
        return {
            **sim.admin.state(),
            "symbol": symbol,
            "bids": bids,
            "asks": asks,
            "own": {price: shapes.qty_text(market.spec, lots) for price, lots in own.items()},
            "trades": [
                [
                    t.id,
                    shapes.price_text(market.spec, t.price),
                    shapes.qty_text(market.spec, t.qty),
                    t.time_ns // NS_PER_MS,
                    t.buyer_is_maker,
                ]
                for t in reversed(sim.publisher.last_trades[symbol][-TRADES:])
            ],
            "journal": list(reversed(sim.journal.since(max(0, sim.journal.seq - ENTRIES)))),
            "marketKind": sim.config.market.kind.value,
        }


def _hash(html: str, tag: str) -> str:
    """The CSP source of the one inline element of this kind: nothing else may run, whatever text gets in."""
    found = re.search(f"<{tag}>(.*?)</{tag}>", html, re.DOTALL)
    assert found is not None, f"the page has one <{tag}>"
    digest = hashlib.sha256(found[1].encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
