"""What the kernel starts from and what it says of itself: the only state that crosses its border besides events and commands."""

from __future__ import annotations

from decimal import Decimal
from enum import IntEnum
from typing import Final

import msgspec

from mm_api.redis_contract import Evidence, FillRecord, Latch, LedgerRecord, OrderRecord, TraderPhase


class RiskLevel(IntEnum):
    """The four-level risk state; only the deepest cause counts."""

    NORMAL = 0
    CAUTIOUS = 1
    """Quotes wider and smaller."""
    REDUCE_ONLY = 2
    """Only the side that brings the position back."""
    HALTED = 3
    """No order at all."""


NORMAL: Final = RiskLevel.NORMAL
"""Names that are quick to look up: see `events.BUY`."""
CAUTIOUS: Final = RiskLevel.CAUTIOUS
REDUCE_ONLY: Final = RiskLevel.REDUCE_ONLY
HALTED: Final = RiskLevel.HALTED


UNHEARD: Final = "HeartbeatNotWritten"
"""Why trading is not allowed although the lease is held: the dead man hears nothing of us."""


class Restored(msgspec.Struct, frozen=True, kw_only=True):
    """What an incarnation knows before it has asked the venue: Redis and journal merged, newest wins. Venue evidence wins over all of it."""

    ledger: LedgerRecord | None = None
    orders: tuple[OrderRecord, ...] = ()
    """Orders that were, or may have been, open."""
    fills: tuple[FillRecord, ...] = ()
    """Journaled fills that the ledger may not yet contain, oldest first; de-duplicated by (symbol, trade id) against `last_trade_id`."""
    latches: tuple[Latch, ...] = ()
    evidence: Evidence | None = None
    """Of the running scope; None: it begins now."""
    clean: bool = True
    """False: the incarnation before did not say goodbye."""


class KernelStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A snapshot for /status, metrics and the reported state."""

    phase: TraderPhase
    reason: str
    risk_level: RiskLevel
    risk_reasons: tuple[str, ...]
    halts: tuple[str, ...]
    open_orders: int
    unknown_orders: int
    reconciled: bool
    positions: dict[str, Decimal]
    net_pnl_day: Decimal
    net_pnl_scope: Decimal
    realised: Decimal
    unrealised: Decimal
    fees: Decimal
    drawdown: Decimal
    quotes: dict[str, tuple[Decimal | None, Decimal | None]]
    """Symbol → (best own bid, best own ask) that rest at the venue."""
    mids: dict[str, Decimal | None]
    zero_orders_confirmed_ms: int | None = None
    """Wall ms: when the venue last confirmed that nothing under the prefix is open, since it last was otherwise."""
    flatten: dict[str, str] = msgspec.field(default_factory=dict)
    """Symbol → step of the flatten machine."""
    breakers: dict[str, str] = msgspec.field(default_factory=dict)
    """Class of calls → closed, open or half_open."""
    guards: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    """Symbol → guards that ask for a level above Normal."""
    guard_levels: dict[str, RiskLevel] = msgspec.field(default_factory=dict)
    vpin: dict[str, float | None] = msgspec.field(default_factory=dict)
    """Symbol → VPIN; None: too little was traded yet."""
    orders_per_second: int = 0
    cancel_ratio: float | None = None
    """Of the last minute; None: too few orders to say."""
    fills_per_minute: int = 0
    reject_streak: int = 0
    clock_skew_ms: float = 0.0
    """Venue minus local, now."""
    reconcile: dict[str, int] = msgspec.field(default_factory=dict)
    """Comparisons with the venue: runs, failures, differences by kind, and how long the last and the longest took (ms)."""
    dormant: dict[str, Decimal] = msgspec.field(default_factory=dict)
    """Symbol → base units that a symbol holds which is not configured any more: nobody looks after them."""
    misfits: dict[str, str] = msgspec.field(default_factory=dict)
    """Symbol → why no order of it fits, and the field that decides; nothing for a symbol that has one."""
    volatility: dict[str, float]
    """Symbol → EWMA volatility per square-root second, as a fraction of the price."""
    capital: dict[str, Decimal]
    """Symbol → share of the capital it may use now."""
    volatility_noise: dict[str, float]
    """Symbol → share of the realised variance that is bounce between bid and ask, where known."""
