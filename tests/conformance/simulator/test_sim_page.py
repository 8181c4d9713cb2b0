"""The page at `/` in a real browser: it shows the market live, works its controls, and runs nobody else's text."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from chromium import Tab, chromium
from simwire import KEY, S, Wire, config, running
from usdmwire import FuturesWire, usdm_config

from mm_trader.venue.simulator import Simulator

HOSTILE = "<img/src=x/onerror=alert(1)>"


async def cells(tab: Tab, table: str) -> list[list[str]]:
    return await tab.js(
        f"[...document.querySelectorAll('#{table} tr')].map(r => [...r.cells].map(c => c.textContent))"
    )


async def test_a_browser_shows_the_market_live_and_its_controls_work(tmp_path: Path) -> None:
    shots = Path(os.environ.get("MM_SHOTS", tmp_path))
    async with (
        Simulator(config()) as sim,
        aiohttp.ClientSession() as session,
        chromium() as tab,
    ):
        wire = Wire(sim, session)
        sim.engine.accounts["alpha"]
        book = await wire.book()
        own_price = book["bidPrice"]
        assert (await wire.order("BUY", own_price, "0.0200", newClientOrderId="mine-1")).status == 200
        await tab.open(sim.url + "/")

        # what is there
        assert await tab.until("document.getElementById('state').textContent === 'live'")
        assert await tab.until("document.querySelectorAll('#trades tr').length > 0")
        asks, bids = await cells(tab, "asks"), await cells(tab, "bids")
        assert (len(asks), len(bids)) == (12, 12)
        prices = [float(row[1]) for row in asks + bids]
        assert prices == sorted(prices, reverse=True)
        assert await tab.until("document.querySelector('#accounts').textContent.includes('mine-1')")
        assert await tab.until(
            "[...document.querySelectorAll('#bids .own')].some(c => c.textContent.includes('0.02'))"
        )
        assert "50000.0" in await tab.js("document.querySelector('#accounts').textContent")

        # it moves: by a control of its own, through our order
        before = await tab.js("document.getElementById('mid').textContent")
        await tab.js("[...document.querySelectorAll('#moves button')][0].click()")
        assert await tab.until(
            f"Number(document.getElementById('mid').textContent) < {float(before)} - 10 && document.getElementById('mid').textContent"
        )
        assert await tab.until(
            "[...document.querySelectorAll('#journal tr')].some(r => r.cells[1].textContent === 'fill' && r.cells[4].textContent === 'mine-1')"
        )

        # a fault is armed from the page, shown, struck and gone
        await tab.js(
            "const f = document.querySelector('#fields [name=fault]'); f.value = 'drop_after'; f.onchange()"
        )
        await tab.js("document.querySelector('#fields [name=count]').value = '2'")
        await tab.js("document.querySelector('#form button').click()")
        assert await tab.until("document.getElementById('faults').textContent.includes('drop_after × 2')")
        assert [(f.kind, f.count) for f in sim.faults.armed] == [("drop_after", 2)]
        await tab.picture(shots / "page-light.png")
        await tab.dark(True)
        await tab.picture(shots / "page-dark.png")
        await tab.js("document.getElementById('clear').click()")
        assert await tab.until("document.getElementById('faults').textContent === 'none'")
        assert sim.faults.armed == []

        assert tab.said == []  # no script error, nothing that the page's own policy forbids

        # a wrong value is the simulator's own words
        await tab.js("document.querySelector('#fields [name=count]').value = 'many'")
        await tab.js("document.querySelector('#form button').click()")
        assert await tab.until(
            "document.getElementById('answer').textContent === 'fault: count: must be a number'"
        )

        # the other symbol
        await tab.js("[...document.querySelectorAll('#symbols button')][1].click()")
        assert await tab.until("Number(document.getElementById('mid').textContent) > 20000")


async def test_a_futures_page_shows_positions_open_orders_and_what_can_go_wrong() -> None:
    async with Simulator(usdm_config()) as sim, aiohttp.ClientSession() as session, chromium() as tab:
        wire = FuturesWire(sim, session)
        assert (await wire.taken("SELL", "0.300")).status == 200
        far = await wire.far("BUY")
        assert (await wire.order("BUY", far, "0.100", newClientOrderId="rests-1")).status == 200
        await tab.open(sim.url + "/")
        assert await tab.until("document.querySelectorAll('#accounts .positions tr').length === 1")
        row = await tab.js(
            "[...document.querySelector('#accounts .positions tr').cells].map(c => c.textContent)"
        )
        assert row[:3] == ["ETHUSDC", "SHORT", "-0.3"]
        assert row[-1] == "20x"
        assert await tab.until("document.querySelector('#accounts').textContent.includes('rests-1')")
        # every action and every fault of the catalogue can be chosen in the page's form
        catalogue = await (await session.get(sim.url + "/admin/catalogue")).json()
        offered = await tab.js("[...document.querySelectorAll('#action option')].map(o => o.value)")
        assert offered == list(catalogue["actions"])
        assert {"funding", "expire_listen_key", "fault"} <= set(offered)
        await tab.js(
            "{ const a = document.getElementById('action'); a.value = 'fault'; a.dispatchEvent(new Event('change', { bubbles: true })); }"
        )
        assert set(await tab.js("[...document.querySelectorAll('option')].map(o => o.value)")) >= set(
            catalogue["faults"]
        )
        # a position that is closed is gone from the page
        assert (await wire.taken("BUY", "0.300", reduceOnly="true")).status == 200
        assert await tab.until("document.querySelectorAll('#accounts .positions tr').length === 0")


async def test_the_page_says_when_the_simulator_is_gone() -> None:
    async with chromium() as tab:
        async with Simulator(config()) as sim:
            await tab.open(sim.url + "/")
            assert await tab.until("document.getElementById('state').textContent === 'live'")
        assert await tab.until("document.getElementById('state').textContent.startsWith('disconnected')")


async def test_hostile_text_is_shown_as_text_and_an_inline_script_cannot_run() -> None:
    settings = config(symbols="ETHUSDC")
    async with Simulator(settings) as sim, chromium() as tab:
        sim.journal.add(
            "reject", sim.clock.now(), HOSTILE, clientOrderId=HOSTILE, msg=HOSTILE, symbol=HOSTILE
        )
        await tab.open(sim.url + "/")
        assert await tab.until(
            f"document.getElementById('journal').textContent.includes({json.dumps(HOSTILE)})"
        )
        assert await tab.js("document.querySelectorAll('#journal img').length") == 0
        await tab.js(
            "document.body.append(Object.assign(document.createElement('script'), {textContent: 'window.ran = 1'}))"
        )
        assert await tab.js("window.ran === undefined")


async def first_event(wire: Wire, path: str) -> Any:
    async with wire.session.get(wire.sim.url + path) as reply:
        assert reply.status == 200
        line = await reply.content.readline()
        return json.loads(line.removeprefix(b"data: "))


async def test_the_streams_snapshots_follow_the_clock(wire: Wire) -> None:
    async with wire.session.get(wire.sim.url + "/admin/live?symbol=BTCUSDC") as reply:
        for tenth in range(0, 10, 5):
            line = await reply.content.readline()
            await reply.content.readline()
            assert json.loads(line.removeprefix(b"data: "))["timeNs"] == wire.sim.clock.now(), tenth
            await wire.sim.advance(S // 2)
    assert (await first_event(wire, "/admin/live"))["symbol"] == "ETHUSDC"
    assert (await wire.raw("GET", "/admin/live?symbol=NOPE")).status == 400


async def test_no_secret_is_in_what_the_page_gets(wire: Wire) -> None:
    text = json.dumps(await first_event(wire, "/admin/live")) + (await wire.raw("GET", "/")).text
    assert KEY not in text
    assert "secret" not in text.replace("secrets", "")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
async def test_only_reading_is_allowed_on_the_page(wire: Wire, method: str) -> None:
    assert (await wire.raw(method, "/")).status in (404, 405)


async def test_a_page_of_another_origin_cannot_work_the_controls() -> None:
    async with running() as wire:
        reply = await wire.raw("POST", "/admin/reset", headers={"Sec-Fetch-Site": "cross-site"})
        assert reply.status == 403
        assert (
            await wire.raw("POST", "/admin/reset", headers={"Sec-Fetch-Site": "same-origin"})
        ).status == 200
