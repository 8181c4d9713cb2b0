"""What the demo shows, taken from the app in one go: the views only draw."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from mm_api.redis_contract import FillRecord

if TYPE_CHECKING:
    from mm_trader.shell.app import App

SHOWN_FILLS = 8


class SymbolLine(msgspec.Struct, frozen=True, kw_only=True):
    """One symbol."""

    symbol: str
    mid: Decimal | None
    bid: Decimal | None
    ask: Decimal | None
    position: Decimal
    volatility: float

    @property
    def spread_bp(self) -> float | None:
        """Own ask over own bid, in basis points of the mid."""
        if self.bid is None or self.ask is None or not self.mid:
            return None
        return float((self.ask - self.bid) / self.mid * 10_000)


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """Everything."""

    seconds: float
    phase: str
    reason: str
    risk: str
    halts: tuple[str, ...]
    symbols: tuple[SymbolLine, ...]
    open_orders: int
    net_day: Decimal
    realised: Decimal
    unrealised: Decimal
    fees: Decimal
    drawdown: Decimal
    capital: Decimal
    fills: tuple[FillRecord, ...]
    fill_count: int
    volume: Decimal
    orders_placed: int
    kernel_us: float
    """Mean time of an event in the kernel."""


def take(app: App, seconds: float) -> Snapshot:
    """The state now."""
    state = app.state()
    status = app.kernel_status()
    kernel = app.dispatcher.kernel
    evidence = kernel.evidence(app.clock.wall_ns()) if kernel is not None else None
    seen = sum(app.dispatcher.latency)
    zero = Decimal(0)
    lines = [
        SymbolLine(
            symbol=symbol,
            mid=status.mids.get(symbol) if status else None,
            bid=status.quotes[symbol][0] if status else None,
            ask=status.quotes[symbol][1] if status else None,
            position=status.positions.get(symbol, zero) if status else zero,
            volatility=status.volatility.get(symbol, 0.0) if status else 0.0,
        )
        for symbol in app.config.symbols
    ]
    return Snapshot(
        seconds=seconds,
        phase=state.phase.value,
        reason=state.reason,
        risk=state.risk_level,
        halts=tuple(f"{latch.reason} ({latch.id})" for latch in app.halts.current),
        symbols=tuple(lines),
        open_orders=state.open_orders,
        net_day=status.net_pnl_day if status else zero,
        realised=status.realised if status else zero,
        unrealised=status.unrealised if status else zero,
        fees=status.fees if status else zero,
        drawdown=status.drawdown if status else zero,
        capital=app.config.risk.capital,
        fills=tuple(list(app.dispatcher.recent_fills)[-SHOWN_FILLS:]),
        fill_count=evidence.fills if evidence else 0,
        volume=evidence.volume if evidence else zero,
        orders_placed=evidence.orders_placed if evidence else 0,
        kernel_us=app.dispatcher.latency_sum_ns / seen / 1000 if seen else 0.0,
    )
