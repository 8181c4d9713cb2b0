"""Recordings and generator together: recorded books with generated takers among them.

A symbol that has a recording is replayed, and noise takers of the preset trade on it at moments of their own, as any
client would: what they take is not there for others. Its informed flow is the recording's. A symbol without a
recording is generated whole. Same seed, files and client behaviour give the same market.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from ..engine.exchange import Exchange
from ..engine.types import SymbolStatus
from ..time import NS_PER_S, Scheduler
from .agents import NoiseTaker
from .driver import background_account
from .preset import Preset
from .replay import ReplayMarket
from .seeded import SeededMarket

NEVER_S = 3600.0
"""How long a taker that the preset does not have waits before it looks again."""


class BothMarket:
    """`ReplayMarket` and `SeededMarket` side by side, and the noise takers on what is replayed."""

    def __init__(
        self,
        exchange: Exchange,
        scheduler: Scheduler,
        on_events: Callable[[], None],
        files: tuple[tuple[str, str | None], ...],
        seed: str,
        preset: Preset,
        speed: float = 1.0,
    ) -> None:
        self.exchange = exchange
        self.scheduler = scheduler
        self.on_events = on_events
        self.preset = preset
        self.speed = speed
        self.replay = ReplayMarket(exchange, scheduler, on_events, files, speed, complete=False)
        generated = [s for s in exchange.markets if s not in self.replay.books]
        self.seeded = SeededMarket(exchange, scheduler, on_events, seed, preset, speed, generated)
        account = background_account(exchange, "background-taker")
        self.takers = {
            s: NoiseTaker(exchange, account, s, preset, Random(f"{seed}:{s}:takers"))
            for s in self.replay.books
        }
        self.taken = dict.fromkeys(self.takers, 0)

    def start(self) -> None:
        """Show every book and begin."""
        self.replay.start()
        self.seeded.start()
        for symbol in self.takers:
            self._later(symbol)

    def reseed(self) -> None:
        self.replay.reseed()
        self.seeded.reseed()

    def move(self, symbol: str, by_bp: float, over_s: float = 0.0) -> None:
        self._of(symbol).move(symbol, by_bp, over_s)

    def fair_price(self, symbol: str) -> float:
        return self._of(symbol).fair_price(symbol)

    def state(self) -> dict[str, Any]:
        return {**self.replay.state(), **self.seeded.state(), "takerTrades": self.taken}

    # --- inside ---------------------------------------------------------------------------------------------
    def _of(self, symbol: str) -> ReplayMarket | SeededMarket:
        return self.replay if symbol in self.takers else self.seeded

    def _later(self, symbol: str) -> None:
        """The taker's next arrival: exponential waits of the preset's rate."""
        rate = self.preset.noise_per_s
        wait_s = self.takers[symbol].rng.expovariate(rate) if rate > 0 else NEVER_S
        self.scheduler.call_after(int(wait_s * NS_PER_S / self.speed), lambda: self._arrive(symbol))

    def _arrive(self, symbol: str) -> None:
        try:
            price = self.replay.fair_price(symbol)
            if price > 0 and self.exchange.markets[symbol].status is SymbolStatus.TRADING:
                self.takers[symbol].trade(price)
                self.taken[symbol] += 1
                self.on_events()
        finally:  # the next one comes whatever became of this one
            self._later(symbol)
