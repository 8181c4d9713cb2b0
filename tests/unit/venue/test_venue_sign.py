"""Signatures: the venue's published examples, the two canonical forms, and keys that show nothing of themselves."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import timedelta

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st

from mm_trader.venue.binance.credentials import Credentials
from mm_trader.venue.binance.wire.orders import RequestEncoder
from mm_trader.venue.binance.wire.sign import (
    Ed25519Signer,
    HmacSigner,
    KeyFormatError,
    query,
    signed_params,
    signed_query,
    signer_for,
    ws_payload,
)

# the example key pair of the venue's own documentation, and its published results
KEY = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"
SECRET = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"
REST_SIGNATURE = "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71"
WS_SIGNATURE = "cc15477742bd704c29492d96c7ead9414dfd8e0ec4a00f947bb5bb454ddbd08a"

names = st.text(st.characters(min_codepoint=97, max_codepoint=122), min_size=1, max_size=10)
values = st.one_of(st.text(max_size=20), st.integers(), st.booleans())


def pem(key: object) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()  # type: ignore[attr-defined]


def test_the_published_rest_example_gives_its_published_signature() -> None:
    params = {
        "symbol": "LTCBTC",
        "side": "BUY",
        "type": "LIMIT",
        "timeInForce": "GTC",
        "quantity": "1",
        "price": "0.1",
        "recvWindow": 5000,
        "timestamp": 1499827319559,
    }
    assert signed_query(params, HmacSigner(SECRET)).endswith(f"&signature={REST_SIGNATURE}")


def test_the_published_websocket_example_gives_its_published_signature() -> None:
    params = {
        "type": "LIMIT",
        "timestamp": 1645423376532,
        "timeInForce": "GTC",
        "symbol": "BTCUSDT",
        "side": "SELL",
        "recvWindow": 100,
        "quantity": "0.01000000",
        "price": "52000.00",
        "newOrderRespType": "ACK",
        "apiKey": KEY,
    }
    assert signed_params(params, HmacSigner(SECRET))["signature"] == WS_SIGNATURE


def test_a_query_is_percent_encoded_before_it_is_signed() -> None:
    params = {"symbol": "１２３４５６", "list": '["A","B"]'}
    text = query(params)
    assert text.isascii()
    assert '"' not in text
    expected = hmac.new(b"s" * 10, text.encode(), hashlib.sha256).hexdigest()
    assert signed_query(params, HmacSigner("s" * 10)) == f"{text}&signature={expected}"


def test_the_websocket_payload_is_sorted_and_not_encoded() -> None:
    assert ws_payload({"b": "é ü", "a": True, "c": 1}) == "a=true&b=é ü&c=1".encode()


@given(st.dictionaries(names, values, max_size=8))
def test_the_order_of_parameters_does_not_change_a_websocket_signature(params: dict[str, str | int]) -> None:
    backwards = dict(reversed(params.items()))
    assert ws_payload(params) == ws_payload(backwards)


def test_an_ed25519_signature_is_base64_that_the_public_key_accepts() -> None:
    key = Ed25519PrivateKey.generate()
    signer = signer_for(pem(key))
    assert isinstance(signer, Ed25519Signer)
    signature = signer.sign(b"payload")
    key.public_key().verify(base64.b64decode(signature), b"payload")
    quoted = signed_query({"a": 1}, signer).split("&signature=")[1]
    assert not set(quoted) & {"+", "/", "="}


@pytest.mark.parametrize(
    "secret",
    [
        "-----BEGIN PRIVATE KEY-----\nQ0FOQVJZQ0FOQVJZ\n-----END PRIVATE KEY-----",
        pem(generate_private_key(65537, 2048)),
    ],
    ids=["garbage", "rsa"],
)
def test_a_pem_block_that_is_no_ed25519_key_is_refused_without_showing_it(secret: str) -> None:
    with pytest.raises(KeyFormatError) as caught:
        signer_for(secret)
    body = secret.splitlines()[1]
    assert body not in str(caught.value)


def test_nothing_that_holds_a_secret_shows_it() -> None:
    credentials = Credentials(KEY, SECRET)
    encoder = RequestEncoder(credentials, timedelta(seconds=1))
    for thing in (credentials, credentials.signer, encoder, Ed25519Signer(pem(Ed25519PrivateKey.generate()))):
        shown = f"{thing!r} {thing}"
        assert SECRET not in shown
        assert KEY not in shown


def test_redaction_takes_out_key_secret_and_every_line_of_a_pem() -> None:
    text = pem(Ed25519PrivateKey.generate())
    credentials = Credentials(KEY, text)
    line = text.splitlines()[1]
    assert credentials.redact(f"a {KEY} b {line} c") == "a *** b *** c"


def test_a_signed_frame_holds_the_signature_of_what_it_sends() -> None:
    encoder = RequestEncoder(Credentials(KEY, SECRET), timedelta(milliseconds=1500))
    frame = msgspec.json.decode(encoder.signed_frame("7", "order.cancel", {"symbol": "ETHUSDC"}, 1234))
    params = frame["params"]
    signature = params.pop("signature")
    assert frame["id"] == "7"
    assert params == {"symbol": "ETHUSDC", "apiKey": KEY, "recvWindow": 1500, "timestamp": 1234}
    assert signature == hmac.new(SECRET.encode(), ws_payload(params), hashlib.sha256).hexdigest()
