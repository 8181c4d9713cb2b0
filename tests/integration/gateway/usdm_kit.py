"""A futures simulator and the futures gateway connected to it, for tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from decimal import Decimal
from typing import Any

from gateway_kit import API_KEY, FAST, PREFIX, SECRET, SYMBOL, Desk, RealClock, Recorder, until

from mm_api.kinds.common import Environment, Venue
from mm_api.trader_config import VenueConfig
from mm_trader.core.commands import Place
from mm_trader.core.events import OrderAccepted, Side
from mm_trader.venue.binance import Credentials, GatewaySettings, UsdmGateway
from mm_trader.venue.simulator.config import (
    AccountConfig,
    KeyConfig,
    Product,
    SimulatorConfig,
    parse_symbols,
)
from mm_trader.venue.simulator.engine.types import E8
from mm_trader.venue.simulator.simulator import Simulator


class FuturesDesk(Desk):
    """A started futures gateway."""

    async def quiet_order(
        self, side: Side = Side.BUY, size: int = 10, away: int = 5000, **more: Any
    ) -> Place:
        """Fifty dollars from the touch, within the venue's band."""
        touch = await self.touch()
        price = touch.bid - away if side is Side.BUY else touch.ask + away
        return Place(symbol=SYMBOL, client_id=self.new_id(), side=side, price=price, size=size, **more)

    @property
    def holding(self) -> Any:
        """The position, seen from inside the venue."""
        engine: Any = self.sim.engine
        return engine.margin.holding(engine.accounts["desk"], SYMBOL)

    @property
    def wallet(self) -> Decimal:
        """USDC, seen from inside the venue."""
        return Decimal(self.sim.engine.accounts["desk"].balance("USDC").free) / E8

    async def be_long(self, lots: int) -> None:
        """Buy by a quote that the market comes down to."""
        touch = await self.touch()
        place = Place(symbol=SYMBOL, client_id=self.new_id(), side=Side.BUY, price=touch.bid, size=lots)
        self.gateway.submit(place)
        await self.seen.next(OrderAccepted)
        self.sim.admin.do("price", symbol=SYMBOL, by_bp=-80)
        await until(lambda: self.holding.lots == lots)


def futures_config(sim: Simulator) -> VenueConfig:
    return VenueConfig(
        kind=Venue.BINANCE_USDM,
        environment=Environment.SIMULATOR,
        rest_url=sim.url,
        ws_api_url=f"{sim.ws_url}/ws-fapi/v1",
        stream_url=sim.ws_url,
        recv_window=timedelta(milliseconds=1000),
    )


def futures_simulator(**changes: Any) -> Simulator:
    account = AccountConfig("desk", (KeyConfig(API_KEY, SECRET),), {"USDC": 50_000 * E8})
    return Simulator(
        SimulatorConfig(
            accounts=(account,), product=Product.USDM, symbols=parse_symbols(SYMBOL, Product.USDM), **changes
        )
    )


def futures_gateway(sim: Simulator, settings: GatewaySettings = FAST) -> UsdmGateway:
    return UsdmGateway(
        futures_config(sim), RealClock(), credentials=Credentials(API_KEY, SECRET), settings=settings
    )


@asynccontextmanager
async def futures_desk(settings: GatewaySettings = FAST, **changes: Any) -> AsyncIterator[FuturesDesk]:
    """A simulator and a gateway that is connected to it."""
    async with futures_simulator(**changes) as sim:
        gateway = futures_gateway(sim, settings)
        recorder = Recorder()
        try:
            rules = await gateway.load_rules([SYMBOL])
            await gateway.start(rules, PREFIX, recorder)
            yield FuturesDesk(sim, gateway, recorder, rules)
        finally:
            await gateway.stop()
