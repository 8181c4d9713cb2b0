"""The five custom resources, one file a kind. `crds/*.yaml` and `docs/reference/kinds.md` are generated from here (`make generate`)."""

from mm_api.kinds.common import Condition, Environment, HaltLevel, ObjectReference, Venue
from mm_api.kinds.market_maker import (
    FailurePolicy,
    FreezeWindow,
    Gate,
    GateName,
    MarketMaker,
    MarketMakerSpec,
    Stage,
    StageStep,
)
from mm_api.kinds.market_maker_status import GateVerdict, MarketMakerStatus, TradingState
from mm_api.kinds.stage_approval import StageApproval, StageApprovalSpec
from mm_api.kinds.stage_record import GateEvidence, StageRecord, StageRecordSpec, StageResult
from mm_api.kinds.trading_halt import TradingHalt, TradingHaltSpec
from mm_api.kinds.venue_account import VenueAccount, VenueAccountSpec

__all__ = [
    "Condition",
    "Environment",
    "FailurePolicy",
    "FreezeWindow",
    "Gate",
    "GateEvidence",
    "GateName",
    "GateVerdict",
    "HaltLevel",
    "MarketMaker",
    "MarketMakerSpec",
    "MarketMakerStatus",
    "ObjectReference",
    "Stage",
    "StageApproval",
    "StageApprovalSpec",
    "StageRecord",
    "StageRecordSpec",
    "StageResult",
    "StageStep",
    "TradingHalt",
    "TradingHaltSpec",
    "TradingState",
    "Venue",
    "VenueAccount",
    "VenueAccountSpec",
]
