"""Whatever happens at the venue, position and open orders together stay within inventory and capital, and nothing is placed once a halt stands."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_driver import Driver, of, trader_config

from mm_trader.core import events as ev
from mm_trader.core.commands import Cancel, Place, RaiseHalt
from mm_trader.core.events import ErrorClass, Side
from mm_trader.kernel.desk import Core
from mm_trader.orders.order import Order
from mm_trader.orders.states import OrderState
from mm_trader.portfolio.allocation import equal_split
from mm_trader.portfolio.balances import Balances
from mm_trader.risk.exposure import exposure_of

CAPITAL = Decimal(120)
STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                "accept",
                "accept",
                "fill",
                "part",
                "cancel",
                "cancel",
                "refuse",
                "post_only",
                "unknown",
                "market",
                "market",
                "tick",
                "late",
                "found",
                "fee",
            ]
        ),
        st.integers(0, 7),
    ),
    max_size=60,
)


def exposures(core: Core) -> tuple[int, int, int]:
    """(money at risk over all symbols, highest and lowest position that could come, 10^-8 base, of ETHUSDC)."""
    all_of = {
        symbol: exposure_of(desk.position, core.table.may_move(symbol)) for symbol, desk in core.desks.items()
    }
    eth = all_of["ETHUSDC"]
    return sum(each.money for each in all_of.values()), eth.longest, eth.shortest


@settings(max_examples=80, deadline=None)
@given(steps=STEPS)
def test_position_and_orders_stay_within_the_limits_at_every_place(steps):
    driver = Driver(
        trader_config(
            ("ETHUSDC", "BTCUSDC"), capital=CAPITAL, daily_loss_limit=Decimal(1), max_reject_streak=5
        )
    )
    driver.start()
    core = driver.kernel._core
    filled: dict[str, int] = {}
    offset = 0
    halted = False
    for what, number in steps:
        places = [p for p in of(Place, driver.log) if driver.state(p.client_id) is not None]
        if what == "market":
            offset += (number - 3) * 7
            driver.wait(260)
            for symbol in driver.config.symbols:
                driver.market(f"{2500 + offset}.00", f"{2500 + offset}.01", symbol)
        elif what in ("tick", "late"):
            driver.tick(100 if what == "tick" else 5200)
        elif places:
            place = places[number % len(places)]
            done = filled.get(place.client_id, 0)
            if what == "accept":
                driver.accept(place, driver.venue_ids.get(place.client_id))
            elif what == "cancel":
                driver.canceled(place, done)
            elif what in ("refuse", "post_only") and place.client_id not in driver.venue_ids:
                driver.refuse(place, ErrorClass.REFUSED if what == "refuse" else ErrorClass.POST_ONLY)
            elif what == "unknown":
                driver.unknown(place)
            elif what == "found":
                driver.found(place, "PARTIALLY_FILLED" if done else "NEW", done)
            elif what in ("fill", "part", "fee"):
                size = place.size - done if what == "fill" else max(1, (place.size - done) // 2)
                filled[place.client_id] = done + size
                base = place.symbol.removesuffix("USDC")
                driver.fill(place, size, done, fee="0.00001" if what == "fee" else "0", asset=base)
        assert not (halted and of(Place, driver.last)), "a place after a halt"
        halted = halted or bool(of(RaiseHalt, driver.last))
        if of(Place, driver.last):
            money, longest, shortest = exposures(core)
            assert money <= core.settings.capital
            assert longest <= core.desks["ETHUSDC"].max_inventory
            assert -shortest <= core.desks["ETHUSDC"].max_inventory
        for symbol in driver.config.symbols:
            for side in Side:
                assert sum(order.side is side for order in core.table.live(symbol)) <= 1


def order(
    side: Side, price: int, size: int, filled: int = 0, booked: int = 0, state: OrderState = OrderState.NEW
) -> Order:
    each = Order(
        client_id="x",
        symbol="ETHUSDC",
        side=side,
        price=price,
        size=size,
        state=state,
        created_ts=0,
        created_ms=0,
    )
    each.filled, each.booked = filled, booked
    return each


def test_unknown_orders_and_unbooked_fills_count_with_their_worst_case():
    position = Driver().kernel._core.desks["ETHUSDC"].position
    unknown = order(Side.BUY, 250_000, 100, state=OrderState.UNKNOWN)
    unbooked = order(Side.BUY, 250_000, 100, filled=60, booked=20, state=OrderState.CANCELED)
    exposure = exposure_of(position, [unknown, unbooked])
    assert exposure.longest == (100 + 40) * 10_000
    assert exposure.money == 140 * 10_000 * 250_000 * 10**6


def test_an_opposing_order_counts_only_for_what_it_turns_over():
    position = Driver().kernel._core.desks["ETHUSDC"].position
    position.base = 100 * 10_000
    position.set_mark(2 * 250_000)
    held = exposure_of(position, []).money
    assert exposure_of(position, [order(Side.SELL, 251_000, 100)]).money == held
    assert (
        exposure_of(position, [order(Side.SELL, 251_000, 130)]).money == held + 30 * 10_000 * 251_000 * 10**6
    )
    position.base = -position.base
    assert exposure_of(position, [order(Side.BUY, 249_000, 100)]).money == held
    assert exposure_of(position, [order(Side.BUY, 249_000, 130)]).money > held


def test_a_smaller_capital_pulls_what_no_longer_fits():
    driver = Driver(trader_config(capital=Decimal(200)))
    bid, ask = driver.quoting()
    driver.feed(ev.LimitsTightened(ts=driver.ts, limits={"capital": Decimal(30)}))
    assert {c.client_id for c in of(Cancel, driver.last)} == {bid.client_id, ask.client_id}
    driver.canceled(bid)
    driver.canceled(ask)
    assert exposures(driver.kernel._core)[0] <= 30 * 10**16


def test_the_split_never_gives_out_more_than_there_is():
    shares = equal_split(1000, ("A", "B", "C"))
    assert sum(shares.values()) <= 1000 and len(set(shares.values())) == 1
    assert equal_split(1000, ()) == {}


def test_balances_learn_what_others_lock_and_never_lend_it_out():
    balances = Balances()
    assert balances.available("USDC", {}) is None
    balances.update({"USDC": (Decimal(100), Decimal(50))}, {"USDC": 20 * 10**8})
    assert balances.available("USDC", {"USDC": 20 * 10**8}) == 100 * 10**8
    assert balances.available("USDC", {}) == 120 * 10**8
    balances.spent("USDC", 120 * 10**8)
    assert balances.available("USDC", {}) == 0
    balances.spent("BNB", 1)
    assert balances.available("BNB", {}) is None
