"""The desk of the futures API: the common one, with countdowns, and refusals in the futures API's words."""

from __future__ import annotations

from typing import Any

from ..engine.account import Account
from ..engine.errors import RefusalError
from ..engine.exchange import Exchange
from ..engine.types import Order
from ..journal import Journal
from ..server.auth import Authenticator
from ..server.candles import Candles
from ..server.desk import Call, Desk, Request
from ..server.limits import RateLimits
from ..server.params import FUTURES_IDS
from ..server.publisher import Publisher
from ..time import NS_PER_MS, Clock, Timer
from . import shapes
from .exchange import FuturesExchange
from .publisher import FuturesPublisher
from .refusals import translated


class FuturesDesk(Desk):
    """`exchange` is a `FuturesExchange`."""

    def __init__(
        self,
        exchange: Exchange,
        auth: Authenticator,
        limits: RateLimits,
        journal: Journal,
        publisher: Publisher,
        clock: Clock,
    ) -> None:
        super().__init__(exchange, auth, limits, journal, publisher, clock)
        assert isinstance(exchange, FuturesExchange), "the futures profile makes its own exchange"
        self.futures = exchange
        self.isolated: set[str] = set()
        self.multi_assets: set[str] = set()
        """Accounts that say so of themselves; neither mode is simulated."""
        self.hedged: set[str] = set()
        """Accounts in hedge mode: for them every order for `BOTH` is refused; hedge positions themselves are not simulated."""
        self.mark_candles = {symbol: Candles() for symbol in exchange.markets}
        """Of mark prices, which are taken every second."""
        assert isinstance(publisher, FuturesPublisher), "the futures profile makes its own publisher"
        self.algos = publisher.algos
        self._countdowns: dict[tuple[str, str], Timer] = {}

    def queried(self, order: Order) -> dict[str, Any]:
        """See Desk."""
        return shapes.queried(order, self.spec(order.symbol))

    def perform(self, call: Call, request: Request) -> Any:
        """See Desk; refusals are translated, and parameters that nobody knows are ignored, as clients of this API know it."""
        request.params.strict, request.params.ids = False, FUTURES_IDS
        try:
            return super().perform(call, request)
        except RefusalError as error:
            raise translated(error) from error

    def count_down(self, account: Account, symbol: str, ms: int) -> None:
        """Cancel everything of the account in the symbol `ms` from now, unless told otherwise before; 0 ends the countdown."""
        key = (account.name, symbol)
        running = self._countdowns.pop(key, None)
        if running is not None:
            running.cancel()
        if ms:
            self._countdowns[key] = self.publisher.scheduler.call_after(
                ms * NS_PER_MS, lambda: self._run_out(account, symbol)
            )

    def _run_out(self, account: Account, symbol: str) -> None:
        self._countdowns.pop((account.name, symbol), None)
        self.journal.add("countdown", self.clock.now(), account.name, symbol=symbol)
        for order in [o for o in account.open.values() if o.symbol == symbol]:
            self.exchange.cancel(order)
        self.publisher.pump()

    def expire_due(self) -> None:
        """End the orders whose time has come; called every second."""
        now_ms = self.now_ms()
        self.futures.expire_due(now_ms)
        self.algos.expire_due(now_ms)
        self.publisher.pump()

    def forget(self) -> None:
        """Testnet reset: nothing counts down any more."""
        self.algos.forget()
        for timer in self._countdowns.values():
            timer.cancel()
        self._countdowns.clear()


def futures_desk(desk: Desk) -> FuturesDesk:
    """The desk as the calls of this product know it."""
    assert isinstance(desk, FuturesDesk), "these calls are the futures profile's"
    return desk
