"""Halts from every source: durable in Redis, visible in status, lifted only as they must be."""

from __future__ import annotations

from aiohttp.test_utils import TestClient, TestServer
from world import NAMESPACE, World

from mm_operator.handlers import webhook
from mm_operator.reconcile.loop import Loops

MAIN = "simulator.trading.main-keys"
LATCHES = f"mm:v1:{{{MAIN}}}:latches"


async def live(world: World) -> None:
    world.market_maker()
    await world.settle()
    await world.run_until("Live")
    await world.settle()


async def test_a_risk_latch_is_shown_survives_the_pod_and_ends_by_acknowledgement(world: World) -> None:
    await live(world)
    halt = await world.traders.latch(MAIN, "DailyLossLimit", world.clock.at)
    await world.settle()
    assert (world.status().state, world.status().halt_reason) == ("Halted", "DailyLossLimit")
    assert world.condition("TradingHalted") == ("True", "DailyLossLimit")
    world.kube.remove("pods", NAMESPACE, "eth-usdc-main-0")
    await world.run(3)
    assert world.pods() == ["eth-usdc-main-0"]
    assert world.status().state == "Halted"
    world.patch({"acknowledgeHalt": "risk-something-else"})
    await world.settle()
    assert world.status().state == "Halted"
    world.patch({"acknowledgeHalt": halt})
    await world.settle()
    assert (world.status().state, world.status().halts) == ("Live", [])
    assert world.status().acknowledged == [halt]


async def test_an_old_acknowledgement_does_not_lift_a_new_halt(world: World) -> None:
    await live(world)
    first = await world.traders.latch(MAIN, "DailyLossLimit", world.clock.at)
    world.patch({"acknowledgeHalt": first})
    await world.settle()
    await world.run(1)
    await world.traders.latch(MAIN, "DailyLossLimit", world.clock.at)
    await world.settle()
    assert world.status().state == "Halted"


async def test_spec_pause_latches_and_lifts(world: World) -> None:
    await live(world)
    for level in ("ReduceOnly", "Halted"):
        world.patch({"pause": level})
        await world.settle()
        assert world.status().state == level
    world.patch({"pause": "None"})
    await world.settle()
    assert world.status().state == "Live"
    assert await world.redis.hgetall(LATCHES) == {}


async def test_hibernation_scales_to_none_after_a_clean_stop_and_comes_back(world: World) -> None:
    await live(world)
    world.traders.behaviour.keeps_orders = True
    world.patch({"pause": "Hibernated"})
    await world.settle()
    assert world.pods() == ["eth-usdc-main-0"], "it waits for the venue's word first"
    world.traders.behaviour.keeps_orders = False
    await world.settle()
    assert (world.pods(), world.status().state) == ([], "Hibernated")
    assert "eth-usdc-main" in world.kube.named("statefulsets"), "its journal stays"
    world.patch({"pause": "None"})
    await world.settle()
    assert (world.pods(), world.status().state) == (["eth-usdc-main-0"], "Live")


async def test_a_marketmaker_that_is_paused_from_birth_never_quotes(world: World) -> None:
    world.market_maker(pause="Halted")
    await world.settle()
    assert world.status().state == "Halted"
    assert world.traders.writers == []


async def test_a_tradinghalt_stops_what_its_selector_matches_and_lifts_what_it_stopped(world: World) -> None:
    await live(world)
    body = world.kube.objects[("marketmakers", NAMESPACE, "eth-usdc")]
    body["metadata"]["labels"] = {"desk": "a"}
    halt = {
        "apiVersion": "mm-rebuild.io/v1alpha1",
        "kind": "TradingHalt",
        "metadata": {"name": "stop", "namespace": NAMESPACE},
        "spec": {"reason": "venue maintenance", "selector": {"desk": "b"}},
    }
    world.kube.put("tradinghalts", halt)
    await world.settle()
    assert world.status().state == "Live"
    world.kube.put(
        "tradinghalts", {**halt, "spec": {"reason": "venue maintenance", "selector": {"desk": "a"}}}
    )
    await world.settle()
    assert (world.status().state, world.status().halt_reason) == ("Halted", "TradingHalt")
    world.kube.remove("tradinghalts", NAMESPACE, "stop")
    await world.settle()
    assert world.status().state == "Live"


async def test_a_cluster_halt_counts_only_in_the_operators_own_namespace(world: World) -> None:
    await live(world)
    spec = {"reason": "all stop", "scope": "Cluster"}
    for namespace, state in (("elsewhere", "Live"), ("operators", "Halted")):
        metadata = {"name": "all", "namespace": namespace}
        world.kube.put(
            "tradinghalts",
            {
                "apiVersion": "mm-rebuild.io/v1alpha1",
                "kind": "TradingHalt",
                "metadata": metadata,
                "spec": spec,
            },
        )
        await world.settle()
        assert world.status().state == state


async def test_halts_are_restored_and_the_epoch_grows_when_redis_comes_back_empty(world: World) -> None:
    await live(world)
    halt = await world.traders.latch(MAIN, "DailyLossLimit", world.clock.at)
    await world.settle()
    epoch = int(await world.redis.hget(f"mm:v1:{{{MAIN}}}:fence", "epoch"))
    await world.redis.flushall()
    await world.redis.acl_deluser(f"mm-{MAIN}")
    world.traders.evidence.clear()
    await world.run(40)
    assert halt in await world.redis.hgetall(LATCHES)
    assert world.status().state == "Halted"
    assert int(await world.redis.hget(f"mm:v1:{{{MAIN}}}:fence", "epoch")) > epoch
    assert f"mm-{MAIN}" in await world.redis.acl_users(), "the trader's Redis user is made again"
    world.patch({"acknowledgeHalt": halt})
    await world.run_until("Live")


async def test_a_fence_that_redis_lost_alone_gets_a_higher_epoch_and_never_the_same_again(
    world: World,
) -> None:
    await live(world)
    fence = f"mm:v1:{{{MAIN}}}:fence"
    epoch = int(await world.redis.hget(fence, "epoch"))
    await world.redis.delete(fence)
    await world.run(40)
    assert int(await world.redis.hget(fence, "epoch")) == epoch + 1
    assert world.traders.writers[-1][2] == epoch + 1
    assert world.status().state == "Live"


async def test_an_acknowledged_halt_that_an_older_database_brings_back_is_lifted_again(world: World) -> None:
    await live(world)
    halt = await world.traders.latch(MAIN, "DailyLossLimit", world.clock.at)
    saved = await world.redis.hgetall(LATCHES)
    world.patch({"acknowledgeHalt": halt})
    await world.settle()
    await world.redis.hset(LATCHES, mapping=saved)
    await world.settle()
    assert world.status().state == "Live"


async def test_a_gate_that_fails_at_full_scale_halts_until_a_person_has_looked(world: World) -> None:
    await live(world)
    evidence = world.traders.evidence
    scope = next(name for name in evidence if "/scale-up/1/" in name)
    evidence[scope] = evidence[scope].model_copy(update={"net_pnl": -1000})
    await world.run(2)
    assert (world.status().state, world.status().halt_reason) == ("Halted", "GateNetPnL")
    await world.run(1)
    assert len(world.status().halts) == 1
    world.patch({"acknowledgeHalt": world.status().halts[0].id})
    await world.run(10)
    assert world.status().state == "Live", "the loss that was acknowledged is accepted"
    evidence[scope] = evidence[scope].model_copy(update={"net_pnl": evidence[scope].net_pnl - 500})
    await world.run(2)
    assert world.status().halt_reason == "GateNetPnL", "a new one is not"


async def test_a_loss_whose_own_halt_is_on_its_way_is_no_failed_gate_beside_it(world: World) -> None:
    await live(world)
    evidence, states = world.traders.evidence, world.traders.risk_levels
    scope = next(name for name in evidence if "/scale-up/1/" in name)
    states[MAIN] = "Halted"  # the trader has stopped; its latch is not in Redis yet
    evidence[scope] = evidence[scope].model_copy(update={"net_pnl": -1000})
    await world.run(2)
    assert world.status().halts == []
    halt = await world.traders.latch(MAIN, "DailyLossLimit", world.clock.at)
    await world.settle()
    assert [entry.id for entry in world.status().halts] == [halt]
    world.patch({"acknowledgeHalt": halt})
    states.clear()
    await world.run(10)
    assert world.status().state == "Live", "one halt, one acknowledgement"


def alert(fingerprint: str = "abc123", status: str = "firing", **labels: str) -> dict[str, object]:
    labels = {"alertname": "MarketMakerLoss", "marketmaker": "eth-usdc", "namespace": NAMESPACE, **labels}
    one = {
        "status": status,
        "labels": labels,
        "annotations": {"summary": "losing"},
        "startsAt": "2026-03-02T08:00:00.000Z",
        "fingerprint": fingerprint,
    }
    return {"version": "4", "alerts": [one]}


async def post(world: World, payload: object, token: str | None = None) -> int:
    loops = Loops(world.context, world.metrics)
    app = webhook.application(world.context, loops, world.metrics)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with TestClient(TestServer(app)) as client:
        status = (await client.post("/alerts", json=payload, headers=headers)).status
    await loops.stop()  # the test itself does the looking
    return status


async def test_an_alert_halts_once_and_its_resolution_lifts_nothing(world: World) -> None:
    await live(world)
    assert await post(world, alert()) == 200
    assert await post(world, alert()) == 200
    await world.settle()
    assert [halt.id for halt in world.status().halts] == ["alert-abc123-1772438400000"]
    assert await post(world, alert(status="resolved")) == 200
    await world.settle()
    assert world.status().state == "Halted"
    world.patch({"acknowledgeHalt": "alert-abc123-1772438400000"})
    await world.settle()
    assert await post(world, alert()) == 200
    await world.settle()
    assert world.status().state == "Live", "Alertmanager repeats it; a person has lifted it"


async def test_an_alert_for_another_or_no_marketmaker_halts_nothing(world: World) -> None:
    await live(world)
    assert await post(world, alert(marketmaker="other")) == 200
    assert await post(world, {"alerts": [{"status": "firing", "labels": {}}]}) == 200
    assert await post(world, {"alerts": "no"}) == 400
    await world.settle()
    assert world.status().state == "Live"


async def test_an_alert_halts_a_trader_whose_spec_has_become_unreadable(world: World) -> None:
    await live(world)
    world.patch({"risk": {"maxClockSkew": "0d"}})
    await world.settle()
    assert await post(world, alert()) == 200
    await world.settle()
    assert world.status().halt_reason == "MarketMakerLoss"


async def test_an_alert_that_cannot_be_read_keeps_none_beside_it_from_halting(world: World) -> None:
    await live(world)
    (good,) = alert()["alerts"]
    bad: list[object] = [
        {**good, "startsAt": "soon"},
        {**good, "fingerprint": ""},
        "no alert",
        {**good, "labels": []},
    ]
    assert await post(world, {"alerts": [*bad, {**good, "annotations": ["losing"]}]}) == 400
    await world.settle()
    assert [halt.id for halt in world.status().halts] == ["alert-abc123-1772438400000"]


async def test_the_webhook_wants_its_token(world: World) -> None:
    await live(world)
    world.restart_operator(webhook_token="secret")
    assert await post(world, alert()) == 401
    assert await post(world, alert(), token="secröt") == 401
    assert await post(world, alert(), token="secret") == 200


async def test_the_webhook_says_yes_only_when_redis_has_the_halt(world: World) -> None:
    await live(world)
    await world.redis.config_set("min-replicas-to-write", 1)
    try:
        assert await post(world, alert()) == 503
    finally:
        await world.redis.config_set("min-replicas-to-write", 0)
    assert await post(world, alert()) == 200
