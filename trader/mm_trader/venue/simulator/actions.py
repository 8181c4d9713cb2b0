"""What the admin API and scenario files can do to a running simulator: one function per action, by name.

Every action takes a mapping of plain values and returns one; a wrong value is an `ActionError` that names the field.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from .engine.checks import to_e8
from .engine.errors import RefusalError
from .engine.types import E8, SymbolStatus
from .faults import OVERLOADED, Fault, FaultKind
from .server.connection import Channel
from .time import NS_PER_S, SystemClock
from .usdm.clockwork import Clockwork

if TYPE_CHECKING:
    from .simulator import Simulator

MAX_MOVE_BP = 9_000.0
MAX_COUNT = 1_000_000


class ActionError(ValueError):
    """The action cannot be done as asked; the text names the field."""


class Fields:
    """Typed access to an action's fields; `finish` refuses unknown ones."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values
        self._read: set[str] = set()

    def has(self, name: str) -> bool:
        return self._values.get(name) is not None

    def text(self, name: str, default: str | None = None) -> str | None:
        self._read.add(name)
        value = self._values.get(name, default)
        if value is not None and not isinstance(value, str):
            raise ActionError(f"{name}: must be text")
        return value

    def number(
        self, name: str, default: float | None = None, low: float = -1e12, high: float = 1e12
    ) -> float:
        self._read.add(name)
        value = self._values.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise ActionError(f"{name}: must be a number")
        try:
            number = float(value)
        except ValueError as error:
            raise ActionError(f"{name}: must be a number") from error
        if not low <= number <= high:
            raise ActionError(f"{name}: must lie between {low:g} and {high:g}")
        return number

    def integer(self, name: str, default: int, low: int = 0, high: int = MAX_COUNT) -> int:
        return int(self.number(name, default, low, high))

    def finish(self) -> None:
        unknown = set(self._values) - self._read
        if unknown:
            raise ActionError(f"unknown field {sorted(unknown)[0]!r}")


def _symbol(sim: Simulator, fields: Fields) -> str:
    symbol = fields.text("symbol")
    if symbol is None or symbol not in sim.engine.markets:
        raise ActionError(f"symbol: must be one of {', '.join(sim.engine.markets)}")
    return symbol


def _account(sim: Simulator, fields: Fields) -> str | None:
    name = fields.text("account")
    if name is not None and name not in sim.client_accounts:
        raise ActionError(f"account: must be one of {', '.join(sim.client_accounts)}")
    return name


def _channel(fields: Fields, name: str) -> Channel | None:
    value = fields.text(name, "all")
    if value == "all":
        return None
    try:
        return Channel(str(value))
    except ValueError as error:
        raise ActionError(f"{name}: must be all, market, user or orders") from error


def price(sim: Simulator, fields: Fields) -> Any:
    """Move a symbol's fair value and book: `by_bp` or `to`, at once or over `drift` seconds."""
    symbol = _symbol(sim, fields)
    before = sim.market.fair_price(symbol)
    over = fields.number("drift", 0.0, 0, 86_400)
    if fields.has("to"):
        target = fields.number("to", None, 1e-8)
        if before <= 0:
            raise ActionError("to: the market has no price yet")
        by_bp = (target / before - 1) * 10_000
    else:
        by_bp = fields.number("by_bp", None)
    fields.finish()
    if not -MAX_MOVE_BP <= by_bp <= MAX_MOVE_BP:
        raise ActionError(f"by_bp: at most {MAX_MOVE_BP:g} either way, this is {by_bp:g}")
    sim.market.move(symbol, by_bp, over)
    return {
        "symbol": symbol,
        "before": before,
        "after": sim.market.fair_price(symbol),
        "timeNs": sim.clock.now(),
    }


def cut(sim: Simulator, fields: Fields) -> Any:
    """Cut connections: `what` all | market | user | orders, optionally of one `account`; `block` refuses new ones."""
    channel, account = _channel(fields, "what"), _account(sim, fields)
    block = fields.number("block_s", 0.0, 0, 3600)
    fields.finish()
    count = sim.sockets.cut(channel, account)
    if block:
        sim.sockets.refuse_new = True
        sim.scheduler.call_after(int(block * NS_PER_S), sim.accept_again)
    return {"cut": count}


def delay(sim: Simulator, fields: Fields) -> Any:
    """Hold back what the simulator sends: `what` orders | market | user | all, `ms` (0 ends it)."""
    channel, ms = _channel(fields, "what"), fields.integer("ms", 0, 0, 600_000)
    fields.finish()
    for one in (channel,) if channel is not None else tuple(Channel):
        sim.faults.delays_ms[one] = ms
    return sim.faults.shape()


def refuse(sim: Simulator, fields: Fields) -> Any:
    """Refuse the next `count` calls of class `call` (default place) with `code`/`msg`."""
    fault = Fault(
        FaultKind.REFUSE,
        fields.integer("count", 1, 1),
        _account(sim, fields),
        fields.text("call", "place"),
        code=int(fields.number("code", -2010)),
        msg=fields.text("msg", "Order rejected by the venue.") or "",
    )
    fields.finish()
    sim.faults.arm(fault)
    return fault.shape()


def fault(sim: Simulator, fields: Fields) -> Any:
    """Arm any fault of `FaultKind` by its name."""
    name = fields.text("fault")
    try:
        kind = FaultKind(str(name))
    except ValueError as error:
        raise ActionError(f"fault: must be one of {', '.join(FaultKind)}") from error
    armed = Fault(
        kind,
        fields.integer("count", 1, 1),
        _account(sim, fields),
        fields.text("call"),
        fields.text("symbol"),
        fields.integer("status", 503, 200, 599),
        int(fields.number("code", -1008)),
        fields.text("msg", OVERLOADED) or "",
        fields.integer("ms", 0),
    )
    fields.finish()
    sim.faults.arm(armed)
    return armed.shape()


def status(sim: Simulator, fields: Fields) -> Any:
    """Set a symbol's status: TRADING, HALT, BREAK or CANCEL_ONLY."""
    symbol = _symbol(sim, fields)
    try:
        wanted = SymbolStatus(str(fields.text("status")))
    except ValueError as error:
        raise ActionError(f"status: must be one of {', '.join(SymbolStatus)}") from error
    fields.finish()
    sim.engine.set_status(symbol, wanted)
    return {"symbol": symbol, "status": wanted.value}


def reset(sim: Simulator, fields: Fields) -> Any:
    """Testnet reset: orders, trades and balances are gone, accounts start with their configured balances."""
    fields.finish()
    sim.reset()
    return {"reset": True}


def deposit(sim: Simulator, fields: Fields) -> Any:
    """Add `amount` of `asset` to an account's free balance."""
    account, asset = _account(sim, fields), fields.text("asset")
    amount = fields.text("amount")
    fields.finish()
    if account is None or asset is None or amount is None:
        raise ActionError("account, asset and amount are needed")
    negative = amount.startswith("-")
    try:
        value = to_e8(amount.removeprefix("-"))
        sim.engine.deposit(sim.engine.accounts[account], asset, -value if negative else value)
    except ValueError as error:
        raise ActionError("amount: must be a plain decimal as text") from error
    except RefusalError as error:
        raise ActionError(f"amount: {error.msg}") from error
    sim.publisher.pump()
    return {"account": account, "asset": asset}


def cancel_account(sim: Simulator, fields: Fields) -> Any:
    """Cancel every open order of `account` (what the venue's own staff, or another key, would do)."""
    account = _account(sim, fields)
    fields.finish()
    if account is None:
        raise ActionError("account: is needed")
    orders = list(sim.engine.accounts[account].open.values())
    for order in orders:
        sim.engine.cancel(order, "venue")
    sim.publisher.pump()
    return {"cancelled": len(orders)}


def revoke(sim: Simulator, fields: Fields) -> Any:
    """Make an account's keys invalid (`on` false: valid again)."""
    account, on = _account(sim, fields), fields.text("on", "true") != "false"
    fields.finish()
    if account is None:
        raise ActionError("account: is needed")
    return {"keys": sim.auth.revoke(account, on)}


def skew(sim: Simulator, fields: Fields) -> Any:
    """Set the venue's clock `ms` ahead of the machine's (system clock only)."""
    ms = fields.number("ms", None, -600_000, 600_000)
    fields.finish()
    if not isinstance(sim.clock, SystemClock):
        raise ActionError("ms: a manual clock is moved by advance, not skewed")
    sim.clock.offset_ns = int(ms * 1_000_000)
    return {"ms": ms}


def _clockwork(sim: Simulator) -> Clockwork:
    if not isinstance(sim.extras, Clockwork):
        raise ActionError("this action is for --product usdm")
    return sim.extras


def funding(sim: Simulator, fields: Fields) -> Any:
    """usdm: settle funding of `symbol` now, at the going rate or at `rate`."""
    clockwork, symbol = _clockwork(sim), _symbol(sim, fields)
    rate = fields.number("rate", None, -0.05, 0.05) if fields.has("rate") else None
    fields.finish()
    clockwork.fund(symbol, None if rate is None else round(rate * E8))
    return {"symbol": symbol, "timeNs": sim.clock.now()}


def expire_listen_key(sim: Simulator, fields: Fields) -> Any:
    """usdm: end the listen key of `account` now, with `listenKeyExpired` to whoever uses it."""
    clockwork, account = _clockwork(sim), _account(sim, fields)
    fields.finish()
    if account is None:
        raise ActionError("account: is needed")
    return {"expired": clockwork.expire_key(account)}


def shutdown_notice(sim: Simulator, fields: Fields) -> Any:
    """Send `serverShutdown` on every connection."""
    fields.finish()
    return {"sent": sim.announce_shutdown()}


def mute(sim: Simulator, fields: Fields) -> Any:
    """Half-open sockets: connections of `what` stay up but nothing more leaves on them."""
    channel, account = _channel(fields, "what"), _account(sim, fields)
    fields.finish()
    return {"muted": sim.sockets.mute(channel, account)}


def clear(sim: Simulator, fields: Fields) -> Any:
    """Disarm all faults and end all delays."""
    fields.finish()
    sim.faults.clear()
    return sim.faults.shape()


Action = Callable[["Simulator", Fields], Any]
ACTIONS: dict[str, Action] = {
    "price": price,
    "cut": cut,
    "delay": delay,
    "refuse": refuse,
    "fault": fault,
    "status": status,
    "reset": reset,
    "deposit": deposit,
    "cancel": cancel_account,
    "revoke": revoke,
    "skew": skew,
    "shutdown": shutdown_notice,
    "funding": funding,
    "expire_listen_key": expire_listen_key,
    "mute": mute,
    "clear": clear,
}


def perform(sim: Simulator, name: str, values: Mapping[str, Any]) -> Any:
    """Do the action called `name`. Raises ActionError."""
    action = ACTIONS.get(name)
    if action is None:
        raise ActionError(f"unknown action {name!r}; known: {', '.join(ACTIONS)}")
    return action(sim, Fields(values))
