"""Follows the alert streams of all identities, so that a trader's own halt is seen by the operator at once and not at the next poll.

It wakes the loop; the loop reads the latches.
"""

from __future__ import annotations

import asyncio

import structlog

from mm_operator.kube.redis_state import RedisUnavailableError
from mm_operator.metrics import Metrics
from mm_operator.reconcile.context import Context
from mm_operator.reconcile.loop import Loops

BLOCK_MS = 2_000
RETRY_S = 1.0
log = structlog.get_logger()


async def follow_alerts(context: Context, loops: Loops, metrics: Metrics) -> None:
    """Runs until cancelled."""
    positions: dict[str, str] = {}
    answering = True
    while True:
        wanted = loops.identities()
        positions = {identity: entry for identity, entry in positions.items() if identity in wanted}
        try:
            for identity in wanted - positions.keys():
                positions[identity] = await context.redis.newest_alert(identity)
            if not positions:
                loops.identities_changed.clear()
                await loops.identities_changed.wait()
                continue
            for identity, entry, alert in await context.redis.wait_alerts(positions, BLOCK_MS):
                positions[identity] = entry
                metrics.alerts.labels("trader", "unreadable" if alert is None else "seen").inc()
                if alert is not None and alert.severity != "info":
                    log.warning(
                        "trader_alert",
                        identity=identity,
                        alert=alert.kind,
                        reason=alert.reason,
                        message=alert.message,
                        halt=alert.halt_id,
                    )
                loops.wake_identity(identity)
            if not answering:
                answering = True
                log.info("redis_answers_again")
                loops.wake_namespace(None)
        except RedisUnavailableError as error:
            if answering:
                answering = False
                log.warning("redis_unavailable", error=str(error))
            await asyncio.sleep(RETRY_S)
