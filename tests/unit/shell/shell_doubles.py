"""Doubles of what surrounds the shell's parts: a venue on lists, a kernel that says what it is told to, a clock that is moved by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal
from typing import Any

from mm_api.redis_contract import Evidence, FillRecord, Latch, LedgerRecord, OrderRecord
from mm_trader.core.clock import ManualClock
from mm_trader.core.commands import Command, OrderChanged
from mm_trader.core.events import Event, Side
from mm_trader.core.ids import ClientIds
from mm_trader.core.state import KernelStatus
from mm_trader.core.units import NS_PER_S, SymbolRules
from mm_trader.venue.port import Capabilities, EventSink, GatewayHealth

RULES = SymbolRules(
    symbol="ETHUSDC", base_asset="ETH", quote_asset="USDC", tick=Decimal("0.01"), lot=Decimal("0.0001")
)


def latch(
    halt_id: str = "risk-DailyLossLimit-1", source: str = "Risk", level: str = "Halted", **more: Any
) -> Latch:
    return Latch.model_validate(
        {"id": halt_id, "level": level, "source": source, "reason": "DailyLossLimit", "atMs": 1, **more}
    )


def order(
    client_id: str = "mm00000000-0-1-1", *, filled: str = "0", state: str = "NEW", updated_ms: int = 1
) -> OrderRecord:
    return OrderRecord(
        client_id=client_id,
        symbol="ETHUSDC",
        side="BUY",
        price=Decimal("2000.01"),
        quantity=Decimal("0.01"),
        filled=Decimal(filled),
        state=state,
        created_ms=1,
        updated_ms=updated_ms,
    )


def changed(client_id: str, cause: str = "") -> OrderChanged:
    """A command about an order that is open."""
    return OrderChanged(
        rules=RULES,
        client_id=client_id,
        side=Side.BUY,
        price=200_001,
        size=100,
        filled=0,
        state="NEW",
        venue_id=None,
        created_ms=1,
        updated_ms=1,
        closed=False,
        cause=cause,
    )


def fill(trade_id: int = 1) -> FillRecord:
    return FillRecord(
        symbol="ETHUSDC",
        trade_id=trade_id,
        client_id="mm00000000-0-1-1",
        venue_order_id=7,
        side="BUY",
        price=Decimal("2000.01"),
        quantity=Decimal("0.01"),
        commission=Decimal("0"),
        commission_asset="USDC",
        maker=True,
        venue_ms=5,
    )


def ledger(last_trade_id: int = 1, updated_ms: int = 1) -> LedgerRecord:
    return LedgerRecord.model_validate(
        {
            "positions": {"ETHUSDC": {"position": "0.01", "lastTradeId": last_trade_id}},
            "updatedMs": updated_ms,
        }
    )


class MovingSleep:
    """A sleep that moves the clock and lets others run: what is waited for has passed when it returns."""

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self.slept: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.slept.append(seconds)
        self._clock.advance(round(seconds * NS_PER_S))
        await yield_to_others()


async def yield_to_others(times: int = 20) -> None:
    """Let every task that can run do so."""
    for _ in range(times):
        await asyncio.sleep(0)


class FakeGateway:
    """Implements the port; records what it is given."""

    capabilities = Capabilities(dead_man=False, modify_price=False, short_without_inventory=False)

    def __init__(self) -> None:
        self.submitted: list[Command] = []
        self.blocked: list[bool] = []
        self.sweeps = 0
        self.switched: list[tuple[tuple[str, ...], float]] = []
        self.switch_works = True
        self.zero_after = 1
        """The sweep that is the first to be confirmed."""
        self.sink: EventSink | None = None
        self.stopped = False
        self.rules = {"ETHUSDC": RULES}
        self.load_error: Exception | None = None
        self.on_sweep: Callable[[], Awaitable[None]] | None = None

    async def load_rules(self, symbols: Sequence[str]) -> dict[str, SymbolRules]:
        if self.load_error is not None:
            raise self.load_error
        return {symbol: self.rules[symbol] for symbol in symbols if symbol in self.rules}

    async def start(self, rules: dict[str, SymbolRules], client_id_prefix: str, sink: EventSink) -> None:
        self.sink = sink

    def submit(self, command: Command) -> None:
        self.submitted.append(command)

    def block_places(self, blocked: bool) -> None:
        self.blocked.append(blocked)

    async def cancel_all_own(self, symbols: Sequence[str], timeout_s: float) -> bool:
        self.sweeps += 1
        if self.on_sweep is not None:
            await self.on_sweep()
        return self.sweeps >= self.zero_after

    async def keep_switch(self, symbols: Sequence[str], timeout_s: float) -> bool:
        self.switched.append((tuple(symbols), timeout_s))
        return self.switch_works

    def health(self) -> GatewayHealth:
        return GatewayHealth(
            streams={"market": True},
            last_message_age_ms={"market": 1},
            clock_offset_ms=0.0,
            clock_base_ns=None,
            used_weight=1,
            weight_limit=6000,
            reconnects={"market": 0},
        )

    async def stop(self) -> None:
        self.stopped = True


class FakeKernel:
    """Answers each event with the commands it was told to give."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.answers: list[list[Command]] = []
        self.error: Exception | None = None
        self.incarnations: list[ClientIds] = []

    def on_event(self, event: Event) -> list[Command]:
        self.events.append(event)
        if self.error is not None:
            raise self.error
        return self.answers.pop(0) if self.answers else []

    def begin_incarnation(self, ids: ClientIds) -> None:
        self.incarnations.append(ids)

    def is_flat(self) -> bool:
        return True

    def may_land(self) -> bool:
        return False

    def ledger(self) -> LedgerRecord:
        return ledger(99)

    def evidence(self, wall_ns: int) -> Evidence:
        return Evidence(scope="local", revision="local", started_ms=0, updated_ms=wall_ns // 1_000_000)

    def status(self) -> KernelStatus:
        raise NotImplementedError

    def open_orders(self) -> list[OrderRecord]:
        return []
