"""Watches what the venue says about itself while trading: each symbol's rules and status on a timer and when an order finds the market closed, and
whether the venue still knows us (a testnet starts over about monthly, without notice)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from decimal import Decimal

import structlog

from mm_trader.core.clock import Clock
from mm_trader.core.events import ErrorClass, RulesChanged, Trouble, VenueTrouble
from mm_trader.core.units import NS_PER_S, SymbolRules
from mm_trader.venue.binance.account import AccountReader, VenueReader
from mm_trader.venue.binance.directory import listed
from mm_trader.venue.binance.governor import RateGovernor
from mm_trader.venue.binance.rules import symbol_rules
from mm_trader.venue.binance.settings import GatewaySettings
from mm_trader.venue.binance.transport.rest import CallError
from mm_trader.venue.binance.wire.market import FrameError
from mm_trader.venue.binance.wire.replies import CommissionBody
from mm_trader.venue.port import EventSink

log = structlog.get_logger(__name__)

NOT_LISTED = "NOT_LISTED"
"""Status of a symbol that the venue no longer lists."""


class RulesWatch:
    """Reads exchangeInfo again and again, fees less often, and tells what changed."""

    def __init__(
        self,
        reader: VenueReader,
        governor: RateGovernor,
        settings: GatewaySettings,
        clock: Clock,
        rules: Mapping[str, SymbolRules],
        sink: EventSink,
    ) -> None:
        self._reader = reader
        self._governor = governor
        self._settings = settings
        self._clock = clock
        self._sink = sink
        self.rules = dict(rules)
        """As last read."""
        self._fees: dict[str, CommissionBody] = {}
        self._fees_read_ns = clock.monotonic_ns()
        self._wanted = asyncio.Event()
        self._complaint = ""

    def look(self) -> None:
        """Read soon: an order found the market closed."""
        self._wanted.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                async with asyncio.timeout(self._settings.rules_interval_s):
                    await self._wanted.wait()
            except TimeoutError:
                pass
            await self.read()
            self._wanted.clear()
            await asyncio.sleep(self._settings.rules_pause_s)

    async def read(self) -> None:
        """One look. A look that fails changes nothing: a status is not guessed."""
        try:
            found = await self._fetch()
        except (CallError, FrameError) as error:
            if str(error) != self._complaint:
                self._complaint = str(error)
                log.warning("rules_not_read", reason=self._complaint)
            return
        self._complaint = ""
        for symbol, before in self.rules.items():
            now = found.get(symbol)
            if now is None:
                now = changed(before, trading=False, status=NOT_LISTED)
            if now != before:
                self.rules[symbol] = now
                log.info("rules_changed", symbol=symbol, status=now.status, trading=now.trading)
                self._sink(RulesChanged(ts=self._clock.monotonic_ns(), rules=now))

    async def _fetch(self) -> dict[str, SymbolRules]:
        """The rules of the symbols that are listed; fees as they were until it is time to read them again. Raises CallError or FrameError."""
        info = await listed(self._reader, list(self.rules))
        if self._fees_due():
            self._fees = {symbol: await self._reader.commission(symbol) for symbol in self.rules}
            self._fees_read_ns = self._clock.monotonic_ns()
        self._governor.configure(info.rate_limits)
        found: dict[str, SymbolRules] = {}
        for body in info.symbols:
            now, before = symbol_rules(body, self._fees.get(body.symbol)), self.rules.get(body.symbol)
            if body.symbol not in self._fees and before is not None:
                now = changed(now, **{name: getattr(before, name) for name in _FEES})
            found[body.symbol] = now
        return found

    def _fees_due(self) -> bool:
        age_s = (self._clock.monotonic_ns() - self._fees_read_ns) / 1e9
        return age_s >= self._settings.fees_interval_s


_FEES = (
    "maker_fee",
    "taker_fee",
    "fee_discount",
    "fee_discount_asset",
    "maker_fee_discounted",
    "taker_fee_discounted",
)


def changed(rules: SymbolRules, **changes: object) -> SymbolRules:
    """The rules with other values of some fields."""
    fields = {name: getattr(rules, name) for name in rules.__struct_fields__}
    return SymbolRules(**{**fields, **changes})


class ResetWatch:
    """Finds out that the venue has started over.

    Suspicion: an order that the venue had acknowledged is not known any more, an own order's id lies far below one seen before, or a connection came back
    after a gap. Evidence: the venue, asked several times, does not know the newest own order that it acknowledged. What became of balances is
    said with it.
    """

    def __init__(
        self,
        account: AccountReader,
        settings: GatewaySettings,
        clock: Clock,
        sink: EventSink,
        start: Callable[[str], object],
    ) -> None:
        """`start(symbol)` begins a `check` in the background."""
        self._account = account
        self._settings = settings
        self._clock = clock
        self._sink = sink
        self._start = start
        self._newest: dict[str, int] = {}
        self._shown_ns: dict[str, int] = {}
        """When the venue last showed the newest own order, or one newer than it."""
        self._checking: set[str] = set()
        self._balances: dict[str, Decimal] = {}

    def on_own_order(self, symbol: str, venue_id: int) -> None:
        """The venue showed an own order."""
        newest = self._newest.get(symbol, -1)
        if venue_id >= newest:
            self._newest[symbol] = venue_id
            self._shown_ns[symbol] = self._clock.monotonic_ns()
        elif venue_id * 2 < newest:
            self.suspect(symbol)

    def on_balances(self, balances: Mapping[str, tuple[Decimal, Decimal]]) -> None:
        """What the account held when it was last read."""
        self._balances = {asset: free + locked for asset, (free, locked) in balances.items()}

    def suspect(self, symbol: str) -> None:
        """Ask the venue, unless it is being asked already, or there is nothing to ask about that it must still know."""
        if symbol not in self._newest or symbol in self._checking:
            return
        age_s = (self._clock.monotonic_ns() - self._shown_ns[symbol]) / NS_PER_S
        if age_s <= self._settings.reset_evidence_s:
            self._checking.add(symbol)
            self._start(symbol)

    def suspect_all(self) -> None:
        """A connection was lost and is back."""
        for symbol in list(self._newest):
            self.suspect(symbol)

    async def check(self, symbol: str) -> None:
        """Ask about the newest own order until it is known, or has been missing often enough."""
        try:
            venue_id = self._newest[symbol]
            for _ in range(self._settings.reset_checks):
                try:
                    await self._account.order_by_id(symbol, venue_id)
                except CallError as error:
                    if error.error is not ErrorClass.NOT_FOUND:
                        return  # cannot be asked now; the next suspicion asks again
                else:
                    return
                await asyncio.sleep(self._settings.reset_pause_s)
            await self._tell(symbol, venue_id)
        except FrameError as error:
            log.warning("reset_not_checked", symbol=symbol, reason=str(error))
        finally:
            self._checking.discard(symbol)

    async def _tell(self, symbol: str, venue_id: int) -> None:
        self._newest.clear()
        before = dict(self._balances)
        try:
            balances = await self._account.balances()
        except (CallError, FrameError):
            jumped = ["unread"]
        else:
            now = {asset: free + locked for asset, (free, locked) in balances.items()}
            jumped = sorted(
                asset for asset in before.keys() | now.keys() if before.get(asset) != now.get(asset)
            )
        detail = (
            f"the venue was reset: it does not know {symbol} order {venue_id} any more, which it had acknowledged; "
            f"balances that differ from the last reading: {', '.join(jumped) or 'none'}"
        )
        log.error("venue_reset", symbol=symbol, venue_id=venue_id, balances_differ=jumped)
        self._sink(VenueTrouble(ts=self._clock.monotonic_ns(), trouble=Trouble.RESET, detail=detail))
