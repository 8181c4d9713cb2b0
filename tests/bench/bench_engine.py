"""The simulator's matching engine alone, in process: filters, balances, matching, reports; no wire."""

from __future__ import annotations

import gc
import statistics
import time
from dataclasses import replace
from pathlib import Path
from random import Random

from benchkit import Figure

from mm_trader.venue.simulator.cli import calm_collector
from mm_trader.venue.simulator.config import parse_symbols
from mm_trader.venue.simulator.engine.exchange import Exchange
from mm_trader.venue.simulator.engine.types import E8, NewOrder, Order, OrderType, Side, TimeInForce

SYMBOL = "ETHUSDC"
OPERATIONS = 50_000
RUNS = 9
ACCOUNTS = 4
PLACES = 0.5
TAKES = 0.08
MIDDLE = 260_000


def flow(seed: int) -> tuple[int, float]:
    """(operations, processor seconds) of random makers and takers: 50 % places, 42 % cancels, 8 % aggressive orders."""
    rng = Random(seed)
    specs = [replace(s, max_num_orders=OPERATIONS) for s in parse_symbols(SYMBOL)]
    exchange = Exchange(specs, time.time_ns)
    accounts = [
        exchange.add_account(f"a{n}", {"ETH": 10**5 * E8, "USDC": 10**9 * E8}) for n in range(ACCOUNTS)
    ]
    plan = [_step(rng, number) for number in range(OPERATIONS)]
    resting: list[Order] = []
    done = 0
    gc.collect()  # the exchange of the run before: a simulator has one only
    began = time.process_time()
    for number, (who, new, draw) in enumerate(plan):
        if new is not None:
            order = exchange.place(accounts[who], new).order
            if not order.is_final:
                resting.append(order)
        elif resting:
            index = int(draw * len(resting))
            order, resting[index] = resting[index], resting[-1]
            resting.pop()
            if order.is_final:
                continue
            exchange.cancel(order)
        done += 1
        if number % 50 == 0:
            exchange.drain()
    return done, time.process_time() - began


def _step(rng: Random, number: int) -> tuple[int, NewOrder | None, float]:
    """(account, order to place or None for a cancel, draw that picks what is cancelled)."""
    kind, who = rng.random(), rng.randrange(ACCOUNTS)
    lots, distance, draw = rng.randrange(20, 70), rng.randrange(1, 40), rng.random()
    takes = kind >= 1 - TAKES
    if not takes and kind >= PLACES:
        return who, None, draw
    side = Side.BUY if draw < 0.5 else Side.SELL
    away = distance if (side is Side.SELL) != takes else -distance
    tif = TimeInForce.IOC if takes else TimeInForce.GTC
    price_e8 = (MIDDLE + away) * 10**6
    return who, NewOrder(SYMBOL, side, OrderType.LIMIT, f"c{number}", tif, lots * 10_000, price_e8), draw


def run(data_dir: Path | None) -> list[Figure]:
    before = gc.get_threshold()
    calm_collector()  # as the simulator's program does
    rates = [done / seconds for done, seconds in (flow(seed) for seed in range(RUNS))]
    gc.set_threshold(*before)
    gc.unfreeze()
    note = f"median of {RUNS} × {OPERATIONS:,} operations, 4 client accounts: 50 % places, 42 % cancels, 8 % takers; requests made beforehand, events included"
    return [Figure("matching engine: order operations/s", statistics.median(rates), "1/s", "≥ 100000", note)]
