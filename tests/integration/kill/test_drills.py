"""The trader's own drills, as an operator asks for them: a process of its own, a real Redis, a venue on a real socket."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from redis import Redis
from shellkit.processes import IDENTITY, Trader, Venue, assert_one_writer, trader_config
from shellkit.redis_server import RedisServer
from shellkit.waiting import until

from mm_api.drills import DrillName, DrillRecord
from mm_api.redis_contract import Command, CommandKind, Evidence, Keys

KEYS = Keys(IDENTITY)
QUICK = {
    "risk": {"capital": "10000", "breaker": {"failures": 2, "openFor": "500ms"}},
    "engine": {"orderTimeout": "1s", "requoteTolerance": "0.02"},
}


def evidence(client: Redis) -> Evidence:
    return Evidence.model_validate_json(client.get(KEYS.evidence("local")))


def ask(client: Redis, drill: DrillName) -> None:
    command = Command(kind=CommandKind.DRILL, at_ms=round(time.time() * 1000), drill=drill)
    client.xadd(KEYS.commands, {"command": command.to_json_line()})


async def ended(client: Redis, drill: DrillName) -> DrillRecord:
    def record() -> DrillRecord | None:
        found = evidence(client).drills.get(drill)
        return found if found is not None and found.state != "Running" else None

    return await until(record, f"the drill {drill} ends", 120)


@pytest.mark.timeout(300)
async def test_every_drill_is_come_out_of_clean_and_what_it_cost_is_told_apart(
    tmp_path: Path, redis_server: RedisServer, venue: Venue
) -> None:
    trader = Trader(tmp_path, trader_config(tmp_path, venue.url, redis_server.url, **QUICK))
    client = redis_server.client
    await trader.start()
    await trader.quoting()
    try:
        for drill in (DrillName.DISCONNECT, DrillName.ORDER_TIMEOUT, DrillName.CIRCUIT_BREAKER):
            ask(client, drill)
            record = await ended(client, drill)
            assert record.state == "Passed", f"{drill}: {record.message}"
        found = evidence(client)
        assert found.drills[DrillName.ORDER_TIMEOUT].spent["orders_unknown"] >= 1
        assert found.drills[DrillName.CIRCUIT_BREAKER].spent["orders_rejected"] >= 2

        ask(client, DrillName.KILL_AND_RECOVER)
        assert trader.process is not None
        status = await trader.process.wait()
        assert status == 137, trader.own_text()[-3000:]
        assert evidence(client).drills[DrillName.KILL_AND_RECOVER].state == "Running"
        await trader.start()
        record = await ended(client, DrillName.KILL_AND_RECOVER)
        assert record.state == "Passed", record.message
        assert record.spent["unclean_stops"] == 1
        found = evidence(client)
        assert (found.unclean_stops, found.order_anomalies) == (1, 0)
        assert set(found.drills) == set(DrillName) - {DrillName.EMERGENCY_STOP}, "they outlive the process"

        ask(client, DrillName.DISCONNECT)  # each once in a scope: nothing happens
        assert await trader.terminate() == 0, trader.own_text()[-3000:]
    finally:
        await trader.kill()
    assert await venue.open_orders() == []
    assert_one_writer(await venue.journal())
