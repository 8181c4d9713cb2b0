"""What the operator is started with. Built by `cli` from options and environment; everything below takes it as a value."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta


@dataclass(frozen=True)
class Timing:
    """Periods and bounds of the reconcile. The defaults are for production; tests and demos may shorten them."""

    poll: timedelta = timedelta(seconds=2)
    """Longest time between two looks at a MarketMaker when nothing wakes the loop: Redis has no watch, and Secrets are not watched."""
    backoff_cap: timedelta = timedelta(seconds=15)
    """Longest pause after failed reconciles: a halt must never wait for more."""
    resync: timedelta = timedelta(seconds=15)
    """Period of the full list of MarketMakers that finds what a deaf watch has missed."""
    deaf_after: timedelta = timedelta(seconds=90)
    """`/healthz` fails when no list or reconcile has succeeded for so long."""
    state_stale_after: timedelta = timedelta(seconds=5)
    """A trader's reported state or evidence older than this is no data: it is written every second, and after its lease has ended nobody knows."""
    handover_timeout: timedelta = timedelta(seconds=30)
    """Longest wait for the old trader's word that nothing is open. Its successor cancels everything again before it quotes, so going on is safe."""
    start_timeout: timedelta = timedelta(minutes=10)
    """A trader that has not quoted by then fails its step."""
    shutdown_timeout: timedelta = timedelta(seconds=60)
    """Longest wait for zero open orders when a MarketMaker is deleted."""


@dataclass(frozen=True)
class OperatorSettings:
    """All options of the operator."""

    namespaces: tuple[str, ...] = ()
    """Namespaces to look after; empty: the whole cluster."""
    own_namespace: str = "default"
    """Where the operator runs: a TradingHalt of scope Cluster is obeyed there alone."""
    redis_url: str = "redis://127.0.0.1:6379/0"
    redis_username: str | None = None
    redis_password: str | None = field(default=None, repr=False)
    trader_redis_url: str | None = None
    """Redis as the traders reach it; None: as the operator does."""
    trader_image: str = "mm-rebuild:dev"
    prometheus_url: str | None = None
    metrics_host: str = "0.0.0.0"  # noqa: S104 - kubelet and Prometheus come from outside the pod
    metrics_port: int = 8080
    webhook_host: str = "0.0.0.0"  # noqa: S104 - Alertmanager comes from outside the pod
    webhook_port: int = 9101
    webhook_token: str | None = field(default=None, repr=False)
    check_symbols: bool = True
    """Ask the venue's public REST API whether it lists a stage's symbols before a trader is made."""
    trader_lease_ttl: timedelta = timedelta(seconds=5)
    timing: Timing = Timing()
