"""How a MarketMaker's traders are watched and told of: alert channels, log, recording; and a spec that cannot be read."""

from __future__ import annotations

from typing import Any

import yaml
from world import World

CHANNELS = [{"name": "chat", "type": "Webhook", "urlSecretRef": {"name": "chat", "key": "url"}}]


def config_of(world: World, workload: str) -> dict[str, Any]:
    volumes = world.kube.named("statefulsets")[workload]["spec"]["template"]["spec"]["volumes"]
    name = next(volume["configMap"]["name"] for volume in volumes if volume["name"] == "config")
    found: dict[str, Any] = yaml.safe_load(world.kube.named("configmaps")[name]["data"]["config.yaml"])
    return found


async def test_a_missing_secret_of_a_channel_is_waited_for_by_name(world: World) -> None:
    world.market_maker(alerts={"channels": CHANNELS})
    await world.settle()
    assert world.pods() == []
    assert world.condition("Ready") == ("False", "AlertSecretNotFound")
    said = {item.type: item.message for item in world.status().conditions}
    assert "Secret chat" in said["Stalled"]
    world.secret("chat")
    await world.settle()
    await world.run_until("Live")
    assert config_of(world, "eth-usdc-main")["alerts"]["channels"][0]["urlFile"] == "/etc/mm/alerts/chat/url"


async def test_what_says_how_a_trader_is_watched_is_no_new_revision_and_replaces_no_pod(world: World) -> None:
    world.market_maker()
    await world.settle()
    await world.run_until("Live")
    revision, pods = world.status().revision, _uids(world)
    world.patch({"logging": {"level": "DEBUG"}, "alerts": {"channels": [{"name": "c", "type": "Console"}]}})
    await world.settle()
    assert (world.status().revision, world.status().state, _uids(world)) == (revision, "Live", pods)
    waiting = config_of(world, "eth-usdc-main")
    assert waiting["logging"] == {"level": "DEBUG"}, "in force when the pod next starts"
    assert waiting["alerts"]["channels"] == [{"name": "c", "type": "Console"}]


async def test_a_running_trader_goes_on_without_its_channels_secret_and_the_condition_says_what_a_restart_would_meet(
    world: World,
) -> None:
    world.market_maker()
    await world.settle()
    await world.run_until("Live")
    pods = _uids(world)
    world.patch({"alerts": {"channels": CHANNELS}})
    await world.settle()
    assert (world.status().state, _uids(world)) == ("Live", pods)
    assert world.condition("Stalled") == ("True", "AlertSecretNotFound")
    world.secret("chat")
    await world.settle()
    assert world.condition("Stalled")[0] == "False"


async def test_a_recording_that_does_not_fit_the_volume_is_refused_with_both_sizes(world: World) -> None:
    world.market_maker(recording={"segmentMib": 32, "keepSegments": 8})
    await world.settle()
    assert world.condition("Ready") == ("False", "StorageTooSmall")
    said = {item.type: item.message for item in world.status().conditions}["Stalled"]
    assert "352 MiB" in said
    assert "256" in said
    world.patch({"trader": {"storage": "1Gi"}})
    await world.settle()
    await world.run_until("Live")


async def test_a_spec_that_only_the_models_refuse_is_a_condition_and_no_pod(world: World) -> None:
    world.market_maker(portfolio={"weights": {"ETHUSDC": "0.7", "BTCUSDC": "0.7"}})
    await world.settle()
    assert world.pods() == []
    assert world.condition("Ready") == ("False", "InvalidSpec")
    said = {item.type: item.message for item in world.status().conditions}["Ready"]
    assert "portfolio.weights" in said
    world.patch({"portfolio": {"weights": {"ETHUSDC": "0.5", "BTCUSDC": "0.5"}}})
    await world.settle()
    await world.run_until("Live")


async def test_an_edit_that_only_the_models_refuse_leaves_the_trader_alone_and_a_pause_is_still_obeyed(
    world: World,
) -> None:
    world.market_maker()
    await world.settle()
    await world.run_until("Live")
    pods = _uids(world)
    world.patch({"risk": {"maxClockSkew": "0d"}})
    await world.settle()
    assert (world.status().state, _uids(world)) == ("Live", pods)
    assert world.condition("Stalled") == ("True", "InvalidSpec")
    world.patch({"pause": "Halted"})
    await world.settle()
    assert world.status().state == "Halted"


async def test_one_spec_that_cannot_be_read_stops_no_other_marketmaker(world: World) -> None:
    world.market_maker("broken", portfolio={"weights": {"ETHUSDC": "0.7", "BTCUSDC": "0.7"}})
    world.market_maker()
    await world.settle("broken", "eth-usdc")
    assert world.condition("Ready", "broken") == ("False", "InvalidSpec")
    await world.run_until("Live")


def _uids(world: World) -> dict[str, str]:
    return {name: body["metadata"]["uid"] for name, body in world.kube.named("pods").items()}
