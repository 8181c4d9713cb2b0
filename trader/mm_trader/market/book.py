"""L2 book of one symbol: a snapshot from REST plus differences, with the venue's sequence rules. No I/O: it says when it needs a snapshot.

Spot: a difference continues the book when `first_id <= last_id_of_book + 1` (checked on recorded traffic: after dropping what the snapshot already
holds, the next first_id is exactly that). Futures: `previous_id` must equal the last id, the first one after the snapshot apart, which must
reach over it: its `previous_id` is at or below the snapshot's id and its last id above, so that nothing between the two is missing (ids of futures have
holes, which is why the first id says less). Anything else is a gap: the book is thrown away and nothing is quoted until it has been fetched again.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Iterable
from enum import Enum
from itertools import zip_longest

from mm_trader.core.events import DepthSnapshot, DepthUpdate, Level

_MAX_BUFFERED = 1000
"""Differences kept while waiting for a snapshot (100 s at 10/s); older ones are useless by then."""

_MAX_LEVELS = 10_000
"""Levels kept per side. Far levels that nobody deletes would grow for ever."""


class BookState(Enum):
    """Where the synchronisation stands."""

    IDLE = "idle"
    """No difference seen: this symbol runs on BookTicker alone."""
    BUFFERING = "buffering"
    """Waiting for a snapshot."""
    SYNCED = "synced"


_IDLE, _BUFFERING, _SYNCED = BookState.IDLE, BookState.BUFFERING, BookState.SYNCED
"""Names that are quick to look up: see `events.BUY`."""


class BookSide:
    """One side: sizes by price, and the prices sorted so that the best is last (asks are held negated)."""

    __slots__ = ("_keys", "_sign", "_sizes")

    def __init__(self, sign: int) -> None:
        self._sign = sign
        self._keys: list[int] = []
        self._sizes: dict[int, int] = {}

    def replace(self, levels: Iterable[Level]) -> None:
        """Set the whole side."""
        self._sizes = {price * self._sign: size for price, size in levels if size > 0}
        self._keys = sorted(self._sizes)

    def apply(self, levels: list[Level]) -> None:
        """Set or (size 0) remove levels."""
        sizes, keys, sign = self._sizes, self._keys, self._sign
        remove = sizes.pop
        for price, size in levels:
            key = price * sign
            if size > 0:
                if key not in sizes:
                    insort(keys, key)
                sizes[key] = size
            elif remove(key, None) is not None:
                del keys[bisect_left(keys, key)]
        if len(keys) > _MAX_LEVELS:
            for key in keys[: len(keys) - _MAX_LEVELS]:
                del sizes[key]
            del keys[: len(keys) - _MAX_LEVELS]

    def best(self) -> Level | None:
        """(price, size) of the best level."""
        if not self._keys:
            return None
        key = self._keys[-1]
        return key * self._sign, self._sizes[key]

    def reaches(self, other: BookSide) -> bool:
        """Whether the best price of this side is at or through the best one of the other."""
        mine, theirs = self._keys, other._keys
        return bool(mine and theirs) and mine[-1] + theirs[-1] >= 0  # one of the two is negated

    def top(self, depth: int) -> list[Level]:
        """The best `depth` levels, best first."""
        return [(key * self._sign, self._sizes[key]) for key in reversed(self._keys[-depth:])]

    def __len__(self) -> int:
        return len(self._keys)


class L2Book:
    """The book and its synchronisation. `on_update` and `on_snapshot` answer True when a (new) snapshot must be asked for."""

    def __init__(self) -> None:
        self.bids = BookSide(1)
        self.asks = BookSide(-1)
        self.state = _IDLE
        self.last_id = -1
        self.gaps = 0
        self._buffer: deque[DepthUpdate] = deque(maxlen=_MAX_BUFFERED)
        self._fresh_snapshot = False

    @property
    def usable(self) -> bool:
        """False: quotes must not rest (out of sync, or crossed). A symbol without depth data is usable: its top is BookTicker's."""
        if self.state is _IDLE:
            return True
        return self.state is _SYNCED and not self.bids.reaches(self.asks)

    @property
    def crossed(self) -> bool:
        """Best bid at or above best ask: the data is wrong, whoever is to blame."""
        return self.bids.reaches(self.asks)

    def reset(self) -> None:
        """Throw the book away: the stream was lost. It is idle until the next difference."""
        self._drop(_IDLE)

    def invalidate(self) -> None:
        """Throw the book away because it proved wrong; a snapshot is needed."""
        self.gaps += 1
        self._drop(_BUFFERING)

    def on_update(self, event: DepthUpdate) -> bool:
        """Take a difference. True: ask for a snapshot."""
        if self.state is _SYNCED:
            if self._continues(event):
                self._apply(event)
                return False
            if event.last_id <= self.last_id:
                return False
            self.invalidate()
            self._buffer.append(event)
            return True
        first = self.state is _IDLE
        self.state = _BUFFERING
        self._buffer.append(event)
        return first

    def on_snapshot(self, snapshot: DepthSnapshot) -> bool:
        """Take a snapshot and play the buffered differences on it. True: it was too old, ask again."""
        if self.state is _SYNCED:
            return False
        pending = [event for event in self._buffer if event.last_id > snapshot.last_id]
        if pending and not _reaches_over(pending[0], snapshot.last_id):
            return True
        self.bids.replace(snapshot.bids)
        self.asks.replace(snapshot.asks)
        self.last_id = snapshot.last_id
        self._fresh_snapshot = True
        self.state = _SYNCED
        for event in pending:
            if not self._continues(event):
                self.invalidate()
                return True
            self._apply(event)
        self._buffer.clear()
        return False

    def agrees_with_top(self, bid: int, bid_size: int, ask: int, ask_size: int) -> bool:
        """Cross-check at equal update id: the best levels must be what BookTicker said."""
        return self.bids.best() == (bid, bid_size) and self.asks.best() == (ask, ask_size)

    def imbalance(self, depth: int) -> float:
        """(ΣVb − ΣVa) / (ΣVb + ΣVa) over the best `depth` levels, in [−1, 1]; 0 when empty."""
        bids = sum(size for _, size in self.bids.top(depth))
        asks = sum(size for _, size in self.asks.top(depth))
        return (bids - asks) / (bids + asks) if bids + asks else 0.0

    @property
    def synced(self) -> bool:
        """In sync with the venue, and not crossed: its levels may be looked at."""
        return self.state is _SYNCED and not self.crossed

    def weighted_imbalance(self, depth: int, decay: float) -> float | None:
        """ρ = (Σ w_i·Vb_i − Σ w_i·Va_i) / Σ w_i·(Vb_i + Va_i), w_i = decay^i, over the best `depth` levels (Gould & Bonart 2016); None when empty."""
        bids = asks = 0.0
        weight = 1.0
        for (_, bid), (_, ask) in zip_longest(self.bids.top(depth), self.asks.top(depth), fillvalue=(0, 0)):
            bids += weight * bid
            asks += weight * ask
            weight *= decay
        return (bids - asks) / (bids + asks) if bids + asks else None

    def _continues(self, event: DepthUpdate) -> bool:
        if event.last_id <= self.last_id:
            return False
        if event.previous_id is not None and not self._fresh_snapshot:
            return event.previous_id == self.last_id
        return _reaches_over(event, self.last_id)

    def _apply(self, event: DepthUpdate) -> None:
        self.bids.apply(event.bids)
        self.asks.apply(event.asks)
        self.last_id = event.last_id
        self._fresh_snapshot = False

    def _drop(self, state: BookState) -> None:
        self.bids.replace(())
        self.asks.replace(())
        self.last_id = -1
        self._buffer.clear()
        self.state = state


def _reaches_over(event: DepthUpdate, last_id: int) -> bool:
    """Whether a difference follows a book of this id without a hole: spot by its first id, futures also by the id of the difference before it."""
    if event.first_id <= last_id + 1:
        return True
    return event.previous_id is not None and event.previous_id <= last_id
