"""The venue: the simulator's matching engine, one trading account with its user events, and a crowd that moves the price and takes from the trader.

What it says is a value of `core.events` without its way: who sends it over which network is the gateway's affair.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from mm_trader.core import events as ev
from mm_trader.core.units import NS_PER_MS, SymbolRules
from mm_trader.venue.simulator.config import parse_symbols
from mm_trader.venue.simulator.engine.account import AccountTrade, CommissionRates
from mm_trader.venue.simulator.engine.errors import (
    DUPLICATE_ORDER,
    INSUFFICIENT_BALANCE,
    WOULD_MATCH,
    RefusalError,
)
from mm_trader.venue.simulator.engine.events import BalanceEvent, BookUpdate, ExecutionEvent
from mm_trader.venue.simulator.engine.exchange import Exchange
from mm_trader.venue.simulator.engine.types import (
    E8,
    NewOrder,
    Order,
    OrderType,
    Side,
    SymbolStatus,
    TimeInForce,
)

from .plan import Plan
from .timeline import MS, SECOND, WALL, Timeline

ACCOUNT = "trader"
START = {"ETHUSDC": 250_000, "BTCUSDC": 6_000_000, "BNBUSDC": 60_000, "PAXGUSDC": 265_000}
"""Mid in ticks."""
HELD = {"ETH": 10 * E8, "BTC": E8, "BNB": 10 * E8, "PAXG": 10 * E8, "USDC": 200_000 * E8}
CLOCK_CODE, CLOCK_MESSAGE = -1021, "Timestamp for this request is outside of the recvWindow."
ENGINE_NS = 10 * SECOND
"""The longest that the engine may take over an order whose answer was a time-out."""
AHEAD_MS = 1_000
"""The venue takes a timestamp that is this far in its future."""


class Venue:
    """See the module's docstring. `publish(event, kind)`: called with what the account's and the market's streams carry."""

    def __init__(
        self,
        timeline: Timeline,
        plan: Plan,
        publish: Callable[[str, object], None],
        note: Callable[[str, str], None],
    ) -> None:
        self._timeline = timeline
        self._plan = plan
        self._publish = publish
        self._note = note
        self.engine = Exchange(parse_symbols(",".join(plan.symbols)), self.wall_ns)
        rates = CommissionRates(maker_e8=plan.fee_e8, taker_e8=plan.fee_e8)
        self.account = self.engine.add_account(ACCOUNT, dict(HELD), rates)
        rich = dict.fromkeys(HELD, 10**9 * E8)
        self._crowd = self.engine.add_account("crowd", rich, CommissionRates(0, 0), background=True)
        self._ladders: dict[str, list[Order]] = {symbol: [] for symbol in plan.symbols}
        self.mids = {symbol: START[symbol] for symbol in plan.symbols}
        self.moving = True
        self.taking = True
        self.trades: list[AccountTrade] = []
        """All of the account's, in order."""
        self.accepted: list[Order] = []
        """All of the account's orders, in order."""
        self._ids = 0
        for symbol in plan.symbols:
            self._lay(symbol)
        self.pump()
        self._schedule()

    def wall_ns(self) -> int:
        """The true time."""
        return WALL + self._timeline.now

    def rules(self, symbol: str) -> SymbolRules:
        """As exchangeInfo would give them."""
        spec = self.engine.market(symbol).spec
        fee = Decimal(self._plan.fee_e8).scaleb(-8)
        return SymbolRules(
            symbol=symbol,
            base_asset=spec.base,
            quote_asset=spec.quote,
            tick=Decimal(spec.tick_e8).scaleb(-8),
            lot=Decimal(spec.lot_e8).scaleb(-8),
            min_quantity=spec.min_qty_e8 // spec.lot_e8,
            max_quantity=spec.max_qty_e8 // spec.lot_e8,
            min_price=spec.min_price_e8 // spec.tick_e8,
            max_price=spec.max_price_e8 // spec.tick_e8,
            min_notional=Decimal(spec.min_notional_e8).scaleb(-8),
            max_notional=Decimal(spec.max_notional_e8).scaleb(-8),
            maker_fee=fee,
            taker_fee=fee,
            max_open_orders=spec.max_num_orders,
            amendable=self._plan.in_place,
            replaceable=self._plan.in_place,
            max_amends=spec.max_amends,
        )

    # --- requests -----------------------------------------------------------------------------------------

    def in_time(self, stamp_ms: int, recv_window_ms: int) -> bool:
        """The venue's check of a request's timestamp."""
        now = self.wall_ns() // NS_PER_MS
        return stamp_ms < now + AHEAD_MS and now - stamp_ms <= recv_window_ms

    def place(self, symbol: str, client_id: str, side: ev.Side, price: int, size: int) -> Order:
        """Enter a post-only order. Raises RefusalError."""
        spec = self.engine.market(symbol).spec
        placed = self.engine.place(
            self.account,
            NewOrder(
                symbol,
                Side.BUY if side is ev.Side.BUY else Side.SELL,
                OrderType.LIMIT_MAKER,
                client_id,
                TimeInForce.GTC,
                size * spec.lot_e8,
                price * spec.tick_e8,
            ),
        )
        self.accepted.append(placed.order)
        self.pump()
        return placed.order

    def cancel(self, symbol: str, client_id: str) -> Order:
        """Take an open order off the book. Raises RefusalError."""
        order = self.open_under(symbol, client_id)
        if order is None:
            raise RefusalError(-2011, "Unknown order sent.")
        self.engine.cancel(order, f"c-{client_id}"[:36])
        self.pump()
        return order

    def amend(self, symbol: str, client_id: str, size: int) -> Order:
        """Make an open order smaller where it is. Raises RefusalError."""
        order = self.open_under(symbol, client_id)
        if order is None:
            raise RefusalError(-2013, "Order does not exist.")
        self.engine.amend(order, size * self.engine.market(symbol).spec.lot_e8, client_id)
        self.pump()
        return order

    def find(self, symbol: str, client_id: str) -> Order | None:
        """The newest order of that id."""
        return self.account.by_client(symbol, client_id)

    def open_under(self, symbol: str, client_id: str) -> Order | None:
        """The open order of that id."""
        order = self.account.by_client(symbol, client_id)
        return None if order is None or order.is_final else order

    def open_orders(self, symbol: str) -> list[Order]:
        """Oldest first."""
        return [order for order in self.account.open.values() if order.symbol == symbol]

    def trades_from(self, symbol: str, trade_id: int) -> list[ev.TradeView]:
        """Own trades from an id on, ascending."""
        return [
            self.trade_view(trade)
            for trade in self.account.trades
            if trade.symbol == symbol and trade.id >= trade_id
        ]

    def balances(self) -> dict[str, tuple[Decimal, Decimal]]:
        """Asset → (free, locked)."""
        return {
            asset: (Decimal(held.free).scaleb(-8), Decimal(held.locked).scaleb(-8))
            for asset, held in self.account.balances.items()
        }

    def gained(self, asset: str) -> int:
        """What the account holds of an asset beyond what it began with, 10^-8."""
        held = self.account.balance(asset)
        return held.free + held.locked - HELD[asset]

    def depth(self, symbol: str) -> tuple[int, list[ev.Level], list[ev.Level]]:
        """(last update id, bids, asks)."""
        market = self.engine.market(symbol)
        return market.u, market.book.bids.top(500), market.book.asks.top(500)

    def halt(self, symbol: str, halted: bool) -> None:
        """Stop and resume trading of a symbol."""
        self.engine.set_status(symbol, SymbolStatus.HALT if halted else SymbolStatus.TRADING)

    # --- its words ----------------------------------------------------------------------------------------

    def order_view(self, order: Order) -> ev.OrderView:
        """As a reply describes it."""
        return ev.OrderView(
            symbol=order.symbol,
            client_id=order.client_id,
            venue_id=order.id,
            side=ev.Side.BUY if order.side is Side.BUY else ev.Side.SELL,
            status=order.status.value,
            price=order.price,
            size=order.qty,
            filled=order.executed,
            update_ms=order.updated_ns // NS_PER_MS,
        )

    def trade_view(self, trade: AccountTrade) -> ev.TradeView:
        """As the account's list of trades has it."""
        return ev.TradeView(
            symbol=trade.symbol,
            trade_id=trade.id,
            venue_id=trade.order_id,
            side=ev.Side.BUY if trade.is_buyer else ev.Side.SELL,
            price=trade.price,
            size=trade.qty,
            commission=Decimal(trade.commission).scaleb(-8),
            commission_asset=trade.commission_asset,
            maker=trade.is_maker,
            venue_ms=trade.time_ns // NS_PER_MS,
        )

    def pump(self) -> None:
        """Publish what the engine has reported."""
        for event in self.engine.drain():
            if isinstance(event, ExecutionEvent):
                if event.fill is not None:
                    self._traded(event.fill)
                self._publish("user", self._report(event))
            elif isinstance(event, BalanceEvent):
                balances = {
                    asset: (Decimal(free).scaleb(-8), Decimal(locked).scaleb(-8))
                    for asset, free, locked in event.balances
                }
                self._publish(
                    "user", lambda ts, balances=balances: ev.AccountUpdate(ts=ts, balances=balances)
                )
            elif isinstance(event, BookUpdate):
                self._publish_book(event)

    def _traded(self, trade: AccountTrade) -> None:
        self.trades.append(trade)
        side = "buy" if trade.is_buyer else "sell"
        self._note(
            "venue", f"trade {trade.id}: {trade.qty} @ {trade.price} of order {trade.order_id}, {side}"
        )

    def _report(self, event: ExecutionEvent) -> Callable[[int], ev.Event]:
        order = event.order
        view = ev.OrderView(
            symbol=order.symbol,
            client_id=event.orig_client_id or event.client_id,
            venue_id=order.id,
            side=ev.Side.BUY if order.side is Side.BUY else ev.Side.SELL,
            status=event.status.value,
            price=order.price,
            size=event.qty,
            filled=event.executed,
            update_ms=event.time_ns // NS_PER_MS,
        )
        trade = None
        if event.fill is not None:
            trade = self.trade_view(event.fill)
        kind = event.exec_type.value
        return lambda ts: ev.ExecutionReport(ts=ts, order=view, execution=kind, trade=trade)

    def _publish_book(self, update: BookUpdate) -> None:
        market = self.engine.market(update.symbol)
        symbol, u = update.symbol, update.u
        bids = [
            (p, market.book.bids.levels[p].qty if p in market.book.bids.levels else 0) for p in update.bids
        ]
        asks = [
            (p, market.book.asks.levels[p].qty if p in market.book.asks.levels else 0) for p in update.asks
        ]
        self._publish(
            "market",
            lambda ts: ev.DepthUpdate(
                ts=ts, symbol=symbol, first_id=u, last_id=u, previous_id=None, bids=bids, asks=asks
            ),
        )
        if update.touch_changed:
            bid, bid_size, ask, ask_size = update.touch
            self._publish(
                "market",
                lambda ts: ev.BookTicker(
                    ts=ts, symbol=symbol, update_id=u, bid=bid, bid_size=bid_size, ask=ask, ask_size=ask_size
                ),
            )

    # --- the crowd ----------------------------------------------------------------------------------------

    def _schedule(self) -> None:
        rng = self._plan.rng
        self._timeline.after(round(self._plan.step_ms * MS * (0.5 + rng.random())), self._step)

    def _step(self) -> None:
        rng, plan = self._plan.rng, self._plan
        for symbol in plan.symbols:
            if self.engine.market(symbol).status is not SymbolStatus.TRADING:
                continue
            if self.taking and rng.random() < plan.hit:
                self._take(symbol)
            if self.moving and plan.drift:
                scale = 1 if symbol.startswith("ETH") else 10
                self.mids[symbol] += rng.randint(-plan.drift, plan.drift) * scale
            self._lay(symbol)
        self.pump()
        self._schedule()

    def _lay(self, symbol: str) -> None:
        """A new ladder of three levels a side around the mid, in one update. What of the trader stands in its way is traded."""
        rng, mid = self._plan.rng, self.mids[symbol]
        lot = self.engine.market(symbol).spec.lot_e8
        tick = self.engine.market(symbol).spec.tick_e8
        ladder = self._ladders[symbol]
        with self.engine.batch():
            for order in ladder:
                if not order.is_final:
                    self.engine.cancel(order)
            ladder.clear()
            for side, sign in ((Side.BUY, -1), (Side.SELL, 1)):
                for level in range(3):
                    self._ids += 1
                    new = NewOrder(
                        symbol,
                        side,
                        OrderType.LIMIT,
                        f"b{self._ids}",
                        TimeInForce.GTC,
                        rng.randint(500, 5_000) * lot,
                        (mid + sign * (1 + level * 2)) * tick,
                    )
                    ladder.append(self.engine.place(self._crowd, new).order)

    def _take(self, symbol: str) -> None:
        """Trade some of one of the trader's orders, and all that stands before it."""
        rng = self._plan.rng
        mine = self.open_orders(symbol)
        if not mine:
            return
        order = rng.choice(mine)
        market = self.engine.market(symbol)
        side = market.book.bids if order.side is Side.BUY else market.book.asks
        ahead = 0
        for level in side.from_best():
            if level.price == order.price:
                break
            ahead += level.qty
        lots = order.remaining if rng.random() < 0.5 else rng.randint(1, max(1, order.remaining))
        self._ids += 1
        self.engine.place(
            self._crowd,
            NewOrder(
                symbol,
                Side.SELL if order.side is Side.BUY else Side.BUY,
                OrderType.LIMIT,
                f"t{self._ids}",
                TimeInForce.IOC,
                (ahead + lots) * market.spec.lot_e8,
                order.price * market.spec.tick_e8,
            ),
        )
        self.pump()


def classify(error: RefusalError) -> ev.ErrorClass:
    """As the gateway reads codes and messages."""
    if error.msg == WOULD_MATCH:
        return ev.ErrorClass.POST_ONLY
    if error.msg == DUPLICATE_ORDER:
        return ev.ErrorClass.DUPLICATE
    if error.msg == INSUFFICIENT_BALANCE:
        return ev.ErrorClass.BALANCE
    if error.code in (-2011, -2013):
        return ev.ErrorClass.NOT_FOUND
    if error.code == CLOCK_CODE:
        return ev.ErrorClass.CLOCK
    return ev.ErrorClass.REFUSED
