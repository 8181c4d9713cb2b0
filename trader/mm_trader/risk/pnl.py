"""PnL against its limits: net, day, scope, peak and drawdown over all symbols, in money units. One comparison per market update: `net <= floor`.

`floor` is the highest net PnL at which some limit is breached, worked out again only when a baseline moves. Baselines:
- day: the daily loss counts from the start of the UTC day, or from the last acknowledgement of a loss;
- budget: the loss budget counts from the start of the scope, or from the last acknowledgement;
- peak: drawdown counts from the highest net PnL of the scope, or from the last acknowledgement.
The scope's own start (`scope_start`) never moves with an acknowledgement: evidence does not forget a loss that a person has accepted.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Final

import msgspec

from mm_api.redis_contract import LedgerRecord
from mm_api.scalars import format_decimal
from mm_trader.core.units import from_money, to_money
from mm_trader.risk.ledger import Position
from mm_trader.risk.reasons import HaltReason

_DAY_MS: Final = 86_400_000


class LossLimits(msgspec.Struct, kw_only=True):
    """All in money units. Commands only ever tighten them; a reload of the config file sets them."""

    daily_loss: int
    budget: int | None
    drawdown: int
    """max_drawdown x capital."""


def utc_day(wall_ms: int) -> str:
    """YYYY-MM-DD."""
    return datetime.fromtimestamp(wall_ms // 1000, UTC).strftime("%Y-%m-%d")


def _day_number(day: str) -> int:
    """Days since 1970 of YYYY-MM-DD."""
    return (date.fromisoformat(day) - date(1970, 1, 1)).days


class PnlMonitor:
    """Net PnL of all positions, its baselines, and the floor below which trading stops."""

    def __init__(
        self,
        positions: dict[str, Position],
        limits: LossLimits,
        record: LedgerRecord | None,
        *,
        scope: str,
        wall_ms: int,
        dormant_net: int = 0,
    ) -> None:
        """`dormant_net`: net PnL of symbols that are not traded now, money; the stored baselines contain it."""
        self.limits = limits
        self._positions = positions
        self._dormant_net = dormant_net
        self.scope = scope
        self.net = self._sum()
        self._day_number = wall_ms // _DAY_MS
        self.day = utc_day(wall_ms)
        self.day_start = self.peak = self.scope_start = self.budget_start = self.net
        self.scope_begun = record is not None and record.scope == scope
        """False: the scope is new. Its baselines are set, and its limits judged, once every position has a fresh mark; nothing is quoted before."""
        if record is not None:
            if record.day >= self.day:
                # a later one: our clock has gone back since; the day's loss is not forgotten for that
                self.day = record.day
                self._day_number = _day_number(record.day)
                self.day_start = to_money(record.day_start_pnl)
            if self.scope_begun:
                self.scope_start = to_money(record.scope_start_pnl)
                self.peak = max(to_money(record.peak_pnl), self.net)
                start = record.budget_start_pnl
                self.budget_start = self.scope_start if start is None else to_money(start)
        self.deepest_fall = 0
        """Largest peak − net since this object was made, money."""
        self._usage = 0.0
        self._usage_net: int | None = None
        """The net PnL that `_usage` was worked out for; None: a baseline or limit has moved since."""
        self.floor: int
        self.refloor()

    def refloor(self) -> None:
        """Work the floor out again after a baseline or limit moved."""
        floor = self.day_start - self.limits.daily_loss
        if self.scope_begun:
            floor = max(floor, self.peak - self.limits.drawdown)
            if self.limits.budget is not None:
                floor = max(floor, self.budget_start - self.limits.budget)
        self.floor = floor
        self._usage_net = None

    def remark(self, position: Position, mid2: int) -> bool:
        """Mark one position to market. True: a limit is breached."""
        self.net += position.set_mark(mid2)
        return self.settle()

    def settle(self) -> bool:
        """Peak, drawdown and breach after `net` moved. True: a limit is breached."""
        net = self.net
        if net > self.peak:
            self.peak = net
            self.refloor()
        elif self.peak - net > self.deepest_fall:
            self.deepest_fall = self.peak - net
        return net <= self.floor

    def recount(self) -> bool:
        """Sum the positions anew after a fill. True: a limit is breached."""
        self.net = self._sum()
        return self.settle()

    def _sum(self) -> int:
        return sum(position.net for position in self._positions.values()) + self._dormant_net

    def begin_scope(self) -> None:
        """The scope's baselines are now."""
        self.scope_begun = True
        self.scope_start = self.budget_start = self.peak = self.net
        self.deepest_fall = 0
        self.refloor()

    def forgive_before_today(self, change: int) -> None:
        """A trade of an earlier day was booked only now: its effect belongs to that day."""
        self.day_start += change
        self.refloor()

    def roll_day(self, wall_ms: int) -> bool:
        """True: a new UTC day began, and its loss counts from the present mark."""
        number = wall_ms // _DAY_MS
        if number <= self._day_number:
            return False  # the same day, or a clock that went back: a day begins once
        self._day_number = number
        self.day = utc_day(wall_ms)
        self.day_start = self.net
        self.refloor()
        return True

    def accept_loss(self) -> None:
        """A person acknowledged a loss halt: day, budget and peak count from here, or the same breach would halt again at once."""
        self.day_start = self.budget_start = self.peak = self.net
        self.refloor()

    def breach(self) -> tuple[HaltReason, str] | None:
        """The first limit that is breached, with a sentence for people."""
        if self.day_start - self.net >= self.limits.daily_loss:
            return HaltReason.DAILY_LOSS_LIMIT, _sentence(
                "loss of the day", self.day_start - self.net, self.limits.daily_loss
            )
        if not self.scope_begun:
            return None
        if self.limits.budget is not None and self.budget_start - self.net >= self.limits.budget:
            return HaltReason.LOSS_BUDGET, _sentence(
                "loss of the stage", self.budget_start - self.net, self.limits.budget
            )
        if self.peak - self.net >= self.limits.drawdown:
            return HaltReason.MAX_DRAWDOWN, _sentence(
                "fall from the peak", self.peak - self.net, self.limits.drawdown
            )
        return None

    def usage(self) -> float:
        """How much of the tightest limit is used up: 0 none, 1 breached."""
        net, limits = self.net, self.limits
        if net == self._usage_net:
            return self._usage
        used = (self.day_start - net) / limits.daily_loss
        if self.scope_begun:
            fallen = (self.peak - net) / limits.drawdown
            if fallen > used:
                used = fallen
            if limits.budget is not None:
                used = max(used, (self.budget_start - net) / limits.budget)
        self._usage, self._usage_net = used if used > 0.0 else 0.0, net
        return self._usage


def _sentence(what: str, loss: int, limit: int) -> str:
    lost, most = format_decimal(round(from_money(loss), 8)), format_decimal(from_money(limit))
    return f"{what} is {lost}, the limit {most}, in quote currency"
