"""The exchange: every operation a client or the background market can do, for all symbols and accounts.

Each public operation is atomic: it either raises `RefusalError` and changes nothing, or it changes the book under one
new update number and appends its events to the outbox, which `drain` hands over. `batch` joins several operations
under one update number (a market maker's requote, a recorded depth frame).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from copy import copy
from itertools import islice

from .account import Account, CommissionRates, Seat
from .checks import check_new, check_position, check_stop
from .contingent import Contingent
from .errors import (
    AMEND_INCREASE,
    AMEND_NO_CHANGE,
    DUPLICATE_ORDER,
    INSUFFICIENT_BALANCE,
    MARKET_CLOSED,
    NO_LIQUIDITY,
    UNKNOWN_ORDER,
    WOULD_MATCH,
    RefusalError,
    filter_failure,
    rejected,
)
from .events import Event, Prevention, TradeEvent, TransferEvent
from .ledger import Ledger
from .market import Market
from .matching import Matcher
from .types import (
    AT_MARKET,
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

# plain names: looking a member up on its class is slow, and these are asked for several times per order
_TRADING = SymbolStatus.TRADING
_MARKET, _LIMIT_MAKER = OrderType.MARKET, OrderType.LIMIT_MAKER
_GTC = TimeInForce.GTC
_BUY = Side.BUY
_NEW, _CANCELED, _CANCELED_STATUS = ExecType.NEW, ExecType.CANCELED, OrderStatus.CANCELED


class Exchange:
    """All symbols and accounts. `clock` gives venue time in ns since the epoch."""

    def __init__(
        self,
        specs: Iterable[SymbolSpec],
        clock: Clock,
        default_stp: StpMode = StpMode.EXPIRE_MAKER,
        ledger: Ledger | None = None,
    ) -> None:
        """`ledger`: how money moves; one that locks and pays balances unless given."""
        self.clock = clock
        self.default_stp = default_stp
        self.markets = {spec.name: Market(spec) for spec in specs}
        self.accounts: dict[str, Account] = {}
        self.ledger = ledger if ledger is not None else Ledger()
        self._out: list[Event] = []
        self._matcher = Matcher(self.ledger, self._out)
        self._contingent = Contingent(self.ledger, self._matcher, self._out)
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
        account.updated_ns = (
            self.clock()
        )  # clients take a balance that never changed for one that is not there
        self.accounts[name] = account
        return account

    def deposit(self, account: Account, asset: str, amount_e8: int) -> None:
        """Add to (or take from) the free balance; refuses to take what is not free."""
        balance = account.balance(asset)
        if balance.free + amount_e8 < 0:
            raise rejected(INSUFFICIENT_BALANCE)
        balance.free += amount_e8
        self._out.append(TransferEvent(account, self.clock(), asset, amount_e8))
        self.ledger.touch(balance)
        if not self._batching:
            self.ledger.flush(self._out, self.clock())

    # --- orders ---------------------------------------------------------------------------------------------
    def market(self, symbol: str) -> Market:
        found = self.markets.get(symbol)
        if found is None:
            raise RefusalError(-1121, "Invalid symbol.")
        return found

    def validate(self, account: Account, new: NewOrder) -> tuple[int, int, int]:
        """All checks that need no engine: status, filters, order count. (price, lots, quote quantity)."""
        market = self.market(new.symbol)
        seat = account.seat(market.spec)
        if new.stop_e8 is not None:
            self._check_waiting(market, seat, new.stop_e8)
        return self._validate(market, seat, new)

    @staticmethod
    def _check_waiting(market: Market, seat: Seat, stop_e8: int) -> None:
        """What an order that waits for a price has to pass besides."""
        spec = market.spec
        check_stop(spec, stop_e8)
        check_algo_orders(seat, spec, 1)

    def _validate(self, market: Market, seat: Seat, new: NewOrder) -> tuple[int, int, int]:
        spec, account = market.spec, seat.account
        background = account.background
        checked = check_new(spec, new, market.last_price or market.reference(), background)
        if not background:
            if seat.open_count >= spec.max_num_orders:
                raise filter_failure("MAX_NUM_ORDERS")
            if spec.max_position_e8:
                buys = sum(o.remaining for o in account.open.values() if o.seat is seat and o.is_buy)
                held = seat.base.free + seat.base.locked
                check_position(spec, held, buys * spec.lot_e8, checked[1], new.side)
        if market.status is not _TRADING:
            raise rejected(MARKET_CLOSED)
        return checked

    def place(self, account: Account, new: NewOrder) -> Placed:
        """Enter an order. Raises RefusalError (nothing changed) or returns it with its immediate fills."""
        try:
            market, seat = self.markets[new.symbol], account.seats[new.symbol]
        except KeyError:  # the account's first order of the symbol, or no such symbol
            market = self.market(new.symbol)
            seat = account.seat(market.spec)
        price, lots, quote_qty = self._validate(market, seat, new)
        before = seat.by_client.get(new.client_id)  # empty for the background
        if before is not None and not before.is_final:
            raise rejected(DUPLICATE_ORDER)
        now = self.clock()
        stp = new.stp if new.stp is not None else self.default_stp
        order = accepted(self._order_id + 1, seat, new, price, lots, quote_qty, stp, now)
        if new.stop_e8 is not None:
            self._check_waiting(market, seat, new.stop_e8)
            self._contingent.hold(market, waiting(order, new.stop_e8, market.spec), now)
            self._order_id = order.id
            self._commit(market, now)
            return Placed(order, [])
        takes = order.is_market or market.crosses(order.is_buy, price)
        if takes and new.type is _LIMIT_MAKER:
            raise rejected(WOULD_MATCH)
        if quote_qty and (market.book.asks if order.is_buy else market.book.bids).best is None:
            raise rejected(NO_LIQUIDITY)
        self.ledger.lock(order, market.need(order))
        self._order_id = order.id
        account.remember_open(order)
        self._matcher.execution(order, _NEW, now)
        if not takes and new.tif is _GTC:  # as `rest`, without the call: most orders do this alone
            book = market.book
            (book.bids if order.is_buy else book.asks).level(price).append(order)
            (market.bids_changed if order.is_buy else market.asks_changed).append(price)
            self._commit(market, now)
            return Placed(order, [])
        prevented: tuple[Prevention, ...] = ()
        matches = self._matcher.prevented_id
        fills = self._matcher.work(market, order, takes, now)
        if self._matcher.prevented_id != matches:
            newest = islice(reversed(self._matcher.preventions), self._matcher.prevented_id - matches)
            prevented = tuple(newest)[::-1]
        shown = copy(order) if market.stops is not None and market.stops.due else None
        self._commit(market, now)
        return Placed(order, fills, prevented, shown)

    def report_rejected(self, account: Account, new: NewOrder, reason: str) -> None:
        """Tell the account's stream that the engine refused `new`: a REJECTED report under an order id of its own.

        The venue names one case only: the new order of a cancel-replace whose cancel succeeded.
        """
        market = self.market(new.symbol)
        seat = account.seat(market.spec)
        price, lots, quote_qty = self._validate(market, seat, new)
        now = self.clock()
        self._order_id += 1
        stp = new.stp if new.stp is not None else self.default_stp
        order = accepted(self._order_id, seat, new, price, lots, quote_qty, stp, now)
        if new.stop_e8 is not None:
            waiting(order, new.stop_e8, market.spec)
        order.status, order.is_final, order.working_ns = OrderStatus.REJECTED, True, -1
        event = self._matcher.execution(order, ExecType.REJECTED, now)
        if event is not None:
            event.reject_reason = reason

    def cancel(self, order: Order, cancel_id: str | None = None) -> None:
        """Take an open order off the book; `cancel_id` is the cancel's own client id."""
        if order.is_final:
            raise RefusalError(-2011, UNKNOWN_ORDER)
        market = self.markets[order.symbol]
        now = self.clock()
        level = order.level
        if level is None:
            self._contingent.let_go(market, order)
        else:
            (market.bids_changed if order.is_buy else market.asks_changed).append(order.price)
            level.remove(order, order.qty - order.executed - order.prevented)
            if level.head is None:
                (market.book.bids if order.is_buy else market.book.asks).drop(level)
        self._matcher.end(order, _CANCELED_STATUS)
        event = self._matcher.execution(order, _CANCELED, now)
        if event is not None and cancel_id is not None:
            event.client_id, event.orig_client_id = cancel_id, order.client_id
        self._commit(market, now)

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
        price = order.price or order.stop
        if price and lots * price * spec.quote_mult < spec.min_notional_e8:
            raise filter_failure("NOTIONAL")
        if order.amends >= spec.max_amends:
            raise RefusalError(-2038, "Filter failure: MAX_NUM_ORDER_AMENDS")
        seat = order.seat
        previous = order.client_id
        if amend_id != previous and seat.open_under(amend_id) is not None:
            raise rejected(DUPLICATE_ORDER)
        now = self.clock()
        self._cut(market, order, lots)
        order.amends += 1
        if not order.account.background:
            seat.by_client.pop(previous, None)
            order.client_id = amend_id
            seat.by_client[amend_id] = order
        event = self._matcher.execution(order, ExecType.REPLACED, now)
        if event is not None:
            event.orig_client_id = previous
        self._commit(market, now)
        return previous

    def shrink(self, order: Order, lots: int) -> None:
        """Cut a background order to `lots` in all, keeping its place; no filters, no report."""
        if lots >= order.qty or lots <= order.executed or order.level is None:
            raise ValueError(f"cannot shrink an order of {order.qty} lots to {lots}")
        market = self.markets[order.symbol]
        self._cut(market, order, lots)
        self._commit(market, self.clock())

    def print_trade(self, symbol: str, price: int, lots: int, buyer_is_maker: bool) -> None:
        """A public trade that touched nobody's order here (recorded flow whose liquidity is already gone)."""
        market = self.market(symbol)
        market.trade_id += 1
        market.last_price = price
        now = self.clock()
        self._out.append(TradeEvent(symbol, market.trade_id, price, lots, now, buyer_is_maker, -1))
        if market.stops is not None:
            market.stops.see(price)
            self._commit(market, now)

    # --- venue control --------------------------------------------------------------------------------------
    def set_status(self, symbol: str, status: SymbolStatus) -> None:
        """Halt, resume, or allow cancels only."""
        self.market(symbol).status = status

    def forget_all(self) -> None:
        """Testnet reset: every order, trade and balance is gone without a report, order ids start again."""
        for account in self.accounts.values():
            account.forget()
            account.updated_ns = self.clock()
        self.ledger.fees.clear()
        self._matcher.preventions.clear()
        self._order_id = 0
        with self.batch():
            for market in self.markets.values():
                market.clear()
                self._dirty[market.spec.name] = market

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
            now = self.clock()
            for market in self._dirty.values():
                if market.stops is not None:
                    self._contingent.set_off(market, now)
                self._report(market, now)
            self._dirty.clear()
            self.ledger.flush(self._out, now)

    @property
    def last_execution_id(self) -> int:
        """Id of the most recent execution report."""
        return self._matcher.execution_id

    @property
    def preventions(self) -> Iterable[Prevention]:
        """The latest matches that self-trade prevention kept from happening, oldest first."""
        return self._matcher.preventions

    def drain(self) -> list[Event]:
        """The events since the last call, oldest first."""
        events = self._out[:]
        self._out.clear()
        return events

    # --- inside ---------------------------------------------------------------------------------------------
    @staticmethod
    def _changed(market: Market, order: Order) -> None:
        (market.bids_changed if order.is_buy else market.asks_changed).append(order.price)

    def _cut(self, market: Market, order: Order, lots: int) -> None:
        """Make an open order `lots` in all."""
        cut = order.qty - lots
        order.qty = lots
        spec, price = market.spec, order.price or order.stop
        self.ledger.release(order, cut * price * spec.quote_mult if order.is_buy else cut * spec.lot_e8)
        if order.level is not None:
            order.level.qty -= cut
            self._changed(market, order)

    def _report(self, market: Market, now: int) -> None:
        update = market.book_update(now)
        if update is not None:
            self._out.append(update)

    def _commit(self, market: Market, now: int) -> None:
        """Number and report what one operation changed, unless a batch will."""
        if self._batching:
            self._dirty[market.spec.name] = market
            return
        if market.stops is not None:
            self._contingent.set_off(market, now)
        update = market.book_update(now)
        if update is not None:
            self._out.append(update)
        self.ledger.flush(self._out, now)


def accepted(
    number: int, seat: Seat, new: NewOrder, price: int, lots: int, quote_qty: int, stp: StpMode, now: int
) -> Order:
    """The order that `new` becomes once the engine takes it."""
    is_buy = new.side is _BUY
    pays, gets = (seat.quote, seat.base) if is_buy else (seat.base, seat.quote)
    return Order(
        number, seat, seat.account, new.symbol, new.client_id, new.side, is_buy, pays, gets, new.type, new.type is _MARKET, new.tif,
        new.reduce_only, price, lots, quote_qty, stp, new.strategy_id, new.strategy_type, now, now, now,
    )  # fmt: skip


def check_algo_orders(seat: Seat, spec: SymbolSpec, more: int) -> None:
    """MAX_NUM_ALGO_ORDERS: so many more orders with a stop price."""
    if sum(o.stop > 0 for o in seat.account.open.values() if o.seat is seat) + more > spec.max_algo_orders:
        raise filter_failure("MAX_NUM_ALGO_ORDERS")


def waiting(order: Order, stop_e8: int, spec: SymbolSpec) -> Order:
    """The order as one that waits for its stop price."""
    order.stop, order.working_ns = stop_e8 // spec.tick_e8, -1
    order.is_market = order.type in AT_MARKET
    return order
