"""From the quotes a symbol should have to the fewest commands, within every limit.

- One intent, one live order: a side never has more orders that stand than wanted levels.
- An order moves in one request where the venue can (`SymbolRules.replaceable`, `modifiable`) and the limits have room for the old and the new one together:
  the old one may fill until the venue has taken it away, so no limit is ever lent out twice. Otherwise it is cancelled, and the new one waits for its end.
- One that is merely too large is made smaller where it is (`amendable`), and keeps its place in the queue.
- UNKNOWN blocks its side: nothing is placed or moved there until the venue has spoken.
- The limits hold over all levels together: each order is fitted to what those before it have left, the best levels of both sides first.
"""

from __future__ import annotations

from itertools import zip_longest

from mm_trader.core.events import BUY, SELL, Side
from mm_trader.core.state import REDUCE_ONLY
from mm_trader.core.units import to_money
from mm_trader.kernel.desk import Core, Desk
from mm_trader.kernel.levels import match
from mm_trader.kernel.misfits import refused, too_small
from mm_trader.kernel.room import Room
from mm_trader.kernel.standing import tolerance_of
from mm_trader.orders.order import Order
from mm_trader.orders.states import UNKNOWN
from mm_trader.risk.checks import Intent, first_refusal, self_cross
from mm_trader.strategy.base import DesiredQuotes, Quote


class Wish:
    """A level that lacks its order."""

    __slots__ = ("old", "quote")

    def __init__(self, quote: Quote, old: Order | None) -> None:
        """`old` makes way for the new one; None: the side has a place free."""
        self.quote = quote
        self.old = old


class Work:
    """Of all symbols."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def do(self, desk: Desk, desired: DesiredQuotes, ts: int) -> None:
        """Emit what brings the orders of a symbol to where they should be."""
        core = self._core
        tolerance = tolerance_of(core, desired)
        room = Room(core, desk, ts)
        bids = self._tend(desk, BUY, desired.bids, tolerance, room, ts)
        asks = self._tend(desk, SELL, desired.asks, tolerance, room, ts)
        if not bids and not asks:
            return
        for bid, ask in zip_longest(bids, asks):
            if bid is not None:
                self._grant(desk, BUY, bid, len(desired.bids), room, ts)
            if ask is not None:
                self._grant(desk, SELL, ask, len(desired.asks), room, ts)

    def _tend(
        self, desk: Desk, side: Side, levels: tuple[Quote, ...], tolerance: float, room: Room, ts: int
    ) -> list[Wish]:
        """Cancel or shrink what may not stay as it is. Returns the levels to be seen to now, the best first."""
        core = self._core
        live = [order for order in desk.orders.live.values() if order.side is side]
        if not live:
            return [Wish(level, None) for level in levels]
        if not levels or room.must_shrink(side):
            for order in live:
                if not order.leftover:  # one of those is asked about, and cancelled if it is there
                    core.manager.cancel(order, ts)
            return []
        stale, missing, large = match(
            live,
            levels,
            tolerance,
            lambda price: room.lots(side, price),
            lambda order, lots: self._shrinks(desk, order, lots, ts),
        )
        for order, lots in large:
            core.manager.amend(order, order.filled + lots, ts)
        if not stale and not missing:
            return []
        for order in live:
            if order.state is UNKNOWN:
                missing = []
                break
        free = max(0, len(levels) - len(live))
        wishes = [Wish(level, None) for level in missing[:free]]
        wishes += [Wish(level, order) for level, order in zip(missing[free:], stale, strict=False)]
        for order in stale[max(0, len(missing) - free) :]:
            core.manager.cancel(order, ts)
        return wishes

    # --- one order ------------------------------------------------------------------------------------------------------------------------

    def _grant(self, desk: Desk, side: Side, wish: Wish, wanted: int, room: Room, ts: int) -> None:
        if wish.old is None:
            self._place(desk, side, wish.quote, wanted, room, ts)
        elif not self._move(desk, wish.old, wish.quote, wanted, room, ts):
            self._core.manager.cancel(wish.old, ts)

    def _place(self, desk: Desk, side: Side, quote: Quote, wanted: int, room: Room, ts: int) -> None:
        """Fit one order to the limits, have it checked, and send it."""
        core = self._core
        if ts < desk.hold_until:
            return
        if room.rate_spent:
            core.evidence.count("orders_refused_locally")
            return  # the next look places the rest
        size, least = min(quote.size, room.lots(side, quote.price)), least_lots(desk, quote.price)
        if size < least:
            desk.misfit = too_small(desk, side, quote, least, room.tightest(side, quote.price))
            return
        facts = room.facts(side, wanted)
        intent = Intent(side, quote.price, size)
        if self_cross(intent, facts) is not None:
            return  # the other side's old order is on its way out; its end brings us here again
        refusal = first_refusal(intent, facts)
        if refusal is None:
            desk.misfit = None
            core.manager.place(desk.symbol, side, quote.price, size, ts, reduce_only=self._reduce_only(desk))
            room.placed(side, quote.price, size)
        else:
            desk.misfit = refused(refusal)
            core.evidence.count("orders_refused_locally")

    def _move(self, desk: Desk, old: Order, quote: Quote, wanted: int, room: Room, ts: int) -> bool:
        """In one request, checked as a place is, with the old order counted as if it stayed. False: not possible now."""
        core, side = self._core, old.side
        modifies = desk.rules.modifiable and not old.change_refused
        if not (core.settings.requote_in_place and (modifies or desk.rules.replaceable)):
            return False
        if ts < desk.hold_until or room.rate_spent or not core.manager.can_replace(old, ts):
            return False
        reduce_only = self._reduce_only(desk)
        if modifies and old.reduce_only is not reduce_only:
            return False  # an order keeps that for its life
        if room.lots(side, quote.price) < quote.size:
            return False  # what fits beside the old order would be less than what fits after its end
        if first_refusal(Intent(side, quote.price, quote.size), room.facts(side, wanted, old)) is not None:
            return False
        if modifies:
            core.manager.modify(old, quote.price, old.filled + quote.size, ts)
        else:
            core.manager.replace(old, quote.price, quote.size, ts, reduce_only=reduce_only)
        room.placed(side, quote.price, quote.size)
        return True

    def _shrinks(self, desk: Desk, order: Order, lots: int, ts: int) -> bool:
        """The venue makes orders of this symbol smaller where they are, and takes this size."""
        rules = desk.rules
        return (
            rules.amendable
            and self._core.settings.requote_in_place
            and not order.change_refused
            and order.changes < rules.max_amends
            and lots >= least_lots(desk, order.price)
            and self._core.manager.can_replace(order, ts)
        )

    def _reduce_only(self, desk: Desk) -> bool:
        """Orders may only reduce now, and the venue can see to that itself."""
        if not desk.rules.reducible:
            return False
        return max(self._core.risk.level, desk.guards.level) is REDUCE_ONLY


def least_lots(desk: Desk, price: int) -> int:
    """The smallest size the venue takes at this price."""
    per_lot = price * desk.position.tick * desk.position.lot
    return max(desk.rules.min_quantity, -(-to_money(desk.rules.min_notional) // per_lot))
