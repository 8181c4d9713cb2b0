"""Closing a position after an emergency stop: limit → taker → call a person. A state machine of one symbol, pure: it says what to do next.

It places only when nothing of the symbol is, or may be, open; never more than the position, and withdraws what a late trade has made more than that; never less
than the venue takes (less is dust, and stays).
An order of which nobody knows is waited for, never doubled. Whatever does not get on within its time goes one step up; the last step is a person, who is told
once, and again from time to time. Each step is told when it is entered, not while it lasts.
"""

from __future__ import annotations

from decimal import Decimal
from enum import Enum

import msgspec

from mm_api.scalars import format_decimal
from mm_trader.core.events import Side

_REQUOTE_NS = 1_000_000_000
"""A resting close is moved at most this often."""
MAX_FAILURES = 5
"""Closes in a row that ended without a fill and not by us: refused, expired, dropped."""


class Step(Enum):
    """Where it stands, in the order in which it goes."""

    IDLE = "idle"
    SETTLING = "settling"
    """Until the venue has shown that nothing is open."""
    LIMIT = "limit"
    """Post-only at the own touch: no fee of a taker, no spread paid."""
    TAKER = "taker"
    """Through the other side's touch, bounded; what does not fill at once is cancelled."""
    HELP = "help"
    """A person has been called; nothing is placed any more."""
    FLAT = "flat"
    """Nothing is left that could be closed."""


class FlattenLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Times in ns."""

    enabled: bool
    settle_for: int
    """Longest wait for the venue to show nothing open."""
    limit_for: int
    taker_wait: int
    """How long a taker's rest may stay."""
    taker_attempts: int
    """In a row without a fill."""
    unknown_for: int
    """How long an order may be unknown before a person is called."""
    remind_every: int


class View(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What there is to see. Lots and ticks."""

    ts: int
    position: int
    held: Decimal
    """The position to the last digit, dust below a lot included, in `asset`: for people."""
    asset: str
    least: int
    """The fewest lots the venue takes at the price of now."""
    most: int
    zero: bool
    """The venue has shown that nothing of the symbol is open, since anything was placed."""
    live: int
    """Orders that are, or may be, open."""
    unknown: bool
    """One of them is UNKNOWN."""
    live_price: int | None
    """Of the resting close, if it is the only one."""
    live_lots: int
    """What that one may still trade, signed: positive buys. 0 where there is none."""
    bid: int
    ask: int
    market: bool
    """Bid and ask may be relied on, and the venue has been read."""
    taker_reach: int
    """Ticks that a taker may go through the touch."""


class Close(msgspec.Struct, frozen=True, gc=False):
    """Place this."""

    side: Side
    price: int
    size: int
    post_only: bool


class Withdraw(msgspec.Struct, frozen=True, gc=False):
    """Cancel what is open."""


class Tell(msgspec.Struct, frozen=True, gc=False):
    """Tell people."""

    reason: str
    message: str
    critical: bool


Action = Close | Withdraw | Tell


class Flatten:
    """Of one symbol."""

    def __init__(self, symbol: str, limits: FlattenLimits) -> None:
        self._symbol = symbol
        self._limits = limits
        self._begin_anew()

    def _begin_anew(self) -> None:
        self.step = Step.IDLE
        self._since = 0
        self._placed = 0
        self._moved = 0
        self._before: int | None = None
        """Position when the last close was placed; None: none was placed since its end was judged."""
        self._failures = 0
        self._withdrawn = False
        self._unknown_since: int | None = None
        self._told = 0

    def begin(self, ts: int) -> None:
        """An emergency stop. Begins once; a second cause changes nothing."""
        if self.step is Step.IDLE:
            self._enter(Step.SETTLING, ts)

    def end(self) -> None:
        """A person lifted the halt: trading goes on, whatever is left of the position."""
        self._begin_anew()

    def refused(self) -> None:
        """A pre-trade check refused the last close: it never left."""
        self._before = None
        self._failures += 1

    def look(self, view: View) -> list[Action]:
        """What to do now."""
        if self.step in (Step.IDLE, Step.FLAT):
            return []
        if view.live == 0 and abs(view.position) < max(view.least, 1) and (view.market or view.position == 0):
            return self._flat(view)
        if view.unknown and self.step is not Step.HELP:
            return self._wait_for_word(view)
        self._unknown_since = None
        if self.step is Step.SETTLING:
            return self._settle(view)
        if self.step is Step.HELP:
            return self._remind(view)
        self._judge_last(view)
        if self._failures >= MAX_FAILURES and self.step is Step.LIMIT:
            return self._to_taker(view, f"{self._failures} closes were refused")
        if self._failures >= self._limits.taker_attempts and self.step is Step.TAKER:
            return self._help(view, f"{self._failures} takers in a row filled nothing")
        return self._limit(view) if self.step is Step.LIMIT else self._take(view)

    # --- the steps --------------------------------------------------------------------------------------------------------------------

    def _settle(self, view: View) -> list[Action]:
        if view.zero and view.live == 0:
            self._enter(Step.LIMIT, view.ts)
            return [self._tell("FlattenBegan", f"position {_amount(view)}: closing it by limit orders")]
        if view.ts - self._since >= self._limits.settle_for:
            return self._help(view, "the venue does not show that nothing is open")
        return []

    def _limit(self, view: View) -> list[Action]:
        if view.ts - self._since >= self._limits.limit_for:
            return self._to_taker(view, "limit orders did not close it in time")
        if view.live_price is not None and _beyond(view.position, view.live_lots):
            return [] if self._withdrawn else self._withdraw(view)
        if not view.market:
            return []
        side = Side.SELL if view.position > 0 else Side.BUY
        price = view.ask if side is Side.SELL else view.bid
        if view.live == 0:
            self._moved = view.ts
            return [self._close(view, side, price, post_only=True)]
        if view.live_price is not None and view.live_price != price and view.ts - self._moved >= _REQUOTE_NS:
            self._moved = view.ts
            return self._withdraw(view)
        return []

    def _take(self, view: View) -> list[Action]:
        if view.live:
            if not view.unknown and view.ts - self._placed >= self._limits.taker_wait:
                self._placed = view.ts
                return self._withdraw(view)
            return []
        if not view.market:
            waited = view.ts - max(self._since, self._placed) >= self._limits.limit_for
            return self._help(view, "there is no market to rely on") if waited else []
        side = Side.SELL if view.position > 0 else Side.BUY
        price = view.bid - view.taker_reach if side is Side.SELL else view.ask + view.taker_reach
        return [self._close(view, side, max(price, 1), post_only=False)]

    def _to_taker(self, view: View, why: str) -> list[Action]:
        self._enter(Step.TAKER, view.ts)
        self._placed = view.ts
        tell = self._tell("FlattenTaking", f"{why}: {_amount(view)} left, taking")
        return [tell, *self._withdraw(view)]

    def _help(self, view: View, why: str) -> list[Action]:
        self._enter(Step.HELP, view.ts)
        self._told = view.ts
        tell = Tell(
            "FlattenFailed", f"{self._symbol}: {why}; {_amount(view)} is left: close it by hand", True
        )
        return [tell, *self._withdraw(view)]

    def _remind(self, view: View) -> list[Action]:
        if view.ts - self._told < self._limits.remind_every:
            return []
        self._told = view.ts
        return [
            Tell(
                "FlattenFailed",
                f"{self._symbol}: {_amount(view)} is still left: close it by hand",
                True,
            )
        ]

    def _flat(self, view: View) -> list[Action]:
        self._enter(Step.FLAT, view.ts)
        left = f"{_amount(view)} is dust that the venue does not take" if view.held else "nothing is left"
        return [self._tell("FlattenDone", left)]

    # --- inner ------------------------------------------------------------------------------------------------------------------------

    def _close(self, view: View, side: Side, price: int, *, post_only: bool) -> Close:
        self._placed = view.ts
        self._before = view.position
        self._withdrawn = False
        return Close(side, price, min(abs(view.position), view.most), post_only)

    def _withdraw(self, view: View) -> list[Action]:
        self._withdrawn = True
        return [Withdraw()] if view.live else []

    def _judge_last(self, view: View) -> None:
        """Once the last close has ended: did it bring anything?"""
        if self._before is None or view.live:
            return
        if view.position != self._before:
            self._failures = 0
        elif self.step is Step.TAKER or not self._withdrawn:
            self._failures += 1
        self._before = None

    def _wait_for_word(self, view: View) -> list[Action]:
        """An UNKNOWN order may still fill: wait for the venue's word, and call a person when it does not come."""
        if self._unknown_since is None:
            self._unknown_since = view.ts
        if view.ts - self._unknown_since >= self._limits.unknown_for:
            return self._help(view, "an order's state is unknown")
        return []

    def _enter(self, step: Step, ts: int) -> None:
        self.step = step
        self._since = ts
        self._failures = 0

    def _tell(self, reason: str, message: str) -> Tell:
        return Tell(reason, f"{self._symbol}: {message}", False)


def _amount(view: View) -> str:
    """The position as people know it; negative: short."""
    return f"{format_decimal(view.held)} {view.asset}"


def _beyond(position: int, change: int) -> bool:
    """The change does more than bring the position back: a late trade has moved it since the close was placed."""
    return not min(position, 0) <= position + change <= max(position, 0)
