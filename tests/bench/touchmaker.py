"""The simulator's program with a market that requotes its touch as fast as the process can: `simkit.program(module="touchmaker")`.

Each requote is one cancel and one placement under one update number, so one bookTicker.
"""

from __future__ import annotations

import sys
from typing import Any

from mm_trader.venue.simulator import cli, simulator
from mm_trader.venue.simulator.engine.types import NewOrder, Order, OrderType, Side, TimeInForce
from mm_trader.venue.simulator.market.driver import background_account

BURST = 50
"""Requotes between two turns of the event loop."""
PAUSE_NS = 100_000


class TouchMaker:
    """One bid that changes its size, at a fixed price."""

    def __init__(self, owner: simulator.Simulator) -> None:
        self.exchange = owner.engine
        self.scheduler = owner.scheduler
        self.pump = owner.publisher.pump
        self.account = background_account(owner.engine, "touchmaker")
        self.quote: Order | None = None
        self.number = 0

    def start(self) -> None:
        self.scheduler.call_after(PAUSE_NS, self._burst)

    reseed = start

    def state(self) -> dict[str, Any]:
        return {"requotes": self.number}

    def _burst(self) -> None:
        for _ in range(BURST):
            self.number += 1
            with self.exchange.batch():
                if self.quote is not None:
                    self.exchange.cancel(self.quote)
                lots = 1000 + self.number % 7
                self.quote = self.exchange.place(
                    self.account,
                    NewOrder(
                        "ETHUSDC", Side.BUY, OrderType.LIMIT, "", TimeInForce.GTC, lots * 10_000, 2600 * 10**8
                    ),
                ).order
            self.pump()
        self.scheduler.call_after(PAUSE_NS, self._burst)


if __name__ == "__main__":
    simulator.Simulator._make_market = lambda self: TouchMaker(self)  # type: ignore[method-assign,assignment,return-value]
    sys.exit(cli.main())
