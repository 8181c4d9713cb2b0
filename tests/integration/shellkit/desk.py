"""A trader and a simulator in this process, over a real loopback socket; and a counterparty that takes exactly what a test needs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

from mm_api.trader_config import TraderConfig
from mm_trader.core.clock import Clock
from mm_trader.shell.app import App
from mm_trader.shell.store.memory import MemoryStore
from mm_trader.venue.binance import Credentials
from mm_trader.venue.binance.choice import gateway_for
from mm_trader.venue.port import VenueGateway
from mm_trader.venue.simulator.config import (
    Product,
    SimulatorConfig,
    parse_account,
    parse_market,
    parse_symbols,
)
from mm_trader.venue.simulator.engine.types import (
    NewOrder,
    Order,
    OrderType,
    Side,
    TimeInForce,
)
from mm_trader.venue.simulator.simulator import Simulator
from mm_trader.venue.simulator.usdm.desk import futures_desk
from shellkit.processes import ACCOUNT, API_KEY, BALANCES, SECRET, on_futures, trader_config
from shellkit.waiting import until

COUNTERPARTY = "counterparty"
SYMBOL = "ETHUSDC"
FUNDS = {
    Product.SPOT: (BALANCES, "ETH=100000,USDC=900000000"),
    Product.USDM: ("USDC=50000", "USDC=900000000"),
}
"""Of the trader and of its counterparty."""


class Desk:
    """What a test works with."""

    def __init__(self, sim: Simulator, app: App) -> None:
        self.sim = sim
        self.app = app
        self._taken = 0

    @property
    def store(self) -> MemoryStore:
        """The trader's store."""
        assert isinstance(self.app.store, MemoryStore)
        return self.app.store

    @property
    def account(self) -> Any:
        """The trader's account at the venue."""
        return self.sim.engine.accounts[ACCOUNT]

    def listen_key(self) -> str:
        """Futures: the key of the trader's user stream."""
        key = futures_desk(self.sim.desk).listen_keys.key_of(ACCOUNT, self.sim.desk.now_ms())
        assert key is not None, "the trader has obtained one"
        return key

    def open_at_venue(self, side: Side | None = None) -> list[Order]:
        """The trader's open orders, seen from inside the venue."""
        return [order for order in self.account.open.values() if side in (None, order.side)]

    def journal(self, kind: str | None = None) -> list[dict[str, Any]]:
        """The venue's record of the trader's orders."""
        entries = self.sim.journal.since(0, 1_000_000)
        return [e for e in entries if e["account"] == ACCOUNT and kind in (None, e["kind"])]

    def position(self) -> Decimal:
        """The trader's position as it knows it."""
        status = self.app.kernel_status()
        return status.positions[SYMBOL] if status is not None else Decimal(0)

    async def quoted(self, side: Side = Side.BUY, timeout_s: float = 60) -> Order:
        """An order of this side that rests at the venue and that the trader knows to rest."""

        def resting() -> Order | None:
            status = self.app.kernel_status()
            if status is None or status.phase.value not in ("Quoting", "ReduceOnly"):
                return None
            known = {
                record.client_id
                for record in self.app.dispatcher.kernel.open_orders()
                if record.state == "NEW"
            }
            return next((order for order in self.open_at_venue(side) if order.client_id in known), None)

        order: Order = await until(resting, f"a {side.value} quote rests", timeout_s)
        return order

    def take(self, order: Order, lots: int) -> None:
        """The counterparty trades `lots` of this order, and of course all that stands before it."""
        market = self.sim.engine.markets[order.symbol]
        side = market.book.bids if order.side is Side.BUY else market.book.asks
        ahead = 0
        for level in side.from_best():
            for other in level:
                if other is order:
                    break
                ahead += other.remaining
            else:
                continue
            break
        self._taken += 1
        self.sim.engine.place(
            self.sim.engine.accounts[COUNTERPARTY],
            NewOrder(
                symbol=order.symbol,
                side=Side.SELL if order.side is Side.BUY else Side.BUY,
                type=OrderType.LIMIT,
                client_id=f"take-{self._taken}",
                tif=TimeInForce.IOC,
                qty_e8=(ahead + lots) * market.spec.lot_e8,
                price_e8=order.price * market.spec.tick_e8,
            ),
        )
        self.sim.publisher.pump()


@asynccontextmanager
async def desk(
    directory: Path,
    market: str = "seeded:7:calm",
    config_file: Path | None = None,
    keys: tuple[str, str] = (SECRET, SECRET),
    product: Product = Product.SPOT,
    **changes: Any,
) -> AsyncIterator[Desk]:
    """A connected pair; the trader has been started and is on its way to quoting. `keys`: what the venue knows the trader by, and the trader's secret."""
    changes.setdefault("symbols", [SYMBOL])
    listed = changes.pop("listed", changes["symbols"])
    own_funds, other_funds = FUNDS[product]
    config = SimulatorConfig(
        accounts=(
            parse_account(f"{ACCOUNT}:{API_KEY}:{keys[0]}:{own_funds}"),
            parse_account(f"{COUNTERPARTY}:otherKey0123456789:otherSecret0123456789:{other_funds}"),
        ),
        product=product,
        symbols=parse_symbols(",".join(listed), product),
        market=parse_market(market),
    )

    def gateway(config: TraderConfig, clock: Clock, before_send: Any) -> VenueGateway:
        make = gateway_for(config.venue.kind)
        return make(config.venue, clock, before_send=before_send, credentials=Credentials(API_KEY, keys[1]))

    async with Simulator(config) as sim:
        wire = trader_config(directory, sim.url, None, **changes)
        if product is Product.USDM:
            wire = on_futures(wire)
        trader = TraderConfig.model_validate(wire)
        app = App(trader, "test", gateway_factory=gateway, config_file=config_file)
        await app.start()
        try:
            yield Desk(sim, app)
        finally:
            await app.stop("test over")


__all__ = ["SYMBOL", "Desk", "Order", "Product", "Side", "desk"]
