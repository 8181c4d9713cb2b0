"""What several kinds share: references, conditions, environments, halt levels, and how a kind declares its CRD."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar, Literal, NamedTuple

from pydantic import ConfigDict, Field

from mm_api.scalars import NAME_PATTERN, ApiModel, Timestamp


class Venue(StrEnum):
    """The exchange and product."""

    BINANCE = "binance"
    BINANCE_USDM = "binance-usdm"


class Environment(StrEnum):
    """Where the account lives. Only `mainnet` is real money."""

    SIMULATOR = "simulator"
    TESTNET = "testnet"
    DEMO = "demo"
    MAINNET = "mainnet"


class HaltLevel(StrEnum):
    """How deep trading is stopped; the deepest of all sources wins."""

    NONE = "None"
    REDUCE_ONLY = "ReduceOnly"
    HALTED = "Halted"
    HIBERNATED = "Hibernated"

    @property
    def depth(self) -> int:
        """0 (trading) to 3 (no pod): for comparing two levels."""
        return list(HaltLevel).index(self)


AlertKind = Literal[
    "Halt",
    "HaltLifted",
    "RiskLevel",
    "OrderAnomaly",
    "Reconciled",
    "Started",
    "Stopped",
    "Violation",
    "Warning",
    "Report",
]
"""What an alert is about."""


class ObjectReference(ApiModel):
    """A reference to an object of the same namespace."""

    name: str = Field(
        min_length=1, max_length=63, pattern=NAME_PATTERN, description="Name of the object in this namespace."
    )


class Condition(ApiModel):
    """One condition, as the Kubernetes API conventions define it."""

    type: str = Field(max_length=316)
    status: Literal["True", "False", "Unknown"]
    reason: str = Field(min_length=1, max_length=1024, pattern=r"^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$")
    message: str = Field(default="", max_length=32768)
    last_transition_time: Timestamp
    observed_generation: int = 0


class ObjectMeta(ApiModel):
    """The part of Kubernetes' object metadata that this project reads."""

    model_config = ConfigDict(extra="ignore")

    name: str = ""
    namespace: str | None = None
    uid: str = ""
    generation: int = 0
    resource_version: str = ""
    finalizers: list[str] = Field(default_factory=list)
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)
    creation_timestamp: Timestamp | None = None
    deletion_timestamp: Timestamp | None = None


class Column(NamedTuple):
    """A column of `kubectl get`. Priority 1 shows with `-o wide` only."""

    name: str
    json_path: str
    type: str = "string"
    priority: int = 0
    description: str = ""


class Names(NamedTuple):
    """How a kind is called on the command line."""

    plural: str
    singular: str
    short: tuple[str, ...]


class Resource(ApiModel):
    """Base of the kinds: an object as the API server stores it. Subclasses add `spec` and, where they have one, `status`."""

    model_config = ConfigDict(extra="ignore")

    names: ClassVar[Names]
    columns: ClassVar[tuple[Column, ...]]
    categories: ClassVar[tuple[str, ...]] = ("mm-rebuild",)

    api_version: str = "mm-rebuild.io/v1alpha1"
    kind: str = ""
    metadata: ObjectMeta = Field(default_factory=ObjectMeta)
