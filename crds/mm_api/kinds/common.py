"""What several kinds share: references, conditions, environments, halt levels, and how a kind declares its CRD."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, ClassVar, Literal, NamedTuple

from pydantic import ConfigDict, Field, model_validator

from mm_api.scalars import NAME_PATTERN, ApiModel, Between, Duration, Fraction, Timestamp, rules


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


class SplitMethod(StrEnum):
    """How a trader's capital is split over its symbols."""

    FIXED = "Fixed"
    INVERSE_VOLATILITY = "InverseVolatility"
    RISK_PARITY = "RiskParity"


class PortfolioSpec(ApiModel):
    """Several symbols in one trader: who gets how much of the capital."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                "!has(self.weights) || size(self.weights) == 0 || !has(self.split) || self.split == 'Fixed'",
                "portfolio.weights: they are for split Fixed alone",
            ),
            (
                "!has(self.weights) || self.weights.map(s, double(self.weights[s])).sum() < 1.000000001",
                "portfolio.weights: they add up to more than 1",
            ),
        )
    )

    split: SplitMethod = Field(
        default=SplitMethod.FIXED,
        description="Fixed (weights, equal where none are given), InverseVolatility, or RiskParity (equal contributions to the variance).",
    )
    weights: dict[str, Fraction] = Field(
        default_factory=dict,
        max_length=16,
        description="Fixed: fraction of the capital by symbol, for every symbol, 1 in all at most. What is left stays unused.",
    )
    max_weight: Fraction = Field(
        default=Decimal(1),
        description="Largest fraction of the capital for one symbol, whatever the split says; the rest goes to the others. At most 1.",
    )
    hysteresis: Fraction = Field(
        default=Decimal("0.1"),
        description="The split is made anew only when a weight has moved by more than this fraction of itself. At most 1.",
    )
    interval: Annotated[Duration, Between("0s", "1d")] = Field(
        default=timedelta(seconds=60), description="Shortest time between two looks at the split. Up to 1d."
    )

    @model_validator(mode="after")
    def _weights_fit(self) -> PortfolioSpec:
        if self.weights and self.split is not SplitMethod.FIXED:
            raise ValueError(f"portfolio.weights: they are for split Fixed, and split is {self.split.value}")
        if sum(self.weights.values()) > 1:
            raise ValueError(
                f"portfolio.weights: they add up to {sum(self.weights.values())}, which is more than 1"
            )
        return self
