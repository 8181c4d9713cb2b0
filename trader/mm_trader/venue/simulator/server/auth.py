"""Who is asking: API keys, signatures over exactly what was sent, and the timing rule.

REST signs the raw query string followed by the raw body; the WebSocket API signs the parameters sorted by name. Both
HMAC-SHA256 (hex, case-insensitive), Ed25519 and RSA (base64) are verified.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from urllib.parse import unquote

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256

from ..config import AccountConfig, KeyConfig
from ..engine.account import Account
from ..engine.errors import RefusalError
from ..engine.exchange import Exchange
from ..time import Clock
from .params import DECIMAL, INTEGER, empty, illegal, missing, too_precise
from .time_unit import MICROSECONDS_FROM

DEFAULT_RECV_WINDOW_MS = 5000.0
MAX_RECV_WINDOW_MS = 60_000.0
AHEAD_MS = 1000
WINDOW_DIGITS = 3
"""Digits after the point that `recvWindow` may have: microseconds."""


def key_format() -> RefusalError:
    return RefusalError(-2014, "API-key format invalid.", 401)


def key_refused() -> RefusalError:
    return RefusalError(-2015, "Invalid API-key, IP, or permissions for action.", 401)


def bad_signature() -> RefusalError:
    return RefusalError(-1022, "Signature for this request is not valid.")


@dataclass(frozen=True, slots=True)
class Identity:
    """A known key and the account it belongs to."""

    account: Account
    key: KeyConfig


def _window(text: str) -> float:
    """`recvWindow` in ms."""
    if not text:
        raise empty("recvWindow")
    if not DECIMAL.fullmatch(text):
        raise illegal("recvWindow", DECIMAL)
    if len(text.partition(".")[2]) > WINDOW_DIGITS:
        raise too_precise("recvWindow")
    window = float(text)
    if not 0 < window <= MAX_RECV_WINDOW_MS:
        raise RefusalError(-1131, "recvWindow must be less than 60000.")
    return window


def rest_payload(raw_query: str, raw_body: str) -> str:
    """What a REST request signs: query + body as received, without the `signature` parameter."""
    return "".join(
        "&".join(part for part in raw.split("&") if part and not part.startswith("signature="))
        for raw in (raw_query, raw_body)
    )


def ws_payload(params: Mapping[str, str]) -> str:
    """What a WebSocket API request signs: `k=v` sorted by name, not percent-encoded, without `signature`."""
    return "&".join([f"{k}={params[k]}" for k in sorted(params) if k != "signature"])


class Authenticator:
    """Checks keys, times and signatures against the configured accounts."""

    def __init__(
        self,
        exchange: Exchange,
        accounts: tuple[AccountConfig, ...],
        clock: Clock,
        encoded: bool = True,
    ) -> None:
        """`encoded`: a REST request whose parameters are not percent-encoded has no valid signature."""
        self._clock = clock
        self._encoded = encoded
        self._known = {
            key.api_key: Identity(exchange.accounts[account.name], key)
            for account in accounts
            for key in account.keys
        }
        self._revoked: set[str] = set()

    def revoke(self, account: str, revoked: bool = True) -> int:
        """Make every key of `account` invalid (or valid again); how many keys that touched."""
        keys = [k for k, identity in self._known.items() if identity.account.name == account]
        (self._revoked.update if revoked else self._revoked.difference_update)(keys)
        return len(keys)

    def key(self, api_key: str | None) -> Identity:
        """The owner of an API key, or -2014 / -2015."""
        if not api_key or not (api_key.isascii() and api_key.isalnum()):
            raise key_format()
        identity = self._known.get(api_key)
        if identity is None or api_key in self._revoked:
            raise key_refused()
        return identity

    def check_time(self, timestamp: str | None, recv_window: str | None) -> None:
        """The timing rule, or -1021 / -1102 / -1131."""
        if not timestamp:
            raise missing("timestamp")
        if not INTEGER.fullmatch(timestamp):
            raise illegal("timestamp", INTEGER)
        window = DEFAULT_RECV_WINDOW_MS if recv_window is None else _window(recv_window)
        sent = int(timestamp)
        sent_ms = sent / 1000 if sent >= MICROSECONDS_FROM else float(sent)
        now_ms = self._clock.now() / 1_000_000
        if sent_ms >= now_ms + AHEAD_MS:
            raise RefusalError(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")
        if now_ms - sent_ms > window:
            raise RefusalError(-1021, "Timestamp for this request is outside of the recvWindow.")

    def check_signature(self, key: KeyConfig, payload: str, signature: str | None) -> None:
        """-1102 without a signature, -1022 for a wrong one."""
        if not signature:
            raise missing("signature")
        data = payload.encode("utf-8", "surrogateescape")
        if not verify(key, data, signature):
            raise bad_signature()

    def rest(self, api_key: str | None, params: Mapping[str, str], raw_query: str, raw_body: str) -> Identity:
        """Authenticate a signed REST request. On spot, characters that should be percent-encoded make it -1022."""
        identity = self.key(api_key)
        self.check_time(params.get("timestamp"), params.get("recvWindow"))
        payload = rest_payload(raw_query, raw_body)
        if self._encoded and (not payload.isascii() or any(c in payload for c in ' "<>\\^`{|}')):
            raise bad_signature()
        self.check_signature(identity.key, payload, params.get("signature"))
        return identity

    def ws(self, params: Mapping[str, str]) -> Identity:
        """Authenticate a signed WebSocket API request that carries its own apiKey."""
        if "apiKey" not in params:
            raise missing("apiKey")
        identity = self.key(params.get("apiKey"))
        self.check_time(params.get("timestamp"), params.get("recvWindow"))
        self.check_signature(identity.key, ws_payload(params), params.get("signature"))
        return identity


@cache
def _keyed(secret: str) -> hmac.HMAC:
    """HMAC that has taken in the secret, which is half the work: each signature is checked on a copy."""
    return hmac.new(secret.encode(), digestmod="sha256")


def verify(key: KeyConfig, data: bytes, signature: str) -> bool:
    """Whether `signature` (hex for HMAC, base64 for Ed25519 and RSA) belongs to `data`."""
    if key.secret is not None:
        seal = _keyed(key.secret).copy()
        seal.update(data)
        return hmac.compare_digest(seal.hexdigest().encode(), signature.lower().encode("utf-8", "replace"))
    assert key.public_key is not None, "a key has a secret or a public key"
    try:
        sent = base64.b64decode(unquote(signature), validate=True)
        if isinstance(key.public_key, RSAPublicKey):
            key.public_key.verify(sent, data, PKCS1v15(), SHA256())
        else:
            key.public_key.verify(sent, data)
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True
