"""The admin API under `/admin/…`: actions, scenarios, state and journal, as JSON. No venue protocol lives here."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from aiohttp import web

from .actions import ActionError, catalogue, check, perform
from .engine.checks import from_e8
from .server import list_shapes, shapes
from .server.connection import Channel, dumps
from .server.strangers import expected
from .time import NS_PER_S, Timer

if TYPE_CHECKING:
    from .simulator import Simulator

MAX_STEPS = 1000
Step = tuple[int, str, dict[str, Any]]
"""(due in ns, action, fields)."""


class Admin:
    """HTTP in front of `actions`; `do`, `state` and `journal` are the same for code in the same process."""

    def __init__(self, sim: Simulator) -> None:
        self.sim = sim
        self._queue: list[tuple[Step, Timer]] = []

    def routes(self, app: web.Application) -> None:
        app.router.add_get("/healthz", self._health, expect_handler=expected)
        app.router.add_get("/admin/state", self._state, expect_handler=expected)
        app.router.add_get("/admin/catalogue", self._catalogue, expect_handler=expected)
        app.router.add_get("/admin/journal", self._journal, expect_handler=expected)
        app.router.add_post("/admin/scenario", self._scenario, expect_handler=expected)
        app.router.add_get("/admin/scenario", self._waiting_steps, expect_handler=expected)
        app.router.add_delete("/admin/scenario", self._drop_scenario, expect_handler=expected)
        app.router.add_post("/admin/{action}", self._action, expect_handler=expected)

    def do(self, action: str, **values: Any) -> Any:
        """Perform an action by name. Raises ActionError."""
        return perform(self.sim, action, values)

    def run_scenario(self, steps: Sequence[Mapping[str, Any]]) -> int:
        """Schedule actions: each step is `{at: seconds from now, action: name, …fields}`; how many."""
        if not isinstance(steps, list) or len(steps) > MAX_STEPS:
            raise ActionError(f"steps: must be a list of at most {MAX_STEPS}")
        planned: list[tuple[float, str, dict[str, Any]]] = []
        for index, step in enumerate(steps):
            if not isinstance(step, Mapping):
                raise ActionError(f"steps[{index}]: must be a mapping")
            # YAML 1.1 reads an unquoted `on` as true
            fields = {"on" if name is True else name: value for name, value in step.items()}
            at, name = fields.pop("at", 0), fields.pop("action", None)
            if isinstance(at, bool) or not isinstance(at, int | float) or not 0 <= at <= 86_400:
                raise ActionError(f"steps[{index}].at: must be seconds from 0 to 86400")
            try:
                check(self.sim, name, fields)
            except ActionError as error:
                raise ActionError(f"steps[{index}].action: {error}") from error
            planned.append((float(at), str(name), fields))
        now = self.sim.scheduler.clock.now()
        for at_s, name, fields in planned:
            due = now + int(at_s * NS_PER_S)
            step = (due, name, fields)
            self._queue.append((step, self.sim.scheduler.call_at(due, partial(self._scheduled, step))))
        return len(planned)

    def waiting(self) -> list[dict[str, Any]]:
        """The steps of scenarios that are still to come, soonest first, with the seconds until each."""
        now = self.sim.scheduler.clock.now()
        return [
            {"at": round((due - now) / NS_PER_S, 3), "action": name, **fields}
            for (due, name, fields), _ in sorted(self._queue, key=lambda entry: entry[0][0])
        ]

    def drop_scenario(self) -> int:
        """Forget the steps that are still to come; how many."""
        dropped = len(self._queue)
        for _, timer in self._queue:
            timer.cancel()
        self._queue.clear()
        return dropped

    def _scheduled(self, step: Step) -> None:
        self._queue = [entry for entry in self._queue if entry[0] is not step]
        _, name, fields = step
        try:
            perform(self.sim, name, fields)
        except (
            ActionError
        ) as error:  # what was right when it was planned may be wrong now (a price without a market)
            self.sim.log.warning("simulator.scenario_step_failed", action=name, reason=str(error))

    def state(self) -> dict[str, Any]:
        """Everything a person or a test wants to see at one glance."""
        sim = self.sim
        return {
            "timeNs": sim.venue_clock.now(),
            "journalSeq": sim.journal.seq,
            "symbols": {s: self._symbol(s) for s in sim.engine.markets},
            "accounts": {name: self._account(name) for name in sim.client_accounts},
            "market": sim.market.state(),
            "faults": sim.faults.shape(),
            "skewMs": sim.venue_clock.offset_ns / 1_000_000,
            "scenario": self.waiting(),
            "connections": {
                c.value: sum(matches(c, None) for matches in sim.sockets.live.values()) for c in Channel
            },
            "counters": {**sim.publisher.counts, "streamFrames": sim.hub.frames},
        }

    def _symbol(self, name: str) -> dict[str, Any]:
        market = self.sim.engine.markets[name]
        bid, bid_qty, ask, ask_qty = market.book.touch()
        spec = market.spec
        return {
            "status": market.status.value,
            "u": market.u,
            "bid": shapes.price_text(spec, bid),
            "bidQty": shapes.qty_text(spec, bid_qty),
            "ask": shapes.price_text(spec, ask),
            "askQty": shapes.qty_text(spec, ask_qty),
            "last": shapes.price_text(spec, market.last_price),
            "fairPrice": self.sim.market.fair_price(name),
        }

    def _account(self, name: str) -> dict[str, Any]:
        account = self.sim.engine.accounts[name]
        return {
            "balances": {
                asset: {"free": from_e8(b.free), "locked": from_e8(b.locked)}
                for asset, b in account.balances.items()
            },
            "openOrders": [
                shapes.queried(o, self.sim.engine.markets[o.symbol].spec) for o in account.open.values()
            ],
            "orderLists": [list_shapes.queried(made) for made in account.lists.values() if not made.done],
            "conditionalOrders": self.sim.extras.conditional(account),
            "positions": self.sim.extras.positions(account),
            "trades": len(account.trades),
        }

    # --- HTTP -----------------------------------------------------------------------------------------------
    async def _health(self, _request: web.Request) -> web.Response:
        return _json({"status": "ok", "symbols": list(self.sim.engine.markets)})

    async def _catalogue(self, _request: web.Request) -> web.Response:
        return _json(catalogue(self.sim))

    async def _state(self, _request: web.Request) -> web.Response:
        return _json(self.state())

    async def _journal(self, request: web.Request) -> web.Response:
        since, limit = request.query.get("since", "0"), request.query.get("limit", "10000")
        if not (since.isdigit() and since.isascii() and limit.isdigit() and limit.isascii()):
            return _json({"error": "since and limit: must be whole numbers"}, 400)
        entries = self.sim.journal.since(int(since[:18]), min(int(limit[:9]), 100_000))
        return _json({"seq": self.sim.journal.seq, "entries": entries})

    async def _scenario(self, request: web.Request) -> web.Response:
        try:
            body = await _body(request)
            return _json({"scheduled": self.run_scenario(body.get("steps", []))})
        except ActionError as error:
            return _json({"error": str(error)}, 400)

    async def _waiting_steps(self, _request: web.Request) -> web.Response:
        return _json({"steps": self.waiting()})

    async def _drop_scenario(self, _request: web.Request) -> web.Response:
        return _json({"dropped": self.drop_scenario()})

    async def _action(self, request: web.Request) -> web.Response:
        try:
            return _json(perform(self.sim, request.match_info["action"], await _body(request)))
        except ActionError as error:
            return _json({"error": str(error)}, 400)


async def _body(request: web.Request) -> dict[str, Any]:
    """The JSON object sent, or the query's pairs where nothing was sent."""
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        raise web.HTTPForbidden(text=dumps({"error": "pages of another origin may not"}))
    try:
        raw = await request.text()
        body = json.loads(raw) if raw.strip() else dict(request.query)
    except (ValueError, RecursionError, LookupError) as error:
        raise ActionError("the body must be a JSON object") from error
    if not isinstance(body, dict):
        raise ActionError("the body must be a JSON object")
    return body


def _json(value: Any, status: int = 200) -> web.Response:
    return web.Response(text=dumps(value), status=status, content_type="application/json")
