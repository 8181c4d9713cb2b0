"""Cancel everything under the prefix and look again until the venue shows nothing: the end of an emergency, a hand-over, a shutdown.

Orders of others in the same account are never touched, so it is one cancel an order, not the venue's cancel-all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from mm_trader.core.clock import Clock
from mm_trader.core.events import ErrorClass
from mm_trader.venue.binance.account import AccountReader
from mm_trader.venue.binance.settings import GatewaySettings
from mm_trader.venue.binance.transport.rest import BAD_SYMBOL, CallError
from mm_trader.venue.binance.wire.market import FrameError

log = structlog.get_logger(__name__)


class Sweeper:
    """Sweeps one symbol at a time; several may run beside each other."""

    def __init__(
        self,
        account: AccountReader,
        clock: Clock,
        settings: GatewaySettings,
        may_land_until: Callable[[str], int],
    ) -> None:
        self._account = account
        self._clock = clock
        self._settings = settings
        self._may_land_until = may_land_until
        self._slots = asyncio.Semaphore(settings.parallel_cancels)

    async def sweep(self, symbols: list[str], timeout_s: float) -> bool:
        """True: in every symbol the venue shows no own order, and none that was sent can still arrive."""
        try:
            async with asyncio.timeout(timeout_s):
                await asyncio.gather(*(self._sweep_one(symbol) for symbol in symbols))
        except TimeoutError:
            log.warning("sweep_not_confirmed", symbols=symbols, timeout_s=timeout_s)
            return False
        return True

    async def _sweep_one(self, symbol: str) -> None:
        complaint = ""
        while True:
            asked = self._clock.monotonic_ns()
            try:
                orders = await self._account.open_ids(symbol)
            except (CallError, FrameError) as error:
                if isinstance(error, CallError) and error.code == BAD_SYMBOL:
                    return  # the venue does not know it (any more): nothing can be open in it
                if str(error) != complaint:
                    complaint = str(error)
                    log.warning("sweep_cannot_see", symbol=symbol, reason=complaint)
                await asyncio.sleep(self._settings.sweep_pause_s * 4)
                continue
            if not orders and asked >= self._may_land_until(symbol):
                return
            await asyncio.gather(*(self._cancel(symbol, *order) for order in orders))
            await asyncio.sleep(self._settings.sweep_pause_s if not orders else 0)

    async def _cancel(self, symbol: str, client_id: str, venue_id: int) -> None:
        async with self._slots:
            try:
                await self._account.cancel_id(symbol, venue_id)
            except CallError as error:
                if error.error is not ErrorClass.NOT_FOUND:
                    log.warning("sweep_cancel_failed", client_id=client_id, reason=str(error))
                    await asyncio.sleep(self._settings.sweep_pause_s)
