"""What a journal's lines add up to. The same fold is used while writing (it is the checkpoint of the next segment) and while reading after a restart."""

from __future__ import annotations

from collections import OrderedDict
from enum import StrEnum
from typing import Any

from pydantic import ValidationError

from mm_api.redis_contract import FillRecord, Latch, LedgerRecord, OrderRecord

RECENT_FILLS = 1000
"""Fills kept in a checkpoint: those that the ledger beside them does not contain are booked again, and those that Redis lacks are written there."""


class Kind(StrEnum):
    """What a line says."""

    START = "start"
    """An incarnation got its token: epoch, counter of its ids and of its lease, scope, and the run of the machine in which it writes."""
    ORDER = "order"
    """An order changed; written before it is sent, when it is new."""
    FILL = "fill"
    """A fill was booked; the ledger that contains it is on the same line, or on that of a later fill of the same event."""
    LEDGER = "ledger"
    """The ledger changed without a fill: day roll, acknowledgement of a loss."""
    LATCH = "latch"
    """A halt was raised. On disk (fsync) before anything else happens to it."""
    LIFTED = "lifted"
    """A person lifted a halt."""
    TIGHTEN = "tighten"
    """Limits were tightened while running: they hold for the rest of the revision."""
    STOP = "stop"
    """The incarnation said goodbye: nothing open, nothing owed."""
    CHECKPOINT = "checkpoint"
    """Everything before, in one line. The first line of each segment."""


class JournalState:
    """The fold of all lines so far. Values stay in their JSON form until somebody asks for the typed ones."""

    def __init__(self) -> None:
        self.ledger_json: dict[str, Any] | None = None
        self.orders_json: dict[str, dict[str, Any]] = {}
        self.fills_json: OrderedDict[str, dict[str, Any]] = OrderedDict()
        self.latches_json: dict[str, dict[str, Any]] = {}
        self.tightened: dict[str, dict[str, str]] = {}
        """Revision → limits by wire name. Only the newest revision is kept."""
        self.counter = 0
        """Highest incarnation counter that made client ids."""
        self.running = False
        """An incarnation started and has not said goodbye."""
        self.lease = (-1, -1)
        """Epoch and counter of the last lease under which this journal was written; those of the ids are above them."""
        self.boot = ""
        """The run of the machine in which it started; empty: not known, or what the one before left on its way was not waited for yet."""

    def apply(self, kind: Kind, body: dict[str, Any]) -> None:
        """Fold one line in. Raises KeyError or TypeError if the line lacks what its kind needs."""
        match kind:
            case Kind.START:
                self.counter = max(self.counter, int(body["counter"]))
                self.running = True
                self.boot = body.get("boot", "")
                self.lease = (int(body.get("epoch", -1)), int(body.get("lease", -1)))
            case Kind.ORDER:
                record = body["record"]
                if body["closed"]:
                    self.orders_json.pop(record["clientId"], None)
                else:
                    self.orders_json[record["clientId"]] = record
            case Kind.FILL:
                fill = body["fill"]
                self.fills_json[f"{fill['symbol']}:{fill['tradeId']}"] = fill
                if len(self.fills_json) > RECENT_FILLS:
                    self.fills_json.popitem(last=False)
                if body["ledger"] is not None:
                    self.ledger_json = body["ledger"]
            case Kind.LEDGER:
                self.ledger_json = body["ledger"]
            case Kind.LATCH:
                self.latches_json[body["latch"]["id"]] = body["latch"]
            case Kind.LIFTED:
                self.latches_json.pop(body["id"], None)
            case Kind.TIGHTEN:
                limits = dict(self.tightened.get(body["revision"], {}))
                limits.update(body["limits"])
                self.tightened = {body["revision"]: limits}
            case Kind.STOP:
                self.running = False
            case Kind.CHECKPOINT:
                self._load(body)

    def lost_start(self) -> None:
        """A line that may have been a start cannot be read: its ids are taken for used, and its incarnation for one that never said goodbye."""
        self.counter += 1
        self.running = True

    def checkpoint(self) -> dict[str, Any]:
        """The state as the body of a checkpoint line."""
        return {
            "ledger": self.ledger_json,
            "orders": list(self.orders_json.values()),
            "fills": list(self.fills_json.values()),
            "latches": list(self.latches_json.values()),
            "tightened": self.tightened,
            "counter": self.counter,
            "running": self.running,
            "boot": self.boot,
            "lease": self.lease,
        }

    def _load(self, body: dict[str, Any]) -> None:
        self.ledger_json = body["ledger"]
        self.orders_json = {record["clientId"]: record for record in body["orders"]}
        self.fills_json = OrderedDict((f"{fill['symbol']}:{fill['tradeId']}", fill) for fill in body["fills"])
        self.latches_json = {latch["id"]: latch for latch in body["latches"]}
        self.tightened = dict(body["tightened"])
        self.counter = int(body["counter"])
        self.running = bool(body["running"])
        self.boot = body.get("boot", "")
        epoch, counter = body.get("lease", (-1, -1))
        self.lease = (int(epoch), int(counter))

    @property
    def ledger(self) -> LedgerRecord | None:
        """The newest ledger. None: none was written, or it is from another schema."""
        if self.ledger_json is None:
            return None
        try:
            return LedgerRecord.model_validate(self.ledger_json)
        except ValidationError:
            return None

    @property
    def orders(self) -> tuple[OrderRecord, ...]:
        """Orders that were, or may have been, open."""
        return tuple(OrderRecord.model_validate(record) for record in self.orders_json.values())

    @property
    def fills(self) -> tuple[FillRecord, ...]:
        """Recent fills, oldest first."""
        return tuple(FillRecord.model_validate(fill) for fill in self.fills_json.values())

    @property
    def oldest_fill(self) -> FillRecord | None:
        """The first of `fills`, None if there are none."""
        first = next(iter(self.fills_json.values()), None)
        return FillRecord.model_validate(first) if first is not None else None

    @property
    def latches(self) -> tuple[Latch, ...]:
        """Own halts that nobody has lifted as far as this journal knows."""
        return tuple(Latch.model_validate(latch) for latch in self.latches_json.values())
