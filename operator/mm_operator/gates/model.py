"""What a gate sees and what it answers. Pure values; `builtin` holds the gates, `evaluate` runs them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from mm_api.kinds import Gate, GateVerdict
from mm_api.kinds.market_maker import Sample
from mm_api.redis_contract import Evidence


@dataclass(frozen=True)
class MetricAnswer:
    """What Prometheus said to a Custom gate's query."""

    value: float | None = None
    """None without an error: the query has no data."""
    error: str = ""


@dataclass(frozen=True)
class GateInput:
    """Everything the gates of one step may look at."""

    now: datetime
    evidence: Evidence | None
    """The step's own evidence, recent; None: there is none, or it is too old, or of another scope."""
    no_evidence_because: str = ""
    sample: Sample = field(default_factory=Sample)
    metrics: Mapping[int, MetricAnswer] = field(default_factory=dict)
    """Answers to Custom gates, by the gate's place in the stage's list."""


@dataclass(frozen=True)
class Answer:
    """What one gate says."""

    verdict: GateVerdict
    message: str
    value: str | None = None
    threshold: str | None = None
    unit: str = ""
    sample_size: int = 0


Rule = Callable[[Gate, Evidence, GateInput], Answer]


def plain(value: float | Decimal) -> str:
    """A number for people: six significant digits, no exponent."""
    number = float(value)
    text = f"{number:.6f}" if abs(number) < 1000 else f"{number:.2f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
