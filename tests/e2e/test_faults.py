"""Parts are killed while a trader trades. The trader is safe without the operator, the operator without the trader, both without Redis."""

from __future__ import annotations

import os
import time

import pytest

from e2e.kit.deadline import eventually
from e2e.kit.objects import BTC, QUICK_BTC, stage
from e2e.kit.steps import Given, Then, When
from e2e.test_halts import TIGHT

KILLS = int(os.environ.get("MM_E2E_KILLS", "3"))
BACK_WITHIN = 15.0
"""Seconds from the deletion of the pod with grace 0 until it quotes again."""


@pytest.mark.alone
def test_a_trader_trades_on_while_the_operator_is_killed_and_the_operator_goes_on_after(
    given: Given, when: When, then: Then
) -> None:
    given.a_venue("paper", "live")
    soaking = given.a_market_maker(
        "soaking", [stage("paper", "live", soak="12s"), stage("next", "live", soak="1s", gates=[])]
    )
    eth = given.a_live_market_maker(risk=TIGHT)
    when.applied(soaking)
    then.it(soaking).reaches("Soaking", within=60)
    pods = {eth.name: eth.pod()["metadata"]["uid"], soaking.name: soaking.pod()["metadata"]["uid"]}
    when.the_operator_is_killed()
    then.it(eth).keeps_trading()
    then.the_operator_is_back(within=60)
    assert {it.name: it.pod()["metadata"]["uid"] for it in (eth,)} == {eth.name: pods[eth.name]}
    then.it(soaking).reaches("Live", stage="next", within=90)
    then.it(soaking).was_the_only_writer(account="live")

    then.it(eth).holds_inventory(within=60)
    when.the_operator_is_taken_away()
    then.it(eth).keeps_trading()
    when.the_price_moves_against(eth, percent=8)
    then.it(eth).has_no_open_orders(within=5)
    assert eth.status()["state"] == "Live", "nobody can have written the status"
    when.the_operator_comes_back()
    halt = then.it(eth).is_halted(by="Risk", within=20)
    assert halt["reason"] == "DailyLossLimit"
    assert eth.pod()["metadata"]["uid"] == pods[eth.name], "the trader was restarted"
    when.acknowledged(eth, halt["id"])
    then.it(eth).quotes(within=20, both_sides=False)


@pytest.mark.alone
def test_redis_restarted_under_load_stops_traders_and_loses_nothing(
    given: Given, when: When, then: Then
) -> None:
    given.an_operator_error_that_says("redis")
    given.a_venue("paper", "halted")
    eth = given.a_live_market_maker()
    # on a symbol of its own: a jump makes quotes so wide for a while that nothing would trade with them
    other = given.a_live_market_maker("halted", "halted", BTC, risk=TIGHT, strategy=QUICK_BTC)
    when.the_price_moves_against(other, percent=8, symbol=BTC)
    halt = then.it(other).is_halted(by="Risk", within=10)
    before = then.it(eth).evidence()
    started = time.time()
    when.redis_is_restarted()
    then.it(eth).reports_phase("Quoting", within=40, since=started)
    then.it(eth).quotes(within=20)
    then.it(eth).keeps_trading()
    after = then.it(eth).evidence()
    assert after["scope"] == before["scope"]
    assert after["ordersPlaced"] >= before["ordersPlaced"], "evidence was lost"
    assert after["fills"] >= before["fills"], "evidence was lost"
    then.it(other).keeps_no_open_orders(during=2)
    assert halt["id"] in then.it(other).latches(), "the latch was lost"
    then.it(other).is_halted(by="Risk", within=20)
    for maker in (eth, other):
        then.it(maker).was_the_only_writer()


def test_a_trader_whose_pod_is_deleted_without_grace_quotes_again_as_the_only_writer(
    given: Given, when: When, then: Then
) -> None:
    given.a_venue("paper")
    eth = given.a_live_market_maker()
    took: list[float] = []
    for _ in range(2 * KILLS):
        mark = then.it(eth).journal_mark()
        began = time.monotonic()
        before = when.the_pod_is_deleted(eth, grace=0)
        pod = then.it(eth).has_another_pod_than(before, within=BACK_WITHIN)
        then.it(eth).quotes_from_a_new_incarnation(after=mark, within=BACK_WITHIN * 2)
        seconds = time.monotonic() - began
        then.it(eth).was_the_only_writer()
        then.it(eth).agrees_with_the_venue(within=10)
        if not then.it(eth).waited_for_the_api_server_to_know_its_claim(pod):
            took.append(seconds)
        if len(took) == KILLS:
            break
    assert len(took) == KILLS, "the cluster itself was late most of the time"
    then.measured("pod deleted with grace 0 → quoting again", took, BACK_WITHIN)
    then.it(eth).reaches("Live", within=20)


def test_a_trader_killed_with_9_is_started_again_by_kubelet_and_reconciles(
    given: Given, when: When, then: Then
) -> None:
    given.a_venue("paper")
    eth = given.a_live_market_maker()
    mark = then.it(eth).journal_mark()
    uid = eth.pod()["metadata"]["uid"]
    when.the_trader_is_killed(eth)
    then.it(eth).quotes_from_a_new_incarnation(after=mark, within=40)
    assert eth.pod()["metadata"]["uid"] == uid, "the pod was replaced; only its container should be"
    eventually(
        "the restart is counted as unclean", lambda: then.it(eth).evidence()["uncleanStops"] >= 1, within=10
    )
    then.it(eth).was_the_only_writer()
    then.it(eth).agrees_with_the_venue(within=10)
