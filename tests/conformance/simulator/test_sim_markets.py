"""The two presets have the character they claim: the same plain maker earns in one and loses in the other."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from simwire import MS, S

from mm_trader.venue.simulator.config import parse_symbols
from mm_trader.venue.simulator.engine.account import CommissionRates
from mm_trader.venue.simulator.engine.exchange import Exchange
from mm_trader.venue.simulator.engine.types import E8, NewOrder, Order, OrderType, Side
from mm_trader.venue.simulator.market.preset import load_preset
from mm_trader.venue.simulator.market.seeded import SeededMarket
from mm_trader.venue.simulator.time import ManualClock, Scheduler

HALF_SPREAD = 2.5e-4
SIZE = 0.01
MAX_INVENTORY = 0.05


@dataclass
class PlainMaker:
    """Quotes 2.5 bp either side of the background middle, skewed by inventory, every 50 ms; knows nothing else."""

    preset: str
    seed: int
    orders: dict[Side, Order] = field(default_factory=dict)
    count: int = 0

    def __post_init__(self) -> None:
        self.clock = ManualClock()
        self.scheduler = Scheduler(self.clock)
        self.exchange = Exchange(parse_symbols("ETHUSDC"), self.clock.now)
        preset = load_preset(self.preset)
        rates = CommissionRates(int(preset.maker_commission * E8), int(preset.taker_commission * E8))
        self.account = self.exchange.add_account("maker", {"ETH": 10 * E8, "USDC": 50_000 * E8}, rates)
        self.market = SeededMarket(self.exchange, self.scheduler, lambda: None, str(self.seed), preset)

    def inventory(self) -> float:
        balance = self.account.balance("ETH")
        return (balance.free + balance.locked) / E8 - 10

    def quote(self) -> None:
        self.exchange.drain()
        own = {o.price for o in self.orders.values() if not o.is_final}
        book = self.exchange.market("ETHUSDC").book
        bid = next(p for p, _ in book.bids.top(3) if p not in own)
        ask = next(p for p, _ in book.asks.top(3) if p not in own)
        middle = (bid + ask) / 2 * (1 - 0.3 * self.inventory() / MAX_INVENTORY * HALF_SPREAD)
        for side, sign in ((Side.BUY, -1), (Side.SELL, 1)):
            self._requote(side, sign, int(middle * (1 + sign * HALF_SPREAD)))
        self.scheduler.call_after(50 * MS, self.quote)

    def _requote(self, side: Side, sign: int, price: int) -> None:
        order = self.orders.get(side)
        if order is not None and not order.is_final:
            if abs(order.price - price) < 8:
                return
            self.exchange.cancel(order)
        if -sign * self.inventory() > MAX_INVENTORY - 1e-9:
            return
        best = self.exchange.market("ETHUSDC").book.touch()
        if price >= best[2] if side is Side.BUY else price <= best[0]:
            return
        self.count += 1
        new = NewOrder(
            "ETHUSDC",
            side,
            OrderType.LIMIT_MAKER,
            f"m{self.count}",
            qty_e8=int(SIZE * E8),
            price_e8=price * 10**6,
        )
        self.orders[side] = self.exchange.place(self.account, new).order

    async def run(self, seconds: int) -> tuple[float, int]:
        """(profit in USDC, maker fills) after `seconds`."""
        self.market.start()
        self.scheduler.call_after(S, self.quote)
        await self.scheduler.advance(seconds * S)
        usdc = self.account.balance("USDC")
        cash = (usdc.free + usdc.locked) / E8 - 50_000
        return cash + self.inventory() * self.market.fair_price("ETHUSDC"), len(self.account.trades)


@pytest.mark.parametrize(("preset", "earns"), [("calm", True), ("toxic", False)])
async def test_a_plain_maker_earns_in_calm_and_loses_in_toxic(preset: str, earns: bool) -> None:
    results = [await PlainMaker(preset, seed).run(60) for seed in range(1, 7)]
    profits = [profit for profit, _ in results]
    assert sum(profits) > 0 if earns else sum(profits) < 0
    assert sum((p > 0) == earns for p in profits) >= 5, profits
    for _, fills in results:
        assert 20 <= fills <= 180, (
            "a fill every one to three seconds, or more often where informed takers come"
        )
