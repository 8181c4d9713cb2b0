"""Best bid and ask of one symbol, from BookTicker: the hot path of the kernel, so plain integers and no allocation.

A quote may rest on it only while it is fresh, positive and not crossed. The L2 book (`book.py`) is checked against it.
"""

from __future__ import annotations

from mm_trader.core.events import BookTicker


class TopOfBook:
    """The last BookTicker that made sense. `mid2` is bid + ask: twice the mid, so that it stays an integer."""

    __slots__ = ("ask", "ask_size", "bid", "bid_size", "mid2", "rejected", "ts", "update_id", "valid")

    def __init__(self) -> None:
        self.reset()
        self.rejected = 0

    def reset(self) -> None:
        """Forget everything, as after a reconnect: nothing may be quoted on before the next update, and update ids may start anywhere."""
        self.bid = self.ask = self.bid_size = self.ask_size = self.mid2 = 0
        self.update_id = -1
        self.ts = 0
        self.valid = False

    def update(self, event: BookTicker) -> bool:
        """Take an update; True if it counted.

        A late one (lower id) is dropped; a crossed, locked or negative one makes the top unusable until the next good one.
        """
        update_id = event.update_id
        if update_id < self.update_id:
            self.rejected += 1
            return False
        bid, bid_size = event.bid, event.bid_size
        ask, ask_size = event.ask, event.ask_size
        self.update_id = update_id
        self.ts = event.ts
        if bid <= 0 or ask <= bid or bid_size < 0 or ask_size < 0:
            self.valid = False
            self.rejected += 1
            return True
        self.bid = bid
        self.ask = ask
        self.bid_size = bid_size
        self.ask_size = ask_size
        self.mid2 = bid + ask
        self.valid = True
        return True

    def fresh(self, ts: int, stale_ns: int) -> bool:
        """True while the last good update is younger than `stale_ns`."""
        return self.valid and ts - self.ts <= stale_ns

    @property
    def mid(self) -> float:
        """Mid in ticks."""
        return self.mid2 / 2

    @property
    def imbalance(self) -> float:
        """Qb / (Qb + Qa) in [0, 1] (Gould & Bonart 2016); 0.5 when both sizes are 0."""
        total = self.bid_size + self.ask_size
        return self.bid_size / total if total else 0.5

    @property
    def weighted_mid(self) -> float:
        """I·Pa + (1 − I)·Pb in ticks: nearer to the ask when the bid is heavier. A simple, noisy proxy of the micro-price (Stoikov 2018)."""
        total = self.bid_size + self.ask_size
        imbalance = self.bid_size / total if total else 0.5
        return imbalance * self.ask + (1 - imbalance) * self.bid
