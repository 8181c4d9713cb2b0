"""What stops trading, how fast, and who may let it go on."""

from __future__ import annotations

import os

from e2e.kit.installation import now_rfc3339
from e2e.kit.steps import Given, Then, When

REPETITIONS = int(os.environ.get("MM_E2E_REPETITIONS", "3"))
SEEN_WITHIN = 2.0
"""Seconds from a risk alert until `kubectl get mm` shows it (p99)."""

TIGHT = {"dailyLossLimit": "2", "maxDrawdown": "1", "maxOrderRate": 100, "maxCancelRatio": "1"}


def test_an_adverse_move_latches_a_halt_that_only_its_acknowledgement_lifts(
    given: Given, when: When, then: Then
) -> None:
    given.a_venue("paper")
    eth = given.a_live_market_maker(risk=TIGHT)
    shown, silent = [], []
    for _ in range(REPETITIONS):
        then.it(eth).holds_inventory(within=60)
        with when.watching(eth) as watch:
            times = when.the_price_moves_against(eth, percent=8)
            sighting = watch.wait(
                "Halted shown",
                lambda it: it["status"].get("state") == "Halted" and it["status"].get("halts"),
                20,
            )
        halt = then.it(eth).is_halted(by="Risk", within=5)
        assert halt["reason"] == "DailyLossLimit", halt
        then.it(eth).has_condition("TradingHalted", "True", within=5)
        then.it(eth).has_no_open_orders(within=2)
        shown.append(sighting.wall - then.it(eth).latched_at(halt["id"]))
        silent.append(then.it(eth).silent_at(after=times.journal) - times.wall)
        when.acknowledged(eth, "risk-of-another-day")
        then.it(eth).stays("Halted", during=2)
        when.acknowledged(eth, halt["id"])
        then.it(eth).reaches("Live", within=20)
        # each move meets the inventory of the one before: after some it is full
        then.it(eth).quotes(within=20, both_sides=False)
    then.measured("risk alert → shown by kubectl get mm", shown, SEEN_WITHIN)
    then.measured("adverse move → no open order at the venue", silent, 1.0)


def test_deleting_the_pod_does_not_lift_a_halt(given: Given, when: When, then: Then) -> None:
    given.a_venue("paper")
    eth = given.a_live_market_maker(risk=TIGHT)
    then.it(eth).holds_inventory(within=60)
    when.the_price_moves_against(eth, percent=8)
    halt = then.it(eth).is_halted(by="Risk", within=10)
    before = when.the_pod_is_deleted(eth, grace=0)
    then.it(eth).has_another_pod_than(before, within=30)
    then.it(eth).reaches("Halted", within=5)
    then.it(eth).reports_phase("Halted", within=20)
    then.it(eth).keeps_no_open_orders(during=3)
    assert [item["id"] for item in eth.halts("Risk")] == [halt["id"]]
    when.acknowledged(eth, halt["id"])
    then.it(eth).quotes(within=30, both_sides=False)


def test_a_pause_in_the_spec_stops_and_lets_go(given: Given, when: When, then: Then) -> None:
    given.a_venue("paper")
    eth = given.a_live_market_maker()
    when.edited(eth, {"pause": "Halted"})
    then.it(eth).reaches("Halted", within=10)
    then.it(eth).has_no_open_orders(within=5)
    when.edited(eth, {"pause": "None"})
    then.it(eth).reaches("Live", within=20)
    then.it(eth).quotes(within=20)

    when.edited(eth, {"pause": "Hibernated"})
    then.it(eth).reaches("Hibernated", within=20)
    then.it(eth).has_no_pod(within=40)
    then.it(eth).has_no_open_orders(within=5)
    when.edited(eth, {"pause": "None"})
    then.it(eth).quotes(within=60)
    then.it(eth).reaches("Live", within=20)
    then.it(eth).was_the_only_writer()


def test_a_trading_halt_stops_what_it_selects_and_its_deletion_lifts_only_that(
    given: Given, when: When, then: Then
) -> None:
    given.a_venue("paper", "other")
    eth = given.a_live_market_maker(labels={"desk": "crypto"})
    btc = given.a_live_market_maker("second", "other", labels={"desk": "elsewhere"})
    name = when.trading_halted("venue maintenance", selector={"desk": "crypto"})
    then.it(eth).is_halted(by="TradingHalt", within=10)
    then.it(eth).has_no_open_orders(within=5)
    then.it(btc).stays("Live", during=2)
    when.edited(eth, {"pause": "Halted"})
    when.trading_halt_deleted(name)
    then.it(eth).is_halted(by="Pause", within=10)
    then.it(eth).stays("Halted", during=2)
    when.edited(eth, {"pause": "None"})
    then.it(eth).quotes(within=20)


def test_an_alert_halts_and_its_resolution_lifts_nothing(given: Given, when: When, then: Then) -> None:
    given.a_venue("paper")
    eth = given.a_live_market_maker()
    began = now_rfc3339()
    when.alertmanager_posts(eth, "VenueLatencyHigh", starts_at=began)
    halt = then.it(eth).is_halted(by="Alert", within=10)
    then.it(eth).has_no_open_orders(within=5)
    when.alertmanager_posts(eth, "VenueLatencyHigh", starts_at=began)
    when.alertmanager_posts(eth, "VenueLatencyHigh", status="resolved", starts_at=began)
    then.it(eth).stays("Halted", during=3)
    assert [item["id"] for item in eth.halts("Alert")] == [halt["id"]], "one alert is one halt"
    when.acknowledged(eth, halt["id"])
    then.it(eth).reaches("Live", within=20)
    when.alertmanager_posts(eth, "VenueLatencyHigh", starts_at=began)
    then.it(eth).stays("Live", during=3)
    then.it(eth).quotes(within=20)
