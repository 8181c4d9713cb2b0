"""Keeps the offset to the venue's clock measured: on a timer, and once when the venue refuses a request for its time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from mm_trader.core.units import NS_PER_MS
from mm_trader.venue.binance.settings import GatewaySettings
from mm_trader.venue.binance.transport.background import Background
from mm_trader.venue.binance.transport.rest import CallError
from mm_trader.venue.binance.venue_clock import VenueClock
from mm_trader.venue.binance.wire.market import FrameError

log = structlog.get_logger(__name__)


class ClockKeeper:
    """Of one gateway. `ask`: the venue's time, epoch ms. `tell`: hears, once, that measuring did not help."""

    def __init__(
        self,
        venue_clock: VenueClock,
        ask: Callable[[], Awaitable[int]],
        recv_window_ms: int,
        settings: GatewaySettings,
        chores: Background,
        tell: Callable[[str], None],
    ) -> None:
        self._venue_clock = venue_clock
        self._ask = ask
        self._recv_window_ns = recv_window_ms * NS_PER_MS
        self._settings = settings
        self._chores = chores
        self._tell = tell
        self._resyncing = False
        self._resynced = False
        """The last measurement was made for a refusal."""
        self._told = False

    def refused(self, sent_ns: int | None) -> None:
        """-1021. Measured once for a burst of refusals; one that comes after a measurement says that measuring does not help. Not so one whose answer took as
        long as recvWindow: it may have been on its way for too long, by the best of clocks."""
        age_s, settings = self._venue_clock.age_s(), self._settings
        now_ns = self._venue_clock.clock.monotonic_ns()
        late = sent_ns is not None and now_ns - sent_ns >= self._recv_window_ns
        if (
            not late
            and self._resynced
            and settings.clock_grace_s <= age_s <= settings.clock_patience_s
            and not self._told
        ):
            self._told = True
            offset = self._venue_clock.offset_ms
            self._tell(f"-1021 again, {age_s:.0f} s after the offset ({offset:.0f} ms) was measured for it")
        if not self._resyncing and age_s >= settings.clock_resync_min_s:
            self._resyncing = self._chores.start(self._measure("late" if late else "refused"), "clock-resync")

    async def run(self) -> None:
        """Until cancelled. A clock that is in doubt is measured at every look, so that nothing more is refused for its time once it is right again."""
        settings, clock = self._settings, self._venue_clock
        while True:
            await asyncio.sleep(settings.clock_look_s)
            if clock.age_s() >= settings.clock_interval_s:
                await self._measure("timer")
            elif clock.doubt_ms() >= settings.clock_doubt_ms:
                await self._measure("doubt")

    async def _measure(self, cause: str) -> None:
        before = self._venue_clock.offset_ms
        try:
            await self._venue_clock.measure(self._ask, self._settings.clock_samples)
        except (CallError, FrameError) as error:
            log.warning("clock_not_measured", cause=cause, reason=str(error))
        else:
            if cause != "doubt":
                self._resynced, self._told = cause == "refused", False
            log.info("clock_measured", cause=cause, offset_ms=self._venue_clock.offset_ms, before_ms=before)
        finally:
            self._resyncing = False
