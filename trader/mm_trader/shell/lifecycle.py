"""Starts parts in order, stops them in reverse, and undoes a start that fails half way. Knows nothing of what the parts are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec
import structlog

log = structlog.get_logger("lifecycle")


class PartHealth(msgspec.Struct, frozen=True, kw_only=True):
    """What one part says of itself."""

    healthy: bool
    detail: str = ""


class Part(Protocol):
    """Something with a beginning and an end."""

    name: str

    async def start(self) -> None:
        """Begin. Whatever it has taken when it raises, it gives back itself."""
        ...

    async def stop(self) -> None:
        """End. Called once, and only after a start that succeeded."""
        ...

    def health(self) -> PartHealth:
        """How it is."""
        ...


class Lifecycle:
    """The parts of one program, in the order of their start."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self._parts = tuple(parts)
        self._running: list[Part] = []

    async def start(self) -> None:
        """Start all. If one fails, those before it are stopped again, and its error is raised."""
        for part in self._parts:
            try:
                await part.start()
            except BaseException:
                log.warning("part_failed_to_start", part=part.name)
                await self.stop()
                raise
            self._running.append(part)
            log.debug("part_started", part=part.name)

    async def stop(self) -> None:
        """Stop all that run, last first. One that fails to stop does not keep the others from stopping."""
        while self._running:
            part = self._running.pop()
            try:
                await part.stop()
            except Exception as error:  # noqa: BLE001 - the others must get their turn
                log.warning("part_failed_to_stop", part=part.name, error=repr(error))
            else:
                log.debug("part_stopped", part=part.name)

    @property
    def running(self) -> tuple[Part, ...]:
        """The parts that were started and not stopped, in order."""
        return tuple(self._running)

    def health(self) -> dict[str, PartHealth]:
        """Each part's health; parts that do not run are unhealthy."""
        running = set(map(id, self._running))
        return {
            part.name: part.health()
            if id(part) in running
            else PartHealth(healthy=False, detail="not running")
            for part in self._parts
        }
