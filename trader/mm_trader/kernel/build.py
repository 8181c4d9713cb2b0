"""Puts a kernel together: from configuration, rules and what was restored to the parts. The one place where they learn of each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from mm_api.redis_contract import FillRecord, OrderRecord, PositionRecord
from mm_api.trader_config import TraderConfig
from mm_trader.core.events import Side, TradeView
from mm_trader.core.ids import ClientIds
from mm_trader.core.state import Restored
from mm_trader.core.units import SymbolRules
from mm_trader.kernel.desk import Core, Desk, WallClock
from mm_trader.kernel.ears import Ears
from mm_trader.kernel.evidence import EvidenceKeeper
from mm_trader.kernel.halting import Halting
from mm_trader.kernel.markouts import MarkOuts
from mm_trader.kernel.settings import ConfigurationError, Settings, settings_from
from mm_trader.kernel.split import share_capital
from mm_trader.market.signals import Signals
from mm_trader.market.volatility import PRIOR
from mm_trader.orders.journal import Outbox
from mm_trader.orders.lifecycle import Lifecycle
from mm_trader.orders.manager import OrderManager
from mm_trader.orders.order import Order
from mm_trader.orders.reconciler import Reconciler
from mm_trader.orders.retry import Backoff, Jitter, no_jitter
from mm_trader.orders.states import OrderState, is_final
from mm_trader.orders.table import OrderTable
from mm_trader.orders.timing import Timings
from mm_trader.orders.trades import TradeLog
from mm_trader.portfolio.losses import SymbolLosses
from mm_trader.risk.dormant import Dormant
from mm_trader.risk.guards import SymbolGuards
from mm_trader.risk.halts import HaltBoard
from mm_trader.risk.ledger import Position
from mm_trader.risk.pnl import LossLimits, PnlMonitor
from mm_trader.strategy.registry import StrategyTypes, validate_parameters

_ANSWER_TIMEOUTS = 2
"""A reconcile reads several pages: it may take this many order time-outs."""


def build(
    config: TraderConfig,
    rules: Mapping[str, SymbolRules],
    ids: ClientIds,
    restored: Restored,
    strategies: StrategyTypes,
    *,
    ts: int,
    wall_ns: int,
    jitter: Jitter = no_jitter,
) -> tuple[Core, Halting]:
    """See the module's docstring. Raises ConfigurationError or ParameterError."""
    settings = settings_from(config)
    _check_rules(settings, rules)
    wall = WallClock(ts, wall_ns)
    positions, trades = _positions(settings, rules, restored)
    dormant = _dormant(settings, restored)
    pnl = PnlMonitor(
        positions,
        LossLimits(
            daily_loss=settings.daily_loss_limit,
            budget=settings.loss_budget,
            drawdown=settings.drawdown_money,
        ),
        restored.ledger,
        scope=settings.scope,
        wall_ms=wall.ms(ts),
        dormant_net=dormant.net,
    )
    evidence = EvidenceKeeper(
        scope=settings.scope,
        revision=settings.revision,
        stored=restored.evidence,
        clean=restored.clean,
        ts=ts,
        interval=settings.evidence_interval,
        capital=settings.capital,
    )
    guards = {symbol: SymbolGuards(settings.guards, PRIOR) for symbol in settings.symbols}
    table = OrderTable(settings.symbols)
    desks = {
        symbol: Desk(
            rules[symbol],
            positions[symbol],
            trades[symbol],
            MarkOuts(_Both(evidence.mark_out, guards[symbol].mark_out.add)),
            guards[symbol],
            table.of(symbol),
        )
        for symbol in settings.symbols
    }
    core = Core(
        settings=settings,
        wall=wall,
        outbox=Outbox(),
        desks=desks,
        table=table,
        pnl=pnl,
        dormant=dormant,
        evidence=evidence,
        halts=HaltBoard(settings.revision, settings.scope, restored.latches),
    )
    core.now = ts
    halting = Halting(core)
    core.ears = ears = Ears(core, halting)
    lifecycle = Lifecycle(dict(rules), trades, core.table, core.outbox, ears)
    backoff = Backoff(jitter)
    core.manager = OrderManager(_timings(settings), ids, core.table, lifecycle, core.outbox, ears, backoff)
    core.reconciler = Reconciler(
        trades,
        core.table,
        lifecycle,
        core.manager,
        core.outbox,
        ears,
        interval=settings.reconcile_interval,
        answer_timeout=_ANSWER_TIMEOUTS * settings.order_timeout,
        backoff=backoff,
    )
    starts = restored.ledger.symbol_day_start if restored.ledger and restored.ledger.day == pnl.day else {}
    dormant.begin_day(starts)
    core.losses = SymbolLosses(positions, settings.symbol_loss_limit, starts)
    for symbol, desk in desks.items():
        desk.loss_floor = core.losses.floor(symbol)
        desk.sync = core.reconciler.sync[symbol]
        desk.others = tuple(other for other in desks.values() if other is not desk)
    _follow_funding(core, wall.ms(ts))
    validate_parameters(config.strategy.name, config.strategy.parameters, strategies)
    use_strategy(core, config, strategies)
    share_capital(core)
    _restore_orders(core, restored, ts)
    return core, halting


class _Both:
    """Two listeners as one. An object and no closure: a kernel's state is pickled where its recording begins a new segment."""

    def __init__(self, first: Callable[[int, float], None], second: Callable[[int, float], None]) -> None:
        self._first = first
        self._second = second

    def __call__(self, horizon_ms: int, bp: float) -> None:
        self._first(horizon_ms, bp)
        self._second(horizon_ms, bp)


def _follow_funding(core: Core, now_ms: int) -> None:
    """Funding is booked from the ledger's last payment on; from now on where it never was."""
    for desk in core.desks.values():
        if desk.rules.initial_margin is not None:
            desk.position.funded_ms = desk.position.funded_ms or now_ms
    core.reconciler.funding_since = core.funding_since


def use_settings(core: Core) -> None:
    """Carry changed settings to the parts that keep their own copy."""
    settings = core.settings
    core.manager.use_timings(_timings(settings))
    core.reconciler.use_pace(
        interval=settings.reconcile_interval, answer_timeout=_ANSWER_TIMEOUTS * settings.order_timeout
    )


def _timings(settings: Settings) -> Timings:
    return Timings(order_timeout=settings.order_timeout, recv_window=settings.recv_window)


def use_strategy(core: Core, config: TraderConfig, strategies: StrategyTypes) -> None:
    """One instance per symbol, with its own parameters. Raises ParameterError before anything is changed."""
    name = config.strategy.name
    made = {
        symbol: strategies[name](
            validate_parameters(name, config.strategy.parameters_of(symbol), strategies), desk.rules
        )
        for symbol, desk in core.desks.items()
    }
    for symbol, desk in core.desks.items():
        desk.strategy = made[symbol]
        desk.max_inventory = int(desk.strategy.max_inventory.scaleb(8))
        needs = desk.strategy.needs
        if needs != desk.needs:
            desk.needs = needs
            desk.signals = Signals(needs) if needs else None


def _check_rules(settings: Settings, rules: Mapping[str, SymbolRules]) -> None:
    missing = [symbol for symbol in settings.symbols if symbol not in rules]
    if missing:
        raise ConfigurationError(f"symbols: the venue does not list {', '.join(missing)}")
    quotes = sorted({rules[symbol].quote_asset for symbol in settings.symbols})
    if len(quotes) > 1:
        raise ConfigurationError(
            f"symbols: they are quoted in {' and '.join(quotes)}; limits are sums in one quote currency"
        )


def _positions(
    settings: Settings, rules: Mapping[str, SymbolRules], restored: Restored
) -> tuple[dict[str, Position], dict[str, TradeLog]]:
    """Ledger plus the journaled fills that it does not contain."""
    records = restored.ledger.positions if restored.ledger else {}
    positions: dict[str, Position] = {}
    trades: dict[str, TradeLog] = {}
    for symbol in settings.symbols:
        record = records.get(symbol)
        positions[symbol] = Position(rules[symbol], record)
        watermark = record or PositionRecord()
        trades[symbol] = TradeLog(watermark.last_trade_id, watermark.booked_trade_ids)
    for fill in restored.fills:
        if fill.symbol in positions and trades[fill.symbol].take(fill.trade_id):
            positions[fill.symbol].book(_trade(fill, rules[fill.symbol]), settings.fee_rates)
    return positions, trades


def _dormant(settings: Settings, restored: Restored) -> Dormant:
    """Whatever else the ledger has: symbols that the config named once."""
    records = restored.ledger.positions if restored.ledger else {}
    return Dormant({symbol: record for symbol, record in records.items() if symbol not in settings.symbols})


def _trade(fill: FillRecord, rules: SymbolRules) -> TradeView:
    return TradeView(
        symbol=fill.symbol,
        trade_id=fill.trade_id,
        venue_id=fill.venue_order_id,
        side=Side[fill.side],
        price=rules.ticks(fill.price),
        size=rules.lots(fill.quantity),
        commission=fill.commission,
        commission_asset=fill.commission_asset,
        maker=fill.maker,
        venue_ms=fill.venue_ms,
    )


def _restore_orders(core: Core, restored: Restored, ts: int) -> None:
    """Whatever was or may have been open is UNKNOWN until the venue has spoken.

    The records' times are wall times, and the wall clock may have jumped since: a place counts as sent just now, so that "not found" is never believed too
    early, nor waited for until a clock that was set back has caught up.
    """
    for record in restored.orders:
        desk = core.desks.get(record.symbol)
        if desk is None or _ended(record):
            continue
        order = Order(
            client_id=record.client_id,
            symbol=record.symbol,
            side=Side[record.side],
            price=desk.rules.ticks(record.price),
            size=desk.rules.lots(record.quantity),
            state=OrderState.UNKNOWN,
            created_ts=ts,
            created_ms=record.created_ms,
        )
        order.filled = desk.rules.lots(record.filled)
        order.venue_id = record.venue_id
        if record.venue_id is not None:
            order.acked_ts = ts
        order.leftover = order.cancel_wanted = order.inherited = True
        order.query_due = order.next_cancel = ts
        core.table.add(order)


def _ended(record: OrderRecord) -> bool:
    return record.state in OrderState.__members__ and is_final(OrderState(record.state))
