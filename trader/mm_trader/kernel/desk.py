"""What the kernel keeps per symbol, and the parts that all symbols share. Plain holders: the behaviour is in the modules that work on them."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from mm_trader.core.events import BUY, StreamName
from mm_trader.core.units import NS_PER_MS, SymbolRules, from_money, margin_of
from mm_trader.kernel.evidence import EvidenceKeeper
from mm_trader.kernel.markouts import MarkOuts
from mm_trader.kernel.settings import Settings
from mm_trader.market.book import L2Book
from mm_trader.market.signals import Signals
from mm_trader.market.top import TopOfBook
from mm_trader.market.volatility import EwmaVolatility
from mm_trader.orders.journal import Outbox
from mm_trader.orders.manager import OrderManager
from mm_trader.orders.reconciler import Reconciler, SymbolSync
from mm_trader.orders.table import OrderTable, SymbolOrders
from mm_trader.orders.trades import TradeLog
from mm_trader.portfolio.balances import Balances
from mm_trader.portfolio.correlation import Correlations
from mm_trader.portfolio.losses import SymbolLosses
from mm_trader.risk.behaviour import BehaviourMonitor
from mm_trader.risk.breaker import CircuitBreaker, Endpoint
from mm_trader.risk.dormant import Dormant
from mm_trader.risk.drift import BalanceDrift
from mm_trader.risk.guards import SymbolGuards
from mm_trader.risk.halts import HaltBoard
from mm_trader.risk.ledger import Position
from mm_trader.risk.levels import RiskState
from mm_trader.risk.pnl import PnlMonitor
from mm_trader.risk.skew import ClockSkew
from mm_trader.strategy.base import Signal, Strategy

if TYPE_CHECKING:
    from mm_trader.kernel.ears import Ears
    from mm_trader.kernel.misfits import Misfit


class WallClock:
    """Wall time at a monotonic instant, from the last pair that the shell gave."""

    __slots__ = ("_ts", "_wall_ns")

    def __init__(self, ts: int, wall_ns: int) -> None:
        self.set(ts, wall_ns)

    def set(self, ts: int, wall_ns: int) -> None:
        """A new pair."""
        self._ts = ts
        self._wall_ns = wall_ns

    def ms(self, ts: int) -> int:
        """UTC ms."""
        return (self._wall_ns + ts - self._ts) // NS_PER_MS


class Desk:
    """One symbol."""

    __slots__ = (
        "blocked",
        "book",
        "book_due",
        "capital",
        "dirty",
        "drift",
        "guards",
        "hold_until",
        "last_fill",
        "loss_floor",
        "marks",
        "max_inventory",
        "misfit",
        "misfit_since",
        "misfit_told",
        "needs",
        "next_look",
        "orders",
        "others",
        "position",
        "rules",
        "signals",
        "strategy",
        "symbol",
        "sync",
        "top",
        "trades",
        "two_sided",
        "volatility",
    )

    def __init__(
        self,
        rules: SymbolRules,
        position: Position,
        trades: TradeLog,
        marks: MarkOuts,
        guards: SymbolGuards,
        orders: SymbolOrders,
    ) -> None:
        self.symbol = rules.symbol
        self.rules = rules
        self.position = position
        self.trades = trades
        self.marks = marks
        self.guards = guards
        self.orders = orders
        self.sync: SymbolSync
        """Where it stands with the venue."""
        self.others: tuple[Desk, ...] = ()
        """Of all other symbols."""
        self.drift = BalanceDrift()
        self.top = TopOfBook()
        self.book = L2Book()
        self.volatility = EwmaVolatility()
        self.strategy: Strategy
        self.needs: frozenset[Signal] = frozenset()
        self.signals: Signals | None = None
        """What its strategy asked for; None: nothing."""
        self.max_inventory = 0
        """10^-8 base."""
        self.capital = 0
        """Share of the capital, money."""
        self.last_fill = -1
        """Ns when the last trade was booked."""
        self.loss_floor: int | None = None
        """Net PnL of this symbol, money, at and below which it halts; None: there is no such limit."""
        self.next_look = 0
        """Before this, a market update does not look at the quotes again."""
        self.dirty = False
        """Something other than the market changed: look before the event is over."""
        self.hold_until = 0
        """No new order before this: the venue refused the last one."""
        self.book_due: int | None = None
        """When to ask for the depth snapshot again."""
        self.blocked = "Starting"
        """Why nothing is quoted, CamelCase; empty while quoting."""
        self.misfit: Misfit | None = None
        """Why the last look placed less than the strategy asked for, where that was a matter of size or of a check."""
        self.misfit_since: int | None = None
        """Ns since when it stands; None: there is none."""
        self.misfit_told = False
        """People have been told of the one that stands."""
        self.two_sided = False


class Core:
    """Everything the modules of the kernel work on."""

    def __init__(
        self,
        *,
        settings: Settings,
        wall: WallClock,
        outbox: Outbox,
        desks: dict[str, Desk],
        table: OrderTable,
        pnl: PnlMonitor,
        dormant: Dormant,
        evidence: EvidenceKeeper,
        halts: HaltBoard,
    ) -> None:
        self.settings = settings
        self.wall = wall
        self.outbox = outbox
        self.desks = desks
        self.table = table
        self.pnl = pnl
        self.dormant = dormant
        self.evidence = evidence
        self.halts = halts
        self.balances = Balances()
        self.losses: SymbolLosses
        self.correlations = Correlations(tuple(desks))
        self.weights: dict[str, float] | None = None
        """What the capital is split by; None: equally."""
        self.next_split = 0
        self.behaviour = BehaviourMonitor()
        self.risk = RiskState()
        self.skew = ClockSkew()
        self.breakers: dict[Endpoint, CircuitBreaker] = {
            endpoint: CircuitBreaker(
                settings.breaker_failures, settings.breaker_open, settings.breaker_longest
            )
            for endpoint in Endpoint
        }
        self.manager: OrderManager
        self.reconciler: Reconciler
        self.ears: Ears
        self.streams = dict.fromkeys(StreamName, False)
        self.allowed = False
        self.allowed_reason = "WaitingForLease"
        self.closing = False
        """Positions are being closed after an emergency stop: closing orders stay."""
        self.stopping = ""
        """Why it leaves; empty while it does not."""
        self.now = 0
        self.cancels_first = False
        """A halt was raised in this event: cancels leave before everything else."""

    def funding_since(self, symbol: str) -> int:
        """UTC ms from which funding payments are asked for: after the last one that is booked."""
        return self.desks[symbol].position.funded_ms + 1

    def own_locked(self) -> dict[str, int]:
        """By asset, 10^-8: what own orders lock, or may lock, at the venue."""
        locked: dict[str, int] = {}
        for desk in self.desks.values():
            margin, asset = desk.rules.initial_margin, desk.rules.quote_asset
            if margin is not None:
                locked[asset] = locked.get(asset, 0) + -(-self._backing(desk, margin) // 10**8)
                continue
            for order in self.table.live(desk.symbol):
                amount = max(order.size - order.filled, 0) * desk.position.lot
                if order.side is BUY:
                    asset = desk.rules.quote_asset
                    amount = -(-amount * order.risk_price * desk.position.tick // 10**8)
                else:
                    asset = desk.rules.base_asset
                locked[asset] = locked.get(asset, 0) + amount
        return locked

    def _backing(self, desk: Desk, margin: Decimal) -> int:
        """Money that position and orders of a symbol on margin need: of every order its whole notional, which is never less than the venue asks for,
        and what the position has lost since, which the wallet does not show yet."""
        position = desk.position
        notional = abs(position.base) * position.tick * position.mark2 >> 1
        for order in self.table.live(desk.symbol):
            notional += max(order.size - order.filled, 0) * position.lot * order.risk_price * position.tick
        return margin_of(notional, margin) + max(0, -position.unrealised)

    def scope_net(self) -> int:
        """Net PnL since the scope began, money."""
        return self.pnl.net - self.pnl.scope_start

    def describe_loss(self) -> str:
        """For people."""
        return f"net PnL of the scope {from_money(self.scope_net()):.4f}"
