"""Hot reload: watches the config file and applies what may change while running. `mm_api.reload_rules` says what that is.

The file is looked at once a second by what its name leads to (device, inode, size, time of change), so that an editor's rename and a ConfigMap's swap
of symbolic links are both seen. A change counts once two looks in a row see the same: a file that is just being written is not read half.
A file that cannot be used changes nothing: the config that runs stays, and log, /status, metrics and an alert say why.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from enum import StrEnum
from pathlib import Path

import msgspec
import structlog
from pydantic import ValidationError

from mm_api.redis_contract import AlertRecord
from mm_api.reload_rules import Change, Plan, merged, plan
from mm_api.trader_config import TraderConfig
from mm_trader.core.clock import Clock
from mm_trader.core.units import NS_PER_MS
from mm_trader.shell.config import check_strategy, load_config
from mm_trader.shell.errors import ConfigError
from mm_trader.shell.lifecycle import PartHealth
from mm_trader.shell.tasks import Tasks

LOOK_EVERY_S = 1.0
Signature = tuple[int, int, int, int]
log = structlog.get_logger("config")


class Outcome(StrEnum):
    """How a reload ended."""

    APPLIED = "applied"
    """Hot fields are in force; fields that need a restart, if any, are pending."""
    UNCHANGED = "unchanged"
    """The file says what runs."""
    REFUSED = "refused"
    """Nothing of the file is in force."""
    NEXT_INCARNATION = "next_incarnation"
    """The operator wrote it for the process that follows this one."""


class ReloadReport(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What became of the file the last time it was looked at."""

    outcome: Outcome
    at_ms: int
    applied: list[str] = []
    """Fields that are in force now and were not before."""
    pending_restart: list[str] = []
    """Fields whose value in the file waits for the next start."""
    problems: list[str] = []
    """Why the file was refused, one sentence each."""


class Reloader:
    """A part of the lifecycle. Without a file (a trader built in code) it does nothing."""

    name = "config"

    def __init__(
        self,
        file: Path | None,
        *,
        running: Callable[[], TraderConfig],
        adopt: Callable[[TraderConfig], None],
        alert: Callable[[AlertRecord], None],
        clock: Clock,
        tasks: Tasks,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`running`: the config in force. `adopt`: put this one in force, all of it or none (raises ValueError)."""
        self._file = file
        self._running = running
        self._adopt = adopt
        self._alert = alert
        self._clock = clock
        self._tasks = tasks
        self._sleep = sleep
        self._seen: Signature | None = None
        self._candidate: Signature | None = None
        self.counts: Counter[Outcome] = Counter()
        self.last: ReloadReport | None = None
        """None: the file has not changed since the start."""

    # --- part of the lifecycle ----------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Begin to watch. The first look reloads: the file may have changed since it was read for the start."""
        if self._file is not None:
            self._tasks.spawn(self._watch(), "config-watch")

    async def stop(self) -> None:
        """Stop watching."""
        await self._tasks.cancel()

    def health(self) -> PartHealth:
        """A refused file is a problem of the file, not of the trader: healthy, and said."""
        if self._file is None:
            return PartHealth(healthy=True, detail="no file to watch")
        detail = f"{self._file}: " + (self.last.outcome.value if self.last else "as at the start")
        return PartHealth(healthy=True, detail=detail)

    async def _watch(self) -> None:
        while True:
            await self._sleep(LOOK_EVERY_S)
            self.look()

    # --- the reload ---------------------------------------------------------------------------------------------------------------------

    def look(self) -> None:
        """One look at the file; reloads when it has changed and is at rest."""
        assert self._file is not None
        now = _signature(self._file)
        if now == self._seen:
            self._candidate = None
        elif now != self._candidate:
            self._candidate = now
        else:
            self._seen, self._candidate = now, None
            self.reload()

    def reload(self) -> ReloadReport:
        """Validate, compare, apply; the report says what happened. Never raises for what a file holds."""
        if self._file is None:
            return self._finish(Outcome.REFUSED, problems=["this trader was not started from a file"])
        running = self._running()
        try:
            wanted = load_config(self._file)
        except ConfigError as error:
            return self._refuse([str(error)])
        if _for_the_next(running, wanted):
            log.info("config_for_next_incarnation", file=str(self._file), revision=wanted.revision)
            return self._finish(Outcome.NEXT_INCARNATION)
        found = plan(running, wanted)
        if found.refused:
            return self._refuse(list(found.refused))
        if found.hot:
            try:
                config = merged(running, wanted, found.hot)
                check_strategy(config, str(self._file))  # the kernel would refuse it whole, limits included
                self._adopt(config)
            except ConfigError as error:
                return self._refuse([str(error)])
            except (ValidationError, ValueError) as error:
                return self._refuse([f"{self._file}: {error}"])
        return self._applied(found)

    def _applied(self, found: Plan) -> ReloadReport:
        hot, waiting = [c.path for c in found.hot], [c.path for c in found.restart]
        if not hot and not waiting:
            log.debug("config_unchanged", file=str(self._file))
            return self._finish(Outcome.UNCHANGED)
        log.info("config_reloaded", applied=_said(found.hot), pending_restart=_said(found.restart))
        message = "; ".join(
            part
            for part in (
                f"in force: {', '.join(_said(found.hot))}" if hot else "",
                f"after a restart: {', '.join(_said(found.restart))}" if waiting else "",
            )
            if part
        )
        self._tell("ConfigReloaded", message, "info")
        return self._finish(Outcome.APPLIED, applied=hot, pending_restart=waiting)

    def _refuse(self, problems: list[str]) -> ReloadReport:
        log.error("config_refused", file=str(self._file), problems=problems, kept="the config that runs")
        self._tell("ConfigRefused", "the config that runs is kept: " + "; ".join(problems), "warning")
        return self._finish(Outcome.REFUSED, problems=problems)

    def _tell(self, reason: str, message: str, severity: str) -> None:
        self._alert(
            AlertRecord.model_validate(
                {
                    "kind": "Warning",
                    "severity": severity,
                    "atMs": self._clock.wall_ns() // NS_PER_MS,
                    "reason": reason,
                    "message": message[:1000],
                }
            )
        )

    def _finish(
        self,
        outcome: Outcome,
        *,
        applied: list[str] | None = None,
        pending_restart: list[str] | None = None,
        problems: list[str] | None = None,
    ) -> ReloadReport:
        self.counts[outcome] += 1
        self.last = ReloadReport(
            outcome=outcome,
            at_ms=self._clock.wall_ns() // NS_PER_MS,
            applied=applied or [],
            pending_restart=pending_restart or [],
            problems=problems or [],
        )
        return self.last


def _for_the_next(running: TraderConfig, wanted: TraderConfig) -> bool:
    """An operator's hand-over: the same identity, another revision, scope or epoch. The process that follows reads it."""
    ours = (running.revision, running.scope, running.epoch)
    return (
        running.lease.managed
        and running.identity == wanted.identity
        and ours != (wanted.revision, wanted.scope, wanted.epoch)
    )


def _signature(file: Path) -> Signature | None:
    """What the name leads to now; None: nothing that can be looked at."""
    try:
        status = file.stat()  # follows the links of a ConfigMap, as reading would
    except OSError:
        return None
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


def _said(changes: tuple[Change, ...]) -> list[str]:
    return [f"{c.path} {_value(c.before)} → {_value(c.after)}" for c in changes]


def _value(value: object) -> str:
    return "unset" if value is None else str(value)
