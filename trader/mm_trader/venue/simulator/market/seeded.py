"""The seeded market: per symbol a latent value and the background traders around it.

Same seed, preset, symbols and client behaviour give the same orders in the same order: every symbol has its own
random stream, and time is the scheduler's. `speed` makes market time run faster than venue time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from random import Random
from typing import Any

from ..engine.exchange import Exchange
from ..engine.types import SymbolStatus
from ..time import NS_PER_S, Scheduler
from .agents import InformedTaker, LiquidityProvider, NoiseTaker
from .driver import background_account, refund_background
from .latent import LatentValue
from .preset import START_PRICES, Preset

STEP_S = 0.05
"""Market time between two steps of the latent value."""
MAX_BEHIND_S = 1.0
"""A process that slept longer than this skips what it missed instead of replaying it in a burst."""
SWEEP_NOTIONAL = 1e9


class _SymbolMarket:
    """One symbol's latent value and traders."""

    def __init__(self, market: SeededMarket, symbol: str, preset: Preset, seed: str) -> None:
        exchange = market.exchange
        spec = exchange.market(symbol).spec
        self.symbol = symbol
        self.preset = preset
        self.rng = Random(f"{seed}:{symbol}")
        start = preset.start_prices.get(symbol) or preset.start_prices.get(spec.base)
        self.start_price = start or START_PRICES.get(spec.base, 100.0)
        self.latent = LatentValue(preset, self.start_price, self.rng)
        self.provider = LiquidityProvider(exchange, market.provider, symbol, preset, self.rng)
        self.noise = NoiseTaker(exchange, market.noise, symbol, preset, self.rng)
        self.informed = InformedTaker(exchange, market.informed, symbol, preset)
        self.since_refresh = 0.0


class SeededMarket:
    """Drives all symbols (or those given) of an exchange from one seed. `on_events` is called after each thing that happened."""

    def __init__(
        self,
        exchange: Exchange,
        scheduler: Scheduler,
        on_events: Callable[[], None],
        seed: str,
        preset: Preset,
        speed: float = 1.0,
        symbols: Iterable[str] | None = None,
    ) -> None:
        self.exchange = exchange
        self.scheduler = scheduler
        self.on_events = on_events
        self.speed = speed
        chosen = list(exchange.markets) if symbols is None else list(symbols)
        self.provider = background_account(exchange, "background-maker")
        self.noise = background_account(exchange, "background-noise")
        self.informed = background_account(exchange, "background-informed")
        self.symbols = {s: _SymbolMarket(self, s, preset, seed) for s in chosen}
        self._due_ns = 0

    def start(self) -> None:
        """Seed the books and begin stepping."""
        self._refresh_all()
        self._due_ns = self.scheduler.clock.now()
        self._schedule()

    def reseed(self) -> None:
        """After a reset: new money, new ladders, prices go on from where they were."""
        refund_background(self.exchange)
        for symbol in self.symbols.values():
            symbol.provider.forget()
        self._refresh_all()

    def move(self, symbol: str, by_bp: float, over_s: float = 0.0) -> None:
        """Shift or drift a symbol; an instant shift trades through every order between the old and new price."""
        one = self.symbols[symbol]
        if over_s > 0:
            one.latent.drift(by_bp, over_s)
            return
        one.latent.shift(by_bp)
        if self._trading(one):
            one.informed.sweep(one.latent.value, one.latent.value, SWEEP_NOTIONAL)
            one.provider.refresh(one.latent.public)
        self.on_events()

    def fair_price(self, symbol: str) -> float:
        return self.symbols[symbol].latent.public

    def state(self) -> dict[str, Any]:
        return {
            s: {"fairValue": round(m.latent.value, 4), "publicPrice": round(m.latent.public, 4)}
            for s, m in self.symbols.items()
        }

    # --- inside ---------------------------------------------------------------------------------------------
    def _refresh_all(self) -> None:
        for one in self.symbols.values():
            if self._trading(one):
                one.provider.refresh(one.latent.public)
        self.on_events()

    def _trading(self, one: _SymbolMarket) -> bool:
        return self.exchange.markets[one.symbol].status is SymbolStatus.TRADING

    def _schedule(self) -> None:
        self._due_ns += int(STEP_S * NS_PER_S / self.speed)
        now = self.scheduler.clock.now()
        if now - self._due_ns > MAX_BEHIND_S * NS_PER_S:
            self._due_ns = now
        self.scheduler.call_at(self._due_ns, self._step)

    def _step(self) -> None:
        try:
            for one in self.symbols.values():
                self._step_symbol(one)
        finally:  # the market goes on whatever happened in one step
            self._schedule()

    def _step_symbol(self, one: _SymbolMarket) -> None:
        one.latent.step(STEP_S)
        if not self._trading(one):
            return
        one.since_refresh += STEP_S
        if one.since_refresh >= one.preset.maker_refresh_s:
            one.since_refresh = 0.0
            one.provider.refresh(one.latent.public)
            self.on_events()
        self._arrivals(one, one.preset.noise_per_s, self._noise)
        self._arrivals(one, one.preset.informed_per_s, self._informed)

    def _arrivals(self, one: _SymbolMarket, rate: float, act: Callable[[_SymbolMarket], None]) -> None:
        """Poisson arrivals within this step, each at its own moment."""
        left = math.exp(-rate * STEP_S)
        product = one.rng.random()
        while product > left:
            at = self._due_ns + int(one.rng.random() * STEP_S * NS_PER_S / self.speed)
            self.scheduler.call_at(at, lambda: act(one))
            product *= one.rng.random()

    def _noise(self, one: _SymbolMarket) -> None:
        if self._trading(one):
            one.noise.trade(one.latent.public)
            self.on_events()

    def _informed(self, one: _SymbolMarket) -> None:
        if self._trading(one):
            one.informed.trade(one.latent.value)
            self.on_events()
