"""When a reset of the venue is suspected, and which orders count as evidence."""

from __future__ import annotations

from typing import Any

from mm_trader.core.clock import ManualClock
from mm_trader.core.units import NS_PER_S
from mm_trader.venue.binance.settings import GatewaySettings
from mm_trader.venue.binance.watch import ResetWatch

DAY_NS = 86_400 * NS_PER_S


def watch() -> tuple[ResetWatch, ManualClock, list[str]]:
    clock = ManualClock()
    asked: list[str] = []
    account: Any = None  # nobody asks it: what is started is only noted
    return ResetWatch(account, GatewaySettings(), clock, lambda _event: None, asked.append), clock, asked


def test_without_an_own_order_there_is_nothing_to_ask_about() -> None:
    resets, _, asked = watch()
    resets.suspect_all()
    resets.suspect("ETHUSDC")
    assert asked == []


def test_one_question_at_a_time_about_the_newest_order() -> None:
    resets, _, asked = watch()
    resets.on_own_order("ETHUSDC", 100)
    resets.suspect("ETHUSDC")
    resets.suspect_all()
    assert asked == ["ETHUSDC"]


def test_an_order_from_days_ago_is_no_evidence_because_the_venue_may_have_forgotten_it_in_good_order() -> (
    None
):
    resets, clock, asked = watch()
    resets.on_own_order("ETHUSDC", 100)
    clock.advance(2 * DAY_NS + NS_PER_S)
    resets.suspect_all()
    assert asked == []
    resets.on_own_order("ETHUSDC", 99)
    resets.suspect_all()
    assert asked == [], "an older order that is shown says nothing of the newest"
    resets.on_own_order("ETHUSDC", 100)
    resets.suspect_all()
    assert asked == ["ETHUSDC"]


def test_an_id_far_below_one_seen_before_is_suspicious() -> None:
    resets, _, asked = watch()
    resets.on_own_order("ETHUSDC", 1000)
    resets.on_own_order("ETHUSDC", 600)
    assert asked == []
    resets.on_own_order("ETHUSDC", 400)
    assert asked == ["ETHUSDC"]
