"""`StageApproval`: a person's consent that one revision of one MarketMaker may pass one stage. Bound to the revision hash, so an edit voids it."""

from __future__ import annotations

from typing import ClassVar

from pydantic import ConfigDict, Field

from mm_api.kinds.common import Column, Names, ObjectReference, Resource
from mm_api.scalars import NAME_PATTERN, ApiModel, Timestamp, rules


class StageApprovalSpec(ApiModel):
    """What is approved, and until when."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            ("self == oldSelf", "spec: an approval never changes; delete it and make another")
        )
    )

    market_maker_ref: ObjectReference
    revision: str = Field(
        min_length=6,
        max_length=64,
        pattern=r"^[a-f0-9]+$",
        description="Revision as `kubectl get mm` shows it.",
    )
    stage: str = Field(min_length=1, max_length=32, pattern=NAME_PATTERN)
    expires_at: Timestamp = Field(description="The approval counts only before this instant.")
    comment: str = Field(default="", max_length=1024)


class StageApproval(Resource):
    """Consent to one stage of one revision."""

    names: ClassVar[Names] = Names("stageapprovals", "stageapproval", ("sap",))
    columns: ClassVar[tuple[Column, ...]] = (
        Column("MarketMaker", ".spec.marketMakerRef.name"),
        Column("Stage", ".spec.stage"),
        Column("Revision", ".spec.revision"),
        Column("Expires", ".spec.expiresAt"),
        Column("Age", ".metadata.creationTimestamp", "date"),
    )

    kind: str = "StageApproval"
    spec: StageApprovalSpec
