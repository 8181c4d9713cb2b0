"""Integer prices and sizes. Inside the kernel a price is a count of ticks and a size a count of lots; `Decimal` appears at the venue's border alone.

Money is exact: price (ticks) x size (lots) is an integer count of `tick * lot` quote units, and the ledger keeps everything in `MONEY_UNIT`.
"""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache
from typing import Final

import msgspec

MONEY_DIGITS = 16
"""The ledger counts quote currency in 10^-16: fine enough for every tick x lot and for fees of 8 digits converted at a price of 8."""
MONEY_UNIT = Decimal(1).scaleb(-MONEY_DIGITS)

ASSET_DIGITS = 8
"""Amounts of an asset (positions, balances, commissions) are counted in 10^-8, as the venue states them. A price of 8 digits times such an amount
is a whole number of money units: that is why the ledger can be exact."""

NS_PER_MS: Final = 1_000_000
NS_PER_S: Final = 1_000_000_000


class UnitError(ValueError):
    """A price or size that is not a whole number of ticks or lots."""


@lru_cache(maxsize=256)  # rules and limits, over and over
def to_money(amount: Decimal) -> int:
    """Quote amount → integer money units. Raises UnitError if it has more digits than the ledger keeps."""
    scaled = amount.scaleb(MONEY_DIGITS)
    if scaled != scaled.to_integral_value():
        raise UnitError(f"{amount} has more than {MONEY_DIGITS} decimals")
    return int(scaled)


def from_money(units: int) -> Decimal:
    """Integer money units → exact quote amount."""
    return Decimal(units).scaleb(-MONEY_DIGITS)


def to_asset_units(amount: Decimal) -> int:
    """Amount of an asset → integer 10^-8. Raises UnitError if it has more digits."""
    scaled = amount.scaleb(ASSET_DIGITS)
    if scaled != scaled.to_integral_value():
        raise UnitError(f"{amount} has more than {ASSET_DIGITS} decimals")
    return int(scaled)


def from_asset_units(units: int) -> Decimal:
    """Integer 10^-8 → exact amount."""
    return Decimal(units).scaleb(-ASSET_DIGITS)


class PriceBands(msgspec.Struct, frozen=True, kw_only=True):
    """How far from its reference price the venue lets an order of each side rest, as factors of that price. 0: no bound."""

    bid_up: Decimal = Decimal(0)
    bid_down: Decimal = Decimal(0)
    ask_up: Decimal = Decimal(0)
    ask_down: Decimal = Decimal(0)
    minutes: int = 5
    """The reference is the mean price of this many minutes, weighted by size; 0: the last price."""


def margin_of(money: int, rate: Decimal) -> int:
    """What backs so much notional, in the same units, rounded up."""
    numerator, denominator = rate.as_integer_ratio()
    return -(-money * numerator // denominator)


class SymbolRules(msgspec.Struct, frozen=True, kw_only=True):
    """What the venue says of one symbol, as the kernel needs it."""

    symbol: str
    base_asset: str
    quote_asset: str
    tick: Decimal
    """Price step, quote per base."""
    lot: Decimal
    """Size step, base units."""
    min_quantity: int = 1
    """Lots."""
    max_quantity: int = 2**62
    """Lots."""
    min_price: int = 1
    """Ticks."""
    max_price: int = 2**62
    """Ticks."""
    min_notional: Decimal = Decimal(0)
    """Quote currency."""
    max_notional: Decimal | None = None
    maker_fee: Decimal = Decimal(0)
    """Fraction of the notional; negative is a rebate."""
    taker_fee: Decimal = Decimal(0)
    max_open_orders: int = 200
    fee_discount: Decimal = Decimal(1)
    """What the account pays of the standard part of its fees while it pays in `fee_discount_asset`: 0.75 is three quarters. 1: no discount."""
    fee_discount_asset: str = ""
    maker_fee_discounted: Decimal | None = None
    """`maker_fee` while the discount lasts; None: there is none. Decisions use `maker_fee`, which no empty wallet can raise."""
    taker_fee_discounted: Decimal | None = None
    bands: PriceBands | None = None
    max_position: Decimal | None = None
    """Base held and bought, in all; None: no bound."""
    trading: bool = True
    """False: the venue lists it but does not trade it now, or takes no post-only orders."""
    status: str = "TRADING"
    """The venue's word: TRADING, HALT, BREAK, END_OF_DAY, CANCEL_ONLY."""
    initial_margin: Decimal | None = None
    """Part of the notional that the account must back an order with, in the quote asset; nothing is owned, so a short needs no inventory. None: an order
    locks what it pays with."""
    amendable: bool = False
    """The venue takes Amend for this symbol."""
    replaceable: bool = False
    """The venue takes CancelReplace for this symbol."""
    max_amends: int = 10
    """Amends of one order, over its life."""
    modifiable: bool = False
    """The venue takes Modify for this symbol."""
    reducible: bool = False
    """The venue keeps `Place.reduce_only` for this symbol."""

    @property
    def money_per_tick_lot(self) -> int:
        """Money units of one tick times one lot."""
        return to_money(self.tick * self.lot)

    def ticks(self, price: Decimal | str) -> int:
        """Exact price → ticks. Raises UnitError if it is between two."""
        return _whole(Decimal(price), self.tick, "price", self.symbol)

    def lots(self, quantity: Decimal | str) -> int:
        """Exact size → lots. Raises UnitError if it is between two."""
        return _whole(Decimal(quantity), self.lot, "quantity", self.symbol)

    def price(self, ticks: int) -> Decimal:
        """Ticks → exact price."""
        return self.tick * ticks

    def quantity(self, lots: int) -> Decimal:
        """Lots → exact size."""
        return self.lot * lots

    def floor_lots(self, quantity: Decimal) -> int:
        """Largest whole number of lots within a size of 0 or more."""
        return int(quantity / self.lot)


def _whole(value: Decimal, step: Decimal, what: str, symbol: str) -> int:
    count = value / step
    whole = int(count)
    if count != whole:
        raise UnitError(f"{what} {value} of {symbol} is not a multiple of {step}")
    return whole
