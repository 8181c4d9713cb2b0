"""The exchange: every operation a client or the background market can do, for all symbols and accounts.

Each public operation is atomic: it either raises `RefusalError` and changes nothing, or it changes the book under one
new update number and appends its events to the outbox, which `drain` hands over. `batch` joins several operations
under one update number (a market maker's requote, a recorded depth frame).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from .account import Account, CommissionRates
from .checks import check_new, check_position
from .errors import (
    AMEND_INCREASE,
    AMEND_NO_CHANGE,
    DUPLICATE_ORDER,
    INSUFFICIENT_BALANCE,
    MARKET_CLOSED,
    UNKNOWN_ORDER,
    WOULD_MATCH,
    RefusalError,
    filter_failure,
    rejected,
)
from .events import Event, TradeEvent
from .ledger import Ledger, locked_asset
from .matching import INT_MAX, Market, Matcher
from .types import (
    ExecType,
    NewOrder,
    Order,
    OrderStatus,
    OrderType,
    Placed,
    Side,
    StpMode,
    SymbolSpec,
    SymbolStatus,
    TimeInForce,
)

Clock = Callable[[], int]


class Exchange:
    """All symbols and accounts. `clock` gives venue time in ns since the epoch."""

    def __init__(
        self, specs: Iterable[SymbolSpec], clock: Clock, default_stp: StpMode = StpMode.EXPIRE_MAKER
    ) -> None:
        self.clock = clock
        self.default_stp = default_stp
        self.markets = {spec.name: Market(spec) for spec in specs}
        self.accounts: dict[str, Account] = {}
        self.ledger = Ledger()
        self._out: list[Event] = []
        self._matcher = Matcher(self.ledger, self._out)
        self._order_id = 0
        self._batching = False
        self._dirty: dict[str, Market] = {}

    # --- accounts -------------------------------------------------------------------------------------------
    def add_account(
        self,
        name: str,
        balances: dict[str, int],
        rates: CommissionRates | None = None,
        background: bool = False,
    ) -> Account:
        """Open an account with `balances` (10^-8 of each asset)."""
        if name in self.accounts:
            raise ValueError(f"account {name} exists twice")
        account = Account(name, 1000 + len(self.accounts), background, rates or CommissionRates())
        for asset, amount in balances.items():
            account.balance(asset).free = amount
        self.accounts[name] = account
        return account

    def deposit(self, account: Account, asset: str, amount_e8: int) -> None:
        """Add to (or take from) the free balance; refuses to take what is not free."""
        balance = account.balance(asset)
        if balance.free + amount_e8 < 0:
            raise rejected(INSUFFICIENT_BALANCE)
        balance.free += amount_e8
        self.ledger.touch(account, asset)
        self._commit(self.clock())

    # --- orders ---------------------------------------------------------------------------------------------
    def market(self, symbol: str) -> Market:
        found = self.markets.get(symbol)
        if found is None:
            raise RefusalError(-1121, "Invalid symbol.")
        return found

    def validate(self, account: Account, new: NewOrder) -> tuple[int, int, int]:
        """All checks that need no engine: status, filters, order count. (price, lots, quote quantity)."""
        market = self.market(new.symbol)
        checked = check_new(market.spec, new, market.reference(), account.background)
        if not account.background:
            if account.open_count.get(new.symbol, 0) >= market.spec.max_num_orders:
                raise filter_failure("MAX_NUM_ORDERS")
            if market.spec.max_position_e8:
                held = account.balance(market.spec.base)
                buys = sum(
                    o.remaining
                    for o in account.open.values()
                    if o.symbol == new.symbol and o.side is Side.BUY
                )
                check_position(
                    market.spec, held.free + held.locked, buys * market.spec.lot_e8, checked[1], new.side
                )
        if market.status is not SymbolStatus.TRADING:
            raise rejected(MARKET_CLOSED)
        return checked

    def place(self, account: Account, new: NewOrder) -> Placed:
        """Enter an order. Raises RefusalError (nothing changed) or returns it with its immediate fills."""
        price, lots, quote_qty = self.validate(account, new)
        market = self.markets[new.symbol]
        if not account.background and (new.symbol, new.client_id) in account.open_by_client:
            raise rejected(DUPLICATE_ORDER)
        now = self.clock()
        stp = new.stp if new.stp is not None else self.default_stp
        order = Order(
            self._order_id + 1, account, new.symbol, new.client_id, new.side, new.type, new.tif,
            price, lots, quote_qty, stp, now, now,
            strategy_id=new.strategy_id, strategy_type=new.strategy_type,
        )  # fmt: skip
        if new.type is OrderType.LIMIT_MAKER and self._would_match(market, order):
            raise rejected(WOULD_MATCH)
        spec = market.spec
        self.ledger.lock(order, locked_asset(spec, new.side), self._need(market, order))
        self._order_id = order.id
        account.remember_open(order)
        order.working_ns = now
        self._dirty[new.symbol] = market
        self._matcher.execution(order, ExecType.NEW, now)
        fills = []
        if new.tif is not TimeInForce.FOK or self._can_fill(market, order):
            fills = self._matcher.match(market, order, now)
        if not order.is_final:
            if order.type is OrderType.MARKET or order.tif is not TimeInForce.GTC:
                self._end_taker(market, order, now)
            else:
                self._rest(market, order)
        self._commit(now)
        return Placed(order, fills)

    def cancel(self, order: Order, cancel_id: str | None = None) -> None:
        """Take an open order off the book; `cancel_id` is the cancel's own client id."""
        if order.is_final:
            raise RefusalError(-2011, UNKNOWN_ORDER)
        market = self.markets[order.symbol]
        now = self.clock()
        self._unrest(market, order)
        order.status = OrderStatus.CANCELED
        self._matcher.close(market.spec, order)
        self._matcher.execution(order, ExecType.CANCELED, now, cancel_id)
        self._commit(now)

    def amend(self, order: Order, qty_e8: int, amend_id: str) -> str:
        """Reduce an open order's quantity, keeping its place in the queue; the client id it had before.

        The order carries `amend_id` afterwards.
        """
        market = self.markets[order.symbol]
        spec = market.spec
        if order.is_final:
            raise RefusalError(-2013, "Order does not exist.")
        lots, rest = divmod(qty_e8, spec.lot_e8)
        if rest or qty_e8 < spec.min_qty_e8:
            raise filter_failure("LOT_SIZE")
        if lots > order.qty:
            raise RefusalError(-2038, AMEND_INCREASE)
        if lots == order.qty or lots <= order.executed + order.prevented:
            raise RefusalError(-2038, AMEND_NO_CHANGE)
        if lots * order.price * spec.quote_mult < spec.min_notional_e8:
            raise filter_failure("NOTIONAL")
        if order.amends >= spec.max_amends:
            raise filter_failure("MAX_NUM_ORDER_AMENDS")
        account = order.account
        if amend_id != order.client_id and (order.symbol, amend_id) in account.open_by_client:
            raise rejected(DUPLICATE_ORDER)
        now = self.clock()
        cut = order.qty - lots
        assert order.level is not None, "an open order rests on a level"
        order.level.qty -= cut
        self._changed(market, order)
        order.qty = lots
        order.amends += 1
        amount = cut * order.price * spec.quote_mult if order.side is Side.BUY else cut * spec.lot_e8
        self.ledger.release(order, locked_asset(spec, order.side), amount)
        previous = order.client_id
        if not account.background:
            account.open_by_client.pop((order.symbol, previous), None)
            order.client_id = amend_id
            account.open_by_client[order.symbol, amend_id] = order
            account.latest_by_client[order.symbol, amend_id] = order
        event = self._matcher.execution(order, ExecType.REPLACED, now)
        if event is not None:
            event.orig_client_id = previous
        self._commit(now)
        return previous

    def shrink(self, order: Order, lots: int) -> None:
        """Cut a background order to `lots` in all, keeping its place; no filters, no report."""
        market = self.markets[order.symbol]
        spec = market.spec
        cut = order.qty - lots
        if cut <= 0 or lots <= order.executed or order.level is None:
            raise ValueError(f"cannot shrink an order of {order.qty} lots to {lots}")
        order.level.qty -= cut
        order.qty = lots
        amount = cut * order.price * spec.quote_mult if order.side is Side.BUY else cut * spec.lot_e8
        self.ledger.release(order, locked_asset(spec, order.side), amount)
        self._changed(market, order)
        self._commit(self.clock())

    def print_trade(self, symbol: str, price: int, lots: int, buyer_is_maker: bool) -> None:
        """A public trade that touched nobody's order here (recorded flow whose liquidity is already gone)."""
        market = self.market(symbol)
        market.trade_id += 1
        market.last_price = price
        self._out.append(TradeEvent(symbol, market.trade_id, price, lots, self.clock(), buyer_is_maker, -1))

    # --- venue control --------------------------------------------------------------------------------------
    def set_status(self, symbol: str, status: SymbolStatus) -> None:
        """Halt, resume, or allow cancels only."""
        self.market(symbol).status = status

    def forget_all(self) -> None:
        """Testnet reset: every order, trade and balance is gone without a report, order ids start again."""
        for account in self.accounts.values():
            account.forget()
        for market in self.markets.values():
            for side, changed in (
                (market.book.bids, market.bids_changed),
                (market.book.asks, market.asks_changed),
            ):
                for price in side.levels:
                    changed[price] = None
                side.keys.clear()
                side.levels.clear()
            market.last_price = 0
            self._dirty[market.spec.name] = market
        self.ledger.fees.clear()
        self._order_id = 0
        self._commit(self.clock())

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Join the operations inside under one book update per symbol."""
        if self._batching:
            yield
            return
        self._batching = True
        try:
            yield
        finally:
            self._batching = False
            self._commit(self.clock())

    @property
    def last_execution_id(self) -> int:
        """Id of the most recent execution report."""
        return self._matcher.execution_id

    def drain(self) -> list[Event]:
        """The events since the last call, oldest first."""
        events = self._out[:]
        self._out.clear()
        return events

    # --- inside ---------------------------------------------------------------------------------------------
    def _need(self, market: Market, order: Order) -> int:
        """Amount to lock. A market buy walks the book: what it would pay now is what it must hold."""
        spec = market.spec
        if order.type is not OrderType.MARKET:
            return (
                order.price * order.qty * spec.quote_mult
                if order.side is Side.BUY
                else order.qty * spec.lot_e8
            )
        if order.side is Side.BUY and order.quote_qty:
            return order.quote_qty
        own = order.account if order.stp is not StpMode.NONE else None
        limit = INT_MAX if order.side is Side.BUY else 0
        left, need = order.qty, 0
        quote_left = order.quote_qty
        for price, lots in self._matcher.available(market, order.side, limit, own):
            if order.quote_qty:  # a sale by quote amount needs the base it will sell
                take = min(lots, quote_left // (price * spec.quote_mult))
                need += take * spec.lot_e8
                quote_left -= take * price * spec.quote_mult
                if take < lots:
                    break
                continue
            take = min(lots, left)
            need += take * (price * spec.quote_mult if order.side is Side.BUY else spec.lot_e8)
            left -= take
            if not left:
                break
        if order.side is Side.SELL and not order.quote_qty:
            return order.qty * spec.lot_e8
        return need

    @staticmethod
    def _would_match(market: Market, order: Order) -> bool:
        best = (market.book.asks if order.side is Side.BUY else market.book.bids).best
        if best is None:
            return False
        return best.price <= order.price if order.side is Side.BUY else best.price >= order.price

    def _can_fill(self, market: Market, order: Order) -> bool:
        own = order.account if order.stp is not StpMode.NONE else None
        left = order.qty
        for _, lots in self._matcher.available(market, order.side, order.price, own):
            left -= lots
            if left <= 0:
                return True
        return False

    def _rest(self, market: Market, order: Order) -> None:
        side = market.book.bids if order.side is Side.BUY else market.book.asks
        side.level(order.price).append(order)
        self._changed(market, order)

    def _unrest(self, market: Market, order: Order) -> None:
        side = market.book.bids if order.side is Side.BUY else market.book.asks
        level = order.level
        assert level is not None, "an open order rests on a level"
        self._changed(market, order)
        level.remove(order, order.remaining)
        side.drop_if_empty(level)

    def _changed(self, market: Market, order: Order) -> None:
        (market.bids_changed if order.side is Side.BUY else market.asks_changed)[order.price] = None
        self._dirty[market.spec.name] = market

    def _end_taker(self, market: Market, order: Order, now: int) -> None:
        """An IOC, FOK or market order that cannot rest: filled as far as its quote amount allows, or expired."""
        spent = order.quote_qty and order.executed
        more = order.quote_qty and self._has_liquidity(market, order)
        order.status = OrderStatus.FILLED if spent and more else OrderStatus.EXPIRED
        self._matcher.close(market.spec, order)
        if order.status is OrderStatus.EXPIRED:
            self._matcher.execution(order, ExecType.EXPIRED, now)
            return
        out = self._out
        last = next((e for e in reversed(out) if getattr(e, "order", None) is order), None)
        if last is not None and hasattr(last, "status"):
            last.status = OrderStatus.FILLED  # the last fill is what completed it

    @staticmethod
    def _has_liquidity(market: Market, order: Order) -> bool:
        return (market.book.asks if order.side is Side.BUY else market.book.bids).best is not None

    def _commit(self, now: int) -> None:
        if self._batching:
            return
        for market in self._dirty.values():
            update = market.book_update(now)
            if update is not None:
                self._out.append(update)
        self._dirty.clear()
        self.ledger.flush(self._out, now)
