"""Reads of the account and the market over REST, each as one call with the weight the venue documents for it.

Everything raises `CallError` or `FrameError`; who asks turns that into an event.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

import msgspec

from mm_trader.core.clock import Clock
from mm_trader.core.events import DepthSnapshot, ErrorClass, FundingView, OrderView, TradeView
from mm_trader.core.units import UnitError
from mm_trader.venue.binance.governor import Purpose
from mm_trader.venue.binance.settings import GatewaySettings
from mm_trader.venue.binance.transport.rest import CallError, RestClient
from mm_trader.venue.binance.wire.market import FrameError
from mm_trader.venue.binance.wire.numbers import SymbolNumbers, finite
from mm_trader.venue.binance.wire.replies import (
    AccountBody,
    CommissionBody,
    DepthBody,
    ExchangeInfoBody,
    OrderBody,
    SpotTradeBody,
    TimeBody,
    TradeBody,
    depth_snapshot,
    order_view,
    read_body,
    trade_view,
)
from mm_trader.venue.binance.wire.sign import Params

_OWNERS_KEPT = 20_000


class Reads(NamedTuple):
    """Where a product has the calls that all products have, each with its documented weight, and how its trades are written."""

    open_orders: tuple[str, int]
    """Of one symbol."""
    order: tuple[str, int]
    trades: tuple[str, int]
    trade_rows: type[Sequence[TradeBody]]
    depth: str
    depth_weights: tuple[tuple[int, int], ...]
    """(up to that many levels, weight), ascending; the last is the most there is."""


SPOT_READS = Reads(
    open_orders=("openOrders", 6),
    order=("order", 4),
    trades=("myTrades", 20),
    trade_rows=list[SpotTradeBody],
    depth="depth",
    depth_weights=((100, 5), (500, 25), (1000, 50), (5000, 250)),
)


async def time_ms(rest: RestClient, path: str) -> int:
    """The venue's time, epoch ms."""
    return read_body(await rest.call("GET", path, {}, weight=1, signed=False), TimeBody).server_time


class VenueReader:
    """Public reads, and the account's fees: what is needed before there are rules."""

    def __init__(self, rest: RestClient) -> None:
        self._rest = rest

    async def time_ms(self) -> int:
        """The venue's time, epoch ms."""
        return await time_ms(self._rest, "time")

    async def exchange_info(self, symbols: Sequence[str]) -> ExchangeInfoBody:
        """Rules of these symbols. One that is not listed makes the venue refuse them all (-1121)."""
        names = msgspec.json.encode(list(symbols)).decode()
        body = await self._rest.call("GET", "exchangeInfo", {"symbols": names}, weight=20, signed=False)
        return read_body(body, ExchangeInfoBody)

    async def commission(self, symbol: str) -> CommissionBody:
        """The account's rates for one symbol."""
        body = await self._rest.call("GET", "account/commission", {"symbol": symbol}, weight=20, signed=True)
        return read_body(body, CommissionBody)


class OpenOrders(msgspec.Struct, frozen=True):
    """Open orders of one symbol."""

    own: list[OrderView]
    foreign: int


class AccountReader:
    """Reads of one account whose symbols and prefix are known."""

    reads = SPOT_READS

    def __init__(
        self,
        rest: RestClient,
        numbers: Mapping[str, SymbolNumbers],
        prefix: str,
        clock: Clock,
        settings: GatewaySettings,
    ) -> None:
        self._rest = rest
        self._numbers = numbers
        self._prefix = prefix
        self._clock = clock
        self._settings = settings
        self.on_own_order: Callable[[str, int], None] | None = None
        """Hears of every own order that the venue shows."""
        self._own: OrderedDict[tuple[str, int], bool] = OrderedDict()

    def note_order(self, symbol: str, venue_id: int, own: bool) -> None:
        """Remember whose order a venue id is: trades name the order by it alone."""
        key = (symbol, venue_id)
        self._own[key] = own
        self._own.move_to_end(key)
        if len(self._own) > _OWNERS_KEPT:
            self._own.popitem(last=False)
        if own and self.on_own_order is not None:
            self.on_own_order(symbol, venue_id)

    async def open_orders(self, symbol: str) -> OpenOrders:
        """All open orders of the symbol; those of others are only counted."""
        own, foreign = await self._open_orders(symbol, Purpose.QUERY)
        return OpenOrders([order_view(row, self._numbers[symbol]) for row in own], foreign)

    async def open_ids(self, symbol: str) -> list[tuple[str, int]]:
        """(client id, venue id) of own open orders, with the budget of cancels: nothing may hold a sweep up, and it needs no rules of the symbol."""
        own, _ = await self._open_orders(symbol, Purpose.CANCEL)
        return [(row.client_order_id, row.order_id) for row in own]

    async def _open_orders(self, symbol: str, purpose: Purpose) -> tuple[list[OrderBody], int]:
        path, weight = self.reads.open_orders
        body = await self._rest.call(
            "GET", path, {"symbol": symbol}, weight=weight, signed=True, purpose=purpose
        )
        own: list[OrderBody] = []
        foreign = 0
        for row in read_body(body, list[OrderBody]):
            is_own = row.client_order_id.startswith(self._prefix)
            self.note_order(symbol, row.order_id, is_own)
            if is_own:
                own.append(row)
            else:
                foreign += 1
        return own, foreign

    async def order(self, symbol: str, *, client_id: str) -> OrderView:
        """One order, open or ended."""
        body = await self._order(symbol, {"origClientOrderId": client_id})
        self.note_order(symbol, body.order_id, body.client_order_id.startswith(self._prefix))
        return order_view(body, self._numbers[symbol])

    async def order_by_id(self, symbol: str, venue_id: int) -> None:
        """Whether the venue knows an order: CallError of class NOT_FOUND if it does not."""
        await self._order(symbol, {"orderId": venue_id})

    async def _order(self, symbol: str, which: Params) -> OrderBody:
        path, weight = self.reads.order
        body = await self._rest.call("GET", path, {"symbol": symbol, **which}, weight=weight, signed=True)
        return read_body(body, OrderBody)

    async def trades(self, symbol: str, from_id: int) -> list[TradeView]:
        """Own trades from an id on, ascending; trades of orders under another prefix are left out."""
        rows: list[TradeBody] = []
        for _ in range(self._settings.max_trade_pages):
            page = await self._trades_page(symbol, rows[-1].id + 1 if rows else max(from_id, 0))
            rows.extend(page)
            if len(page) < self._settings.trades_page:
                break
        else:
            raise FrameError(f"more than {len(rows)} trades of {symbol} since {from_id}")
        rows.sort(key=lambda row: row.id)
        return [
            trade_view(row, self._numbers[symbol]) for row in rows if await self._is_own(symbol, row.order_id)
        ]

    async def _trades_page(self, symbol: str, from_id: int) -> Sequence[TradeBody]:
        params: Params = {"symbol": symbol, "fromId": from_id, "limit": self._settings.trades_page}
        path, weight = self.reads.trades
        body = await self._rest.call("GET", path, params, weight=weight, signed=True)
        return read_body(body, self.reads.trade_rows)

    async def _is_own(self, symbol: str, venue_id: int) -> bool:
        """Whose order it is, asked from the venue where it is not known (an incarnation before)."""
        known = self._own.get((symbol, venue_id))
        if known is not None:
            return known
        try:
            order = await self._order(symbol, {"orderId": venue_id})
        except CallError as error:
            if error.error is not ErrorClass.NOT_FOUND:
                raise
            own = False
        else:
            own = self._moves_us(order.client_order_id)
        self.note_order(symbol, venue_id, own)
        return own

    def _moves_us(self, client_id: str) -> bool:
        """Whether an order's trades are the ledger's: those of our own orders."""
        return client_id.startswith(self._prefix)

    async def balances(self) -> dict[str, tuple[Decimal, Decimal]]:
        """Asset → (free, locked), all that are not zero."""
        body = await self._rest.call("GET", "account", {"omitZeroBalances": True}, weight=20, signed=True)
        try:
            return {
                row.asset: (finite(row.free), finite(row.locked))
                for row in read_body(body, AccountBody).balances
            }
        except UnitError as error:
            raise FrameError(f"balances: {error}") from None

    def held(self, _symbol: str) -> Decimal | None:
        """Position of a symbol on margin, base units, as `balances` last read it. Spot has balances alone: None."""
        return None

    async def funding(self, _symbol: str, _since_ms: int) -> list[FundingView]:
        """Funding payments from a venue time on, ascending. Spot has none."""
        return []

    async def depth(self, symbol: str) -> DepthSnapshot:
        """A snapshot of the book."""
        weights = self.reads.depth_weights
        limit = min(self._settings.depth_limit, weights[-1][0])
        weight = next(weight for most, weight in weights if limit <= most)
        params: Params = {"symbol": symbol, "limit": limit}
        body = await self._rest.call("GET", self.reads.depth, params, weight=weight, signed=False)
        return depth_snapshot(read_body(body, DepthBody), self._numbers[symbol], self._clock.monotonic_ns())

    async def cancel(self, symbol: str, params: Params) -> OrderView:
        """Cancel over REST, with the budget of cancels."""
        return order_view(read_body(await self._delete(params), OrderBody), self._numbers[symbol])

    async def cancel_id(self, symbol: str, venue_id: int) -> None:
        """The same for a sweep, which looks again instead of reading the answer."""
        await self._delete({"symbol": symbol, "orderId": venue_id})

    async def _delete(self, params: Params) -> bytes:
        path, _ = self.reads.order
        return await self._rest.call("DELETE", path, params, weight=1, signed=True, purpose=Purpose.CANCEL)
