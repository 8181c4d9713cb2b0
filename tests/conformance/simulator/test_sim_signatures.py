"""Published signature examples, and our own Ed25519 ones, pass the verifier; anything else does not."""

from __future__ import annotations

import base64
import json
import os
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qsl, quote

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from simwire import ED_PRIVATE, config, running

from mm_trader.venue.simulator.config import ConfigError, KeyConfig, parse_account
from mm_trader.venue.simulator.server.auth import rest_payload, verify, ws_payload

SECRET = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"
"""The example key of the public documentation, nobody's."""
API_KEY = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"
VECTORS = [
    (
        "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559",
        "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71",
    ),
    (
        f"apiKey={API_KEY}&newOrderRespType=ACK&price=52000.00&quantity=0.01000000&recvWindow=100&side=SELL"
        "&symbol=BTCUSDT&timeInForce=GTC&timestamp=1645423376532&type=LIMIT",
        "cc15477742bd704c29492d96c7ead9414dfd8e0ec4a00f947bb5bb454ddbd08a",
    ),
]


def vectors() -> list[tuple[str, str]]:
    """The embedded examples, and those of the data folder where it is at hand."""
    folder = os.environ.get("MM_DATA")
    if not folder:
        return VECTORS
    loaded = json.loads((Path(folder) / "binance-signature-vectors.json").read_text())
    assert loaded["secretKey"] == SECRET
    return VECTORS + [(v["payload"], v["signature"]) for v in loaded["vectors"]]


@pytest.mark.parametrize("change_case", [str.lower, str.upper])
def test_published_hmac_signatures_verify_in_either_case(change_case: object) -> None:
    key = KeyConfig("K", SECRET)
    for payload, signature in vectors():
        assert callable(change_case)
        assert verify(key, payload.encode(), change_case(signature))
        assert not verify(key, payload.encode() + b"0", signature)


def test_a_rest_payload_is_query_then_body_without_the_signature() -> None:
    payload, signature = VECTORS[0]
    whole = f"{payload}&signature={signature}"
    assert rest_payload(whole, "") == payload
    assert rest_payload("", whole) == payload
    assert rest_payload("a=1&b=2", f"c=3&signature={signature}") == "a=1&b=2c=3"


def test_a_websocket_payload_is_sorted_by_name() -> None:
    payload, signature = VECTORS[1]
    shuffled = dict(reversed(parse_qsl(payload))) | {"signature": signature}
    assert ws_payload(shuffled) == payload


def test_ed25519_signatures_are_case_sensitive_base64() -> None:
    key = KeyConfig("K", public_key=ED_PRIVATE.public_key())
    good = base64.b64encode(ED_PRIVATE.sign(b"payload")).decode()
    assert verify(key, b"payload", good)
    assert not verify(key, b"payload", good.swapcase())
    assert not verify(key, b"payload", "not base64!")


def test_no_secret_is_in_the_repr_of_a_configuration() -> None:
    assert SECRET not in repr(KeyConfig("K", SECRET))


@pytest.fixture(scope="module")
def rsa_key() -> RSAPrivateKey:
    return generate_private_key(65_537, 2048)


async def test_an_rsa_key_signs_rest_and_websocket_requests_but_logs_on_nowhere(
    rsa_key: RSAPrivateKey, tmp_path: Path
) -> None:
    def signed(payload: str) -> str:
        return base64.b64encode(rsa_key.sign(payload.encode(), PKCS1v15(), SHA256())).decode()

    pem = tmp_path / "public.pem"
    pem.write_bytes(rsa_key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    account = parse_account(f"r:RSAKEY:rsa={pem}:USDC=5")
    async with running(replace(config(), accounts=(account,))) as wire:
        payload = f"timestamp={wire.timestamp()}"
        for signature, status in ((signed(payload), 200), (signed("other"), 400)):
            query = f"{payload}&signature={quote(signature, safe='')}"
            reply = await wire.raw("GET", f"/api/v3/account?{query}", headers={"X-MBX-APIKEY": "RSAKEY"})
            assert reply.status == status
        api = await wire.api()
        params = {"apiKey": "RSAKEY", "timestamp": wire.timestamp()}
        params["signature"] = signed(ws_payload({k: str(v) for k, v in params.items()}))
        assert (await api.call("account.status", **params))["status"] == 200
        assert (await api.call("session.logon", **params))["error"]["code"] == -4056


def test_a_public_key_of_another_kind_is_refused_by_name(rsa_key: RSAPrivateKey) -> None:
    der = rsa_key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    text = base64.b64encode(der).decode()
    assert parse_account(f"a:K:rsa={text}:USDC=1").keys[0].public_key is not None
    with pytest.raises(ConfigError, match="another kind than Ed25519"):
        parse_account(f"a:K:ed25519={text}:USDC=1")
    with pytest.raises(ConfigError, match="not an RSA public key"):
        parse_account("a:K:rsa=AAAA:USDC=1")
