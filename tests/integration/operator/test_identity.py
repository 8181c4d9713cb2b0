"""Accounts, Secrets, identities, deletion: what only the operator can judge, and what mends itself."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from redis.asyncio import Redis
from world import NAMESPACE, World, default_stages

from mm_operator.kube.client import KubeError
from mm_operator.kube.http_sources import Listing


def one_stage(
    account: str = "test", capital: str = "1000", symbols: tuple[str, ...] = ("ETHUSDC",)
) -> dict[str, Any]:
    stage = {
        "name": "only",
        "accountRef": {"name": account},
        "symbols": list(symbols),
        "capital": capital,
        "soak": "5s",
        "gates": [{"name": "NoRestarts"}],
    }
    return {"rollout": {"stages": [stage]}}


async def test_a_missing_account_is_a_condition_and_goes_on_when_it_appears(redis: Redis) -> None:
    world = World(redis)
    world.market_maker(**one_stage())
    await world.settle()
    assert (world.status().state, world.pods()) == ("Blocked", [])
    assert world.condition("Stalled") == ("True", "AccountNotFound")
    world.account("test")
    await world.settle()
    assert world.status().state == "Soaking"


async def test_an_account_whose_address_is_real_money_under_another_name_makes_no_pod(redis: Redis) -> None:
    world = World(redis)
    world.account("test", environment="testnet")
    endpoints = {"rest": "https://api.binance.com", "wsApi": "ws://s", "stream": "ws://s"}
    world.kube.patch_spec("venueaccounts", "trading", "test", {"endpoints": endpoints})
    world.market_maker(**one_stage())
    await world.settle()
    assert world.pods() == []
    assert world.condition("Ready") == ("False", "InvalidAccount")


async def test_a_missing_secret_is_a_condition_and_goes_on_when_it_appears(redis: Redis) -> None:
    world = World(redis)
    world.account("test", secret=False)
    world.market_maker(**one_stage())
    await world.settle()
    assert (world.status().state, world.pods()) == ("Blocked", [])
    assert world.condition("Ready") == ("False", "SecretNotFound")
    world.secret("test-keys")
    await world.settle()
    assert world.status().state == "Soaking"


async def test_capital_above_the_ceiling_makes_no_pod(world: World) -> None:
    world.market_maker(**one_stage(capital="20001"))
    await world.settle()
    assert (world.status().state, world.pods()) == ("Blocked", [])
    assert world.condition("Stalled") == ("True", "CapitalAboveCeiling")


async def test_a_ceiling_lowered_below_what_is_at_work_halts_until_it_fits(world: World) -> None:
    world.market_maker(**one_stage())
    await world.settle()
    world.account("test", ceiling="500")
    await world.settle()
    assert (world.status().state, world.status().halt_reason) == ("Halted", "CapitalAboveCeiling")
    world.account("test", ceiling="5000")
    await world.settle()
    assert world.status().state == "Soaking"


async def test_a_symbol_the_venue_does_not_list_makes_no_pod(world: World) -> None:
    world.listings.answer = Listing(frozenset({"BTCUSDC"}))
    world.market_maker(**one_stage())
    await world.settle()
    assert (world.pods(), world.condition("Stalled")) == ([], ("True", "SymbolNotListed"))
    world.listings.answer = Listing(error="does not answer")
    await world.settle()
    assert world.condition("Stalled") == ("True", "VenueUnreachable")
    world.listings.answer = Listing(frozenset({"ETHUSDC"}))
    await world.settle()
    assert world.status().state == "Soaking"


async def test_a_trader_that_finds_its_symbol_unlisted_is_stopped(world: World) -> None:
    world.traders.behaviour.unlisted = ["ETHUSDC"]
    world.market_maker(**one_stage())
    await world.settle()
    assert (world.pods(), world.condition("Stalled")) == ([], ("True", "SymbolNotListed"))


async def test_a_symbol_in_another_quote_asset_than_the_ceilings_makes_no_pod(world: World) -> None:
    world.market_maker(**one_stage(symbols=("ETHBTC",)))
    await world.settle()
    assert (world.pods(), world.condition("Stalled")) == ([], ("True", "QuoteAssetMismatch"))


async def test_a_second_marketmaker_on_an_identity_is_blocked_and_the_first_unaffected(world: World) -> None:
    world.market_maker("first", **one_stage())
    await world.settle("first")
    world.market_maker("second", **one_stage())
    world.patch({"pause": "Halted"}, "second")
    await world.settle("first", "second")
    assert world.pods() == ["first-test-0"]
    assert world.status("first").state in ("Soaking", "Live"), "the second one's pause is not the first one's"
    assert world.condition("IdentityHeld", "second") == ("False", "HeldByAnother")
    world.patch({"pause": "None"}, "second")
    await delete(world, "first")
    await world.settle("second")
    assert world.pods() == ["second-test-0"]
    assert world.status("second").state == "Soaking"


async def test_an_identity_whose_holder_vanished_is_taken_over_under_a_new_epoch(world: World) -> None:
    world.market_maker("first", **one_stage())
    await world.settle("first")
    for plural in ("marketmakers", "statefulsets", "pods"):
        for name in list(world.kube.named(plural)):
            world.kube.remove(plural, NAMESPACE, name)
    world.market_maker("second", **one_stage())
    await world.settle("second")
    assert world.status("second").state == "Soaking"
    assert world.traders.writers[-1][2] > world.traders.writers[0][2]


async def delete(world: World, name: str = "eth-usdc") -> None:
    """`kubectl delete mm`, until it is gone."""
    body = world.kube.named("marketmakers")[name]
    body["metadata"]["deletionTimestamp"] = world.clock.at.strftime("%Y-%m-%dT%H:%M:%SZ")
    for _ in range(8):
        await world.look(name)
        world.kube.run_controllers()
        await world.traders.tick(world.clock.at)
        if name not in world.kube.named("marketmakers"):
            return


async def test_deletion_cancels_orders_first_and_leaves_nothing_but_the_evidence(world: World) -> None:
    world.market_maker()
    await world.settle()
    await world.run_until("Soaking", "small-capital")
    world.traders.behaviour.keeps_orders = True
    await delete(world)
    assert world.pods() == ["eth-usdc-main-0"], (
        "no pod ends before the venue has confirmed that nothing is open"
    )
    assert world.status().state == "Deleting"
    world.traders.behaviour.keeps_orders = False
    await delete(world)
    for plural in ("marketmakers", "statefulsets", "pods", "services"):
        assert world.kube.named(plural) == {}
    assert [record["result"] for record in world.records()] == ["Passed", "Aborted"]
    assert [user for user in await world.redis.acl_users() if user.startswith("mm-")] == []
    leases = world.kube.named("leases").values()
    assert all("holderIdentity" not in lease["spec"] for lease in leases)


async def test_deletion_ends_by_its_time_out_when_the_trader_does_not_answer(world: World) -> None:
    world.market_maker()
    await world.settle()
    world.traders.behaviour.silent = True
    await delete(world)
    assert "eth-usdc" in world.kube.named("marketmakers")
    began = world.kube.named("marketmakers")["eth-usdc"]["metadata"]["deletionTimestamp"]
    world.clock.at += timedelta(seconds=61)
    for _ in range(6):
        world.kube.named("marketmakers").get("eth-usdc", {}).get("metadata", {}).update(
            deletionTimestamp=began
        )
        if "eth-usdc" in world.kube.named("marketmakers"):
            await world.look()
        world.kube.run_controllers()
    assert world.kube.named("marketmakers") == {}


async def test_a_crashlooping_trader_is_shown_with_its_reason(world: World) -> None:
    world.market_maker(**one_stage())
    await world.settle()
    world.traders.behaviour.silent = True
    pod = world.kube.named("pods")["eth-usdc-test-0"]
    waiting = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 20s"}}
    pod["status"] = {
        "containerStatuses": [
            {"name": "dead-man", "state": {"running": {}}, "restartCount": 0},
            {
                "name": "trader",
                "state": waiting,
                "lastState": {"terminated": {"exitCode": 2}},
                "restartCount": 4,
            },
        ]
    }
    await world.look()
    assert world.status().state == "CrashLooping"
    assert world.condition("Ready") == ("False", "CrashLoopBackOff")


async def test_an_api_server_that_fails_ends_no_loop_and_nothing_is_half_believed(world: World) -> None:
    world.market_maker()
    await world.settle()
    world.kube.fail_with = KubeError(500, "InternalError", "etcd is away")
    with pytest.raises(KubeError):
        await world.look()
    world.kube.fail_with = None
    await world.run(2)
    assert world.status().state == "Soaking"


async def test_venue_keys_are_never_read(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    plain_get = world.kube.get

    async def watched(kind: Any, namespace: str, name: str) -> Any:
        asked.append(f"{kind.plural}/{name}")
        return await plain_get(kind, namespace, name)

    monkeypatch.setattr(world.kube, "get", watched)
    world.market_maker()
    await world.settle()
    await world.run_until("Live")
    assert not [name for name in asked if name.endswith("-keys")]


async def test_the_journal_claim_keeps_its_size_when_the_spec_asks_for_another(world: World) -> None:
    world.market_maker(rollout={"stages": default_stages()})
    await world.settle()
    world.patch({"trader": {"storage": "10Gi"}})
    await world.run(2)
    claim = world.kube.named("statefulsets")["eth-usdc-test"]["spec"]["volumeClaimTemplates"][0]
    assert claim["spec"]["resources"]["requests"]["storage"] == "256Mi"


async def test_an_account_shows_who_holds_it_and_what_is_missing(redis: Redis) -> None:
    world = World(redis)
    world.account("test", secret=False)
    world.market_maker(**one_stage())
    await world.settle()
    status = world.kube.named("venueaccounts")["test"]["status"]
    assert (status["holder"], status["conditions"][0]["reason"]) == (None, "SecretNotFound")
    world.secret("test-keys")
    await world.settle()
    status = world.kube.named("venueaccounts")["test"]["status"]
    assert (status["holder"], status["capitalInUse"]) == ("eth-usdc", "1000")
    assert status["conditions"][0]["status"] == "True"


async def test_a_snapshot_of_a_revision_nothing_needs_is_forgotten(world: World) -> None:
    world.market_maker(**one_stage())
    await world.settle()
    first = set(world.kube.named("controllerrevisions"))
    world.market_maker(**one_stage(capital="1500"))
    await world.settle()
    assert len(first) == 1
    assert len(world.kube.named("controllerrevisions")) == 1
    assert first != set(world.kube.named("controllerrevisions"))
