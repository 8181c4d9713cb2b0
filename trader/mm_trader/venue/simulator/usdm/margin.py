"""Money on margin: one wallet per asset, positions at a mark price, orders that lock margin instead of balances.

Wallets change by realised profit, commissions and funding only. What one side of a trade wins the other loses: over all accounts (the background's
included) wallets + unrealised profit + fees are constant, and positions of a symbol sum up to zero. The property tests hold it to that.

A wallet is `Balance.free`; `Balance.locked` stays 0. `Order.locked` counts as in spot (quote for a buy, base for a sale), so that the engine
can release it in the same way; here it is turned into the notional that the order could add.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from ..engine.account import TRADES_KEPT, Account
from ..engine.errors import INSUFFICIENT_BALANCE, rejected
from ..engine.events import BalanceEvent, Event
from ..engine.ledger import Ledger
from ..engine.types import E8, Order, OrderType, Side, SymbolSpec
from .holdings import Holding


class MarginEvent(BalanceEvent, gc=False):
    """A wallet or position changed. `positions` are symbols; `change`: of the wallet, where it was no trade."""

    reason: str
    positions: list[str]
    change: int = 0


@dataclass(frozen=True, slots=True)
class Income:
    """A payment into (or, below zero, out of) a wallet that was no trade."""

    id: int
    account: str
    symbol: str
    kind: str
    amount: int
    asset: str
    time_ns: int


class MarginLedger(Ledger):
    """Locks, releases and settles on margin."""

    def __init__(self, specs: Mapping[str, SymbolSpec], leverage: int) -> None:
        super().__init__()
        self.specs = specs
        self.leverage = leverage
        self.marks = dict.fromkeys(specs, 0)
        """Mark prices in ticks; 0: none yet."""
        self.holdings: dict[tuple[Account, str], Holding] = {}
        self.incomes: deque[Income] = deque(maxlen=TRADES_KEPT)
        self._income_id = 0
        self._moved: dict[Account, dict[str, None]] = {}

    def holding(self, account: Account, symbol: str) -> Holding:
        """The position, made at zero if there never was one."""
        key = (account, symbol)
        found = self.holdings.get(key)
        if found is None:
            found = self.holdings[key] = Holding(self.leverage)
        return found

    def of(self, account: Account) -> dict[str, Holding]:
        """All positions that an account ever had, by symbol."""
        return {symbol: holding for (owner, symbol), holding in self.holdings.items() if owner is account}

    # --- margin -----------------------------------------------------------------------------------------------------
    def profit(self, account: Account, quote: str) -> int:
        """Unrealised profit of all positions margined in `quote`."""
        return sum(
            holding.profit(self.marks[symbol], self.specs[symbol].quote_mult)
            for symbol, holding in self.of(account).items()
            if self.specs[symbol].quote == quote
        )

    def margin(self, account: Account, quote: str, but_not: str = "") -> int:
        """Initial margin of all positions and orders in `quote`."""
        return sum(
            holding.margin(self.marks[symbol], self.specs[symbol].quote_mult)
            for symbol, holding in self.of(account).items()
            if self.specs[symbol].quote == quote and symbol != but_not
        )

    def available(self, account: Account, quote: str) -> int:
        """What new orders may still be backed by."""
        balance = account.balance(quote).free
        return balance + self.profit(account, quote) - self.margin(account, quote)

    # --- the engine's side ------------------------------------------------------------------------------------------
    def lock(self, order: Order, amount: int) -> None:
        """Count the order, if the account can back what it could add to the position."""
        account = order.account
        notional = self._notional(order, amount)
        holding = self.holding(account, order.symbol)
        if not account.background:
            spec = self.specs[order.symbol]
            mark = self.marks[order.symbol]
            buying = order.side is Side.BUY
            bids, asks = (notional, 0) if buying else (0, notional)
            more = holding.margin(mark, spec.quote_mult, bids, asks) - holding.margin(mark, spec.quote_mult)
            if more > max(0, self.available(account, spec.quote)) and not order.reduce_only:
                raise rejected(INSUFFICIENT_BALANCE)
        order.locked += amount
        self._count(holding, order.side, notional)

    def release(self, order: Order, amount: int) -> None:
        """The order could add less from now on."""
        if amount:
            order.locked -= amount
            self._count(self.holding(order.account, order.symbol), order.side, -self._notional(order, amount))

    def restore(self, order: Order, amount: int) -> None:
        """Count a lock again that was released, without asking whether it can be backed."""
        order.locked += amount
        self._count(self.holding(order.account, order.symbol), order.side, self._notional(order, amount))

    def moved(self) -> list[tuple[Account, str]]:
        """Positions that changed within the present operation, the background's apart."""
        return [(account, symbol) for account, symbols in self._moved.items() for symbol in symbols]

    def settle_side(
        self, order: Order, spec: SymbolSpec, price: int, qty: int, quote: int, is_maker: bool
    ) -> tuple[int, str]:
        """One side of a fill: position, realised profit, commission of the notional in the margin asset."""
        account = order.account
        if order.side is Side.BUY:
            counted = quote if order.type is OrderType.MARKET else order.price * qty * spec.quote_mult
        else:
            counted = qty * spec.lot_e8
        self.release(order, min(counted, order.locked))
        holding = self.holding(account, order.symbol)
        self.realised = holding.fill(order.side, price, qty, spec.quote_mult)
        rates = account.rates_for(spec.name)
        commission = quote * (rates.maker_e8 if is_maker else rates.taker_e8) // E8
        order.seat.quote.free += self.realised - commission
        if commission:
            self.fees[spec.quote] = self.fees.get(spec.quote, 0) + commission
        if not account.background:
            self.touch(order.seat.quote)
            self._moved.setdefault(account, {})[spec.name] = None
        return commission, spec.quote

    def flush(self, out: list[Event], now: int) -> None:
        """Report wallets and positions touched since the last flush."""
        for balance in self._touched:
            balance.touched = False
            account = balance.account
            account.updated_ns = now
            moved = [s for s in self._moved.get(account, ()) if self.specs[s].quote == balance.asset]
            for symbol in moved:
                self.holding(account, symbol).updated_ns = now
            row = [(balance.asset, balance.free, 0)]
            out.append(MarginEvent(account, now, row, "ORDER" if moved else "DEPOSIT", moved))
        self._touched.clear()
        self._moved.clear()

    # --- funding ----------------------------------------------------------------------------------------------------
    def fund(self, symbol: str, rate_e8: int, now: int, out: list[Event]) -> None:
        """Longs pay shorts `rate_e8` of the notional at the mark (10^-8; below zero: shorts pay). What rounds away is kept as a fee."""
        spec = self.specs[symbol]
        left = 0
        for (account, held), holding in self.holdings.items():
            if held != symbol or not holding.lots:
                continue
            amount = -(holding.value(self.marks[symbol], spec.quote_mult) * rate_e8) // E8
            account.balance(spec.quote).free += amount
            left -= amount
            if account.background:
                continue
            self._income_id += 1
            self.incomes.append(
                Income(self._income_id, account.name, symbol, "FUNDING_FEE", amount, spec.quote, now)
            )
            row = [(spec.quote, account.balance(spec.quote).free, 0)]
            out.append(MarginEvent(account, now, row, "FUNDING_FEE", [symbol], amount))
        self.fees[spec.quote] = self.fees.get(spec.quote, 0) + left

    def forget(self) -> None:
        """Testnet reset."""
        self.holdings.clear()
        self.incomes.clear()
        self._moved.clear()

    # --- inside -----------------------------------------------------------------------------------------------------
    def _notional(self, order: Order, amount: int) -> int:
        """What `amount` of the order's lock is worth in quote: a buy locks quote, a sale base."""
        if order.side is Side.BUY:
            return amount
        spec = self.specs[order.symbol]
        return amount // spec.lot_e8 * (order.price or self.marks[order.symbol]) * spec.quote_mult

    @staticmethod
    def _count(holding: Holding, side: Side, notional: int) -> None:
        if side is Side.BUY:
            holding.bids += notional
        else:
            holding.asks += notional
