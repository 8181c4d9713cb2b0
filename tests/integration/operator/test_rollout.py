"""The rollout from end to end: observe, decide and act against a fake API server, with a real Redis and fake traders."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from world import World


async def test_a_marketmaker_goes_through_all_stages_to_full_scale(world: World) -> None:
    world.market_maker()
    await world.settle()
    assert world.pods() == ["eth-usdc-test-0"]
    assert world.status().state == "Soaking"
    assert world.status().stage == "testnet"
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
    assert world.traders.config_of(world.kube.named("pods")["eth-usdc-main-0"]).symbols == ["ETHUSDC", "BTCUSDC"]
