"""Halts of the identity, wherever they come from. The deepest level is obeyed; a halt of the kernel's own stops trading from the instant it is raised,
durable or not.

Two kinds. Those with source Risk are sticky: they leave only by `lift`, never by being absent from what Redis shows, because a database may have lost them.
All others are what Redis shows now.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterable

from mm_api.kinds.common import HaltLevel
from mm_api.redis_contract import Latch, LatchSource
from mm_trader.core.ids import base36
from mm_trader.core.state import RiskLevel

_REMEMBERED = 256
"""Lifted ids kept, so that a late copy of the latches does not bring one back."""


class HaltBoard:
    """All latches that are obeyed."""

    def __init__(self, revision: str, scope: str, latches: Iterable[Latch]) -> None:
        self._revision = revision
        self._scope = scope
        self._sticky: dict[str, Latch] = {}
        self._external: dict[str, Latch]
        self._pending: set[str] = set()
        self._lifted: OrderedDict[str, None] = OrderedDict()
        self.level: RiskLevel
        self.symbols: frozenset[str]
        """Symbols that are halted by themselves, whatever the level says."""
        self.replace(latches)

    def replace(self, latches: Iterable[Latch]) -> None:
        """What Redis shows now."""
        self._external = {}
        for latch in latches:
            if latch.source is not LatchSource.RISK:
                self._external[latch.id] = latch
            elif latch.id not in self._lifted:
                self._sticky[latch.id] = latch
                self._pending.discard(latch.id)
        self._judge()

    def raise_own(self, reason: str, message: str, wall_ms: int, level: HaltLevel) -> Latch | None:
        """A new halt of the kernel's own; None if one of this reason and at least this depth stands already."""
        if any(
            latch.reason == reason and latch.level.depth >= level.depth for latch in self._sticky.values()
        ):
            return None
        name = re.sub(r"[^a-z0-9]", "", reason.lower()) or "unnamed"
        latch = Latch(
            id=f"risk-{name}-{base36(wall_ms)}",
            level=level,
            source=LatchSource.RISK,
            reason=reason,
            message=message,
            at_ms=wall_ms,
            revision=self._revision,
            scope=self._scope,
        )
        self._sticky[latch.id] = latch
        self._pending.add(latch.id)
        self._judge()
        return latch

    def raise_symbol(self, symbol: str, reason: str, message: str, wall_ms: int) -> Latch | None:
        """A new halt of one symbol; None if it is halted already. Its level is None: it stops nothing else."""
        if symbol in self.symbols:
            return None
        name = re.sub(r"[^a-z0-9]", "", reason.lower()) or "unnamed"
        latch = Latch(
            id=f"risk-{name}-{symbol.lower()}-{base36(wall_ms)}",
            level=HaltLevel.NONE,
            source=LatchSource.RISK,
            reason=reason,
            message=message,
            at_ms=wall_ms,
            revision=self._revision,
            scope=self._scope,
        )
        self._sticky[latch.id] = latch
        self._pending.add(latch.id)
        self._judge()
        return latch

    def durable(self, halt_id: str) -> None:
        """Redis has it."""
        self._pending.discard(halt_id)

    def lift(self, halt_id: str) -> str:
        """A person acknowledged it. Returns its reason, in lower case, also for one that an earlier incarnation raised and this one never saw."""
        self._lifted[halt_id] = None
        while len(self._lifted) > _REMEMBERED:
            self._lifted.popitem(last=False)
        self._pending.discard(halt_id)
        latch = self._sticky.pop(halt_id, None) or self._external.pop(halt_id, None)
        self._judge()
        if latch is not None:
            return latch.reason.lower()
        parts = halt_id.split("-")
        return parts[1] if parts[0] == "risk" and len(parts) > 2 else ""

    @property
    def latches(self) -> list[Latch]:
        """All that are obeyed."""
        return [*self._sticky.values(), *self._external.values()]

    @property
    def ids(self) -> tuple[str, ...]:
        """Their ids, sorted."""
        return tuple(sorted([*self._sticky, *self._external]))

    @property
    def waiting(self) -> int:
        """Own halts that are not durable yet."""
        return len(self._pending)

    def _judge(self) -> None:
        self.symbols = frozenset(latch.symbol for latch in self.latches if latch.symbol is not None)
        deepest = max((latch.level.depth for latch in self.latches), default=0)
        if deepest >= HaltLevel.HALTED.depth:
            self.level = RiskLevel.HALTED
        elif deepest == HaltLevel.REDUCE_ONLY.depth:
            self.level = RiskLevel.REDUCE_ONLY
        else:
            self.level = RiskLevel.NORMAL
