"""exchangeInfo and account/commission → SymbolRules."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from mm_trader.core.units import PriceBands, SymbolRules
from mm_trader.venue.binance.wire.market import FrameError
from mm_trader.venue.binance.wire.replies import CommissionBody, RateBody, SymbolBody
from mm_trader.venue.products import SPOT

_FAR = 2**62
"""The venue writes 0 where a bound is off."""


def symbol_rules(body: SymbolBody, commission: CommissionBody | None) -> SymbolRules:
    """Filters and fees of one symbol (no commission: 0). Raises FrameError when a filter that every order needs is missing or unreadable."""
    filters = by_type(body.filters)
    try:
        minimum, maximum = _notional(filters)
        return SymbolRules(
            symbol=body.symbol,
            base_asset=body.base_asset,
            quote_asset=body.quote_asset,
            **steps(body.symbol, filters),
            min_notional=minimum,
            max_notional=maximum,
            **(_fees(commission) if commission is not None else {}),
            bands=_bands(filters),
            max_position=_off(number(filters["MAX_POSITION"], "maxPosition"))
            if "MAX_POSITION" in filters
            else None,
            status=body.status,
            max_open_orders=int(filters.get("MAX_NUM_ORDERS", {}).get("maxNumOrders", 200)),
            trading=body.status == "TRADING" and body.is_spot_trading_allowed and _posts(body),
            amendable=body.amend_allowed and SPOT.amend_keeps_priority,
            replaceable=body.cancel_replace_allowed and SPOT.cancel_replace,
            max_amends=int(filters.get("MAX_NUM_ORDER_AMENDS", {}).get("maxNumOrderAmends", 10)),
        )
    except UNREADABLE as error:
        raise unreadable(body.symbol, error) from None


UNREADABLE = (KeyError, ArithmeticError, TypeError, ValueError)
"""What reading a filter raises when it is not as documented."""


def unreadable(symbol: str, error: Exception) -> FrameError:
    """Says which symbol's filters, and why."""
    if isinstance(error, FrameError):
        return error
    return FrameError(f"filters of {symbol} cannot be read: {type(error).__name__} {error}")


def by_type(filters: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Filters by their name."""
    return {str(entry.get("filterType")): entry for entry in filters}


def steps(symbol: str, filters: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """PRICE_FILTER and LOT_SIZE, which every order needs, as fields of SymbolRules. Raises FrameError or one of `UNREADABLE`."""
    price, lot = filters["PRICE_FILTER"], filters["LOT_SIZE"]
    tick, step = number(price, "tickSize"), number(lot, "stepSize")
    if tick <= 0 or step <= 0:
        raise FrameError(f"{symbol}: tick or lot size is off, which is not supported")
    return {
        "tick": tick,
        "lot": step,
        "min_quantity": _ceil_steps(number(lot, "minQty"), step) or 1,
        "max_quantity": _floor_steps(number(lot, "maxQty"), step) or _FAR,
        "min_price": _ceil_steps(number(price, "minPrice"), tick) or 1,
        "max_price": _floor_steps(number(price, "maxPrice"), tick) or _FAR,
    }


def _posts(body: SymbolBody) -> bool:
    return not body.order_types or "LIMIT_MAKER" in body.order_types


def _notional(filters: dict[str, dict[str, Any]]) -> tuple[Decimal, Decimal | None]:
    both = filters.get("NOTIONAL")
    if both is not None:
        maximum = number(both, "maxNotional")
        return number(both, "minNotional"), maximum if maximum > 0 else None
    older = filters.get("MIN_NOTIONAL")
    return (number(older, "minNotional"), None) if older is not None else (Decimal(0), None)


def _fee(commission: CommissionBody, role: str) -> Decimal:
    """Standard + special + tax of the role; the buyer's or seller's part is added at the worse of the two."""
    parts = (commission.standard_commission, commission.special_commission, commission.tax_commission)
    return sum((_rate(rates, role) for rates in parts), Decimal(0))


def _fees(commission: CommissionBody) -> dict[str, Any]:
    fees: dict[str, Any] = {"maker_fee": _fee(commission, "maker"), "taker_fee": _fee(commission, "taker")}
    return {**fees, **_discount(commission)}


def _rate(rates: RateBody, role: str) -> Decimal:
    return (rates.maker if role == "maker" else rates.taker) + max(rates.buyer, rates.seller)


def _discount(commission: CommissionBody) -> dict[str, Any]:
    """The discount is a factor on the standard part, where account and symbol both take part in it."""
    discount = commission.discount
    if not (discount.enabled_for_account and discount.enabled_for_symbol and 0 <= discount.discount < 1):
        return {}
    saved = {
        role: _rate(commission.standard_commission, role) * (1 - discount.discount)
        for role in ("maker", "taker")
    }
    return {
        "fee_discount": discount.discount,
        "fee_discount_asset": discount.discount_asset,
        "maker_fee_discounted": _fee(commission, "maker") - saved["maker"],
        "taker_fee_discounted": _fee(commission, "taker") - saved["taker"],
    }


def _bands(filters: dict[str, dict[str, Any]]) -> PriceBands | None:
    """The newer filter has bounds for each side, the older one the same for both."""
    both, older = filters.get("PERCENT_PRICE_BY_SIDE"), filters.get("PERCENT_PRICE")
    if both is not None:
        return PriceBands(
            bid_up=number(both, "bidMultiplierUp"),
            bid_down=number(both, "bidMultiplierDown"),
            ask_up=number(both, "askMultiplierUp"),
            ask_down=number(both, "askMultiplierDown"),
            minutes=int(both["avgPriceMins"]),
        )
    if older is not None:
        up, down = number(older, "multiplierUp"), number(older, "multiplierDown")
        return PriceBands(
            bid_up=up, bid_down=down, ask_up=up, ask_down=down, minutes=int(older["avgPriceMins"])
        )
    return None


def _off(value: Decimal) -> Decimal | None:
    return value if value > 0 else None


def number(entry: dict[str, Any], name: str) -> Decimal:
    """A decimal of a filter, exact. Raises KeyError, ValueError or InvalidOperation."""
    value = entry[name]
    if not isinstance(value, str):
        raise ValueError(f"{name} is no string")
    return Decimal(value).normalize()


def _floor_steps(value: Decimal, step: Decimal) -> int:
    """Whole steps at or below."""
    return int(value / step)


def _ceil_steps(value: Decimal, step: Decimal) -> int:
    """Whole steps at or above."""
    count = value / step
    whole = int(count)
    return whole if whole == count else whole + 1
