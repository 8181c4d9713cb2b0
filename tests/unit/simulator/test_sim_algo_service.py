"""Conditional orders under random markets: each is triggered once, by a price that meets it, and has one final state."""

from __future__ import annotations

import itertools
from random import Random

import pytest
from test_sim_usdm_margin import MARK, SYMBOL, act, venue

from mm_trader.venue.simulator.engine.errors import RefusalError
from mm_trader.venue.simulator.engine.events import ExecutionEvent, TradeEvent
from mm_trader.venue.simulator.engine.types import Side, StpMode, TimeInForce
from mm_trader.venue.simulator.usdm.algo import (
    AT_A_PRICE,
    MAX_OPEN,
    AlgoOrder,
    AlgoService,
    AlgoStatus,
    AlgoType,
    WorkingType,
)

STEPS = {
    AlgoStatus.NEW: {AlgoStatus.TRIGGERING, AlgoStatus.CANCELED},
    AlgoStatus.TRIGGERING: {AlgoStatus.TRIGGERED, AlgoStatus.REJECTED, AlgoStatus.EXPIRED},
    AlgoStatus.TRIGGERED: {AlgoStatus.FINISHED},
}


class World:
    """An exchange with its service, and what the publisher does between the two."""

    def __init__(self) -> None:
        self.exchange = venue()
        self.told: dict[AlgoOrder, list[AlgoStatus]] = {}
        self.service = AlgoService(
            self.exchange, lambda order: self.told.setdefault(order, []).append(order.status)
        )

    def pump(self) -> None:
        while (events := self.exchange.drain()) or self.service.due:
            for event in events:
                if isinstance(event, TradeEvent):
                    self.service.see(event.symbol, event.price, WorkingType.CONTRACT_PRICE)
                elif isinstance(event, ExecutionEvent):
                    self.service.follow(event)
            self.service.work()

    def wait(self, random: Random, number: int) -> None:
        spec = self.exchange.market(SYMBOL).spec
        kind, close = random.choice(list(AlgoType)), random.random() < 0.2
        close = close and kind not in AT_A_PRICE
        self.service.place(
            AlgoOrder(
                0, self.exchange.accounts[random.choice("abc")], SYMBOL, f"x{number}", kind,
                random.choice(list(Side)), random.choice(list(TimeInForce)), random.random() < 0.1,
                0 if close else random.randint(1, 400) * spec.lot_e8,
                (MARK + random.randint(-40, 40)) * spec.tick_e8 if kind in AT_A_PRICE else 0,
                MARK + random.randint(-40, 40), random.choice(list(WorkingType)), close,
                not close and random.random() < 0.3, False, random.choice(list(StpMode)), 1, 1,
            )
        )  # fmt: skip


def test_an_account_has_two_hundred_waiting_orders_of_a_symbol_at_most() -> None:
    random, world = Random(1), World()
    refused = ""
    for number in range(3000):
        try:
            world.wait(random, number)
        except RefusalError as error:
            if error.code == -4045:
                refused = error.msg
                break
    assert refused == "Reach max stop order limit."
    waiting = world.service.waiting[SYMBOL]
    assert max(sum(o.account is a for o in waiting) for a in world.exchange.accounts.values()) == MAX_OPEN


@pytest.mark.parametrize("seed", range(5))
def test_each_order_is_triggered_once_by_a_price_that_meets_it_and_ends_once(seed: int) -> None:
    random, world = Random(seed), World()
    exchange, service = world.exchange, world.service
    for number in range(400):
        kind = random.choice(["limit", "maker", "market", "reduce", "cancel", "mark"] + ["wait"] * 3)
        try:
            if kind == "wait":
                world.wait(random, number)
            else:
                action = (kind, random.randrange(3), random.choice(list(Side)), MARK, random.randint(1, 400))
                price = MARK + random.randint(-40, 40)
                act(exchange, (*action[:3], price, action[4]))
                if kind == "mark":
                    service.see(SYMBOL, price, WorkingType.MARK_PRICE)
        except RefusalError:
            continue
        finally:
            world.pump()
            last, mark = exchange.market(SYMBOL).last_price, exchange.margin.marks[SYMBOL]
            for order in service.waiting.get(SYMBOL, ()):
                seen = mark if order.working is WorkingType.MARK_PRICE else last
                assert not seen or not order.met(seen)
    for order in [*service.waiting.get(SYMBOL, ())]:
        service.cancel(order)
    for account in exchange.accounts.values():
        for resting in list(account.open.values()):
            exchange.cancel(resting)
    world.pump()
    assert not service.waiting
    ends = [steps[-1] for steps in world.told.values()]
    assert {AlgoStatus.FINISHED, AlgoStatus.REJECTED, AlgoStatus.EXPIRED, AlgoStatus.CANCELED} == set(ends)
    for steps in world.told.values():
        assert steps[0] is AlgoStatus.NEW
        assert all(after in STEPS[before] for before, after in itertools.pairwise(steps))
        assert steps[-1] not in STEPS
