"""NautilusTrader's back-test with a quoting strategy, run by the Python of Nautilus' own environment: `python quoting.py TICKS`. Nothing of this project is
imported here.

TICKS is a JSON list of `[ts, bid, bid size, ask, ask size]` as the venue wrote them. Each line on standard input is a rule (`bench_nautilus.Rule`) and gets one
line of JSON: the processor time of `BacktestEngine.run` and what it did. Ticks become Nautilus' own objects beforehand, and logging is off.
"""

from __future__ import annotations

import gc
import json
import math
import sys
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.config import LoggingConfig, RiskEngineConfig, StrategyConfig
from nautilus_trader.model.currencies import ETH, USDT
from nautilus_trader.model.data import QuoteTick
from nautilus_trader.model.enums import AccountType, OmsType, OrderSide
from nautilus_trader.model.identifiers import InstrumentId, Symbol, TraderId, Venue
from nautilus_trader.model.instruments import CurrencyPair
from nautilus_trader.model.objects import Money, Price, Quantity
from nautilus_trader.trading.strategy import Strategy

BINANCE = Venue("BINANCE")
ETHUSDT = InstrumentId(Symbol("ETHUSDT"), BINANCE)
TICK = 0.01
UNLIMITED = "1000000/00:00:01"


class QuoterConfig(StrategyConfig, frozen=True):
    """The rule."""

    spread: float
    tolerance: float
    interval_ns: int
    size: Decimal


class Quoter(Strategy):
    """One bid and one ask around the mid. A quote that is too far from where it should be is cancelled; its successor is placed when the venue has confirmed
    that."""

    def __init__(self, config: QuoterConfig) -> None:
        super().__init__(config)
        self.half_share, self.tolerance, self.interval = (
            config.spread / 2,
            config.tolerance,
            config.interval_ns,
        )
        self.next_look = 0
        self.bid: Any = None
        self.ask: Any = None
        self.bid_ticks = self.ask_ticks = self.wanted_bid = self.wanted_ask = 0
        self.places = self.cancels = self.fills = 0

    def on_start(self) -> None:
        self.size = self.cache.instrument(ETHUSDT).make_qty(self.config.size)
        self.subscribe_quote_ticks(ETHUSDT)

    def on_quote_tick(self, tick: QuoteTick) -> None:
        if tick.ts_event < self.next_look:
            return
        self.next_look = tick.ts_event + self.interval
        best_bid, best_ask = round(float(tick.bid_price) / TICK), round(float(tick.ask_price) / TICK)
        mid = (best_bid + best_ask) / 2
        half = mid * self.half_share
        self.wanted_bid = min(math.floor(mid - half), best_ask - 1)
        self.wanted_ask = max(math.ceil(mid + half), best_bid + 1)
        allowed = self.tolerance * half
        if self.bid is None:
            self.place_bid()
        elif abs(self.bid_ticks - self.wanted_bid) > allowed and self.bid.is_open:
            self.cancels += 1
            self.cancel_order(self.bid)
        if self.ask is None:
            self.place_ask()
        elif abs(self.ask_ticks - self.wanted_ask) > allowed and self.ask.is_open:
            self.cancels += 1
            self.cancel_order(self.ask)

    def place_bid(self) -> None:
        self.bid_ticks = self.wanted_bid
        self.bid = self.place(OrderSide.BUY, self.bid_ticks)

    def place_ask(self) -> None:
        self.ask_ticks = self.wanted_ask
        self.ask = self.place(OrderSide.SELL, self.ask_ticks)

    def place(self, side: OrderSide, ticks: int) -> Any:
        order = self.order_factory.limit(ETHUSDT, side, self.size, Price(ticks * TICK, 2), post_only=True)
        self.places += 1
        self.submit_order(order)
        return order

    def on_order_canceled(self, event: Any) -> None:
        self.ended(event.client_order_id, again=True)

    def on_order_rejected(self, event: Any) -> None:
        self.ended(event.client_order_id, again=False)

    def on_order_filled(self, event: Any) -> None:
        self.fills += 1
        if self.cache.order(event.client_order_id).is_closed:
            self.ended(event.client_order_id, again=False)

    def ended(self, client_order_id: Any, *, again: bool) -> None:
        if self.bid is not None and self.bid.client_order_id == client_order_id:
            self.bid = None
            if again:
                self.place_bid()
        elif self.ask is not None and self.ask.client_order_id == client_order_id:
            self.ask = None
            if again:
                self.place_ask()


def run(rule: dict[str, Any], ticks: list[QuoteTick]) -> dict[str, float]:
    """One back-test over all ticks."""
    risk = RiskEngineConfig(max_order_submit_rate=UNLIMITED, max_order_modify_rate=UNLIMITED)
    engine = BacktestEngine(
        BacktestEngineConfig(
            trader_id=TraderId("BENCH-001"), logging=LoggingConfig(bypass_logging=True), risk_engine=risk
        )
    )
    engine.add_venue(
        venue=BINANCE,
        oms_type=OmsType.NETTING,
        account_type=AccountType.CASH,
        base_currency=None,
        starting_balances=[Money(10_000_000, USDT), Money(1_000, ETH)],
    )
    engine.add_instrument(
        CurrencyPair(
            instrument_id=ETHUSDT,
            raw_symbol=Symbol("ETHUSDT"),
            base_currency=ETH,
            quote_currency=USDT,
            price_precision=2,
            size_precision=4,
            price_increment=Price(TICK, 2),
            size_increment=Quantity(0.0001, 4),
            ts_event=0,
            ts_init=0,
            maker_fee=Decimal(0),
            taker_fee=Decimal(0),
        )
    )
    engine.add_data(ticks, sort=False)
    config = QuoterConfig(
        spread=float(rule["spread"]),
        tolerance=float(rule["tolerance"]),
        interval_ns=rule["interval_ms"] * 1_000_000,
        size=Decimal(rule["size"]),
    )
    strategy = Quoter(config)
    engine.add_strategy(strategy)
    gc.collect()
    gc.freeze()  # what was made beforehand is not gone through again, on our side neither
    began = time.process_time()
    engine.run()
    seconds = time.process_time() - began
    gc.unfreeze()
    found = {
        "seconds": seconds,
        "places": strategy.places,
        "cancels": strategy.cancels,
        "fills": strategy.fills,
    }
    engine.dispose()
    return found


def main() -> None:
    ticks = [
        QuoteTick(
            ETHUSDT,
            Price(float(bid), 2),
            Price(float(ask), 2),
            Quantity(float(bid_size), 4),
            Quantity(float(ask_size), 4),
            ts,
            ts,
        )
        for ts, bid, bid_size, ask, ask_size in json.loads(Path(sys.argv[1]).read_text())
    ]
    for line in sys.stdin:
        print(json.dumps(run(json.loads(line), ticks)), flush=True)


main()
