"""What Kubernetes asks: alive is that the loop goes round and what must run runs, ready is that it could trade; one that lives and cannot trade says why."""

from __future__ import annotations

from pathlib import Path

import aiohttp
import pytest
from shellkit.desk import Desk, desk
from shellkit.waiting import until

from mm_api.redis_contract import Latch


async def probe(d: Desk, path: str) -> tuple[int, str]:
    async with (
        aiohttp.ClientSession() as http,
        http.get(f"http://127.0.0.1:{d.app.admin.port}{path}") as reply,
    ):
        return reply.status, await reply.text()


async def test_it_is_ready_when_streams_lease_and_a_comparison_are_there_and_not_before_or_after(
    tmp_path: Path,
) -> None:
    async with desk(tmp_path) as d:
        assert (await probe(d, "/healthz"))[0] == 200
        status, text = await probe(d, "/readyz")
        assert (status, "lease" in text or "streams" in text or "reconciled" in text) == (503, True)
        await d.quoted()
        assert await probe(d, "/readyz") == (200, "ready\n")
        d.sim.admin.do("cut", what="user", block_s=30)

        async def unready() -> bool:
            return await probe(d, "/readyz") == (503, "not ready: streams: user\n")

        await until(unready, "it is not ready without its user stream, and says so")
        assert (await probe(d, "/healthz"))[0] == 200, "a restart would not bring the stream back"


async def test_a_halted_trader_is_ready_and_says_that_it_is_halted(tmp_path: Path) -> None:
    async with desk(tmp_path) as d:
        await d.quoted()
        halt = {"id": "alert-1-1", "level": "Halted", "source": "Alert", "reason": "Test", "atMs": 1}
        await d.store.set_latch(Latch.model_validate(halt))

        async def said() -> bool:
            return await probe(d, "/readyz") == (200, "ready, Halted: alert-1-1\n")

        await until(said, "the probe names the halt")


async def test_a_process_whose_tick_has_ended_is_not_alive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fault() -> None:
        raise RuntimeError("a defect")

    async with desk(tmp_path) as d:
        await d.quoted()
        monkeypatch.setattr(d.app.keeper, "check", fault)
        await until(d.app.failed.is_set, "the task that must not end has ended")
        status, text = await probe(d, "/healthz")
        assert (status, "not alive" in text) == (503, True)
