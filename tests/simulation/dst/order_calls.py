"""The order socket of one process: places, cancels, amends and cancel-replaces on their way to an engine that throttles, stalls and breaks."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from mm_trader.core import events as ev
from mm_trader.core.commands import Amend, Cancel, CancelReplace, Command, Place
from mm_trader.venue.simulator.engine.errors import RefusalError

from .timeline import MS
from .venue import CLOCK_CODE, CLOCK_MESSAGE, ENGINE_NS, classify
from .wire import Making, Wire, dropped, refused, unknown

if TYPE_CHECKING:
    from .process import Process

THROTTLED = (ev.ErrorClass.THROTTLED, -1003, "Too many requests.")
Execute = Callable[[int], None]
"""Carries a request out and answers it under its number; below zero nobody hears the answer."""


class OrderCalls:
    """Every command is answered, each half of a cancel-replace by itself."""

    def __init__(self, process: Process, wire: Wire, before_send: Callable[[Place], None]) -> None:
        self._process = process
        self._world = process.world
        self._venue = process.world.venue
        self._plan = process.world.plan
        self._timeline = process.world.timeline
        self._wire = wire
        self._before_send = before_send
        self.blocked = False
        """The stop latch."""
        self.may_land_until = 0

    def place(self, place: Place) -> None:
        """It leaves, or is dropped."""
        obstacle = self._obstacle(place)
        if obstacle:
            self._wire.say(*dropped(place, obstacle))
            return

        def repeated(number: int) -> None:
            """The venue refuses the copy if it has taken the first: DUPLICATE may be the only answer that is heard."""
            if self._venue.open_under(place.symbol, place.client_id) is not None:
                self._wire.answer(number, self._placed(place))

        self._request(
            place, lambda number: self._wire.answer(number, self._placed(place)), repeated, slow=True
        )

    def cancel(self, cancel: Cancel) -> None:
        """It always leaves."""

        def repeated(number: int) -> None:
            if self._venue.open_under(cancel.symbol, cancel.client_id) is None:
                self._wire.answer(number, self._cancelled(cancel))

        self._request(cancel, lambda number: self._wire.answer(number, self._cancelled(cancel)), repeated)

    def amend(self, amend: Amend) -> None:
        """An open order shrinks where it is."""
        if not self._wire.up[ev.StreamName.ORDERS]:
            self._wire.say(*dropped(amend, "order socket is down"))
            return
        self._request(amend, lambda number: self._wire.answer(number, self._amended(amend)))

    def replace(self, replace: CancelReplace) -> None:
        """Both halves in one request; what keeps the new order back does not keep the cancel back. No copy of it arrives: it would say of an order that the
        first one has placed that it was not attempted, and a frame of one connection is not repeated."""
        cancel = Cancel(symbol=replace.symbol, client_id=replace.client_id, venue_id=replace.venue_id)
        obstacle = self._obstacle(replace.place)
        if obstacle:
            self._wire.say(*dropped(replace.place, obstacle))
            self.cancel(cancel)
            return

        def execute(number: int) -> None:
            try:
                order = self._venue.cancel(cancel.symbol, cancel.client_id)
            except RefusalError as error:
                halves = _refusal(cancel, error) + dropped(replace.place, "not attempted")
            else:
                view = self._venue.order_view(order)
                halves = [lambda ts: ev.OrderFound(ts=ts, order=view), self._placed(replace.place)]
            self._wire.answer(number, *halves)

        self._request(replace, execute, slow=True)

    # --- on the way -----------------------------------------------------------------------------------------

    def _obstacle(self, place: Place) -> str:
        """The last function before the socket. Empty: it leaves now."""
        if self.blocked:
            return "stop latch"
        if not self._wire.up[ev.StreamName.ORDERS]:
            return "order socket is down"
        try:
            self._before_send(place)
        except OSError as error:
            return str(error)
        self._world.judge.place_leaves(self._process, place)
        lands_by = self._process.clock.monotonic_ns() + self._wire.recv_window_ms * MS
        self.may_land_until = max(self.may_land_until, lands_by)
        return ""

    def _request(
        self, command: Command, execute: Execute, repeated: Execute | None = None, *, slow: bool = False
    ) -> None:
        """`slow`: the engine may answer with a time-out and carry it out later, or never."""
        wire = self._wire
        number = wire.expect(command)
        stamp = wire.stamp_ms()

        def at_the_venue() -> None:
            chances = self._world.chances
            if not self._venue.in_time(stamp, wire.recv_window_ms):
                wire.answer(number, *refused(command, ev.ErrorClass.CLOCK, CLOCK_CODE, CLOCK_MESSAGE))
                wire.mend_clock()
            elif self._plan.chance(chances.throttled):
                wire.answer(number, *refused(command, *THROTTLED))
            elif slow and (later := self._world.take_late()) is not None:
                wire.answer(number, *unknown(command, "-1007 timeout"))
                self._timeline.after(later, lambda: execute(-1))
            elif slow and self._plan.chance(chances.slow_engine):
                wire.answer(number, *unknown(command, "-1007 timeout"))
                if self._plan.chance(0.7):
                    self._timeline.after(self._plan.rng.randrange(ENGINE_NS), lambda: execute(-1))
            elif self._plan.chance(chances.broken):
                if self._plan.chance(0.5):
                    execute(-1)
                wire.answer(number, *unknown(command, "503"))
            else:
                execute(number)

        wire.send(at_the_venue, None if repeated is None else lambda: repeated(number))

    # --- at the engine --------------------------------------------------------------------------------------

    def _placed(self, place: Place) -> Making:
        try:
            order = self._venue.place(place.symbol, place.client_id, place.side, place.price, place.size)
        except RefusalError as error:
            self._world.note("venue", f"refuses {place.client_id}: {error.msg}")
            return _refusal(place, error)[0]
        venue_id = order.id
        return lambda ts: ev.OrderAccepted(
            ts=ts, symbol=place.symbol, client_id=place.client_id, venue_id=venue_id
        )

    def _cancelled(self, cancel: Cancel) -> Making:
        try:
            order = self._venue.cancel(cancel.symbol, cancel.client_id)
        except RefusalError as error:
            return _refusal(cancel, error)[0]
        view = self._venue.order_view(order)
        return lambda ts: ev.OrderFound(ts=ts, order=view)

    def _amended(self, amend: Amend) -> Making:
        try:
            order = self._venue.amend(amend.symbol, amend.client_id, amend.size)
        except RefusalError as error:
            return _refusal(amend, error)[0]
        view = self._venue.order_view(order)
        return lambda ts: ev.OrderAmended(ts=ts, order=view)


def _refusal(command: Command, error: RefusalError) -> list[Making]:
    return refused(command, classify(error), error.code, error.msg)
