"""Reason codes. A refused order carries a `Refusal`; a halt carries a `HaltReason`; a raised risk level carries a `Caution`."""

from __future__ import annotations

from enum import StrEnum


class Refusal(StrEnum):
    """Why a pre-trade check refused an order."""

    NOT_TRADING = "NotTrading"
    """The venue does not trade the symbol now."""
    HALTED = "Halted"
    REDUCE_ONLY = "ReduceOnly"
    STALE_MARKET = "StaleMarket"
    BAD_MARKET = "BadMarket"
    PRICE_FILTER = "PriceFilter"
    LOT_SIZE = "LotSize"
    NOTIONAL = "Notional"
    ORDER_NOTIONAL = "OrderNotional"
    PRICE_BAND = "PriceBand"
    POST_ONLY_CROSS = "PostOnlyCross"
    SELF_CROSS = "SelfCross"
    SIDE_BLOCKED = "SideBlocked"
    INVENTORY = "Inventory"
    SYMBOL_CAPITAL = "SymbolCapital"
    STAGE_CAPITAL = "StageCapital"
    NET_EXPOSURE = "NetExposure"
    CORRELATED_EXPOSURE = "CorrelatedExposure"
    BALANCE = "Balance"
    ORDER_RATE = "OrderRate"
    OPEN_ORDERS = "OpenOrders"
    CLOCK_SKEW = "ClockSkew"
    CIRCUIT_OPEN = "CircuitOpen"
    """The venue has not answered orders for a while: see `risk.breaker`."""


class HaltReason(StrEnum):
    """Why trading stopped until a person acknowledges it. In the halt's id in lower case."""

    DAILY_LOSS_LIMIT = "DailyLossLimit"
    LOSS_BUDGET = "LossBudget"
    MAX_DRAWDOWN = "MaxDrawdown"
    SYMBOL_LOSS_LIMIT = "SymbolLossLimit"
    """Of one symbol; the others trade on."""
    REJECT_STREAK = "RejectStreak"
    CANCEL_REFUSED = "CancelRefused"
    CREDENTIALS_REFUSED = "CredentialsRefused"
    CLOCK_OUT_OF_STEP = "ClockOutOfStep"
    VENUE_BANNED = "VenueBanned"
    VENUE_RESET = "VenueReset"
    """The venue started over: acknowledging it writes positions off at their last mark and begins anew."""
    POSITION_FORCED = "PositionForced"
    """The venue closed a position by itself: liquidation, auto-deleveraging, the end of a contract."""
    POSITION_DRIFT = "PositionDrift"
    """On margin the account's position is not what our fills add up to: somebody else trades the symbol, or a fill was never heard of."""
    MARGIN_CALL = "MarginCall"
    """The venue warns of a liquidation."""
    FEE_ASSET_UNKNOWN = "FeeAssetUnknown"
    EMERGENCY_STOP = "EmergencyStop"
    """A person or a program of theirs asked for it."""
    SELF_TEST_FAILED = "SelfTestFailed"
    INTERNAL_ERROR = "InternalError"
    """An event could not be digested, or a check raised: nothing may be trusted until a person has looked."""


LOSS_REASONS = frozenset({HaltReason.DAILY_LOSS_LIMIT, HaltReason.LOSS_BUDGET, HaltReason.MAX_DRAWDOWN})
"""Halts that follow from the state of the ledger: acknowledging one means the loss so far is accepted."""


class Caution(StrEnum):
    """Why the risk level is above Normal without a halt."""

    LOSS_NEAR_LIMIT = "LossNearLimit"
    CANCEL_RATIO = "CancelRatio"
    REJECTS = "Rejects"
    FILL_RATE = "FillRate"
    MARK_OUT = "MarkOut"
    TOXIC_FLOW = "ToxicFlow"
    VOLATILITY_JUMP = "VolatilityJump"
    HALT = "Halt"
