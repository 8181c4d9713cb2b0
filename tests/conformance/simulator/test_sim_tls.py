"""https and wss on the one port, for clients that take no other address; what is wrong with the files is said at the start."""

from __future__ import annotations

import ssl
from pathlib import Path

import aiohttp
import pytest
from simcert import self_signed
from simwire import config

from mm_trader.venue.simulator import ManualClock, Simulator
from mm_trader.venue.simulator.config import ConfigError, TlsConfig
from mm_trader.venue.simulator.settings import load_config


async def test_rest_and_streams_are_served_under_the_certificate(tmp_path: Path) -> None:
    files = TlsConfig(str(self_signed(tmp_path)))
    trusting = ssl.create_default_context(cafile=files.certificate)
    async with Simulator(config(tls=files), ManualClock()) as sim, aiohttp.ClientSession() as session:
        async with session.get(f"{sim.url}/api/v3/ping", ssl=trusting) as reply:
            assert (sim.url[:8], reply.status) == ("https://", 200)
        async with session.ws_connect(f"{sim.ws_url}/ws", ssl=trusting) as ws:
            await ws.send_json({"method": "LIST_SUBSCRIPTIONS", "id": 1})
            assert await ws.receive_json() == {"result": [], "id": 1}
        with pytest.raises(aiohttp.ClientError):
            await session.get(sim.url.replace("https", "http") + "/api/v3/ping")


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"tls_cert": "/nowhere.pem"}, "--tls-cert /nowhere.pem: No such file"),
        ({"tls_key": "/nowhere.pem"}, "--tls-key /nowhere.pem: needs --tls-cert"),
        ({"tls_cert": __file__}, "no PEM certificate"),
        ({"tls_cert": 7}, "--tls-cert 7: must be the path"),
    ],
)
def test_files_that_give_no_tls_are_named(given: dict[str, object], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        load_config(given)
