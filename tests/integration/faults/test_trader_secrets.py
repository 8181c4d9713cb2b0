"""A whole trader with canary keys of each kind: whatever it can show, log, write or answer is read, and holds no trace of them."""

from __future__ import annotations

import base64
import gc
import logging
from pathlib import Path

import aiohttp
import pytest
import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from shellkit.desk import Desk, Product, Side, desk
from shellkit.processes import ACCOUNT, API_KEY, SECRET
from shellkit.waiting import until

from mm_trader.shell.admin.routes import ROUTES

KEY = Ed25519PrivateKey.from_private_bytes(b"canary key of thirty-two bytes!!")
PEM = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
PUBLIC = base64.b64encode(KEY.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()
RAW = KEY.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
CANARIES = {
    "hmac": ((SECRET, SECRET), (API_KEY, SECRET)),
    "ed25519": (
        (f"ed25519={PUBLIC}", PEM),
        (API_KEY, PEM.splitlines()[1], RAW.decode(), RAW.hex(), base64.b64encode(RAW).decode()),
    ),
}
QUICK = {"orderTimeout": "300ms"}


async def everything_answers(d: Desk) -> str:
    """Every call of the admin port, as it is meant and with a broken body."""
    shown = []
    async with aiohttp.ClientSession() as http:
        for route in ROUTES:
            if "stop" in route.path or "profile" in route.path:
                continue  # ends the trader; takes its time and shows function names
            for body in {route.body, "{", '{"symbol": 1}'} if route.method == "POST" else {""}:
                url = f"http://127.0.0.1:{d.app.admin.port}{route.path}"
                async with http.request(route.method, url, data=body or None) as answer:
                    shown.append(f"{answer.headers}{await answer.text()}")
    return "\n".join(shown)


def every_repr() -> str:
    """`repr` of every object of ours that is alive, the simulator's own apart, which must know the keys."""
    ours = [
        thing
        for thing in gc.get_objects()
        if str(type(thing).__module__).startswith(("mm_trader", "mm_api"))
        and not str(type(thing).__module__).startswith("mm_trader.venue.simulator")
    ]
    assert any(type(thing).__name__ == "Credentials" for thing in ours)
    return "\n".join(repr(thing) for thing in ours)


async def everything_fails(d: Desk, echo: str) -> None:
    """Refusals and failures of every kind, with the canaries in the venue's own words."""
    do = d.sim.admin.do
    for call in ("place", "cancel", "query"):
        do("refuse", call=call, code=-2010, msg=echo)
        for kind in ("status_before", "status_after", "drop_after", "malformed"):
            do("fault", fault=kind, call=call, msg=echo)
    for by_bp in (-20, 20, -20, 20):
        do("price", symbol="ETHUSDC", by_bp=by_bp)
        seen = len(d.journal())
        looks = iter(range(100))
        await until(
            lambda seen=seen, looks=looks: len(d.journal()) > seen + 2 or next(looks, None) is None, "quotes"
        )
    do("clear")
    do("cut")
    await until(lambda: all(d.app.gateway.health().streams.values()), "connected again", 30)
    do("revoke", account=ACCOUNT)
    do("cut")
    await until(lambda: d.app.halts.current, "the refused keys halt it", 30)


@pytest.mark.parametrize("product", list(Product))
@pytest.mark.parametrize("kind", CANARIES)
async def test_nothing_that_a_trader_shows_logs_or_writes_holds_its_keys(
    tmp_path: Path,
    kind: str,
    product: Product,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    keys, needles = CANARIES[kind]
    echo = f"echo {' and '.join(needles[:2])} end"
    with structlog.testing.capture_logs() as logs:
        async with desk(tmp_path, keys=keys, engine=QUICK, product=product) as d:
            await d.quoted(Side.BUY)
            if product is Product.USDM:
                # whoever has it reads the account
                needles = (*needles, d.listen_key())
            await everything_fails(d, echo)
            seen = [
                await everything_answers(d),
                every_repr(),
                repr(await d.store.load("local")),
                repr([vars(part) for part in (d.app, d.app.dispatcher, d.app.gateway)]),
                d.app.state().model_dump_json(),
            ]
    seen += [repr(logs), *(record.getMessage() for record in caplog.records), *capfd.readouterr()]
    seen += [path.read_text(errors="replace") for path in tmp_path.rglob("*") if path.is_file()]
    text = "\n".join(seen)
    assert "echo ***" in text, "the venue's words were shown somewhere, without the canaries"
    for needle in needles:
        assert needle not in text
