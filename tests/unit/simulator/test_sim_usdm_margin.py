"""Money on margin adds up under random orders: positions sum to zero, wallets + unrealised profit + fees are constant, margin is given back."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from mm_trader.venue.simulator.config import Product, parse_symbols
from mm_trader.venue.simulator.engine.account import CommissionRates
from mm_trader.venue.simulator.engine.errors import RefusalError
from mm_trader.venue.simulator.engine.types import E8, NewOrder, OrderType, Side, StpMode, TimeInForce
from mm_trader.venue.simulator.usdm.exchange import FundingSchedule, FuturesExchange
from mm_trader.venue.simulator.usdm.holdings import Holding

SYMBOL = "ETHUSDC"
MARK = 260_000

ACTION = st.tuples(
    st.sampled_from(["limit", "maker", "market", "reduce", "cancel", "modify", "fund", "mark"]),
    st.integers(0, 2),
    st.sampled_from(list(Side)),
    st.integers(MARK - 40, MARK + 40),
    st.integers(1, 400),
)


def venue() -> FuturesExchange:
    exchange = FuturesExchange(
        parse_symbols(SYMBOL, Product.USDM),
        lambda: 1,
        StpMode.EXPIRE_MAKER,
        10,
        FundingSchedule(10_000, 10**9),
    )
    for name, maker in (("a", -10_000), ("b", 20_000), ("c", 0)):
        exchange.add_account(name, {"USDC": 200 * E8}, CommissionRates(maker, 50_000))
    exchange.set_mark(SYMBOL, MARK)
    return exchange


def act(exchange: FuturesExchange, action: tuple[str, int, Side, int, int]) -> None:
    kind, who, side, price, lots = action
    account = exchange.accounts["abc"[who]]
    spec = exchange.market(SYMBOL).spec
    qty, price_e8 = lots * spec.lot_e8, price * spec.tick_e8
    open_orders = list(account.open.values())
    if kind == "fund":
        exchange.fund(SYMBOL, price - MARK)
    elif kind == "mark":
        exchange.set_mark(SYMBOL, price)
    elif kind in ("cancel", "modify"):
        if open_orders:
            order = open_orders[lots % len(open_orders)]
            exchange.cancel(order) if kind == "cancel" else exchange.modify(order, price_e8, qty)
    else:
        order_type = {"maker": OrderType.LIMIT_MAKER, "limit": OrderType.LIMIT}.get(kind, OrderType.MARKET)
        new = NewOrder(SYMBOL, side, order_type, f"id{exchange._order_id}", TimeInForce.GTC, qty)
        if order_type is not OrderType.MARKET:
            new.price_e8 = price_e8
        new.reduce_only = kind == "reduce"
        exchange.place(account, new)


@settings(max_examples=60, deadline=None)
@given(st.lists(ACTION, max_size=60))
def test_whatever_is_traded_money_and_positions_add_up(
    actions: list[tuple[str, int, Side, int, int]],
) -> None:
    exchange = venue()
    ledger = exchange.margin
    mult = exchange.market(SYMBOL).spec.quote_mult
    for action in actions:
        try:
            act(exchange, action)
        except RefusalError:
            continue
        finally:
            held = list(ledger.holdings.values())
            assert sum(h.lots for h in held) == 0
            wallets = sum(a.balance("USDC").free for a in exchange.accounts.values())
            unrealised = sum(h.profit(ledger.marks[SYMBOL], mult) for h in held)
            assert wallets + unrealised + ledger.fees.get("USDC", 0) == 600 * E8
            for account in exchange.accounts.values():
                holding = ledger.holding(account, SYMBOL)
                orders = list(account.open.values())
                for side, counted in ((Side.BUY, holding.bids), (Side.SELL, holding.asks)):
                    assert counted == sum(o.remaining * o.price * mult for o in orders if o.side is side)
                assert all(
                    (-holding.lots if o.side is Side.BUY else holding.lots) >= o.remaining
                    for o in orders
                    if o.reduce_only
                )
                if not holding.lots:
                    assert holding.cost == 0


@given(
    st.lists(
        st.tuples(st.sampled_from(list(Side)), st.integers(1, 10**6), st.integers(1, 10**4)), max_size=40
    )
)
def test_realised_and_unrealised_profit_are_together_what_was_paid(
    fills: list[tuple[Side, int, int]],
) -> None:
    holding, cash = Holding(10), 0
    for side, price, lots in fills:
        holding.fill(side, price, lots, 7)
        cash += (-1 if side is Side.BUY else 1) * price * lots * 7
        for mark in (1, price, 999):
            assert holding.realised + holding.profit(mark, 7) == cash + holding.value(mark, 7)
