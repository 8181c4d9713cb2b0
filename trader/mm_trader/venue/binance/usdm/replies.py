"""Bodies of the futures API's replies as typed structs, and what becomes of them: rules of a symbol, a funding payment. Pure."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

from mm_trader.core.events import FundingView
from mm_trader.core.units import PriceBands, SymbolRules
from mm_trader.venue.binance.rules import UNREADABLE, by_type, number, steps, unreadable
from mm_trader.venue.binance.wire.market import FrameError
from mm_trader.venue.binance.wire.replies import RateLimit
from mm_trader.venue.products import USDM


class SymbolBody(msgspec.Struct, rename="camel"):
    """A symbol of exchangeInfo."""

    symbol: str
    status: str
    base_asset: str
    quote_asset: str
    filters: list[dict[str, Any]]
    contract_type: str = "PERPETUAL"
    time_in_force: list[str] = []


class InfoBody(msgspec.Struct, rename="camel"):
    """exchangeInfo."""

    symbols: list[SymbolBody]
    rate_limits: list[RateLimit] = []


class CommissionBody(msgspec.Struct, rename="camel"):
    """commissionRate."""

    maker_commission_rate: Decimal
    taker_commission_rate: Decimal


class SymbolConfigBody(msgspec.Struct, rename="camel"):
    """A row of symbolConfig."""

    symbol: str
    leverage: int
    margin_type: str = "CROSSED"


class AccountConfigBody(msgspec.Struct, rename="camel"):
    """accountConfig."""

    dual_side_position: bool
    multi_assets_margin: bool
    can_trade: bool = True


class ListenKeyBody(msgspec.Struct, rename="camel"):
    """listenKey."""

    listen_key: str


class IncomeBody(msgspec.Struct, rename="camel"):
    """A row of income."""

    symbol: str
    income_type: str
    income: Decimal
    asset: str
    time: int


class AssetBody(msgspec.Struct, rename="camel"):
    """An asset of account."""

    asset: str
    cross_wallet_balance: Decimal
    initial_margin: Decimal
    unrealized_profit: Decimal = Decimal(0)


class PositionBody(msgspec.Struct, rename="camel"):
    """A position of account."""

    symbol: str
    position_amt: Decimal
    initial_margin: Decimal
    unrealized_profit: Decimal = Decimal(0)


class AccountBody(msgspec.Struct, rename="camel"):
    """account."""

    assets: list[AssetBody]
    positions: list[PositionBody] = []


def funding_view(body: IncomeBody) -> FundingView:
    """One payment."""
    return FundingView(amount=body.income, venue_ms=body.time)


def symbol_rules(body: SymbolBody, fees: CommissionBody, leverage: int) -> SymbolRules:
    """Filters, fees and margin of one symbol. Raises FrameError when something is missing or unreadable without which no order can be made."""
    filters = by_type(body.filters)
    try:
        if leverage < 1:
            raise FrameError(f"{body.symbol}: leverage is not above zero")
        notional = filters.get("MIN_NOTIONAL")
        return SymbolRules(
            symbol=body.symbol,
            base_asset=body.base_asset,
            quote_asset=body.quote_asset,
            **steps(body.symbol, filters),
            min_notional=number(notional, "notional") if notional is not None else Decimal(0),
            maker_fee=fees.maker_commission_rate,
            taker_fee=fees.taker_commission_rate,
            bands=_bands(filters),
            max_open_orders=int(filters.get("MAX_NUM_ORDERS", {}).get("limit", 200)),
            trading=body.status == "TRADING"
            and body.contract_type == "PERPETUAL"
            and (not body.time_in_force or "GTX" in body.time_in_force),
            initial_margin=Decimal(1) / leverage,
            modifiable=USDM.modify_price,
            reducible=USDM.reduce_only,
            status=body.status,
        )
    except UNREADABLE as error:
        raise unreadable(body.symbol, error) from None


def _bands(filters: dict[str, dict[str, Any]]) -> PriceBands | None:
    """PERCENT_PRICE: a buy not too far above the mark price, a sale not too far below it; the other way there is no bound."""
    entry = filters.get("PERCENT_PRICE")
    if entry is None:
        return None
    return PriceBands(
        bid_up=number(entry, "multiplierUp"), ask_down=number(entry, "multiplierDown"), minutes=0
    )
