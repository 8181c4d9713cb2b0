"""Probes, status, metrics and the admin API, on `admin.host:port`.

`/admin/…` changes things or shows the config: it wants the bearer token, and where none is configured it answers loopback only.
Readiness is not trading: a halted trader that is connected, reconciled and holds its lease is ready, and says that it is halted.
"""

from __future__ import annotations

import hmac
import ipaddress
import json
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import msgspec
import structlog
from aiohttp import web

from mm_api.kinds.common import HaltLevel
from mm_trader.core.events import HaltRequested
from mm_trader.shell.config import admin_token
from mm_trader.shell.errors import StoreRefusedError, StoreUnavailableError
from mm_trader.shell.lifecycle import PartHealth
from mm_trader.shell.logs import redactor

if TYPE_CHECKING:
    from mm_trader.shell.app import App

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
log = structlog.get_logger("admin")


class AdminServer:
    """The HTTP server. A part of the lifecycle."""

    name = "admin"

    def __init__(self, app: App) -> None:
        """Raises ConfigError if the token's file cannot be read."""
        self._app = app
        self._token = admin_token(app.config.admin)
        redactor.register(self._token)
        self._runner: web.AppRunner | None = None
        self._exporter: Any = None
        self.port = app.config.admin.port

    async def start(self) -> None:
        """Open the port. Raises OSError if it is taken."""
        from mm_trader.shell.admin.metrics import Exporter

        self._exporter = Exporter(self._app)
        web_app = web.Application(middlewares=[self._guard], client_max_size=64 * 1024)
        add = web_app.router.add_route
        add("GET", "/healthz", self._healthz)
        add("GET", "/readyz", self._readyz)
        add("GET", "/status", self._status)
        add("GET", "/metrics", self._metrics)
        add("GET", "/admin/config", self._config)
        add("GET", "/admin/orders", self._orders)
        add("GET", "/admin/risk/status", self._risk_status)
        add("POST", "/admin/risk/reset", self._risk_reset)
        add("POST", "/admin/reconcile", self._reconcile)
        add("POST", "/admin/halt", self._halt)
        runner = web.AppRunner(web_app, access_log=None, handle_signals=False, shutdown_timeout=1.0)
        await runner.setup()
        try:
            await web.TCPSite(runner, self._app.config.admin.host, self._app.config.admin.port).start()
        except OSError:
            await runner.cleanup()
            raise
        self._runner = runner
        self.port = runner.addresses[0][1]
        log.info("admin_listening", host=self._app.config.admin.host, port=self.port)

    async def stop(self) -> None:
        """Close the port."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def health(self) -> PartHealth:
        """Listening or not."""
        return PartHealth(healthy=self._runner is not None, detail=f"port {self.port}")

    # --- open to all --------------------------------------------------------------------------------------------------------------------

    async def _healthz(self, _request: web.Request) -> web.Response:
        if self._app.alive():
            return web.Response(text="ok\n")
        return web.Response(
            status=503, text="not alive: the loop is stuck or a task that must run has ended\n"
        )

    async def _readyz(self, _request: web.Request) -> web.Response:
        missing = self.missing()
        if missing:
            return web.Response(status=503, text=f"not ready: {', '.join(missing)}\n")
        halts = self._app.halts.current
        if halts:
            return web.Response(
                text=f"ready, {self._app.halts.level.value}: {', '.join(h.id for h in halts)}\n"
            )
        return web.Response(text="ready\n")

    def missing(self) -> list[str]:
        """What is not there yet for trading, halts apart."""
        app = self._app
        missing = []
        if app.keeper.lease.token is None:
            missing.append(f"lease: {app.keeper.waiting_for or 'not asked for yet'}")
        if app.progress.error:
            missing.append(f"{app.progress.error_reason or 'error'}: {app.progress.error}")
        streams = app.gateway_health().streams
        down = [stream for stream, up in streams.items() if not up]
        if down or not streams:
            missing.append(f"streams: {', '.join(down) or 'not connected'}")
        status = app.kernel_status()
        halted = app.halts.level.depth >= HaltLevel.HALTED.depth
        if not halted and (status is None or not status.reconciled):
            missing.append("not reconciled")
        return missing

    async def _status(self, _request: web.Request) -> web.Response:
        return _json(self.status())

    def status(self) -> dict[str, Any]:
        """Everything a person or the operator may want to know, secrets apart."""
        app = self._app
        kernel = app.kernel_status()
        return {
            "state": app.state().to_wire(),
            "ready": not self.missing(),
            "missing": self.missing(),
            "halts": [latch.to_wire() for latch in app.halts.current],
            "store": app.store.name,
            "storePending": app.writer.pending,
            "gate": [blocker.value for blocker in app.gate.blockers],
            "kernel": msgspec.to_builtins(kernel, enc_hook=str) if kernel is not None else None,
            "gateway": msgspec.to_builtins(app.gateway_health()),
            "parts": msgspec.to_builtins(app.health()),
        }

    async def _metrics(self, _request: web.Request) -> web.Response:
        return web.Response(body=self._exporter.text(), headers={"Content-Type": METRICS_TYPE})

    # --- behind the token ---------------------------------------------------------------------------------------------------------------

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.startswith("/admin") and (refusal := self._refuse(request)) is not None:
            return refusal
        return await handler(request)

    def _refuse(self, request: web.Request) -> web.Response | None:
        if self._token is not None:
            given = request.headers.get("Authorization", "").removeprefix("Bearer ")
            if hmac.compare_digest(given.encode(), self._token.encode()):
                return None
            log.warning("admin_refused", path=request.path, remote=request.remote)
            return _json({"error": "a bearer token is needed"}, status=401)
        if request.remote and ipaddress.ip_address(request.remote.split("%")[0]).is_loopback:
            return None
        return _json({"error": "no admin token is configured: /admin answers loopback only"}, status=403)

    async def _config(self, _request: web.Request) -> web.Response:
        return _json(self._app.config.to_wire())

    async def _orders(self, _request: web.Request) -> web.Response:
        kernel = self._app.dispatcher.kernel
        records = kernel.open_orders() if kernel is not None else self._app.journal.state.orders
        return _json({"orders": [record.to_wire() for record in records]})

    async def _risk_status(self, _request: web.Request) -> web.Response:
        app = self._app
        kernel = app.kernel_status()
        return _json(
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

    async def _risk_reset(self, request: web.Request) -> web.Response:
        app = self._app
        halt_id = (await _body(request)).get("haltId")
        if not isinstance(halt_id, str) or not halt_id:
            return _json(
                {"error": 'name the halt: {"haltId": "…"}; GET /admin/risk/status lists them'}, status=400
            )
        if halt_id not in {latch.id for latch in app.halts.current}:
            return _json({"error": f"no such halt: {halt_id}"}, status=404)
        if app.config.lease.managed and app.store.name != "memory":
            how = (
                f"kubectl -n {app.config.namespace} patch mm {app.config.name} --type merge "
                f'-p \'{{"spec":{{"acknowledgeHalt":"{halt_id}"}}}}\''
            )
            return _json(
                {"error": "an operator manages this trader: only it lifts halts", "do": how}, status=409
            )
        try:
            await app.store.lift(halt_id)
            await app.halts.refresh()
        except (StoreUnavailableError, StoreRefusedError) as error:
            return _json({"error": str(error)}, status=503)
        return _json({"lifted": halt_id})

    async def _reconcile(self, request: web.Request) -> web.Response:
        symbol = (await _body(request)).get("symbol")
        if symbol is not None and symbol not in self._app.config.symbols:
            return _json({"error": f"symbol: {symbol} is not traded here"}, status=400)
        self._app.request_reconcile(symbol, "command")
        return _json({"requested": symbol or "all"}, status=202)

    async def _halt(self, request: web.Request) -> web.Response:
        body = await _body(request)
        reason = str(body.get("reason") or "EmergencyStop")
        if not (reason.isascii() and reason.isalnum() and len(reason) <= 64):
            return _json({"error": "reason: CamelCase, at most 64 letters and digits"}, status=400)
        self._app.dispatcher(
            HaltRequested(
                ts=self._app.clock.monotonic_ns(),
                level=HaltLevel.HALTED,
                reason=reason,
                message=str(body.get("message") or "asked for by the admin API")[:500],
            )
        )
        return _json({"halts": [latch.id for latch in self._app.halts.current]}, status=202)


def _json(data: Any, status: int = 200) -> web.Response:
    return web.Response(
        status=status, text=json.dumps(data, default=str) + "\n", content_type="application/json"
    )


async def _body(request: web.Request) -> dict[str, Any]:
    """The JSON object of a request; {} for none, or for one that is no object (its fields are then missing, and said to be)."""
    try:
        data = json.loads(await request.text() or "{}")
    except ValueError:
        return {}
    return data if isinstance(data, dict) else {}
