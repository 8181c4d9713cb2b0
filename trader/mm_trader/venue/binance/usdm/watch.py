"""The futures API's rules, read again and again while trading: status, filters, and, less often, fees and leverage."""

from __future__ import annotations

from collections.abc import Mapping

from mm_trader.core.clock import Clock
from mm_trader.core.units import SymbolRules
from mm_trader.venue.binance.account import VenueReader
from mm_trader.venue.binance.governor import RateGovernor
from mm_trader.venue.binance.settings import GatewaySettings
from mm_trader.venue.binance.usdm.account import FuturesReader
from mm_trader.venue.binance.usdm.replies import CommissionBody, symbol_rules
from mm_trader.venue.binance.watch import RulesWatch, changed
from mm_trader.venue.port import EventSink


class FuturesRulesWatch(RulesWatch):
    """See RulesWatch."""

    def __init__(
        self,
        spot: VenueReader,
        futures: FuturesReader,
        governor: RateGovernor,
        settings: GatewaySettings,
        clock: Clock,
        rules: Mapping[str, SymbolRules],
        sink: EventSink,
    ) -> None:
        super().__init__(spot, governor, settings, clock, rules, sink)
        self._futures = futures

    async def _fetch(self) -> dict[str, SymbolRules]:
        info = await self._futures.exchange_info()
        self._governor.configure(info.rate_limits)
        due = self._fees_due()
        found: dict[str, SymbolRules] = {}
        for body in info.symbols:
            before = self.rules.get(body.symbol)
            if before is None:
                continue
            if due:
                fees = await self._futures.commission(body.symbol)
                found[body.symbol] = symbol_rules(
                    body, fees, (await self._futures.symbol_config(body.symbol)).leverage
                )
            else:
                known = CommissionBody(before.maker_fee, before.taker_fee)
                found[body.symbol] = changed(
                    symbol_rules(body, known, 1), initial_margin=before.initial_margin
                )
        if due:
            self._fees_read_ns = self._clock.monotonic_ns()
        return found
