"""The configuration as the kernel uses it: ns, money units, plain numbers. Made once; `tighten` and `adopt` are all that changes it later."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import msgspec

from mm_api.kinds.common import PortfolioSpec
from mm_api.risk_config import FlattenConfig, GuardConfig
from mm_api.trader_config import TraderConfig
from mm_trader.core.units import to_money
from mm_trader.risk.flatten import FlattenLimits
from mm_trader.risk.guards import GuardLimits

_HORIZONS_MS = {"100ms": 100, "1s": 1_000, "5s": 5_000, "30s": 30_000}


class ConfigurationError(ValueError):
    """The kernel cannot work with this configuration; the message names field and rule."""


class Settings(msgspec.Struct, kw_only=True):
    """Durations in ns, money in money units."""

    symbols: tuple[str, ...]
    scope: str
    revision: str
    capital: int
    daily_loss_limit: int
    loss_budget: int | None
    symbol_loss_limit: int | None
    max_net_exposure: int | None
    max_correlated_exposure: int | None
    portfolio: PortfolioSpec
    max_drawdown: Decimal
    max_order_rate: int
    max_cancel_ratio: float
    max_reject_streak: int
    price_band: Decimal
    max_order_money: int
    max_fill_rate: int
    max_clock_skew: int
    breaker_failures: int
    breaker_open: int
    breaker_longest: int
    guards: GuardLimits
    flatten: FlattenLimits
    flatten_reach: Decimal
    """How far a taker may go through the touch, as a fraction of the price."""
    fee_rates: dict[str, Decimal]
    order_timeout: int
    recv_window: int
    reconcile_interval: int
    stale_after: int
    requote_interval: int
    requote_tolerance: float
    requote_in_place: bool
    evidence_interval: int
    tightened: dict[str, Decimal] = msgspec.field(default_factory=dict)
    """Limits that commands have tightened, by wire name: no reload takes them back."""

    @property
    def drawdown_money(self) -> int:
        """max_drawdown as money."""
        return int(self.max_drawdown * self.capital)

    def tighten(self, limits: dict[str, Decimal]) -> tuple[list[str], list[str]]:
        """Take over every value that is tighter than the running one. Returns (names taken over, names that are no limits)."""
        taken: list[str] = []
        unknown: list[str] = []
        for name, value in limits.items():
            target = _LIMITS.get(name)
            if target is None or not value.is_finite() or value <= 0:
                unknown.append(name)
                continue
            attribute, is_money, kind = target
            new = to_money(value) if is_money else kind(value)
            self.tightened[name] = min(value, self.tightened.get(name, value))
            now = getattr(self, attribute)
            if now is None or new < now:
                setattr(self, attribute, new)
                taken.append(name)
        self.max_order_money = min(self.max_order_money, self.capital)
        return taken, unknown

    def adopt(self, new: Settings) -> None:
        """Take over what may change while running (`mm_api.reload_rules`), then what commands have tightened. In place: every part holds this object."""
        for name in _HOT:
            setattr(self, name, getattr(new, name))
        self.tighten(dict(self.tightened))


_HOT = (
    "capital",
    "daily_loss_limit",
    "loss_budget",
    "symbol_loss_limit",
    "max_net_exposure",
    "max_correlated_exposure",
    "portfolio",
    "max_drawdown",
    "max_order_rate",
    "max_cancel_ratio",
    "max_reject_streak",
    "price_band",
    "max_order_money",
    "fee_rates",
    "order_timeout",
    "reconcile_interval",
    "stale_after",
    "requote_interval",
    "requote_tolerance",
    "requote_in_place",
)
"""The fields that hot fields of the config become."""

_LIMITS: dict[str, tuple[str, bool, type[Decimal] | type[int] | type[float]]] = {
    "capital": ("capital", True, int),
    "dailyLossLimit": ("daily_loss_limit", True, int),
    "lossBudget": ("loss_budget", True, int),
    "symbolLossLimit": ("symbol_loss_limit", True, int),
    "maxNetExposure": ("max_net_exposure", True, int),
    "maxCorrelatedExposure": ("max_correlated_exposure", True, int),
    "maxDrawdown": ("max_drawdown", False, Decimal),
    "maxOrderRate": ("max_order_rate", False, int),
    "maxCancelRatio": ("max_cancel_ratio", False, float),
    "maxRejectStreak": ("max_reject_streak", False, int),
    "priceBand": ("price_band", False, Decimal),
    "maxOrderNotional": ("max_order_money", True, int),
}
"""Wire name → (field, is it money, type). All of them are tighter when smaller."""


def ns(length: timedelta) -> int:
    """Exact ns of a duration."""
    return (length // timedelta(microseconds=1)) * 1_000


def _guards(config: GuardConfig) -> GuardLimits:
    def number(value: Decimal | None) -> float | None:
        return float(value) if value else None  # 0 is off, as unset is

    return GuardLimits(
        hold=ns(config.hold),
        mark_out_horizon_ms=_HORIZONS_MS[config.mark_out_horizon],
        mark_out_fills=config.mark_out_fills,
        mark_out_cautious_bp=number(config.mark_out_cautious_bp),
        mark_out_reduce_bp=number(config.mark_out_reduce_bp),
        vpin_buckets=config.vpin_buckets,
        vpin_cautious=number(config.vpin_cautious),
        vpin_reduce=number(config.vpin_reduce),
        jump_cautious=number(config.volatility_jump_cautious),
        jump_reduce=number(config.volatility_jump_reduce),
    )


def _money(amount: Decimal | None) -> int | None:
    return None if amount is None else to_money(amount)


def _flatten(config: FlattenConfig) -> FlattenLimits:
    return FlattenLimits(
        enabled=config.enabled,
        settle_for=ns(config.settle_for),
        limit_for=ns(config.limit_for),
        taker_wait=ns(config.taker_wait),
        taker_attempts=config.taker_attempts,
        unknown_for=ns(config.unknown_for),
        remind_every=ns(config.remind_every),
    )


def settings_from(config: TraderConfig) -> Settings:
    """Derive the kernel's settings."""
    risk, engine = config.risk, config.engine
    capital = to_money(risk.capital)
    order_notional = capital if risk.max_order_notional is None else to_money(risk.max_order_notional)
    return Settings(
        symbols=tuple(config.symbols),
        scope=config.scope,
        revision=config.revision,
        capital=capital,
        daily_loss_limit=to_money(risk.daily_loss_limit),
        loss_budget=_money(risk.loss_budget),
        symbol_loss_limit=_money(risk.symbol_loss_limit),
        max_net_exposure=_money(risk.max_net_exposure),
        max_correlated_exposure=_money(risk.max_correlated_exposure),
        portfolio=config.portfolio or PortfolioSpec(),
        max_drawdown=risk.max_drawdown,
        max_order_rate=risk.max_order_rate,
        max_cancel_ratio=float(risk.max_cancel_ratio),
        max_reject_streak=risk.max_reject_streak,
        price_band=risk.price_band,
        max_order_money=min(order_notional, capital),
        max_fill_rate=risk.max_fill_rate,
        max_clock_skew=ns(risk.max_clock_skew),
        breaker_failures=risk.breaker.failures,
        breaker_open=ns(risk.breaker.open_for),
        breaker_longest=ns(risk.breaker.longest),
        guards=_guards(risk.guards),
        flatten=_flatten(risk.flatten),
        flatten_reach=min(risk.flatten.taker_reach, risk.price_band),
        fee_rates=dict(risk.fee_asset_rates),
        order_timeout=ns(engine.order_timeout),
        recv_window=ns(config.venue.recv_window),
        reconcile_interval=ns(engine.reconcile_interval),
        stale_after=ns(engine.stale_after),
        requote_interval=ns(engine.requote_interval),
        requote_tolerance=float(engine.requote_tolerance),
        requote_in_place=engine.requote_in_place,
        evidence_interval=ns(engine.evidence_interval),
    )
