"""Requests from outside: permission, stop, halts, limits, parameters, reconciling. All of them take effect within the event that brings them."""

from __future__ import annotations

from mm_api.trader_config import TraderConfig
from mm_trader.core import events as ev
from mm_trader.core.state import RiskLevel
from mm_trader.kernel.build import use_settings, use_strategy
from mm_trader.kernel.desk import Core
from mm_trader.kernel.halting import Halting
from mm_trader.kernel.settings import settings_from
from mm_trader.kernel.split import share_capital
from mm_trader.orders.states import OrderState
from mm_trader.strategy.parameters import ParameterError
from mm_trader.strategy.registry import StrategyTypes, validate_parameters


class Requests:
    """Handlers of requests."""

    def __init__(self, core: Core, halting: Halting, config: TraderConfig, strategies: StrategyTypes) -> None:
        self._core = core
        self._halting = halting
        self._config = config
        self._strategies = strategies

    def on_allowed(self, event: ev.TradingAllowed) -> None:
        core = self._core
        core.allowed = event.allowed
        core.allowed_reason = event.reason or "WaitingForLease"
        core.manager.enabled = core.manager.enabled or event.allowed
        core.manager.alone = event.allowed
        for order in core.table.all_live():
            order.leftover = order.cancel_wanted = True
            if event.allowed and order.state is OrderState.UNKNOWN:
                core.manager.doubt(order, "start", event.ts)
        if event.allowed:
            for symbol in core.desks:
                core.reconciler.begin(symbol, "start", event.ts)
        self._halting.look_everywhere()

    def on_stop(self, event: ev.StopRequested) -> None:
        self._core.stopping = event.reason or "Stopping"
        self._halting.look_everywhere()

    def on_halts(self, event: ev.HaltsChanged) -> None:
        self._core.halts.replace(event.latches)
        self._obey_halts(event.ts)

    def _obey_halts(self, ts: int) -> None:
        if self._core.halts.level is RiskLevel.HALTED:
            self._core.cancels_first = True
        self._halting.judge(ts)
        self._halting.look_everywhere()

    def on_durable(self, event: ev.HaltDurable) -> None:
        self._core.halts.durable(event.halt_id)

    def on_lifted(self, event: ev.HaltLifted) -> None:
        self._halting.lift(event.halt_id, event.ts)

    def on_halt_requested(self, event: ev.HaltRequested) -> None:
        self._halting.halt(event.reason, event.message, event.ts, event.level)
        self._obey_halts(event.ts)

    def on_reconcile_requested(self, event: ev.ReconcileRequested) -> None:
        for symbol in self._core.desks:
            if event.symbol in (None, symbol):
                self._core.reconciler.request(symbol, event.cause, event.ts)

    def on_limits(self, event: ev.LimitsTightened) -> None:
        taken, unknown = self._core.settings.tighten(event.limits)
        if unknown:
            self._halting.alert(
                "Warning", "UnknownLimit", f"ignored: {', '.join(unknown)}", event.ts, severity="warning"
            )
        if taken:
            share_capital(self._core)
            self._halting.tighten(event.ts)

    def on_parameters(self, event: ev.ParametersChanged) -> None:
        """New parameters, or the old ones and a warning: half a change is never made."""
        strategy = self._config.strategy.model_copy(update={"parameters": dict(event.parameters)})
        config = self._config.model_copy(update={"strategy": strategy})
        if self._use_strategy(config, event.ts):
            self._config = config
            self._halting.look_everywhere()

    def on_config(self, event: ev.ConfigChanged) -> None:
        """The hot fields of a reloaded config: all of them, or none and a warning. What a command has tightened stays tightened."""
        before, config = self._config, event.config
        if config.strategy != before.strategy and not self._use_strategy(config, event.ts):
            return
        self._config = config
        self._core.settings.adopt(settings_from(config))
        use_settings(self._core)
        if config.portfolio != before.portfolio:
            self._core.weights = None
        share_capital(self._core)
        self._halting.adopt_limits(event.ts)

    def _use_strategy(self, config: TraderConfig, ts: int) -> bool:
        """New parameters for every symbol; False: the old ones stay, and people are told why."""
        try:
            validate_parameters(config.strategy.name, config.strategy.parameters, self._strategies)
            use_strategy(self._core, config, self._strategies)
        except ParameterError as error:
            self._halting.alert("Warning", "ParametersRefused", str(error), ts, severity="warning")
            return False
        return True
