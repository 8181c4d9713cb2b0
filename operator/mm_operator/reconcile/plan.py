"""What `decide` answers: typed actions in the order they are to be carried out, the new status, and when to look again. `act` carries them out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from mm_api.drills import DrillName
from mm_api.kinds import MarketMakerStatus, StageRecordSpec
from mm_api.redis_contract import Latch
from mm_operator.reconcile.ladder import Rung
from mm_operator.reconcile.revision import RevisionSnapshot


@dataclass(frozen=True)
class SetLatch:
    """Stop an identity, for one reason."""

    identity: str
    latch: Latch


@dataclass(frozen=True)
class LiftLatch:
    """Take one reason away."""

    identity: str
    latch_id: str


@dataclass(frozen=True)
class TakeLease:
    """Sign the identity's Lease for a scope under a new epoch: a linearizable write that fails when anyone else has written since."""

    identity: str
    epoch: int
    scope: str
    database: str
    resource_version: str | None
    """Of the Lease as it was observed; None: there was none."""


@dataclass(frozen=True)
class ReleaseLease:
    """Give the identity up: remove the trader's Redis user, clear the Lease's holder. Its epoch stays, so it only grows."""

    identity: str
    resource_version: str
    account: str


@dataclass(frozen=True)
class IssueEpoch:
    """Make the Lease's epoch the one Redis accepts."""

    identity: str
    epoch: int


@dataclass(frozen=True)
class RunTrader:
    """Make the trader of one account be what it is meant to be: Redis user, Secret, ConfigMap, Service, StatefulSet of one."""

    account: str
    identity: str
    epoch: int
    scope: str
    rung: Rung
    revision: RevisionSnapshot
    limits: Mapping[str, str]


@dataclass(frozen=True)
class StopTrader:
    """Scale the trader of one account to none. Its journal stays."""

    account: str


@dataclass(frozen=True)
class DeletePod:
    """Delete one pod, of that uid and no other."""

    name: str
    uid: str


@dataclass(frozen=True)
class Tighten:
    """Hand the running trader tighter limits."""

    identity: str
    generation: int
    limits: Mapping[str, str]


@dataclass(frozen=True)
class AskForDrill:
    """Tell the running trader to begin a drill."""

    identity: str
    drill: DrillName


@dataclass(frozen=True)
class KeepRevision:
    """Store a revision's snapshot, before anything of it runs."""

    snapshot: RevisionSnapshot


@dataclass(frozen=True)
class WriteRecord:
    """Write a step's evidence. One that is there already is never touched."""

    name: str
    spec: StageRecordSpec


@dataclass(frozen=True)
class SetFinalizer:
    """Hold the object until everything is stopped, or let it go."""

    present: bool


@dataclass(frozen=True)
class DropChildren:
    """Delete the traders' objects when the MarketMaker goes."""

    accounts: tuple[str, ...]


@dataclass(frozen=True)
class Announce:
    """A Kubernetes event for people."""

    type: Literal["Normal", "Warning"]
    reason: str
    message: str


Action = (
    SetLatch
    | LiftLatch
    | TakeLease
    | ReleaseLease
    | IssueEpoch
    | RunTrader
    | StopTrader
    | DeletePod
    | Tighten
    | AskForDrill
    | KeepRevision
    | WriteRecord
    | SetFinalizer
    | DropChildren
    | Announce
)


@dataclass(frozen=True)
class Plan:
    """The whole decision."""

    status: MarketMakerStatus | None
    """None: the object goes, nothing is written."""
    actions: tuple[Action, ...] = ()
    wake_at: datetime | None = None
    """An instant at which time alone changes the decision."""
    used_revisions: frozenset[str] = field(default_factory=frozenset)
    """Revisions whose snapshots are still needed."""
    finished: bool = False
    """The object is gone after this: the loop ends."""
