"""The engine's refusals in the futures API's codes and texts. One table; a refusal that is not in it has the same code in both products.

Codes and texts are Binance's documented ones; which of several a broken filter is answered with is a guess where the docs name more than one.
"""

from __future__ import annotations

from ..engine.checks import from_e8
from ..engine.errors import (
    DUPLICATE_ORDER,
    INSUFFICIENT_BALANCE,
    MARKET_CLOSED,
    WOULD_MATCH,
    RefusalError,
    filter_failure,
)
from ..engine.types import E8, SymbolSpec

POST_ONLY = (
    "Due to the order could not be executed as maker, the Post Only order will be rejected. "
    "The order will not be recorded in the order history"
)

PERCENT_PRICE = filter_failure("PERCENT_PRICE_BY_SIDE").msg

_TABLE: dict[tuple[int, str], tuple[int, str]] = {
    (-2010, WOULD_MATCH): (-5022, POST_ONLY),
    (-2010, INSUFFICIENT_BALANCE): (-2019, "Margin is insufficient."),
    (-2010, DUPLICATE_ORDER): (-4116, "ClientOrderId is duplicated."),
    (-2010, MARKET_CLOSED): (-4108, "This symbol is not in trading status."),
    (-1013, "Invalid price."): (-4001, "Price less than or equal to zero."),
    (-1013, "Invalid quantity."): (-4003, "Quantity less than or equal to zero."),
    (-1013, filter_failure("PRICE_FILTER").msg): (-4014, "Price not increased by tick size."),
    (-1013, filter_failure("LOT_SIZE").msg): (-1111, "Precision is over the maximum defined for this asset."),
    (-1013, filter_failure("MARKET_LOT_SIZE").msg): (-4005, "Quantity greater than max quantity."),
    (-1013, filter_failure("NOTIONAL").msg): (
        -4164,
        "Order's notional must be no smaller than 5 (unless you choose reduce only).",
    ),
    (-1013, filter_failure("MAX_NUM_ORDERS").msg): (-2025, "Reach max open order limit."),
}


NAMED = {-1102: "Mandatory parameter '", -1106: "Parameter '"}
"""Refusals whose text names a parameter, which this API writes without capitals, and how the text begins."""


def translated(error: RefusalError) -> RefusalError:
    """The refusal as the futures API words it."""
    found = _TABLE.get((error.code, error.msg))
    if found is not None:
        return RefusalError(*found, error.status, error.data)
    begin = NAMED.get(error.code, "")
    if begin and error.msg.startswith(begin):
        name, rest = error.msg[len(begin) :].split("'", 1)
        return RefusalError(error.code, f"{begin}{name.lower()}'{rest}", error.status, error.data)
    return error


def check_price(spec: SymbolSpec, price_e8: int) -> None:
    """Precision, range and tick of a limit price, each with its own code."""
    if price_e8 <= 0:
        raise RefusalError(-4001, "Price less than or equal to zero.")
    check_precision(price_e8, spec.price_digits)
    if price_e8 > spec.max_price_e8:
        raise RefusalError(-4002, "Price greater than max price.")
    if price_e8 < spec.min_price_e8:
        raise RefusalError(-4013, "Price less than min price.")
    if price_e8 % spec.tick_e8:
        raise RefusalError(-4014, "Price not increased by tick size.")


def check_trigger(spec: SymbolSpec, trigger_e8: int) -> None:
    """Precision and range of a trigger price; the venue asks no tick of it."""
    if trigger_e8 <= 0:
        raise RefusalError(-4006, "Stop price less than zero.")
    check_precision(trigger_e8, spec.price_digits)
    if trigger_e8 > spec.max_price_e8:
        raise RefusalError(-4007, "Stop price greater than max price.")


def check_quantity(spec: SymbolSpec, qty_e8: int) -> None:
    """Precision, range and step of a quantity, each with its own code."""
    if qty_e8 <= 0:
        raise RefusalError(-4003, "Quantity less than or equal to zero.")
    check_precision(qty_e8, spec.qty_digits)
    if qty_e8 < spec.min_qty_e8:
        raise RefusalError(-4004, "Quantity less than min quantity.")
    if qty_e8 > spec.max_qty_e8:
        raise RefusalError(-4005, "Quantity greater than max quantity.")
    if qty_e8 % spec.lot_e8:
        raise RefusalError(-4023, "Qty not increased by step size.")


def check_precision(value_e8: int, digits: int) -> None:
    """No more digits after the point than the symbol's precision."""
    if value_e8 % (E8 // 10**digits):
        raise RefusalError(-1111, "Precision is over the maximum defined for this asset.")


def out_of_band(spec: SymbolSpec, price_e8: int, reference: int) -> RefusalError:
    """PERCENT_PRICE: the refusal names the bound. `reference` in ticks."""
    middle = reference * spec.tick_e8
    if price_e8 > middle:
        return RefusalError(
            -4016, f"Limit price can't be higher than {from_e8(middle * spec.percent_up_e4 // 10_000)}."
        )
    return RefusalError(
        -4024, f"Limit price can't be lower than {from_e8(middle * spec.percent_down_e4 // 10_000)}."
    )
