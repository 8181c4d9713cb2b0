"""A revision earns its capital stage by stage, on evidence; and what happens when the evidence is bad, or missing."""

from __future__ import annotations

from e2e.kit.objects import BTC, CONDUCT, ETH, gate, rung, stage
from e2e.kit.steps import Given, Then, When


def test_a_revision_earns_its_capital_stage_by_stage(given: Given, when: When, then: Then) -> None:
    given.a_venue("testnet", "live")
    eth = given.a_market_maker(
        "eth",
        [
            stage(
                "testnet",
                "testnet",
                capital="10000",
                soak="4s",
                sample={"quotedTime": "1s"},
                gates=[gate("NoRestarts"), gate("NoOrderAnomalies"), gate("RiskControlsWork")],
            ),
            stage(
                "small-capital",
                "live",
                capital="1000",
                soak="4s",
                lossBudget="50",
                sample={"fills": 2},
                gates=[*CONDUCT, gate("NetPnL", min="-50"), gate("OrderAccuracy", min="0.999")],
            ),
            stage(
                "scale-up",
                "live",
                steps=[rung("2000", "3s"), rung("5000", "3s", [ETH, BTC])],
                sample={"fills": 1},
                gates=[*CONDUCT, gate("Drawdown", max="0.5")],
            ),
        ],
        strategy={
            "name": "BasicMarketMaking",
            "parameters": {"baseSpread": "0.0004", "baseSize": "0.01", "maxInventory": "0.05"},
        },
    )
    with when.watching(eth) as watch:
        when.applied(eth)
        then.it(eth).reaches("Live", stage="scale-up", capital="5000", within=150)
    then.it(eth).quotes(symbols=(ETH, BTC), account="live", within=20)
    then.it(eth).has_condition("Ready", "True", within=10)
    then.it(eth).has_no_open_orders(account="testnet", within=1)

    capitals = [sighting.object.get("status", {}).get("capital") for sighting in watch.seen]
    seen = list(dict.fromkeys(capital for capital in capitals if capital and capital != "0"))
    assert seen == ["10000", "1000", "2000", "5000"], f"capital went another way: {seen}"

    records = then.it(eth).has_records(
        ("testnet", 0, "Passed"),
        ("small-capital", 0, "Passed"),
        ("scale-up", 0, "Passed"),
        ("scale-up", 1, "Passed"),
    )
    for record in records:
        then.record_is_complete(record)
    then.it(eth).record_cannot_be_changed(records[0])
    then.it(eth).was_the_only_writer(account="live")


def test_a_failing_gate_takes_the_capital_back_and_keeps_the_evidence(
    given: Given, when: When, then: Then
) -> None:
    given.a_venue("testnet", "live")
    impossible = gate("NetPnL", min="1000000")
    eth = given.a_market_maker(
        "eth",
        [
            stage("testnet", "testnet", capital="2000", soak="2s"),
            stage("small-capital", "live", soak="2s", sample={"fills": 1}, gates=[*CONDUCT, impossible]),
        ],
    )
    when.applied(eth)
    then.it(eth).has_condition("Stalled", "True", within=90, reason="GateFailed", says="NetPnL")
    then.it(eth).has_no_open_orders(account="live", within=20)
    _, failed = then.it(eth).has_records(("testnet", 0, "Passed"), ("small-capital", 0, "Failed"))
    verdicts = {item["name"]: item for item in failed["spec"]["gates"]}
    assert verdicts["NetPnL"]["verdict"] == "Fail"
    assert "1000000" in verdicts["NetPnL"]["threshold"]
    assert eth.status()["failedRevision"] == failed["spec"]["revision"]
    # the last stage that passed has the capital again
    then.it(eth).reaches("RolledBack", stage="testnet", capital="2000", within=60)
    then.it(eth).quotes(account="testnet", within=30)

    when.edited(eth, {"strategy": {"parameters": {"baseSpread": "0.0003"}}})
    after = then.it(eth).has_another_revision_than(failed["spec"]["revision"], within=20)
    assert after["stage"] == "testnet", "a new revision begins at the first stage"
    then.it(eth).has_condition("Stalled", "False", within=20)


def test_missing_evidence_waits_says_for_what_and_never_passes(given: Given, when: When, then: Then) -> None:
    given.a_venue("paper")
    eth = given.a_market_maker(
        "eth",
        [
            stage("paper", "paper", soak="2s", timeout="12s", sample={"fills": 1_000_000}),
            stage("next", "paper", soak="1s", gates=[]),
        ],
    )
    when.applied(eth)
    waiting = then.it(eth).reaches("WaitingForEvidence", stage="paper", within=60)
    assert waiting["run"]["deadline"], "the wait has no end"
    then.it(eth).has_condition("Progressing", "True", within=5, reason="WaitingForEvidence", says="fills")
    then.it(eth).has_condition("Stalled", "True", within=40, reason="DeadlineExceeded", says="fills")
    (record,) = then.it(eth).has_records(("paper", 0, "Failed"))
    assert "fills" in record["spec"]["reason"], record["spec"]["reason"]
    assert eth.status()["stage"] != "next"
    then.it(eth).has_no_open_orders(account="paper", within=20)
