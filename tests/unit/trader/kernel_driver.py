"""Drives a kernel in tests: a clock moved by hand, short forms of the events, and a venue of a few lines that answers what it is told to."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from mm_api.kinds.common import Environment
from mm_api.trader_config import EngineConfig, RiskConfig, StrategyConfig, TraderConfig, VenueConfig
from mm_trader.core import events as ev
from mm_trader.core.commands import Cancel, Command, Place, RequestReconcile
from mm_trader.core.ids import ClientIds
from mm_trader.core.state import Restored
from mm_trader.core.units import SymbolRules
from mm_trader.kernel import Kernel
from mm_trader.strategy.registry import BUILT_IN, StrategyTypes

MS = 1_000_000
SECOND = 1_000 * MS
WALL = 1_700_000_000_000_000_000
"""2023-11-14 22:13:20 UTC."""
IDENTITY = "test"


def eth_rules(symbol: str = "ETHUSDC", **changes: Any) -> SymbolRules:
    """Spot ETHUSDC as the venue has it."""
    fields: dict[str, Any] = {
        "symbol": symbol,
        "base_asset": symbol.removesuffix("USDC"),
        "quote_asset": "USDC",
        "tick": Decimal("0.01"),
        "lot": Decimal("0.0001"),
        "min_quantity": 1,
        "max_quantity": 90_000_000,
        "min_price": 1,
        "max_price": 100_000_000,
        "min_notional": Decimal(5),
        "max_notional": Decimal(9_000_000),
    }
    return SymbolRules(**(fields | changes))


def trader_config(
    symbols: tuple[str, ...] = ("ETHUSDC",),
    *,
    parameters: dict[str, str] | None = None,
    engine: dict[str, Any] | None = None,
    scope: str = "rev/stage/0/1",
    **risk: Any,
) -> TraderConfig:
    """Defaults of the product with 10,000 of capital, changed as asked."""
    return TraderConfig(
        identity=IDENTITY,
        symbols=list(symbols),
        scope=scope,
        venue=VenueConfig(
            environment=Environment.SIMULATOR, rest_url="http://x", ws_api_url="ws://x", stream_url="ws://x"
        ),
        strategy=StrategyConfig(
            parameters={name: Decimal(value) for name, value in (parameters or {}).items()}
        ),
        risk=RiskConfig(**({"capital": Decimal(10_000)} | risk)),
        engine=EngineConfig(**(engine or {})),
    )


class Driver:
    """A kernel with its clock. `log` keeps every command in order; `last` those of the last event."""

    def __init__(
        self,
        config: TraderConfig | None = None,
        rules: dict[str, SymbolRules] | None = None,
        restored: Restored | None = None,
        *,
        counter: int = 1,
        wall: int = WALL,
        strategies: StrategyTypes = BUILT_IN,
    ) -> None:
        self.config = config or trader_config()
        self.rules = rules or {symbol: eth_rules(symbol) for symbol in self.config.symbols}
        self.ts = 0
        self.wall0 = wall
        self.kernel = Kernel(
            self.config,
            self.rules,
            ClientIds(IDENTITY, 1, counter),
            restored or Restored(),
            ts=0,
            wall_ns=wall,
            strategies=strategies,
        )
        self.log: list[Command] = []
        self.last: list[Command] = []
        self._update = 0
        self._venue = 0
        self._trade = 0
        self.balances: dict[str, tuple[Decimal, Decimal]] = {
            "USDC": (Decimal(50_000), Decimal(0)),
            "ETH": (Decimal(10), Decimal(0)),
            "BTC": (Decimal(1), Decimal(0)),
        }

    # --- feeding ----------------------------------------------------------------------------------------------------------------------

    def feed(self, event: ev.Event) -> list[Command]:
        self.last = self.kernel.on_event(event)
        self.log += self.last
        return self.last

    def wait(self, ms: float) -> None:
        """Time passes, unnoticed by the kernel."""
        self.ts += int(ms * MS)

    def tick(self, ms: float = 50) -> list[Command]:
        """Time passes, and a Tick says so."""
        self.wait(ms)
        return self.feed(ev.Tick(ts=self.ts, wall_ns=self.wall0 + self.ts))

    def ticks(self, seconds: float, market: bool = True) -> list[Command]:
        """Ticks every 50 ms, and an unchanged market where asked for."""
        commands: list[Command] = []
        for _ in range(int(seconds * 20)):
            commands += self.tick()
            if market and self._quote is not None:
                commands += self.market(*self._quote)
        return commands

    _quote: tuple[str, str, str] | None = None

    def market(self, bid: str, ask: str, symbol: str = "ETHUSDC", size: str = "5") -> list[Command]:
        """A BookTicker."""
        self._update += 1
        self._quote = (bid, ask, symbol)
        rules = self.rules[symbol]
        lots = rules.lots(size)
        return self.feed(
            ev.BookTicker(
                ts=self.ts,
                symbol=symbol,
                update_id=self._update,
                bid=rules.ticks(bid),
                bid_size=lots,
                ask=rules.ticks(ask),
                ask_size=lots,
            )
        )

    def streams(self, up: bool = True) -> None:
        for stream in ev.StreamName:
            self.feed(ev.StreamStatus(ts=self.ts, stream=stream, up=up))

    def allow(self, allowed: bool = True) -> list[Command]:
        return self.feed(ev.TradingAllowed(ts=self.ts, allowed=allowed))

    def snapshot(
        self,
        symbol: str = "ETHUSDC",
        *,
        orders: list[ev.OrderView] | None = None,
        trades: list[ev.TradeView] | None = None,
        cause: str = "start",
        asked_ts: int | None = None,
    ) -> list[Command]:
        return self.feed(
            ev.ReconcileSnapshot(
                ts=self.ts,
                symbol=symbol,
                asked_ts=self.ts if asked_ts is None else asked_ts,
                open_orders=orders or [],
                foreign_open_orders=0,
                trades=trades or [],
                balances=self.balances,
                cause=cause,
            )
        )

    def start(self, bid: str = "2500.00", ask: str = "2500.01") -> list[Place]:
        """Everything up, reconciled with an empty venue, market there: the first quotes."""
        self.streams()
        self.allow()
        for symbol in self.config.symbols:
            self.snapshot(symbol)
        placed: list[Command] = []
        for symbol in self.config.symbols:
            placed += self.market(bid, ask, symbol)
        return of(Place, placed)

    def quoting(self) -> tuple[Place, Place]:
        """Two accepted quotes: (bid, ask)."""
        bid, ask = self.start()
        self.accept(bid)
        self.accept(ask)
        return bid, ask

    # --- answers ----------------------------------------------------------------------------------------------------------------------

    def accept(self, place: Place, venue_id: int | None = None) -> list[Command]:
        if venue_id is None:
            self._venue += 1
            venue_id = self._venue
        self.venue_ids[place.client_id] = venue_id
        return self.feed(
            ev.OrderAccepted(ts=self.ts, symbol=place.symbol, client_id=place.client_id, venue_id=venue_id)
        )

    @property
    def venue_ids(self) -> dict[str, int]:
        return self.__dict__.setdefault("_venue_ids", {})

    def view(self, place: Place, status: str, filled: int = 0) -> ev.OrderView:
        if place.client_id not in self.venue_ids:
            self._venue += 1
            self.venue_ids[place.client_id] = self._venue
        return ev.OrderView(
            symbol=place.symbol,
            client_id=place.client_id,
            venue_id=self.venue_ids[place.client_id],
            side=place.side,
            status=status,
            price=place.price,
            size=place.size,
            filled=filled,
            update_ms=(self.wall0 + self.ts) // MS,
        )

    def trade(
        self, place: Place, size: int, *, fee: str = "0", asset: str = "USDC", trade_id: int | None = None
    ) -> ev.TradeView:
        if trade_id is None:
            self._trade += 1
            trade_id = self._trade
        self.view(place, "NEW")
        return ev.TradeView(
            symbol=place.symbol,
            trade_id=trade_id,
            venue_id=self.venue_ids[place.client_id],
            side=place.side,
            price=place.price,
            size=size,
            commission=Decimal(fee),
            commission_asset=asset,
            maker=True,
            venue_ms=(self.wall0 + self.ts) // MS,
        )

    def report(
        self, place: Place, execution: str, status: str, filled: int = 0, trade: ev.TradeView | None = None
    ) -> list[Command]:
        return self.feed(
            ev.ExecutionReport(
                ts=self.ts, order=self.view(place, status, filled), execution=execution, trade=trade
            )
        )

    def fill(self, place: Place, size: int | None = None, already: int = 0, **trade: Any) -> list[Command]:
        """A TRADE report of `size` lots (all by default)."""
        size = place.size if size is None else size
        done = already + size
        status = "FILLED" if done >= place.size else "PARTIALLY_FILLED"
        return self.report(place, "TRADE", status, done, self.trade(place, size, **trade))

    def canceled(self, place: Place, filled: int = 0) -> list[Command]:
        return self.report(place, "CANCELED", "CANCELED", filled)

    def refuse(
        self, command: Place | Cancel, error: ev.ErrorClass = ev.ErrorClass.REFUSED, message: str = "no"
    ) -> list[Command]:
        name = "place" if isinstance(command, Place) else "cancel"
        return self.feed(
            ev.CommandRefused(
                ts=self.ts,
                symbol=command.symbol,
                client_id=command.client_id,
                command=name,
                error=error,
                code=-2010,
                message=message,
            )
        )

    def unknown(self, command: Place | Cancel) -> list[Command]:
        name = "place" if isinstance(command, Place) else "cancel"
        return self.feed(
            ev.CommandUnknown(
                ts=self.ts, symbol=command.symbol, client_id=command.client_id, command=name, reason="timeout"
            )
        )

    def found(self, place: Place, status: str, filled: int = 0) -> list[Command]:
        return self.feed(ev.OrderFound(ts=self.ts, order=self.view(place, status, filled)))

    def not_found(self, place: Place, asked_ts: int | None = None) -> list[Command]:
        return self.feed(
            ev.OrderNotFound(
                ts=self.ts,
                symbol=place.symbol,
                client_id=place.client_id,
                asked_ts=self.ts if asked_ts is None else asked_ts,
            )
        )

    # --- looking ----------------------------------------------------------------------------------------------------------------------

    def state(self, client_id: str) -> str | None:
        """State of an order that is open or perhaps open; None: it is over."""
        return next((o.state for o in self.kernel.open_orders() if o.client_id == client_id), None)

    def position(self, symbol: str = "ETHUSDC") -> Decimal:
        return self.kernel.status().positions[symbol]

    def evidence(self) -> Any:
        return self.kernel.evidence(self.wall0 + self.ts)


def of(kind: type[Any], commands: list[Command]) -> list[Any]:
    """The commands of one type."""
    return [command for command in commands if type(command) is kind]


def side_of(places: list[Place], side: ev.Side) -> Place:
    """The one place of a side."""
    (place,) = [place for place in places if place.side is side]
    return place


__all__ = [
    "MS",
    "SECOND",
    "WALL",
    "Driver",
    "RequestReconcile",
    "eth_rules",
    "of",
    "side_of",
    "trader_config",
]
