"""The calls that are behind the token: they change something, or show what only its owner may see. Registered by `server`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec
from aiohttp import web

from mm_api.kinds.common import HaltLevel
from mm_api.redis_contract import Latch, LatchSource
from mm_trader.core.events import HaltRequested
from mm_trader.core.units import NS_PER_MS
from mm_trader.shell.admin.profiles import CPU_FORMATS, LONGEST_S, BusyError, Profiler
from mm_trader.shell.errors import StoreRefusedError, StoreUnavailableError
from mm_trader.shell.reload import Outcome
from mm_trader.shell.summary import report

if TYPE_CHECKING:
    from mm_trader.shell.app import App

PAUSE_PREFIX = "pause-admin-"
_PAUSE_LEVELS = {level.value: level for level in (HaltLevel.REDUCE_ONLY, HaltLevel.HALTED)}
_CONTENT_TYPES = {"html": "text/html", "speedscope": "application/json"}


class Control:
    """Handlers, named as in `routes`."""

    def __init__(self, app: App) -> None:
        self._app = app
        self.profiler = Profiler()

    async def config(self, _request: web.Request) -> web.Response:
        last = self._app.reloader.last
        return answer(
            {
                **self._app.config.to_wire(),
                "reload": msgspec.to_builtins(last) if last is not None else None,
            }
        )

    async def reload(self, _request: web.Request) -> web.Response:
        found = self._app.reloader.reload()
        return answer(msgspec.to_builtins(found), status=422 if found.outcome is Outcome.REFUSED else 200)

    async def orders(self, _request: web.Request) -> web.Response:
        kernel = self._app.dispatcher.kernel
        records = kernel.open_orders() if kernel is not None else self._app.journal.state.orders
        return answer({"orders": [record.to_wire() for record in records]})

    async def reconcile(self, request: web.Request) -> web.Response:
        symbol = (await body_of(request, "symbol")).get("symbol")
        if symbol is not None and symbol not in self._app.config.symbols:
            return answer({"error": f"symbol: {symbol} is not traded here"}, status=400)
        self._app.request_reconcile(symbol, "command")
        return answer({"requested": symbol or "all"}, status=202)

    async def summary(self, _request: web.Request) -> web.Response:
        return answer(msgspec.to_builtins(report(self._app), enc_hook=str))

    # --- risk ---------------------------------------------------------------------------------------------------------------------------

    async def risk_status(self, _request: web.Request) -> web.Response:
        app = self._app
        kernel = app.kernel_status()
        return answer(
            {
                "level": app.halts.level.value,
                "halts": [latch.to_wire() for latch in app.halts.current],
                "notDurable": app.halts.pending,
                "riskLevel": kernel.risk_level.name if kernel is not None else None,
                "riskReasons": list(kernel.risk_reasons) if kernel is not None else [],
                "netPnlDay": str(kernel.net_pnl_day) if kernel is not None else None,
                "drawdown": str(kernel.drawdown) if kernel is not None else None,
                "limits": app.config.risk.to_wire(),
            }
        )

    async def risk_reset(self, request: web.Request) -> web.Response:
        app = self._app
        halt_id = (await body_of(request, "haltId")).get("haltId")
        if not isinstance(halt_id, str) or not halt_id:
            return answer(
                {"error": 'name the halt: {"haltId": "…"}; GET /admin/risk/status lists them'}, status=400
            )
        if halt_id not in {latch.id for latch in app.halts.current}:
            return answer({"error": f"no such halt: {halt_id}"}, status=404)
        if self._managed:
            return self._ask_the_operator(f'{{"spec":{{"acknowledgeHalt":"{halt_id}"}}}}')
        if (problem := await self._lift([halt_id])) is not None:
            return problem
        return answer({"lifted": halt_id})

    async def halt(self, request: web.Request) -> web.Response:
        message, reason = "asked for by the admin API", ""
        try:
            body = await body_of(request, "reason", "message")
            message, reason = str(body.get("message") or message), str(body.get("reason") or "")
        except web.HTTPBadRequest:
            message += ", with a body that could not be read"
        if not (reason.isascii() and reason.isalnum() and len(reason) <= 64):
            # a stop is obeyed, whatever is wrong with what is said about it
            message, reason = f"{message} ({reason})" if reason else message, "EmergencyStop"
        self._app.dispatcher(
            HaltRequested(
                ts=self._app.clock.monotonic_ns(),
                level=HaltLevel.HALTED,
                reason=reason,
                message=message[:500],
            )
        )
        return answer({"halts": [latch.id for latch in self._app.halts.current]}, status=202)

    async def pause(self, request: web.Request) -> web.Response:
        body = await body_of(request, "level", "message")
        level = _PAUSE_LEVELS.get(str(body.get("level") or HaltLevel.HALTED.value))
        if level is None:
            return answer({"error": f"level: one of {', '.join(_PAUSE_LEVELS)}"}, status=400)
        if self._managed:
            return self._ask_the_operator(f'{{"spec":{{"pause":"{level.value}"}}}}')
        app = self._app
        now_ms = app.clock.wall_ns() // NS_PER_MS
        latch = Latch(
            id=f"{PAUSE_PREFIX}{now_ms}",
            level=level,
            source=LatchSource.PAUSE,
            reason="Paused",
            message=str(body.get("message") or "paused by the admin API")[:500],
            at_ms=now_ms,
            revision=app.config.revision,
            scope=app.config.scope,
        )
        app.halts.raise_halt(latch)
        return answer({"paused": latch.id, "level": level.value}, status=202)

    async def resume(self, _request: web.Request) -> web.Response:
        if self._managed:
            return self._ask_the_operator('{"spec":{"pause":"None"}}')
        ids = [latch.id for latch in self._app.halts.current if latch.id.startswith(PAUSE_PREFIX)]
        if (problem := await self._lift(ids)) is not None:
            return problem
        return answer({"resumed": ids, "level": self._app.halts.level.value})

    @property
    def _managed(self) -> bool:
        return self._app.config.lease.managed and self._app.store.name != "memory"

    def _ask_the_operator(self, patch: str) -> web.Response:
        config = self._app.config
        how = f"kubectl -n {config.namespace} patch mm {config.name} --type merge -p '{patch}'"
        return answer({"error": "an operator manages this trader: ask it", "do": how}, status=409)

    async def _lift(self, ids: list[str]) -> web.Response | None:
        """Lift them in the store, then look. None: done."""
        try:
            for halt_id in ids:
                await self._app.store.lift(halt_id)
            await self._app.halts.refresh()
        except (StoreUnavailableError, StoreRefusedError) as error:
            return answer({"error": str(error)}, status=503)
        return None

    # --- profiles -----------------------------------------------------------------------------------------------------------------------

    async def profile_cpu(self, request: web.Request) -> web.Response:
        form = request.query.get("format", "text")
        if form not in CPU_FORMATS:
            return answer({"error": f"format: one of {', '.join(CPU_FORMATS)}"}, status=400)
        try:
            seconds = _number(request, "seconds", 10.0, 0.1, LONGEST_S)
            text = await self.profiler.cpu(seconds, form)
        except ValueError as error:
            return answer({"error": str(error)}, status=400)
        except BusyError as error:
            return answer({"error": str(error)}, status=409)
        return web.Response(text=text, content_type=_CONTENT_TYPES.get(form, "text/plain"))

    async def profile_heap(self, request: web.Request) -> web.Response:
        try:
            seconds = _number(request, "seconds", 10.0, 0.1, LONGEST_S)
            top = int(_number(request, "top", 30, 1, 1000))
            text = await self.profiler.heap(seconds, top)
        except ValueError as error:
            return answer({"error": str(error)}, status=400)
        except BusyError as error:
            return answer({"error": str(error)}, status=409)
        return web.Response(text=text)


def answer(data: Any, status: int = 200) -> web.Response:
    """A JSON answer."""
    return web.Response(
        status=status, text=json.dumps(data, default=str) + "\n", content_type="application/json"
    )


async def body_of(request: web.Request, *fields: str) -> dict[str, Any]:
    """The JSON object of a request; {} for none. Raises HTTPBadRequest for anything else, and for a field that is not among `fields`: what somebody meant
    to say and mistyped is never taken for its default."""
    try:
        data = json.loads(await request.text() or "{}")
    except (ValueError, LookupError, RecursionError) as error:
        raise _bad_body("the body is no JSON") from error
    if not isinstance(data, dict):
        raise _bad_body("the body must be a JSON object")
    if strangers := sorted(set(data) - set(fields)):
        raise _bad_body(f"{', '.join(strangers)}: no such field; there is {', '.join(fields)}")
    return data


def _bad_body(error: str) -> web.HTTPBadRequest:
    return web.HTTPBadRequest(text=json.dumps({"error": error}) + "\n", content_type="application/json")


def _number(request: web.Request, name: str, default: float, low: float, high: float) -> float:
    """A number of the query. Raises ValueError naming it and its range."""
    text = request.query.get(name)
    try:
        value = default if text is None else float(text)
    except ValueError:
        value = float("nan")
    if not low <= value <= high:
        raise ValueError(f"{name}: a number from {low:g} to {high:g}, not {text!r}")
    return value
