"""How long the venue takes to answer: from the place command to the event that says it was accepted or refused, as the kernel would see it."""

from __future__ import annotations

from collections import OrderedDict

MOST_WAITING = 4096
"""Orders remembered that were never answered; the oldest go."""
BUCKETS = 24
"""Bucket n counts answers that took less than 2^(n+14) ns: 16 µs to 137 s."""
FIRST_BIT = 14


class AckTimes:
    """A histogram of powers of two."""

    def __init__(self) -> None:
        self._sent: OrderedDict[str, int] = OrderedDict()
        self.buckets = [0] * BUCKETS
        self.sum_ns = 0

    def sent(self, client_id: str, ts: int) -> None:
        """The command has been given."""
        self._sent[client_id] = ts
        if len(self._sent) > MOST_WAITING:
            self._sent.popitem(last=False)

    def answered(self, client_id: str, ts: int) -> None:
        """The venue has spoken; the first word counts."""
        began = self._sent.pop(client_id, None)
        if began is None:
            return
        took = max(0, ts - began)
        self.buckets[min(max(took.bit_length() - FIRST_BIT, 0), BUCKETS - 1)] += 1
        self.sum_ns += took

    def waited(self, client_id: str, now: int) -> int:
        """Ns since the command was given; 0 for one that was not."""
        return now - self._sent.get(client_id, now)

    def forget(self, client_id: str) -> None:
        """It never left."""
        self._sent.pop(client_id, None)
