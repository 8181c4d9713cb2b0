"""Order-flow imbalance at the best prices (Cont, Kukanov & Stoikov, J. Fin. Econometrics 12(1), 2014), decayed over time instead of summed over windows.

e_n = 1[Pb_n ≥ Pb_n-1]·qb_n − 1[Pb_n ≤ Pb_n-1]·qb_n-1 − 1[Pa_n ≤ Pa_n-1]·qa_n + 1[Pa_n ≥ Pa_n-1]·qa_n-1        lots
OFI ← OFI·exp(−Δt/τ) + e_n,   depth = the same decayed mean of (qb + qa)/2
expected move of the mid = OFI / (2·depth)                                                                        ticks
"""

from __future__ import annotations

from math import exp

_TAU_S = 5.0
"""Memory: order flow explains the price over seconds."""
_WARM = 50
"""Updates before the mean depth says something."""


def flow(
    bid: int,
    bid_size: int,
    ask: int,
    ask_size: int,
    new_bid: int,
    new_bid_size: int,
    new_ask: int,
    new_ask_size: int,
) -> int:
    """e_n from one top of book to the next, lots. Positive: more to buy, or less to sell."""
    e = 0
    if new_bid >= bid:
        e += new_bid_size
    if new_bid <= bid:
        e -= bid_size
    if new_ask <= ask:
        e -= new_ask_size
    if new_ask >= ask:
        e += ask_size
    return e


class OrderFlow:
    """OFI of one symbol. `expected_move` is in ticks; None before there is enough."""

    __slots__ = ("_ask", "_ask_size", "_bid", "_bid_size", "_depth", "_ofi", "_seen", "_tau_ns", "_ts")

    def __init__(self, tau_s: float = _TAU_S) -> None:
        """`tau_s`: memory in seconds."""
        self._tau_ns = tau_s * 1e9
        self.reset()

    def reset(self) -> None:
        """After a gap in the data: nothing is known."""
        self._bid = self._bid_size = self._ask = self._ask_size = 0
        self._ofi = self._depth = 0.0
        self._ts = self._seen = 0

    def update(self, ts: int, bid: int, bid_size: int, ask: int, ask_size: int) -> None:
        """The next top of book, at `ts` ns."""
        depth = (bid_size + ask_size) / 2
        if self._bid:
            weight = exp((self._ts - ts) / self._tau_ns) if ts > self._ts else 1.0
            e = flow(self._bid, self._bid_size, self._ask, self._ask_size, bid, bid_size, ask, ask_size)
            self._ofi = self._ofi * weight + e
            self._depth = self._depth * weight + depth * (1 - weight)
        else:
            self._depth = depth
        self._bid, self._bid_size, self._ask, self._ask_size = bid, bid_size, ask, ask_size
        self._ts = ts
        self._seen += 1

    @property
    def expected_move(self) -> float | None:
        """OFI / (2·depth), ticks."""
        if self._seen < _WARM or self._depth <= 0:
            return None
        return self._ofi / (2 * self._depth)
