"""The list. Each item is one question with its answer; they run in this order, on one trader, and leave it as they found it: quoting."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

from mm_trader.shell.admin.catalogue import METRICS
from mm_trader.shell.check.bench import Bench, NotYetError, until
from mm_trader.shell.recording.replay import Replay, segments

START_S, BACK_S, SOON_S = 45.0, 60.0, 15.0
"""For a start, for quoting again after a fault, and for what is local."""
ACK_P95_MS, ACK_P99_MS, KERNEL_P99_MS, GC_MS, RSS_MIB, CPU_SHARE = 50.0, 100.0, 10.0, 10.0, 500.0, 0.5
"""The floor of requirement R30."""
CPU_OVER_S = 5.0
RECONCILE_S = 1.0
"""R11.1: from the request to repaired."""
LEAST_METRICS = 10
LATER_METRICS = {"mm_cancel_ratio", "mm_fill_rate"}
"""Without a value until enough orders have been counted."""
ORDER_FIELDS = {"client_id", "symbol", "side", "price", "quantity", "filled", "state", "venue_id", "cause"}


class SkippedError(Exception):
    """The item has no meaning here; the message says why."""


class Item(NamedTuple):
    """One question. `run` answers in a few words; raises NotYetError (no) or SkippedError."""

    section: str
    title: str
    run: Callable[[Bench], Awaitable[str]]
    faulty: bool = False
    """Injects a fault: at a simulator alone."""


def _demand(condition: object, message: str) -> None:
    if not condition:
        raise NotYetError(message)


# --- start-up -------------------------------------------------------------------------------------------------------------------------------


async def _starts(bench: Bench) -> str:
    began = time.monotonic()
    await bench.trader.start()
    await bench.quoting(START_S)
    return f"{time.monotonic() - began:.1f} s to quotes on both sides of {', '.join(bench.config.symbols)}"


async def _connected(bench: Bench) -> str:
    status = await bench.status()
    _demand(status is not None, "no answer")
    assert status is not None
    gateway = status["gateway"]
    _demand(
        all(gateway["streams"].values()) and len(gateway["streams"]) >= 3, f"streams {gateway['streams']}"
    )
    window_ms = bench.config.venue.recv_window.total_seconds() * 1000
    _demand(
        abs(gateway["clock_offset_ms"]) < window_ms, f"clock differs by {gateway['clock_offset_ms']:.0f} ms"
    )
    return f"{len(gateway['streams'])} connections, clock {gateway['clock_offset_ms']:+.0f} ms, weight {gateway['used_weight']} of {gateway['weight_limit']}"


async def _probes(bench: Bench) -> str:
    for path in ("/healthz", "/readyz"):
        code, text = await bench.get(path)
        _demand(code == 200, f"{path}: {code} {text.strip()}")
    async with bench.http.get(bench.url("/admin/config")) as reply:
        _demand(reply.status == 401, f"/admin/config without a token: {reply.status}, not 401")
    return "alive, ready; /admin refuses without the token"


async def _self_test(bench: Bench) -> str:
    status = await bench.status()
    assert status is not None
    _demand(not status["halts"], f"halted by {[halt['id'] for halt in status['halts']]}")
    return f"no halt; risk level {status['state']['riskLevel']}"


# --- function -------------------------------------------------------------------------------------------------------------------------------


async def _reconciles(bench: Bench) -> str:
    name = "mm_reconcile_runs_total"
    before = (await bench.metrics())[name]
    began = time.monotonic()
    code, _ = await bench.post("/admin/reconcile", {})
    _demand(code == 202, f"refused: {code}")

    async def done() -> bool:
        return (await bench.metrics())[name] >= before + len(bench.config.symbols)

    await until(done, "all symbols are compared", SOON_S)
    took = time.monotonic() - began
    _demand(took < RECONCILE_S, f"it took {took:.2f} s; must be under {RECONCILE_S:g}")
    return f"all symbols compared in {took:.2f} s"


async def _pauses(bench: Bench) -> str:
    code, _ = await bench.post("/admin/pause", {})
    _demand(code == 202, f"refused: {code}")
    took = await _zero(bench)
    await bench.post("/admin/resume", {})
    await bench.quoting(BACK_S)
    return f"pause: nothing open after {took:.2f} s; resume: quoting"


async def _zero(bench: Bench) -> float:
    """Seconds until nothing is open, by the venue's own book where that can be read, else by what it has told the trader."""
    began = time.monotonic()

    async def none_open() -> bool:
        if bench.venue is not None and bench.venue.account:
            return not await bench.venue.open_orders()
        status = await bench.status()
        return status is not None and not status["state"]["openOrders"]

    await until(none_open, "nothing is open at the venue", SOON_S)
    return time.monotonic() - began


async def _fills(bench: Bench) -> str:
    async def filled() -> float:
        found = await bench.metrics()
        return sum(value for name, value in found.items() if name.startswith("mm_fills_total"))

    before = await filled()
    if bench.venue is None:
        raise SkippedError(
            "the market cannot be moved at this venue" if not before else f"{before:.0f} fills so far"
        )
    symbol = bench.config.symbols[0]
    for step in (60, -120, 60):
        await bench.venue.act("price", symbol=symbol, by_bp=step)
        await asyncio.sleep(1.0)

    async def more() -> bool:
        return await filled() > before

    await until(more, "a fill is booked", SOON_S)
    status = await bench.quoting(BACK_S)
    return f"{await filled() - before:.0f} fills booked; position {status['state']['positions'].get(symbol, '0')} {symbol}"


async def _reloads(bench: Bench) -> str:
    changed = json.loads(json.dumps(bench.wire))
    changed["engine"] = {**changed.get("engine", {}), "staleAfter": "7s"}
    bench.write_config(changed)
    code, answer = await bench.post("/admin/config/reload", {})
    _demand(code == 200 and "engine.staleAfter" in answer["applied"], f"not applied: {answer}")
    broken = {**bench.wire, "symbols": ["DOGEUSDC"]}
    bench.write_config(broken)
    code, answer = await bench.post("/admin/config/reload", {})
    _demand(
        code == 422 and "symbols" in answer["problems"][0], f"an immutable field was not refused: {answer}"
    )
    bench.write_config(bench.wire)
    code, answer = await bench.post("/admin/config/reload", {})
    _demand(code == 200, f"putting it back was refused: {answer}")
    return "a hot field applied, an immutable one refused by name, put back"


# --- faults ---------------------------------------------------------------------------------------------------------------------------------


async def _disconnects(bench: Bench) -> str:
    assert bench.venue is not None
    before = await _sum(bench, "mm_stream_reconnects_total")
    began = time.monotonic()
    await bench.venue.act("cut", what="all")

    async def again() -> bool:
        return await _sum(bench, "mm_stream_reconnects_total") >= before + 3

    await until(again, "all connections are made again", BACK_S)
    await bench.quoting(BACK_S)
    return f"all connections cut: reconciled and quoting after {time.monotonic() - began:.1f} s"


async def _times_out(bench: Bench) -> str:
    assert bench.venue is not None
    name = "mm_orders_unknown_total"
    before = (await bench.metrics())[name]
    await bench.venue.act("fault", fault="drop_before", call="place", count=1)
    await bench.venue.act("price", symbol=bench.config.symbols[0], by_bp=15)

    async def doubted() -> bool:
        return (await bench.metrics())[name] > before

    await until(doubted, "an order without an answer is UNKNOWN", BACK_S)

    async def resolved() -> bool:
        status = await bench.status()
        return status is not None and status["state"]["unknownOrders"] == 0

    await until(resolved, "the venue has been asked and nothing is unknown", BACK_S)
    await bench.venue.act("clear")
    await bench.quoting(BACK_S)
    return "an order got no answer: it was UNKNOWN, the venue was asked, quoting goes on"


async def _breaks(bench: Bench) -> str:
    assert bench.venue is not None
    tried = "mm_orders_placed_total"
    await bench.venue.act("fault", fault="status_before", call="place", status=503, count=1000)
    await bench.venue.act("price", symbol=bench.config.symbols[0], by_bp=25)
    before = (await bench.metrics())[tried]
    await asyncio.sleep(CPU_OVER_S)
    attempts = (await bench.metrics())[tried] - before
    limit = bench.config.risk.max_order_rate * CPU_OVER_S / 2
    await bench.venue.act("clear")
    status = await bench.status()
    for halt in (status or {}).get("halts", []):
        await bench.post("/admin/risk/reset", {"haltId": halt["id"]})
    await bench.quoting(BACK_S)
    _demand(
        attempts <= limit,
        f"{attempts:.0f} orders in {CPU_OVER_S:g} s at a venue that fails; at most {limit:g}",
    )
    return f"the venue failed every order: {attempts:.0f} attempts in {CPU_OVER_S:g} s, then quoting again"


async def _stops_in_emergency(bench: Bench) -> str:
    code, answer = await bench.post("/admin/halt", {"reason": "Check", "message": "mm-trader check"})
    _demand(code == 202 and answer["halts"], f"refused: {answer}")
    took = await _zero(bench)
    (halt_id,) = answer["halts"]

    async def durable() -> bool:
        _, text = await bench.get("/admin/risk/status")
        return bool(json.loads(text)["notDurable"] == 0)

    await until(durable, "the halt is durable", SOON_S)
    code, _ = await bench.post("/admin/risk/reset", {"haltId": "another"})
    _demand(code == 404, f"another id was answered with {code}")
    code, _ = await bench.post("/admin/risk/reset", {"haltId": halt_id})
    _demand(code == 200, f"its own id was answered with {code}")
    await bench.quoting(BACK_S)
    return f"nothing open after {took * 1000:.0f} ms; lifted by its id alone"


async def _recovers(bench: Bench) -> str:
    status = await bench.quoting(BACK_S)
    before = status["state"]["positions"]
    await bench.trader.end(signal.SIGKILL, SOON_S)
    began = time.monotonic()
    await bench.trader.start()
    status = await bench.quoting(START_S)
    took = time.monotonic() - began
    restored = next((line for line in bench.trader.text().splitlines() if '"state_restored"' in line), "{}")
    _demand(json.loads(restored).get("clean") is False, "the kill was not noticed")
    after = status["state"]["positions"]
    fills = sum(1 for line in bench.trader.text().splitlines() if '"event": "fill"' in line)
    _demand(before == after or fills, f"positions were {before}, are {after}, and nothing was traded")
    return f"killed: quoting again after {took:.1f} s, reconciled; positions {before} → {after}, {fills} fills since"


# --- performance ----------------------------------------------------------------------------------------------------------------------------


async def _ack_latency(bench: Bench) -> str:
    p95, p99, count = await _quantiles(bench, "mm_order_ack_seconds")
    _demand(p95 <= ACK_P95_MS and p99 <= ACK_P99_MS, f"P95 {p95:.3g} ms, P99 {p99:.3g} ms of {count} orders")
    return (
        f"P95 {p95:.3g} ms, P99 {p99:.3g} ms of {count} orders (must be ≤ {ACK_P95_MS:g} and {ACK_P99_MS:g})"
    )


async def _kernel_latency(bench: Bench) -> str:
    _, p99, count = await _quantiles(bench, "mm_kernel_event_seconds")
    _demand(p99 <= KERNEL_P99_MS, f"P99 {p99:.3g} ms of {count} events")
    return f"P99 {p99:.3g} ms of {count} events"


async def _resources(bench: Bench) -> str:
    first = (await bench.metrics())["process_cpu_seconds_total"]
    began = time.monotonic()
    await asyncio.sleep(CPU_OVER_S)
    found = await bench.metrics()
    share = (found["process_cpu_seconds_total"] - first) / (time.monotonic() - began)
    resident = found["process_resident_memory_bytes"] / 2**20
    pause = found["mm_gc_longest_pause_seconds"] * 1000
    _demand(resident <= RSS_MIB, f"{resident:.0f} MiB resident")
    _demand(share <= CPU_SHARE, f"{share:.0%} of a core")
    _demand(pause <= GC_MS, f"a collection took {pause:.1f} ms")
    return f"{resident:.0f} MiB resident, {share:.1%} of a core, longest collection {pause:.2f} ms"


# --- monitoring -----------------------------------------------------------------------------------------------------------------------------


async def _has_metrics(bench: Bench) -> str:
    found = {name.split("{")[0] for name in await bench.metrics()}
    own = {metric.name for metric in METRICS}
    seen = {name for name in own if name in found or f"{name}_bucket" in found}
    missing = {metric.name for metric in METRICS if not metric.labels} - seen - LATER_METRICS
    _demand(len(seen) >= LEAST_METRICS and not missing, f"missing: {', '.join(sorted(missing))}")
    return f"{len(seen)} of {len(own)} documented metrics have a value now"


async def _logs(bench: Bench) -> str:
    lines = [json.loads(line) for line in Path(bench.wire["logging"]["file"]).read_text().splitlines()]
    orders = [line for line in lines if line["event"] == "order_changed"]
    _demand(orders and all(set(line) >= ORDER_FIELDS for line in orders), "order events lack fixed fields")
    errors = Path(bench.wire["logging"]["errorFile"]).read_text().splitlines()
    _demand(all(json.loads(line)["level"] == "error" for line in errors), "the error file holds other lines")
    return f"{len(lines)} lines of JSON, {len(orders)} order events with fixed fields, {len(errors)} errors in a file of their own"


async def _alerts(bench: Bench) -> str:
    text = Path(bench.wire["logging"]["file"]).read_text()
    kinds = {json.loads(line)["kind"] for line in text.splitlines() if '"event": "alert"' in line}
    _demand("Started" in kinds, "no alert was logged")
    found = (await bench.metrics())["mm_alerts_total"]
    return f"{found:.0f} alerts since the restart; kinds {', '.join(sorted(kinds))}"


async def _profiles(bench: Bench) -> str:
    code, text = await bench.get("/admin/profile/cpu?seconds=1")
    _demand(code == 200 and text.strip(), f"cpu: {code}")
    code, text = await bench.get("/admin/profile/heap?seconds=1")
    _demand(code == 200 and "bytes allocated" in text, f"heap: {code}")
    return "CPU and heap profiles of the running process"


async def _summaries(bench: Bench) -> str:
    code, text = await bench.get("/admin/summary")
    _demand(code == 200, f"{code}")
    hour = json.loads(text)["hour"]
    return f"hourly check and daily summary; orders {hour['counts']['orders_placed']} in the hour"


# --- the end --------------------------------------------------------------------------------------------------------------------------------


async def _leaves(bench: Bench) -> str:
    began = time.monotonic()
    status = await bench.trader.end(signal.SIGTERM, BACK_S)
    _demand(status == 0, f"exit status {status}: {bench.trader.text()[-300:]}")
    if bench.venue is not None and bench.venue.account:
        _demand(not await bench.venue.open_orders(), "orders are open at the venue")
    return f"SIGTERM: status 0, nothing open at the venue, {time.monotonic() - began:.1f} s"


async def _replays(bench: Bench) -> str:
    def work() -> Replay:
        replay = Replay()
        for path in segments([bench.wire["recording"]["directory"]]):
            replay.segment(path)
        return replay

    totals = (await asyncio.to_thread(work)).totals
    _demand(
        totals.differences == 0, f"{totals.differences} differences; the first at {totals.first_difference}"
    )
    return f"{totals.events:,} recorded events of {totals.kernels} kernels: the same {totals.commands:,} commands, byte for byte"


async def _sum(bench: Bench, name: str) -> float:
    return sum(value for series, value in (await bench.metrics()).items() if series.startswith(name))


async def _quantiles(bench: Bench, name: str) -> tuple[float, float, int]:
    """(P95, P99) in ms from its buckets, and the count."""
    found: list[tuple[float, float]] = []
    for series, value in (await bench.metrics()).items():
        if series.startswith(f"{name}_bucket"):
            bound = series.split('le="')[1].split('"')[0]
            found.append((float(bound), value))
    found.sort()
    total = found[-1][1] if found else 0
    _demand(total, "nothing was measured")

    def at(share: float) -> float:
        """Linear within the bucket, as Prometheus' histogram_quantile."""
        low, below = 0.0, 0.0
        for bound, value in found:
            if value >= share * total:
                return 1000.0 * (low + (bound - low) * (share * total - below) / (value - below))
            low, below = bound, value
        return float("inf")

    return at(0.95), at(0.99), int(total)


ITEMS: tuple[Item, ...] = (
    Item("start-up", "the trader starts and quotes", _starts),
    Item("start-up", "connections and clock", _connected),
    Item("start-up", "probes, and the token", _probes),
    Item("start-up", "risk controls have proved themselves", _self_test),
    Item("function", "reconcile on command", _reconciles),
    Item("function", "pause and resume", _pauses),
    Item("function", "fills are booked", _fills),
    Item("function", "hot reload", _reloads),
    Item("performance", "order latency", _ack_latency),
    Item("performance", "kernel latency", _kernel_latency),
    Item("performance", "memory, processor, collector", _resources),
    Item("fault", "disconnect", _disconnects, faulty=True),
    Item("fault", "time-out", _times_out, faulty=True),
    Item("fault", "breaker", _breaks, faulty=True),
    Item("fault", "emergency stop", _stops_in_emergency),
    Item("fault", "data recovery after a kill", _recovers),
    Item("monitoring", "metrics", _has_metrics),
    Item("monitoring", "logs", _logs),
    Item("monitoring", "alerts", _alerts),
    Item("monitoring", "profiles", _profiles),
    Item("monitoring", "summaries", _summaries),
    Item("end", "an orderly stop", _leaves),
    Item("end", "the recording is replayed", _replays),
)
