"""The dead man's own connection: signed REST calls over one kept connection, on the standard library alone. Only what it needs: the time, open orders, cancel,
and the venue's own switch where it has one."""

from __future__ import annotations

import http.client
import json
import os
import time
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from mm_trader.venue.binance.wire.sign import KeyFormatError, Params, Signer, query, signed_query, signer_for


class Paths(NamedTuple):
    """Where a product has its calls."""

    time: str
    open_orders: str
    order: str
    switch: str | None
    """Cancels everything of a symbol by itself when it is not repeated in time. None: the product has none."""


PRODUCTS = {
    "binance": Paths("/api/v3/time", "/api/v3/openOrders", "/api/v3/order", None),
    "binance-usdm": Paths(
        "/fapi/v1/time", "/fapi/v1/openOrders", "/fapi/v1/order", "/fapi/v1/countdownCancelAll"
    ),
}
"""By `venue.kind`."""

_UNKNOWN_ORDER = -2011
_NO_SUCH_ORDER = -2013
_CLOCK = -1021
_THROTTLED = (429, 418)


class CallError(Exception):
    """No usable answer. `wait_s`: how long the venue asks to be left alone."""

    def __init__(self, message: str, *, code: int = 0, wait_s: float = 0.0) -> None:
        super().__init__(message)
        self.code = code
        self.wait_s = wait_s


def load_keys(directory: str | None) -> tuple[str, Signer]:
    """Files apiKey and secretKey, or MM_API_KEY and MM_SECRET_KEY. Raises CallError."""
    try:
        if directory is None:
            key, secret = os.environ.get("MM_API_KEY", ""), os.environ.get("MM_SECRET_KEY", "")
        else:
            key, secret = (
                (Path(directory) / name).read_text(encoding="utf-8") for name in ("apiKey", "secretKey")
            )
    except (OSError, UnicodeDecodeError) as error:
        raise CallError(f"keys in {directory} cannot be read: {type(error).__name__}") from None
    if not key.strip() or not secret.strip():
        raise CallError("no API key and secret")
    try:
        return key.strip(), signer_for(secret.strip())
    except KeyFormatError as error:
        raise CallError(str(error)) from None


class VenueClient:
    """One account. Not thread-safe; every call blocks for `timeout_s` at most per step."""

    def __init__(
        self,
        kind: str,
        rest_url: str,
        credentials_dir: str | None,
        recv_window_ms: int,
        timeout_s: float = 2.0,
    ) -> None:
        self.paths = PRODUCTS[kind]
        self._url = urlsplit(rest_url)
        self._credentials_dir = credentials_dir
        self._recv_window_ms = recv_window_ms
        self._timeout_s = timeout_s
        self._keys: tuple[str, Signer] | None = None
        self._connection: http.client.HTTPConnection | None = None
        self._offset_ms: int | None = None

    def open_orders(self, symbol: str) -> list[tuple[str, int]]:
        """(client id, venue id) of all open orders of the symbol, whoever placed them. Raises CallError."""
        orders = self._signed("GET", self.paths.open_orders, {"symbol": symbol})
        try:
            return [(str(order["clientOrderId"]), int(order["orderId"])) for order in orders]
        except (TypeError, KeyError, ValueError) as error:
            raise CallError(f"open orders of {symbol} cannot be read: {error!r}") from None

    def cancel(self, symbol: str, venue_id: int) -> bool:
        """True: cancelled; False: it was over already. Raises CallError."""
        try:
            self._signed("DELETE", self.paths.order, {"symbol": symbol, "orderId": venue_id})
        except CallError as error:
            if error.code in (_UNKNOWN_ORDER, _NO_SUCH_ORDER):
                return False
            raise
        return True

    def arm(self, symbol: str, countdown_ms: int) -> None:
        """Have the venue cancel everything of the symbol unless this is repeated in time; 0 disarms. Raises CallError."""
        assert self.paths.switch is not None, "the product has no switch"
        self._signed("POST", self.paths.switch, {"symbol": symbol, "countdownTime": countdown_ms})

    def close(self) -> None:
        """Drop the connection; the next call makes another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _signed(self, method: str, path: str, params: Params) -> Any:
        if self._keys is None:
            self._keys = load_keys(self._credentials_dir)
        key, signer = self._keys
        for attempt in (1, 2):
            stamp = {"recvWindow": self._recv_window_ms, "timestamp": self._now_ms()}
            text = signed_query({**params, **stamp}, signer)
            try:
                return self._call(method, f"{path}?{text}", {"X-MBX-APIKEY": key})
            except CallError as error:
                if error.code == _CLOCK and attempt == 1:
                    self._offset_ms = None
                    continue
                if error.code in (-2014, -2015, -1022):
                    self._keys = None  # a person may have changed the files: read them anew
                raise
        raise AssertionError("unreachable")

    def _now_ms(self) -> int:
        """The venue's time."""
        if self._offset_ms is None:
            began = time.time_ns()
            server_ms = int(self._call("GET", f"{self.paths.time}?{query({})}".rstrip("?"), {})["serverTime"])
            self._offset_ms = server_ms - (began + time.time_ns()) // 2_000_000
        return time.time_ns() // 1_000_000 + self._offset_ms

    def _call(self, method: str, target: str, headers: dict[str, str]) -> Any:
        what = f"{method} {target.split('?', 1)[0]}"  # the rest is signed, and nobody's business
        try:
            connection = self._connected()
            connection.request(method, self._url.path.rstrip("/") + target, headers=headers)
            reply = connection.getresponse()
            body = reply.read()
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise CallError(f"{what}: {type(error).__name__}") from None
        try:
            content = json.loads(body)
        except ValueError:
            content = None
        if reply.status // 100 == 2 and content is not None:
            return content
        code = content.get("code", 0) if isinstance(content, dict) else 0
        wait_s = 0.0
        if reply.status in _THROTTLED:
            after = reply.headers.get("Retry-After", "")
            wait_s = float(after) if after.isdecimal() else 5.0
        raise CallError(
            f"{what}: status {reply.status}, code {code}",
            code=code if isinstance(code, int) else 0,
            wait_s=wait_s,
        )

    def _connected(self) -> http.client.HTTPConnection:
        if self._connection is None:
            kind = http.client.HTTPSConnection if self._url.scheme == "https" else http.client.HTTPConnection
            host = self._url.hostname or ""
            self._connection = kind(host, self._url.port, timeout=self._timeout_s)
        return self._connection
