"""The rollout from end to end: observe, decide and act against a fake API server, with a real Redis and fake traders."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

from world import NAMESPACE, World, default_stages

from mm_operator.kube.http_sources import Reading


def stages(*changes: dict[str, Any]) -> dict[str, Any]:
    """The default rollout with changes to its stages, in order."""
    merged = [
        {**stage, **change} for stage, change in zip(default_stages(), [*changes, {}, {}, {}], strict=False)
    ]
    return {"rollout": {"stages": merged}}


async def test_a_marketmaker_goes_through_all_stages_to_full_scale(world: World) -> None:
    world.market_maker()
    await world.settle()
    assert world.pods() == ["eth-usdc-test-0"]
    assert (world.status().state, world.status().stage) == ("Soaking", "testnet")
    await world.run_until("Live")
    status = world.status()
    assert (status.stage, status.capital, status.last_verdict) == ("scale-up", "5000", "scale-up/1 Passed")
    assert [(record["stage"], record["step"], record["result"]) for record in world.records()] == [
        ("testnet", 0, "Passed"),
        ("small-capital", 0, "Passed"),
        ("scale-up", 0, "Passed"),
        ("scale-up", 1, "Passed"),
    ]
    assert world.pods() == ["eth-usdc-main-0"]
    assert world.condition("Ready") == ("True", "Quoting")
    assert world.traders.config_of(world.kube.named("pods")["eth-usdc-main-0"]).symbols == [
        "ETHUSDC",
        "BTCUSDC",
    ]


async def test_no_two_pods_of_one_identity_ever_quote_in_turns(world: World) -> None:
    world.market_maker()
    await world.settle()
    await world.run_until("Live")
    for identity in {identity for identity, _, _ in world.traders.writers}:
        epochs = [epoch for name, _, epoch in world.traders.writers if name == identity]
        assert epochs == sorted(epochs)
        holders = {(epoch, uid) for name, uid, epoch in world.traders.writers if name == identity}
        assert len(holders) == len({epoch for epoch, _ in holders})


async def test_a_second_look_at_a_settled_marketmaker_writes_nothing(world: World) -> None:
    world.market_maker()
    await world.settle()
    await world.run_until("Live")
    await world.settle()
    before = len(world.kube.writes)
    await world.look()
    assert world.kube.writes[before:] == []


async def test_a_failing_gate_takes_the_capital_back_to_the_testnet_and_keeps_the_evidence(
    world: World,
) -> None:
    world.market_maker()
    await world.settle()
    await world.run_until("Soaking", "small-capital")
    world.traders.behaviour.pnl_per_tick = Decimal(-2)
    await world.run_until("RolledBack")
    await world.settle()
    status = world.status()
    assert (status.stage, status.capital) == ("testnet", "10000")
    assert world.pods() == ["eth-usdc-test-0"]
    failed = world.records()[-1]
    assert (failed["stage"], failed["result"]) == ("small-capital", "Failed")
    gate = next(gate for gate in failed["gates"] if gate["name"] == "NetPnL")
    assert gate["verdict"] == "Fail"
    assert gate["threshold"] == ">= 0"
    assert Decimal(gate["value"]) < 0
    assert Decimal(failed["evidence"]["netPnl"]) < 0
    assert world.condition("Stalled")[0] == "True"


async def test_an_edit_starts_a_new_revision_while_a_failed_one_is_stalled(world: World) -> None:
    world.market_maker()
    world.traders.behaviour.pnl_per_tick = Decimal(-2)
    await world.settle()
    await world.run_until("RolledBack")
    failed = world.status().failed_revision
    world.traders.behaviour.pnl_per_tick = Decimal(1)
    world.patch({"strategy": {"name": "BasicMarketMaking", "parameters": {"baseSpread": "0.001"}}})
    await world.settle()
    assert world.status().state == "Soaking"
    assert world.status().revision != failed
    await world.run_until("Live")


async def test_raising_the_attempt_tries_the_same_revision_again(world: World) -> None:
    world.market_maker()
    world.traders.behaviour.pnl_per_tick = Decimal(-2)
    await world.settle()
    await world.run_until("RolledBack")
    failed = world.status().failed_revision
    world.traders.behaviour.pnl_per_tick = Decimal(1)
    world.patch({"rollout": {"attempt": 2}})
    await world.run_until("Live")
    assert world.status().revision == failed
    assert {record["attempt"] for record in world.records()} == {1, 2}


async def test_a_failure_goes_back_to_the_stable_revision_on_the_same_account(world: World) -> None:
    world.market_maker()
    await world.settle()
    await world.run_until("Live")
    stable = world.status().revision
    world.patch({"strategy": {"name": "BasicMarketMaking", "parameters": {"baseSpread": "0.001"}}})
    await world.settle()
    assert world.pods() == ["eth-usdc-main-0", "eth-usdc-test-0"], (
        "the testnet stage runs beside the stable revision"
    )
    assert world.status().stable is not None
    await world.run_until("Soaking", "small-capital")
    world.traders.behaviour.pnl_per_tick = Decimal(-2)
    await world.run_until("RolledBack")
    await world.settle()
    status = world.status()
    assert (status.revision, status.capital) == (stable, "5000")
    assert world.traders.config_of(world.kube.named("pods")["eth-usdc-main-0"]).revision == stable


async def test_putting_the_stable_spec_back_restores_it_without_earning_again(world: World) -> None:
    world.market_maker()
    await world.settle()
    await world.run_until("Live")
    stable = world.status().revision
    world.patch({"strategy": {"name": "BasicMarketMaking", "parameters": {"baseSpread": "0.001"}}})
    await world.settle()
    world.patch({"strategy": None})
    await world.settle()
    assert (world.status().revision, world.status().state) == (stable, "Live")
    assert world.pods() == ["eth-usdc-main-0"]


async def test_a_gate_without_evidence_waits_and_then_fails_at_the_deadline(world: World) -> None:
    world.market_maker(**stages({"sample": {"fills": 100_000}, "timeout": "60s"}))
    await world.settle()
    await world.run_until("WaitingForEvidence")
    await world.run(1)
    assert "fills" in next(item.message for item in world.status().conditions if item.type == "Progressing")
    await world.run_until("Stalled", limit=120)
    await world.settle()
    assert world.records()[-1]["reason"].startswith("DeadlineExceeded")
    assert world.status().gate == "failed DeadlineExceeded"
    assert world.pods() == []
    assert world.status().capital == "0"


async def test_a_silent_trader_is_inconclusive_and_never_passes(world: World) -> None:
    world.market_maker()
    await world.settle()
    await world.run(1)
    world.traders.behaviour.silent = True
    await world.run(20)
    assert world.status().state == "WaitingForEvidence"
    assert {gate.verdict for gate in world.status().gates} == {"Inconclusive"}


async def test_on_failure_halt_stops_the_trader_in_place(world: World) -> None:
    plan = stages({"gates": [{"name": "NetPnL"}]})
    plan["rollout"]["onFailure"] = "Halt"
    world.market_maker(**plan)
    world.traders.behaviour.pnl_per_tick = Decimal(-2)
    await world.settle()
    await world.run_until("Halted")
    await world.settle()
    assert world.status().halt_reason == "StageFailed"
    assert world.pods() == ["eth-usdc-test-0"]
    world.traders.behaviour.pnl_per_tick = Decimal(1)
    world.patch({"strategy": {"name": "BasicMarketMaking", "parameters": {"baseSpread": "0.001"}}})
    await world.settle()
    assert world.status().state == "Soaking", "an edit is the way on"


async def test_a_stage_that_needs_approval_waits_for_this_revisions_approval(world: World) -> None:
    world.market_maker(**stages({"approval": "Required"}))
    await world.settle()
    await world.run_until("WaitingForApproval")
    revision = world.status().revision
    _approve(world, "wrong", "abcdef123456")
    await world.run(2)
    assert world.status().state == "WaitingForApproval"
    _approve(world, "expired", revision, hours=-1)
    await world.run(2)
    assert world.status().state == "WaitingForApproval"
    _approve(world, "right", revision)
    await world.run_until("Soaking", "small-capital")


def _approve(world: World, name: str, revision: str | None, hours: int = 1) -> None:
    expires = (world.clock.at + timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ")
    spec = {
        "marketMakerRef": {"name": "eth-usdc"},
        "revision": revision,
        "stage": "testnet",
        "expiresAt": expires,
    }
    body = {
        "apiVersion": "mm-rebuild.io/v1alpha1",
        "kind": "StageApproval",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": spec,
    }
    world.kube.put("stageapprovals", body)


async def test_a_freeze_window_holds_promotion_but_not_a_pause(world: World) -> None:
    plan = stages()
    plan["rollout"]["freeze"] = [{"cron": "0 8 * * *", "duration": "1h"}]
    world.market_maker(**plan)
    await world.settle()
    await world.run_until("Frozen")
    world.patch({"pause": "Halted"})
    await world.settle()
    assert world.status().state == "Halted"
    world.patch({"pause": "None"})
    world.clock.at += timedelta(hours=1)
    await world.settle()
    await world.run_until("Soaking", "small-capital")


async def test_a_pause_stops_the_clock_of_a_step(world: World) -> None:
    world.market_maker()
    await world.settle()
    await world.run(5)
    before = world.status().run
    world.patch({"pause": "Halted"})
    await world.settle()
    world.clock.at += timedelta(hours=3)
    await world.settle()
    world.patch({"pause": "None"})
    await world.settle()
    after = world.status().run
    assert before and after and before.soak_ends_at and after.soak_ends_at
    assert after.soak_ends_at - before.soak_ends_at == timedelta(hours=3)
    assert world.status().state == "Soaking"


async def test_an_operator_upgrade_changes_no_running_trader(world: World) -> None:
    world.market_maker()
    await world.settle()
    await world.run_until("Live")
    await world.settle()
    pod = world.kube.named("pods")["eth-usdc-main-0"]["metadata"]["uid"]
    sets = dict(world.kube.named("statefulsets"))
    world.restart_operator(trader_image="trader:2")
    await world.run(3)
    assert world.kube.named("pods")["eth-usdc-main-0"]["metadata"]["uid"] == pod
    assert world.kube.named("statefulsets") == sets
    world.patch({"strategy": {"name": "BasicMarketMaking", "parameters": {"baseSpread": "0.001"}}})
    await world.settle()
    image = world.kube.named("pods")["eth-usdc-test-0"]["spec"]["containers"][0]["image"]
    assert image == "trader:2", "a new revision begins with the operator's new image"


async def test_a_tighter_limit_reaches_the_running_trader_at_once_and_is_no_new_revision(
    world: World,
) -> None:
    world.market_maker()
    await world.settle()
    await world.run_until("Live")
    await world.settle()
    revision, pod = world.status().revision, world.kube.named("pods")["eth-usdc-main-0"]["metadata"]["uid"]
    world.patch({"risk": {"dailyLossLimit": "40"}})
    await world.settle()
    assert world.status().revision == revision
    assert world.kube.named("pods")["eth-usdc-main-0"]["metadata"]["uid"] == pod
    entries = await world.redis.xrange("mm:v1:{simulator.trading.main-keys}:commands")
    tightened = [fields["command"] for _, fields in entries if '"Tighten"' in fields["command"]]
    assert len(tightened) == 1
    assert '"dailyLossLimit":"40"' in tightened[0]
    template = world.kube.named("statefulsets")["eth-usdc-main"]["spec"]["template"]
    name = next(
        volume["configMap"]["name"] for volume in template["spec"]["volumes"] if volume["name"] == "config"
    )
    assert "dailyLossLimit: '40'" in world.kube.named("configmaps")[name]["data"]["config.yaml"]


async def test_a_looser_limit_is_a_new_revision(world: World) -> None:
    world.market_maker()
    await world.settle()
    await world.run_until("Live")
    revision = world.status().revision
    world.patch({"risk": {"dailyLossLimit": "400"}})
    await world.settle()
    assert world.status().revision != revision
    assert world.status().stage == "testnet"


async def test_a_custom_gate_asks_prometheus_and_an_error_is_no_success(world: World) -> None:
    gate = {"name": "Custom", "promql": 'up{mm="$name",ns="$namespace"}', "max": "0.1"}
    world.market_maker(**stages({"gates": [gate]}))
    world.prometheus.reading = Reading(error="Prometheus does not answer")
    await world.settle()
    await world.run_until("WaitingForEvidence")
    assert world.status().gates[0].verdict == "Error"
    assert world.prometheus.asked[-1] == 'up{mm="eth-usdc",ns="trading"}'
    world.prometheus.reading = Reading(0.05)
    await world.run_until("Soaking", "small-capital")


async def test_a_trader_that_never_quotes_fails_its_step_in_the_end(world: World) -> None:
    world.market_maker()
    world.traders.behaviour.silent = True
    await world.settle()
    assert world.status().state == "Starting"
    world.clock.at += timedelta(minutes=11)
    await world.settle()
    assert world.records()[-1]["reason"].startswith("StartTimedOut")
    assert world.status().state == "Stalled"
