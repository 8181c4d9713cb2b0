"""API key and secret: read once from files or the environment, held where no repr, log line or error can show them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from mm_trader.venue.binance.wire.sign import Ed25519Signer, KeyFormatError, Signer, signer_for
from mm_trader.venue.port import VenueError

HIDDEN = "***"
_SHORTEST_SECRET_LINE = 8
"""Shorter lines of a PEM block are no secret, and blanking them would garble messages."""


class Credentials:
    """One key pair."""

    __slots__ = ("_needles", "api_key", "signer")

    def __init__(self, api_key: str, secret: str) -> None:
        """Raises KeyFormatError."""
        self.api_key = api_key
        self.signer: Signer = signer_for(secret)
        lines = [line for line in secret.splitlines() if not line.startswith("-----")]
        self._needles = tuple(
            needle for needle in (api_key, secret, *lines) if len(needle) >= _SHORTEST_SECRET_LINE
        )

    @property
    def can_log_on(self) -> bool:
        """The venue lets only Ed25519 keys log a connection on."""
        return isinstance(self.signer, Ed25519Signer)

    def __repr__(self) -> str:
        return f"Credentials({HIDDEN})"

    def redact(self, message: str) -> str:
        """The message without any trace of key or secret: for text that somebody else wrote."""
        for needle in self._needles:
            message = message.replace(needle, HIDDEN)
        return message


def load_credentials(directory: str | None, environ: Mapping[str, str] = os.environ) -> Credentials:
    """Files `apiKey` and `secretKey` of a directory, or MM_API_KEY and MM_SECRET_KEY. Raises VenueError."""
    if directory is None:
        api_key, secret = environ.get("MM_API_KEY", ""), environ.get("MM_SECRET_KEY", "")
        where = "environment variables MM_API_KEY and MM_SECRET_KEY"
    else:
        api_key, secret = _read(directory, "apiKey"), _read(directory, "secretKey")
        where = f"files apiKey and secretKey in {directory}"
    api_key, secret = api_key.strip(), secret.strip()
    if not api_key or not secret:
        raise VenueError(
            "CredentialsMissing", f"no API key and secret: {where} must both be filled", permanent=True
        )
    if not api_key.isascii() or not api_key.isprintable():
        raise VenueError("CredentialsMalformed", f"the API key ({where}) is not plain text", permanent=True)
    try:
        return Credentials(api_key, secret)
    except KeyFormatError as error:
        raise VenueError("CredentialsMalformed", f"{error} ({where})", permanent=True) from None


def _read(directory: str, name: str) -> str:
    path = Path(directory) / name
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise VenueError(
            "CredentialsMissing",
            f"cannot read credentials file {path}: {type(error).__name__}",
            permanent=True,
        ) from None
