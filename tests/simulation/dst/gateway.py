"""The venue port of one process, over a network that loses, delays, repeats and reorders messages in both directions, and a venue that breaks.

It makes the same promises as the real gateway (`venue/binance`): an answer to everything, at the latest after a time-out, and "dropped" for what never left.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from mm_trader.core import events as ev
from mm_trader.core.commands import (
    Amend,
    Cancel,
    CancelReplace,
    Command,
    Place,
    QueryOrder,
    RequestDepth,
    RequestReconcile,
)
from mm_trader.core.units import SymbolRules
from mm_trader.venue.port import EventSink, GatewayHealth, VenueError
from mm_trader.venue.products import SPOT
from mm_trader.venue.simulator.engine.types import Order

from .order_calls import OrderCalls
from .timeline import MS
from .venue import CLOCK_MESSAGE
from .wire import Wire, query_failed

if TYPE_CHECKING:
    from .process import Process


class Gateway:
    """Implements `venue.port.VenueGateway`."""

    capabilities = SPOT

    def __init__(self, process: Process, before_send: Callable[[Place], None]) -> None:
        self._process = process
        self._world = process.world
        self._venue = process.world.venue
        self._plan = process.world.plan
        self._timeline = process.world.timeline
        self.wire = Wire(process)
        self._orders = OrderCalls(process, self.wire, before_send)

    # --- life ---------------------------------------------------------------------------------------------

    async def load_rules(self, symbols: Sequence[str]) -> dict[str, SymbolRules]:
        await asyncio.sleep(0.002)
        if self._plan.chance(self._world.chances.broken):
            raise VenueError("VenueUnreachable", "exchangeInfo: 503", permanent=False)
        self.wire.measure_clock()
        return {symbol: self._venue.rules(symbol) for symbol in symbols}

    async def start(self, rules: dict[str, SymbolRules], client_id_prefix: str, sink: EventSink) -> None:
        self.wire.sink = sink
        for stream in ev.StreamName:
            self.wire.connect(stream)
        await asyncio.sleep(0.02)

    async def stop(self) -> None:
        self.wire.close()

    async def keep_switch(self, _symbols: Sequence[str], _timeout_s: float) -> bool:
        return False

    def health(self) -> GatewayHealth:
        return GatewayHealth(
            streams={stream.value: up for stream, up in self.wire.up.items()},
            last_message_age_ms={},
            clock_offset_ms=self.wire.offset_ns / MS,
            clock_base_ns=self.wire.base_ns,
            used_weight=0,
            weight_limit=0,
            reconnects={},
        )

    def block_places(self, blocked: bool) -> None:
        self._orders.blocked = blocked

    # --- commands -----------------------------------------------------------------------------------------

    def submit(self, command: Command) -> None:
        self._process.check()
        self._world.note_command(command)
        match command:
            case Place():
                self._orders.place(command)
            case Cancel():
                self._orders.cancel(command)
            case CancelReplace():
                self._orders.replace(command)
            case Amend():
                self._orders.amend(command)
            case QueryOrder():
                self._query(command)
            case RequestReconcile():
                self._process.spawn(self._reconcile(command))
            case RequestDepth():
                self._depth(command)
            case _:
                raise TypeError(f"{type(command).__name__} is no command for a venue")

    def _query(self, query: QueryOrder) -> None:
        wire = self.wire
        number = wire.expect(query)
        asked, stamp = self._process.clock.monotonic_ns(), wire.stamp_ms()

        def at_the_venue() -> None:
            if self._plan.chance(self._world.chances.broken):
                wire.answer(number, lambda ts: query_failed(ts, query, "503"))
                return
            if not self._venue.in_time(stamp, wire.recv_window_ms):
                wire.answer(number, lambda ts: query_failed(ts, query, CLOCK_MESSAGE))
                wire.mend_clock()
                return
            order = self._venue.find(query.symbol, query.client_id)
            if order is None:
                wire.answer(
                    number,
                    lambda ts: ev.OrderNotFound(
                        ts=ts, symbol=query.symbol, client_id=query.client_id, asked_ts=asked
                    ),
                )
                return
            view = self._venue.order_view(order)
            wire.answer(number, lambda ts: ev.OrderFound(ts=ts, order=view))

        wire.send(at_the_venue)

    async def _reconcile(self, request: RequestReconcile) -> None:
        """Open orders before trades, as the real one reads them."""
        wire = self.wire
        asked, symbol = self._process.clock.monotonic_ns(), request.symbol
        try:
            orders = await wire.read(
                lambda: [self._venue.order_view(o) for o in self._venue.open_orders(symbol)]
            )
            trades = await wire.read(lambda: self._venue.trades_from(symbol, request.from_trade_id))
            balances: dict[str, tuple[Decimal, Decimal]] = await wire.read(self._venue.balances)
        except ConnectionError as error:
            reason = str(error)
            wire.say(lambda ts: ev.ReconcileFailed(ts=ts, symbol=symbol, reason=reason, cause=request.cause))
            return
        wire.say(
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
                    lambda: self.wire.say(
                        lambda ts: ev.DepthSnapshot(
                            ts=ts, symbol=request.symbol, last_id=last, bids=bids, asks=asks
                        )
                    ),
                )

        self.wire.send(at_the_venue)

    # --- the way out --------------------------------------------------------------------------------------

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
                found = await self.wire.read(lambda: list(self._venue.open_orders(symbol)))
                if not found and asked >= self._orders.may_land_until:
                    return
                for order in found:
                    await self.wire.read(lambda order=order: self._cancel_found(order))
            except ConnectionError:
                await asyncio.sleep(0.2)
            else:
                await asyncio.sleep(0 if found else 0.05)

    def _cancel_found(self, order: Order) -> None:
        if not order.is_final:
            self._venue.cancel(order.symbol, order.client_id)
