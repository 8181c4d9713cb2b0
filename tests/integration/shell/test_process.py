"""`mm-trader --config FILE` as a process of its own: exit statuses, signals, a Redis that comes and goes, memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psutil
import pytest
from shellkit.processes import IDENTITY, Trader, Venue, assert_one_writer, trader_config
from shellkit.redis_server import RedisServer
from shellkit.waiting import until

from mm_api.redis_contract import Keys, ReportedState

MEMORY_LIMIT_MIB = 120
PATIENT = 45.0
"""Seconds: other tests run beside these."""


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    with RedisServer(tmp_path / "redis") as running:
        yield running


@pytest.fixture
async def venue(tmp_path: Path) -> AsyncIterator[Venue]:
    running = Venue(tmp_path)
    await running.start()
    yield running
    await running.kill()


async def wait_for_exit(trader: Trader) -> int:
    assert trader.process is not None
    await until(lambda: trader.process.returncode is not None, "the process ends", PATIENT)
    return int(trader.process.returncode)


async def test_sigterm_leaves_nothing_open_and_exits_0_and_two_symbols_fit_in_memory(
    tmp_path: Path, redis_server: RedisServer, venue: Venue
) -> None:
    trader = Trader(tmp_path, trader_config(tmp_path, venue.url, redis_server.url))
    await trader.start()
    try:
        await trader.quoting(PATIENT)
        used = psutil.Process(trader.pid).memory_info().rss / 2**20
        print(f"resident memory with two symbols: {used:.0f} MiB")
        assert used <= MEMORY_LIMIT_MIB
        assert await trader.terminate(30) == 0
    finally:
        await trader.kill()
    assert await venue.open_orders() == []
    keys, client = Keys(IDENTITY), redis_server.client
    state = ReportedState.model_validate_json(client.get(keys.state))
    assert state.phase.value == "Stopped"
    assert state.open_orders == 0
    assert client.get(keys.lease) is None
    assert "Traceback" not in trader.own_text()


async def test_a_redis_killed_and_restarted_under_load_costs_no_order_and_no_second_writer(
    tmp_path: Path, redis_server: RedisServer, venue: Venue
) -> None:
    trader = Trader(tmp_path, trader_config(tmp_path, venue.url, redis_server.url))
    await trader.start()
    try:
        await trader.quoting(PATIENT)
        redis_server.kill()
        before = await venue.sequence()

        async def traded_on() -> bool:
            return await venue.sequence() > before

        await until(traded_on, "the trader goes on while its lease runs, or cancels", PATIENT)
        redis_server.start()

        async def well() -> bool:
            status = await trader.status()
            return (
                status is not None
                and status["state"]["phase"] == "Quoting"
                and status["storePending"] < 10
                and status["parts"]["lease"]["healthy"]
            )

        await until(well, "it quotes and writes again", PATIENT)
        assert await trader.terminate(30) == 0
    finally:
        await trader.kill()
    assert_one_writer(await venue.journal())
    state = ReportedState.model_validate_json(redis_server.client.get(Keys(IDENTITY).state))
    assert state.phase.value == "Stopped"


async def test_a_redis_that_is_not_there_at_start_is_waited_for_and_said_to_be(
    tmp_path: Path, venue: Venue
) -> None:
    server = RedisServer(tmp_path / "redis")
    trader = Trader(tmp_path, trader_config(tmp_path, venue.url, server.url))
    await trader.start()
    try:
        await until(lambda: "store_unreachable" in trader.own_text(), "it says what it waits for", PATIENT)
        status = await trader.status()
        assert status is not None
        assert status["state"]["reason"] == "RedisUnreachable"
        assert await venue.open_orders() == []
        server.start()
        await trader.quoting(PATIENT)
        assert await trader.terminate(30) == 0
    finally:
        await trader.kill()
        server.kill()


async def test_missing_keys_are_reported_and_the_process_waits_for_them(
    tmp_path: Path, redis_server: RedisServer, venue: Venue
) -> None:
    keys = tmp_path / "keys"
    config = trader_config(tmp_path, venue.url, redis_server.url)
    config["venue"]["credentialsDir"] = str(keys)
    trader = Trader(tmp_path, config)
    await trader.start()
    try:

        def reported() -> bool:
            text = redis_server.client.get(Keys(IDENTITY).state)
            return bool(text) and ReportedState.model_validate_json(text).error_reason == "CredentialsMissing"

        await until(reported, "the reported state says that keys are missing", PATIENT)
        assert await trader.terminate(30) == 0
    finally:
        await trader.kill()
    assert "Traceback" not in trader.own_text()


async def test_a_bad_config_is_one_line_and_status_2(tmp_path: Path) -> None:
    config = trader_config(tmp_path, "http://127.0.0.1:1", None)
    config["risk"]["dailyLossLimit"] = "-1"
    trader = Trader(tmp_path, config)
    await trader.start()
    assert await wait_for_exit(trader) == 2
    assert trader.own_text().count("\n") == 1
    assert "trader.yaml" in trader.own_text()
    assert "risk.dailyLossLimit" in trader.own_text()


async def test_a_second_trader_on_the_same_journal_ends_with_one_line(
    tmp_path: Path, redis_server: RedisServer, venue: Venue
) -> None:
    config = trader_config(tmp_path, venue.url, redis_server.url)
    first = Trader(tmp_path, config)
    await first.start()
    (tmp_path / "second").mkdir()
    second = Trader(tmp_path / "second", config)
    try:
        await first.quoting(PATIENT)
        await second.start()
        assert await wait_for_exit(second) == 1
        assert "another trader works on this journal" in second.own_text()
        assert "Traceback" not in second.own_text()
        await first.quoting(PATIENT)
    finally:
        await first.kill()
        await second.kill()
