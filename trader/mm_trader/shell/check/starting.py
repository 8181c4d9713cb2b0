"""Items of start-up and function: does it run, and does it do what it is told."""

from __future__ import annotations

import asyncio
import json
import time

from mm_trader.shell.check.bench import Bench, until
from mm_trader.shell.check.item import BACK_S, SOON_S, START_S, SkippedError, demand, zero

RECONCILE_S = 1.0
"""R11.1: from the request to repaired."""


async def starts(bench: Bench) -> str:
    began = time.monotonic()
    await bench.trader.start()
    await bench.quoting(START_S)
    return f"{time.monotonic() - began:.1f} s to quotes on both sides of {', '.join(bench.config.symbols)}"


async def connected(bench: Bench) -> str:
    status = await bench.status()
    demand(status is not None, "no answer")
    assert status is not None
    gateway = status["gateway"]
    demand(all(gateway["streams"].values()) and len(gateway["streams"]) >= 3, f"streams {gateway['streams']}")
    window_ms = bench.config.venue.recv_window.total_seconds() * 1000
    demand(
        abs(gateway["clock_offset_ms"]) < window_ms, f"clock differs by {gateway['clock_offset_ms']:.0f} ms"
    )
    return f"{len(gateway['streams'])} connections, clock {gateway['clock_offset_ms']:+.0f} ms, weight {gateway['used_weight']} of {gateway['weight_limit']}"


async def probes(bench: Bench) -> str:
    for path in ("/healthz", "/readyz"):
        code, text = await bench.get(path)
        demand(code == 200, f"{path}: {code} {text.strip()}")
    async with bench.http.get(bench.url("/admin/config")) as reply:
        demand(reply.status == 401, f"/admin/config without a token: {reply.status}, not 401")
    return "alive, ready; /admin refuses without the token"


async def self_test(bench: Bench) -> str:
    status = await bench.status()
    assert status is not None
    demand(not status["halts"], f"halted by {[halt['id'] for halt in status['halts']]}")
    return f"no halt; risk level {status['state']['riskLevel']}"


async def reconciles(bench: Bench) -> str:
    name = "mm_reconcile_runs_total"
    before = (await bench.metrics())[name]
    began = time.monotonic()
    code, _ = await bench.post("/admin/reconcile", {})
    demand(code == 202, f"refused: {code}")

    async def done() -> bool:
        return (await bench.metrics())[name] >= before + len(bench.config.symbols)

    await until(done, "all symbols are compared", SOON_S)
    took = time.monotonic() - began
    demand(took < RECONCILE_S, f"it took {took:.2f} s; must be under {RECONCILE_S:g}")
    return f"all symbols compared in {took:.2f} s"


async def pauses(bench: Bench) -> str:
    code, _ = await bench.post("/admin/pause", {})
    demand(code == 202, f"refused: {code}")
    took = await zero(bench)
    await bench.post("/admin/resume", {})
    await bench.quoting(BACK_S)
    return f"pause: nothing open after {took:.2f} s; resume: quoting"


async def fills(bench: Bench) -> str:
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


async def reloads(bench: Bench) -> str:
    changed = json.loads(json.dumps(bench.wire))
    changed["engine"] = {**changed.get("engine", {}), "staleAfter": "7s"}
    bench.write_config(changed)
    code, answer = await bench.post("/admin/config/reload", {})
    demand(code == 200 and "engine.staleAfter" in answer["applied"], f"not applied: {answer}")
    broken = {**bench.wire, "symbols": ["DOGEUSDC"]}
    bench.write_config(broken)
    code, answer = await bench.post("/admin/config/reload", {})
    demand(
        code == 422 and "symbols" in answer["problems"][0], f"an immutable field was not refused: {answer}"
    )
    bench.write_config(bench.wire)
    code, answer = await bench.post("/admin/config/reload", {})
    demand(code == 200, f"putting it back was refused: {answer}")
    return "a hot field applied, an immutable one refused by name, put back"
