"""One trading identity, one writer: a second MarketMaker on the same keys waits, and says so."""

from __future__ import annotations

from e2e.kit.objects import stage
from e2e.kit.steps import Given, Then, When


def test_a_second_market_maker_on_the_same_keys_is_blocked_until_the_first_is_gone(
    given: Given, when: When, then: Then
) -> None:
    given.a_venue("paper")
    first = given.a_live_market_maker("first")
    second = given.a_market_maker("second", [stage("only", "paper", soak="1s", gates=[])])
    uid = first.pod()["metadata"]["uid"]
    when.applied(second)
    then.it(second).reaches("Blocked", within=15)
    then.it(second).has_condition("IdentityHeld", "False", within=5, says=first.name)
    then.it(second).never_had_a_pod()
    then.it(first).stays("Live", during=3)
    then.it(first).keeps_trading()
    assert first.pod()["metadata"]["uid"] == uid, "the first was disturbed"

    when.deleted(first)
    then.it(first).is_gone(within=60)
    then.it(second).reaches("Live", within=90)
    then.it(second).quotes(within=20)
    then.it(second).was_the_only_writer()


def test_a_deleted_market_maker_cancels_its_orders_and_leaves_nothing(
    given: Given, when: When, then: Then
) -> None:
    given.a_venue("paper")
    eth = given.a_live_market_maker()
    when.deleted(eth)
    then.it(eth).is_gone(within=60)
    then.it(eth).keeps_no_open_orders(during=1, account="paper")
    then.nothing_of_it_is_left_in_redis("paper")
