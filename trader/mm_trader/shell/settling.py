"""Before an incarnation quotes: the venue must be past taking anything of the one before, and then nothing may be open.

Usually that takes `recvWindow`: later the venue itself refuses what was sent, and what it has accepted is in the journal and is asked about by its id. Where an
order may be in no journal of ours (a power cut, a lost volume, another process in between), it takes as long as the venue's engine may.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta

import structlog

from mm_api.redis_contract import TraderPhase
from mm_api.trader_config import TraderConfig
from mm_trader.core.clock import Clock
from mm_trader.core.units import NS_PER_S
from mm_trader.orders.timing import certain_after
from mm_trader.shell.flatten import Flattener
from mm_trader.shell.journal import Journal, JournalReport
from mm_trader.shell.store.port import StoredState

SETTLE_EXTRA = timedelta(milliseconds=250)
"""On top of recvWindow: the way of a request to the venue's clock check."""

log = structlog.get_logger("settling")


class Settling:
    """Of one process."""

    def __init__(
        self,
        config: TraderConfig,
        clock: Clock,
        journal: Journal,
        flattener: Flattener,
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._window_ns = round(config.venue.recv_window.total_seconds() * NS_PER_S)
        self._margin_s = config.lease.margin.total_seconds()
        self._clock = clock
        self._journal = journal
        self._flattener = flattener
        self._sleep = sleep
        self.in_doubt = False
        """An order that nobody here knows of may be on its way (`Flattener.late_until_ns`), and the journal does not say yet that this was waited for."""

    def look_back(self, stored: StoredState, lost: JournalReport | None) -> None:
        """Before the journal's start is written: is there doubt? `lost`: what reading the journal found, where the process before did not say goodbye."""
        if self.in_doubt:
            return
        if not (lost is not None and self._journal.lacks_lines(lost)) and not self.had_another(stored):
            return
        now = self._clock.monotonic_ns()
        until_ns = certain_after(now, self._window_ns)
        self.in_doubt, self._flattener.late_until_ns = True, until_ns
        log.warning("journal_may_lack_orders", quoting_waits_s=(until_ns - now) / NS_PER_S)

    def had_another(self, stored: StoredState) -> bool:
        """The lease was another's since this journal was written, and that one did not leave in good order: what it has sent is in no journal of ours."""
        state = stored.state
        if state is None or state.phase is TraderPhase.STOPPED:
            return False
        return (state.epoch, state.counter) > self._journal.state.lease

    async def wait(self, granted_ns: int) -> None:
        """Until the venue takes nothing more of the incarnation before. `granted_ns`: when this one got its lease."""
        until_ns = granted_ns + self._window_ns + round(SETTLE_EXTRA.total_seconds() * NS_PER_S)
        until_ns = max(until_ns, self._flattener.late_until_ns or 0)
        await self._wait_until(until_ns)

    def may_land(self) -> bool:
        """An order that nobody here knows of may still be on its way."""
        late_until_ns = self._flattener.late_until_ns
        return late_until_ns is not None and self._clock.monotonic_ns() < late_until_ns

    async def sweep_without_lease(self) -> None:
        """What is open goes at once; in doubt also what lands after that: nobody else may be there to see it."""
        await self._flattener.sweep(self._margin_s)
        if self._flattener.late_until_ns is not None:
            await self._wait_until(self._flattener.late_until_ns)
            await self._flattener.sweep(self._margin_s)

    async def _wait_until(self, ns: int) -> None:
        left_ns = ns - self._clock.monotonic_ns()
        if left_ns > 0:
            await self._sleep(left_ns / NS_PER_S)
