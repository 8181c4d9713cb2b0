"""A stage that names drills puts its trader through them on a real cluster, and its record says how each one went."""

from __future__ import annotations

from e2e.kit.objects import gate, stage
from e2e.kit.steps import Given, Then, When

ALL = ["Disconnect", "OrderTimeout", "CircuitBreaker", "EmergencyStop", "KillAndRecover"]


def test_a_trader_is_drilled_before_it_passes_its_first_stage(given: Given, when: When, then: Then) -> None:
    given.a_venue("testnet")
    eth = given.a_market_maker(
        "eth",
        [
            stage(
                "testnet",
                "testnet",
                soak="2s",
                timeout="10m",
                gates=[gate("NoRestarts"), gate("NoOrderAnomalies"), gate("RiskControlsWork")],
                drills=ALL,
            )
        ],
        engine={"orderTimeout": "1s", "requoteTolerance": "0.02"},
    )
    when.applied(eth)
    then.it(eth).reaches("Live", within=240)
    (record,) = then.it(eth).has_records(("testnet", 0, "Passed"))
    verdicts = {gate["name"]: (gate["verdict"], gate["message"]) for gate in record["spec"]["gates"]}
    assert {name: verdicts[f"Drill{name}"][0] for name in ALL} == dict.fromkeys(ALL, "Pass"), verdicts
    assert verdicts["NoRestarts"][0] == "Pass", "the drill's own kill is no restart"
    then.it(eth).quotes(within=20)
    then.it(eth).was_the_only_writer()
