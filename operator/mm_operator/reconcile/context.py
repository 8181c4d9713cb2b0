"""What observing and acting need of the outside, in one value. `app` builds it; tests put fakes in."""

from __future__ import annotations

from dataclasses import dataclass, field

from mm_operator.kube.client import Kube
from mm_operator.kube.clock import Clock
from mm_operator.kube.events import EventRecorder
from mm_operator.kube.http_sources import Prometheus, VenueListings
from mm_operator.kube.redis_state import RedisState
from mm_operator.settings import OperatorSettings


@dataclass(frozen=True)
class Context:
    """The outside world."""

    kube: Kube
    redis: RedisState
    events: EventRecorder
    prometheus: Prometheus
    listings: VenueListings
    clock: Clock
    settings: OperatorSettings
    users_set: set[str] = field(default_factory=set)
    """Identities whose Redis user this process has set; others are set again once, so that password and rules are surely right."""
