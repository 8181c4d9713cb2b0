"""Does the account move as our own fills say? Base asset at the venue minus our position is what somebody else put there or took away: a deposit, a hand order,
or a fill that we never heard of. Own fills are the ledger's truth, the venue's balance bounds what may be sold; their difference is for a person."""

from __future__ import annotations


class BalanceDrift:
    """Of one symbol. Amounts are 10^-8 base."""

    __slots__ = ("_baseline", "_seen")

    def __init__(self) -> None:
        self._baseline: int | None = None
        self._seen = 0

    def compare(self, total: int, position: int) -> int:
        """The new difference, once: it must have been there at two comparisons in a row, as a fill may fall between trades and balances of one of them.

        `total`: free and locked. Returns 0 while there is nothing to say; the first comparison only learns what was there before us.
        """
        foreign = total - position
        if self._baseline is None:
            self._baseline = foreign
        difference = foreign - self._baseline
        if difference == 0 or difference != self._seen:
            self._seen = difference
            return 0
        self._baseline, self._seen = foreign, 0
        return difference
