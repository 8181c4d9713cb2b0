"""What a trader is started with: the operator writes it into a ConfigMap, a person writes it by hand, and `mm-trader --config FILE` reads it.

Every field has its unit in the name or the type. Secrets are never in here: they are files in the directories that it names.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Literal

from pydantic import Field, model_validator

from mm_api.kinds.common import AlertKind, Environment, PortfolioSpec, Venue
from mm_api.risk_config import BreakerConfig, FlattenConfig, GuardConfig
from mm_api.scalars import SYMBOL_PATTERN, ApiModel, Duration, ExactDecimal, PositiveDecimal

IDENTITY_PATTERN = r"^[a-z0-9]([-a-z0-9.]{0,126}[a-z0-9])?$"


class VenueConfig(ApiModel):
    """Where the venue is and how it is spoken to."""

    kind: Venue = Venue.BINANCE
    environment: Environment
    rest_url: str = Field(min_length=1, description="Base of REST, without /api.")
    ws_api_url: str = Field(min_length=1, description="WebSocket API with its path.")
    stream_url: str = Field(min_length=1, description="Base of the market streams, without /ws or /stream.")
    recv_window: Duration = Field(
        default=timedelta(milliseconds=1000), description="How old a request may be when the venue gets it."
    )
    credentials_dir: str | None = Field(
        default=None,
        description="Directory with the files apiKey and secretKey. Unset: environment variables MM_API_KEY and MM_SECRET_KEY.",
    )
    allow_real_money: bool = False

    @model_validator(mode="after")
    def _second_switch(self) -> VenueConfig:
        if self.environment is Environment.MAINNET and not self.allow_real_money:
            raise ValueError("venue.environment mainnet is real money: set venue.allowRealMoney: true")
        return self


class StrategyConfig(ApiModel):
    """Strategy by name, parameters as exact decimals."""

    name: str = "BasicMarketMaking"
    parameters: dict[str, ExactDecimal] = Field(default_factory=dict)
    symbol_parameters: dict[str, dict[str, ExactDecimal]] | None = Field(
        default=None, description="By symbol: parameters that replace those above for it, such as its sizes."
    )

    def parameters_of(self, symbol: str) -> dict[str, Decimal]:
        """What this symbol is quoted with, defaults apart."""
        return self.parameters | (self.symbol_parameters or {}).get(symbol, {})


class RiskConfig(ApiModel):
    """Limits. A breach of a *limit* latches a halt; a refused *check* only drops the order."""

    capital: PositiveDecimal = Field(
        description="Quote currency. Inventory and open orders together never exceed it."
    )
    daily_loss_limit: PositiveDecimal = Decimal(100)
    loss_budget: PositiveDecimal | None = Field(
        default=None, description="Loss within this stage that halts."
    )
    symbol_loss_limit: PositiveDecimal | None = Field(
        default=None,
        description="Loss of one symbol in a UTC day, in quote currency, that halts that symbol and no other. Unset: none.",
    )
    max_net_exposure: PositiveDecimal | None = Field(
        default=None,
        description="Quote currency, over all symbols: what could be long, and short, if every order of that side filled. Unset: the capital alone.",
    )
    max_correlated_exposure: PositiveDecimal | None = Field(
        default=None,
        description="The same with every other symbol counted by its correlation, from each symbol's point of view; a correlation not known yet counts as 1.",
    )
    max_drawdown: PositiveDecimal = Field(default=Decimal("0.03"), le=1)
    max_order_rate: int = Field(default=20, ge=1, le=1000, description="Orders per second.")
    max_cancel_ratio: PositiveDecimal = Field(default=Decimal("0.90"), le=1)
    max_reject_streak: int = Field(default=20, ge=1, le=10_000, description="Refusals in a row that halt.")
    price_band: PositiveDecimal = Field(
        default=Decimal("0.02"), le=1, description="Farthest an order may be from the mid, as a fraction."
    )
    max_order_notional: PositiveDecimal | None = Field(
        default=None, description="Quote currency. Unset: the capital."
    )
    max_fill_rate: int = Field(
        default=600,
        ge=1,
        le=100_000,
        description="Own fills per minute above which the trader turns cautious.",
    )
    max_clock_skew: Duration = Field(
        default=timedelta(seconds=2),
        ge=timedelta(milliseconds=10),
        description="Largest difference between our clock and the venue's at which anything is quoted.",
    )
    breaker: BreakerConfig = Field(default_factory=BreakerConfig)
    guards: GuardConfig = Field(default_factory=GuardConfig)
    flatten: FlattenConfig = Field(default_factory=FlattenConfig)
    fee_asset_rates: dict[str, PositiveDecimal] = Field(
        default_factory=dict,
        max_length=16,
        description="Quote currency per unit of an asset that is neither base nor quote but pays commissions, such as BNB. "
        "A commission in an asset that is not here halts.",
    )


class EngineConfig(ApiModel):
    """Timings."""

    order_timeout: Duration = timedelta(seconds=5)
    reconcile_interval: Duration = timedelta(seconds=30)
    health_check_interval: Duration = timedelta(seconds=10)
    stale_after: Duration = timedelta(seconds=3)
    requote_interval: Duration = Field(
        default=timedelta(milliseconds=250),
        description="Shortest time between two looks at the quotes of a symbol, fills and risk events apart.",
    )
    requote_tolerance: ExactDecimal = Field(
        default=Decimal("0.2"),
        description="An order stays where it is while it is within this fraction of the half spread of where it should be.",
    )
    evidence_interval: Duration = Field(
        default=timedelta(seconds=1),
        description="How often evidence and state are written, and one PnL sample taken.",
    )


class LeaseConfig(ApiModel):
    """The right to write and to trade under an identity. docs/redis-contract.md has the protocol."""

    ttl: Duration = timedelta(seconds=5)
    renew_interval: Duration = timedelta(seconds=1)
    margin: Duration = Field(
        default=timedelta(milliseconds=1000),
        description="The trader stops this long before its lease could end: covers clock drift and the way of a cancel.",
    )
    managed: bool = Field(
        default=True,
        description="True: the operator issues epochs. False: no operator; the trader issues its own.",
    )


class RedisConfig(ApiModel):
    """Where the state is kept. Without this block an in-memory store is used, and said so."""

    url: str = Field(description="redis://host:6379/0 or rediss://…, without a password.")
    username: str | None = None
    password_file: str | None = Field(
        default=None,
        description="File with the password. Unset: environment variable MM_REDIS_PASSWORD, or none.",
    )
    timeout: Duration = timedelta(milliseconds=1000)


class AdminConfig(ApiModel):
    """The trader's own HTTP port: probes, metrics, status, admin."""

    host: str = "127.0.0.1"
    port: int = Field(default=9100, ge=0, le=65535)
    token_file: str | None = Field(
        default=None,
        description="File with the bearer token for /admin/…. Unset: environment variable MM_ADMIN_TOKEN; neither: /admin answers on loopback only.",
    )


class DeadManConfig(ApiModel):
    """The watcher beside the trader: `mm-trader dead-man` cancels its orders when it gives no sign of life. docs/risk.md has the rules."""

    heartbeat_file: str = Field(
        min_length=1,
        description="File both processes share, best in memory (an emptyDir). Its directory must exist.",
    )
    timeout: Duration = Field(
        default=timedelta(seconds=5),
        ge=timedelta(seconds=1),
        le=timedelta(minutes=5),
        description="Silence after which orders are cancelled. 1s to 5m.",
    )
    start_grace: Duration = Field(
        default=timedelta(seconds=60),
        ge=timedelta(seconds=1),
        description="How long to wait for the first sign of life before orders of earlier incarnations are cancelled.",
    )
    server_switch: bool = Field(
        default=True,
        description="Also arm the venue's own switch where it has one (Binance USD-M). It cancels a symbol's orders of others, too.",
    )


class AlertChannel(ApiModel):
    """One way to tell people, beside the log and the alert stream, which always are. Secrets are files."""

    name: str = Field(min_length=1, max_length=63, description="For logs and messages.")
    type: Literal["Console", "Smtp", "Webhook", "Alertmanager"]
    min_severity: Literal["info", "warning", "critical"] = Field(
        default="warning", description="Less severe alerts do not go here."
    )
    kinds: list[AlertKind] = Field(
        default_factory=list, max_length=16, description="Only these kinds. Empty: all."
    )
    url: str | None = Field(default=None, description="Webhook: where to POST. Alertmanager: its base URL.")
    host: str | None = Field(default=None, description="Smtp: the server.")
    port: int | None = Field(default=None, ge=1, le=65535, description="Smtp: its port. Unset: 25.")
    security: Literal["none", "starttls", "tls"] = Field(default="starttls", description="Smtp.")
    username: str | None = Field(default=None, description="Smtp: unset means no login.")
    sender: str | None = Field(default=None, description="Smtp: From.")
    recipients: list[str] = Field(default_factory=list, max_length=16, description="Smtp: To.")
    secret_file: str | None = Field(
        default=None, description="File with the password (Smtp) or the bearer token (Webhook, Alertmanager)."
    )

    @model_validator(mode="after")
    def _has_what_its_type_needs(self) -> AlertChannel:
        needs: dict[str, tuple[str, ...]] = {
            "Smtp": ("host", "sender", "recipients"),
            "Webhook": ("url",),
            "Alertmanager": ("url",),
        }
        for field in needs.get(self.type, ()):
            if not getattr(self, field):
                raise ValueError(f"alerts: the {self.type} channel {self.name!r} needs {field}")
        if self.url is not None and not self.url.startswith(("http://", "https://")):
            raise ValueError(
                f"alerts: the channel {self.name!r} needs a url that begins with http:// or https://"
            )
        if self.username is not None and self.secret_file is None:
            raise ValueError(f"alerts: the channel {self.name!r} has a username; it needs secretFile, too")
        if self.username is not None and self.security == "none":
            raise ValueError(
                f"alerts: the channel {self.name!r} would send a password in the clear; use starttls or tls"
            )
        return self


class AlertsConfig(ApiModel):
    """Which alerts go where. docs/trader.md has an example of each channel."""

    throttle: Duration = Field(
        default=timedelta(seconds=60),
        description="Alerts of one kind, severity, reason and halt go to a channel once in this time; the rest as a number. 0s: all.",
    )
    queue: int = Field(default=256, ge=1, le=10_000, description="Alerts that may wait for one channel.")
    channels: list[AlertChannel] = Field(default_factory=list, max_length=8)

    @model_validator(mode="after")
    def _names_once(self) -> AlertsConfig:
        names = [channel.name for channel in self.channels]
        if len(set(names)) != len(names):
            raise ValueError("alerts: two channels have the same name")
        return self


class LoggingConfig(ApiModel):
    """Where log lines go."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    format: Literal["json", "console"] = "json"
    file: str | None = Field(default=None, description="Also write all lines here, as JSON.")
    error_file: str | None = Field(default=None, description="Also write errors here, as JSON.")


class ProcessConfig(ApiModel):
    """The process itself."""

    memory_limit_mib: int = Field(
        default=240,
        ge=0,
        le=65536,
        description="Resident memory in MiB beyond which the trader cancels everything and ends, to be started anew. 0: never.",
    )


class RecordingConfig(ApiModel):
    """Everything the kernel is told, written down for `mm-trader replay`. docs/trader.md has what it costs."""

    directory: str | None = Field(default=None, description="Where segments go. Unset: nothing is recorded.")
    segment_mib: int = Field(default=32, ge=1, le=4096, description="Compressed size of a segment.")
    keep_segments: int = Field(
        default=8,
        ge=2,
        le=10_000,
        description="Segments kept; the oldest go. Bounds what the disk must hold.",
    )


class TraderConfig(ApiModel):
    """Everything a trader needs to start, secrets apart."""

    schema_version: Literal[1] = 1
    name: str = Field(default="trader", max_length=63, description="MarketMaker's name.")
    namespace: str = Field(default="default", max_length=63)
    identity: str = Field(
        default="local",
        pattern=IDENTITY_PATTERN,
        description="Trading identity: one per set of venue keys. All Redis keys and client order ids are under it.",
    )
    revision: str = Field(default="local", max_length=64, description="Hash of what changes trading.")
    scope: str = Field(
        default="local",
        max_length=128,
        pattern=r"^[a-z0-9][-a-z0-9./]*$",
        description="What evidence is counted for: revision/stage/step/attempt.",
    )
    epoch: int = Field(
        default=0, ge=0, description="Issued by the operator for this incarnation of the pod template."
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
    journal_dir: str = Field(
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
        import re

        for symbol in self.symbols:
            if not re.match(SYMBOL_PATTERN, symbol):
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
