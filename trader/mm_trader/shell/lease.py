"""The right to trade under an identity. `Lease` is the arithmetic, `LeaseKeeper` the task that asks for it again and again.

The three rules of docs/redis-contract.md: the lease counts from before it was asked for and ends a margin early, by the monotonic clock of
this process; after a restart of Redis strangers wait (the script sees to it); and whoever acquires settles before it trades (`bring_up`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

import structlog

from mm_api.redis_scripts import Refusal
from mm_api.trader_config import LeaseConfig
from mm_trader.core.clock import Clock
from mm_trader.core.units import NS_PER_MS, NS_PER_S
from mm_trader.shell.errors import StoreRefusedError, StoreUnavailableError
from mm_trader.shell.store.port import Store, Token

SHORTEST_WAIT_S = 0.05
LONGEST_WAIT_S = 0.5
"""Between two requests: short enough for a hand-over that nobody notices, long enough for Redis."""
UNREACHABLE = "RedisUnreachable"
REFUSED = "RedisRefused"
REASONS = {
    Refusal.NO_EPOCH: "NoEpoch",
    Refusal.EPOCH_MISMATCH: "EpochSuperseded",
    Refusal.HELD: "LeaseHeldByAnother",
    Refusal.QUARANTINE: "RedisRestartedRecently",
    Refusal.NOT_HOLDER: "LeaseLost",
    Refusal.STALE: "EpochSuperseded",
}
log = structlog.get_logger("lease")


class Lease:
    """When trading must stop. No I/O, no clock: times are given."""

    def __init__(self, ttl_ns: int, margin_ns: int) -> None:
        self._ttl = ttl_ns
        self._margin = margin_ns
        self.token: Token | None = None
        self._asked = 0

    def granted(self, token: Token, asked_ns: int) -> None:
        """Acquired; `asked_ns`: before the request left."""
        self.token, self._asked = token, asked_ns

    def renewed(self, asked_ns: int) -> None:
        """Extended; `asked_ns`: before the request left."""
        self._asked = asked_ns

    def lost(self) -> None:
        """Gone."""
        self.token = None

    @property
    def stop_at_ns(self) -> int:
        """From this instant on nothing may be placed or written."""
        return self._asked + self._ttl - self._margin

    @property
    def asked_ns(self) -> int:
        """When the last grant or renewal was asked for."""
        return self._asked

    def valid(self, now_ns: int) -> bool:
        """True: trading is allowed as far as the lease goes."""
        return self.token is not None and now_ns < self.stop_at_ns


class LeaseListener(Protocol):
    """Who wants to know."""

    def lease_acquired(self, token: Token) -> None:
        """A new token; settle, then trade."""
        ...

    def lease_renewed(self) -> None:
        """Still ours."""
        ...

    def lease_lost(self, reason: str) -> None:
        """Stop now. Called before the lease can end, or when it has been taken."""
        ...


class LeaseKeeper:
    """Acquires, renews, and stops in time."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        config: LeaseConfig,
        holder: str,
        epoch: int,
        listener: LeaseListener,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._store = store
        self._clock = clock
        self._config = config
        self._holder = holder
        self._epoch = epoch
        self._listener = listener
        self._sleep = sleep
        self._ttl_ms = round(config.ttl.total_seconds() * 1000)
        self._renew_ns = round(config.renew_interval.total_seconds() * NS_PER_S)
        margin_ns = round(config.margin.total_seconds() * NS_PER_S)
        self.lease = Lease(self._ttl_ms * NS_PER_MS, margin_ns)
        self.waiting_for = ""
        """CamelCase reason while it is not held; empty while it is."""
        self.message = ""
        self._next_ask = 0

    async def run(self) -> None:
        """Keep the lease, for ever."""
        while True:
            await self.step()

    async def step(self) -> None:
        """One request, with the wait that belongs to it."""
        if self.lease.token is None:
            await self._acquire()
        else:
            await self._renew(self.lease.token)

    def refused(self, refusal: Refusal) -> None:
        """A write was refused: the lease is not ours any more."""
        if self.lease.token is not None:
            self._lose(REASONS[refusal])

    def check(self) -> None:
        """Stop if the time is up, whatever a renewal that is under way may be waiting for. Called with every tick."""
        if self.lease.token is not None and not self.lease.valid(self._clock.monotonic_ns()):
            self._lose(UNREACHABLE)

    async def release(self) -> None:
        """Give it back, so that the next one need not wait. Best effort: it ends by itself."""
        token = self.lease.token
        self.lease.lost()
        if token is None:
            return
        try:
            await self._store.release(token)
        except (StoreUnavailableError, StoreRefusedError) as error:
            log.warning("lease_release_failed", problem=str(error))
        else:
            log.info("lease_released", counter=token.counter)

    async def _acquire(self) -> None:
        asked = self._clock.monotonic_ns()
        try:
            answer = await self._store.acquire(
                self._holder, self._ttl_ms, self._epoch, issue_own=not self._config.managed
            )
        except StoreUnavailableError as error:
            await self._wait(UNREACHABLE, str(error), LONGEST_WAIT_S)
            return
        except StoreRefusedError as error:
            await self._wait(REFUSED, str(error), LONGEST_WAIT_S)
            return
        if answer.refusal is not None:
            wait_s = LONGEST_WAIT_S
            if answer.refusal in (Refusal.HELD, Refusal.QUARANTINE):
                wait_s = min(max(answer.number / 1000, SHORTEST_WAIT_S), LONGEST_WAIT_S)
            await self._wait(
                REASONS[answer.refusal], _explain(answer.refusal, answer.number, self._epoch), wait_s
            )
            return
        token = Token(holder=self._holder, epoch=self._epoch, counter=answer.counter)
        self.lease.granted(token, asked)
        self.waiting_for = self.message = ""
        self._next_ask = asked + self._renew_ns
        log.info("lease_acquired", epoch=token.epoch, counter=token.counter)
        self._listener.lease_acquired(token)

    async def _renew(self, token: Token) -> None:
        wake_at = min(self._next_ask, self.lease.stop_at_ns)
        wait = wake_at - self._clock.monotonic_ns()
        if wait > 0:
            await self._sleep(wait / NS_PER_S)
        if self.lease.token is not token:
            return
        asked = self._clock.monotonic_ns()
        left = self.lease.stop_at_ns - asked
        if left <= 0:
            self._lose(UNREACHABLE)
            return
        self._next_ask = asked + self._renew_ns
        try:
            async with asyncio.timeout(left / NS_PER_S):
                answer = await self._store.renew(token, self._ttl_ms)
        except (StoreUnavailableError, StoreRefusedError, TimeoutError) as error:
            self._renewal_failed(asked, str(error) or type(error).__name__)
            return
        if self.lease.token is not token:
            return
        if answer.refusal is not None:
            self._lose(REASONS[answer.refusal])
        elif self._clock.monotonic_ns() >= self.lease.stop_at_ns:
            self._lose(UNREACHABLE)  # the answer came too late to count on
        else:
            self.lease.renewed(asked)
            if self.message:
                log.info("lease_renewal_recovered")
                self.message = ""
            self._listener.lease_renewed()

    def _renewal_failed(self, asked: int, problem: str) -> None:
        if not self.message:
            log.warning("lease_renewal_failed", problem=problem)
        self.message = problem
        self._next_ask = asked + round(SHORTEST_WAIT_S * 2 * NS_PER_S)

    def _lose(self, reason: str) -> None:
        self.lease.lost()
        self.waiting_for, self.message = reason, ""
        log.warning("lease_lost", reason=reason)
        self._listener.lease_lost(reason)

    async def _wait(self, reason: str, message: str, seconds: float) -> None:
        if reason != self.waiting_for:
            log.warning("lease_not_granted", reason=reason, message=message)
        self.waiting_for, self.message = reason, message
        await self._sleep(seconds)


def _explain(refusal: Refusal, number: int, epoch: int) -> str:
    match refusal:
        case Refusal.NO_EPOCH:
            return "no epoch was ever issued in this Redis: it is new, or its data was lost; the operator has to issue one"
        case Refusal.EPOCH_MISMATCH:
            return f"this trader was started for epoch {epoch}, Redis is at {number}: another incarnation is meant to trade"
        case Refusal.HELD:
            return f"another holder's lease is alive for {number} ms more"
        case Refusal.QUARANTINE:
            return f"Redis restarted a moment ago; nobody new may trade for {number} ms more"
        case _:
            return refusal.value
