"""An audit log of every order placed, refused, cancelled, filled or expired by client accounts, bounded, in order.

Tests and the demo read it to measure what a client really did: alert → no open order, duplicates, two writers.
"""

from __future__ import annotations

from collections import deque
from typing import Any

import msgspec

from .engine.account import AccountTrade
from .engine.checks import from_e8
from .engine.events import ExecutionEvent
from .engine.types import ExecType, NewOrder, OrderStatus, OrderType, Side, SymbolSpec

KINDS = {
    ExecType.NEW: "place",
    ExecType.CANCELED: "cancel",
    ExecType.REPLACED: "amend",
    ExecType.TRADE: "fill",
    ExecType.EXPIRED: "expire",
    ExecType.TRADE_PREVENTION: "prevented",
    ExecType.REJECTED: "reject",
}


class Journal:
    """`since` gives entries as dicts ready for JSON; `seq` grows by one and never repeats.

    What most entries are made of stays in the form in which it came until somebody reads it: far more is written than
    is ever read.
    """

    def __init__(self, size: int) -> None:
        self._entries: deque[_Execution | _Other] = deque(maxlen=size)
        self.seq = 0
        self.source = ""
        """Who is acting right now (connection and API key), set by the server around each request."""

    def add(self, kind: str, time_ns: int, account: str, **fields: Any) -> None:
        self.seq += 1
        self._entries.append(_Other(time_ns, kind, account, fields, self.source))

    def execution(self, event: ExecutionEvent, spec: SymbolSpec) -> None:
        order = event.order
        account, kind = order.account, event.exec_type
        cancelled = kind is ExecType.CANCELED and event.orig_client_id
        set_off = order.stop > 0 and kind is ExecType.NEW and event.working_ns >= 0
        self.seq += 1
        self._entries.append(
            _Execution(
                event.time_ns, kind, account.name, spec, order.id,
                event.orig_client_id if cancelled else event.client_id, order.side, order.type, order.price,
                event.qty, event.executed, event.status, len(account.open), event.fill, self.source, order.stop, set_off,
            )
        )  # fmt: skip

    def refusal(self, account: str, new: NewOrder, code: int, msg: str, time_ns: int) -> None:
        self.add(
            "reject",
            time_ns,
            account,
            symbol=new.symbol,
            clientOrderId=new.client_id,
            side=new.side.value,
            type=new.type.value,
            price=from_e8(new.price_e8 or 0),
            qty=from_e8(new.qty_e8 or 0),
            code=code,
            msg=msg,
        )

    def since(self, seq: int, limit: int = 10_000) -> list[dict[str, Any]]:
        """Entries after `seq`, oldest first, at most `limit`."""
        missed = self.seq - seq
        if missed <= 0:
            return []
        have = len(self._entries)
        start = max(0, have - missed)
        first = self.seq - have + 1
        return [
            {"seq": first + i, **_shape(self._entries[i])} for i in range(start, min(have, start + limit))
        ]


class _Other(msgspec.Struct, gc=False):
    """An entry that is kept as it will be shown."""

    time_ns: int
    kind: str
    account: str
    fields: dict[str, Any]
    source: str


class _Execution(msgspec.Struct, gc=False):
    """What an execution event said. Thousands are kept: none keeps its order alive, and its `seq` is its place in the row."""

    time_ns: int
    kind: ExecType
    account: str
    spec: SymbolSpec
    order_id: int
    client_id: str
    side: Side
    type: OrderType
    price: int
    qty: int
    executed: int
    status: OrderStatus
    open_orders: int
    fill: AccountTrade | None
    source: str
    stop: int
    set_off: bool
    """A waiting order begins to work."""


def _shape(entry: _Execution | _Other) -> dict[str, Any]:
    if isinstance(entry, _Other):
        kind, fields = entry.kind, entry.fields
    else:
        kind = "trigger" if entry.set_off else KINDS[entry.kind]
        fields = _execution_fields(entry)
    return {"timeNs": entry.time_ns, "kind": kind, "account": entry.account, **fields, "source": entry.source}


def _execution_fields(entry: _Execution) -> dict[str, Any]:
    spec, fill = entry.spec, entry.fill
    fields = {
        "symbol": spec.name,
        "orderId": entry.order_id,
        "clientOrderId": entry.client_id,
        "side": entry.side.value,
        "type": entry.type.value,
        "price": from_e8(entry.price * spec.tick_e8),
        "qty": from_e8(entry.qty * spec.lot_e8),
        "executed": from_e8(entry.executed * spec.lot_e8),
        "status": entry.status.value,
        "openOrders": entry.open_orders,
    }
    if entry.stop:
        fields["stopPrice"] = from_e8(entry.stop * spec.tick_e8)
    if fill is not None:
        fields |= {
            "tradeId": fill.id,
            "lastPrice": from_e8(fill.price * spec.tick_e8),
            "lastQty": from_e8(fill.qty * spec.lot_e8),
            "maker": fill.is_maker,
            "commission": from_e8(fill.commission),
            "commissionAsset": fill.commission_asset,
        }
    return fields
