"""Decimal strings of the wire ↔ whole ticks and lots, never through a float.

Two ways, one meaning: `read` converts, in a handful of calls into C; a parser used as a mapping also remembers, which pays for prices (few, and
they come back) and costs for sizes (most are new, and what is remembered pushes the rest out of the processor's cache).
"""

from __future__ import annotations

from decimal import Decimal

from mm_api.scalars import format_decimal
from mm_trader.core.events import TradeView
from mm_trader.core.units import SymbolRules, UnitError

_DIGITS = 18
"""Decimals kept while dividing by the step; the venue sends 8."""
_WIRE_DIGITS = 8
"""Decimals that the venue writes, zeros included."""
_LONGEST = 36
"""Digits in all: more is no price of anything."""
_MAX_CACHED = 1 << 13
"""Small enough to stay in the processor's cache: what repeats, repeats soon."""


class StepParser(dict[str, int]):
    """`parser["2683.80000000"]` → count of steps. Raises UnitError for anything that is no whole, non-negative count."""

    def __init__(self, step: Decimal, what: str) -> None:
        super().__init__()
        scaled = step.scaleb(_DIGITS)
        if step <= 0 or scaled != scaled.to_integral_value():
            raise UnitError(f"{what} step {step} is not positive with at most {_DIGITS} decimals")
        self._step = int(scaled)
        coarse, rest = divmod(self._step, 10 ** (_DIGITS - _WIRE_DIGITS))
        self._wire_step = 0 if rest else coarse
        """The step in units of the venue's last decimal; 0: finer than that."""
        self._what = what

    def __missing__(self, text: str) -> int:
        count = self.read(text)
        if len(self) >= _MAX_CACHED:
            self.clear()
        self[text] = count
        return count

    def read(self, text: str) -> int:
        """Count of steps. Raises UnitError."""
        digits = text.replace(".", "", 1)
        # as the venue writes it: digits, a point, eight digits
        if (
            text[-9:-8] == "."
            and _WIRE_DIGITS < len(digits) <= _LONGEST
            and digits.isdigit()
            and digits.isascii()
        ):
            step = self._wire_step
            if step:
                count, rest = divmod(int(digits), step)
                return count if not rest else self._between(count, text)
        return self._read_any(text)

    def _read_any(self, text: str) -> int:
        """Any plain decimal, with the error that says what is wrong with it."""
        whole, _, fraction = text.partition(".")
        digits = whole + fraction
        if not digits.isdigit() or not digits.isascii() or not whole or len(digits) > _LONGEST:
            raise UnitError(f"{self._what} {text[:40]!r} is not a plain decimal")
        scaled = self._scale(whole, fraction)
        count, rest = divmod(scaled, self._step)
        return count if not rest else self._between(count, text)

    def _scale(self, whole: str, fraction: str) -> int:
        """Any number of decimals, in units of 10^-18."""
        if len(fraction) > _DIGITS:
            raise UnitError(f"{self._what} with {len(fraction)} decimals")
        return int(whole + fraction.ljust(_DIGITS, "0"))

    def _between(self, _count: int, _text: str) -> int:
        raise UnitError(f"{self._what} {_text!r} is not a whole number of steps")


class PublicSizeParser(StepParser):
    """Sizes of the public book: a level can hold old orders from before the step was made coarser, so they round down, but never to nothing."""

    def _between(self, _count: int, _text: str) -> int:
        return max(1, _count)


def finite(amount: Decimal) -> Decimal:
    """An amount as it is. Raises UnitError for NaN and infinity, which `Decimal` reads without a word."""
    if not amount.is_finite():
        raise UnitError(f"{amount} is no amount")
    return amount


def sound(trade: TradeView) -> TradeView:
    """A trade as it is. Raises UnitError for one that cannot have been: nothing for nothing, or a commission that is no number, would be PnL for ever."""
    if trade.price <= 0 or trade.size <= 0 or trade.trade_id < 0:
        raise UnitError(f"trade {trade.trade_id} of {trade.symbol}: {trade.size} lots at {trade.price} ticks")
    finite(trade.commission)
    return trade


class SymbolNumbers:
    """Both directions for one symbol. `lots` is exact, for own orders and trades; `public_lots` is for the book."""

    __slots__ = ("lots", "public_lots", "rules", "ticks")

    def __init__(self, rules: SymbolRules) -> None:
        self.rules = rules
        self.ticks = StepParser(rules.tick, f"{rules.symbol} price")
        self.lots = StepParser(rules.lot, f"{rules.symbol} quantity")
        self.public_lots = PublicSizeParser(rules.lot, f"{rules.symbol} quantity")

    def price_text(self, ticks: int) -> str:
        """Ticks → plain decimal notation, as an order carries it."""
        return format_decimal(self.rules.tick * ticks)

    def quantity_text(self, lots: int) -> str:
        """Lots → plain decimal notation."""
        return format_decimal(self.rules.lot * lots)


def numbers_by_symbol(rules: dict[str, SymbolRules]) -> dict[str, SymbolNumbers]:
    """One `SymbolNumbers` for each symbol."""
    return {symbol: SymbolNumbers(rule) for symbol, rule in rules.items()}
