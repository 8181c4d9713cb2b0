"""What a trader is started with: the operator writes it into a ConfigMap, a person writes it by hand, and `mm-trader --config FILE` reads it.

Every field has its unit in the name or the type. Secrets are never in here: they are files in the directories that it names.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from mm_api.addresses import is_real_money
from mm_api.alerts_config import AlertChannel, AlertsConfig
from mm_api.engine_config import EngineSpec, StrategySpec
from mm_api.kinds.common import Environment, PortfolioSpec, Venue
from mm_api.process_config import DeadManConfig, LoggingConfig, ProcessConfig, RecordingConfig
from mm_api.risk_config import BreakerConfig, FlattenConfig, GuardConfig, RiskSpec
from mm_api.scalars import SYMBOL_PATTERN, ApiModel, Between, Duration, PositiveDecimal, Switch, Whole, whole

__all__ = [
    "IDENTITY_PATTERN",
    "AdminConfig",
    "AlertChannel",
    "AlertsConfig",
    "BreakerConfig",
    "DeadManConfig",
    "EngineConfig",
    "FlattenConfig",
    "GuardConfig",
    "LeaseConfig",
    "LoggingConfig",
    "ProcessConfig",
    "RecordingConfig",
    "RedisConfig",
    "RiskConfig",
    "StrategyConfig",
    "TraderConfig",
    "VenueConfig",
]

Path = Annotated[str, Field(min_length=1)]
LeaseTime = Annotated[Duration, Between("10ms", "1h")]
IDENTITY_PATTERN = r"^[a-z0-9]([-a-z0-9.]{0,126}[a-z0-9])?$"


class VenueConfig(ApiModel):
    """Where the venue is and how it is spoken to."""

    kind: Venue = Venue.BINANCE
    environment: Environment
    rest_url: str = Field(min_length=1, description="Base of REST, without /api.")
    ws_api_url: str = Field(min_length=1, description="WebSocket API with its path.")
    stream_url: str = Field(min_length=1, description="Base of the market streams, without /ws or /stream.")
    recv_window: Annotated[Duration, Between("10ms", "60s")] = Field(
        default=timedelta(milliseconds=1000),
        description="How old a request may be when the venue gets it. 10ms to 60s, which is the most that Binance takes.",
    )
    credentials_dir: Path | None = Field(
        default=None,
        description="Directory with the files apiKey and secretKey. Unset: environment variables MM_API_KEY and MM_SECRET_KEY.",
    )
    allow_real_money: Switch = False

    @model_validator(mode="after")
    def _second_switch(self) -> VenueConfig:
        if self.environment is Environment.MAINNET and not self.allow_real_money:
            raise ValueError("venue.environment mainnet is real money: set venue.allowRealMoney: true")
        for field, url, scheme in (
            ("restUrl", self.rest_url, "http"),
            ("wsApiUrl", self.ws_api_url, "ws"),
            ("streamUrl", self.stream_url, "ws"),
        ):
            if not re.match(f"{scheme}s?://[^/]", url):
                raise ValueError(
                    f"venue.{field}: {url!r} is no address; it begins with {scheme}s://, or {scheme}:// for a simulator"
                )
        for field, url in (("restUrl", self.rest_url), ("wsApiUrl", self.ws_api_url)):
            if self.environment is not Environment.MAINNET and is_real_money(url):
                raise ValueError(
                    f"venue.{field}: {url} is real money, and venue.environment is {self.environment.value}; "
                    "give the practice venue's address, or set environment mainnet and allowRealMoney: true"
                )
        return self


StrategyConfig = StrategySpec
EngineConfig = EngineSpec


class RiskConfig(RiskSpec):
    """Limits. A breach of a *limit* latches a halt; a refused *check* only drops the order."""

    capital: PositiveDecimal = Field(
        description="Quote currency. Inventory and open orders together never exceed it."
    )
    loss_budget: PositiveDecimal | None = Field(
        default=None, description="Loss within this stage that halts."
    )


class LeaseConfig(ApiModel):
    """The right to write and to trade under an identity. docs/redis-contract.md has the protocol."""

    ttl: LeaseTime = timedelta(seconds=5)
    renew_interval: LeaseTime = timedelta(seconds=1)
    margin: LeaseTime = Field(
        default=timedelta(milliseconds=1000),
        description="The trader stops this long before its lease could end: covers clock drift and the way of a cancel.",
    )
    managed: Switch = Field(
        default=True,
        description="True: the operator issues epochs. False: no operator; the trader issues its own.",
    )


class RedisConfig(ApiModel):
    """Where the state is kept. Without this block an in-memory store is used, and said so."""

    url: str = Field(description="redis://host:6379/0 or rediss://…, without a password.")
    username: str | None = Field(default=None, min_length=1)
    password_file: Path | None = Field(
        default=None,
        description="File with the password. Unset: environment variable MM_REDIS_PASSWORD, or none.",
    )
    timeout: Annotated[Duration, Between("10ms", "1m")] = timedelta(milliseconds=1000)

    @model_validator(mode="after")
    def _an_address_without_a_secret(self) -> RedisConfig:
        scheme, _, rest = self.url.partition("://")
        if scheme not in ("redis", "rediss", "unix") or not rest:
            raise ValueError(
                "redis.url: must begin with redis://, rediss:// or unix://, such as redis://host:6379/0"
            )
        if "@" in rest or "password=" in rest:
            raise ValueError(
                "redis.url: a password does not belong in a config; write the address alone, the name as redis.username and the password as redis.passwordFile"
            )
        return self


class AdminConfig(ApiModel):
    """The trader's own HTTP port: probes, metrics, status, admin."""

    host: str = Field(default="127.0.0.1", min_length=1)
    port: Whole = Field(default=9100, ge=0, le=65535)
    token_file: Path | None = Field(
        default=None,
        description="File with the bearer token for /admin/…. Unset: environment variable MM_ADMIN_TOKEN; neither: /admin answers on loopback only.",
    )


class TraderConfig(ApiModel):
    """Everything a trader needs to start, secrets apart."""

    schema_version: Annotated[Literal[1], BeforeValidator(whole)] = 1
    name: str = Field(default="trader", min_length=1, max_length=63, description="MarketMaker's name.")
    namespace: str = Field(default="default", min_length=1, max_length=63)
    identity: str = Field(
        default="local",
        pattern=IDENTITY_PATTERN,
        description="Trading identity: one per set of venue keys. All Redis keys and client order ids are under it.",
    )
    revision: str = Field(
        default="local", min_length=1, max_length=64, description="Hash of what changes trading."
    )
    scope: str = Field(
        default="local",
        max_length=128,
        pattern=r"^[a-z0-9][-a-z0-9./]*$",
        description="What evidence is counted for: revision/stage/step/attempt.",
    )
    epoch: Whole = Field(
        default=0,
        ge=0,
        le=2**53,
        description="Issued by the operator for this incarnation of the pod template.",
    )
    symbols: list[str] = Field(min_length=1, max_length=16)
    venue: VenueConfig
    strategy: StrategyConfig = Field(default_factory=StrategyConfig)
    risk: RiskConfig
    portfolio: PortfolioSpec | None = Field(
        default=None, description="Split of the capital over the symbols. Unset: equal."
    )
    engine: EngineConfig = Field(default_factory=EngineConfig)
    lease: LeaseConfig = Field(default_factory=LeaseConfig)
    redis: RedisConfig | None = None
    journal_dir: Path = Field(
        default="journal", description="Directory for the journal; must survive a restart of the pod."
    )
    admin: AdminConfig = Field(default_factory=AdminConfig)
    dead_man: DeadManConfig | None = Field(
        default=None, description="Unset: the trader writes no heartbeat, and nobody watches it."
    )
    alerts: AlertsConfig = Field(default_factory=AlertsConfig)
    logging: LoggingConfig = Field(default_factory=LoggingConfig)
    process: ProcessConfig = Field(default_factory=ProcessConfig)
    recording: RecordingConfig = Field(default_factory=RecordingConfig)

    @model_validator(mode="after")
    def _symbols_once_and_well_formed(self) -> TraderConfig:
        for symbol in self.symbols:
            if not re.fullmatch(SYMBOL_PATTERN, symbol):
                raise ValueError(f"symbols: {symbol!r} is not in the venue's form; write it like ETHUSDC")
        if len(set(self.symbols)) != len(self.symbols):
            raise ValueError("symbols: one is named twice")
        for field, named in (
            ("strategy.symbolParameters", self.strategy.symbol_parameters or {}),
            ("portfolio.weights", self.portfolio.weights if self.portfolio else {}),
        ):
            strangers = sorted(set(named) - set(self.symbols))
            if strangers:
                raise ValueError(
                    f"{field}: {', '.join(strangers)} is not among symbols; it has {', '.join(self.symbols)}"
                )
        if self.portfolio and self.portfolio.weights and len(self.portfolio.weights) < len(self.symbols):
            missing = sorted(set(self.symbols) - set(self.portfolio.weights))
            raise ValueError(
                f"portfolio.weights: {', '.join(missing)} has none; give every symbol its weight"
            )
        if self.lease.margin + self.lease.renew_interval >= self.lease.ttl:
            raise ValueError(
                "lease: ttl must be longer than renewInterval + margin, or the trader would stop between two renewals"
            )
        return self
