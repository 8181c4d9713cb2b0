"""The port on Binance USD-M perpetual futures: the parts that differ from spot, in the same frame."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import structlog

from mm_api.kinds.common import Venue
from mm_trader.core.commands import Cancel, Modify, Place
from mm_trader.core.events import StreamName
from mm_trader.core.units import SymbolRules
from mm_trader.venue.binance.gateway import BinanceGateway
from mm_trader.venue.binance.market_feed import MarketFeed
from mm_trader.venue.binance.order_channel import ChannelOptions
from mm_trader.venue.binance.transport.link import Link, LinkHandler
from mm_trader.venue.binance.transport.rest import CallError
from mm_trader.venue.binance.usdm.account import PREFIX, FuturesAccountReader, FuturesReader, ListenKeys
from mm_trader.venue.binance.usdm.replies import symbol_rules
from mm_trader.venue.binance.usdm.requests import futures_request, hello_frame
from mm_trader.venue.binance.usdm.user_feed import FuturesUserFeed
from mm_trader.venue.binance.usdm.watch import FuturesRulesWatch
from mm_trader.venue.binance.usdm.wire import (
    MARKET_CHANNELS,
    PUBLIC_CHANNELS,
    FuturesMarketDecoder,
    stream_path,
)
from mm_trader.venue.binance.watch import ResetWatch
from mm_trader.venue.binance.wire.numbers import SymbolNumbers
from mm_trader.venue.port import EventSink, VenueError
from mm_trader.venue.products import USDM

log = structlog.get_logger(__name__)


CROSSED = "CROSSED"


def _refused(reason: str, why: str) -> VenueError:
    return VenueError(reason, f"{why} at the venue", permanent=True)


class UsdmGateway(BinanceGateway):
    """One account in one-way mode. Arguments as BinanceGateway."""

    venue = Venue.BINANCE_USDM
    capabilities = USDM
    rest_prefix = PREFIX
    order_commands = (Place, Cancel, Modify)

    async def _time_ms(self) -> int:
        return await FuturesReader(self._rest).time_ms()

    async def _read_rules(self, symbols: Sequence[str]) -> dict[str, SymbolRules]:
        """An account whose positions or wallets are not what the kernel keeps is refused."""
        reader = FuturesReader(self._rest)
        info = await reader.exchange_info()
        self._governor.configure(info.rate_limits)
        account = await reader.account_config()
        if account.dual_side_position:
            raise _refused("PositionModeRefused", "the account is in hedge mode; set it to one-way mode")
        if account.multi_assets_margin:
            raise _refused(
                "MarginModeRefused", "the account is in multi-assets mode; set it to single-asset mode"
            )
        found: dict[str, SymbolRules] = {}
        for body in info.symbols:
            if body.symbol in symbols:
                margin = await reader.symbol_config(body.symbol)
                if margin.margin_type != CROSSED:
                    raise _refused(
                        "MarginModeRefused", f"{body.symbol} is on isolated margin; set it to cross margin"
                    )
                found[body.symbol] = symbol_rules(body, await reader.commission(body.symbol), margin.leverage)
        return found

    def _make_account(self, numbers: Mapping[str, SymbolNumbers], prefix: str) -> FuturesAccountReader:
        self._futures = FuturesAccountReader(self._rest, numbers, prefix, self._clock, self._settings)
        return self._futures

    def _channel_options(self, numbers: Mapping[str, SymbolNumbers]) -> ChannelOptions:
        first = next(iter(numbers))
        return {"requests": futures_request, "hello": lambda request_id: hello_frame(request_id, first)}

    def _make_watch(self, rules: dict[str, SymbolRules], sink: EventSink) -> FuturesRulesWatch:
        return FuturesRulesWatch(
            self._reader,
            FuturesReader(self._rest),
            self._governor,
            self._settings,
            self._clock,
            rules,
            sink,
        )

    def _make_users(
        self, numbers: Mapping[str, SymbolNumbers], prefix: str, sink: EventSink, resets: ResetWatch
    ) -> FuturesUserFeed:
        self._feed = FuturesUserFeed(
            self._config.stream_url,
            numbers,
            ListenKeys(self._rest),
            self._clock,
            prefix,
            sink,
            self._futures.wallet,
            lambda: self._renew(StreamName.USER),
            resets.suspect_all,
            self._keys_refused,
            self._futures.note_order,
            self._credentials.redact,
        )
        self._chores.start(self._keep_listening(), "listen-key")
        return self._feed

    def _make_market(self, numbers: Mapping[str, SymbolNumbers], sink: EventSink) -> LinkHandler:
        url, decoder = self._config.stream_url, FuturesMarketDecoder(numbers)
        trades = MarketFeed(
            url,
            numbers,
            self._clock,
            sink,
            lambda: self._trades.renew(),
            self._on_trade,
            path=stream_path(numbers, "market", MARKET_CHANNELS),
            decoder=decoder,
            vital=False,
            on_mark=self._on_mark,
        )
        self._trades = Link("trades", trades, self._clock, self._governor, self._settings, self._rng)
        self._more_links.append(self._trades)
        return MarketFeed(
            url,
            numbers,
            self._clock,
            sink,
            lambda: self._renew(StreamName.MARKET),
            self._on_trade,
            path=stream_path(numbers, "public", PUBLIC_CHANNELS),
            decoder=decoder,
        )

    def _on_mark(self, symbol: str, ticks: float) -> None:
        assert self._look is not None
        self._look.on_mark(symbol, ticks)

    async def _keep_listening(self) -> None:
        """The key lives an hour; half of that leaves room for a try that fails."""
        while True:
            await asyncio.sleep(self._settings.listen_key_refresh_s)
            if not await self._feed.keep_alive():
                self._drop(StreamName.USER)

    async def keep_switch(self, symbols: Sequence[str], timeout_s: float) -> bool:
        """See the port."""
        try:
            await asyncio.gather(
                *(self._futures.count_down(symbol, round(timeout_s * 1000)) for symbol in symbols)
            )
        except CallError as error:
            log.warning("venue_switch_not_armed", reason=error.message, code=error.code)
            return False
        return True
