"""Levels of the book as the wire has them, `[["2683.80000000","3.02920000"],…]`, → ticks and lots.

A depth frame holds a hundred numbers, so they are converted by a few calls for all. Where tick and lot are powers of ten, their exponents are written behind
the texts, and msgspec reads each as the integer it then is: "2683.80000000e2" is 268380. It may work with a double, which is exact here: at most 15 digits
are let through, and no decimal of 15 digits that is between two integers is rounded to one of them. A form that is in any way another is read number by number.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from mm_trader.core.events import Level
from mm_trader.venue.binance.wire.numbers import SymbolNumbers

_TO_ZERO = bytes(48 if 48 <= byte <= 57 else byte for byte in range(256))
"""For bytes.translate: every digit becomes a 0, so that a form can be looked for."""
_DECIMALS = 8
_as_texts = msgspec.json.Decoder(list[tuple[str, str]]).decode
_as_integers = msgspec.json.Decoder(list[tuple[int, int]], strict=False).decode


class LevelReader:
    """Of one symbol."""

    __slots__ = ("_lot", "_numbers", "_quick", "_tick")

    def __init__(self, numbers: SymbolNumbers) -> None:
        tick, lot = _exponent(numbers.rules.tick), _exponent(numbers.rules.lot)
        self._numbers = numbers
        self._quick = tick is not None and lot is not None
        self._tick = b'e%d","' % (tick or 0)
        self._lot = b'e%d"]' % (lot or 0)

    def read(self, raw: bytes) -> list[Level]:
        """JSON of one side → (ticks, lots) in its order. Raises msgspec.DecodeError, UnicodeDecodeError or UnitError."""
        if self._quick:
            try:
                levels = _as_integers(raw.replace(b'","', self._tick).replace(b'"]', self._lot))
            except (msgspec.DecodeError, UnicodeDecodeError):
                return self._one_by_one(raw)
            if _is_plain(raw, len(levels)):
                return levels
        return self._one_by_one(raw)

    def _one_by_one(self, raw: bytes) -> list[Level]:
        ticks, lots = self._numbers.ticks, self._numbers.public_lots.read
        return [(ticks[price], lots(size)) for price, size in _as_texts(raw)]


def _is_plain(raw: bytes, count: int) -> bool:
    """Whether that many pairs of numbers are all texts, without blanks, signs or escapes, with at most 7 digits before a point and 8 behind it.

    `","` ends one text and begins the next: once a pair, it says that both are texts.
    """
    form = raw.translate(_TO_ZERO)
    return (
        raw.count(b'","') == raw.count(b'"]') == count
        and b"-" not in raw
        and b"\\" not in raw
        and b"000000000" not in form
        and b"00000000." not in form
    )


def _exponent(step: Decimal) -> int | None:
    """-log10 of a step; None where that is no whole number, or finer than the digits allow."""
    _, digits, exponent = step.normalize().as_tuple()
    if digits != (1,) or not isinstance(exponent, int) or abs(exponent) > _DECIMALS:
        return None
    return -exponent
