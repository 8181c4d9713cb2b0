"""Several levels a side: the fewest commands, one live order per level, UNKNOWN blocks its side, limits and rate over all levels together."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_driver import Driver, of, side_of, trader_config

from mm_trader.core.commands import Cancel, Place
from mm_trader.core.events import Side
from mm_trader.kernel.levels import match
from mm_trader.orders.order import Order
from mm_trader.orders.states import OrderState
from mm_trader.strategy.base import Quote

GRID = {"levels": "3", "step": "0.001", "skewFactor": "0", "volatilityFactor": "0", "maxInventory": "1"}


def grid(parameters: dict[str, str] | None = None, **risk) -> Driver:
    config = trader_config(parameters=GRID | (parameters or {}), **risk)
    strategy = config.strategy.model_copy(update={"name": "MultiLayerGrid"})
    return Driver(config.model_copy(update={"strategy": strategy}))


def quoting(driver: Driver) -> list[Place]:
    places = driver.start()
    for place in places:
        driver.accept(place)
    return places


def of_side(places: list[Place], side: Side) -> list[Place]:
    return [place for place in places if place.side is side]


def test_every_level_gets_an_order_best_levels_of_both_sides_first():
    places = grid().start()
    assert [place.side for place in places] == [Side.BUY, Side.SELL] * 3
    bids = [place.price for place in of_side(places, Side.BUY)]
    assert bids == sorted(bids, reverse=True) and bids[0] - bids[1] == 250


def test_a_shift_by_one_step_keeps_all_but_one_order_a_side():
    driver = grid()
    places = quoting(driver)
    bids, asks = of_side(places, Side.BUY), of_side(places, Side.SELL)
    driver.wait(300)
    commands = driver.market("2502.50", "2502.51")
    assert {c.client_id for c in of(Cancel, commands)} == {bids[2].client_id, asks[0].client_id}
    assert of(Place, commands) == [], "a side has three orders until the venue confirms that one is over"
    (ask,) = of(Place, driver.canceled(asks[0]))
    assert abs(ask.price - asks[2].price - 250) <= 1
    (bid,) = of(Place, driver.canceled(bids[2]))
    assert abs(bid.price - bids[0].price - 250) <= 1


def test_the_new_best_bid_waits_for_the_old_ask_that_it_would_meet():
    driver = grid({"baseSpread": "0.0001", "step": "0.002"})
    places = quoting(driver)
    driver.wait(300)
    driver.market("2504.00", "2504.01")
    bids, asks = of_side(places, Side.BUY), of_side(places, Side.SELL)
    placed: list[Place] = []
    for bid in bids:
        if driver.state(bid.client_id) == "CANCELING":
            placed += of(Place, driver.canceled(bid))
    own_ask = min(ask.price for ask in asks if driver.state(ask.client_id) is not None)
    assert all(place.price < own_ask for place in of_side(placed, Side.BUY))


def test_an_unknown_order_blocks_its_side_and_no_other():
    driver = grid()
    places = driver.start()
    bids, asks = of_side(places, Side.BUY), of_side(places, Side.SELL)
    for place in (*bids[1:], *asks):
        driver.accept(place)
    driver.unknown(bids[0])
    driver.log.clear()
    driver.canceled(bids[2])
    driver.canceled(asks[2])
    driver.wait(300)
    driver.market("2500.00", "2500.01")
    assert {place.side for place in of(Place, driver.log)} == {Side.SELL}
    driver.found(bids[0], "CANCELED")
    driver.wait(300)
    driver.market("2500.00", "2500.01")
    assert len(of_side(of(Place, driver.log), Side.BUY)) == 2


def test_the_order_rate_holds_over_all_levels_and_the_rest_follows_later():
    driver = grid(max_order_rate=4)
    places = driver.start()
    assert [place.side for place in places] == [Side.BUY, Side.SELL, Side.BUY, Side.SELL]
    for place in places:
        driver.accept(place)
    driver.log.clear()
    driver.ticks(1.2)
    assert len(of(Place, driver.log)) == 2


def test_capital_holds_over_all_levels_of_both_sides():
    driver = grid({"totalSize": "0.3"}, capital=Decimal(500))
    places = driver.start()
    money = sum(place.price * place.size for place in places) * Decimal("0.01") * Decimal("0.0001")
    assert Decimal(490) < money <= 500


def test_inventory_holds_over_all_levels():
    driver = grid({"totalSize": "0.3", "maxInventory": "0.35"}, capital=Decimal(10_000))
    places = quoting(driver)
    driver.fill(of_side(places, Side.BUY)[0])
    driver.wait(300)
    driver.market("2500.00", "2500.01")
    resting = sum(p.size for p in of_side(of(Place, driver.log), Side.BUY)[1:])
    assert driver.position() + resting * Decimal("0.0001") <= Decimal("0.35") + Decimal("0.1")
    exposure = driver.position() + sum(
        (order.quantity - order.filled for order in driver.kernel.open_orders() if order.side == "BUY"),
        Decimal(0),
    )
    assert exposure <= Decimal("0.35")


def test_an_order_that_the_limits_made_small_is_not_replaced_again_and_again():
    driver = grid({"levels": "1", "totalSize": "1"}, capital=Decimal(700))
    places = quoting(driver)
    driver.log.clear()
    driver.ticks(5)
    assert of(Cancel, driver.log) == [], places


def test_reduce_only_keeps_the_levels_that_bring_the_position_back():
    driver = grid({"totalSize": "0.03"}, daily_loss_limit=Decimal("0.01"), max_drawdown=Decimal(1))
    places = quoting(driver)
    bid = side_of(places[:2], Side.BUY)
    driver.fill(bid, fee="0.0148")
    driver.ticks(1)
    sells = sum(
        (o.quantity for o in driver.kernel.open_orders() if o.side == "SELL" and o.state == "NEW"), Decimal(0)
    )
    assert driver.kernel.status().risk_level.name == "REDUCE_ONLY"
    assert sells == Decimal("0.01"), "the two asks beyond what is held are withdrawn"


def _order(side: Side, price: int, size: int, state: OrderState) -> Order:
    return Order(
        client_id=f"{side}{price}",
        symbol="X",
        side=side,
        price=price,
        size=size,
        state=state,
        created_ts=0,
        created_ms=0,
    )


ORDERS = st.lists(
    st.tuples(
        st.integers(900, 1000),
        st.integers(1, 10),
        st.sampled_from([OrderState.PENDING, OrderState.NEW, OrderState.CANCELING, OrderState.UNKNOWN]),
    ),
    max_size=8,
)


@settings(max_examples=300, deadline=None)
@given(
    side=st.sampled_from(Side),
    orders=ORDERS,
    prices=st.sets(st.integers(900, 1000), max_size=8),
    tolerance=st.integers(0, 10),
)
def test_matching_loses_no_order_and_no_level(side, orders, prices, tolerance):
    live = [_order(side, *each) for each in orders]
    levels = [Quote(price, 5) for price in sorted(prices, reverse=side is Side.BUY)]
    stale, missing, _ = match(live, levels, tolerance, lambda _: 100)
    standing = [o for o in live if o.state in (OrderState.PENDING, OrderState.NEW)]
    assert all(order.state is OrderState.NEW for order in stale), (
        "nothing else can be withdrawn for a better price"
    )
    kept = len(standing) - len(stale)
    assert kept >= len(levels) - len(missing)
    assert {level.price for level in missing} <= {level.price for level in levels}
    for order in standing:
        near = [level for level in levels if abs(level.price - order.price) <= tolerance]
        if order.state is OrderState.NEW and not near:
            assert order in stale
    assert match([o for o in live if o not in stale], levels, tolerance, lambda _: 100)[0] == []


@settings(max_examples=100, deadline=None)
@given(moves=st.lists(st.integers(-400, 400), min_size=1, max_size=12))
def test_a_side_never_has_more_live_orders_than_levels(moves):
    driver = grid({"levels": "4"})
    live: dict[str, Place] = {}

    def take(commands):
        for command in commands:
            if isinstance(command, Place):
                live[command.client_id] = command
        for side in Side:
            assert sum(place.side is side for place in live.values()) <= 4

    take(driver.start())
    for place in list(live.values()):
        take(driver.accept(place))
    mid = 250_000
    for move in moves:
        mid += move
        driver.wait(300)
        commands = driver.market(str(Decimal(mid) / 100), str(Decimal(mid + 1) / 100))
        take(commands)
        for cancel in of(Cancel, commands):
            place = live.pop(cancel.client_id)
            take(driver.canceled(place))
        for place in list(live.values()):
            take(driver.accept(place))
