"""`TradingHalt`: stops everything its selector matches while it exists; deleting it lifts what it, and only it, stopped."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar, Literal

from pydantic import Field

from mm_api.kinds.common import Column, HaltLevel, Names, Resource
from mm_api.scalars import ApiModel


class HaltScope(StrEnum):
    """How far a TradingHalt reaches."""

    NAMESPACE = "Namespace"
    CLUSTER = "Cluster"


class TradingHaltSpec(ApiModel):
    """What is stopped, how deep, and why."""

    level: Literal[HaltLevel.REDUCE_ONLY, HaltLevel.HALTED, HaltLevel.HIBERNATED] = Field(
        default=HaltLevel.HALTED
    )
    reason: str = Field(
        min_length=1, max_length=1024, description="Why, for the people who will read it in `kubectl get mm`."
    )
    scope: HaltScope = Field(
        default=HaltScope.NAMESPACE, description="Cluster is obeyed only in the operator's own namespace."
    )
    selector: dict[str, str] = Field(
        default_factory=dict, max_length=16, description="Labels a MarketMaker must carry; empty matches all."
    )


class TradingHalt(Resource):
    """A stop for all MarketMakers its selector matches."""

    names: ClassVar[Names] = Names("tradinghalts", "tradinghalt", ("halt",))
    columns: ClassVar[tuple[Column, ...]] = (
        Column("Level", ".spec.level"),
        Column("Scope", ".spec.scope"),
        Column("Reason", ".spec.reason"),
        Column("Age", ".metadata.creationTimestamp", "date"),
    )

    kind: str = "TradingHalt"
    spec: TradingHaltSpec
