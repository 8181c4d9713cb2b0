"""Hot reload of a running trader: what is taken over, what is refused, and how it is said."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import yaml
from shellkit.desk import SYMBOL, Desk, desk
from shellkit.processes import post_json, read_json, trader_config
from shellkit.waiting import until

from mm_api.kinds.common import HaltLevel
from mm_api.redis_contract import AlertRecord, Keys
from mm_trader.core.events import HaltRequested
from mm_trader.shell.reload import Outcome

KEYS = Keys("sim.acc1")


@asynccontextmanager
async def watched(directory: Path, **changes: Any) -> AsyncIterator[tuple[Desk, Any]]:
    """A trader that watches a file laid out as a ConfigMap's volume, and a function that swaps the file as kubelet does."""
    volume = directory / "volume"
    volume.mkdir()
    file = volume / "trader.yaml"
    versions = 0

    def swap(text: str) -> None:
        nonlocal versions
        versions += 1
        fresh = volume / f"..{versions}"
        fresh.mkdir()
        (fresh / "trader.yaml").write_text(text)
        link = volume / "..tmp"
        os.symlink(fresh.name, link)
        os.replace(link, volume / "..data")

    file.symlink_to(Path("..data") / "trader.yaml")
    async with desk(directory, symbols=[SYMBOL], config_file=file, **changes) as d:

        def write(path: str = "", value: Any = None, **more: Any) -> None:
            data = trader_config(directory, d.sim.url, None, symbols=[SYMBOL], **changes)
            for dotted, new in {**({path: value} if path else {}), **more}.items():
                *parents, leaf = dotted.split(".")
                target = data
                for parent in parents:
                    target = target.setdefault(parent, {})
                target[leaf] = new
            swap(yaml.safe_dump(data))

        write()
        yield d, (write, swap)


def alerts(d: Desk, reason: str) -> list[AlertRecord]:
    found = [AlertRecord.model_validate_json(text) for text in d.store.stream(KEYS.alerts)]
    return [record for record in found if record.reason == reason]


async def metric(d: Desk, name: str) -> float:
    url = f"http://127.0.0.1:{d.app.admin.port}/metrics"
    async with aiohttp.ClientSession() as http, http.get(url) as reply:
        lines = (await reply.text()).splitlines()
    return next(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name))


def outcome(d: Desk, wanted: Outcome) -> bool:
    return d.app.reloader.last is not None and d.app.reloader.last.outcome is wanted


async def test_a_wider_spread_in_the_file_moves_the_quotes_of_the_running_trader(tmp_path: Path) -> None:
    async with watched(tmp_path) as (d, (write, _)):
        order = await d.quoted()
        write("strategy", {"parameters": {"baseSpread": "0.02", "maxSpread": "0.05"}})
        await until(lambda: outcome(d, Outcome.APPLIED), "the file is applied")
        await until(
            lambda: order.client_id not in {o.client_id for o in d.open_at_venue()}, "the quote moves"
        )
        farther = await d.quoted()
        mid = d.sim.engine.markets[SYMBOL].book.touch()[0]
        assert farther.price < mid * 0.992
        assert d.app.config.strategy.parameters["baseSpread"].as_tuple().exponent == -2
        await until(lambda: alerts(d, "ConfigReloaded"), "an alert says so")
        assert await metric(d, "mm_config_refused") == 0


async def test_a_changed_file_changes_the_living_trader_which_forgets_nothing(tmp_path: Path) -> None:
    """hummingbot#7489 made a new controller: position, PnL, open orders and halts began anew."""
    async with watched(tmp_path) as (d, (write, _)):
        bid = await d.quoted()
        d.take(bid, bid.remaining // 2)
        await until(lambda: d.position() > 0, "it holds something")
        kernel, counter = d.app.dispatcher.kernel, d.app.state().counter
        now = d.app.clock.monotonic_ns()
        d.app.dispatcher(HaltRequested(ts=now, level=HaltLevel.REDUCE_ONLY, reason="Test", message=""))
        fills = {fill.trade_id for fill in d.app.dispatcher.recent_fills}
        before = kernel.ledger()
        write("strategy", {"parameters": {"baseSpread": "0.02", "maxSpread": "0.05"}})
        await until(lambda: outcome(d, Outcome.APPLIED), "the file is applied")
        assert d.app.dispatcher.kernel is kernel
        assert d.app.state().counter == counter, "no new incarnation"
        after = kernel.ledger()
        known = {SYMBOL: before.positions[SYMBOL].position}
        for fill in d.app.dispatcher.recent_fills:
            if fill.trade_id not in fills:
                known[SYMBOL] += fill.quantity if fill.side == "BUY" else -fill.quantity
        assert after.positions[SYMBOL].position == known[SYMBOL] != 0
        assert (after.day_start_pnl, after.scope_start_pnl) == (before.day_start_pnl, before.scope_start_pnl)
        assert after.peak_pnl >= before.peak_pnl
        assert [latch.reason for latch in kernel._core.halts.latches] == ["Test"]


async def test_limits_from_the_file_are_in_force_and_what_was_tightened_by_command_stays(
    tmp_path: Path,
) -> None:
    async with watched(tmp_path) as (d, (write, _)):
        await d.quoted()
        write("risk", {"capital": "5000", "dailyLossLimit": "42"})
        await until(lambda: outcome(d, Outcome.APPLIED), "the file is applied")
        settings = d.app.dispatcher.kernel._core.settings
        assert settings.daily_loss_limit == 42 * settings.capital // 5000
        assert d.app.state().capital == 5000


async def test_a_bad_file_keeps_the_config_that_runs_and_says_why_everywhere(tmp_path: Path) -> None:
    async with watched(tmp_path) as (d, (write, swap)):
        await d.quoted()
        before = d.app.config
        for text, part in (
            ("symbols: [ETHUSDC", "not YAML"),
            ("just words", "must be a mapping"),
        ):
            swap(text)
            await until(
                lambda part=part: outcome(d, Outcome.REFUSED) and part in d.app.reloader.last.problems[0],
                f"refused: {part}",
            )
        write("risk", {"capital": "10000", "dailyLossLimit": "-5"})
        await until(lambda: "risk.dailyLossLimit" in d.app.reloader.last.problems[0], "the field is named")
        write("strategy", {"parameters": {"baseSpread": "7"}})
        await until(lambda: "0.00001 … 0.1" in d.app.reloader.last.problems[0], "the legal range is named")
        write("symbols", ["BTCUSDC"])
        await until(lambda: d.app.reloader.last.problems[0].startswith("symbols:"), "immutable, by name")
        assert d.app.config == before
        assert await metric(d, "mm_config_refused") == 1
        status = await read_json(f"http://127.0.0.1:{d.app.admin.port}/status")
        assert status["configReload"]["outcome"] == "refused"
        await until(lambda: len(alerts(d, "ConfigRefused")) >= 4, "alerts say so")
        await d.quoted()
        write()
        await until(lambda: outcome(d, Outcome.UNCHANGED), "put back")
        assert await metric(d, "mm_config_refused") == 0


async def test_a_field_that_needs_a_restart_is_shown_as_pending(tmp_path: Path) -> None:
    async with watched(tmp_path) as (d, (write, _)):
        write("lease", {"managed": False, "ttl": "9s"}, **{"engine.staleAfter": "4s"})
        await until(lambda: outcome(d, Outcome.APPLIED), "the file is read")
        assert d.app.reloader.last.applied == ["engine.staleAfter"]
        assert d.app.reloader.last.pending_restart == ["lease.ttl"]
        assert d.app.config.lease.ttl.total_seconds() == 5
        assert await metric(d, "mm_config_restart_pending") == 1


async def test_the_admin_api_reloads_at_once_and_answers_422_to_a_bad_file(tmp_path: Path) -> None:
    async with watched(tmp_path) as (d, (write, swap)):
        url = f"http://127.0.0.1:{d.app.admin.port}/admin/config/reload"
        write("engine", {"staleAfter": "4s"})
        status, answer = await post_json(url, {})
        assert (status, answer["applied"]) == (200, ["engine.staleAfter"])
        swap("")
        status, answer = await post_json(url, {})
        assert status == 422
        assert answer["problems"]
        await asyncio.sleep(0)
