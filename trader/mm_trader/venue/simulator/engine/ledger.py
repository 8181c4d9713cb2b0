"""Money: locking for open orders, settling a trade between two accounts, commissions.

Nothing is created or lost here: what a buyer pays the seller receives, less commissions, which go to `fees`.
The sum over all accounts (free + locked) plus `fees` is constant per asset; the property tests hold it to that.
"""

from __future__ import annotations

from .account import Account
from .errors import INSUFFICIENT_BALANCE, rejected
from .events import BalanceEvent, Event
from .types import E8, Order, OrderType, Side, SymbolSpec


class Ledger:
    """Locks, releases and settles; remembers which balances an operation touched."""

    def __init__(self) -> None:
        self.fees: dict[str, int] = {}
        self._touched: dict[Account, dict[str, None]] = {}

    def touch(self, account: Account, asset: str) -> None:
        if not account.background:
            self._touched.setdefault(account, {})[asset] = None

    def lock(self, order: Order, asset: str, amount: int) -> None:
        """Lock `amount` of `asset` for `order`, or refuse with the venue's insufficient-balance message."""
        balance = order.account.balance(asset)
        if balance.free < amount:
            raise rejected(INSUFFICIENT_BALANCE)
        balance.free -= amount
        balance.locked += amount
        order.locked += amount
        self.touch(order.account, asset)

    def release(self, order: Order, asset: str, amount: int) -> None:
        """Give `amount` of what `order` holds locked back to free."""
        if amount:
            balance = order.account.balance(asset)
            balance.locked -= amount
            balance.free += amount
            order.locked -= amount
            self.touch(order.account, asset)

    def settle_side(
        self, order: Order, spec: SymbolSpec, price: int, qty: int, quote: int, is_maker: bool
    ) -> tuple[int, str]:
        """Move one side's money for a fill of `qty` lots at `price`; (commission 10^-8, its asset)."""
        account = order.account
        base = qty * spec.lot_e8
        if order.side is Side.BUY:
            paid, received, paid_asset, received_asset = quote, base, spec.quote, spec.base
        else:
            paid, received, paid_asset, received_asset = base, quote, spec.base, spec.quote
        rates = account.rates_for(spec.name)
        commission = received * (rates.maker_e8 if is_maker else rates.taker_e8) // E8
        account.balance(paid_asset).locked -= paid
        order.locked -= paid
        account.balance(received_asset).free += received - commission
        if commission:
            self.fees[received_asset] = self.fees.get(received_asset, 0) + commission
        if not account.background:
            self.touch(account, paid_asset)
            self.touch(account, received_asset)
        if order.side is Side.BUY and order.type is not OrderType.MARKET and price < order.price:
            # the buyer locked at the limit; a better price gives the difference back at once
            self.release(order, spec.quote, (order.price - price) * qty * spec.quote_mult)
        return commission, received_asset

    def flush(self, out: list[Event], now: int) -> None:
        """Report the balances touched since the last flush."""
        if not self._touched:
            return
        for account, assets in self._touched.items():
            account.updated_ns = now
            out.append(
                BalanceEvent(
                    account,
                    now,
                    [(asset, account.balance(asset).free, account.balance(asset).locked) for asset in assets],
                )
            )
        self._touched.clear()


def locked_asset(spec: SymbolSpec, side: Side) -> str:
    return spec.quote if side is Side.BUY else spec.base
