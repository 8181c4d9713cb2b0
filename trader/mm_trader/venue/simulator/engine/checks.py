"""Filters and balance needs of a new order, as small functions over the order and the symbol's rules.

Order of the checks follows the venue: price, lot, notional, percent price, counts, then balance in the engine.
"""

from __future__ import annotations

from .errors import RefusalError, filter_failure, rejected
from .types import AT_MARKET, NewOrder, Side, SymbolSpec


def check_new(spec: SymbolSpec, new: NewOrder, reference: int, background: bool) -> tuple[int, int, int]:
    """(price ticks, quantity lots, quote quantity 10^-8) of a new order that passes the price and size filters.

    `reference` is the price (ticks) that market orders are valued at and limit prices compared with; 0: none yet, so
    that there is nothing to compare with.
    """
    if new.unsupported:
        raise rejected(new.unsupported)
    price_e8, qty_e8 = new.price_e8 or 0, new.qty_e8 or 0
    if price_e8 <= 0:
        if new.type in AT_MARKET:
            return _check_market(spec, new, reference, background)
        raise RefusalError(-1013, "Invalid price.")
    price = price_e8 // spec.tick_e8
    low, high = spec.prices
    if price * spec.tick_e8 != price_e8 or not low <= price <= high:
        raise filter_failure("PRICE_FILTER")
    lots = _check_lot(spec, qty_e8)
    if not background:
        low, high = spec.notionals
        if not low <= price * lots <= high:
            raise filter_failure("NOTIONAL")
        if reference and not (
            reference * spec.percent_down_e4 <= price * 10_000 <= reference * spec.percent_up_e4
        ):
            raise filter_failure("PERCENT_PRICE_BY_SIDE")
    return price, lots, 0


def _check_market(spec: SymbolSpec, new: NewOrder, reference: int, background: bool) -> tuple[int, int, int]:
    """A market order, by quantity or by quote amount; the largest notional does not apply (applyMaxToMarket is false)."""
    if new.quote_qty_e8 is not None:
        if new.quote_qty_e8 <= 0:
            raise RefusalError(-1013, "Invalid quote order quantity.")
        if new.quote_qty_e8 < spec.min_notional_e8:
            raise filter_failure("NOTIONAL")
        return 0, 0, new.quote_qty_e8
    qty_e8 = new.qty_e8 or 0
    lots = _check_lot(spec, qty_e8)
    if qty_e8 > spec.market_max_qty_e8:
        raise filter_failure("MARKET_LOT_SIZE")
    if not background and reference and lots * reference * spec.quote_mult < spec.min_notional_e8:
        raise filter_failure("NOTIONAL")
    return 0, lots, 0


def check_stop(spec: SymbolSpec, stop_e8: int) -> int:
    """Stop price in ticks; the price filter holds for it as for a price."""
    stop = stop_e8 // spec.tick_e8
    low, high = spec.prices
    if stop * spec.tick_e8 != stop_e8 or not low <= stop <= high:
        raise filter_failure("PRICE_FILTER")
    return stop


def _check_lot(spec: SymbolSpec, qty_e8: int) -> int:
    """Quantity in lots, or a refusal (LOT_SIZE)."""
    if qty_e8 <= 0:
        raise RefusalError(-1013, "Invalid quantity.")
    lots = qty_e8 // spec.lot_e8
    low, high = spec.sizes
    if lots * spec.lot_e8 != qty_e8 or not low <= lots <= high:
        raise filter_failure("LOT_SIZE")
    return lots


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
    return int(whole + fraction.ljust(8, "0"))


def from_e8(value: int) -> str:
    """An integer of 10^-8 as the venue writes decimals: eight digits after the point."""
    if value < 0:
        return "-" + from_e8(-value)
    digits = f"{value:09d}"
    return f"{digits[:-8]}.{digits[-8:]}"


def plain(value_e8: int, decimals: int) -> str:
    """A decimal with this many digits after the point; what follows is cut off."""
    text = from_e8(value_e8)
    return text[: len(text) - 8 + decimals] if decimals else text[:-9]
