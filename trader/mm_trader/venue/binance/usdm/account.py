"""Reads of the futures API over REST, and the few writes that are no orders: listen keys and the venue's dead-man switch."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_DOWN, Decimal

from mm_trader.core.clock import Clock
from mm_trader.core.events import FundingView
from mm_trader.core.units import UnitError
from mm_trader.venue.binance.account import AccountReader, Reads, time_ms
from mm_trader.venue.binance.governor import Purpose
from mm_trader.venue.binance.settings import GatewaySettings
from mm_trader.venue.binance.transport.rest import RestClient
from mm_trader.venue.binance.usdm.replies import (
    AccountBody,
    AccountConfigBody,
    CommissionBody,
    IncomeBody,
    InfoBody,
    ListenKeyBody,
    SymbolConfigBody,
    funding_view,
)
from mm_trader.venue.binance.usdm.wire import is_forced
from mm_trader.venue.binance.wire.market import FrameError
from mm_trader.venue.binance.wire.numbers import SymbolNumbers, finite
from mm_trader.venue.binance.wire.replies import TradeBody, read_body
from mm_trader.venue.binance.wire.sign import Params

PREFIX = "/fapi"
FUTURES_READS = Reads(
    open_orders=("v1/openOrders", 1),
    order=("v1/order", 1),
    trades=("v1/userTrades", 5),
    trade_rows=list[TradeBody],
    depth="v1/depth",
    depth_weights=((50, 2), (100, 5), (500, 10), (1000, 20)),
)
_CENT8 = Decimal("1e-8")


class FuturesReader:
    """What is needed before there are rules."""

    def __init__(self, rest: RestClient) -> None:
        self._rest = rest

    async def time_ms(self) -> int:
        """The venue's time, epoch ms."""
        return await time_ms(self._rest, "v1/time")

    async def exchange_info(self) -> InfoBody:
        """All symbols: the venue takes no list."""
        return read_body(
            await self._rest.call("GET", "v1/exchangeInfo", {}, weight=1, signed=False), InfoBody
        )

    async def commission(self, symbol: str) -> CommissionBody:
        """The account's rates for one symbol."""
        body = await self._rest.call("GET", "v1/commissionRate", {"symbol": symbol}, weight=20, signed=True)
        return read_body(body, CommissionBody)

    async def symbol_config(self, symbol: str) -> SymbolConfigBody:
        """The account's leverage and margin type for one symbol. Raises FrameError where they cannot be told."""
        body = await self._rest.call("GET", "v1/symbolConfig", {"symbol": symbol}, weight=5, signed=True)
        for row in read_body(body, list[SymbolConfigBody]):
            if row.symbol == symbol:
                return row
        raise FrameError(f"symbolConfig does not tell the leverage of {symbol}")

    async def account_config(self) -> AccountConfigBody:
        """How the account holds positions and what backs them."""
        body = await self._rest.call("GET", "v1/accountConfig", {}, weight=5, signed=True)
        return read_body(body, AccountConfigBody)


class ListenKeys:
    """The key that names the user stream."""

    def __init__(self, rest: RestClient) -> None:
        self._rest = rest

    async def obtain(self) -> str:
        """The present key with another hour, or a new one."""
        body = await self._rest.call("POST", "v1/listenKey", {}, weight=1, signed=False, keyed=True)
        return read_body(body, ListenKeyBody).listen_key

    async def keep(self) -> None:
        """Another hour. Raises CallError where there is no key any more."""
        await self._rest.call("PUT", "v1/listenKey", {}, weight=1, signed=False, keyed=True)


class FuturesAccountReader(AccountReader):
    """Reads of one account whose symbols and prefix are known."""

    reads = FUTURES_READS

    def __init__(
        self,
        rest: RestClient,
        numbers: Mapping[str, SymbolNumbers],
        prefix: str,
        clock: Clock,
        settings: GatewaySettings,
    ) -> None:
        super().__init__(rest, numbers, prefix, clock, settings)
        self._elsewhere: dict[str, Decimal] = {}
        """Margin and open losses in other symbols, by asset, as last read."""
        self._held: dict[str, Decimal] = {}
        """Positions by symbol, as last read; the venue leaves out what is nothing."""

    def wallet(self, asset: str, stated: Decimal) -> tuple[Decimal, Decimal]:
        """(free, locked) of a cross wallet: what positions and orders of others are backed by is taken off. What ours need the kernel works out itself."""
        free = stated - self._elsewhere.get(asset, Decimal(0))
        return free.quantize(_CENT8, rounding=ROUND_DOWN), Decimal(0)

    def _moves_us(self, client_id: str) -> bool:
        """See AccountReader. What the venue closes by force was ours: the account's position of the symbol is."""
        return super()._moves_us(client_id) or is_forced(client_id)

    async def funding(self, symbol: str, since_ms: int) -> list[FundingView]:
        """Every payment of the symbol from a venue time on."""
        rows: list[IncomeBody] = []
        limit = self._settings.trades_page
        for page in range(1, self._settings.max_trade_pages + 1):
            params: Params = {
                "symbol": symbol,
                "incomeType": "FUNDING_FEE",
                "startTime": since_ms,
                "page": page,
                "limit": limit,
            }
            body = await self._rest.call("GET", "v1/income", params, weight=30, signed=True)
            found = read_body(body, list[IncomeBody])
            rows.extend(found)
            if len(found) < limit:
                break
        else:
            raise FrameError(f"more than {len(rows)} funding payments of {symbol} since {since_ms}")
        quote = self._numbers[symbol].rules.quote_asset
        other = {row.asset for row in rows} - {quote}
        if other:
            raise FrameError(f"funding of {symbol} was paid in {', '.join(sorted(other))}, not in {quote}")
        return [funding_view(row) for row in sorted(rows, key=lambda row: row.time)]

    async def balances(self) -> dict[str, tuple[Decimal, Decimal]]:
        """Asset → what may back our positions and orders."""
        body = read_body(await self._rest.call("GET", "v3/account", {}, weight=5, signed=True), AccountBody)
        margin: dict[str, Decimal] = {}
        profit: dict[str, Decimal] = {}
        for row in body.positions:
            own = self._numbers.get(row.symbol)
            if own is not None:
                asset = own.rules.quote_asset
                margin[asset] = margin.get(asset, Decimal(0)) + row.initial_margin
                profit[asset] = profit.get(asset, Decimal(0)) + row.unrealized_profit
        elsewhere: dict[str, Decimal] = {}
        for one in body.assets:
            backing = max(Decimal(0), one.initial_margin - margin.get(one.asset, Decimal(0)))
            loss = max(Decimal(0), profit.get(one.asset, Decimal(0)) - one.unrealized_profit)
            elsewhere[one.asset] = backing + loss
        self._elsewhere = elsewhere
        try:
            self._held = {row.symbol: finite(row.position_amt) for row in body.positions}
        except UnitError as error:
            raise FrameError(f"positions: {error}") from None
        return {one.asset: self.wallet(one.asset, one.cross_wallet_balance) for one in body.assets}

    def held(self, symbol: str) -> Decimal | None:
        """See AccountReader."""
        return self._held.get(symbol, Decimal(0))

    async def count_down(self, symbol: str, ms: int) -> None:
        """Arm the venue's switch (0: disarm). With the budget of cancels: nothing may hold it up."""
        await self._rest.call(
            "POST",
            "v1/countdownCancelAll",
            {"symbol": symbol, "countdownTime": ms},
            weight=10,
            signed=True,
            purpose=Purpose.CANCEL,
        )
