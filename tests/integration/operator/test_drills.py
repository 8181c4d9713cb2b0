"""Drills are gates: a stage that names them passes when each has come out clean, fails when one has not, and never holds one with real money."""

from __future__ import annotations

from typing import Any

from world import World, default_stages

ALL = ["Disconnect", "OrderTimeout", "CircuitBreaker", "EmergencyStop", "KillAndRecover"]


def with_drills(*names: str, **of_stage: Any) -> dict[str, Any]:
    stages = default_stages()
    stages[0] = {**stages[0], "drills": list(names), **of_stage}
    return {"rollout": {"stages": stages}}


async def test_a_stage_passes_when_every_drill_has_and_its_record_says_so(world: World) -> None:
    world.market_maker(**with_drills(*ALL))
    await world.settle()
    await world.run_until("Soaking", "small-capital")
    record = next(record for record in world.records() if record["stage"] == "testnet")
    gates = {gate["name"]: gate for gate in record["gates"]}
    assert [gates[f"Drill{name}"]["verdict"] for name in ALL] == ["Pass"] * 5
    assert "nothing open at the venue after" in gates["DrillEmergencyStop"]["message"]
    assert gates["NoRestarts"]["verdict"] == "Pass", "the drill's own kill is no restart"
    commands = await world.redis.xrange("mm:v1:{simulator.trading.test-keys}:commands")
    asked = [fields["command"] for _, fields in commands if '"Drill"' in fields["command"]]
    assert len(asked) == 4, "each once, and the emergency stop is the operator's"
    assert await world.redis.hgetall("mm:v1:{simulator.trading.test-keys}:latches") == {}


async def test_a_drill_that_goes_wrong_fails_the_stage_at_once(world: World) -> None:
    world.traders.behaviour.fails_drills = ("OrderTimeout",)
    world.market_maker(**with_drills("Disconnect", "OrderTimeout", "EmergencyStop", soak="1h"))
    await world.settle()
    await world.run_until("Stalled", limit=60)
    record = next(record for record in world.records() if record["stage"] == "testnet")
    assert "DrillOrderTimeout Fail" in record["reason"]
    gates = {gate["name"]: gate["verdict"] for gate in record["gates"]}
    assert gates["DrillEmergencyStop"] == "Inconclusive", "nothing more is drilled after a failure"


async def test_a_pause_is_no_time_for_a_drill(world: World) -> None:
    world.market_maker(pause="Halted", **with_drills("Disconnect"))
    await world.settle()
    await world.run(20)
    commands = await world.redis.xrange("mm:v1:{simulator.trading.test-keys}:commands")
    assert not [fields for _, fields in commands if '"Drill"' in fields["command"]]


async def test_real_money_is_never_drilled_with(world: World) -> None:
    world.account("real", environment="mainnet")
    world.kube.patch_spec("venueaccounts", "trading", "real", {"allowRealMoney": True})
    stages = default_stages()
    stages[0] = {**stages[0], "accountRef": {"name": "real"}, "drills": ["Disconnect"]}
    world.market_maker(rollout={"stages": stages})
    await world.settle()
    assert world.pods() == []
    assert world.condition("Ready") == ("False", "DrillsNotAllowed")


async def test_only_the_first_step_of_a_stage_is_drilled(world: World) -> None:
    stages = default_stages()
    stages[2] = {**stages[2], "drills": ["Disconnect"]}
    world.market_maker(rollout={"stages": stages})
    await world.settle()
    await world.run_until("Live")
    drilled = [
        record["step"]
        for record in world.records()
        if any(gate["name"] == "DrillDisconnect" for gate in record["gates"])
    ]
    assert drilled == [0]
