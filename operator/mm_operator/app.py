"""The composition root: builds everything from the settings, starts it in order, stops it in reverse. The one place that knows all parts."""

from __future__ import annotations

import asyncio
import contextlib

import aiohttp
import kopf
import structlog
from aiohttp import web
from redis.asyncio import Redis

from mm_operator.handlers import health, watches, webhook
from mm_operator.kube.client import MARKET_MAKERS, KubeClient, KubeError
from mm_operator.kube.clock import Clock, SystemClock
from mm_operator.kube.events import EventRecorder
from mm_operator.kube.http_sources import Prometheus, VenueListings
from mm_operator.kube.redis_state import RedisState
from mm_operator.kube.tasks import end
from mm_operator.metrics import Metrics
from mm_operator.reconcile.alerts import follow_alerts
from mm_operator.reconcile.context import Context
from mm_operator.reconcile.loop import Key, Loops
from mm_operator.settings import OperatorSettings

LAG_PERIOD_S = 1.0
KOPF_STOPS_WITHIN_S = 5.0
log = structlog.get_logger()


class Resync:
    """Lists all MarketMakers every so often and has every loop look: what a watch has missed is found here, and the probe asks here."""

    def __init__(self, context: Context, loops: Loops, metrics: Metrics) -> None:
        self._context = context
        self._loops = loops
        self._metrics = metrics
        self._last: float | None = None

    def last_resync(self) -> float | None:
        """Monotonic time of the last list that succeeded."""
        return self._last

    def oldest_success(self) -> float:
        """Of all loops."""
        return self._loops.oldest_success()

    async def run(self) -> None:
        """Until cancelled."""
        failing = False
        period = self._context.settings.timing.resync.total_seconds()
        while True:
            try:
                await self.once()
            except KubeError as error:
                if not failing:
                    log.warning("resync_failed", error=str(error))
                failing = True
                await asyncio.sleep(min(period, 2.0))
                continue
            if failing:
                log.info("resync_recovered")
            failing = False
            await asyncio.sleep(period)

    async def once(self) -> None:
        """One full list."""
        for namespace in self._context.settings.namespaces or (None,):
            for body in await self._context.kube.list(MARKET_MAKERS, namespace):
                self._loops.ensure(Key(body["metadata"]["namespace"], body["metadata"]["name"]))
        self._last = self._context.clock.monotonic()
        self._metrics.resync_age.set(self._context.clock.now().timestamp())


async def measure_lag(clock: Clock, metrics: Metrics) -> None:
    """How late timers run: the one number that shows a blocked event loop."""
    while True:
        before = clock.monotonic()
        await asyncio.sleep(LAG_PERIOD_S)
        metrics.loop_lag.set(max(0.0, clock.monotonic() - before - LAG_PERIOD_S))


async def _serve(app: web.Application, host: str, port: int) -> web.AppRunner:
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, host, port).start()
    return runner


async def run_operator(settings: OperatorSettings, stop: asyncio.Event) -> None:
    """The operator, until `stop` is set."""
    clock, metrics = SystemClock(), Metrics()
    async with contextlib.AsyncExitStack() as stack:
        kube = await KubeClient.connect()
        stack.push_async_callback(kube.close)
        redis: Redis = Redis.from_url(
            settings.redis_url,
            username=settings.redis_username,
            password=settings.redis_password,
            decode_responses=True,
            health_check_interval=15,
            socket_connect_timeout=3,
        )
        stack.push_async_callback(redis.aclose)
        session = await stack.enter_async_context(aiohttp.ClientSession())
        context = Context(
            kube=kube,
            redis=RedisState(redis),
            events=EventRecorder(kube, clock),
            prometheus=Prometheus(session, settings.prometheus_url),
            listings=VenueListings(session, clock),
            clock=clock,
            settings=settings,
        )
        loops = Loops(context, metrics)
        stack.push_async_callback(loops.stop)
        resync = Resync(context, loops, metrics)
        probes = health.application(resync, metrics, clock, settings.timing.deaf_after)
        stack.push_async_callback(
            (await _serve(probes, settings.metrics_host, settings.metrics_port)).cleanup
        )
        hook = webhook.application(context, loops, metrics)
        stack.push_async_callback((await _serve(hook, settings.webhook_host, settings.webhook_port)).cleanup)
        await _watch_until(stop, settings, context, loops, resync, metrics)


async def _watch_until(
    stop: asyncio.Event,
    settings: OperatorSettings,
    context: Context,
    loops: Loops,
    resync: Resync,
    metrics: Metrics,
) -> None:
    registry, kopf_settings = kopf.OperatorRegistry(), kopf.OperatorSettings()
    watches.register(registry, loops)
    watches.configure(kopf_settings)
    stop_kopf = asyncio.Event()
    watcher = asyncio.create_task(
        kopf.operator(
            registry=registry,
            settings=kopf_settings,
            standalone=True,
            clusterwide=not settings.namespaces,
            namespaces=list(settings.namespaces),
            stop_flag=stop_kopf,
        )
    )
    helpers = [
        asyncio.create_task(resync.run()),
        asyncio.create_task(follow_alerts(context, loops, metrics)),
        asyncio.create_task(measure_lag(context.clock, metrics)),
    ]
    stopping = asyncio.create_task(stop.wait())
    log.info("operator_started", namespaces=list(settings.namespaces) or "all", image=settings.trader_image)
    done, _ = await asyncio.wait([watcher, stopping, *helpers], return_when=asyncio.FIRST_COMPLETED)
    stop_kopf.set()
    await end([stopping, *helpers])
    await asyncio.wait([watcher], timeout=KOPF_STOPS_WITHIN_S)
    await end([watcher])
    for task in done:
        if task is not stopping and not task.cancelled() and task.exception() is not None:
            raise RuntimeError("a part of the operator ended") from task.exception()
    log.info("operator_stopped")
