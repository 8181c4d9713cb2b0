"""Market guards of one symbol: adverse selection (mark-out), order-flow toxicity (VPIN), a jump of volatility. Each asks for a level and keeps it for a while.

They answer one question, "is somebody trading against us who knows more?", from three sides, and feed the four-level state: Cautious widens and halves,
ReduceOnly quotes the side that brings the position back. None of them latches: when the cause is over and `hold` has passed, quoting is as before.
"""

from __future__ import annotations

from collections import deque
from math import exp, inf, sqrt

import msgspec

from mm_trader.core.state import CAUTIOUS, NORMAL, REDUCE_ONLY, RiskLevel
from mm_trader.core.units import NS_PER_S
from mm_trader.risk.reasons import Caution

_MARK_OUT, _TOXIC_FLOW = Caution.MARK_OUT, Caution.TOXIC_FLOW
"""Names that are quick to look up: see `events.BUY`."""
_VOLATILITY_JUMP = Caution.VOLATILITY_JUMP


class GuardLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Thresholds. None: that step of that guard is off."""

    hold: int
    """Ns that a level stays after its cause was last seen."""
    mark_out_horizon_ms: int
    mark_out_fills: int
    """Fills that the mean is taken over, and the fewest that say anything."""
    mark_out_cautious_bp: float | None
    """Positive: mean mark-out at or below its negative is adverse."""
    mark_out_reduce_bp: float | None
    vpin_buckets: int
    vpin_cautious: float | None
    vpin_reduce: float | None
    jump_cautious: float | None
    """Fast over slow volatility."""
    jump_reduce: float | None


class MarkOutGuard:
    """Mean mark-out of the last fills at one horizon (Huang & Stoll 1996, as in `kernel.markouts`), in basis points; negative: picked off."""

    def __init__(self, limits: GuardLimits) -> None:
        self._limits = limits
        self._samples: deque[float] = deque(maxlen=limits.mark_out_fills)
        self.fresh = False
        """A fill's mark-out has come since the last look."""

    def add(self, horizon_ms: int, bp: float) -> None:
        """One sample."""
        if horizon_ms == self._limits.mark_out_horizon_ms:
            self._samples.append(bp)
            self.fresh = True

    @property
    def mean_bp(self) -> float | None:
        """None: too few fills to say."""
        samples = self._samples
        return sum(samples) / len(samples) if len(samples) == samples.maxlen else None

    def asks(self) -> RiskLevel:
        """The level it asks for since the last look. Without a new fill there is no new reason, so a level it raised runs out."""
        if not self.fresh:
            return NORMAL
        self.fresh = False
        mean = self.mean_bp
        return (
            NORMAL
            if mean is None
            else _level(-mean, self._limits.mark_out_cautious_bp, self._limits.mark_out_reduce_bp)
        )

    def forget(self) -> None:
        """The level has run out: what led to it is judged no more, the next fills are."""
        self._samples.clear()


class Vpin:
    """Volume-synchronised probability of informed trading (Easley, López de Prado & O'Hara, RFS 2012).

    The mean of |V_buy − V_sell| / V over buckets of equal volume V, in [0, 1]. By the venue's aggressor flags, not by bulk classification, which adds nothing
    beyond volume and volatility (Andersen & Bondarenko 2014). A bucket holds what was traded on average in `BUCKET_S` seconds, so it needs no number of a user;
    what is normal differs from market to market, so its thresholds are off until somebody sets them.
    """

    BUCKET_S = 10.0
    _TAU_S = 300.0
    _WARM_UP_S = 60.0

    def __init__(self, buckets: int) -> None:
        self._imbalances: deque[float] = deque(maxlen=buckets)
        self.value: float | None = None
        """None: not enough buckets yet."""
        self._rate = 0.0
        self._began: int | None = None
        self._last = 0
        self._size = 0.0
        self._buys = 0.0
        self._sells = 0.0

    def add(self, ts: int, size: int, *, buyer_is_maker: bool) -> None:
        """One public trade of `size` lots."""
        if self._began is None:
            self._began = self._last = ts
        last = self._last
        # a counter with exponential forgetting, divided by how much of its memory has been filled: lots per second
        if ts > last:
            self._rate = self._rate * exp((last - ts) / NS_PER_S / self._TAU_S) + size
            self._last = last = ts
        else:
            self._rate += size
        age = (last - self._began) / NS_PER_S
        if age < self._WARM_UP_S:
            return
        left = float(size)
        while left > 0:
            if self._size == 0.0:
                self._size = self._rate / (self._TAU_S * (1 - exp(-age / self._TAU_S))) * self.BUCKET_S
            left -= self._fill(left, sell=buyer_is_maker)

    def _fill(self, size: float, *, sell: bool) -> float:
        """Put as much of a trade into the open bucket as there is room for; how much that was. The rest belongs to the next buckets, with its side."""
        room = self._size - self._buys - self._sells
        taken = min(size, room)
        if sell:
            self._sells += taken
        else:
            self._buys += taken
        if size >= room:
            found = self._imbalances
            found.append(abs(self._buys - self._sells) / self._size)
            self.value = sum(found) / len(found) if len(found) == found.maxlen else None
            self._buys = self._sells = 0.0
            self._size = 0.0  # the next one is measured anew
        return taken


class VolatilityJump:
    """Fast over slow volatility of the mid: above 1 it is more nervous than it was. Both EWMA of r²/Δt on irregular samples, as in `market.volatility`."""

    FAST_S = 5.0
    SLOW_S = 300.0
    _WARM_UP_S = 30.0

    def __init__(self, prior: float) -> None:
        """`prior`: σ per √s to begin with."""
        self._fast = self._slow = prior * prior
        self._last_mid2 = 0
        self._last_ts = 0
        self._age = 0.0
        self.ratio = 1.0
        """1 until there is enough to say."""

    def sample(self, ts: int, mid2: int) -> None:
        """The mid, in half ticks, about once a second."""
        if self._last_mid2 and ts > self._last_ts:
            dt = (ts - self._last_ts) / NS_PER_S
            self._age += dt
            change = (mid2 - self._last_mid2) / self._last_mid2
            pace = change * change / dt
            fast, slow = exp(-dt / self.FAST_S), exp(-dt / self.SLOW_S)
            self._fast = fast * self._fast + (1 - fast) * pace
            self._slow = slow * self._slow + (1 - slow) * pace
            if self._age >= self._WARM_UP_S:
                self.ratio = sqrt(self._fast / self._slow) if self._slow > 0 else 1.0
        self._last_mid2 = mid2
        self._last_ts = ts

    def forget_last(self) -> None:
        """After a gap in the data: the jump across it is no tick."""
        self._last_mid2 = 0


class SymbolGuards:
    """The three guards of a symbol, and the level that follows."""

    def __init__(self, limits: GuardLimits, prior_sigma: float) -> None:
        self._limits = limits
        self.mark_out = MarkOutGuard(limits)
        self.vpin = Vpin(limits.vpin_buckets)
        self.jump = VolatilityJump(prior_sigma)
        self._asked: dict[Caution, tuple[RiskLevel, int]] = {}
        self._vpin_from = _lowest(limits.vpin_cautious, limits.vpin_reduce)
        self._jump_from = _lowest(limits.jump_cautious, limits.jump_reduce)
        self.level = NORMAL

    @property
    def reasons(self) -> tuple[str, ...]:
        """Causes in force, deepest first."""
        return tuple(c.value for c, _ in sorted(self._asked.items(), key=lambda item: -item[1][0]))

    def judge(self, ts: int) -> bool:
        """Bring the level up to date; to be called at least every second or so. True: it changed."""
        limits = self._limits
        vpin = self.vpin.value
        if not (
            self._asked
            or self.mark_out.fresh
            or self.jump.ratio >= self._jump_from
            or (vpin is not None and vpin >= self._vpin_from)
        ):
            return False  # calm, as it was before
        picked_off = self.mark_out.asks()
        toxic = NORMAL if vpin is None else _level(vpin, limits.vpin_cautious, limits.vpin_reduce)
        jumped = _level(self.jump.ratio, limits.jump_cautious, limits.jump_reduce)
        if not (picked_off or toxic or jumped or self._asked):
            return False
        self._ask(_MARK_OUT, picked_off, ts)
        self._ask(_TOXIC_FLOW, toxic, ts)
        self._ask(_VOLATILITY_JUMP, jumped, ts)
        before = self.level
        self.level = max((level for level, _ in self._asked.values()), default=NORMAL)
        return self.level is not before

    def _ask(self, cause: Caution, level: RiskLevel, ts: int) -> None:
        """A deeper level counts at once; a shallower one only when the deeper one has run out."""
        now, until = self._asked.get(cause, (NORMAL, 0))
        if level is not NORMAL and level >= now:
            self._asked[cause] = (level, ts + self._limits.hold)
        elif now is not NORMAL and ts >= until:
            del self._asked[cause]
            if cause is _MARK_OUT:
                self.mark_out.forget()


def _lowest(*thresholds: float | None) -> float:
    """Below it none of them is reached."""
    return min((each for each in thresholds if each is not None), default=inf)


def _level(value: float, cautious: float | None, reduce_only: float | None) -> RiskLevel:
    if reduce_only is not None and value >= reduce_only:
        return REDUCE_ONLY
    return CAUTIOUS if cautious is not None and value >= cautious else NORMAL
