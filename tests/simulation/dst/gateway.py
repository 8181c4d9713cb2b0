"""The venue port of one process, over a network that loses, delays, repeats and reorders messages in both directions, and a venue that breaks.

It makes the same promises as the real gateway (`venue/binance`): an answer to everything, at the latest after a time-out, and "dropped" for what never left.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, TypeVar

from mm_trader.core import events as ev
from mm_trader.core.commands import Cancel, Command, Place, QueryOrder, RequestDepth, RequestReconcile
from mm_trader.core.units import NS_PER_MS, SymbolRules
from mm_trader.venue.port import Capabilities, EventSink, GatewayHealth, VenueError
from mm_trader.venue.simulator.engine.errors import RefusalError
from mm_trader.venue.simulator.engine.types import Order

from .timeline import MS, SECOND
from .venue import CLOCK_CODE, CLOCK_MESSAGE, classify

if TYPE_CHECKING:
    from .process import Process

T = TypeVar("T")
ENGINE_NS = 10 * SECOND
REPLY_TIMEOUT_NS = 3 * SECOND
Making = Callable[[int], ev.Event]
"""An event, once it is known when it arrives."""


class Gateway:
    """Implements `venue.port.VenueGateway`."""

    capabilities = Capabilities(dead_man=False, modify_price=False, short_without_inventory=False)

    def __init__(self, process: Process, before_send: Callable[[Place], None]) -> None:
        self._process = process
        self._world = process.world
        self._venue = process.world.venue
        self._plan = process.world.plan
        self._timeline = process.world.timeline
        self._before_send = before_send
        self._recv_window_ms = round(process.config.venue.recv_window.total_seconds() * 1000)
        self._sink: EventSink | None = None
        self._blocked = False
        self._offset_ns = 0
        self._measuring = False
        self._pending: dict[int, Command] = {}
        self._requests = 0
        self._may_land_until = 0
        self.up = dict.fromkeys(ev.StreamName, False)
        self._generation = dict.fromkeys(ev.StreamName, 0)
        """Of each connection: what was sent over an older one never arrives."""

    # --- life ---------------------------------------------------------------------------------------------

    async def load_rules(self, symbols: Sequence[str]) -> dict[str, SymbolRules]:
        await asyncio.sleep(0.002)
        if self._plan.chance(self._world.chances.broken):
            raise VenueError("VenueUnreachable", "exchangeInfo: 503", permanent=False)
        self._measure_clock()
        return {symbol: self._venue.rules(symbol) for symbol in symbols}

    async def start(self, rules: dict[str, SymbolRules], client_id_prefix: str, sink: EventSink) -> None:
        self._sink = sink
        for stream in ev.StreamName:
            self._connect(stream)
        await asyncio.sleep(0.02)

    async def stop(self) -> None:
        self._sink = None
        self._pending.clear()

    def health(self) -> GatewayHealth:
        return GatewayHealth(
            streams={stream.value: up for stream, up in self.up.items()},
            last_message_age_ms={},
            clock_offset_ms=self._offset_ns / MS,
            used_weight=0,
            weight_limit=0,
            reconnects={},
        )

    def block_places(self, blocked: bool) -> None:
        self._blocked = blocked

    # --- connections --------------------------------------------------------------------------------------

    def cut(self, stream: ev.StreamName, down_ns: int) -> None:
        """The connection breaks: what was sent through it and is not answered is unknown; it comes back later."""
        if not self.up[stream] or self._sink is None:
            return
        self.up[stream] = False
        self._generation[stream] += 1
        self._say(lambda ts: ev.StreamStatus(ts=ts, stream=stream, up=False, reason="cut"))
        if stream is ev.StreamName.ORDERS:
            for number in list(self._pending):
                self._give_up(number, "connection lost")
        self._timeline.after(down_ns, lambda: self._connect(stream))

    def _connect(self, stream: ev.StreamName) -> None:
        self.up[stream] = True
        self._say(lambda ts: ev.StreamStatus(ts=ts, stream=stream, up=True))

    def push(self, stream: ev.StreamName, making: Making) -> None:
        """What the venue sends on a stream."""
        if not self.up[stream]:
            return
        generation = self._generation[stream]
        user = stream is ev.StreamName.USER
        for delay in self._plan.leg(self._world.user_net if user else self._world.market_net):
            self._timeline.after(delay, lambda: self._arrives(stream, generation, making))

    def _arrives(self, stream: ev.StreamName, generation: int, making: Making) -> None:
        if self.up[stream] and self._generation[stream] == generation:
            self._say(making)

    def _say(self, making: Making) -> None:
        """Inside the process, when it next runs."""

        def hear() -> None:
            if self._sink is not None:
                event = making(self._process.clock.monotonic_ns())
                self._world.note_event(event)
                self._sink(event)

        self._process.deliver(hear)

    # --- commands -----------------------------------------------------------------------------------------

    def submit(self, command: Command) -> None:
        self._process.check()
        self._world.note_command(command)
        if isinstance(command, Place):
            self._place(command)
        elif isinstance(command, Cancel):
            self._cancel(command)
        elif isinstance(command, QueryOrder):
            self._query(command)
        elif isinstance(command, RequestReconcile):
            self._process.spawn(self._reconcile(command))
        elif isinstance(command, RequestDepth):
            self._depth(command)
        else:
            raise TypeError(f"{type(command).__name__} is no command for a venue")

    def _place(self, place: Place) -> None:
        if self._blocked or not self.up[ev.StreamName.ORDERS]:
            self._drop(place, "place", "stop latch" if self._blocked else "order socket is down")
            return
        try:
            self._before_send(place)
        except OSError as error:
            self._drop(place, "place", str(error))
            return
        self._world.judge.place_leaves(self._process, place)
        stamp = self._stamp_ms()
        number = self._expect(place)
        self._may_land_until = max(
            self._may_land_until, self._process.clock.monotonic_ns() + self._recv_window_ms * MS
        )

        def at_the_venue() -> None:
            if not self._venue.in_time(stamp, self._recv_window_ms):
                self._clock_refused(number, place, "place")
            elif self._plan.chance(self._world.chances.throttled):
                self._refused(number, place, "place", ev.ErrorClass.THROTTLED, -1003, "Too many requests.")
            elif self._plan.chance(self._world.chances.slow_engine):
                self._answer(number, lambda ts: _unknown(ts, place, "place", "-1007 timeout"))
                if self._plan.chance(0.7):
                    wait = self._plan.rng.randrange(ENGINE_NS)
                    self._timeline.after(wait, lambda: self._execute_place(-1, place))
            elif self._plan.chance(self._world.chances.broken):
                if self._plan.chance(0.5):
                    self._execute_place(-1, place)
                self._answer(number, lambda ts: _unknown(ts, place, "place", "503"))
            else:
                self._execute_place(number, place)

        def repeated() -> None:
            """The venue refuses the copy if it has taken the first: DUPLICATE may be the only answer that is heard."""
            if self._venue.open_under(place.symbol, place.client_id) is not None:
                self._execute_place(number, place)

        self._send(at_the_venue, repeated)

    def _execute_place(self, number: int, place: Place) -> None:
        try:
            order = self._venue.place(place.symbol, place.client_id, place.side, place.price, place.size)
        except RefusalError as error:
            self._world.note("venue", f"refuses {place.client_id}: {error.msg}")
            self._refused(number, place, "place", classify(error), error.code, error.msg)
            return
        venue_id = order.id
        self._answer(
            number,
            lambda ts: ev.OrderAccepted(
                ts=ts, symbol=place.symbol, client_id=place.client_id, venue_id=venue_id
            ),
        )

    def _cancel(self, cancel: Cancel) -> None:
        number = self._expect(cancel)
        stamp = self._stamp_ms()

        def at_the_venue() -> None:
            if not self._venue.in_time(stamp, self._recv_window_ms):
                self._clock_refused(number, cancel, "cancel")
            elif self._plan.chance(self._world.chances.throttled):
                self._refused(number, cancel, "cancel", ev.ErrorClass.THROTTLED, -1003, "Too many requests.")
            elif self._plan.chance(self._world.chances.broken):
                if self._plan.chance(0.5):
                    self._execute_cancel(-1, cancel)
                self._answer(number, lambda ts: _unknown(ts, cancel, "cancel", "503"))
            else:
                self._execute_cancel(number, cancel)

        def repeated() -> None:
            if self._venue.open_under(cancel.symbol, cancel.client_id) is None:
                self._execute_cancel(number, cancel)

        self._send(at_the_venue, repeated)

    def _execute_cancel(self, number: int, cancel: Cancel) -> None:
        try:
            order = self._venue.cancel(cancel.symbol, cancel.client_id)
        except RefusalError as error:
            self._refused(number, cancel, "cancel", classify(error), error.code, error.msg)
            return
        view = self._venue.order_view(order)
        self._answer(number, lambda ts: ev.OrderFound(ts=ts, order=view))

    def _query(self, query: QueryOrder) -> None:
        number = self._expect(query)
        asked, stamp = self._process.clock.monotonic_ns(), self._stamp_ms()

        def at_the_venue() -> None:
            if self._plan.chance(self._world.chances.broken):
                self._answer(number, lambda ts: _query_failed(ts, query, "503"))
                return
            if not self._venue.in_time(stamp, self._recv_window_ms):
                self._answer(number, lambda ts: _query_failed(ts, query, CLOCK_MESSAGE))
                self._mend_clock()
                return
            order = self._venue.find(query.symbol, query.client_id)
            if order is None:
                self._answer(
                    number,
                    lambda ts: ev.OrderNotFound(
                        ts=ts, symbol=query.symbol, client_id=query.client_id, asked_ts=asked
                    ),
                )
                return
            view = self._venue.order_view(order)
            self._answer(number, lambda ts: ev.OrderFound(ts=ts, order=view))

        self._send(at_the_venue)

    async def _reconcile(self, request: RequestReconcile) -> None:
        """Open orders before trades, as the real one reads them."""
        asked, symbol = self._process.clock.monotonic_ns(), request.symbol
        try:
            orders = await self._read(
                lambda: [self._venue.order_view(o) for o in self._venue.open_orders(symbol)]
            )
            trades = await self._read(lambda: self._venue.trades_from(symbol, request.from_trade_id))
            balances: dict[str, tuple[Decimal, Decimal]] = await self._read(self._venue.balances)
        except ConnectionError as error:
            reason = str(error)
            self._say(lambda ts: ev.ReconcileFailed(ts=ts, symbol=symbol, reason=reason, cause=request.cause))
            return
        self._say(
            lambda ts: ev.ReconcileSnapshot(
                ts=ts,
                symbol=symbol,
                asked_ts=asked,
                open_orders=orders,
                foreign_open_orders=0,
                trades=trades,
                balances=balances,
                cause=request.cause,
            )
        )

    def _depth(self, request: RequestDepth) -> None:
        def at_the_venue() -> None:
            last, bids, asks = self._venue.depth(request.symbol)
            for delay in self._plan.leg(self._world.venue_net):
                self._timeline.after(
                    delay,
                    lambda: self._say(
                        lambda ts: ev.DepthSnapshot(
                            ts=ts, symbol=request.symbol, last_id=last, bids=bids, asks=asks
                        )
                    ),
                )

        self._send(at_the_venue)

    async def cancel_all_own(self, symbols: Sequence[str], timeout_s: float) -> bool:
        """Cancel what is seen, until nothing is, and nothing that was sent can still arrive."""
        try:
            async with asyncio.timeout(timeout_s):
                for symbol in symbols:
                    await self._sweep(symbol)
        except TimeoutError:
            return False
        self._world.note("gateway", "the venue shows nothing open")
        return True

    async def _sweep(self, symbol: str) -> None:
        while True:
            asked = self._process.clock.monotonic_ns()
            try:
                found = await self._read(lambda: list(self._venue.open_orders(symbol)))
                if not found and asked >= self._may_land_until:
                    return
                for order in found:
                    await self._read(lambda order=order: self._cancel_found(order))
            except ConnectionError:
                await asyncio.sleep(0.2)
            else:
                await asyncio.sleep(0 if found else 0.05)

    def _cancel_found(self, order: Order) -> None:
        if not order.is_final:
            self._venue.cancel(order.symbol, order.client_id)

    # --- requests and answers -----------------------------------------------------------------------------

    def _send(self, arrive: Callable[[], None], again: Callable[[], None] | None = None) -> None:
        """A message to the venue. A copy arrives right behind it, where nothing can have happened in between: a repeated request, no ghost of the past."""
        legs = self._plan.leg(self._world.venue_net)
        if not legs:
            return

        def here() -> None:
            arrive()
            if len(legs) > 1 and again is not None:
                again()

        self._timeline.after(legs[0], here)

    def _expect(self, command: Command) -> int:
        self._requests += 1
        number = self._requests
        self._pending[number] = command
        self._timeline.after(
            REPLY_TIMEOUT_NS, lambda: self._process.deliver(lambda: self._give_up(number, "no answer"))
        )
        return number

    def _give_up(self, number: int, reason: str) -> None:
        command = self._pending.pop(number, None)
        if isinstance(command, Place):
            self._say(lambda ts: _unknown(ts, command, "place", reason))
        elif isinstance(command, Cancel):
            self._say(lambda ts: _unknown(ts, command, "cancel", reason))
        elif isinstance(command, QueryOrder):
            self._say(lambda ts: _query_failed(ts, command, reason))

    def _answer(self, number: int, making: Making) -> None:
        """On its way back. A copy of an answer is passed on, too."""
        if number < 0:
            return

        def arrive(first: bool) -> None:
            if self._pending.pop(number, None) is not None or not first:
                self._say(making)

        for index, delay in enumerate(self._plan.leg(self._world.venue_net)):
            self._timeline.after(delay, lambda first=index == 0: self._process.deliver(lambda: arrive(first)))

    def _refused(
        self, number: int, command: Place | Cancel, word: str, error: ev.ErrorClass, code: int, message: str
    ) -> None:
        self._answer(
            number,
            lambda ts: ev.CommandRefused(
                ts=ts,
                symbol=command.symbol,
                client_id=command.client_id,
                command=word,
                error=error,
                code=code,
                message=message,
            ),
        )

    def _clock_refused(self, number: int, command: Place | Cancel, word: str) -> None:
        self._refused(number, command, word, ev.ErrorClass.CLOCK, CLOCK_CODE, CLOCK_MESSAGE)
        self._mend_clock()

    def _mend_clock(self) -> None:
        """Measured anew after a refusal, once for a burst of them."""
        if not self._measuring:
            self._measuring = True
            self._timeline.after(50 * MS, lambda: self._process.deliver(self._measure_clock))

    def _measure_clock(self) -> None:
        self._measuring = False
        self._offset_ns = self._venue.wall_ns() - self._process.clock.wall_ns()

    def _stamp_ms(self) -> int:
        return (self._process.clock.wall_ns() + self._offset_ns) // NS_PER_MS

    def _drop(self, command: Place, word: str, reason: str) -> None:
        self._say(
            lambda ts: ev.CommandDropped(
                ts=ts, symbol=command.symbol, client_id=command.client_id, command=word, reason=reason
            )
        )

    async def _read(self, read: Callable[[], T]) -> T:
        """One REST call. Raises ConnectionError."""
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()

        stamp = self._stamp_ms()

        def at_the_venue() -> None:
            if not self._venue.in_time(stamp, self._recv_window_ms):
                self._mend_clock()
                return
            value = read()
            for delay in self._plan.leg(self._world.venue_net)[:1]:
                self._timeline.after(delay, lambda: self._process.deliver(lambda: _resolve(answer, value)))

        if self._plan.chance(self._world.chances.broken):
            await asyncio.sleep(0.01)
            raise ConnectionError("503")
        for delay in self._plan.leg(self._world.venue_net)[:1]:
            self._timeline.after(delay, at_the_venue)
        try:
            async with asyncio.timeout(REPLY_TIMEOUT_NS / SECOND):
                return await answer
        except TimeoutError:
            raise ConnectionError("no answer") from None


def _resolve(future: asyncio.Future[T], value: T) -> None:
    if not future.done():
        future.set_result(value)


def _unknown(ts: int, command: Place | Cancel, word: str, reason: str) -> ev.Event:
    return ev.CommandUnknown(
        ts=ts, symbol=command.symbol, client_id=command.client_id, command=word, reason=reason
    )


def _query_failed(ts: int, query: QueryOrder, reason: str) -> ev.Event:
    return ev.QueryFailed(
        ts=ts, symbol=query.symbol, client_id=query.client_id, error=ev.ErrorClass.AMBIGUOUS, reason=reason
    )
