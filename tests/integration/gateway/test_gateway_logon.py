"""Ed25519 keys: the order connection is logged on, and its requests carry neither key nor signature."""

from __future__ import annotations

import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from gateway_kit import SYMBOL, desk

from mm_trader.core.commands import Cancel, RequestReconcile
from mm_trader.core.events import (
    CommandRefused,
    ErrorClass,
    ExecutionReport,
    OrderAccepted,
    OrderFound,
    ReconcileSnapshot,
    StreamName,
)
from mm_trader.venue.binance.transport.session import Session

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, object]]:
    """Every frame that the gateway writes."""
    frames: list[dict[str, object]] = []
    write, write_now = Session.send, Session.write_now

    async def send(self: Session, frame: bytes) -> None:
        frames.append(json.loads(frame))
        await write(self, frame)

    def send_now(self: Session, frame: bytes) -> None:
        frames.append(json.loads(frame))
        write_now(self, frame)

    monkeypatch.setattr(Session, "send", send)
    monkeypatch.setattr(Session, "write_now", send_now)
    return frames


async def test_orders_go_without_key_and_signature_on_a_connection_that_is_logged_on(
    sent: list[dict[str, object]],
) -> None:
    async with desk(ed25519=KEY) as d:
        place = await d.quiet_order()
        d.gateway.submit(place)
        accepted = await d.seen.next(OrderAccepted)
        await d.seen.next(ExecutionReport)
        d.gateway.submit(Cancel(symbol=SYMBOL, client_id=place.client_id, venue_id=accepted.venue_id))
        assert (await d.seen.next(OrderFound)).order.status == "CANCELED"
        d.gateway.submit(RequestReconcile(symbol=SYMBOL, from_trade_id=0, cause="start"))
        await d.seen.next(ReconcileSnapshot)
    orders = [frame["params"] for frame in sent if str(frame["method"]).startswith("order.")]
    assert len(orders) == 2
    for params in orders:
        assert isinstance(params, dict)
        assert "timestamp" in params
        assert not {"apiKey", "signature"} & params.keys()


async def test_a_connection_that_comes_back_is_logged_on_again() -> None:
    async with desk(ed25519=KEY) as d:
        mark = d.seen.mark
        d.sim.admin.do("cut", what="orders")
        await d.seen.status(StreamName.ORDERS, True, since=mark)
        d.gateway.submit(await d.quiet_order())
        await d.seen.next(OrderAccepted)


async def test_an_hmac_key_signs_every_request(sent: list[dict[str, object]]) -> None:
    async with desk() as d:
        d.gateway.submit(await d.quiet_order())
        await d.seen.next(OrderAccepted)
    assert "session.logon" not in [frame["method"] for frame in sent]


async def test_a_key_that_is_revoked_while_logged_on_is_refused_as_auth() -> None:
    async with desk(ed25519=KEY) as d:
        place = await d.quiet_order()
        d.sim.admin.do("refuse", code=-2015, msg="Invalid API-key, IP, or permissions for action.")
        d.gateway.submit(place)
        assert (await d.seen.next(CommandRefused)).error is ErrorClass.AUTH
