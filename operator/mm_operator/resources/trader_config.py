"""From a MarketMaker, its account and the limits in force to the config that one trader reads. Pure.

Most blocks are the same models on both sides; what is added here are the files and directories of the pod.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from mm_api.alerts_config import AlertsSpec
from mm_api.kinds import MarketMakerSpec, VenueAccountSpec
from mm_api.kinds.common import PortfolioSpec
from mm_api.scalars import parse_quantity
from mm_api.trader_config import (
    AdminConfig,
    AlertsConfig,
    DeadManConfig,
    LeaseConfig,
    LoggingConfig,
    ProcessConfig,
    RecordingConfig,
    RedisConfig,
    RiskConfig,
    TraderConfig,
)
from mm_operator import names
from mm_operator.resources.venues import venue_config

REDIS_DIR = "/etc/mm/redis"
ALERTS_DIR = "/etc/mm/alerts"
JOURNAL_DIR = "/var/lib/mm"
RECORDING_DIR = f"{JOURNAL_DIR}/recording"
HEARTBEAT_DIR = "/run/mm"
"""Shared by the trader and its dead man, in memory."""
WHOLE_NUMBERS = ("maxOrderRate", "maxRejectStreak")
MEMORY_SHARE = (15, 16)
"""Of the container's limit: where a trader ends in order, before the kernel ends it in the middle of something."""


def trader_config(
    *,
    definition_name: str,
    namespace: str,
    identity: str,
    revision: str,
    scope: str,
    epoch: int,
    symbols: tuple[str, ...],
    spec: MarketMakerSpec,
    account: VenueAccountSpec,
    limits: Mapping[str, str],
    redis_url: str,
    lease_ttl: timedelta,
    memory_limit: str,
) -> TraderConfig:
    """The configuration a trader reads. `spec`: the revision's, with what is not earned as it is now; `limits`: the limits in force, by wire name;
    `memory_limit`: the container's, as a quantity."""
    ttl, recording, dead_man = lease_ttl, spec.recording, spec.dead_man
    return TraderConfig(
        name=definition_name,
        namespace=namespace,
        identity=identity,
        revision=revision,
        scope=scope,
        epoch=epoch,
        symbols=list(symbols),
        venue=venue_config(account),
        strategy=spec.strategy.model_copy(
            update={"symbol_parameters": _of_symbols(spec.strategy.symbol_parameters, symbols)}
        ),
        portfolio=_portfolio(spec.portfolio, symbols),
        risk=_risk(spec, limits),
        engine=spec.engine,
        lease=LeaseConfig(ttl=ttl, renew_interval=ttl / 5, margin=ttl / 5, managed=True),
        redis=RedisConfig(
            url=redis_url, username=names.redis_user(identity), password_file=f"{REDIS_DIR}/password"
        ),
        journal_dir=JOURNAL_DIR,
        dead_man=DeadManConfig(
            heartbeat_file=f"{HEARTBEAT_DIR}/heartbeat", **(dead_man.model_dump() if dead_man else {})
        ),
        admin=AdminConfig(host="0.0.0.0", port=names.ADMIN_PORT, token_file=f"{REDIS_DIR}/adminToken"),  # noqa: S104 - probes come from the node
        alerts=_alerts(spec.alerts),
        logging=LoggingConfig(**(spec.logging.model_dump() if spec.logging else {})),
        process=spec.process or _process(memory_limit),
        recording=RecordingConfig(directory=RECORDING_DIR, **recording.model_dump())
        if recording
        else RecordingConfig(),
    )


def _risk(spec: MarketMakerSpec, limits: Mapping[str, str]) -> RiskConfig:
    """The revision's, with the limits in force over it."""
    values = {name: int(value) if name in WHOLE_NUMBERS else value for name, value in limits.items()}
    return RiskConfig.model_validate(spec.risk.to_wire() | values)


def _alerts(spec: AlertsSpec | None) -> AlertsConfig:
    """The channels, with the files that their Secrets are mounted as."""
    if spec is None:
        return AlertsConfig()
    channels: list[dict[str, Any]] = []
    for channel in spec.channels:
        wire = channel.to_wire()
        for reference, field, file in (
            ("urlSecretRef", "urlFile", "url"),
            ("secretRef", "secretFile", "secret"),
        ):
            if wire.pop(reference, None) is not None:
                wire[field] = f"{ALERTS_DIR}/{channel.name}/{file}"
        channels.append(wire)
    return AlertsConfig.model_validate(spec.to_wire() | {"channels": channels})


def _process(memory_limit: str) -> ProcessConfig:
    share, of = MEMORY_SHARE
    return ProcessConfig(memory_limit_mib=min(65536, int(parse_quantity(memory_limit) * share / of) // 2**20))


def _of_symbols(values: Mapping[str, Any] | None, symbols: tuple[str, ...]) -> dict[str, Any] | None:
    """Of a spec for all stages, what concerns the symbols of this one."""
    if values is None:
        return None
    return {symbol: value for symbol, value in values.items() if symbol in symbols}


def _portfolio(spec: PortfolioSpec | None, symbols: tuple[str, ...]) -> PortfolioSpec | None:
    """The split for the symbols of this stage; a stage with a symbol that has no weight gets equal ones."""
    if spec is None or not spec.weights:
        return spec
    weights = _of_symbols(spec.weights, symbols) or {}
    return spec.model_copy(update={"weights": weights if len(weights) == len(symbols) else {}})
