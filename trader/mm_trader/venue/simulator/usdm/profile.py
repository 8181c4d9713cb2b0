"""The futures profile: its parts, for the composition root."""

from __future__ import annotations

from ..config import SimulatorConfig
from ..engine.exchange import Clock, Exchange
from ..engine.types import E8
from ..server import calls_neighbours, calls_wallet
from ..server.profile import Profile
from ..time import NS_PER_S
from .calls_account import CALLS as ACCOUNT_CALLS
from .calls_algo import CALLS as ALGO_CALLS
from .calls_market import CALLS as MARKET_CALLS
from .calls_orders import CALLS as ORDER_CALLS
from .calls_reference import CALLS as REFERENCE_CALLS
from .clockwork import Clockwork
from .desk import FuturesDesk
from .exchange import FundingSchedule, FuturesExchange
from .publisher import FuturesPublisher


def _exchange(config: SimulatorConfig, clock: Clock) -> Exchange:
    funding = FundingSchedule(int(config.funding_rate * E8), int(config.funding_interval_s * NS_PER_S))
    return FuturesExchange(config.symbols, clock, config.default_stp, config.leverage, funding)


USDM = Profile(
    prefix="/fapi/",
    ws_path="/ws-fapi/v1",
    calls=(
        *MARKET_CALLS,
        *ACCOUNT_CALLS,
        *ORDER_CALLS,
        *ALGO_CALLS,
        *REFERENCE_CALLS,
        *calls_wallet.CALLS,
        *calls_neighbours.front_doors(calls_neighbours.SPOT, calls_neighbours.COINM),
    ),
    gone_methods=frozenset(),
    exchange=_exchange,
    publisher=FuturesPublisher,
    desk=FuturesDesk,
    extras=Clockwork,
)
