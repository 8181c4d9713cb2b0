"""Drills: what a trader is put through in a stage that asks for it (requirement R36), and what became of it. docs/rollout.md explains each."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import Field

from mm_api.versions import ContractModel


class DrillName(StrEnum):
    """What is drilled."""

    DISCONNECT = "Disconnect"
    ORDER_TIMEOUT = "OrderTimeout"
    CIRCUIT_BREAKER = "CircuitBreaker"
    EMERGENCY_STOP = "EmergencyStop"
    KILL_AND_RECOVER = "KillAndRecover"


BY_THE_OPERATOR = frozenset({DrillName.EMERGENCY_STOP})
"""Drills that the operator runs, through the latch that any halt goes through; the others the trader runs when it is told to."""


class DrillRecord(ContractModel):
    """One drill of one scope, as the trader tells it. Kept over its incarnations."""

    state: Literal["Running", "Passed", "Failed"]
    started_ms: int
    ended_ms: int = 0
    message: str = ""
    spent: dict[str, int] = Field(
        default_factory=dict,
        description="Counters of the evidence that the drill has moved, and by how much: gates leave that out.",
    )
