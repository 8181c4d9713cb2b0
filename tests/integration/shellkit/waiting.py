"""Waiting for something that happens by itself, with a deadline. The pause between two looks yields to the event loop; no result depends on its length."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from typing import Any

LOOK_AGAIN_S = 0.01
PATIENCE = float(os.environ.get("MM_E2E_PATIENCE", "1"))
"""Stretches every deadline on a machine that is slow, as in the end-to-end tests."""


async def until(look: Callable[[], Any], what: str, timeout_s: float = 15.0) -> Any:
    """The first truthy answer of `look` (which may be a coroutine function). Fails the test with `what` at the deadline."""
    timeout_s *= PATIENCE
    deadline = time.monotonic() + timeout_s
    while True:
        answer = look()
        if isinstance(answer, Awaitable):
            answer = await answer
        if answer:
            return answer
        assert time.monotonic() < deadline, f"not within {timeout_s} s: {what}"
        await _pause()


async def _pause() -> None:
    loop = asyncio.get_running_loop()
    wake: asyncio.Future[None] = loop.create_future()
    loop.call_later(LOOK_AGAIN_S, lambda: wake.done() or wake.set_result(None))
    await wake
