"""Waiting for something to become true, with a deadline and a message that says what was seen instead.

Nothing in the scenarios sleeps for a fixed time and hopes: each wait ends as soon as what it waits for is there.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import TypeVar

from e2e.kit.api import NotFound

Seen = TypeVar("Seen")

PATIENCE = float(os.environ.get("MM_E2E_PATIENCE", "1"))
"""Factor on every deadline that is not a promised figure: for slow or shared machines."""


class DeadlineMissed(AssertionError):
    """What was waited for did not happen; the message holds the last thing that was seen."""


def eventually(
    what: str,
    look: Callable[[], Seen],
    *,
    within: float,
    until: Callable[[Seen], object] = bool,
    every: float = 0.25,
) -> Seen:
    """Look again and again until `until(look())` is true, and return what was seen.

    `within`: seconds, stretched by PATIENCE. Raises DeadlineMissed with `what` and the last look.
    An AssertionError or NotFound raised by either function counts as "not yet", with its text as what was seen.
    """
    deadline = time.monotonic() + within * PATIENCE
    while True:
        seen: Seen | AssertionError | NotFound
        try:
            seen = look()
            if until(seen):
                return seen
        except (AssertionError, NotFound) as not_yet:
            seen = not_yet
        if time.monotonic() > deadline:
            raise DeadlineMissed(f"{what}: not within {within * PATIENCE:g} s; last seen: {seen}")
        time.sleep(every)


def always(
    what: str, look: Callable[[], Seen], *, during: float, until: Callable[[Seen], object] = bool
) -> None:
    """Check that `until(look())` stays true for `during` seconds, looking four times a second."""
    end = time.monotonic() + during
    while time.monotonic() < end:
        seen = look()
        assert until(seen), f"{what}: was not so all the time; seen: {seen}"
        time.sleep(0.25)
