"""What must hold, after every step and in the end. Each rule is checked against the venue's own engine, never against what the trader says of itself."""

from __future__ import annotations

import json
from collections import Counter
from decimal import Decimal
from typing import TYPE_CHECKING

from mm_api.kinds.common import HaltLevel
from mm_api.redis_contract import FillRecord, Latch, LedgerRecord, TraderPhase
from mm_trader.core.commands import Place
from mm_trader.core.units import from_asset_units, from_money
from mm_trader.venue.simulator.engine.types import Side

if TYPE_CHECKING:
    from .process import Process
    from .world import World


class Judge:
    """Collects violations; the world stops at the first."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.violations: list[str] = []
        self._ids: set[str] = set()
        self._latched: set[str] = set()
        """Halts of the trader's own that are on disk and that nobody has lifted."""
        self._forgotten: set[str] = set()
        """Orders that a power cut took out of the journal, at the venue or on the way there: the trader need not know them, but must not quote beside them."""
        self._gone: set[str] = set()
        """Orders of which a process that left in good order has said that none is open."""
        self._obeyed: tuple[Latch, ...] = ()
        """Halts of the operator's that the running process knew after the last step."""
        self._seen: dict[str, tuple[object, ...]] = {}
        self._limit = int(Decimal(world.plan.max_inventory).scaleb(8))

    def fail(self, what: str) -> None:
        """Note a violation."""
        if not self.violations:
            self._world.note("JUDGE", what)
        self.violations.append(what)

    # --- at once ------------------------------------------------------------------------------------------

    def journaled(self, line: bytes) -> None:
        """A whole line is on disk."""
        if b'"t":"latch"' in line[:40]:
            latch = json.loads(line[9:])["b"]["latch"]
            if HaltLevel(latch["level"]).depth >= HaltLevel.HALTED.depth:
                self._latched.add(latch["id"])

    def lifted(self, halt_id: str) -> None:
        """A person has lifted it."""
        self._latched.discard(halt_id)

    def forgotten(self) -> None:
        """What is not on disk is forgotten: halts that nobody has, and orders that only the venue knows."""
        journal = b"".join(path.read_bytes() for path in sorted(self._world.directory.glob("journal-*")))
        stored = {latch.id for latch in self._world.redis.latches().latches}
        self._latched = {halt for halt in self._latched if halt in stored or halt.encode() in journal}
        self._forgotten |= {client_id for client_id in self._ids if client_id.encode() not in journal}

    def left(self, *, zero: bool) -> None:
        """A process has ended; `zero`: it says that nothing is open."""
        if zero:
            self._gone |= self._ids

    def place_leaves(self, process: Process, place: Place) -> None:
        """In the last function before the socket."""
        app = process.app
        if self._latched:
            self.fail(f"{place.client_id} is placed although {sorted(self._latched)} is latched")
        for latch in self._obeyed:
            if self._world.in_force(latch):
                self.fail(f"{place.client_id} is placed although {latch.id} was known and is in force")
        if app.halts.level.depth >= HaltLevel.HALTED.depth:
            self.fail(f"{place.client_id} is placed although the trader knows {app.halts.current}")
        if place.client_id not in app.journal.state.orders_json:
            self.fail(f"{place.client_id} is sent before it is in the journal")
        if place.client_id in self._ids:
            self.fail(f"{place.client_id} is used twice")
        if not app.keeper.lease.valid(process.clock.monotonic_ns()):
            self.fail(f"{place.client_id} is placed without a lease")
        self._ids.add(place.client_id)

    # --- after every step -----------------------------------------------------------------------------------

    def step(self) -> None:
        """Orders, limits and ledger."""
        world = self._world
        process = world.process
        kernel = process.kernel if process is not None and process.alive else None
        sides: Counter[tuple[str, Side]] = Counter()
        worst: dict[tuple[str, Side], int] = {}
        for order in world.venue.account.open.values():
            if order.client_id in self._gone:
                self.fail(f"{order.client_id} is open, and a trader that has left said that nothing was")
            key = (order.symbol, order.side)
            sides[key] += 1
            worst[key] = worst.get(key, 0) + order.remaining * world.lots[order.symbol]
            if kernel is not None:
                known = kernel._core.table.get(order.symbol, order.client_id)
                if (known is None and order.client_id not in self._forgotten) or (known and known.over):
                    state = "nothing" if known is None else known.state.value
                    self.fail(f"{order.client_id} is open at the venue, and the trader holds it for {state}")
        for (symbol, side), count in sides.items():
            if count > 1:
                self.fail(f"{count} live {side.value} orders of {symbol} for one intent")
            if count:
                base = world.venue.gained(world.bases[symbol])
                end = base + worst[symbol, side] if side is Side.BUY else worst[symbol, side] - base
                if end > self._limit and worst[symbol, side]:
                    self.fail(
                        f"{symbol}: if all {side.value} orders fill the position is {end} of {self._limit} (1e-8)"
                    )
        if kernel is not None:
            self._ledger(kernel)
        self._remember_halts(process)
        if process is not None and process.app.failed.is_set():
            self.fail("a task that must not end has ended")

    def _remember_halts(self, process: Process | None) -> None:
        """A halt that a process has obeyed it must obey until it is lifted, whatever Redis says of it meanwhile."""
        if process is None or not process.alive:
            self._obeyed = ()
            return
        known = {latch.id: latch for latch in self._obeyed if self._world.in_force(latch)}
        known |= {latch.id: latch for latch in process.app.halts.current if self._world.in_force(latch)}
        self._obeyed = tuple(known.values())

    def _ledger(self, kernel: object) -> None:
        """Position and cash are the venue's arithmetic over exactly the trades that are booked."""
        for symbol, desk in kernel._core.desks.items():  # type: ignore[attr-defined]
            position, log = desk.position, desk.trades
            now = (id(position), log.watermark, len(log._above), position.base, position.cash)
            if self._seen.get(symbol) == now:
                continue
            self._seen[symbol] = now
            lot, tick = position.lot, position.tick
            base = cash = 0
            for trade in self._world.venue.trades:
                if trade.symbol != symbol or not (trade.id <= log.watermark or trade.id in log._above):
                    continue
                sign = 1 if trade.is_buyer else -1
                base += sign * trade.qty * lot
                cash -= sign * trade.qty * lot * trade.price * tick
                if trade.commission_asset == desk.rules.base_asset:
                    base -= trade.commission
                else:
                    cash -= trade.commission * 10**8
            if (base, cash) != (position.base, position.cash):
                self.fail(
                    f"{symbol}: the ledger has {position.base} base, {position.cash} cash; "
                    f"the venue's arithmetic over the same trades gives {base}, {cash}"
                )

    # --- in the end -----------------------------------------------------------------------------------------

    def unrest(self) -> str:
        """Why the run cannot end yet: what is not reconciled. Empty: all is."""
        world = self._world
        process = world.process
        if process is None or process.kernel is None:
            return "no kernel"
        kernel = process.kernel
        status = kernel.status()
        if status.unknown_orders:
            return f"{status.unknown_orders} orders are UNKNOWN"
        if status.phase is not TraderPhase.QUOTING:
            return f"{status.phase.value} {status.reason}"
        ours = {
            record.client_id: (record.filled, record.state in ("NEW", "PARTIALLY_FILLED"))
            for record in kernel.open_orders()
        }
        theirs = {
            order.client_id: (
                from_asset_units(order.executed * world.lots[order.symbol]),
                True,
            )
            for order in world.venue.account.open.values()
        }
        if ours != theirs:
            return f"open orders: the trader has {ours}, the venue {theirs}"
        return self._unsettled(kernel) or self._unstored(process, kernel)

    def _unsettled(self, kernel: object) -> str:
        ledger: LedgerRecord = kernel.ledger()  # type: ignore[attr-defined]
        venue = self._world.venue
        cash = sum(position.cash for position in ledger.positions.values())
        if cash != from_asset_units(venue.gained("USDC")):
            return f"cash {cash}, at the venue {from_asset_units(venue.gained('USDC'))}"
        for symbol, position in ledger.positions.items():
            held = from_asset_units(venue.gained(self._world.bases[symbol]))
            if position.position != held:
                return f"{symbol}: position {position.position}, at the venue {held}"
        net = from_money(kernel._core.pnl.net)  # type: ignore[attr-defined]
        marked = from_asset_units(venue.gained("USDC")) + sum(
            from_asset_units(venue.gained(self._world.bases[symbol])) * position.mark
            for symbol, position in ledger.positions.items()
        )
        return "" if net == marked else f"net PnL {net}, by the venue's balances {marked}"

    def _unstored(self, process: Process, kernel: object) -> str:
        """Redis says the same as the trader, and has each of the venue's trades exactly once."""
        world, redis = self._world, self._world.redis
        if process.app.writer.pending:
            return f"{process.app.writer.pending} operations are not written to Redis"
        fills = [FillRecord.model_validate_json(text) for _, text in redis.streams.get(redis.keys.fills, [])]
        counted = Counter((fill.symbol, fill.trade_id) for fill in fills)
        expected = {(trade.symbol, trade.id) for trade in world.venue.trades}
        twice = sorted(key for key, count in counted.items() if count > 1)
        missing, extra = sorted(expected - set(counted)), sorted(set(counted) - expected)
        if twice or missing or extra:
            return f"fills in Redis: twice {twice}, missing {missing}, never traded {extra}"
        stored = set(redis.hashes.get(redis.keys.orders, {}))
        mine = {record.client_id for record in kernel.open_orders()}  # type: ignore[attr-defined]
        if stored != mine:
            return f"orders in Redis {sorted(stored)}, of the trader {sorted(mine)}"
        text = redis.strings.get(redis.keys.ledger)
        ledger = LedgerRecord.model_validate_json(text) if text else LedgerRecord()
        for symbol, position in kernel.ledger().positions.items():  # type: ignore[attr-defined]
            if symbol not in ledger.positions or ledger.positions[symbol].cash != position.cash:
                return f"{symbol}: the ledger in Redis is not the trader's"
        return ""
