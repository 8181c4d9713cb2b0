"""Brings the venue up: rules of every configured symbol, then the connections. Tries again for as long as it takes, and says why it has to."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog

from mm_trader.core.ids import client_id_prefix
from mm_trader.core.units import NS_PER_MS, SymbolRules
from mm_trader.shell.reporter import Progress
from mm_trader.venue.port import EventSink, VenueError, VenueGateway

RETRY_FIRST_S = 0.25
RETRY_LAST_S = 10.0
PERMANENT_RETRY_S = 15.0
"""What a person has to change (keys, symbols) is looked at again at this pace, so that it goes on by itself when it was changed."""
NOT_LISTED = "SymbolNotListed"
log = structlog.get_logger("venue")


class VenueStart:
    """Start-up of one gateway."""

    def __init__(
        self,
        gateway: VenueGateway,
        identity: str,
        symbols: Sequence[str],
        progress: Progress,
        report: Callable[[], None],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._gateway = gateway
        self._prefix = client_id_prefix(identity)
        self._symbols = tuple(symbols)
        self._progress = progress
        self._report = report
        self._sleep = sleep

    async def rules(self) -> dict[str, SymbolRules]:
        """Rules of all symbols; returns only when the venue lists and trades every one of them."""
        pause = RETRY_FIRST_S
        while True:
            try:
                rules = await self._gateway.load_rules(self._symbols)
            except VenueError as error:
                self._failed(error.reason, str(error))
                await self._sleep(PERMANENT_RETRY_S if error.permanent else pause)
                pause = min(pause * 2, RETRY_LAST_S)
                continue
            unlisted = [
                symbol for symbol in self._symbols if symbol not in rules or not rules[symbol].trading
            ]
            if not unlisted:
                self._cleared()
                return rules
            self._progress.unlisted = unlisted
            self._failed(NOT_LISTED, f"the venue does not list or does not trade {', '.join(unlisted)}")
            await self._sleep(PERMANENT_RETRY_S)

    def now_ns(self, wall_ns: int) -> int:
        """The venue's time, as it was measured when the rules were read or later. `wall_ns`: ours."""
        return wall_ns + round(self._gateway.health().clock_offset_ms * NS_PER_MS)

    async def connect(self, rules: dict[str, SymbolRules], sink: EventSink) -> None:
        """The three connections; returns when the gateway has taken over keeping them open."""
        pause = RETRY_FIRST_S
        while True:
            try:
                await self._gateway.start(rules, self._prefix, sink)
            except VenueError as error:
                self._failed(error.reason, str(error))
                await self._gateway.stop()
                await self._sleep(PERMANENT_RETRY_S if error.permanent else pause)
                pause = min(pause * 2, RETRY_LAST_S)
            else:
                self._cleared()
                return

    def _failed(self, reason: str, message: str) -> None:
        if (reason, message) != (self._progress.error_reason, self._progress.error):
            log.error("venue_unusable", reason=reason, message=message)
        self._progress.error_reason, self._progress.error = reason, message
        self._progress.reason = reason
        self._report()

    def _cleared(self) -> None:
        if self._progress.error_reason:
            log.info("venue_usable", was=self._progress.error_reason)
        self._progress.error_reason = self._progress.error = self._progress.reason = ""
        self._progress.unlisted = []
