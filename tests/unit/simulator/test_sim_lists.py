"""Order lists of the engine: what of a list ends or begins what, what is locked meanwhile, what is told."""

from __future__ import annotations

import itertools
from random import Random

import pytest
from simengine import SYMBOL, Desk
from test_sim_invariants import World

from mm_trader.venue.simulator.engine.account import CommissionRates
from mm_trader.venue.simulator.engine.checks import to_e8
from mm_trader.venue.simulator.engine.errors import RefusalError
from mm_trader.venue.simulator.engine.events import ExecutionEvent, ListEvent
from mm_trader.venue.simulator.engine.lists import ListKind, OrderList
from mm_trader.venue.simulator.engine.types import (
    AT_MARKET,
    E8,
    STOP_TYPES,
    NewOrder,
    OrderStatus,
    OrderType,
    Side,
    StpMode,
    TimeInForce,
)

LOSS, LOSS_LIMIT = OrderType.STOP_LOSS, OrderType.STOP_LOSS_LIMIT
PROFIT, MAKER, LIMIT = OrderType.TAKE_PROFIT, OrderType.LIMIT_MAKER, OrderType.LIMIT
Leg = tuple[OrderType, str, str | None, str | None]
"""(type, side, price, stop price)"""
SALE: tuple[Leg, Leg] = ((LOSS_LIMIT, "SELL", "2580", "2590"), (MAKER, "SELL", "2610", None))
PURCHASE: tuple[Leg, Leg] = ((LOSS_LIMIT, "BUY", "2620", "2610"), (MAKER, "BUY", "2590", None))
WORKING: Leg = (LIMIT, "BUY", "2600", None)


class Lists(Desk):
    """No commissions, the last trade at 2600."""

    def __init__(self) -> None:
        super().__init__(CommissionRates(0, 0))
        self.ids = itertools.count(1)
        self.trade("2600")
        self.events()

    def list(
        self, *legs: Leg, qty: str = "1", tif: TimeInForce = TimeInForce.GTC, client_id: str = ""
    ) -> OrderList:
        number = next(self.ids)
        kind = ListKind.OCO if legs[0][0] is not LIMIT else ListKind.OTO
        news = [
            NewOrder(
                SYMBOL, Side(side), what, f"l{number}-{place}", tif, to_e8(qty), to_e8(price) if price else None,
                stop_e8=to_e8(stop) if stop else None,
            )
            for place, (what, side, price, stop) in enumerate(legs)
        ]  # fmt: skip
        return self.exchange.place_list(self.a, kind, client_id or f"list{number}", news)[0]

    def held(self) -> tuple[int, int]:
        """What `a` has locked: whole ETH and USDC."""
        return self.a.balance("ETH").locked // E8, self.a.balance("USDC").locked // E8

    def told(self, made: OrderList) -> list[object]:
        """Reports of the list's orders as (place, status, why), and of the list as its step."""
        rows: list[object] = []
        for event in self.events():
            if isinstance(event, ExecutionEvent) and event.order in made.orders:
                rows.append((made.orders.index(event.order), event.status.value, event.order.expiry))
            elif isinstance(event, ListEvent) and event.list is made:
                rows.append(event.step.value)
        return rows


def statuses(made: OrderList) -> list[str]:
    return [order.status.value for order in made.orders]


def test_a_pair_shares_one_lock_and_shows_the_order_that_rests() -> None:
    desk = Lists()
    sale = desk.list(*SALE)
    assert desk.told(sale) == [(0, "NEW", ""), (1, "NEW", ""), "EXEC_STARTED"]
    assert desk.held() == (1, 0)
    assert desk.levels("SELL") == [(261_000, 10_000)]
    purchase = desk.list(*PURCHASE)
    assert desk.held() == (1, 2620), "the dearer of the two"
    assert desk.levels("BUY") == [(259_000, 10_000)]
    desk.exchange.cancel(sale.orders[0])
    desk.exchange.cancel(purchase.orders[1])
    assert desk.held() == (0, 0)
    assert statuses(sale) == statuses(purchase) == ["CANCELED", "CANCELED"]
    assert desk.exchange.market(SYMBOL).stops is None


@pytest.mark.parametrize("share", ["1", "0.4"])
def test_a_trade_with_the_one_that_rests_ends_the_one_that_waits(share: str) -> None:
    desk = Lists()
    made = desk.list(*SALE)
    desk.events()
    desk.place(desk.b, "BUY", share, "2610")
    whole = share == "1"
    filled = (1, "FILLED" if whole else "PARTIALLY_FILLED", "")
    assert desk.told(made) == [filled, (0, "EXPIRED", "OCO_TRIGGER"), *(["ALL_DONE"] if whole else [])]
    assert desk.a.balance("ETH").locked == (0 if whole else 60_000_000)
    desk.trade("2500")
    assert made.orders[0].status is OrderStatus.EXPIRED


def test_of_a_purchase_what_the_dearer_order_would_have_needed_is_free_once_it_has_ended() -> None:
    desk = Lists()
    made = desk.list(*PURCHASE)
    desk.place(desk.b, "SELL", "0.5", "2590")
    assert statuses(made) == ["EXPIRED", "PARTIALLY_FILLED"]
    assert desk.a.balance("USDC").locked == 1295 * E8
    assert desk.a.balance("USDC").free == (50_000 - 2590) * E8


def test_a_price_that_sets_one_off_ends_the_one_that_rests() -> None:
    desk = Lists()
    made = desk.list(*SALE)
    desk.events()
    desk.trade("2590")
    assert desk.told(made) == [(1, "EXPIRED", "OCO_TRIGGER"), (0, "NEW", "")]
    assert desk.levels("SELL") == [(258_000, 10_000)]
    assert (desk.held(), made.done) == ((1, 0), False)
    desk.place(desk.b, "BUY", "1", "2580")
    assert desk.told(made) == [(0, "FILLED", ""), "ALL_DONE"]
    assert desk.held() == (0, 0)


def test_two_that_wait_end_each_other() -> None:
    desk = Lists()
    desk.place(desk.b, "BUY", "3", "2500")
    made = desk.list((LOSS, "SELL", None, "2590"), (PROFIT, "SELL", None, "2610"))
    assert desk.held() == (1, 0)
    desk.events()
    desk.trade("2590")
    assert desk.told(made) == [(1, "EXPIRED", "OCO_TRIGGER"), (0, "NEW", ""), (0, "FILLED", ""), "ALL_DONE"]
    assert desk.a.balance("ETH").free == 9 * E8


def test_one_sweep_that_sets_one_off_and_fills_the_other_trades_one_alone() -> None:
    desk = Lists()
    made = desk.list(*SALE)
    desk.place(desk.b, "SELL", "0.1", "2585")
    buyer = desk.exchange.add_account("c", {"USDC": 50_000 * E8})
    desk.place(buyer, "BUY", "0.6", "2610")
    assert statuses(made) == ["EXPIRED", "PARTIALLY_FILLED"]
    assert made.orders[1].executed == 5000
    assert desk.a.balance("ETH").locked == E8 // 2


def test_self_trade_prevention_of_the_one_that_rests_ends_the_list() -> None:
    desk = Lists()
    made = desk.list(*SALE)
    desk.place(desk.a, "BUY", "1", "2610", stp=StpMode.EXPIRE_MAKER)
    assert statuses(made) == ["EXPIRED", "EXPIRED_IN_MATCH"]
    assert made.done


@pytest.mark.parametrize(
    ("legs", "text"),
    [
        (((LOSS_LIMIT, "SELL", "2580", "2600"), SALE[1]), "The relationship of the prices"),
        ((SALE[0], (MAKER, "SELL", "2600", None)), "The relationship of the prices"),
        ((PURCHASE[0], (MAKER, "BUY", "2600", None)), "The relationship of the prices"),
        (((LOSS, "BUY", None, "2599"), PURCHASE[1]), "The relationship of the prices"),
        (((LOSS, "SELL", None, "2590"), (PROFIT, "SELL", None, "2600")), "The relationship of the prices"),
        (((LOSS_LIMIT, "SELL", "2580.001", "2590"), SALE[1]), "PRICE_FILTER"),
    ],
)
def test_a_pair_whose_prices_are_wrong_is_refused_whole(legs: tuple[Leg, Leg], text: str) -> None:
    desk = Lists()
    with pytest.raises(RefusalError, match=text):
        desk.list(*legs)
    assert (desk.events(), desk.held(), desk.a.lists) == ([], (0, 0), {})
    assert desk.exchange.market(SYMBOL).stops is None


def test_a_pair_that_would_take_or_that_nobody_can_pay_is_refused_whole() -> None:
    desk = Lists()
    desk.place(desk.b, "BUY", "1", "2620")
    for qty, text in (("1", "immediately match"), ("11", "immediately match")):
        with pytest.raises(RefusalError, match=text):
            desk.list(*SALE, qty=qty)
    with pytest.raises(RefusalError, match="insufficient balance"):
        desk.list((LOSS, "SELL", None, "2590"), (PROFIT, "SELL", None, "2610"), qty="11")
    assert not desk.a.open


def test_the_counting_filters_see_all_orders_of_a_list_and_its_ids_are_its_own() -> None:
    desk = Lists()
    made = desk.list(*SALE, qty="0.1", client_id="mine")
    with pytest.raises(RefusalError, match="Duplicate order sent"):
        desk.list(*SALE, qty="0.1", client_id="mine")
    for _ in range(4):
        desk.list(*SALE, qty="0.1")
    with pytest.raises(RefusalError, match="MAX_NUM_ALGO_ORDERS"):
        desk.list(*SALE, qty="0.1")
    desk.exchange.cancel_list(made)
    desk.list(*SALE, qty="0.1", client_id="mine")


def test_an_amend_changes_both_orders_of_a_pair_and_a_new_id_is_told() -> None:
    desk = Lists()
    made = desk.list(*PURCHASE)
    desk.events()
    desk.exchange.amend(made.orders[0], to_e8("0.5"), "renamed")
    assert desk.told(made) == [(1, "NEW", ""), (0, "NEW", ""), "UPDATED"]
    assert [o.qty for o in made.orders] == [5000, 5000]
    assert desk.held() == (0, 1310)
    assert desk.levels("BUY") == [(259_000, 5000)]
    desk.exchange.amend(made.orders[1], to_e8("0.2"), made.orders[1].client_id)
    assert "UPDATED" not in desk.told(made)
    desk.exchange.cancel(made.orders[1])
    assert desk.held() == (0, 0)


# --- one after another ----------------------------------------------------------------------------------------------
def test_a_pending_order_holds_nothing_until_the_working_one_is_filled_whole() -> None:
    desk = Lists()
    made = desk.list(WORKING, (LIMIT, "SELL", "2650", None))
    assert desk.told(made) == [(0, "NEW", ""), (1, "PENDING_NEW", ""), "EXEC_STARTED"]
    assert (desk.held(), desk.levels("SELL")) == ((0, 2600), [])
    desk.place(desk.b, "SELL", "0.4", "2600")
    assert statuses(made) == ["PARTIALLY_FILLED", "PENDING_NEW"]
    desk.events()
    desk.place(desk.b, "SELL", "0.6", "2600")
    assert desk.told(made) == [(0, "FILLED", ""), (1, "NEW", "")]
    assert (desk.held(), desk.levels("SELL")) == ((1, 0), [(265_000, 10_000)])
    desk.place(desk.b, "BUY", "1", "2650")
    assert desk.told(made) == [(1, "FILLED", ""), "ALL_DONE"]


def test_a_working_order_filled_at_once_shows_the_pending_one_still_pending() -> None:
    desk = Lists()
    desk.place(desk.b, "SELL", "1", "2600")
    news = [
        NewOrder(SYMBOL, Side.BUY, LIMIT, "w", qty_e8=E8, price_e8=2600 * E8),
        NewOrder(SYMBOL, Side.SELL, OrderType.MARKET, "p", qty_e8=E8),
    ]
    made, shown, fills = desk.exchange.place_list(desk.a, ListKind.OTO, "l", news)
    assert [o.status.value for o in shown] == ["FILLED", "PENDING_NEW"]
    assert [f.qty for f in fills] == [10_000]
    assert statuses(made) == ["FILLED", "EXPIRED"], "nobody buys at the market"
    assert made.done


@pytest.mark.parametrize("cancelled", [0, 1])
def test_cancelling_either_of_them_ends_both(cancelled: int) -> None:
    desk = Lists()
    made = desk.list(WORKING, (LIMIT, "SELL", "2650", None))
    desk.exchange.cancel(made.orders[cancelled])
    assert (statuses(made), desk.held()) == (["CANCELED", "CANCELED"], (0, 0))
    assert desk.exchange.market(SYMBOL).stops is None


def test_a_working_order_that_expires_takes_the_pending_ones_with_it() -> None:
    desk = Lists()
    made = desk.list(WORKING, SALE[0], SALE[1], tif=TimeInForce.IOC)
    expired = "OTO_PHASE_ONE_EXPIRED"
    assert statuses(made) == ["EXPIRED"] * 3
    assert desk.told(made)[5:] == [(1, "EXPIRED", expired), (2, "EXPIRED", expired), "ALL_DONE"]


def test_a_pending_pair_begins_as_a_pair() -> None:
    desk = Lists()
    made = desk.list(WORKING, SALE[0], SALE[1])
    desk.place(desk.b, "SELL", "1", "2600")
    assert statuses(made) == ["FILLED", "NEW", "NEW"]
    assert (desk.held(), desk.levels("SELL")) == ((1, 0), [(261_000, 10_000)])
    desk.trade("2589")
    assert statuses(made) == ["FILLED", "NEW", "EXPIRED"]
    assert desk.levels("SELL") == [(258_000, 10_000)]


@pytest.mark.parametrize(
    ("pending", "reason"),
    [
        ((MAKER, "SELL", "2590", None), "WOULD_MATCH_IMMEDIATELY"),
        ((LOSS, "SELL", None, "2601"), "STOP_PRICE_WOULD_TRIGGER_IMMEDIATELY"),
    ],
)
def test_a_pending_order_that_would_be_refused_expires_as_rejected(pending: Leg, reason: str) -> None:
    desk = Lists()
    desk.place(desk.b, "BUY", "1", "2595")
    made = desk.list(WORKING, pending)
    desk.events()
    desk.place(desk.b, "SELL", "1", "2600")
    (event,) = [e for e in desk.events() if isinstance(e, ExecutionEvent) and e.order is made.orders[1]]
    assert (event.status, event.order.expiry, event.reject_reason) == (
        OrderStatus.EXPIRED,
        "REJECTED",
        reason,
    )
    assert (made.done, desk.held()) == (True, (0, 0))


def test_a_pending_order_can_be_made_smaller_by_itself() -> None:
    desk = Lists()
    made = desk.list(WORKING, (LIMIT, "SELL", "2650", None))
    desk.exchange.amend(made.orders[1], to_e8("0.3"), "p")
    assert [o.qty for o in made.orders] == [10_000, 3000]
    desk.exchange.amend(made.orders[0], to_e8("0.5"), "w")
    assert desk.held() == (0, 1300)
    desk.place(desk.b, "SELL", "0.5", "2600")
    assert desk.levels("SELL") == [(265_000, 3000)]


def test_a_reset_forgets_lists_and_their_ids_begin_anew() -> None:
    desk = Lists()
    desk.list(*SALE)
    desk.exchange.forget_all()
    assert not desk.a.lists
    for account in (desk.a, desk.b):
        account.balance("ETH").free = 10 * E8
    desk.trade("2600")
    assert desk.list(*SALE).id == 1


# --- whatever happens -----------------------------------------------------------------------------------------------
def _step(random: Random, last: int) -> tuple[object, ...]:
    """What one of three clients, or the market, does next, near the last price: mostly what an exchange takes."""
    what = random.choice(["place"] * 5 + ["list"] * 4 + ["stop"] * 2 + ["print", "cancel", "amend", "market"])
    side, lots, who = random.choice(list(Side)), random.choice([20, 100, 500, 2000]), random.randrange(3)
    tif, stp = random.choice([TimeInForce.GTC] * 3 + list(TimeInForce)), random.choice([None, *StpMode])
    up, down = last + random.randint(1, 6), last - random.randint(1, 6)

    def near() -> int:
        return last + random.randint(-6, 6)

    if what == "place":
        kind = random.choice([LIMIT, MAKER, OrderType.MARKET])
        return "place", who, side, kind, tif, near(), lots, stp, random.random() < 0.3, 0
    if what == "stop":
        kind = random.choice(sorted(STOP_TYPES))
        rises = (side is Side.BUY) == (kind in (LOSS, LOSS_LIMIT))
        return "place", who, side, kind, tif, near(), lots, stp, False, up if rises else down
    if what == "list":
        loss, profit = (down, up) if side is Side.SELL else (up, down)
        working, pending = random.choice([LIMIT, MAKER]), random.choice(list(OrderType))
        first = random.choice([LOSS, LOSS_LIMIT])
        second = random.choice([MAKER, PROFIT, OrderType.TAKE_PROFIT_LIMIT])
        second_price = near() if second in AT_MARKET | {OrderType.TAKE_PROFIT_LIMIT} else profit
        kind_of = random.choice(["oco", "oco", "oto", "otoco"])
        prices = (near(), near(), loss, second_price, profit)
        return "list", who, kind_of, side, working, tif, pending, first, second, prices, lots
    if what == "print":
        return "print", near(), 10, True
    if what == "cancel":
        return "cancel", random.randrange(1000)
    if what == "amend":
        return "amend", random.randrange(1000), random.choice([20, 100, 400])
    return "market", side, near(), random.choice([20, 200, 3000])


@pytest.mark.parametrize("seed", range(6))
def test_lists_keep_money_and_end_once_whatever_three_clients_and_the_market_do(seed: int) -> None:
    random, world = Random(seed), World()
    world.play(("print", 260_000, 1, True))
    for _ in range(120):
        last = world.desk.exchange.market(SYMBOL).last_price
        world.play(_step(random, max(259_900, min(260_100, last))))
    for order in world.orders:
        if not order.is_final:
            world.desk.exchange.cancel(order)
    world.check(world.desk.events())
    lists = {order.list for order in world.orders if order.list is not None}
    assert len(lists) > 10
    assert world.steps == {made: ["EXEC_STARTED", "ALL_DONE"] for made in lists}
    assert all([o.expiry for o in made.pair].count("OCO_TRIGGER") <= 1 for made in lists)
    for order in world.orders:
        assert (order.is_final, order.locked, world.finals[order.id]) == (True, 0, 1)
