"""Addresses of the venues by environment. Only a simulator's come from its VenueAccount; the rest are the venue's own and well known."""

from __future__ import annotations

from mm_api.kinds import Environment, Venue, VenueAccountSpec
from mm_api.trader_config import VenueConfig

CREDENTIALS_DIR = "/etc/mm/credentials"

_WELL_KNOWN: dict[tuple[Venue, Environment], tuple[str, str, str]] = {
    (Venue.BINANCE, Environment.TESTNET): (
        "https://testnet.binance.vision",
        "wss://ws-api.testnet.binance.vision/ws-api/v3",
        "wss://stream.testnet.binance.vision",
    ),
    (Venue.BINANCE, Environment.DEMO): (
        "https://demo-api.binance.com",
        "wss://demo-ws-api.binance.com/ws-api/v3",
        "wss://demo-stream.binance.com",
    ),
    (Venue.BINANCE, Environment.MAINNET): (
        "https://api.binance.com",
        "wss://ws-api.binance.com:443/ws-api/v3",
        "wss://stream.binance.com:9443",
    ),
    (Venue.BINANCE_USDM, Environment.TESTNET): (
        "https://demo-fapi.binance.com",
        "wss://testnet.binancefuture.com/ws-fapi/v1",
        "wss://fstream.binancefuture.com",
    ),
    (Venue.BINANCE_USDM, Environment.DEMO): (
        "https://demo-fapi.binance.com",
        "wss://testnet.binancefuture.com/ws-fapi/v1",
        "wss://demo-fstream.binance.com",
    ),
    (Venue.BINANCE_USDM, Environment.MAINNET): (
        "https://fapi.binance.com",
        "wss://ws-fapi.binance.com/ws-fapi/v1",
        "wss://fstream.binance.com",
    ),
}
"""REST base, WebSocket API, streams. The futures testnet has become the demo: both have the same REST and WebSocket API."""


class NoAddressError(ValueError):
    """This environment of this venue has no known address, and the account names none."""


def addresses(account: VenueAccountSpec) -> tuple[str, str, str]:
    """REST base, WebSocket API and stream base of an account. An account's own endpoints win (never on mainnet: the API server refuses them there)."""
    if account.endpoints is not None and account.environment is not Environment.MAINNET:
        return account.endpoints.rest, account.endpoints.ws_api, account.endpoints.stream
    found = _WELL_KNOWN.get((account.venue, account.environment))
    if found is None:
        raise NoAddressError(
            f"{account.venue} {account.environment} has no well-known address; set spec.endpoints"
        )
    return found


def venue_config(account: VenueAccountSpec) -> VenueConfig:
    """The trader's venue block. Keys are files in a mounted Secret, never in here."""
    rest, ws_api, stream = addresses(account)
    return VenueConfig(
        kind=account.venue,
        environment=account.environment,
        rest_url=rest.rstrip("/"),
        ws_api_url=ws_api,
        stream_url=stream.rstrip("/"),
        credentials_dir=CREDENTIALS_DIR,
        allow_real_money=account.allow_real_money,
    )
