"""Background tasks that must not die unseen: one that ends with an error is reported to whoever is responsible for the process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

CANCEL_AGAIN_S = 0.1
log = structlog.get_logger("tasks")


class Tasks:
    """The tasks of one part."""

    def __init__(self, on_failure: Callable[[BaseException, str], None]) -> None:
        self._on_failure = on_failure
        self._tasks: dict[asyncio.Task[None], str] = {}

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Run in the background."""
        task = asyncio.create_task(work, name=name)
        self._tasks[task] = name
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        name = self._tasks.pop(task, task.get_name())
        if task.cancelled():
            return
        error = task.exception()
        if error is not None:
            log.error("task_failed", task=name, error=repr(error), exc_info=error)
            self._on_failure(error, name)

    async def cancel(self) -> None:
        """Cancel all and wait until they have ended. Asked again and again: a library that is just connecting may swallow a cancellation."""
        tasks = set(self._tasks)
        while tasks:
            for task in tasks:
                task.cancel()
            _done, tasks = await asyncio.wait(tasks, timeout=CANCEL_AGAIN_S)
