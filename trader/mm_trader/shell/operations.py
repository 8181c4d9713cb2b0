"""The process looks at itself: every `healthCheckInterval` at its memory and its parts, every hour and at the end of each UTC day at what it did.

The baselines of the running hour and day are kept beside the journal, so that a restart in between loses nothing of a summary. A process that has grown
beyond `process.memoryLimitMib` leaves in order (everything cancelled) with exit status 1, and whoever supervises it starts it anew.
"""

from __future__ import annotations

import resource
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import structlog

from mm_api.redis_contract import AlertRecord
from mm_trader.core.units import NS_PER_MS
from mm_trader.shell.lifecycle import PartHealth
from mm_trader.shell.summary import Snapshot, summarise, take, text
from mm_trader.shell.tasks import Tasks

if TYPE_CHECKING:
    from mm_trader.shell.app import App

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
FILE = "operations.json"
_PAGE = resource.getpagesize()
MOST_REASONS = 64
"""Different alert reasons remembered per period; more are counted as `others`."""
log = structlog.get_logger("operations")


class Period(msgspec.Struct, kw_only=True):
    """A running hour or day."""

    number: int = -1
    """Hours or days since 1970; -1: not begun."""
    base: Snapshot | None = None
    alerts: dict[str, int] = msgspec.field(default_factory=dict)


class _Kept(msgspec.Struct, kw_only=True):
    hour: Period
    day: Period


class Operations:
    """A part of the lifecycle."""

    name = "operations"

    def __init__(
        self,
        app: App,
        tasks: Tasks,
        sleep: Callable[[float], Awaitable[None]],
        resident_mib: Callable[[], int],
    ) -> None:
        """`resident_mib`: the process's resident memory."""
        self._app = app
        self._tasks = tasks
        self._sleep = sleep
        self._resident_mib = resident_mib
        self._file = Path(app.config.journal_dir) / FILE
        self.hour, self.day = Period(), Period()
        self._unhealthy: tuple[str, ...] = ()

    async def start(self) -> None:
        """Take up the running periods; begin to look."""
        try:
            kept = msgspec.json.decode(self._file.read_bytes(), type=_Kept)
        except FileNotFoundError:
            pass
        except (OSError, msgspec.DecodeError) as error:
            log.warning("operations_file_unreadable", file=str(self._file), problem=str(error))
        else:
            self.hour, self.day = kept.hour, kept.day
        self._tasks.spawn(self._run(), "operations")

    async def stop(self) -> None:
        """Stop looking."""
        await self._tasks.cancel()
        self._keep()

    def health(self) -> PartHealth:
        """How large the process is."""
        return PartHealth(healthy=True, detail=f"{self._resident_mib()} MiB resident")

    def alert_channel(self, record: AlertRecord) -> None:
        """Counts warnings and worse for the summaries."""
        if record.severity == "info" or record.kind == "Report":
            return
        for period in (self.hour, self.day):
            reason = record.reason or record.kind
            if reason not in period.alerts and len(period.alerts) >= MOST_REASONS:
                reason = "others"
            period.alerts[reason] = period.alerts.get(reason, 0) + 1

    def look(self) -> None:
        """One look: memory, parts, and the periods that have ended."""
        self._look_at_memory()
        self._look_at_parts()
        now_ms = self._app.clock.wall_ns() // NS_PER_MS
        ended = self._ended(self.hour, now_ms // HOUR_MS, "hourly check")
        if self._ended(self.day, now_ms // DAY_MS, "daily summary") or ended:
            self._keep()

    async def _run(self) -> None:
        while True:
            await self._sleep(self._app.config.engine.health_check_interval.total_seconds())
            self.look()

    def _ended(self, period: Period, number: int, title: str) -> bool:
        """Close the period if it is over and begin the next. True: it began."""
        now = take(self._app)
        if number == period.number:
            if period.base is None and now is not None:
                period.base = now
                return True
            return False
        if now is None:
            return False  # nothing can be said before there is a kernel; the period stays open
        if period.number >= 0:
            found = summarise(title, self._app, period.base, now, period.alerts)
            log.info(
                title.replace(" ", "_"),
                problems=found.problems,
                accuracy=found.accuracy,
                **found.counts,
                net_pnl=str(found.net_pnl),
                return_ratio=found.return_ratio,
            )
            self._app.alerts.send(
                AlertRecord(
                    kind="Report",
                    severity="warning" if found.problems else "info",
                    at_ms=found.to_ms,
                    reason="HourlyCheck" if title.startswith("hourly") else "DailySummary",
                    message=text(found),
                )
            )
        period.number, period.base = number, now
        period.alerts.clear()
        return True

    def _look_at_memory(self) -> None:
        limit, used = self._app.config.process.memory_limit_mib, self._resident_mib()
        if limit and used > limit:
            log.error("memory_limit_reached", resident_mib=used, limit_mib=limit)
            self._app.give_up("MemoryLimit", f"{used} MiB resident, process.memoryLimitMib is {limit}")

    def _look_at_parts(self) -> None:
        """Logged once per transition."""
        unhealthy = tuple(name for name, part in self._app.health().items() if not part.healthy)
        if unhealthy != self._unhealthy:
            self._unhealthy = unhealthy
            log.warning("health_changed", unhealthy=list(unhealthy))

    def _keep(self) -> None:
        """Losing this file costs a summary its beginning, nothing else: a full disk is reported, not fatal."""
        unfinished = self._file.with_suffix(".new")
        try:
            unfinished.write_bytes(msgspec.json.encode(_Kept(hour=self.hour, day=self.day)))
            unfinished.replace(self._file)
        except OSError as error:
            log.warning("operations_file_unwritten", file=str(self._file), problem=str(error))


def resident_mib() -> int:
    """Resident memory of this process by /proc, 0 where there is none."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except (OSError, IndexError, ValueError):
        return 0
    return pages * _PAGE // 2**20
