"""Pause and resume, profiles of the running process, hourly check and daily summary, the memory limit: on a trader that trades."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import aiohttp
from shellkit.desk import Desk, desk
from shellkit.processes import post_json, read_json
from shellkit.waiting import until

from mm_api.redis_contract import AlertRecord, Keys
from mm_trader.cli import main
from mm_trader.shell.admin.routes import ROUTES, document

KEYS = Keys("sim.acc1")
ROOT = Path(__file__).parents[3]


def admin(d: Desk, path: str) -> str:
    return f"http://127.0.0.1:{d.app.admin.port}{path}"


async def text_of(url: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as http, http.get(url) as reply:
        return reply.status, await reply.text()


async def post_text(url: str, body: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as http, http.post(url, data=body) as reply:
        return reply.status, await reply.text()


def test_the_page_of_the_admin_port_is_the_table_of_its_routes() -> None:
    assert (ROOT / "docs" / "reference" / "admin-api.md").read_text(encoding="utf-8") == document()
    assert len({(route.method, route.path) for route in ROUTES}) == len(ROUTES)


async def test_a_pause_cancels_everything_survives_a_look_at_the_store_and_ends_with_resume(
    tmp_path: Path,
) -> None:
    async with desk(tmp_path) as d:
        await d.quoted()
        violations = d.app.dispatcher.kernel.evidence(0).risk_violations
        status, answer = await post_json(admin(d, "/admin/pause"), {"message": "maintenance"})
        assert (status, answer["level"]) == (202, "Halted")
        await until(lambda: not d.open_at_venue(), "everything is cancelled")
        await until(lambda: d.app.halts.pending == 0, "the pause is durable")
        await d.app.halts.refresh()
        assert [latch.source.value for latch in d.app.halts.current] == ["Pause"]
        assert (await post_json(admin(d, "/admin/pause"), {"level": "Sideways"}))[0] == 400
        for path, body, named in (
            ("pause", '{"level": "ReduceOnly"', "no JSON"),
            ("pause", '{"lvl": "ReduceOnly"}', "lvl: no such field; there is level, message"),
            ("reconcile", '["ETHUSDC"]', "a JSON object"),
            ("risk/reset", '{"halt": "x"}', "halt: no such field"),
        ):
            status, text = await post_text(admin(d, f"/admin/{path}"), body)
            assert (status, named in text) == (400, True), text
        assert len(d.app.halts.current) == 1
        status, answer = await post_json(admin(d, "/admin/resume"), {})
        assert status == 200
        assert len(answer["resumed"]) == 1
        await d.quoted()
        assert d.app.dispatcher.kernel.evidence(0).risk_violations == violations


async def test_a_stop_is_obeyed_whatever_its_body_holds_and_resume_does_not_lift_it(tmp_path: Path) -> None:
    async with desk(tmp_path) as d:
        await d.quoted()
        status, _ = await post_text(admin(d, "/admin/halt"), '{"reason": "fire in the building"')
        assert (status, d.app.halts.current[0].reason) == (202, "EmergencyStop")
        await until(lambda: d.app.halts.pending == 0, "the halt is durable")
        _, answer = await post_json(admin(d, "/admin/resume"), {})
        assert answer == {"resumed": [], "level": "Halted"}


async def test_cpu_and_heap_profiles_come_from_the_process_as_it_trades(tmp_path: Path) -> None:
    async with desk(tmp_path) as d:
        await d.quoted()
        first = asyncio.create_task(text_of(admin(d, "/admin/profile/cpu?seconds=1")))
        await until(lambda: d.app.admin.profiling, "the profile runs")
        assert (await text_of(admin(d, "/admin/profile/heap?seconds=0.1")))[0] == 409
        status, text = await first
        for _ in range(20):  # a sample on a busy machine may miss what takes microseconds
            assert status == 200
            if "on_event" in text:
                break
            status, text = await text_of(admin(d, "/admin/profile/cpu?seconds=1"))
        assert "on_event" in text  # the kernel was seen at work
        status, text = await text_of(admin(d, "/admin/profile/heap?seconds=0.5&top=20"))
        assert status == 200
        assert "bytes allocated meanwhile" in text
        status, text = await text_of(admin(d, "/admin/profile/cpu?seconds=0.3&format=speedscope"))
        assert json.loads(text)["$schema"]
        for query in ("seconds=0", "seconds=nan", "seconds=x", "format=pdf"):
            assert (await text_of(admin(d, f"/admin/profile/cpu?{query}")))[0] == 400
        assert d.open_at_venue()  # and it traded on


async def test_the_hour_and_the_day_are_reported_when_they_end_and_their_beginning_survives_a_restart(
    tmp_path: Path,
) -> None:
    async with desk(tmp_path) as d:
        order = await d.quoted()
        d.app.operations.look()
        d.take(order, order.remaining)
        await until(lambda: d.position() != 0, "a fill is booked")
        await d.quoted()  # an order of this period was accepted
        kept = d.app.operations.hour
        assert kept.base is not None
        kept.number -= 1  # the hour ends
        d.app.operations.day.number -= 1
        d.app.operations.look()

        def reports() -> dict[str, AlertRecord]:
            found = [AlertRecord.model_validate_json(text) for text in d.store.stream(KEYS.alerts)]
            return {record.reason: record for record in found if record.kind == "Report"}

        await until(lambda: len(reports()) == 2, "both are sent as alerts")
        message = reports()["HourlyCheck"].message
        assert "accuracy 100.0000%" in message
        assert "1 fills" in message
        assert "daily summary" in reports()["DailySummary"].message
        base = d.app.operations.day.base
        answer = await read_json(admin(d, "/admin/summary"))
        assert answer["hour"]["counts"]["fills"] == 0
        status = await asyncio.to_thread(main, ["summary", "--url", admin(d, "")])
        assert status == 0
    async with desk(tmp_path) as again:
        assert again.app.operations.day.base == base


async def test_a_process_that_has_grown_too_large_leaves_in_order(tmp_path: Path) -> None:
    async with desk(tmp_path, process={"memoryLimitMib": 1}) as d:
        await d.quoted()
        d.app.operations.look()
        assert d.app.failed.is_set()
        assert d.app.gave_up == "MemoryLimit"
        d.app.operations.look()
        records = [AlertRecord.model_validate_json(text) for text in d.store.stream(KEYS.alerts)]
        assert sum(record.reason == "MemoryLimit" for record in records) <= 1
