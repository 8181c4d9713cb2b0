"""Conditional orders under random markets: each is triggered once, by a price that meets it, and has one final state."""

from __future__ import annotations

import itertools
from random import Random

import pytest
from test_sim_usdm_margin import MARK, SYMBOL, act, venue

from mm_trader.venue.simulator.engine.errors import RefusalError
from mm_trader.venue.simulator.engine.events import ExecutionEvent, TradeEvent
from mm_trader.venue.simulator.engine.types import E8, Side, StpMode
from mm_trader.venue.simulator.usdm.algo import (
    AT_A_PRICE,
    CLOSERS,
    MAX_OPEN,
    AlgoOrder,
    AlgoService,
    AlgoStatus,
    AlgoTif,
    AlgoType,
    WorkingType,
)
from mm_trader.venue.simulator.usdm.margin import MarginEvent

STEPS = {
    AlgoStatus.NEW: {AlgoStatus.TRIGGERING, AlgoStatus.CANCELED, AlgoStatus.EXPIRED},
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
                elif isinstance(event, MarginEvent):
                    for symbol in event.positions:
                        self.service.position_changed(event.account, symbol)
            self.service.work()

    def wait(self, random: Random, number: int) -> None:
        spec = self.exchange.market(SYMBOL).spec
        kind = random.choice(list(AlgoType))
        close = kind in CLOSERS and random.random() < 0.5
        trails = kind is AlgoType.TRAILING_STOP_MARKET
        self.service.place(
            AlgoOrder(
                id=0,
                account=self.exchange.accounts[random.choice("abc")],
                symbol=SYMBOL,
                client_id=f"x{number}",
                type=kind,
                side=random.choice(list(Side)),
                tif=AlgoTif.GTE_GTC if close else random.choice(list(AlgoTif)),
                quantity_e8=0 if close else random.randint(1, 400) * spec.lot_e8,
                price_e8=_near(random) * spec.tick_e8 if kind in AT_A_PRICE else 0,
                trigger_e8=0 if trails else _near(random) * spec.tick_e8,
                working=random.choice(list(WorkingType)),
                close_position=close,
                reduce_only=close or random.random() < 0.3,
                price_protect=False,
                stp=random.choice(list(StpMode)),
                created_ns=1,
                updated_ns=1,
                activate_e8=_near(random) * spec.tick_e8 if trails and random.random() < 0.5 else 0,
                callback_e8=random.choice([1, 5, 20]) * E8 // 1000 if trails else 0,
            )
        )


def _near(random: Random) -> int:
    """A price near the mark, in ticks."""
    return MARK + random.randint(-40, 40)


def test_an_account_has_two_hundred_waiting_orders_at_most() -> None:
    random, world = Random(1), World()
    refused = ""
    for number in range(5000):
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
            tick = exchange.market(SYMBOL).spec.tick_e8
            for order in service.waiting.get(SYMBOL, ()):
                seen = mark if order.working is WorkingType.MARK_PRICE else last
                assert not seen or not order.met(seen * tick)
                lots = exchange.margin.holding(order.account, SYMBOL).lots
                assert not order.needs_position or (lots > 0 if order.side is Side.SELL else lots < 0)
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
