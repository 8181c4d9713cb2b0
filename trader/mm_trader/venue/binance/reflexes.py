"""What the gateway does by itself on an answer of the venue, besides passing it on: wait, stop, look at the clock."""

from __future__ import annotations

from collections.abc import Callable

from mm_trader.venue.binance.governor import Purpose, RateGovernor
from mm_trader.venue.binance.reactions import Step


class Reflexes:
    """One place for the steps of the reaction table."""

    def __init__(
        self, governor: RateGovernor, resync_clock: Callable[[], None], disconnect_orders: Callable[[], None]
    ) -> None:
        self._governor = governor
        self._resync_clock = resync_clock
        self._disconnect_orders = disconnect_orders

    def act(self, step: Step, purpose: Purpose, wait_s: float | None) -> None:
        """`wait_s`: what the venue asked for, if it did."""
        if step is Step.PAUSE:
            self._governor.throttled(purpose, wait_s)
        elif step is Step.BAN:
            self._governor.banned(wait_s)
            self._disconnect_orders()
        elif step is Step.RESYNC:
            self._resync_clock()
