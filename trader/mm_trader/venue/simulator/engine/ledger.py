"""Money: locking for open orders, settling a trade between two accounts, commissions.

Nothing is created or lost here: what a buyer pays the seller receives, less commissions, which go to `fees`.
The sum over all accounts (free + locked) plus `fees` is constant per asset; the property tests hold it to that.
"""

from __future__ import annotations

from .account import Account, Balance
from .errors import INSUFFICIENT_BALANCE, rejected
from .events import BalanceEvent, Event
from .types import E8, Order, SymbolSpec


class Ledger:
    """Locks, releases and settles; remembers which balances an operation touched."""

    def __init__(self) -> None:
        self.fees: dict[str, int] = {}
        self.realised = 0
        """Profit that the last settled side realised, 10^-8 of quote; always 0 where nothing is held on margin."""
        self._touched: list[Balance] = []

    def touch(self, balance: Balance) -> None:
        """Have the next report list `balance`."""
        if not balance.touched:
            balance.touched = True
            self._touched.append(balance)

    def lock(self, order: Order, amount: int) -> None:
        """Lock `amount` of what `order` pays with, or refuse with the venue's insufficient-balance message."""
        balance = order.pays
        if balance.free < amount:
            raise rejected(INSUFFICIENT_BALANCE)
        balance.free -= amount
        balance.locked += amount
        order.locked += amount
        if not balance.touched:
            balance.touched = True
            self._touched.append(balance)

    def release(self, order: Order, amount: int) -> None:
        """Give `amount` of what `order` holds locked back to free."""
        if amount:
            balance = order.pays
            balance.locked -= amount
            balance.free += amount
            order.locked -= amount
            if not balance.touched:
                balance.touched = True
                self._touched.append(balance)

    def settle_side(
        self, order: Order, spec: SymbolSpec, price: int, qty: int, quote: int, is_maker: bool
    ) -> tuple[int, str]:
        """Move one side's money for a fill of `qty` lots at `price`; (commission 10^-8, its asset)."""
        base = qty * spec.lot_e8
        paid, received = (quote, base) if order.is_buy else (base, quote)
        account = order.account
        rates = account.rates_for(spec.name) if account.symbol_rates else account.rates
        commission = received * (rates.maker_e8 if is_maker else rates.taker_e8) // E8
        pays, gets = order.pays, order.gets
        pays.locked -= paid
        order.locked -= paid
        gets.free += received - commission
        if commission:
            self.fees[gets.asset] = self.fees.get(gets.asset, 0) + commission
        for balance in (pays, gets):
            if not balance.touched:
                balance.touched = True
                self._touched.append(balance)
        if order.is_buy and price < order.price and not order.is_market:
            # the buyer locked at the limit; a better price gives the difference back at once
            self.release(order, (order.price - price) * qty * spec.quote_mult)
        return commission, gets.asset

    def flush(self, out: list[Event], now: int) -> None:
        """Report the balances touched since the last flush, one event per account."""
        touched = self._touched
        if not touched:
            return
        if len(touched) == 1:  # the usual case: an order came or went
            balance = touched.pop()
            balance.touched = False
            account = balance.account
            account.updated_ns = now
            out.append(BalanceEvent(account, now, [(balance.asset, balance.free, balance.locked)]))
            return
        lists: dict[Account, list[tuple[str, int, int]]] = {}
        for balance in touched:
            balance.touched = False
            account = balance.account
            rows = lists.get(account)
            if rows is None:
                rows = lists[account] = []
                account.updated_ns = now
                out.append(BalanceEvent(account, now, rows))
            rows.append((balance.asset, balance.free, balance.locked))
        touched.clear()
