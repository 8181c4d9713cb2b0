"""The desk of the futures API: the common one, with listen keys and countdowns, and refusals in the futures API's words."""

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
from ..server.publisher import Publisher
from ..time import NS_PER_MS, Clock, Timer
from . import shapes
from .exchange import FuturesExchange
from .refusals import translated

KEY_LIFE_MS = 3_600_000


class ListenKeys:
    """One key an account, good for an hour after it was last asked for or kept alive."""

    def __init__(self) -> None:
        self._of: dict[str, tuple[str, int]] = {}
        self._made = 0

    def obtain(self, account: str, now_ms: int) -> str:
        """The account's key, made where it has none; its hour begins anew."""
        key = self.key_of(account, now_ms)
        if key is None:
            self._made += 1
            key = f"{account}{self._made:032x}".replace("-", "")
        self._of[account] = (key, now_ms + KEY_LIFE_MS)
        return key

    def key_of(self, account: str, now_ms: int) -> str | None:
        """The account's key while it is good."""
        key, until = self._of.get(account, ("", 0))
        return key if now_ms < until else None

    def owner(self, key: str, now_ms: int) -> str | None:
        """Whose key it is."""
        return next((a for a, (k, until) in self._of.items() if k == key and now_ms < until), None)

    def end(self, account: str) -> str | None:
        """Forget the account's key; it."""
        key, _ = self._of.pop(account, (None, 0))
        return key

    def ended(self, now_ms: int) -> list[tuple[str, str]]:
        """(account, key) of those whose hour is over; they are forgotten."""
        over = [(account, key) for account, (key, until) in self._of.items() if now_ms >= until]
        for account, _ in over:
            del self._of[account]
        return over


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
        self.listen_keys = ListenKeys()
        self.isolated: set[str] = set()
        self.multi_assets: set[str] = set()
        """Accounts that say so of themselves; neither mode is simulated."""
        self.hedged: set[str] = set()
        """Accounts in hedge mode: for them every order for `BOTH` is refused; hedge positions themselves are not simulated."""
        self.mark_candles = {symbol: Candles() for symbol in exchange.markets}
        """Of mark prices, which are taken every second."""
        self._countdowns: dict[tuple[str, str], Timer] = {}

    def queried(self, order: Order) -> dict[str, Any]:
        """See Desk."""
        return shapes.queried(order, self.spec(order.symbol))

    def perform(self, call: Call, request: Request) -> Any:
        """See Desk; refusals are translated."""
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

    def forget(self) -> None:
        """Testnet reset: nothing counts down any more."""
        for timer in self._countdowns.values():
            timer.cancel()
        self._countdowns.clear()


def futures_desk(desk: Desk) -> FuturesDesk:
    """The desk as the calls of this product know it."""
    assert isinstance(desk, FuturesDesk), "these calls are the futures profile's"
    return desk
