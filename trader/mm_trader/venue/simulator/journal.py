"""An audit log of every order placed, refused, cancelled, filled or expired by client accounts, bounded, in order.

Tests and the demo read it to measure what a client really did: alert → no open order, duplicates, two writers.
"""

from __future__ import annotations

from collections import deque
from typing import Any

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
    """Entries are dicts ready for JSON; `seq` grows by one and never repeats."""

    def __init__(self, size: int) -> None:
        self._entries: deque[dict[str, Any]] = deque(maxlen=size)
        self.seq = 0
        self.source = ""
        """Who is acting right now (connection and API key), set by the server around each request."""

    def add(self, kind: str, time_ns: int, account: str, **fields: Any) -> None:
        self.seq += 1
        self._entries.append(
            {
                "seq": self.seq,
                "timeNs": time_ns,
                "kind": kind,
                "account": account,
                **fields,
                "source": self.source,
            }
        )

    def execution(self, event: ExecutionEvent, spec: SymbolSpec) -> None:
        order = event.order
        fields: dict[str, Any] = {}
        fill = event.fill
        if fill is not None:
            fields = {
                "tradeId": fill.id,
                "lastPrice": from_e8(fill.price * spec.tick_e8),
                "lastQty": from_e8(fill.qty * spec.lot_e8),
                "maker": fill.is_maker,
                "commission": from_e8(fill.commission),
                "commissionAsset": fill.commission_asset,
            }
        self.add(
            KINDS[event.exec_type],
            event.time_ns,
            order.account.name,
            symbol=order.symbol,
            orderId=order.id,
            clientOrderId=order.client_id,
            side=order.side.value,
            type=order.type.value,
            price=from_e8(order.price * spec.tick_e8),
            qty=from_e8(event.qty * spec.lot_e8),
            executed=from_e8(event.executed * spec.lot_e8),
            status=event.status.value,
            openOrders=len(order.account.open),
            **fields,
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
        return [self._entries[i] for i in range(start, min(have, start + limit))]
