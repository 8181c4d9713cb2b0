"""The exact ledger: positions, cash, fees and PnL in integers, equal to the venue's arithmetic to the last digit.

A price is a whole number of 10^-8 quote, an amount of base a whole number of 10^-8; their product is a whole number of money units (10^-16 quote), so nothing
is rounded. Net PnL = cash + position x mark. The split into realised and unrealised uses average cost: `cost` is what the present position
cost, realised = cash + cost, and the division when a position shrinks rounds by less than one money unit between the two, never in their sum.

A commission in the base asset leaves the position smaller than the lots that were traded; one in quote lowers cash; one in any other asset is kept aside,
and its caller halts, because nobody knows what it cost.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_CEILING, Decimal

from mm_api.redis_contract import PositionRecord
from mm_trader.core.events import TradeView
from mm_trader.core.units import (
    ASSET_DIGITS,
    MONEY_DIGITS,
    SymbolRules,
    UnitError,
    from_asset_units,
    from_money,
    to_asset_units,
    to_money,
)

_AVERAGE_PRICE_DIGITS = Decimal("1e-10")


class Position:
    """One symbol's position. Amounts in 10^-8 (`base`), money in 10^-16."""

    __slots__ = (
        "base",
        "cash",
        "cost",
        "fees",
        "funded_ms",
        "funding",
        "lot",
        "mark2",
        "net",
        "other_fees",
        "rules",
        "tick",
    )

    def __init__(self, rules: SymbolRules, record: PositionRecord | None = None) -> None:
        """`record`: where it stood. Raises UnitError when tick or lot are finer than 10^-8, or the record has more digits than can be kept."""
        self.rules = rules
        self.tick = to_asset_units(rules.tick)
        self.lot = to_asset_units(rules.lot)
        self.base = 0
        self.cash = 0
        self.cost = 0
        self.fees = 0
        self.mark2 = 0
        """Twice the mark, in ticks; 0: none yet."""
        self.net = 0
        self.funding = 0
        """Funding received less funding paid, money; it is in `cash`."""
        self.funded_ms = 0
        """Venue time up to which funding is booked; 0: never looked."""
        self.other_fees: dict[str, Decimal] = {}
        if record is not None:
            self._restore(record)

    def _restore(self, record: PositionRecord) -> None:
        self.base = to_asset_units(record.position)
        self.cash = to_money(record.cash)
        self.cost = to_money(record.realised) - self.cash
        self.fees = to_money(record.fees)
        self.other_fees = dict(record.other_fees)
        self.funding = to_money(record.funding)
        self.funded_ms = record.last_funding_ms
        self.set_mark(int(record.mark * 2 / self.rules.tick))

    def set_mark(self, mid2: int) -> int:
        """Mark to market at bid + ask (ticks). Returns the change of net PnL, money."""
        self.mark2 = mid2
        before = self.net
        self.net = self.cash + (self.base * self.tick * mid2 >> 1)
        return self.net - before

    def book(self, trade: TradeView, rates: Mapping[str, Decimal]) -> bool:
        """Book one trade. False: its commission is in an asset without a rate; it is kept aside. Raises UnitError on amounts finer than the venue's."""
        price = trade.price * self.tick
        amount = trade.side.sign * trade.size * self.lot
        fee_base = fee_money = 0
        known = True
        if trade.commission:
            if trade.commission_asset == self.rules.base_asset:
                fee_base = to_asset_units(trade.commission)
                self.fees += fee_base * price
            elif trade.commission_asset == self.rules.quote_asset:
                fee_money = to_money(trade.commission)
            elif trade.commission_asset in rates:
                # rounded up to a money unit: against us, by less than 10^-16
                exact = trade.commission * rates[trade.commission_asset]
                fee_money = int(exact.scaleb(MONEY_DIGITS).to_integral_value(ROUND_CEILING))
            else:
                known = False
                aside = self.other_fees.get(trade.commission_asset, Decimal(0))
                self.other_fees[trade.commission_asset] = aside + trade.commission
        self.fees += fee_money
        self.cash -= amount * price + fee_money
        self._move(amount - fee_base, price)
        self.set_mark(self.mark2 or 2 * trade.price)
        return known

    def write_off(self) -> None:
        """What was held is no more (a testnet started over): closed at the last mark, so that net PnL stays what it was."""
        self.cash = self.net
        self.base = self.cost = 0

    def fund(self, amount: Decimal, venue_ms: int) -> None:
        """Book one funding payment. Raises UnitError on an amount finer than the venue's."""
        money = to_money(amount)
        self.funding += money
        self.cash += money
        self.net += money
        self.funded_ms = max(self.funded_ms, venue_ms)

    def _move(self, change: int, price: int) -> None:
        """Carry `change` of base at `price` into position and cost."""
        before = self.base
        self.base = after = before + change
        if before * change >= 0:
            self.cost += change * price
        elif before * after <= 0:
            self.cost = after * price
        else:
            self.cost += self.cost * change // before

    @property
    def realised(self) -> int:
        """Money, fees included."""
        return self.cash + self.cost

    @property
    def unrealised(self) -> int:
        """Money, at the mark."""
        return self.net - self.realised

    @property
    def whole_lots(self) -> int:
        """The position in lots, the dust below a lot cut off towards zero."""
        lots = abs(self.base) // self.lot
        return lots if self.base >= 0 else -lots

    def record(self, watermark: int, above: list[int]) -> PositionRecord:
        """The exact amounts."""
        average = Decimal(0)
        if self.base:
            average = (Decimal(self.cost) / Decimal(self.base)).scaleb(ASSET_DIGITS - MONEY_DIGITS)
        return PositionRecord(
            position=from_asset_units(self.base),
            cash=from_money(self.cash),
            average_price=average.quantize(_AVERAGE_PRICE_DIGITS),
            realised=from_money(self.realised),
            fees=from_money(self.fees),
            other_fees=dict(self.other_fees),
            last_trade_id=watermark,
            booked_trade_ids=above,
            funding=from_money(self.funding),
            last_funding_ms=self.funded_ms,
            mark=self.rules.tick * self.mark2 / 2,
        )


__all__ = ["Position", "UnitError"]
