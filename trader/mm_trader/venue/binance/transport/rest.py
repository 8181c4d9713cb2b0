"""REST: one HTTP session, signed queries, and failures as one exception that already says what they mean."""

from __future__ import annotations

import aiohttp
from yarl import URL

from mm_trader.core.events import ErrorClass
from mm_trader.venue.binance.credentials import Credentials
from mm_trader.venue.binance.governor import Purpose, RateGovernor
from mm_trader.venue.binance.reflexes import Reflexes
from mm_trader.venue.binance.settings import GatewaySettings
from mm_trader.venue.binance.venue_clock import VenueClock
from mm_trader.venue.binance.wire.orders import RequestEncoder
from mm_trader.venue.binance.wire.sign import Params, query, signed_query

BAD_SYMBOL = -1121
"""Code: the venue lists no such symbol."""


class CallError(Exception):
    """A request brought no usable answer. `sent` False: it never left this process."""

    def __init__(self, error: ErrorClass, message: str, *, code: int = 0, sent: bool = True) -> None:
        super().__init__(message)
        self.error = error
        self.message = message
        self.code = code
        self.sent = sent


class RestClient:
    """Calls below the product's prefix."""

    def __init__(
        self,
        base_url: str,
        credentials: Credentials,
        encoder: RequestEncoder,
        venue_clock: VenueClock,
        governor: RateGovernor,
        reflexes: Reflexes,
        settings: GatewaySettings,
        prefix: str = "/api/v3",
    ) -> None:
        self._base_url = base_url.rstrip("/") + prefix
        self._credentials = credentials
        self._encoder = encoder
        self._venue_clock = venue_clock
        self._governor = governor
        self._reflexes = reflexes
        self._settings = settings
        self._session: aiohttp.ClientSession | None = None

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(
                    total=self._settings.rest_timeout_s, sock_connect=self._settings.connect_timeout_s
                ),
                connector=aiohttp.TCPConnector(
                    limit=self._settings.parallel_cancels + 4, keepalive_timeout=30
                ),
            )
        return self._session

    async def close(self) -> None:
        """Close the session. Idempotent."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def call(
        self,
        method: str,
        path: str,
        params: Params,
        *,
        weight: int,
        signed: bool,
        purpose: Purpose = Purpose.QUERY,
        keyed: bool = False,
    ) -> bytes:
        """The body of a 2xx reply. `keyed`: with the API key, but unsigned. Raises CallError."""
        refused = self._governor.admit(purpose, weight)
        if refused is not None:
            raise CallError(ErrorClass.THROTTLED, refused, sent=False)
        try:
            return await self._send(method, path, params, signed, purpose, keyed)
        finally:
            self._governor.settled(purpose, weight)

    async def _send(
        self, method: str, path: str, params: Params, signed: bool, purpose: Purpose, keyed: bool
    ) -> bytes:
        headers: dict[str, str] = {}
        if signed or keyed:
            headers["X-MBX-APIKEY"] = self._credentials.api_key
        if signed:
            params = {**params, **self._encoder.timing(self._venue_clock.now_ms())}
            text = signed_query(params, self._credentials.signer)
        else:
            text = query(params)
        url = URL(f"{self._base_url}/{path}{'?' if text else ''}{text}", encoded=True)
        sent_ns = self._venue_clock.clock.monotonic_ns()
        try:
            async with self._open().request(method, url, headers=headers, allow_redirects=False) as response:
                body = await response.read()
                self._governor.observe_headers(response.headers)
                if response.status // 100 == 2:
                    return body
                failure = self._reflexes.on_http(response.status, body, response.headers, purpose, sent_ns)
                raise CallError(failure.error, failure.message, code=failure.code)
        except (aiohttp.ClientConnectorError, aiohttp.InvalidURL) as error:
            # no connection was made, so nothing was sent. Texts of HTTP errors can hold the signed address: only their kind is passed on.
            raise CallError(
                ErrorClass.AMBIGUOUS, f"{path}: not connected ({type(error).__name__})", sent=False
            ) from None
        except (aiohttp.ClientError, OSError) as error:
            raise CallError(ErrorClass.AMBIGUOUS, f"{path}: {type(error).__name__}") from None
