"""exchangeInfo and account/commission → SymbolRules."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

from mm_trader.core.units import SymbolRules
from mm_trader.venue.binance.wire.market import FrameError
from mm_trader.venue.binance.wire.replies import CommissionBody, SymbolBody

_FAR = 2**62
"""The venue writes 0 where a bound is off."""


def symbol_rules(body: SymbolBody, commission: CommissionBody) -> SymbolRules:
    """Filters and fees of one symbol. Raises FrameError when a filter without which no order can be made is missing or unreadable."""
    filters = {str(entry.get("filterType")): entry for entry in body.filters}
    try:
        price, lot = filters["PRICE_FILTER"], filters["LOT_SIZE"]
        tick, step = _number(price, "tickSize"), _number(lot, "stepSize")
        if tick <= 0 or step <= 0:
            raise FrameError(f"{body.symbol}: tick or lot size is off, which is not supported")
        minimum, maximum = _notional(filters)
        return SymbolRules(
            symbol=body.symbol,
            base_asset=body.base_asset,
            quote_asset=body.quote_asset,
            tick=tick,
            lot=step,
            min_quantity=_ceil(_number(lot, "minQty"), step) or 1,
            max_quantity=_floor(_number(lot, "maxQty"), step) or _FAR,
            min_price=_ceil(_number(price, "minPrice"), tick) or 1,
            max_price=_floor(_number(price, "maxPrice"), tick) or _FAR,
            min_notional=minimum,
            max_notional=maximum,
            maker_fee=_fee(commission, "maker"),
            taker_fee=_fee(commission, "taker"),
            max_open_orders=int(filters.get("MAX_NUM_ORDERS", {}).get("maxNumOrders", 200)),
            trading=body.status == "TRADING" and body.is_spot_trading_allowed and _posts(body),
            amendable=body.amend_allowed,
            replaceable=body.cancel_replace_allowed,
            max_amends=int(filters.get("MAX_NUM_ORDER_AMENDS", {}).get("maxNumOrderAmends", 10)),
        )
    except (KeyError, InvalidOperation, TypeError, ValueError) as error:
        raise FrameError(f"filters of {body.symbol} cannot be read: {type(error).__name__} {error}") from None


def _posts(body: SymbolBody) -> bool:
    return not body.order_types or "LIMIT_MAKER" in body.order_types


def _notional(filters: dict[str, dict[str, Any]]) -> tuple[Decimal, Decimal | None]:
    both = filters.get("NOTIONAL")
    if both is not None:
        maximum = _number(both, "maxNotional")
        return _number(both, "minNotional"), maximum if maximum > 0 else None
    older = filters.get("MIN_NOTIONAL")
    return (_number(older, "minNotional"), None) if older is not None else (Decimal(0), None)


def _fee(commission: CommissionBody, role: str) -> Decimal:
    """Standard + special + tax of the role; the buyer's or seller's part is added at the worse of the two. The BNB discount is not counted on:
    it ends when the BNB does."""
    total = Decimal(0)
    for rates in (commission.standard_commission, commission.special_commission, commission.tax_commission):
        total += (rates.maker if role == "maker" else rates.taker) + max(rates.buyer, rates.seller)
    return total


def _number(entry: dict[str, Any], name: str) -> Decimal:
    value = entry[name]
    if not isinstance(value, str):
        raise ValueError(f"{name} is no string")
    return Decimal(value).normalize()


def _floor(value: Decimal, step: Decimal) -> int:
    return int(value / step)


def _ceil(value: Decimal, step: Decimal) -> int:
    count = value / step
    whole = int(count)
    return whole if whole == count else whole + 1
