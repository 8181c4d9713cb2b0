"""The flatten machine at work: builds its view, passes its closes through the pre-trade checks, places them as the only orders that a halt lets through.

Off unless `risk.flatten.enabled`. It works after halts that say "get out" (a loss limit, an emergency stop, sustained refusals), never after those that say
"nothing here can be trusted": a failed check or an unknown commission is no basis for a trade."""

from __future__ import annotations

import msgspec

from mm_api.redis_contract import LatchSource
from mm_trader.core.state import RiskLevel
from mm_trader.core.units import from_asset_units, to_money
from mm_trader.kernel.desk import Core, Desk
from mm_trader.kernel.halting import Halting
from mm_trader.kernel.room import Room
from mm_trader.orders.order import Order
from mm_trader.orders.states import OPEN_STATES, OrderState
from mm_trader.risk.checks import Intent, first_refusal
from mm_trader.risk.flatten import Close, Flatten, Step, Tell, View, Withdraw
from mm_trader.risk.reasons import LOSS_REASONS, HaltReason

GET_OUT = frozenset({*LOSS_REASONS, HaltReason.REJECT_STREAK, HaltReason.EMERGENCY_STOP})
"""Reasons of halts after which a position is closed."""


class Flattening:
    """One machine per symbol."""

    def __init__(self, core: Core, halting: Halting) -> None:
        self._core = core
        self._halting = halting
        self._machines = {symbol: Flatten(symbol, core.settings.flatten) for symbol in core.desks}

    def steps(self) -> dict[str, str]:
        """Symbol → step, for status."""
        return {symbol: machine.step.value for symbol, machine in self._machines.items()}

    def on_tick(self, ts: int) -> None:
        """Let every machine look."""
        core = self._core
        if not core.settings.flatten.enabled:
            return
        wanted = self._wanted()
        core.closing = wanted and core.allowed and not core.stopping
        for symbol, machine in self._machines.items():
            if not wanted:
                if machine.step is not Step.IDLE:
                    machine.end()
                continue
            machine.begin(ts)
            if core.closing:
                self._look(core.desks[symbol], machine, ts)

    def _wanted(self) -> bool:
        """A halt says "get out", and none says that nothing can be trusted."""
        own = [latch for latch in self._core.halts.latches if latch.source is LatchSource.RISK]
        reasons = {latch.reason for latch in own}
        return (
            self._core.halts.level is RiskLevel.HALTED
            and bool(reasons & GET_OUT)
            and not any(reason in _UNTRUSTED for reason in reasons)
        )

    def _look(self, desk: Desk, machine: Flatten, ts: int) -> None:
        for action in machine.look(self._view(desk, ts)):
            match action:
                case Tell(reason=reason, message=message, critical=critical):
                    severity = "critical" if critical else "warning"
                    self._halting.alert("Warning", reason, message, ts, severity=severity)
                case Withdraw():
                    for order in self._core.table.live(desk.symbol):
                        self._core.manager.cancel(order, ts)
                case Close():
                    self._place(desk, machine, action, ts)

    def _place(self, desk: Desk, machine: Flatten, close: Close, ts: int) -> None:
        core = self._core
        # halted as a whole, but this one brings the position back: the check of reduce-only is the one that must hold
        facts = msgspec.structs.replace(
            Room(core, desk, ts).facts(close.side, wanted=1), level=RiskLevel.REDUCE_ONLY
        )
        refusal = first_refusal(Intent(close.side, close.price, close.size, close.post_only), facts)
        if refusal is not None:
            core.evidence.count("orders_refused_locally")
            machine.refused()
            return
        core.manager.place(
            desk.symbol,
            close.side,
            close.price,
            close.size,
            ts,
            post_only=close.post_only,
            closing=True,
            reduce_only=desk.rules.reducible,
        )

    def _view(self, desk: Desk, ts: int) -> View:
        core = self._core
        live = core.table.live(desk.symbol)
        top = desk.top
        fresh = top.fresh(ts, core.settings.stale_after) and desk.book.usable
        price = max(top.bid, 1)
        per_lot = price * desk.position.tick * desk.position.lot
        least = max(desk.rules.min_quantity, -(-to_money(desk.rules.min_notional) // per_lot))
        sync = core.reconciler.sync[desk.symbol]
        resting = _resting(live)
        return View(
            ts=ts,
            position=desk.position.whole_lots,
            held=from_asset_units(desk.position.base),
            asset=desk.rules.base_asset,
            least=least,
            most=min(desk.rules.max_quantity, core.settings.max_order_money // per_lot),
            zero=sync.zero_ms is not None,
            live=len(live),
            unknown=any(order.state is OrderState.UNKNOWN for order in live),
            live_price=resting.price if resting else None,
            live_lots=resting.side.sign * resting.unbooked if resting else 0,
            bid=top.bid,
            ask=top.ask,
            market=fresh
            and core.reconciler.current(desk.symbol, ts)
            and not core.table.unsettled(desk.symbol)
            and all(core.streams.values()),
            taker_reach=int(price * core.settings.flatten_reach),
        )


_UNTRUSTED = frozenset(
    {
        HaltReason.INTERNAL_ERROR,
        HaltReason.SELF_TEST_FAILED,
        HaltReason.FEE_ASSET_UNKNOWN,
        HaltReason.POSITION_DRIFT,
        HaltReason.CREDENTIALS_REFUSED,
        "JournalCorrupt",
    }
)
"""Reasons of halts after which nothing is placed by the machine, whatever else stands."""


def _resting(live: list[Order]) -> Order | None:
    return live[0] if len(live) == 1 and live[0].state in OPEN_STATES else None
