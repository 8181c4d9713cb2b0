"""The frozen snapshot of one MarketMaker's world, the only input of `decide`. `observe` fills it; tests build it by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from mm_api.kinds import FreezeWindow, MarketMaker, StageApproval, TradingHalt, VenueAccountSpec
from mm_api.kinds.venue_account import VenueAccountStatus
from mm_operator.gates.model import MetricAnswer
from mm_operator.kube.redis_state import IdentityState
from mm_operator.reconcile.revision import RevisionSnapshot
from mm_operator.settings import Timing


@dataclass(frozen=True)
class LeaseView:
    """The `Lease` object of an identity."""

    holder: str | None
    epoch: int
    scope: str
    database: str
    resource_version: str
    holder_exists: bool = True
    """False: the MarketMaker that signed it is gone."""


@dataclass(frozen=True)
class WorkloadView:
    """The StatefulSet of a trader."""

    name: str
    replicas: int
    applied: str
    """Hash of the last applied form; empty for a foreign one."""
    epoch: int = 0
    """Epoch its pods are made with."""
    storage: str = ""
    """Size of its journal's claim, which Kubernetes never lets change."""


@dataclass(frozen=True)
class PodView:
    """The one pod of a trader."""

    name: str
    uid: str
    epoch: int
    deleting: bool = False
    ready: bool = False
    running: bool = True
    """Whether its container runs at this moment."""
    waiting_reason: str = ""
    """Kubelet's word why it does not: CrashLoopBackOff, ImagePullBackOff, Unschedulable, …"""
    waiting_message: str = ""
    restarts: int = 0


@dataclass(frozen=True)
class AccountView:
    """An account that the MarketMaker names, or still has something on."""

    name: str
    identity: str | None
    """None: the VenueAccount does not exist, so nobody can say."""
    spec: VenueAccountSpec | None = None
    status: VenueAccountStatus | None = None
    generation: int = 0
    secret_exists: bool = False
    lease: LeaseView | None = None
    redis: IdentityState | None = None
    """None: Redis does not answer."""
    workload: WorkloadView | None = None
    pod: PodView | None = None
    claimed_by_others: Decimal = Decimal(0)
    """Capital that other MarketMakers have at work on it."""
    unlisted_symbols: tuple[str, ...] = ()
    """Symbols of the step in hand that the venue does not list."""
    refused: str = ""
    """Why the VenueAccount that exists counts as none: the models say no to it."""
    venue_problem: str = ""
    """Why the venue could not be asked for its symbols; empty when it could, or need not."""


@dataclass(frozen=True)
class Snapshot:
    """All that a decision may rest on."""

    now: datetime
    market_maker: MarketMaker
    accounts: Mapping[str, AccountView]
    revisions: Mapping[str, RevisionSnapshot] = field(default_factory=dict)
    approvals: tuple[StageApproval, ...] = ()
    trading_halts: tuple[TradingHalt, ...] = ()
    """Those that reach this MarketMaker: scope and selector are judged already."""
    metrics: Mapping[int, MetricAnswer] = field(default_factory=dict)
    database_id: str | None = None
    """None: Redis does not answer."""
    redis_error: str = ""
    default_image: str = ""
    timing: Timing = field(default_factory=Timing)
    spec_error: str = ""
    """Why the spec in hand is the running revision's and not the object's; empty when it is the object's."""
    missing_secrets: tuple[str, ...] = ()
    """Secrets that spec.alerts refers to and that do not exist."""
    frozen_by: FreezeWindow | None = None
    """The freeze window that is open now."""

    @property
    def namespace(self) -> str:
        """The MarketMaker's namespace."""
        return self.market_maker.metadata.namespace or "default"

    @property
    def name(self) -> str:
        """The MarketMaker's name."""
        return self.market_maker.metadata.name
