"""Probes, status, metrics and the admin API, on `admin.host:port`.

`/admin/…` changes things or shows the config: it wants the bearer token, and where none is configured it answers loopback only.
Readiness is not trading: a halted trader that is connected, reconciled and holds its lease is ready, and says that it is halted.
"""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import msgspec
import structlog
from aiohttp import web

from mm_api.kinds.common import HaltLevel
from mm_trader.shell.admin.control import Control, answer
from mm_trader.shell.admin.routes import ROUTES
from mm_trader.shell.config import admin_token
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
        self._control = Control(app)
        self.port = app.config.admin.port

    async def start(self) -> None:
        """Open the port. Raises OSError if it is taken."""
        from mm_trader.shell.admin.metrics import Exporter

        self._exporter = Exporter(self._app)
        web_app = web.Application(middlewares=[self._guard], client_max_size=64 * 1024)
        control = self._control
        for route in ROUTES:
            handler = getattr(control if route.guarded else self, route.handler)
            web_app.router.add_route(route.method, route.path, handler)
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

    @property
    def profiling(self) -> bool:
        """A profile is being taken."""
        return self._control.profiler.busy

    # --- open to all --------------------------------------------------------------------------------------------------------------------

    async def healthz(self, _request: web.Request) -> web.Response:
        if self._app.alive():
            return web.Response(text="ok\n")
        return web.Response(
            status=503, text="not alive: the loop is stuck or a task that must run has ended\n"
        )

    async def readyz(self, _request: web.Request) -> web.Response:
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

    async def status(self, _request: web.Request) -> web.Response:
        return answer(self.picture())

    def picture(self) -> dict[str, Any]:
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
            "configReload": msgspec.to_builtins(app.reloader.last) if app.reloader.last else None,
        }

    async def metrics(self, _request: web.Request) -> web.Response:
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
            if hmac.compare_digest(given.encode(errors="surrogateescape"), self._token.encode()):
                return None
            log.warning("admin_refused", path=request.path, remote=request.remote)
            return answer({"error": "a bearer token is needed"}, status=401)
        if request.remote and ipaddress.ip_address(request.remote.split("%")[0]).is_loopback:
            return None
        return answer({"error": "no admin token is configured: /admin answers loopback only"}, status=403)
