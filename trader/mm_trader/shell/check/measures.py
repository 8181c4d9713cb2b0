"""Items of what is measured, and what a person can see: latency, resources, metrics, logs, alerts, profiles, summaries."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

from mm_trader.shell.admin.catalogue import METRICS
from mm_trader.shell.check.bench import Bench
from mm_trader.shell.check.item import CPU_OVER_S, demand, quantiles

ACK_P95_MS, ACK_P99_MS, KERNEL_P99_MS, GC_MS, RSS_MIB, CPU_SHARE = 50.0, 100.0, 10.0, 10.0, 500.0, 0.5
"""The floor of requirement R30."""
LEAST_METRICS = 10
LATER_METRICS = {"mm_cancel_ratio"}
"""Without a value until enough orders have been counted."""
ORDER_FIELDS = {"client_id", "symbol", "side", "price", "quantity", "filled", "state", "venue_id", "cause"}


async def ack_latency(bench: Bench) -> str:
    p95, p99, count = await quantiles(bench, "mm_order_ack_seconds")
    demand(p95 <= ACK_P95_MS and p99 <= ACK_P99_MS, f"P95 {p95:.3g} ms, P99 {p99:.3g} ms of {count} orders")
    return (
        f"P95 {p95:.3g} ms, P99 {p99:.3g} ms of {count} orders (must be ≤ {ACK_P95_MS:g} and {ACK_P99_MS:g})"
    )


async def kernel_latency(bench: Bench) -> str:
    _, p99, count = await quantiles(bench, "mm_kernel_event_seconds")
    demand(p99 <= KERNEL_P99_MS, f"P99 {p99:.3g} ms of {count} events")
    return f"P99 {p99:.3g} ms of {count} events"


async def resources(bench: Bench) -> str:
    first = (await bench.metrics())["process_cpu_seconds_total"]
    began = time.monotonic()
    await asyncio.sleep(CPU_OVER_S)
    found = await bench.metrics()
    share = (found["process_cpu_seconds_total"] - first) / (time.monotonic() - began)
    resident = found["process_resident_memory_bytes"] / 2**20
    pause = found["mm_gc_longest_pause_seconds"] * 1000
    demand(resident <= RSS_MIB, f"{resident:.0f} MiB resident")
    demand(share <= CPU_SHARE, f"{share:.0%} of a core")
    demand(pause <= GC_MS, f"a collection took {pause:.1f} ms")
    return f"{resident:.0f} MiB resident, {share:.1%} of a core, longest collection {pause:.2f} ms"


async def has_metrics(bench: Bench) -> str:
    found = {name.split("{")[0] for name in await bench.metrics()}
    own = {metric.name for metric in METRICS}
    seen = {name for name in own if name in found or f"{name}_bucket" in found}
    missing = {metric.name for metric in METRICS if not metric.labels} - seen - LATER_METRICS
    demand(len(seen) >= LEAST_METRICS and not missing, f"missing: {', '.join(sorted(missing))}")
    return f"{len(seen)} of {len(own)} documented metrics have a value now"


async def logs(bench: Bench) -> str:
    lines = [json.loads(line) for line in Path(bench.wire["logging"]["file"]).read_text().splitlines()]
    orders = [line for line in lines if line["event"] == "order_changed"]
    demand(orders and all(set(line) >= ORDER_FIELDS for line in orders), "order events lack fixed fields")
    errors = Path(bench.wire["logging"]["errorFile"]).read_text().splitlines()
    demand(all(json.loads(line)["level"] == "error" for line in errors), "the error file holds other lines")
    return f"{len(lines)} lines of JSON, {len(orders)} order events with fixed fields, {len(errors)} errors in a file of their own"


async def alerts(bench: Bench) -> str:
    text = Path(bench.wire["logging"]["file"]).read_text()
    kinds = {json.loads(line)["kind"] for line in text.splitlines() if '"event": "alert"' in line}
    demand("Started" in kinds, "no alert was logged")
    found = (await bench.metrics())["mm_alerts_total"]
    return f"{found:.0f} alerts since the restart; kinds {', '.join(sorted(kinds))}"


async def profiles(bench: Bench) -> str:
    code, text = await bench.get("/admin/profile/cpu?seconds=1")
    demand(code == 200 and text.strip(), f"cpu: {code}")
    code, text = await bench.get("/admin/profile/heap?seconds=1")
    demand(code == 200 and "bytes allocated" in text, f"heap: {code}")
    return "CPU and heap profiles of the running process"


async def summaries(bench: Bench) -> str:
    code, text = await bench.get("/admin/summary")
    demand(code == 200, f"{code}")
    hour = json.loads(text)["hour"]
    return f"hourly check and daily summary; orders {hour['counts']['orders_placed']} in the hour"
