"""`/healthz`, `/readyz` and `/metrics` of the operator.

Healthy means that it hears and acts: an operator whose lists or loops have gone silent is restarted by kubelet.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Protocol

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from mm_operator.kube.clock import Clock
from mm_operator.metrics import Metrics


class Hearing(Protocol):
    """How long ago the operator last heard."""

    def last_resync(self) -> float | None: ...
    def oldest_success(self) -> float: ...


def deafness(hearing: Hearing, now: float, deaf_after: timedelta) -> str:
    """Why the operator counts as deaf, in a sentence; empty when it hears. Times are monotonic seconds."""
    limit = deaf_after.total_seconds()
    last = hearing.last_resync()
    if last is None:
        return "MarketMakers have not been listed yet"
    if now - last > limit:
        return f"MarketMakers were last listed {now - last:.0f} s ago"
    oldest = now - hearing.oldest_success()
    if oldest > limit:
        return f"a MarketMaker was last reconciled {oldest:.0f} s ago"
    return ""


def application(hearing: Hearing, metrics: Metrics, clock: Clock, deaf_after: timedelta) -> web.Application:
    """The server for kubelet and Prometheus."""

    async def health(_: web.Request) -> web.Response:
        problem = deafness(hearing, clock.monotonic(), deaf_after)
        return web.Response(text=f"{problem or 'ok'}\n", status=500 if problem else 200)

    async def ready(_: web.Request) -> web.Response:
        listed = hearing.last_resync() is not None
        return web.Response(
            text="ok\n" if listed else "MarketMakers have not been listed yet\n",
            status=200 if listed else 503,
        )

    async def series(_: web.Request) -> web.Response:
        return web.Response(
            body=generate_latest(metrics.registry), headers={"Content-Type": CONTENT_TYPE_LATEST}
        )

    app = web.Application()
    app.router.add_get("/healthz", health)
    app.router.add_get("/readyz", ready)
    app.router.add_get("/metrics", series)
    return app
