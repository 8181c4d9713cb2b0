"""Freeze windows: five-field cron starts with a duration, in a time zone. Pure. Pauses and rollbacks never ask here, only promotions do."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from mm_api.kinds import FreezeWindow

_MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
_DAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]
_RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
LONGEST = timedelta(days=31)
"""A window longer than this is cut: its start is looked for that far back."""


class CronError(ValueError):
    """A cron expression, or a time zone, that can not be read. Its message says what is wrong with it."""


def open_window(windows: Iterable[FreezeWindow], now: datetime) -> FreezeWindow | None:
    """The first window that is open at an instant. A window that can not be read counts as open: fail closed."""
    for window in windows:
        try:
            if _open(window, now):
                return window
        except CronError:
            return window
    return None


def check(window: FreezeWindow) -> None:
    """Raises `CronError` for a window that can not be read."""
    _zone(window.time_zone)
    parse(window.cron)


def _open(window: FreezeWindow, now: datetime) -> bool:
    fields = parse(window.cron)
    zone = _zone(window.time_zone)
    minute = now.astimezone(UTC).replace(second=0, microsecond=0)
    earliest = now - min(window.duration, LONGEST)
    while minute > earliest:
        local = minute.astimezone(zone)
        if not _day_matches(fields, local):
            # skip to the last minute of the local day before
            minute -= timedelta(hours=local.hour, minutes=local.minute + 1)
        elif local.minute in fields[0] and local.hour in fields[1]:
            return True
        else:
            minute -= timedelta(minutes=1)
    return False


def parse(expression: str) -> tuple[frozenset[int], ...]:
    """The five sets of a cron expression: minutes, hours, days of the month, months, days of the week (0 = Sunday)."""
    parts = expression.split()
    if len(parts) != 5:
        raise CronError(f"cron {expression!r} needs five fields: minute hour day-of-month month day-of-week")
    sets = [
        _field(part, *limits, names)
        for part, limits, names in zip(parts, _RANGES, ([], [], [], _MONTHS, _DAYS), strict=True)
    ]
    sets[4] = frozenset(0 if day == 7 else day for day in sets[4])
    return tuple(sets)


def _day_matches(fields: tuple[frozenset[int], ...], local: datetime) -> bool:
    _, _, days, months, weekdays = fields
    weekday = (local.weekday() + 1) % 7
    in_days, in_weekdays = local.day in days, weekday in weekdays
    # cron's rule: where both days are restricted, either is enough
    restricted = len(days) < 31 and len(weekdays) < 7
    return local.month in months and (in_days or in_weekdays if restricted else in_days and in_weekdays)


def _field(text: str, low: int, high: int, names: list[str]) -> frozenset[int]:
    values: set[int] = set()
    for part in text.split(","):
        span, _, step_text = part.partition("/")
        step = _number(step_text, 1, high, []) if step_text else 1
        if span == "*":
            first, last = low, high
        else:
            start, dash, end = span.partition("-")
            first = _number(start, low, high, names)
            last = _number(end, low, high, names) if dash else (high if step_text else first)
        if last < first:
            raise CronError(f"cron field {text!r}: {span!r} runs backwards")
        values.update(range(first, last + 1, step))
    return frozenset(values)


def _number(text: str, low: int, high: int, names: list[str]) -> int:
    if text.upper() in names:
        return names.index(text.upper()) + (1 if names is _MONTHS else 0)
    if not text.isdigit() or not low <= int(text) <= high:
        raise CronError(f"cron field {text!r} is not a number from {low} to {high}")
    return int(text)


def _zone(name: str) -> tzinfo:
    if name.upper() in ("UTC", "ETC/UTC"):
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise CronError(f"time zone {name!r} is not known") from error
