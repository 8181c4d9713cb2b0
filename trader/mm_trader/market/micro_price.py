"""Micro-price: where the mid is going, given the imbalance and the spread now (Stoikov, Quantitative Finance 18(12), 2018, SSRN 2970694), fitted on line.

State x = (imbalance bucket, spread bucket) at each change of the top. Counted is what follows: x → y without a move of the mid (Q), with one (T), and the mean
of the move (R·K).
    G1 = (1 − Q)^-1 R·K,   B = (1 − Q)^-1 T,   g = Σ_i B^i G1 = (1 − Q − T)^-1 R·K,   micro-price = mid + g(x)
Every observation is counted with its mirror image (imbalance 1 − I, move −ΔM): without that the sum diverges. Then g(mirror x) = −g(x),
so it is enough to solve for the half of the states with I < 1/2, where 1 − Q − T is regular; that is one small linear system instead of a series.
"""

from __future__ import annotations

_HALF = 5
"""Imbalance buckets in each half: ten in all."""
_SPREADS = 3
"""Spread buckets: 1 tick, 2 ticks, more."""
_STATES = _HALF * _SPREADS
_MAX_MOVE = 20
"""Half ticks. One move counts for no more: a jump says nothing of the next tick."""
_MIN_SEEN, _MIN_MOVES = 500, 50
"""Observations, and moves among them, before anything is said."""
_REFIT = 1_000
"""Observations between two fits."""
_FORGET_AT = 200_000
"""Counts are halved at so many observations: they stay bounded, and follow the market."""


class MicroPrice:
    """Micro-price of one symbol. `adjustment` is in ticks from the mid."""

    __slots__ = ("_counts", "_due", "_g", "_mid2", "_moves", "_sign", "_state", "_totals", "moved", "seen")

    def __init__(self) -> None:
        self._counts: list[list[float]] = [[0.0] * _STATES for _ in range(_STATES)]
        """[x][y]: transitions into y less those into its mirror image."""
        self._totals = [0.0] * _STATES
        self._moves = [0.0] * _STATES
        """Sum of the moves of the mid out of x, half ticks."""
        self._g: list[float] | None = None
        self._due = _MIN_SEEN
        self.seen = self.moved = 0
        self.forget_last()

    def forget_last(self) -> None:
        """After a gap in the data: what was learnt stays, but the gap is no transition."""
        self._state, self._sign, self._mid2 = -1, 1, 0

    def update(self, bid: int, bid_size: int, ask: int, ask_size: int) -> None:
        """The next top of book. A top without size on either side is no state."""
        total = bid_size + ask_size
        if total <= 0:
            self.forget_last()
            return
        # the mirror image is folded onto the half with more on the ask side; `sign` says which it was
        light, sign = (bid_size, 1) if bid_size <= ask_size else (ask_size, -1)
        bucket = 2 * _HALF * light // total
        if bucket >= _HALF:
            bucket = _HALF - 1
        spread = ask - bid
        state = bucket * _SPREADS + (spread if spread < _SPREADS else _SPREADS) - 1
        before, mid2 = self._state, bid + ask
        if before >= 0:
            same = sign * self._sign
            self._counts[before][state] += same
            self._totals[before] += 1
            if mid2 != self._mid2:
                move = mid2 - self._mid2
                self._moves[before] += self._sign * max(-_MAX_MOVE, min(_MAX_MOVE, move))
                self.moved += 1
            self.seen += 1
        self._state, self._sign, self._mid2 = state, sign, mid2

    def refit_if_due(self) -> None:
        """Solve again once enough has been seen. For the timer: a fit takes a few tenths of a millisecond."""
        if self.seen < self._due or self.moved < _MIN_MOVES:
            return
        self._due = self.seen + _REFIT
        solution = _solve(self._counts, self._totals, self._moves)
        if solution is not None:
            self._g = solution
        if self.seen >= _FORGET_AT:
            self._counts = [[count / 2 for count in row] for row in self._counts]
            self._totals = [count / 2 for count in self._totals]
            self._moves = [count / 2 for count in self._moves]
            self.seen //= 2
            self.moved //= 2
            self._due = self.seen + _REFIT

    @property
    def adjustment(self) -> float | None:
        """g(x) for the top of book now, ticks; None before there is enough to say."""
        if self._g is None or self._state < 0:
            return None
        return self._sign * self._g[self._state]

    @property
    def table(self) -> list[float] | None:
        """g by state for the half with more on the ask side, ticks: index = imbalance bucket x 3 + spread bucket."""
        return None if self._g is None else list(self._g)


def _solve(counts: list[list[float]], totals: list[float], moves: list[float]) -> list[float] | None:
    """(1 − Q − T)·g = R·K on the states that were seen, by elimination with pivots; None where it is singular. Half ticks in, ticks out."""
    seen = [state for state, total in enumerate(totals) if total > 0]
    size = len(seen)
    rows: list[list[float]] = [
        [(1.0 if x == y else 0.0) - counts[x][y] / totals[x] for y in seen] + [moves[x] / totals[x] / 2]
        for x in seen
    ]
    for column in range(size):
        pivot = max(range(column, size), key=lambda row: abs(rows[row][column]))
        if abs(rows[pivot][column]) < 1e-9:
            return None
        rows[column], rows[pivot] = rows[pivot], rows[column]
        head = rows[column]
        for row in rows[column + 1 :]:
            factor = row[column] / head[column]
            if factor:
                for index in range(column, size + 1):
                    row[index] -= factor * head[index]
    values = [0.0] * size
    for at in range(size - 1, -1, -1):
        rest = sum(rows[at][column] * values[column] for column in range(at + 1, size))
        values[at] = (rows[at][size] - rest) / rows[at][at]
    g = [0.0] * len(totals)
    for state, value in zip(seen, values, strict=True):
        g[state] = value
    return g
