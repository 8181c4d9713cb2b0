"""Filters and balance needs of a new order, as small functions over the order and the symbol's rules.

Order of the checks follows the venue: price, lot, notional, percent price, counts, then balance in the engine.
"""

from __future__ import annotations

from .errors import RefusalError, filter_failure
from .types import E8, NewOrder, OrderType, Side, SymbolSpec

_MARKET = OrderType.MARKET


def check_price(spec: SymbolSpec, price_e8: int) -> int:
    """Price in ticks, or a refusal (PRICE_FILTER)."""
    if price_e8 <= 0:
        raise RefusalError(-1013, "Invalid price.")
    ticks, rest = divmod(price_e8, spec.tick_e8)
    if rest or price_e8 < spec.min_price_e8 or price_e8 > spec.max_price_e8:
        raise filter_failure("PRICE_FILTER")
    return ticks


def check_lot(spec: SymbolSpec, qty_e8: int, market: bool) -> int:
    """Quantity in lots, or a refusal (LOT_SIZE, MARKET_LOT_SIZE)."""
    if qty_e8 <= 0:
        raise RefusalError(-1013, "Invalid quantity.")
    lots, rest = divmod(qty_e8, spec.lot_e8)
    if rest or qty_e8 < spec.min_qty_e8 or qty_e8 > spec.max_qty_e8:
        raise filter_failure("LOT_SIZE")
    if market and qty_e8 > spec.market_max_qty_e8:
        raise filter_failure("MARKET_LOT_SIZE")
    return lots


def check_notional(spec: SymbolSpec, notional_e8: int, market: bool) -> None:
    """NOTIONAL; the maximum does not apply to market orders (applyMaxToMarket is false)."""
    if notional_e8 < spec.min_notional_e8 or (not market and notional_e8 > spec.max_notional_e8):
        raise filter_failure("NOTIONAL")


def check_percent_price(spec: SymbolSpec, price: int, reference: int) -> None:
    """PERCENT_PRICE_BY_SIDE around `reference` (ticks; 0 = no reference yet, nothing to compare with)."""
    if reference and not (
        reference * spec.percent_down_e4 <= price * 10_000 <= reference * spec.percent_up_e4
    ):
        raise filter_failure("PERCENT_PRICE_BY_SIDE")


def check_new(spec: SymbolSpec, new: NewOrder, reference: int, background: bool) -> tuple[int, int, int]:
    """(price ticks, quantity lots, quote quantity 10^-8) of a new order that passes the price and size filters.

    `reference` is the price (ticks) that market orders are valued at and limit prices compared with.
    """
    if new.type is _MARKET:
        if new.quote_qty_e8 is not None:
            if new.quote_qty_e8 <= 0:
                raise RefusalError(-1013, "Invalid quote order quantity.")
            check_notional(spec, new.quote_qty_e8, market=True)
            return 0, 0, new.quote_qty_e8
        lots = check_lot(spec, new.qty_e8 or 0, market=True)
        if not background and reference:
            check_notional(spec, lots * reference * spec.quote_mult, market=True)
        return 0, lots, 0
    price = check_price(spec, new.price_e8 or 0)
    lots = check_lot(spec, new.qty_e8 or 0, market=False)
    if not background:
        check_notional(spec, price * lots * spec.quote_mult, market=False)
        check_percent_price(spec, price, reference)
    if new.iceberg_qty_e8:
        raise RefusalError(-1013, "Filter failure: ICEBERG_PARTS")
    return price, lots, 0


def check_position(spec: SymbolSpec, held_e8: int, open_buys_e8: int, lots: int, side: Side) -> None:
    """MAX_POSITION: holdings plus open buys plus this buy."""
    if (
        spec.max_position_e8
        and side is Side.BUY
        and held_e8 + open_buys_e8 + lots * spec.lot_e8 > spec.max_position_e8
    ):
        raise filter_failure("MAX_POSITION")


def to_e8(text: str) -> int:
    """A plain decimal string as an integer of 10^-8. Raises ValueError on anything else or on more digits."""
    whole, _, fraction = text.partition(".")
    if len(fraction) > 8:
        if fraction[8:].strip("0"):
            raise ValueError(f"more than 8 decimals: {text}")
        fraction = fraction[:8]
    if not whole.isdigit() or (fraction and not fraction.isdigit()) or not whole.isascii():
        raise ValueError(f"not a plain decimal: {text}")
    return int(whole) * E8 + int(fraction.ljust(8, "0")) if fraction else int(whole) * E8


def from_e8(value: int) -> str:
    """An integer of 10^-8 as the venue writes decimals: eight digits after the point."""
    if value < 0:
        return "-" + from_e8(-value)
    whole, fraction = divmod(value, E8)
    return f"{whole}.{fraction:08d}"
