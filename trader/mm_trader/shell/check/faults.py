"""Items of what goes wrong: connections, answers, the venue, an emergency, a kill."""

from __future__ import annotations

import asyncio
import json
import signal
import time

from mm_trader.shell.check.bench import Bench, until
from mm_trader.shell.check.item import BACK_S, CPU_OVER_S, SOON_S, START_S, demand, total, zero
from mm_trader.shell.recording.replay import Replay, segments


async def disconnects(bench: Bench) -> str:
    assert bench.venue is not None
    before = await total(bench, "mm_stream_reconnects_total")
    began = time.monotonic()
    await bench.venue.act("cut", what="all")

    async def again() -> bool:
        return await total(bench, "mm_stream_reconnects_total") >= before + 3

    await until(again, "all connections are made again", BACK_S)
    await bench.quoting(BACK_S)
    return f"all connections cut: reconciled and quoting after {time.monotonic() - began:.1f} s"


async def times_out(bench: Bench) -> str:
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


async def breaks(bench: Bench) -> str:
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
    demand(
        attempts <= limit,
        f"{attempts:.0f} orders in {CPU_OVER_S:g} s at a venue that fails; at most {limit:g}",
    )
    return f"the venue failed every order: {attempts:.0f} attempts in {CPU_OVER_S:g} s, then quoting again"


async def stops_in_emergency(bench: Bench) -> str:
    code, answer = await bench.post("/admin/halt", {"reason": "Check", "message": "mm-trader check"})
    demand(code == 202 and answer["halts"], f"refused: {answer}")
    took = await zero(bench)
    (halt_id,) = answer["halts"]

    async def durable() -> bool:
        _, text = await bench.get("/admin/risk/status")
        return bool(json.loads(text)["notDurable"] == 0)

    await until(durable, "the halt is durable", SOON_S)
    code, _ = await bench.post("/admin/risk/reset", {"haltId": "another"})
    demand(code == 404, f"another id was answered with {code}")
    code, _ = await bench.post("/admin/risk/reset", {"haltId": halt_id})
    demand(code == 200, f"its own id was answered with {code}")
    await bench.quoting(BACK_S)
    return f"nothing open after {took * 1000:.0f} ms; lifted by its id alone"


async def recovers(bench: Bench) -> str:
    status = await bench.quoting(BACK_S)
    before = status["state"]["positions"]
    await bench.trader.end(signal.SIGKILL, SOON_S)
    began = time.monotonic()
    await bench.trader.start()
    status = await bench.quoting(START_S)
    took = time.monotonic() - began
    restored = next((line for line in bench.trader.text().splitlines() if '"state_restored"' in line), "{}")
    demand(json.loads(restored).get("clean") is False, "the kill was not noticed")
    after = status["state"]["positions"]
    fills = sum(1 for line in bench.trader.text().splitlines() if '"event": "fill"' in line)
    demand(before == after or fills, f"positions were {before}, are {after}, and nothing was traded")
    return f"killed: quoting again after {took:.1f} s, reconciled; positions {before} → {after}, {fills} fills since"


async def leaves(bench: Bench) -> str:
    began = time.monotonic()
    status = await bench.trader.end(signal.SIGTERM, BACK_S)
    demand(status == 0, f"exit status {status}: {bench.trader.text()[-300:]}")
    if bench.venue is not None and bench.venue.account:
        demand(not await bench.venue.open_orders(), "orders are open at the venue")
    return f"SIGTERM: status 0, nothing open at the venue, {time.monotonic() - began:.1f} s"


async def replays(bench: Bench) -> str:
    def work() -> Replay:
        replay = Replay()
        for path in segments([bench.wire["recording"]["directory"]]):
            replay.segment(path)
        return replay

    totals = (await asyncio.to_thread(work)).totals
    demand(
        totals.differences == 0, f"{totals.differences} differences; the first at {totals.first_difference}"
    )
    return f"{totals.events:,} recorded events of {totals.kernels} kernels: the same {totals.commands:,} commands, byte for byte"
