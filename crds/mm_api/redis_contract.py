"""Every Redis key and value that operator and trader exchange, version 1. docs/redis-contract.md explains the protocol over it.

All keys of one trading identity share the hash tag `{identity}`, so that one script may touch several of them and one ACL pattern covers them all.
Values are one-line JSON of the models below (wire names), unless said otherwise. Times are integer milliseconds of wall time (UTC) at the writer.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Any, Literal

from pydantic import Field

from mm_api.alerts_config import AlertKind
from mm_api.drills import DrillName, DrillRecord
from mm_api.kinds.common import HaltLevel
from mm_api.scalars import ExactDecimal
from mm_api.versions import ContractModel, VersionedModel

PREFIX = "mm:v1"
DATABASE_ID_KEY = f"{PREFIX}:database-id"
"""String. Set by the operator once per database. Missing or another: the database was lost or replaced."""

STREAM_LIMIT = 10_000
"""Streams are trimmed to about this many entries (`MAXLEN ~`)."""


class Keys:
    """The keys of one trading identity."""

    def __init__(self, identity: str) -> None:
        """`identity`: as in `TraderConfig.identity`."""
        root = f"{PREFIX}:{{{identity}}}"
        self.pattern = f"{root}:*"
        """ACL pattern that covers the identity's keys and nothing else."""
        self.lease = f"{root}:lease"
        """String: the holder (pod UID); PX = time to live. Absent: nobody may write."""
        self.fence = f"{root}:fence"
        """Hash: `epoch` (operator, only grows), `counter` (one more with each acquisition), `holder` (last that acquired)."""
        self.latches = f"{root}:latches"
        """Hash: halt id → `Latch`. The deepest level of all of them is obeyed."""
        self.acknowledged = f"{root}:acknowledged"
        """List, newest first: the last 256 halts that were lifted, each as `id@ms` and then `id`. Lets a trader tell 'lifted' from 'lost with the database'."""
        self.orders = f"{root}:orders"
        """Hash: client order id → `OrderRecord`, open and unknown orders only; closed ones are removed."""
        self.fills = f"{root}:fills"
        """Stream, one field `fill`: `FillRecord`, trimmed."""
        self.ledger = f"{root}:ledger"
        """String: `LedgerRecord`: position, cost, PnL of the day. Written with every fill, in the same script call."""
        self.commands = f"{root}:commands"
        """Stream, one field `command`: `Command`, operator → trader."""
        self.alerts = f"{root}:alerts"
        """Stream, one field `alert`: `AlertRecord`, trader → operator."""
        self.state = f"{root}:state"
        """String: `ReportedState`, rewritten every `evidenceInterval` and at once on a change of phase."""
        self.evidence_prefix = f"{root}:evidence:"
        """+ scope → String: `Evidence`. Expires 30 days after the last write."""

    def evidence(self, scope: str) -> str:
        """Key of one scope's evidence."""
        return f"{self.evidence_prefix}{scope}"


def trader_acl_rules(identity: str) -> list[str]:
    """What follows `ACL SETUSER name reset on >password` for the user of one identity's trader (Redis 7).

    It reads its own keys, writes what it owns, and cannot undo what others wrote: no lifting of a latch, no acknowledging, no command to itself.
    The last two rules are selectors: a latch may be added but not removed, and the scripts may name any key of the identity while each
    command inside them is still judged by the rules before.
    """
    root = Keys(identity).pattern.removesuffix("*")
    owned = ("lease", "fence", "orders", "fills", "ledger", "alerts", "state", "evidence:*")
    read_only = ("latches", "acknowledged", "commands")
    return [
        "resetchannels",
        *(f"~{root}{key}" for key in owned),
        *(f"%R~{root}{key}" for key in read_only),
        f"%R~{DATABASE_ID_KEY}",
        "-@all",
        *("+ping", "+hello", "+select", "+client|setname", "+info", "+eval", "+evalsha", "+script|load"),
        *("+get", "+hget", "+hmget", "+hgetall", "+hexists", "+lrange", "+xread", "+xrevrange", "+pttl"),
        *("+set", "+pexpire", "+del", "+hset", "+hdel", "+hincrby", "+xadd"),
        f"(+hset +hgetall ~{root}latches)",
        f"(+eval +evalsha ~{root}*)",
    ]


class LatchSource(StrEnum):
    """Who stopped trading."""

    RISK = "Risk"
    ALERT = "Alert"
    PAUSE = "Pause"
    TRADING_HALT = "TradingHalt"
    HANDOVER = "Handover"
    OPERATOR = "Operator"

    @property
    def needs_acknowledgement(self) -> bool:
        """True: only a person lifts it, by its id. False: it ends with its cause (a spec field, an object, a hand-over)."""
        return self in (LatchSource.RISK, LatchSource.ALERT)


class Latch(ContractModel):
    """A reason not to trade, under an identity. Durable before it counts."""

    id: str = Field(min_length=1, max_length=128)
    level: HaltLevel
    source: LatchSource
    reason: str = Field(description="CamelCase, such as DailyLossLimit.")
    message: str = ""
    at_ms: int
    revision: str = ""
    scope: str = ""

    @property
    def symbol(self) -> str | None:
        """The one symbol that this stops; None: everything. Such a latch has level None, which stops nothing else, and the id risk-REASON-SYMBOL-TIME."""
        parts = self.id.split("-")
        if self.level is not HaltLevel.NONE or self.source is not LatchSource.RISK or len(parts) != 4:
            return None
        return parts[2].upper()


def lifted_until(acknowledged: Sequence[str]) -> dict[str, int | None]:
    """What the list of lifted halts says: id → halts of that id set at this wall time (ms) or before are lifted; None: all of them.

    An operator of a release before this one wrote ids alone, to the front: whichever stands first is the newest."""
    found: dict[str, int | None] = {}
    for entry in acknowledged:
        halt_id, mark, at = entry.rpartition("@")
        if mark and at.isdigit():
            found.setdefault(halt_id, int(at))
        else:
            found.setdefault(entry, None)
    return found


class CommandKind(StrEnum):
    """What the operator may ask of a running trader."""

    REFRESH_LATCHES = "RefreshLatches"
    RECONCILE = "Reconcile"
    TIGHTEN = "Tighten"
    DRILL = "Drill"


class Command(ContractModel):
    """One entry of the command stream. The latches themselves are in their hash; the command only says: look now."""

    kind: CommandKind
    at_ms: int
    generation: int = 0
    limits: dict[str, str] = Field(
        default_factory=dict,
        description="Tighten: RiskConfig fields by wire name; looser values than the running ones are ignored.",
    )
    drill: DrillName | None = Field(
        default=None,
        description="Drill: which one. A trader of a release before it takes the command for RefreshLatches.",
    )


class AlertRecord(ContractModel):
    """Something a person or the operator should know of."""

    kind: AlertKind
    severity: Literal["info", "warning", "critical"] = "info"
    at_ms: int
    reason: str = ""
    message: str = ""
    halt_id: str | None = None


class OrderRecord(ContractModel):
    """An order that is, or may be, open at the venue."""

    client_id: str
    symbol: str
    side: Literal["BUY", "SELL"]
    price: ExactDecimal
    quantity: ExactDecimal
    filled: ExactDecimal = Decimal(0)
    state: str = Field(description="A state of docs/orders.md, such as NEW or UNKNOWN.")
    venue_id: int | None = None
    created_ms: int
    updated_ms: int


class FillRecord(ContractModel):
    """One trade of an own order, as the venue reported it."""

    symbol: str
    trade_id: int
    client_id: str
    venue_order_id: int
    side: Literal["BUY", "SELL"]
    price: ExactDecimal
    quantity: ExactDecimal
    commission: ExactDecimal
    commission_asset: str
    maker: bool
    venue_ms: int


class PositionRecord(ContractModel):
    """Position in one symbol, in exact amounts."""

    position: ExactDecimal = Field(
        default=Decimal(0),
        description="Base units, signed; relative to what the account held when the identity first traded.",
    )
    cash: ExactDecimal = Field(
        default=Decimal(0), description="Quote received minus quote paid since the first fill, fees included."
    )
    average_price: ExactDecimal = Decimal(0)
    realised: ExactDecimal = Field(
        default=Decimal(0), description="Quote currency, fees included, since the first fill."
    )
    fees: ExactDecimal = Field(
        default=Decimal(0), description="Quote currency, since the first fill; negative: rebates."
    )
    other_fees: dict[str, ExactDecimal] = Field(
        default_factory=dict, description="Commissions in assets that have no rate: not in the PnL."
    )
    last_trade_id: int = Field(
        default=-1, description="All own trades up to this id are booked (the venue's own list said so)."
    )
    booked_trade_ids: list[int] = Field(
        default_factory=list, description="Trades beyond last_trade_id that are booked too."
    )
    funding: ExactDecimal = Field(
        default=Decimal(0),
        description="Perpetuals: funding received less funding paid, in quote currency; it is in cash.",
    )
    last_funding_ms: int = Field(
        default=0, description="Perpetuals: venue time up to which funding is booked."
    )

    def has_booked(self, trade_id: int) -> bool:
        """Whether the own trade `trade_id` of this symbol is in these amounts."""
        return trade_id <= self.last_trade_id or trade_id in self.booked_trade_ids

    mark: ExactDecimal = Field(default=Decimal(0), description="Mid at the time of writing; 0: none yet.")


def _ledger_2(data: dict[str, Any]) -> None:
    """Version 1 left the budget's start out where it was the scope's, and carried a counter that nobody counted."""
    data.pop("clientIdCounter", None)
    if data.get("budgetStartPnl") is None:
        data["budgetStartPnl"] = data.get("scopeStartPnl", "0")


class LedgerRecord(VersionedModel):
    """Positions and PnL of an identity. Venue trades newer than `last_trade_id` are booked on top of it after a restart."""

    migrations = (_ledger_2,)

    positions: dict[str, PositionRecord] = Field(default_factory=dict)
    day: str = Field(default="", description="UTC day the day fields belong to, YYYY-MM-DD.")
    day_start_pnl: ExactDecimal = Field(
        default=Decimal(0),
        description="Net PnL since the first fill, at the start of the day or at the last acknowledgement of a loss.",
    )
    peak_pnl: ExactDecimal = Field(
        default=Decimal(0), description="Highest net PnL of the scope, marked to market."
    )
    scope: str = ""
    scope_start_pnl: ExactDecimal = Field(
        default=Decimal(0), description="Net PnL since the first fill, when the scope began."
    )
    budget_start_pnl: ExactDecimal | None = Field(
        default=None,
        description="Where the loss budget counts from: the scope's start, or the last acknowledgement of a loss.",
    )
    symbol_day_start: dict[str, ExactDecimal] = Field(
        default_factory=dict,
        description="Net PnL of each symbol where its daily loss counts from: the start of the day, or the last acknowledgement.",
    )
    updated_ms: int = 0


class TraderPhase(StrEnum):
    """What a trader is doing."""

    STARTING = "Starting"
    WAITING_FOR_LEASE = "WaitingForLease"
    SETTLING = "Settling"
    RECONCILING = "Reconciling"
    QUOTING = "Quoting"
    NOT_QUOTING = "NotQuoting"
    REDUCE_ONLY = "ReduceOnly"
    HALTED = "Halted"
    STOPPING = "Stopping"
    STOPPED = "Stopped"


class ReportedState(VersionedModel):
    """What a trader says of itself. Older than `lease.ttl`: nobody knows."""

    holder: str
    epoch: int
    counter: int
    phase: TraderPhase
    reason: str = Field(default="", description="Why it does not quote, CamelCase.")
    revision: str
    scope: str
    symbols: list[str]
    capital: ExactDecimal
    risk_level: Literal["Normal", "Cautious", "ReduceOnly", "Halted"] = "Normal"
    halts: list[str] = Field(default_factory=list, description="Ids of the latches it obeys.")
    open_orders: int = Field(description="Own orders that are or may be open, unknown ones included.")
    unknown_orders: int = 0
    zero_orders_confirmed_ms: int | None = Field(
        default=None,
        description="When the venue last confirmed that nothing under the identity's prefix is open, since it last was otherwise.",
    )
    positions: dict[str, ExactDecimal] = Field(default_factory=dict, description="Base units by symbol.")
    last_command_id: str = "0-0"
    unlisted_symbols: list[str] = Field(
        default_factory=list, description="Configured symbols that the venue does not list or does not trade."
    )
    error: str = Field(default="", description="Why it cannot work, in a sentence; empty when it can.")
    error_reason: str = Field(
        default="", description="CamelCase, such as CredentialsRefused, SymbolNotListed."
    )
    updated_ms: int


class RunningStats(ContractModel):
    """Count, mean and sum of squared differences (Welford) of a series: enough for a confidence bound."""

    count: int = 0
    mean: float = 0.0
    m2: float = 0.0


class Evidence(VersionedModel):
    """What the gates judge: counters of one scope (revision, stage, step, attempt), over all incarnations."""

    scope: str
    revision: str
    started_ms: int = Field(description="First quote of the scope; 0: not yet.")
    updated_ms: int
    incarnations: int = Field(default=0, description="Times a trader began to work on this scope.")
    unclean_stops: int = Field(
        default=0, description="Incarnations that ended without saying so: crash, kill, power cut."
    )
    uptime_ms: int = 0
    quoted_ms: int = Field(
        default=0, description="Time with own orders on both sides of at least one symbol."
    )
    orders_placed: int = 0
    orders_accepted: int = 0
    orders_rejected: int = Field(default=0, description="Refused by the venue, post-only refusals apart.")
    orders_post_only_rejected: int = 0
    orders_refused_locally: int = Field(default=0, description="Stopped by a pre-trade check.")
    orders_unknown: int = Field(default=0, description="Ended in UNKNOWN for a while.")
    orders_unknown_open: int = Field(default=0, description="Still UNKNOWN now.")
    order_anomalies: int = Field(
        default=0, description="Illegal transitions, fills of orders nobody placed, quantities that disagree."
    )
    cancels_sent: int = 0
    cancels_rejected: int = 0
    fills: int = 0
    maker_fills: int = 0
    volume: ExactDecimal = Field(default=Decimal(0), description="Quote currency.")
    net_pnl: ExactDecimal = Field(
        default=Decimal(0),
        description="Quote currency, marked to market, fees included, since the scope began.",
    )
    realised_pnl: ExactDecimal = Decimal(0)
    fees: ExactDecimal = Decimal(0)
    max_drawdown: ExactDecimal = Field(
        default=Decimal(0), description="Largest fall from peak as a fraction of capital."
    )
    pnl_samples: RunningStats = Field(
        default_factory=RunningStats, description="Changes of net PnL per sample_interval_ms."
    )
    sample_interval_ms: int = 1000
    mark_out_bp: dict[str, RunningStats] = Field(
        default_factory=dict,
        description="Horizon in ms → mark-out of own fills in basis points of the price; negative: picked off.",
    )
    risk_violations: int = Field(default=0, description="Times a limit was breached and a halt latched.")
    violation_reasons: list[str] = Field(default_factory=list, max_length=32)
    halts: int = 0
    reconcile_runs: int = 0
    reconcile_repairs: int = Field(
        default=0, description="Differences to the venue that were found and repaired."
    )
    self_test_checks: int = Field(default=0, description="Risk controls exercised at the start of the scope.")
    self_test_failures: list[str] = Field(default_factory=list, max_length=64)
    drills: dict[DrillName, DrillRecord] = Field(
        default_factory=dict, description="Drills that the trader has run in this scope."
    )
