"""Signatures over requests: REST signs the percent-encoded query, the WebSocket API the sorted, unencoded parameters.

HMAC-SHA256 keys give hex, Ed25519 keys base64. Which of the two a secret is follows from its form (a PEM block is Ed25519).
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping
from typing import Protocol
from urllib.parse import quote

Params = Mapping[str, str | int | bool]


class KeyFormatError(ValueError):
    """The secret is neither an HMAC secret nor an unencrypted Ed25519 PEM key. The message never contains it."""


class Signer(Protocol):
    """Signs bytes; holds the secret and shows it to nobody."""

    def sign(self, payload: bytes) -> str:
        """The signature in the form the venue expects for this kind of key."""
        ...


class HmacSigner:
    """HMAC-SHA256, hexadecimal."""

    __slots__ = ("_key",)

    def __init__(self, secret: str) -> None:
        self._key = secret.encode()

    def __repr__(self) -> str:
        return "HmacSigner(***)"

    def sign(self, payload: bytes) -> str:
        """64 hexadecimal digits."""
        return hmac.digest(self._key, payload, "sha256").hex()


class Ed25519Signer:
    """Ed25519, base64: case-sensitive, and to be percent-encoded in a query."""

    __slots__ = ("_key",)

    def __init__(self, pem: str) -> None:
        # imported here: most keys are HMAC, and the library is megabytes that a small process need not hold
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        try:
            key = load_pem_private_key(pem.encode(), password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise KeyFormatError("the secret key is a PEM block that cannot be read") from None
        if not isinstance(key, Ed25519PrivateKey):
            raise KeyFormatError("the secret key is a PEM block but not an Ed25519 key")
        self._key = key

    def __repr__(self) -> str:
        return "Ed25519Signer(***)"

    def sign(self, payload: bytes) -> str:
        """88 characters of base64."""
        return base64.b64encode(self._key.sign(payload)).decode()


def signer_for(secret: str) -> Signer:
    """The signer that fits the form of the secret. Raises KeyFormatError."""
    if secret.lstrip().startswith("-----BEGIN"):
        return Ed25519Signer(secret)
    return HmacSigner(secret)


def text(value: str | int | bool) -> str:
    """A parameter as it is signed: booleans are `true` and `false`."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def query(params: Params) -> str:
    """Percent-encoded query string, in the order given."""
    return "&".join(f"{name}={quote(text(value), safe='')}" for name, value in params.items())


def signed_query(params: Params, signer: Signer) -> str:
    """Percent-encode, then sign what was encoded, then append the (again encoded) signature."""
    payload = query(params)
    return f"{payload}&signature={quote(signer.sign(payload.encode()), safe='')}"


def ws_payload(params: Params) -> bytes:
    """What the WebSocket API signs: sorted by name, joined, not percent-encoded."""
    return "&".join(f"{name}={text(params[name])}" for name in sorted(params)).encode()


def signed_params(params: Params, signer: Signer) -> dict[str, str | int | bool]:
    """The parameters with their signature."""
    return {**params, "signature": signer.sign(ws_payload(params))}
