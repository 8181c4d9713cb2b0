"""What only the operator can judge: a condition with a reason and no pod, and it goes on by itself when the cause is gone."""

from __future__ import annotations

from e2e.kit.objects import ETH, stage
from e2e.kit.steps import Given, Then, When
from e2e.kit.world import World


def test_capital_above_the_accounts_ceiling_gets_no_pod(given: Given, when: When, then: Then) -> None:
    given.a_venue("paper")
    eth = given.a_market_maker("eth", [stage("big", "paper", capital="50001", soak="1s", gates=[])])
    when.applied(eth)
    then.it(eth).has_condition("Ready", "False", within=15, reason="CapitalAboveCeiling", says="50000")
    then.it(eth).never_had_a_pod()
    when.the_ceiling_is_raised("paper", "60000")
    then.it(eth).reaches("Live", within=60)


def test_an_account_that_does_not_exist_is_waited_for(given: Given, when: When, then: Then) -> None:
    venue = given.a_venue("paper")
    eth = given.a_market_maker("eth", [stage("only", "paper", soak="1s", gates=[])])
    when.account_deleted("paper")
    when.applied(eth)
    name = venue.secret_name("paper")
    then.it(eth).has_condition("Ready", "False", within=15, reason="AccountNotFound", says=name)
    then.it(eth).never_had_a_pod()
    when.account_created("paper")
    then.it(eth).reaches("Live", within=60)


def test_a_missing_secret_is_waited_for(given: Given, when: When, then: Then) -> None:
    venue = given.a_venue("paper")
    eth = given.a_market_maker("eth", [stage("only", "paper", soak="1s", gates=[])])
    when.secret_deleted("paper")
    when.applied(eth)
    name = venue.secret_name("paper")
    then.it(eth).has_condition("Ready", "False", within=15, reason="SecretNotFound", says=name)
    then.it(eth).never_had_a_pod()
    when.secret_created("paper")
    then.it(eth).reaches("Live", within=60)
    then.it(eth).quotes(within=20)


def test_a_missing_secret_of_an_alert_channel_is_waited_for(
    given: Given, when: When, then: Then, world: World
) -> None:
    given.a_venue("paper")
    name = f"{world.tag}-chat"
    channel = {"name": "chat", "type": "Webhook", "urlSecretRef": {"name": name, "key": "url"}}
    eth = given.a_market_maker(
        "eth", [stage("only", "paper", soak="1s", gates=[])], alerts={"channels": [channel]}
    )
    when.applied(eth)
    then.it(eth).has_condition("Ready", "False", within=15, reason="AlertSecretNotFound", says=name)
    then.it(eth).never_had_a_pod()
    when.a_secret_is_made(name, url="http://127.0.0.1:9/hook")
    then.it(eth).reaches("Live", within=60)
    then.it(eth).quotes(within=20)


def test_a_symbol_that_the_venue_does_not_list_gets_no_pod(given: Given, when: When, then: Then) -> None:
    given.a_venue("paper", symbols=(ETH,))
    eth = given.a_market_maker("eth", [stage("only", "paper", symbols=["DOGEUSDC"], soak="1s", gates=[])])
    when.applied(eth)
    then.it(eth).has_condition("Ready", "False", within=20, reason="SymbolNotListed", says="DOGEUSDC")
    then.it(eth).never_had_a_pod()
