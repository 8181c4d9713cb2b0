"""What the kernel does when the order side speaks: books fills, counts evidence, watches behaviour, and marks the symbol for another look."""

from __future__ import annotations

from typing import Final

from mm_api.redis_contract import FillRecord
from mm_trader.core.commands import FillBooked, FundingBooked
from mm_trader.core.events import BUY, ErrorClass, FundingView, TradeView
from mm_trader.core.units import NS_PER_S
from mm_trader.kernel.desk import Core
from mm_trader.kernel.halting import Halting
from mm_trader.orders.order import Order
from mm_trader.orders.states import CANCELING, NEW, PARTIALLY_FILLED, REJECTED
from mm_trader.risk.breaker import Endpoint
from mm_trader.risk.pnl import utc_day
from mm_trader.risk.reasons import HaltReason

_NOT_NOW: Final = (ErrorClass.THROTTLED, ErrorClass.CLOCK)
"""Refusals that say nothing about the order and everything about the venue."""
_ORDERS: Final = Endpoint.ORDERS  # quick to look up: see `events.BUY`
_RESTING: Final = frozenset({NEW, PARTIALLY_FILLED, CANCELING})


class Ears:
    """The `OrderListener` of the order manager, life cycle and reconciler."""

    def __init__(self, core: Core, halting: Halting) -> None:
        self._core = core
        self._halting = halting
        self.wall_ms = core.wall.ms
        """See OrderListener."""
        self._anomaly_told: int | None = None
        self._unknown_told: int | None = None

    def on_fill(self, trade: TradeView, order: Order | None, *, live: bool) -> None:
        """Book it: ledger, limits, balances, evidence, mark-outs."""
        core = self._core
        desk = core.desks[trade.symbol]
        position = desk.position
        net, realised, fees = core.pnl.net, position.realised, position.fees
        known = position.book(trade, core.settings.fee_rates)
        desk.last_fill = core.now
        breached = core.pnl.recount()
        if utc_day(trade.venue_ms) < core.pnl.day:
            core.pnl.forgive_before_today(core.pnl.net - net)
        self._spend(trade, position.realised - realised)
        core.behaviour.filled(core.now)
        evidence = core.evidence
        evidence.count("fills")
        evidence.count("maker_fills", int(trade.maker))
        evidence.volume += trade.price * position.tick * trade.size * position.lot
        evidence.realised += position.realised - realised
        evidence.fees += position.fees - fees
        if live:
            desk.marks.add(core.now, trade.side.sign, trade.price)
        core.outbox.emit(FillBooked(record=self._record(trade, order)))
        desk.dirty = True
        if not known:
            self._halting.halt(
                HaltReason.FEE_ASSET_UNKNOWN,
                f"a commission of {trade.commission} {trade.commission_asset} has no rate in risk.feeAssetRates",
                core.now,
            )
        if breached:
            self._halting.check_losses(core.now)
        if desk.loss_floor is not None and position.net <= desk.loss_floor:
            self._halting.check_symbol(desk, core.now)
        if desk.trades.crowded:
            core.reconciler.request(trade.symbol, "fills", core.now)

    def on_funding(self, symbol: str, payments: list[FundingView]) -> None:
        """Book the payments that are newer than the last one booked, each once."""
        core = self._core
        position = core.desks[symbol].position
        booked_ms = position.funded_ms
        for payment in payments:
            if payment.venue_ms <= booked_ms:
                continue
            net = core.pnl.net
            position.fund(payment.amount, payment.venue_ms)
            breached = core.pnl.recount()
            if utc_day(payment.venue_ms) < core.pnl.day:
                core.pnl.forgive_before_today(core.pnl.net - net)
            core.evidence.realised += core.pnl.net - net
            core.outbox.emit(FundingBooked(symbol=symbol, amount=payment.amount, venue_ms=payment.venue_ms))
            if breached:
                self._halting.check_losses(core.now)

    def on_placed(self, order: Order) -> None:
        """See OrderListener."""
        core = self._core
        core.evidence.count("orders_placed")
        core.behaviour.placed(order.created_ts)
        core.breakers[_ORDERS].sent(order.created_ts)
        core.reconciler.sync[order.symbol].zero_ms = None
        if core.evidence.started_ms == 0:
            core.evidence.started_ms = order.created_ms

    def on_change_sent(self) -> None:
        """It counts as an order, and as the cancel that it stands for."""
        core = self._core
        core.behaviour.placed(core.now)
        core.behaviour.canceled(core.now)
        core.breakers[_ORDERS].sent(core.now)

    def on_change_refused(self, order: Order, error: ErrorClass) -> None:
        """Another look decides what becomes of the order."""
        core = self._core
        self._halting.judge_call(_ORDERS, failed=error in _NOT_NOW)
        core.desks[order.symbol].hold_until = core.now + core.settings.requote_interval
        core.desks[order.symbol].dirty = True

    def on_accepted(self, order: Order) -> None:
        """See OrderListener."""
        if not order.inherited:
            self._core.evidence.count("orders_accepted")
            self._core.behaviour.accepted()
            self._halting.judge_call(_ORDERS, failed=False)

    def on_refused(self, order: Order, error: ErrorClass, message: str) -> None:
        """Count, pause the symbol, and halt at the end of the streak."""
        core = self._core
        desk = core.desks[order.symbol]
        interval = core.settings.requote_interval
        self._halting.judge_call(_ORDERS, failed=error in _NOT_NOW)
        if error is ErrorClass.POST_ONLY:
            core.evidence.count("orders_post_only_rejected")
            desk.hold_until = core.now + interval
            return
        if error is ErrorClass.CLOSED:
            # no fault of ours: the gateway reads the status, and nothing is quoted once it is known
            core.evidence.count("orders_rejected")
            desk.hold_until = core.now + interval
            return
        core.evidence.count("orders_rejected")
        core.behaviour.refused()
        streak = core.behaviour.reject_streak
        desk.hold_until = core.now + interval * min(2 ** min(streak, 8), 40)
        if error is ErrorClass.AUTH:
            self._halting.halt(
                HaltReason.CREDENTIALS_REFUSED, f"the venue refused the keys: {message}", core.now
            )
        elif streak >= core.settings.max_reject_streak:
            self._halting.halt(
                HaltReason.REJECT_STREAK, f"{streak} orders refused in a row, the last: {message}", core.now
            )

    def on_cancel_sent(self, order: Order) -> None:
        """See OrderListener."""
        self._core.evidence.count("cancels_sent")
        if order.cancel_attempts == 1:
            self._core.behaviour.canceled(self._core.now)

    def on_cancel_refused(self, order: Order) -> None:
        """Count it; from then on the order is asked about, not cancelled again at once."""
        self._core.desks[order.symbol].dirty = True
        self._core.evidence.count("cancels_rejected")

    def on_cancel_exhausted(self, order: Order) -> None:
        """Nothing we send takes it away: stop, and call a person."""
        self._halting.halt(
            HaltReason.CANCEL_REFUSED,
            f"{order.symbol}: {order.client_id} the venue refused its cancel {order.cancel_refusals} times",
            self._core.now,
        )

    def on_unknown(self, order: Order) -> None:
        """Count each; tell people at most once a second. Its side is blocked from here on."""
        core = self._core
        core.desks[order.symbol].dirty = True
        if order.acked_ts is None and not order.inherited:
            self._halting.judge_call(_ORDERS, failed=True)
        core.evidence.count("orders_unknown")
        if self._unknown_told is None or core.now - self._unknown_told >= NS_PER_S:
            self._unknown_told = core.now
            self._halting.alert(
                "Warning",
                "OrderUnknown",
                f"{order.symbol}: no trustworthy answer about {order.client_id}; its side waits until the venue has spoken",
                core.now,
                severity="warning",
            )

    def on_changed(self, order: Order) -> None:
        """Another look is due when a side became free; a missing fill is asked for at once."""
        core = self._core
        desk = core.desks[order.symbol]
        if not order.over:
            desk.sync.zero_ms = None
        elif order.state is not REJECTED:
            desk.dirty = True
        if order.filled > order.booked and not order.inherited:
            core.reconciler.request(order.symbol, "unknown", core.now)
        bid = ask = False
        for other in desk.orders.live.values():
            if other.state in _RESTING:
                if other.side is BUY:
                    bid = True
                else:
                    ask = True
        if desk.two_sided is not (bid and ask):
            desk.two_sided = not desk.two_sided
            core.evidence.two_sided(core.now, any(each.two_sided for each in core.desks.values()))

    def on_anomaly(self, symbol: str, what: str) -> None:
        """Count each; tell people at most once a second."""
        core = self._core
        core.evidence.count("order_anomalies")
        if self._anomaly_told is None or core.now - self._anomaly_told >= NS_PER_S:
            self._anomaly_told = core.now
            self._halting.alert(
                "OrderAnomaly", "OrderAnomaly", f"{symbol}: {what}", core.now, severity="warning"
            )

    def _spend(self, trade: TradeView, realised: int) -> None:
        core = self._core
        desk = core.desks[trade.symbol]
        if desk.rules.initial_margin is not None:
            # nothing is paid with: only a realised loss leaves the wallet, margin is counted from the position itself
            core.balances.spent(desk.rules.quote_asset, max(0, -realised) // 10**8)
            return
        amount = trade.size * desk.position.lot
        if trade.side is BUY:
            core.balances.spent(desk.rules.quote_asset, amount * trade.price * desk.position.tick // 10**8)
        else:
            core.balances.spent(desk.rules.base_asset, amount)

    def _record(self, trade: TradeView, order: Order | None) -> FillRecord:
        rules = self._core.desks[trade.symbol].rules
        return FillRecord(
            symbol=trade.symbol,
            trade_id=trade.trade_id,
            client_id=order.client_id if order is not None else "",
            venue_order_id=trade.venue_id,
            side="BUY" if trade.side is BUY else "SELL",
            price=rules.price(trade.price),
            quantity=rules.quantity(trade.size),
            commission=trade.commission,
            commission_asset=trade.commission_asset,
            maker=trade.maker,
            venue_ms=trade.venue_ms,
        )
