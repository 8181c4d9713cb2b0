"""Which alerts a channel gets, and how often: pure, time is given in."""

from __future__ import annotations

from collections import OrderedDict

from mm_api.redis_contract import AlertRecord
from mm_api.trader_config import AlertChannel

SEVERITIES = ("info", "warning", "critical")
_REMEMBERED = 512
"""Kinds of alerts whose last sending is remembered; the oldest is forgotten, which at worst sends one more."""


def wanted(channel: AlertChannel, record: AlertRecord) -> bool:
    """The channel's rule: severity at least, and kind among its kinds where it names some."""
    severe = SEVERITIES.index(record.severity) >= SEVERITIES.index(channel.min_severity)
    return severe and (not channel.kinds or record.kind in channel.kinds)


class Throttle:
    """At most one of a kind per window: the first at once, the rest as one more with their number when the window is over."""

    def __init__(self, window_ns: int) -> None:
        self._window_ns = window_ns
        self._last: OrderedDict[tuple[str, ...], tuple[int, int, AlertRecord]] = OrderedDict()
        """Key → (when one was let through, how many were held since, the newest held)."""
        self.held = 0
        """Ever."""

    def take(self, record: AlertRecord, now: int) -> list[AlertRecord]:
        """What may go now: the alert itself, or nothing yet."""
        key = _key(record)
        known = self._last.get(key)
        if known is not None and now - known[0] < self._window_ns:
            self._last[key] = (known[0], known[1] + 1, record)
            self.held += 1
            return []
        more = [_summary(known[2], known[1])] if known is not None and known[1] else []
        self._last[key] = (now, 0, record)
        self._last.move_to_end(key)
        while len(self._last) > _REMEMBERED:
            self._last.popitem(last=False)
        return [*more, record]

    def due(self, now: int) -> list[AlertRecord]:
        """Held ones whose window is over."""
        found = []
        for key, (since, held, record) in list(self._last.items()):
            if held and now - since >= self._window_ns:
                found.append(_summary(record, held))
                self._last[key] = (now, 0, record)
        return found


def _key(record: AlertRecord) -> tuple[str, ...]:
    """Two alerts of one halt are one alert; of two halts they are two."""
    return (record.kind, record.severity, record.reason, record.halt_id or "")


def _summary(record: AlertRecord, held: int) -> AlertRecord:
    if held == 1:
        return record
    return record.model_copy(
        update={"message": f"{record.message} ({held} like this meanwhile; the last is shown)"}
    )
