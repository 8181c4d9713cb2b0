"""REST framing: the product's routes, parameters from query and form body, headers and error bodies."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any
from urllib.parse import unquote_plus

from aiohttp import web
from msgspec.structs import replace

from ..engine.errors import RefusalError
from ..faults import FaultBoard
from ..time import NS_PER_MS, Scheduler
from . import (
    calls_account,
    calls_candles,
    calls_history,
    calls_lists,
    calls_market,
    calls_neighbours,
    calls_orders,
    calls_replace,
    calls_rules,
    calls_stp,
    calls_wallet,
)
from .auth import Identity
from .connection import Channel, dumps
from .desk import Call, Desk, Request, Security
from .outcome import Outcome, run, wait_ms
from .params import Params
from .time_unit import microseconds_wanted, reply_in_us

_PUBLIC_CALLS = (*calls_market.CALLS, *calls_history.CALLS, *calls_candles.CALLS)
ALL_CALLS = (
    *_PUBLIC_CALLS,
    *calls_rules.CALLS,
    *calls_account.CALLS,
    *calls_orders.CALLS,
    *calls_replace.CALLS,
    *calls_lists.CALLS,
    *calls_stp.CALLS,
    *calls_wallet.CALLS,
    *calls_wallet.EMPTY_LISTS,
    *calls_neighbours.legacy(_PUBLIC_CALLS),
    *calls_neighbours.front_doors(calls_neighbours.USDM, calls_neighbours.COINM),
)
MAX_BODY = 64 * 1024
API = "/api/v3/"
UNIT_HEADER = "X-MBX-TIME-UNIT"
GONE = "This endpoint has been removed; subscribe to user data on the WebSocket API instead."


def split_params(raw: str) -> dict[str, str]:
    """`a=1&b=2` as a mapping, percent-decoded; a name given twice is refused."""
    values: dict[str, str] = {}
    for part in raw.split("&"):
        if not part:
            continue
        name, _, value = part.partition("=")
        name = unquote_plus(name, errors="replace")
        if name in values:
            raise RefusalError(-1101, "Duplicate values for a parameter detected.")
        values[name] = unquote_plus(value, errors="replace")
    return values


class Rest:
    """Handles every request below the product's prefix, and refuses those elsewhere in the same words."""

    def __init__(
        self,
        desk: Desk,
        faults: FaultBoard,
        scheduler: Scheduler,
        calls: Iterable[Call] = ALL_CALLS,
        prefix: str = API,
        futures: bool = False,
    ) -> None:
        """`futures`: a parameter without a value counts as not sent, instead of being refused (-1105), and there are no microseconds."""
        self._calls = {c.rest: c for c in calls if c.rest is not None}
        self._prefix = prefix
        self._futures = futures
        self.desk = desk
        self.faults = faults
        self.scheduler = scheduler

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """One request in, one response out; a dropped one loses its connection instead."""
        raw_path, _, raw_query = request.raw_path.partition("?")
        # what is below another prefix (/sapi/…) is known by its whole path, or refused in the API's words
        path = raw_path.removeprefix(self._prefix).rstrip("/")
        ip = request.remote or ""
        identity: Identity | None = None
        counted: str | None = None
        precise = False
        try:
            self.desk.limits.check_ban(ip)
            if not self._futures:
                precise = microseconds_wanted(request.headers.get(UNIT_HEADER))
            call = self._find(request.method, path)
            body = await self._body(request)
            params = split_params(body)
            params.update(split_params(raw_query))
            if call.security is Security.SIGNED:
                identity = self.desk.auth.rest(request.headers.get("X-MBX-APIKEY"), params, raw_query, body)
            elif call.security is Security.KEY:
                identity = self.desk.auth.key(request.headers.get("X-MBX-APIKEY"))
            if identity is not None and call.counts_orders:
                counted = identity.account.name
            if self._futures:
                params = {name: value for name, value in params.items() if value}
            source = f"rest:{ip}:{self._port(request)}"
            asked = Request(Params(params), identity, ip, source)
            await self._wait(wait_ms(self.faults, call, asked) * NS_PER_MS)
            outcome = run(self.desk, self.faults, call, asked)
            if precise and outcome is not None and outcome.result is not None:
                outcome = replace(outcome, result=reply_in_us(outcome.result, self.desk.now_us()))
        except RefusalError as error:
            outcome = Outcome(error.status, error=error)
        if outcome is None:
            self._drop(request)
        elif outcome.late_ms or identity is not None:
            orders = self.faults.delay_ns(Channel.ORDERS) if identity is not None else 0
            await self._wait(outcome.late_ms * NS_PER_MS + orders)
        return self._response(outcome, ip, counted) if outcome is not None else web.Response()

    @staticmethod
    def _port(request: web.Request) -> Any:
        peer = request.transport.get_extra_info("peername") if request.transport is not None else None
        return peer[1] if peer else 0

    def _find(self, method: str, path: str) -> Call:
        call = self._calls.get((method, path))
        if call is not None:
            return call
        if path.startswith("userDataStream"):
            raise RefusalError(-1000, GONE, 410)
        if any(known == path for _, known in self._calls):
            raise RefusalError(-1000, f"Request method '{method}' is not supported.", 405)
        raise RefusalError(-1000, "Path is not valid.", 404)

    @staticmethod
    async def _body(request: web.Request) -> str:
        if not request.can_read_body:
            return ""
        try:
            raw = await request.content.read(MAX_BODY + 1)
            while len(raw) <= MAX_BODY and not request.content.at_eof():
                more = await request.content.read(MAX_BODY + 1 - len(raw))
                if not more:
                    break
                raw += more
        except (ValueError, web.HTTPException) as error:
            raise RefusalError(-1000, "The request body could not be read.") from error
        if len(raw) > MAX_BODY:
            raise RefusalError(-1101, "Too many parameters sent for this endpoint.", 413)
        return raw.decode("utf-8", "surrogateescape")

    async def _wait(self, delay_ns: int) -> None:
        """Hold the request or its answer back on the simulator's own clock."""
        if delay_ns:
            due = asyncio.Event()
            self.scheduler.call_after(delay_ns, due.set)
            await due.wait()

    @staticmethod
    def _drop(request: web.Request) -> None:
        if request.transport is not None:
            request.transport.abort()
        raise ConnectionResetError

    def _response(self, outcome: Outcome, ip: str, counted: str | None) -> web.Response:
        """`counted`: the account whose order counts it tells."""
        headers = self.desk.limits.headers(ip, counted)
        if outcome.raw is not None:
            return web.Response(
                text=outcome.raw, status=outcome.status, headers=headers, content_type="text/html"
            )
        body = outcome.result
        if outcome.error is not None:
            error = outcome.error
            body = {"code": error.code, "msg": error.msg}
            data = dict(error.data) if error.data is not None else {}
            retry = data.pop("retryAfter", None)
            if retry is not None:
                headers["Retry-After"] = str(retry)
            if data:
                body["data"] = data
        return web.Response(
            body=dumps(body).encode("utf-8", "replace"),
            status=outcome.status,
            headers=headers,
            content_type="application/json",
        )
