"""Ending tasks for certain."""

from __future__ import annotations

import asyncio

from mm_operator.kube.tasks import end


async def test_a_task_that_swallows_its_first_cancellation_is_ended_all_the_same() -> None:
    swallowed = 0
    never = asyncio.Event()

    async def stubborn() -> None:
        nonlocal swallowed
        try:
            await never.wait()
        except asyncio.CancelledError:
            swallowed += 1
        await never.wait()

    task = asyncio.create_task(stubborn())
    await asyncio.wait([task], timeout=0)
    await end([task])
    assert swallowed == 1
    assert task.cancelled()


async def test_nothing_to_end_is_fine() -> None:
    await end([])
