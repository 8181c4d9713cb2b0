"""Freeze windows: cron starts, durations, zones; what can not be read counts as open."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from mm_api.kinds import FreezeWindow
from mm_operator.reconcile.freeze import CronError, check, open_window, parse

WEEKEND = {"cron": "0 12 * * FRI", "duration": "60h", "timeZone": "UTC"}


@pytest.mark.parametrize(
    ("window", "at", "is_open"),
    [
        (WEEKEND, datetime(2026, 3, 6, 11, 59, tzinfo=UTC), False),
        (WEEKEND, datetime(2026, 3, 6, 12, 0, tzinfo=UTC), True),
        (WEEKEND, datetime(2026, 3, 8, 23, 59, tzinfo=UTC), True),
        (WEEKEND, datetime(2026, 3, 9, 0, 0, tzinfo=UTC), False),
        ({"cron": "*/15 9-10 * * 1-5", "duration": "5m"}, datetime(2026, 3, 2, 10, 49, tzinfo=UTC), True),
        ({"cron": "*/15 9-10 * * 1-5", "duration": "5m"}, datetime(2026, 3, 2, 10, 51, tzinfo=UTC), False),
        ({"cron": "0 0 1 JAN *", "duration": "1d"}, datetime(2026, 1, 1, 5, tzinfo=UTC), True),
        ({"cron": "0 0 13 * FRI", "duration": "1d"}, datetime(2026, 3, 6, 5, tzinfo=UTC), True),
    ],
)
def test_a_window_is_open_from_its_start_for_its_duration(
    window: dict[str, str], at: datetime, is_open: bool
) -> None:
    assert (open_window([FreezeWindow.model_validate(window)], at) is not None) is is_open


@pytest.mark.parametrize("cron", ["60 * * * *", "* * * * XYZ", "5-1 * * * *", "* * 0 * *", "*/0 * * * *"])
def test_a_window_that_can_not_be_read_is_named_and_counts_as_open(cron: str) -> None:
    window = FreezeWindow.model_validate({"cron": cron, "duration": "1h"})
    with pytest.raises(CronError):
        check(window)
    assert open_window([window], datetime(2026, 1, 1, tzinfo=UTC)) is window


def test_an_unknown_time_zone_is_named() -> None:
    with pytest.raises(CronError, match="Mars/Olympus"):
        check(
            FreezeWindow.model_validate({"cron": "0 0 * * *", "duration": "1h", "timeZone": "Mars/Olympus"})
        )


def test_seven_is_sunday_too() -> None:
    assert parse("0 0 * * 7")[4] == parse("0 0 * * SUN")[4]
