"""What the kernel says of itself: status for people and the operator, the ledger record for the store."""

from __future__ import annotations

from decimal import Decimal

from mm_api.redis_contract import LedgerRecord, OrderRecord, TraderPhase
from mm_trader.core.events import Side
from mm_trader.core.state import UNHEARD, KernelStatus, RiskLevel
from mm_trader.core.units import from_asset_units, from_money
from mm_trader.kernel.desk import Core, Desk
from mm_trader.kernel.misfits import Misfit, misfit_of
from mm_trader.orders.states import OrderState

_RESTING = (OrderState.NEW, OrderState.PARTIALLY_FILLED, OrderState.CANCELING)


def phase_of(core: Core) -> tuple[TraderPhase, str]:
    """What it is doing, and the reason where it does not quote."""
    open_orders, _ = core.table.counts()
    if core.stopping:
        return (TraderPhase.STOPPING if open_orders else TraderPhase.STOPPED), core.stopping
    if core.halts.level is RiskLevel.HALTED:
        return TraderPhase.HALTED, _halt_reason(core)
    if not core.allowed:
        unheard = core.allowed_reason == UNHEARD
        return (TraderPhase.NOT_QUOTING if unheard else TraderPhase.WAITING_FOR_LEASE), core.allowed_reason
    reasons = [desk.blocked or _misfit(core, desk).reason for desk in core.desks.values()]
    if all(reasons):
        reconciling = reasons[0] in ("Reconciling", "CancelingLeftovers", "FillsMissing", "Starting")
        return (TraderPhase.RECONCILING if reconciling else TraderPhase.NOT_QUOTING), reasons[0]
    if core.risk.level is RiskLevel.REDUCE_ONLY:
        return TraderPhase.REDUCE_ONLY, core.risk.reasons[0]
    return TraderPhase.QUOTING, next((reason for reason in reasons if reason), "")


def status_of(core: Core, flatten: dict[str, str]) -> KernelStatus:
    """A snapshot."""
    phase, reason = phase_of(core)
    open_orders, unknown = core.table.counts()
    positions = [desk.position for desk in core.desks.values()]
    return KernelStatus(
        phase=phase,
        reason=reason,
        risk_level=max(core.risk.level, core.halts.level),
        risk_reasons=core.risk.reasons,
        halts=core.halts.ids,
        open_orders=open_orders,
        unknown_orders=unknown,
        reconciled=all(sync.done_ts is not None for sync in core.reconciler.sync.values()),
        positions={desk.symbol: from_asset_units(desk.position.base) for desk in core.desks.values()},
        net_pnl_day=from_money(core.pnl.net - core.pnl.day_start),
        net_pnl_scope=from_money(core.scope_net()),
        realised=from_money(sum(position.realised for position in positions)),
        unrealised=from_money(sum(position.unrealised for position in positions)),
        fees=from_money(sum(position.fees for position in positions)),
        drawdown=(Decimal(max(core.pnl.peak - core.pnl.net, 0)) / core.settings.capital).quantize(
            Decimal("1e-12")
        ),
        quotes={desk.symbol: _quotes(core, desk) for desk in core.desks.values()},
        mids={desk.symbol: _mid(core, desk) for desk in core.desks.values()},
        volatility={desk.symbol: desk.volatility.sigma for desk in core.desks.values()},
        capital={desk.symbol: from_money(desk.capital) for desk in core.desks.values()},
        volatility_noise={
            desk.symbol: share
            for desk in core.desks.values()
            if (share := desk.volatility.noise_share()) is not None
        },
        flatten=flatten,
        breakers={endpoint.value: breaker.state.value for endpoint, breaker in core.breakers.items()},
        guards={desk.symbol: desk.guards.reasons for desk in core.desks.values()},
        guard_levels={desk.symbol: desk.guards.level for desk in core.desks.values()},
        vpin={desk.symbol: desk.guards.vpin.value for desk in core.desks.values()},
        orders_per_second=core.behaviour.orders_this_second(core.now),
        cancel_ratio=core.behaviour.cancel_ratio(core.now),
        fills_per_minute=core.behaviour.fills_per_minute(core.now),
        reject_streak=core.behaviour.reject_streak,
        clock_skew_ms=core.skew.ns / 1e6,
        zero_orders_confirmed_ms=core.reconciler.zero_confirmed_ms(),
        reconcile=core.reconciler.statistics.as_numbers(),
        dormant=core.dormant.held,
        misfits={
            desk.symbol: message for desk in core.desks.values() if (message := _misfit(core, desk).message)
        },
    )


def ledger_of(core: Core) -> LedgerRecord:
    """Positions and baselines, exact."""
    pnl = core.pnl
    return LedgerRecord(
        positions=core.dormant.records
        | {
            desk.symbol: desk.position.record(desk.trades.watermark, desk.trades.above)
            for desk in core.desks.values()
        },
        day=pnl.day,
        day_start_pnl=from_money(pnl.day_start),
        peak_pnl=from_money(pnl.peak),
        scope=pnl.scope if pnl.scope_begun else "",
        scope_start_pnl=from_money(pnl.scope_start),
        budget_start_pnl=from_money(pnl.budget_start),
        symbol_day_start=core.dormant.day_starts | core.losses.record(),
        updated_ms=core.wall.ms(core.now),
    )


def open_orders_of(core: Core) -> list[OrderRecord]:
    """Orders that are, or may be, open."""
    return [order.record(core.desks[order.symbol].rules) for order in core.table.all_live()]


def _misfit(core: Core, desk: Desk) -> Misfit:
    """With nothing in it: there is none."""
    return misfit_of(core, desk) or Misfit("", "")


def _quotes(core: Core, desk: Desk) -> tuple[Decimal | None, Decimal | None]:
    resting = [order for order in core.table.live(desk.symbol) if order.state in _RESTING]
    bids = [order.price for order in resting if order.side is Side.BUY]
    asks = [order.price for order in resting if order.side is Side.SELL]
    return (
        desk.rules.price(max(bids)) if bids else None,
        desk.rules.price(min(asks)) if asks else None,
    )


def _mid(core: Core, desk: Desk) -> Decimal | None:
    fresh = desk.top.fresh(core.now, core.settings.stale_after)
    return desk.rules.tick * desk.top.mid2 / 2 if fresh else None


def _halt_reason(core: Core) -> str:
    """Of the deepest halt, the oldest first."""
    latches = sorted(core.halts.latches, key=lambda latch: (-latch.level.depth, latch.at_ms))
    return latches[0].reason if latches else "Halted"
