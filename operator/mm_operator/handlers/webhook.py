"""`POST /alerts`, in Alertmanager's webhook form: a firing alert that names a MarketMaker halts it.

Once per fingerprint and start, however often Alertmanager repeats it; a resolved alert lifts nothing. The answer is 200 only when Redis has every halt, so that
Alertmanager tries again otherwise. Labels: `marketmaker` (needed), `namespace`; `halt: ReduceOnly` for the shallower level.
"""

from __future__ import annotations

import hmac
from datetime import datetime
from typing import Any

import structlog
from aiohttp import web

from mm_api.kinds import HaltLevel
from mm_api.redis_contract import Latch, LatchSource
from mm_operator.kube.redis_state import RedisUnavailableError
from mm_operator.metrics import Metrics
from mm_operator.reconcile.context import Context
from mm_operator.reconcile.halt_request import HaltRequest, UnknownMarketMakerError, halt_market_maker
from mm_operator.reconcile.loop import Loops

MOST_BYTES = 1 << 20
log = structlog.get_logger()


class BadAlertError(ValueError):
    """The payload is not an Alertmanager webhook; the message says where."""


def parse(payload: Any) -> tuple[list[HaltRequest], list[str]]:
    """Halts that a webhook asks for, and what is wrong with the alerts that cannot be read: one of those keeps no other from halting. Alerts that name no
    MarketMaker, and resolved ones, ask for none. Raises BadAlertError for what is no webhook."""
    if not isinstance(payload, dict) or not isinstance(payload.get("alerts"), list):
        raise BadAlertError("alerts: a list is needed")
    requests, problems = [], []
    for index, alert in enumerate(payload["alerts"]):
        try:
            request = _one(alert, index)
        except ValueError as error:
            problems.append(str(error))
            continue
        if request is not None:
            requests.append(request)
    return requests, problems


def _one(alert: Any, index: int) -> HaltRequest | None:
    if not isinstance(alert, dict) or not isinstance(alert.get("labels"), dict):
        raise BadAlertError(f"alerts[{index}].labels: an object is needed")
    labels = alert["labels"]
    if alert.get("status") != "firing" or "marketmaker" not in labels:
        return None
    try:
        started = datetime.fromisoformat(str(alert["startsAt"]).replace("Z", "+00:00"))
    except (KeyError, ValueError) as error:
        raise BadAlertError(f"alerts[{index}].startsAt: a time is needed") from error
    fingerprint = "".join(char for char in str(alert.get("fingerprint", "")) if char.isalnum())[:64]
    if not fingerprint:
        raise BadAlertError(f"alerts[{index}].fingerprint: is missing")
    said = alert.get("annotations")
    annotations = said if isinstance(said, dict) else {}
    started_ms = round(started.timestamp() * 1000)
    reduce_only = labels.get("halt") == HaltLevel.REDUCE_ONLY.value
    return HaltRequest(
        market_maker=str(labels["marketmaker"]),
        namespace=str(labels["namespace"]) if "namespace" in labels else None,
        latch=Latch(
            id=f"alert-{fingerprint}-{started_ms}",
            level=HaltLevel.REDUCE_ONLY if reduce_only else HaltLevel.HALTED,
            source=LatchSource.ALERT,
            reason=str(labels.get("alertname", "Alert"))[:100],
            message=str(annotations.get("summary") or annotations.get("description") or "")[:500],
            at_ms=started_ms,
        ),
    )


def application(context: Context, loops: Loops, metrics: Metrics) -> web.Application:
    """The webhook's own server: nothing else answers on its port."""
    token = context.settings.webhook_token

    async def alerts(request: web.Request) -> web.Response:
        given = request.headers.get("Authorization", "").encode(errors="surrogateescape")
        if token is not None and not hmac.compare_digest(given, f"Bearer {token}".encode()):
            return web.json_response({"error": "a bearer token is needed"}, status=401)
        try:
            requests, problems = parse(await request.json())
        except ValueError as error:
            metrics.alerts.labels("webhook", "refused").inc()
            return web.json_response({"error": str(error)}, status=400)
        results: dict[str, str] = {}
        for wanted in requests:
            try:
                results[wanted.latch.id] = await halt_market_maker(context, loops, wanted)
            except UnknownMarketMakerError as error:
                results[wanted.latch.id] = str(error)
            except RedisUnavailableError as error:
                metrics.alerts.labels("webhook", "not_durable").inc()
                log.warning("alert_not_durable", alert=wanted.latch.id, error=str(error))
                return web.json_response({"error": "Redis has not got the halt; try again"}, status=503)
            metrics.alerts.labels("webhook", "taken").inc()
            log.warning(
                "alert_taken",
                alert=wanted.latch.id,
                marketmaker=wanted.market_maker,
                result=results[wanted.latch.id],
            )
        if problems:
            metrics.alerts.labels("webhook", "refused").inc(len(problems))
            log.warning("alerts_refused", problems=problems)
            return web.json_response({"error": "; ".join(problems), "halts": results}, status=400)
        return web.json_response({"halts": results})

    app = web.Application(client_max_size=MOST_BYTES)
    app.router.add_post("/alerts", alerts)
    return app
