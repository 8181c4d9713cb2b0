"""The circuit breakers at work: they watch the answers that come in as events and the calls that go out as commands. Cancels pass always.

A call that a breaker holds back is answered as if the venue had not been reached, so every part keeps its own way of asking again."""

from __future__ import annotations

from typing import Final

from mm_trader.core import events as ev
from mm_trader.core.commands import Command, Place, QueryOrder, RequestDepth, RequestReconcile
from mm_trader.core.events import ErrorClass
from mm_trader.kernel.desk import Core
from mm_trader.kernel.halting import Halting
from mm_trader.risk.breaker import BreakerState, Endpoint

_NOT_NOW = frozenset({ErrorClass.THROTTLED, ErrorClass.CLOCK, ErrorClass.AMBIGUOUS})
"""Answers that say nothing about the order and everything about the venue."""
HELD = "the circuit breaker is open"
_LOOKS = 3
"""Held calls may make the parts ask for other calls; more rounds than this would be a part that does not take no for an answer."""


class Breakers:
    """Of one kernel."""

    def __init__(self, core: Core, halting: Halting) -> None:
        self._core = core
        self._halting = halting
        self._depth_asked: set[str] = set()

    def observe(self, event: ev.Event) -> None:
        """What an event says about the venue's health, before anybody else hears it. Orders: see `Ears`, which knows what an answer was to."""
        if type(event) not in _TELLING:
            return
        match event:
            case ev.OrderFound() | ev.OrderNotFound():
                self._ok(Endpoint.QUERIES)
            case ev.QueryFailed(error=error):
                self._judge(Endpoint.QUERIES, failed=error in _NOT_NOW)
            case ev.ReconcileSnapshot():
                self._ok(Endpoint.ACCOUNT)
            case ev.ReconcileFailed():
                self._judge(Endpoint.ACCOUNT, failed=True)
            case ev.DepthSnapshot(symbol=symbol):
                self._depth_asked.discard(symbol)
                self._ok(Endpoint.MARKET)
            case ev.StreamStatus(up=True):
                for breaker in self._core.breakers.values():
                    breaker.probe_now()

    def hold_back(self, commands: list[Command]) -> list[Command]:
        """The commands without the calls that may not leave now; whoever waits for their answers is told."""
        breakers = self._core.breakers
        for command in commands:
            endpoint = _CLASSES.get(type(command))
            if endpoint is _MARKET or (endpoint is not None and breakers[endpoint].state is not _CLOSED):
                break
        else:
            return commands
        for _ in range(_LOOKS):
            kept = [command for command in commands if self._passes(command)]
            follow = self._core.outbox.drain()
            if not follow:
                return kept
            commands = kept + follow
        return [command for command in commands if type(command) not in _CLASSES]

    def _passes(self, command: Command) -> bool:
        endpoint = _CLASSES.get(type(command))
        if endpoint is None:
            return True
        ts = self._core.now
        breaker = self._core.breakers[endpoint]
        if type(command) is RequestDepth:
            if command.symbol in self._depth_asked:
                self._judge(Endpoint.MARKET, failed=True)  # asked again: the one before was never answered
            self._depth_asked.add(command.symbol)
        if breaker.state is _CLOSED:
            return True
        if (
            type(command) is Place
        ):  # judged by the pre-trade check, and counted as the probe when it was placed
            return True
        if breaker.allows(ts):
            breaker.sent(ts)
            return True
        self._answer(command, ts)
        return False

    def _answer(self, command: Command, ts: int) -> None:
        core = self._core
        if type(command) is QueryOrder:
            core.manager.on_query_failed(
                ev.QueryFailed(
                    ts=ts,
                    symbol=command.symbol,
                    client_id=command.client_id,
                    error=ErrorClass.THROTTLED,
                    reason=HELD,
                )
            )
        elif type(command) is RequestReconcile:
            core.reconciler.on_failed(
                ev.ReconcileFailed(ts=ts, symbol=command.symbol, reason=HELD, cause=command.cause)
            )

    def _ok(self, endpoint: Endpoint) -> None:
        self._judge(endpoint, failed=False)

    def _judge(self, endpoint: Endpoint, *, failed: bool) -> None:
        self._halting.judge_call(endpoint, failed=failed)


_TELLING: Final = frozenset(
    {
        ev.OrderFound,
        ev.OrderNotFound,
        ev.QueryFailed,
        ev.ReconcileSnapshot,
        ev.ReconcileFailed,
        ev.DepthSnapshot,
        ev.StreamStatus,
    }
)
"""Events that say something about the venue's health."""
_MARKET: Final = Endpoint.MARKET  # quick to look up: see `events.BUY`
_CLOSED: Final = BreakerState.CLOSED
_CLASSES: dict[type[Command], Endpoint] = {
    Place: Endpoint.ORDERS,
    QueryOrder: Endpoint.QUERIES,
    RequestReconcile: Endpoint.ACCOUNT,
    RequestDepth: Endpoint.MARKET,
}
