"""An emergency stop that closes the position, against the simulator: the closing orders pass a gate that a halt holds shut for all others."""

from __future__ import annotations

from pathlib import Path

from shellkit.desk import Side, desk
from shellkit.processes import post_json
from shellkit.waiting import until


async def test_an_emergency_stop_with_flatten_closes_the_position_and_stays_halted(tmp_path: Path) -> None:
    risk = {"capital": "10000", "flatten": {"enabled": True, "limitFor": "1s", "takerWait": "500ms"}}
    async with desk(tmp_path, risk=risk) as d:
        order = await d.quoted(Side.BUY)
        d.take(order, order.remaining)
        await until(lambda: d.position() > 0, "it holds something")
        status, _ = await post_json(
            f"http://127.0.0.1:{d.app.admin.port}/admin/halt", {"reason": "EmergencyStop", "message": "test"}
        )
        assert status // 100 == 2
        mark = len(d.journal())
        await until(lambda: d.position() == 0, "the position is closed", 60)
        assert d.app.state().phase.value == "Halted"
        await until(lambda: not d.open_at_venue(), "nothing is open")
        assert all(e["side"] == "SELL" for e in d.journal("place") if e in d.journal()[mark:])


async def test_an_emergency_stop_without_it_keeps_the_position_and_places_nothing(tmp_path: Path) -> None:
    async with desk(tmp_path) as d:
        order = await d.quoted(Side.BUY)
        d.take(order, order.remaining)
        await until(lambda: d.position() > 0, "it holds something")
        await post_json(
            f"http://127.0.0.1:{d.app.admin.port}/admin/halt", {"reason": "EmergencyStop", "message": "test"}
        )
        await until(lambda: not d.open_at_venue(), "nothing is open")
        placed = len(d.journal("place"))
        ticks = d.app.dispatcher.events["Tick"]
        await until(lambda: d.app.dispatcher.events["Tick"] > ticks + 60, "three seconds of ticks", 30)
        assert len(d.journal("place")) == placed
        assert d.position() > 0
