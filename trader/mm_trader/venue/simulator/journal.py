"""An audit log of every order placed, refused, cancelled, filled or expired by client accounts, bounded, in order.

Tests and the demo read it to measure what a client really did: alert → no open order, duplicates, two writers.
"""

from __future__ import annotations

from collections import deque
from typing import Any, NamedTuple

from .engine.checks import from_e8
from .engine.events import ExecutionEvent
from .engine.types import ExecType, NewOrder, SymbolSpec

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
        self._entries: deque[tuple[int, int, str, str, str, dict[str, Any] | _Execution]] = deque(maxlen=size)
        self.seq = 0
        self.source = ""
        """Who is acting right now (connection and API key), set by the server around each request."""

    def add(self, kind: str, time_ns: int, account: str, **fields: Any) -> None:
        self._add(kind, time_ns, account, fields)

    def _add(self, kind: str, time_ns: int, account: str, what: dict[str, Any] | _Execution) -> None:
        self.seq += 1
        self._entries.append((self.seq, time_ns, kind, account, self.source, what))

    def execution(self, event: ExecutionEvent, spec: SymbolSpec) -> None:
        account = event.order.account
        self._add(
            KINDS[event.exec_type], event.time_ns, account.name, _Execution(event, spec, len(account.open))
        )

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
        return [_shape(*self._entries[i]) for i in range(start, min(have, start + limit))]


class _Execution(NamedTuple):
    """An execution event and how many orders the account had open after it."""

    event: ExecutionEvent
    spec: SymbolSpec
    open_orders: int

    def fields(self) -> dict[str, Any]:
        event, spec = self.event, self.spec
        order, fill = event.order, event.fill
        cancelled = event.exec_type is ExecType.CANCELED and event.orig_client_id
        fields = {
            "symbol": order.symbol,
            "orderId": order.id,
            "clientOrderId": event.orig_client_id if cancelled else event.client_id,
            "side": order.side.value,
            "type": order.type.value,
            "price": from_e8(order.price * spec.tick_e8),
            "qty": from_e8(event.qty * spec.lot_e8),
            "executed": from_e8(event.executed * spec.lot_e8),
            "status": event.status.value,
            "openOrders": self.open_orders,
        }
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


def _shape(
    seq: int, time_ns: int, kind: str, account: str, source: str, what: dict[str, Any] | _Execution
) -> dict[str, Any]:
    fields = what.fields() if isinstance(what, _Execution) else what
    return {"seq": seq, "timeNs": time_ns, "kind": kind, "account": account, **fields, "source": source}
