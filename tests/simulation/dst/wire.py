"""The connections of one process, and the messages on them: requests that are lost, delayed and repeated, answers too, streams that break and come back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from mm_trader.core import events as ev
from mm_trader.core.commands import Amend, Cancel, CancelReplace, Command, Place, QueryOrder
from mm_trader.core.units import NS_PER_MS
from mm_trader.venue.port import EventSink

from .timeline import MS, SECOND

if TYPE_CHECKING:
    from .process import Process

T = TypeVar("T")
REPLY_TIMEOUT_NS = 3 * SECOND
Making = Callable[[int], ev.Event]
"""An event, once it is known when it arrives."""


class Wire:
    """Between one process and the venue."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._world = process.world
        self._venue = process.world.venue
        self._plan = process.world.plan
        self._timeline = process.world.timeline
        self.recv_window_ms = round(process.config.venue.recv_window.total_seconds() * 1000)
        self.sink: EventSink | None = None
        self.offset_ns = 0
        self.base_ns: int | None = None
        """The venue's clock less ours, as last measured."""
        self._measuring = False
        self._pending: dict[int, Command] = {}
        self._requests = 0
        self.up = dict.fromkeys(ev.StreamName, False)
        self._generation = dict.fromkeys(ev.StreamName, 0)
        """Of each connection: what was sent over an older one never arrives."""
        self._latest = dict.fromkeys(ev.StreamName, 0)
        """When the last message of each stream arrives."""

    # --- connections --------------------------------------------------------------------------------------

    def cut(self, stream: ev.StreamName, down_ns: int) -> None:
        """The connection breaks: what was sent through it and is not answered is unknown; it comes back later."""
        if not self.up[stream] or self.sink is None:
            return
        self.up[stream] = False
        self._generation[stream] += 1
        self.say(lambda ts: ev.StreamStatus(ts=ts, stream=stream, up=False, reason="cut"))
        if stream is ev.StreamName.ORDERS:
            for number in list(self._pending):
                self._give_up(number, "connection lost")
        self._timeline.after(down_ns, lambda: self.connect(stream))

    def connect(self, stream: ev.StreamName) -> None:
        """It is up."""
        self.up[stream] = True
        self.say(lambda ts: ev.StreamStatus(ts=ts, stream=stream, up=True))

    def close(self) -> None:
        """Nothing is heard any more."""
        self.sink = None
        self._pending.clear()

    def push(self, stream: ev.StreamName, making: Making) -> None:
        """What the venue sends on a stream."""
        if not self.up[stream]:
            return
        generation = self._generation[stream]
        net = self._world.user_net if stream is ev.StreamName.USER else self._world.market_net
        for delay in self._plan.leg(net):
            if not net.late:  # one connection keeps the order
                delay = max(delay, self._latest[stream] - self._timeline.now)
                self._latest[stream] = self._timeline.now + delay
            self._timeline.after(delay, lambda: self._arrives(stream, generation, making))

    def _arrives(self, stream: ev.StreamName, generation: int, making: Making) -> None:
        if self.up[stream] and self._generation[stream] == generation:
            self.say(making)

    def say(self, *makings: Making) -> None:
        """Inside the process, when it next runs."""

        def hear() -> None:
            for making in makings:
                if self.sink is not None:
                    event = making(self._process.clock.monotonic_ns())
                    self._world.note_event(event)
                    self.sink(event)

        self._process.deliver(hear)

    # --- requests and answers -----------------------------------------------------------------------------

    def send(self, arrive: Callable[[], None], again: Callable[[], None] | None = None) -> None:
        """A message to the venue. A copy arrives right behind it, where nothing can have happened in between: a repeated request, no ghost of the past."""
        legs = self._plan.leg(self._world.venue_net)
        if not legs:
            return

        def here() -> None:
            arrive()
            if len(legs) > 1 and again is not None:
                again()

        self._timeline.after(legs[0], here)

    def expect(self, command: Command) -> int:
        """The number of the request that carries the command; it is answered by the time-out at the latest."""
        self._requests += 1
        number = self._requests
        self._pending[number] = command
        self._timeline.after(
            REPLY_TIMEOUT_NS, lambda: self._process.deliver(lambda: self._give_up(number, "no answer"))
        )
        return number

    def _give_up(self, number: int, reason: str) -> None:
        command = self._pending.pop(number, None)
        if isinstance(command, QueryOrder):
            self.say(lambda ts: query_failed(ts, command, reason))
        elif command is not None:
            self.say(*unknown(command, reason))

    def answer(self, number: int, *makings: Making) -> None:
        """On its way back. A copy of an answer is passed on, too."""
        if number < 0:
            return

        def arrive(first: bool) -> None:
            if self._pending.pop(number, None) is not None or not first:
                self.say(*makings)

        for index, delay in enumerate(self._plan.leg(self._world.venue_net)):
            self._timeline.after(delay, lambda first=index == 0: self._process.deliver(lambda: arrive(first)))

    async def read(self, read: Callable[[], T]) -> T:
        """One REST call. Raises ConnectionError."""
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()

        stamp = self.stamp_ms()

        def at_the_venue() -> None:
            if not self._venue.in_time(stamp, self.recv_window_ms):
                self.mend_clock()
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

    # --- the venue's clock --------------------------------------------------------------------------------

    def stamp_ms(self) -> int:
        """What the process takes for the venue's time."""
        return (self._process.clock.wall_ns() + self.offset_ns) // NS_PER_MS

    def mend_clock(self) -> None:
        """Measured anew after a refusal, once for a burst of them."""
        if not self._measuring:
            self._measuring = True
            self._timeline.after(50 * MS, lambda: self._process.deliver(self.measure_clock))

    def measure_clock(self) -> None:
        """Now."""
        self._measuring = False
        clock = self._process.clock
        self.offset_ns = self._venue.wall_ns() - clock.wall_ns()
        self.base_ns = clock.wall_ns() - clock.monotonic_ns()


def parts(command: Command) -> list[tuple[str, str, str]]:
    """(symbol, client id, word) of each answer that a command of the order socket gets."""
    match command:
        case Place(symbol=symbol, client_id=name):
            return [(symbol, name, "place")]
        case Cancel(symbol=symbol, client_id=name):
            return [(symbol, name, "cancel")]
        case CancelReplace(client_id=name, place=place):
            return [(place.symbol, name, "cancel"), (place.symbol, place.client_id, "place")]
        case Amend(symbol=symbol, client_id=name):
            return [(symbol, name, "amend")]
    raise TypeError(f"{type(command).__name__} is no command of the order socket")


def unknown(command: Command, reason: str) -> list[Making]:
    """Nobody can say."""
    return [
        lambda ts, part=part: ev.CommandUnknown(
            ts=ts, symbol=part[0], client_id=part[1], command=part[2], reason=reason
        )
        for part in parts(command)
    ]


def refused(command: Command, error: ev.ErrorClass, code: int, message: str) -> list[Making]:
    """A definite no, to the whole of it."""
    return [
        lambda ts, part=part: ev.CommandRefused(
            ts=ts,
            symbol=part[0],
            client_id=part[1],
            command=part[2],
            error=error,
            code=code,
            message=message,
        )
        for part in parts(command)
    ]


def dropped(command: Command, reason: str) -> list[Making]:
    """It never left."""
    return [
        lambda ts, part=part: ev.CommandDropped(
            ts=ts, symbol=part[0], client_id=part[1], command=part[2], reason=reason
        )
        for part in parts(command)
    ]


def query_failed(ts: int, query: QueryOrder, reason: str) -> ev.Event:
    """The question has no answer."""
    return ev.QueryFailed(
        ts=ts, symbol=query.symbol, client_id=query.client_id, error=ev.ErrorClass.AMBIGUOUS, reason=reason
    )


def _resolve(future: asyncio.Future[T], value: T) -> None:
    if not future.done():
        future.set_result(value)
