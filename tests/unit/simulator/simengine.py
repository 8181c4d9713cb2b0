"""A small exchange for engine tests: two accounts, one symbol, orders in plain decimals."""

from __future__ import annotations

from mm_trader.venue.simulator.config import parse_symbols
from mm_trader.venue.simulator.engine.account import Account, CommissionRates
from mm_trader.venue.simulator.engine.checks import to_e8
from mm_trader.venue.simulator.engine.errors import RefusalError
from mm_trader.venue.simulator.engine.events import Event
from mm_trader.venue.simulator.engine.spot import SpotExchange
from mm_trader.venue.simulator.engine.types import (
    E8,
    NewOrder,
    OrderType,
    Placed,
    Side,
    StpMode,
    TimeInForce,
)

SYMBOL = "ETHUSDC"


class Desk:
    """Accounts `a` and `b` with 10 ETH and 50,000 USDC each, commissions 0.1 % unless given."""

    def __init__(self, rates: CommissionRates | None = None) -> None:
        self.now = 1_000_000_000
        self.exchange = SpotExchange(parse_symbols(SYMBOL), lambda: self.now)
        self.a, self.b = (
            self.exchange.add_account(n, {"ETH": 10 * E8, "USDC": 50_000 * E8}, rates) for n in ("a", "b")
        )
        self._number = 0

    def place(
        self,
        account: Account,
        side: str,
        qty: str,
        price: str | None = None,
        *,
        kind: OrderType = OrderType.LIMIT,
        tif: TimeInForce = TimeInForce.GTC,
        quote: str | None = None,
        stp: StpMode | None = None,
        client_id: str | None = None,
        stop: str | None = None,
    ) -> Placed:
        self._number += 1
        self.now += 1_000_000
        return self.exchange.place(
            account,
            NewOrder(
                SYMBOL,
                Side(side),
                OrderType.MARKET if price is None and kind is OrderType.LIMIT else kind,
                client_id or f"t{self._number}",
                tif,
                to_e8(qty) if qty else None,
                to_e8(price) if price is not None else None,
                to_e8(quote) if quote is not None else None,
                stp,
                stop_e8=to_e8(stop) if stop is not None else None,
            ),
        )

    def refusal(self, account: Account, *args: str, **kwargs: object) -> RefusalError:
        try:
            self.place(account, *args, **kwargs)  # type: ignore[arg-type]
        except RefusalError as error:
            return error
        raise AssertionError("the order was accepted")

    def events(self) -> list[Event]:
        return self.exchange.drain()

    def total(self, asset: str) -> int:
        """All of an asset in the world: free, locked and taken as fees."""
        held = sum(x.balance(asset).free + x.balance(asset).locked for x in self.exchange.accounts.values())
        return held + self.exchange.ledger.fees.get(asset, 0)

    def trade(self, price: str, qty: str = "0.01") -> None:
        """A print at `price` that touches nobody's order."""
        self.now += 1_000_000
        self.exchange.print_trade(SYMBOL, to_e8(price) // 10**6, to_e8(qty) // 10_000, buyer_is_maker=True)

    def levels(self, side: str) -> list[tuple[int, int]]:
        book = self.exchange.market(SYMBOL).book
        return (book.bids if side == "BUY" else book.asks).top(100)
