"""What is done about an error, as ONE table: by what was asked and by the class of the answer. Nothing ambiguous is ever repeated blindly.

Pauses grow by doubling, are capped, and are stretched by a jitter that is injected: the kernel itself has no chance in it. The shell's `keyed_jitter` depends
on the identity and on what is retried alone, so that traders do not retry in step and a replayed day still gives the same commands.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from hashlib import blake2s
from types import MappingProxyType

import msgspec

from mm_trader.core.events import ErrorClass
from mm_trader.core.units import NS_PER_MS, NS_PER_S

FIRST_PAUSE_NS = 100 * NS_PER_MS
LONGEST_PAUSE_NS = 10 * NS_PER_S
MAX_CANCEL_REFUSALS = 12
"""With doubling pauses from 0.1 s to 10 s this is about a minute of being refused."""
JITTER_SHARE = 0.25
"""A pause is stretched by up to this share of itself."""

Jitter = Callable[[str, int], float]
"""(what is retried, attempt) → 0 up to, not including, 1."""


class Asked(StrEnum):
    """What an error answers."""

    PLACE = "place"
    CANCEL = "cancel"
    CHANGE = "change"
    """Another size, or price and size, for an open order."""


class Step(StrEnum):
    """What follows."""

    END = "end"
    """Definite: the order is over. Whether another is placed is a new decision, after a pause of the symbol."""
    ASK = "ask"
    """Nobody can say: UNKNOWN, and the venue is asked about this order until it has spoken."""
    KEEP = "keep"
    """Definite that nothing was done: the order is as it was, and is changed no more but cancelled."""
    REPEAT = "repeat"
    """Definite that nothing was done: the same command again after a pause, a bounded number of times."""


class Policy(msgspec.Struct, frozen=True):
    """One row."""

    step: Step
    why: str
    halts: bool = False
    """Trading stops, and a person is called."""


_ERR = ErrorClass
_PLACE, _CANCEL, _CHANGE = Asked.PLACE, Asked.CANCEL, Asked.CHANGE

POLICIES: Mapping[tuple[Asked, ErrorClass], Policy] = MappingProxyType(
    {
        (_PLACE, _ERR.REFUSED): Policy(Step.END, "the venue looked at it and said no"),
        (_PLACE, _ERR.POST_ONLY): Policy(Step.END, "it would have taken: normal, quoted again"),
        (_PLACE, _ERR.BALANCE): Policy(Step.END, "not enough free balance"),
        (_PLACE, _ERR.THROTTLED): Policy(
            Step.END, "not executed; by the time it may be sent the price is another"
        ),
        (_PLACE, _ERR.CLOCK): Policy(Step.END, "not executed; the gateway measures the clock anew"),
        (_PLACE, _ERR.CLOSED): Policy(Step.END, "the symbol is not traded now; it pauses"),
        (_PLACE, _ERR.NOT_FOUND): Policy(Step.END, "nothing of ours to be found: not executed"),
        (_PLACE, _ERR.AUTH): Policy(Step.END, "keys or signature refused", halts=True),
        (_PLACE, _ERR.DUPLICATE): Policy(
            Step.ASK, "an order with this id is open: ours, and only the venue knows how it stands"
        ),
        (_PLACE, _ERR.AMBIGUOUS): Policy(
            Step.ASK, "it may have been executed: never sent again, under no other id either"
        ),
        (_CANCEL, _ERR.THROTTLED): Policy(Step.REPEAT, "not executed; open as before"),
        (_CANCEL, _ERR.CLOCK): Policy(Step.REPEAT, "not executed; open as before"),
        (_CANCEL, _ERR.CLOSED): Policy(
            Step.REPEAT, "not executed; the symbol is not traded now: tried again without counting"
        ),
        (_CANCEL, _ERR.NOT_FOUND): Policy(
            Step.ASK, "it ended, or was never there: which of them, the venue knows"
        ),
        (_CANCEL, _ERR.REFUSED): Policy(Step.ASK, "why, its status tells"),
        (_CANCEL, _ERR.POST_ONLY): Policy(Step.ASK, "no answer to a cancel: its status tells"),
        (_CANCEL, _ERR.BALANCE): Policy(Step.ASK, "no answer to a cancel: its status tells"),
        (_CANCEL, _ERR.DUPLICATE): Policy(Step.ASK, "no answer to a cancel: its status tells"),
        (_CANCEL, _ERR.AUTH): Policy(Step.ASK, "refused; the cap on refusals halts"),
        (_CANCEL, _ERR.AMBIGUOUS): Policy(Step.ASK, "it may have been executed"),
        (_CHANGE, _ERR.REFUSED): Policy(Step.KEEP, "the venue looked at it and said no"),
        (_CHANGE, _ERR.POST_ONLY): Policy(Step.KEEP, "it would have taken"),
        (_CHANGE, _ERR.BALANCE): Policy(Step.KEEP, "not enough free balance"),
        (_CHANGE, _ERR.THROTTLED): Policy(Step.KEEP, "not executed"),
        (_CHANGE, _ERR.CLOCK): Policy(Step.KEEP, "not executed; the gateway measures the clock anew"),
        (_CHANGE, _ERR.CLOSED): Policy(Step.KEEP, "the symbol is not traded now"),
        (_CHANGE, _ERR.NOT_FOUND): Policy(Step.ASK, "it ended: how, the venue knows"),
        (_CHANGE, _ERR.AUTH): Policy(
            Step.ASK, "refused; the cancel that follows is refused, too, and its cap halts"
        ),
        (_CHANGE, _ERR.DUPLICATE): Policy(Step.ASK, "no answer to a change: its status tells"),
        (_CHANGE, _ERR.AMBIGUOUS): Policy(Step.ASK, "it may have been executed: the order goes"),
    }
)


def no_jitter(_key: str, _attempt: int) -> float:
    """Pauses as the table has them."""
    return 0.0


class _KeyedJitter:
    """An object and no closure: a kernel's state is pickled where its recording begins a new segment."""

    __slots__ = ("_seed",)

    def __init__(self, seed: str) -> None:
        self._seed = seed

    def __call__(self, key: str, attempt: int) -> float:
        digest = blake2s(f"{self._seed}\0{key}\0{attempt}".encode(), digest_size=4).digest()
        return int.from_bytes(digest, "big") / 2**32


def keyed_jitter(seed: str) -> Jitter:
    """Evenly spread, and the same for the same seed, key and attempt."""
    return _KeyedJitter(seed)


_PAUSES = tuple(min(FIRST_PAUSE_NS << max(attempt - 1, 0), LONGEST_PAUSE_NS) for attempt in range(9))
"""By attempt, before any jitter; from the last one on it is the longest."""


class Backoff:
    """The pause before an attempt."""

    __slots__ = ("_jitter",)

    def __init__(self, jitter: Jitter = no_jitter) -> None:
        self._jitter = jitter

    def pause(self, key: str, attempt: int) -> int:
        """Ns to wait after the given number of attempts: 0.1, 0.2, 0.4 … 10 s, each stretched by up to a quarter."""
        plain = _PAUSES[attempt] if attempt < len(_PAUSES) else LONGEST_PAUSE_NS
        return plain + int(plain * JITTER_SHARE * self._jitter(key, attempt))


def table() -> str:
    """Markdown for docs/orders.md."""
    lines = ["| asked | answer | step | why |", "|---|---|---|---|"]
    for (asked, error), policy in POLICIES.items():
        step = f"{policy.step}, halt" if policy.halts else f"{policy.step}"
        lines.append(f"| {asked} | {error} | {step} | {policy.why} |")
    return "\n".join(lines)
