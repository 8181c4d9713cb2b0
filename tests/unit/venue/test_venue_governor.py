"""The rate governor: windows of the venue's clock, the venue's counts, and the share that belongs to cancels."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mm_trader.core.clock import ManualClock
from mm_trader.venue.binance.governor import Purpose, RateGovernor
from mm_trader.venue.binance.settings import GatewaySettings
from mm_trader.venue.binance.venue_clock import VenueClock
from mm_trader.venue.binance.wire.replies import RateLimit

S = 1_000_000_000


def limit(kind: str, interval: str, number: int, most: int, count: int | None = None) -> RateLimit:
    return RateLimit(rate_limit_type=kind, interval=interval, interval_num=number, limit=most, count=count)


def governor(*limits: RateLimit, share: float = 0.25) -> tuple[RateGovernor, ManualClock]:
    clock = ManualClock(wall_ns=1_700_000_040 * S)  # the start of a minute
    made = RateGovernor(VenueClock(clock), GatewaySettings(cancel_share=share))
    made.configure(limits)
    return made, clock


WEIGHT = limit("REQUEST_WEIGHT", "MINUTE", 1, 100)


def test_places_and_queries_stop_before_the_share_of_cancels() -> None:
    g, _ = governor(WEIGHT)
    assert g.admit(Purpose.QUERY, 75) is None
    assert g.admit(Purpose.PLACE, 1) is not None
    assert g.admit(Purpose.QUERY, 1) is not None
    assert all(g.admit(Purpose.CANCEL, 1) is None for _ in range(25))
    assert g.admit(Purpose.CANCEL, 1) is not None


def test_a_new_window_of_the_venues_clock_starts_from_what_is_under_way() -> None:
    g, clock = governor(WEIGHT)
    g.admit(Purpose.QUERY, 70)
    g.settled(Purpose.QUERY, 70)
    g.admit(Purpose.QUERY, 5)
    clock.advance(59 * S)
    assert g.admit(Purpose.QUERY, 10) is not None
    clock.advance(1 * S)
    assert g.admit(Purpose.QUERY, 10) is None
    assert g.weight() == (15, 100)


def test_the_venues_count_replaces_ours_and_keeps_what_is_under_way() -> None:
    g, _ = governor(WEIGHT)
    g.admit(Purpose.QUERY, 20)
    g.admit(Purpose.QUERY, 10)
    g.settled(Purpose.QUERY, 20)
    g.observe([limit("REQUEST_WEIGHT", "MINUTE", 1, 100, count=40)])
    assert g.weight() == (50, 100)


def test_headers_of_rest_are_counts_too() -> None:
    g, _ = governor(WEIGHT, limit("ORDERS", "SECOND", 10, 50), limit("ORDERS", "DAY", 1, 1000))
    g.observe_headers(
        {"X-MBX-USED-WEIGHT-1M": "60", "x-mbx-order-count-10s": "50", "X-MBX-USED-WEIGHT": "7", "Date": "x"}
    )
    assert g.weight() == (60, 100)
    refused = g.admit(Purpose.PLACE, 1)
    assert refused is not None
    assert "ORDERS" in refused
    assert g.admit(Purpose.CANCEL, 1) is None


def test_an_order_count_that_fell_at_the_venue_makes_room_again() -> None:
    orders = limit("ORDERS", "SECOND", 10, 2)
    g, _ = governor(orders)
    for _ in range(2):
        assert g.admit(Purpose.PLACE, 1) is None
        g.settled(Purpose.PLACE, 1)
    assert g.admit(Purpose.PLACE, 1) is not None
    g.observe([limit("ORDERS", "SECOND", 10, 2, count=1)])
    assert g.admit(Purpose.PLACE, 1) is None


def test_limits_with_units_we_do_not_know_are_left_out() -> None:
    g, _ = governor(limit("REQUEST_WEIGHT", "FORTNIGHT", 1, 1), limit("REQUEST_WEIGHT", "MINUTE", 0, 1))
    assert g.admit(Purpose.PLACE, 1000) is None


def test_without_limits_everything_is_admitted() -> None:
    g, _ = governor()
    assert g.admit(Purpose.QUERY, 10**6) is None
    assert g.weight() == (0, 0)


def test_a_throttled_cancel_makes_cancels_wait_a_second_at_most() -> None:
    g, clock = governor()
    g.throttled(Purpose.CANCEL, 30.0)
    assert g.admit(Purpose.CANCEL, 1) is not None
    clock.advance(1 * S)
    assert g.admit(Purpose.CANCEL, 1) is None
    assert g.admit(Purpose.PLACE, 1) is not None


@given(
    st.lists(st.tuples(st.sampled_from(list(Purpose)), st.integers(1, 30), st.integers(0, 20)), max_size=60)
)
def test_within_one_window_no_more_is_admitted_than_the_limit(
    requests: list[tuple[Purpose, int, int]],
) -> None:
    g, clock = governor(WEIGHT)
    admitted: dict[int, int] = {}
    now = 0
    for purpose, weight, seconds in requests:
        if g.admit(purpose, weight) is None:
            admitted[now // 60] = admitted.get(now // 60, 0) + weight
            g.settled(purpose, weight)
        clock.advance(seconds * S)
        now += seconds
    assert all(total <= 100 for total in admitted.values())
