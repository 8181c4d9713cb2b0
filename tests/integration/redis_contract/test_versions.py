"""Values of an older program are brought up to date on a real server by a trader that takes them over; those of a newer one are refused and stay."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from shellkit.processes import IDENTITY, Trader, Venue, trader_config
from shellkit.redis_server import RedisServer
from shellkit.waiting import until

from mm_api.redis_contract import Evidence, Keys, LedgerRecord, ReportedState
from mm_api.versions import NewerSchemaError
from mm_trader.core.clock import Clock
from mm_trader.shell.clock import SystemClock
from mm_trader.shell.errors import StoreRefusedError
from mm_trader.shell.journal import Journal
from mm_trader.shell.store.redis_store import RedisStore

FIXTURE = json.loads((Path(__file__).parent / "contract_2026-11-23.json").read_text(encoding="utf-8"))
"""Everything a trader of commit 13691e5, the first that traded, left in its Redis when it was killed while it traded."""
SCOPE = "local"


def fill(server: RedisServer) -> dict[str, Any]:
    """Put the fixture into a server; what its ledger says."""
    client = server.client
    for key, entry in FIXTURE.items():
        if key == Keys(IDENTITY).lease:
            continue  # it has run out since
        match entry["type"]:
            case "string":
                client.set(key, entry["value"])
            case "hash":
                client.hset(key, mapping=entry["value"])
            case "list":
                client.rpush(key, *entry["value"])
            case "stream":
                for fields in entry["value"]:
                    client.xadd(key, fields)
    return dict(json.loads(FIXTURE[Keys(IDENTITY).ledger]["value"]))


async def test_what_an_older_trader_left_is_read_and_brought_up_to_date(
    server: RedisServer, store: RedisStore
) -> None:
    old = fill(server)
    assert old["schemaVersion"] == 1
    loaded = await store.load(SCOPE)
    ledger = loaded.ledger
    assert ledger is not None
    assert ledger.schema_version == 2
    assert ledger.budget_start_pnl == Decimal(old.get("budgetStartPnl") or old["scopeStartPnl"])
    for symbol, position in old["positions"].items():
        assert ledger.positions[symbol].position == Decimal(position["position"])
        assert ledger.positions[symbol].cash == Decimal(position["cash"])
        assert ledger.positions[symbol].booked_trade_ids == position["bookedTradeIds"]
    assert loaded.evidence is not None
    assert loaded.evidence.fills >= 2
    assert loaded.orders


async def test_a_trader_takes_over_from_an_older_one_and_leaves_the_new_form(
    tmp_path: Path, server: RedisServer
) -> None:
    old = fill(server)
    venue = Venue(tmp_path)
    await venue.start()
    trader = Trader(tmp_path, trader_config(tmp_path, venue.url, server.url))
    try:
        await trader.start()
        await trader.quoting(60)
        keys = Keys(IDENTITY)

        async def rewritten() -> bool:
            return json.loads(server.client.get(keys.ledger))["schemaVersion"] == 2

        await until(rewritten, "the ledger is written in the new form", 20)
        ledger = LedgerRecord.model_validate_json(server.client.get(keys.ledger))
        assert set(ledger.positions) >= set(old["positions"])
        evidence = Evidence.model_validate_json(server.client.get(keys.evidence(SCOPE)))
        assert evidence.unclean_stops >= 1  # it was killed, and that is known across the versions
        assert await trader.terminate(30) == 0
    finally:
        await trader.kill()
        await venue.kill()


@pytest.mark.parametrize("key", ["ledger", "state", "evidence"])
async def test_a_newer_form_is_refused_and_stays_as_it_is(
    tmp_path: Path, server: RedisServer, store: RedisStore, key: str
) -> None:
    fill(server)
    keys, client = Keys(IDENTITY), server.client
    name = keys.evidence(SCOPE) if key == "evidence" else getattr(keys, key)
    client.set(name, json.dumps({**json.loads(client.get(name)), "schemaVersion": 99, "future": "kept"}))
    before = {k: client.dump(k) for k in (keys.ledger, keys.state, keys.evidence(SCOPE), keys.fence)}
    with pytest.raises(StoreRefusedError, match=r"schemaVersion 99.*run the newer version"):
        await store.load(SCOPE)
    trader = Trader(tmp_path, trader_config(tmp_path, "http://127.0.0.1:1", server.url))
    await trader.start()
    try:

        async def said() -> bool:
            status = await trader.status()
            return status is not None and "schemaVersion 99" in str(status["missing"])

        # the start waits for a store it can read: no lease is asked for, nothing is written
        await until(said, "the trader says what it waits for", 45)
        assert client.get(keys.lease) is None
    finally:
        await trader.kill()
    assert {k: client.dump(k) for k in before} == before


def test_a_newer_journal_is_refused_before_a_line_is_written(tmp_path: Path) -> None:
    clock: Clock = SystemClock()
    journal = Journal(tmp_path, clock)
    journal.open()
    journal.ledger(LedgerRecord())
    journal.close()
    newer = Journal(tmp_path, clock)
    known = LedgerRecord.migrations
    LedgerRecord.migrations = ()  # the program of version 1 reads what version 2 wrote
    try:
        files = {path: path.read_bytes() for path in tmp_path.glob("*.jsonl")}
        with pytest.raises(NewerSchemaError):
            newer.open()
        assert {path: path.read_bytes() for path in tmp_path.glob("*.jsonl")} == files
    finally:
        LedgerRecord.migrations = known
    Journal(tmp_path, clock).open()  # the lock was given back


def test_a_version_that_is_none_is_refused_as_a_bad_value() -> None:
    for version in (0, -1, "1", True, None):
        with pytest.raises(ValueError, match="schemaVersion"):
            ReportedState.model_validate({"schemaVersion": version})
