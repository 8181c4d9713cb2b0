"""Pre-trade checks: a list of small pure functions, each `(order, facts) -> Refusal | None`. The list is the documentation; the first refusal counts.

They stand behind the sizing of quotes and in front of the socket: an order that the quoter has fitted to every limit passes them all, and one that it has not
is stopped here, whatever the reason. A check that raises is a failure of the risk control itself: trading halts.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import msgspec

from mm_trader.core.events import BUY, Side
from mm_trader.core.state import HALTED, REDUCE_ONLY, RiskLevel
from mm_trader.core.units import SymbolRules, margin_of, to_money
from mm_trader.risk.exposure import Exposure
from mm_trader.risk.reasons import Refusal


class CheckFailedError(Exception):
    """A check raised instead of answering. The caller halts."""


class Intent(msgspec.Struct, frozen=True, gc=False):
    """The order that is about to be placed. Ticks and lots."""

    side: Side
    price: int
    size: int
    post_only: bool = True


class Facts(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Everything the checks may look at."""

    rules: SymbolRules
    tick: int
    """10^-8 quote."""
    lot: int
    """10^-8 base."""
    level: RiskLevel
    market_age: int | None
    """Ns since the last good top of book; None: there is none."""
    stale_after: int
    bid: int
    ask: int
    price_band: Decimal
    exposure: Exposure
    """Of the symbol, before this order."""
    max_inventory: int
    """10^-8 base."""
    symbol_capital: int
    """Money."""
    other_exposure: int
    """Money at risk in all other symbols."""
    capital: int
    max_order_money: int
    available: int | None
    """Of the asset this order would lock, 10^-8, after what own orders lock; None: nobody knows."""
    orders_this_second: int
    max_order_rate: int
    side_busy: bool
    """An order of this side is UNKNOWN, or as many are, or may be, open as there are levels."""
    own_opposite: int | None
    """Best price of own orders on the other side, ticks."""
    open_orders: int
    clock_skew: int
    """Venue minus local, ns, signed."""
    max_clock_skew: int
    circuit_open: bool
    """The breaker of the order calls lets none through now."""
    net_room: int | None = None
    """Money that all symbols together may still add in this order's direction; None: no such limit."""
    correlated_room: int | None = None
    """The same, counted by correlation."""


Check = Callable[[Intent, Facts], Refusal | None]


def symbol_trading(_: Intent, facts: Facts) -> Refusal | None:
    """The venue trades the symbol."""
    return None if facts.rules.trading else Refusal.NOT_TRADING


def not_halted(_: Intent, facts: Facts) -> Refusal | None:
    """No halt is set or on its way to be durable."""
    return Refusal.HALTED if facts.level >= HALTED else None


def clock_agrees(_: Intent, facts: Facts) -> Refusal | None:
    """Our clock and the venue's: a day must roll over when it does, and records must say when something was."""
    return Refusal.CLOCK_SKEW if abs(facts.clock_skew) > facts.max_clock_skew else None


def circuit_closed(_: Intent, facts: Facts) -> Refusal | None:
    """No order through a door that does not answer."""
    return Refusal.CIRCUIT_OPEN if facts.circuit_open else None


def reduces_if_it_must(order: Intent, facts: Facts) -> Refusal | None:
    """In reduce-only, an order may bring the position towards zero, and not beyond."""
    if facts.level < REDUCE_ONLY:
        return None
    reach = facts.exposure.base + order.side.sign * order.size * facts.lot
    reducing = facts.exposure.base * order.side.sign < 0 and reach * facts.exposure.base >= 0
    return None if reducing else Refusal.REDUCE_ONLY


def market_fresh(_: Intent, facts: Facts) -> Refusal | None:
    """No quote on data older than its limit."""
    if facts.market_age is None or not 0 <= facts.market_age <= facts.stale_after:
        return Refusal.STALE_MARKET
    return None


def market_sane(_: Intent, facts: Facts) -> Refusal | None:
    """Positive and not crossed."""
    return None if 0 < facts.bid < facts.ask else Refusal.BAD_MARKET


def price_filter(order: Intent, facts: Facts) -> Refusal | None:
    """The venue's lowest and highest price."""
    return None if facts.rules.min_price <= order.price <= facts.rules.max_price else Refusal.PRICE_FILTER


def lot_size(order: Intent, facts: Facts) -> Refusal | None:
    """The venue's smallest and largest size."""
    return None if facts.rules.min_quantity <= order.size <= facts.rules.max_quantity else Refusal.LOT_SIZE


def notional(order: Intent, facts: Facts) -> Refusal | None:
    """The venue's smallest and largest price x size."""
    money = _money(order, facts)
    most = facts.rules.max_notional
    if money < to_money(facts.rules.min_notional) or (most is not None and money > to_money(most)):
        return Refusal.NOTIONAL
    return None


def order_notional(order: Intent, facts: Facts) -> Refusal | None:
    """Our own largest price x size."""
    return Refusal.ORDER_NOTIONAL if _money(order, facts) > facts.max_order_money else None


def price_band(order: Intent, facts: Facts) -> Refusal | None:
    """Not farther from the mid than the band: a wrong price is stopped before it is an order."""
    mid2 = facts.bid + facts.ask
    return Refusal.PRICE_BAND if abs(2 * order.price - mid2) > facts.price_band * mid2 else None


def post_only_rests(order: Intent, facts: Facts) -> Refusal | None:
    """A price that would take is refused by the venue anyway, and counts as a refusal there."""
    crosses = order.price >= facts.ask if order.side is BUY else order.price <= facts.bid
    return Refusal.POST_ONLY_CROSS if crosses and order.post_only else None


def self_cross(order: Intent, facts: Facts) -> Refusal | None:
    """Never at or through an own order of the other side."""
    other = facts.own_opposite
    if other is None:
        return None
    crosses = order.price >= other if order.side is BUY else order.price <= other
    return Refusal.SELF_CROSS if crosses else None


def side_free(_: Intent, facts: Facts) -> Refusal | None:
    """One intent, one live order: no more orders of a side than levels, PENDING and CANCELING ones counted; and none at all while one is UNKNOWN."""
    return Refusal.SIDE_BLOCKED if facts.side_busy else None


def inventory(order: Intent, facts: Facts) -> Refusal | None:
    """If this and every order of its side fills, the position is within the limit, unless the order brings it back."""
    amount = order.size * facts.lot
    if order.side is BUY:
        reach = facts.exposure.longest + amount
    else:
        reach = -(facts.exposure.shortest - amount)
    return Refusal.INVENTORY if reach > facts.max_inventory else None


def symbol_capital(order: Intent, facts: Facts) -> Refusal | None:
    """Inventory and open orders of the symbol within its share of the capital."""
    after = _exposure_after(order, facts)
    grows = after > facts.exposure.money
    return Refusal.SYMBOL_CAPITAL if grows and after > facts.symbol_capital else None


def stage_capital(order: Intent, facts: Facts) -> Refusal | None:
    """Inventory and open orders of all symbols within the stage's capital."""
    after = _exposure_after(order, facts)
    grows = after > facts.exposure.money
    return Refusal.STAGE_CAPITAL if grows and after + facts.other_exposure > facts.capital else None


def net_exposure(order: Intent, facts: Facts) -> Refusal | None:
    """All symbols together within the limit of their direction."""
    return Refusal.NET_EXPOSURE if _beyond(facts.net_room, order, facts) else None


def correlated_exposure(order: Intent, facts: Facts) -> Refusal | None:
    """The same, with the others counted by their correlation."""
    return Refusal.CORRELATED_EXPOSURE if _beyond(facts.correlated_room, order, facts) else None


def balance(order: Intent, facts: Facts) -> Refusal | None:
    """The account can lock what the order needs."""
    amount = order.size * facts.lot
    rate = facts.rules.initial_margin
    if rate is not None:
        # on margin only what could make the position larger has to be backed
        adding = max(0, amount - max(0, -facts.exposure.base * order.side.sign))
        short = (
            facts.available is None
            or margin_of(adding * order.price * facts.tick, rate) > facts.available * 10**8
        )
        return Refusal.BALANCE if adding and short else None
    # quote is counted in 10^-8 too: compare in money, where nothing is rounded
    needed, unit = (amount * order.price * facts.tick, 10**8) if order.side is BUY else (amount, 1)
    if facts.available is None or needed > facts.available * unit:
        return Refusal.BALANCE
    return None


def order_rate(_: Intent, facts: Facts) -> Refusal | None:
    """Orders within the last second."""
    return Refusal.ORDER_RATE if facts.orders_this_second >= facts.max_order_rate else None


def open_order_count(_: Intent, facts: Facts) -> Refusal | None:
    """The venue's cap on open orders of a symbol."""
    return Refusal.OPEN_ORDERS if facts.open_orders >= facts.rules.max_open_orders else None


CHECKS: tuple[tuple[Check, tuple[Refusal, ...]], ...] = (
    (symbol_trading, (Refusal.NOT_TRADING,)),
    (not_halted, (Refusal.HALTED,)),
    (clock_agrees, (Refusal.CLOCK_SKEW,)),
    (circuit_closed, (Refusal.CIRCUIT_OPEN,)),
    (reduces_if_it_must, (Refusal.REDUCE_ONLY,)),
    (market_fresh, (Refusal.STALE_MARKET,)),
    (market_sane, (Refusal.BAD_MARKET,)),
    (price_filter, (Refusal.PRICE_FILTER,)),
    (lot_size, (Refusal.LOT_SIZE,)),
    (notional, (Refusal.NOTIONAL,)),
    (order_notional, (Refusal.ORDER_NOTIONAL,)),
    (price_band, (Refusal.PRICE_BAND,)),
    (post_only_rests, (Refusal.POST_ONLY_CROSS,)),
    (self_cross, (Refusal.SELF_CROSS,)),
    (side_free, (Refusal.SIDE_BLOCKED,)),
    (inventory, (Refusal.INVENTORY,)),
    (symbol_capital, (Refusal.SYMBOL_CAPITAL,)),
    (stage_capital, (Refusal.STAGE_CAPITAL,)),
    (net_exposure, (Refusal.NET_EXPOSURE,)),
    (correlated_exposure, (Refusal.CORRELATED_EXPOSURE,)),
    (balance, (Refusal.BALANCE,)),
    (order_rate, (Refusal.ORDER_RATE,)),
    (open_order_count, (Refusal.OPEN_ORDERS,)),
)
"""Every check with the codes it can give, in the order they are asked."""


def first_refusal(order: Intent, facts: Facts) -> Refusal | None:
    """Ask all checks. None: the order may go. Raises CheckFailedError if one of them raises."""
    for check, _ in CHECKS:
        try:
            refusal = check(order, facts)
        except Exception as error:
            raise CheckFailedError(f"{check.__name__}: {error!r}") from error
        if refusal is not None:
            return refusal
    return None


def _money(order: Intent, facts: Facts) -> int:
    return order.price * facts.tick * order.size * facts.lot


def _exposure_after(order: Intent, facts: Facts) -> int:
    return facts.exposure.plus(order.side, order.size * facts.lot, order.price * facts.tick).money


def _beyond(room: int | None, order: Intent, facts: Facts) -> bool:
    """Whether what this order adds in its direction is more than there is room for; what only brings the position back adds nothing."""
    if room is None:
        return False
    exposure, amount = facts.exposure, order.size * facts.lot
    reached = exposure.longest if order.side is BUY else -exposure.shortest
    adds = max(0, reached + amount) - max(0, reached)
    return adds > 0 and adds * order.price * facts.tick > room
