"""What is asked before trading can start: the venue's time, the rules of the symbols, the account's fees. Failures are `VenueError`s."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import structlog

from mm_api.kinds.common import Environment, Venue
from mm_api.trader_config import VenueConfig
from mm_trader.core.events import ErrorClass
from mm_trader.core.units import SymbolRules
from mm_trader.venue.binance.account import VenueReader
from mm_trader.venue.binance.governor import RateGovernor
from mm_trader.venue.binance.rules import symbol_rules
from mm_trader.venue.binance.transport.rest import BAD_SYMBOL, CallError
from mm_trader.venue.binance.wire.market import FrameError
from mm_trader.venue.binance.wire.replies import ExchangeInfoBody
from mm_trader.venue.port import VenueError

log = structlog.get_logger(__name__)

_REASONS: dict[ErrorClass, tuple[str, bool]] = {
    ErrorClass.AUTH: ("CredentialsRefused", True),
    ErrorClass.CLOCK: ("ClockOutOfStep", False),
    ErrorClass.THROTTLED: ("VenueThrottled", False),
    ErrorClass.AMBIGUOUS: ("VenueUnreachable", False),
}


def check_address(config: VenueConfig, venue: Venue = Venue.BINANCE) -> None:
    """Refuse what must not be tried: another product, or a real venue without TLS. Raises VenueError."""
    if config.kind is not venue:
        raise VenueError(
            "VenueNotSupported",
            f"venue.kind is {config.kind.value}, and this is the gateway of {venue.value}",
            permanent=True,
        )
    addresses = {
        "restUrl": (config.rest_url, "https://"),
        "wsApiUrl": (config.ws_api_url, "wss://"),
        "streamUrl": (config.stream_url, "wss://"),
    }
    for name, (url, secure) in addresses.items():
        allowed = (
            (secure, secure.replace("s://", "://"))
            if config.environment is Environment.SIMULATOR
            else (secure,)
        )
        if not url.startswith(allowed):
            raise VenueError(
                "AddressRefused", f"venue.{name} must begin with {' or '.join(allowed)}", permanent=True
            )


def venue_error(error: CallError) -> VenueError:
    """The failure as a condition's reason. Refusals that no other attempt would change are permanent."""
    reason, permanent = _REASONS.get(error.error, ("VenueRefused", True))
    return VenueError(reason, f"{error.message} (code {error.code})", permanent=permanent)


async def at_start(
    measure: Callable[[], Awaitable[None]], read: Callable[[], Awaitable[dict[str, SymbolRules]]]
) -> dict[str, SymbolRules]:
    """What `read` finds once the venue's time is measured; a refusal for the clock has it measured once more. Raises VenueError."""
    try:
        await measure()
        try:
            return await read()
        except CallError as error:
            if error.error is not ErrorClass.CLOCK:
                raise
        await measure()
        return await read()
    except CallError as error:
        raise venue_error(error) from None
    except FrameError as error:
        raise VenueError("VenueNotUnderstood", str(error), permanent=False) from None


async def rules_with_fees(
    reader: VenueReader, governor: RateGovernor, symbols: Sequence[str]
) -> dict[str, SymbolRules]:
    """Rules and fees of those of the symbols that the venue lists. Raises CallError or FrameError."""
    info = await listed(reader, symbols)
    governor.configure(info.rate_limits)
    return {
        body.symbol: symbol_rules(body, await reader.commission(body.symbol))
        for body in info.symbols
        if body.symbol in symbols
    }


async def listed(reader: VenueReader, symbols: Sequence[str]) -> ExchangeInfoBody:
    """exchangeInfo of the symbols that exist: a single unknown one makes the venue refuse the whole list, so then they are asked one by one."""
    try:
        return await reader.exchange_info(symbols)
    except CallError as error:
        if error.code != BAD_SYMBOL:
            raise
    together = ExchangeInfoBody(symbols=[])
    for symbol in symbols:
        try:
            info = await reader.exchange_info([symbol])
        except CallError as error:
            if error.code != BAD_SYMBOL:
                raise
            log.warning("symbol_not_listed", symbol=symbol)
            continue
        together.symbols.extend(info.symbols)
        together.rate_limits = info.rate_limits
    return together
