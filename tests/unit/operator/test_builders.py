"""The objects of a trader: restricted, immutable where they must be, and the same bytes for the same input."""

from __future__ import annotations

import pytest
import yaml
from operator_definitions import account, definition

from mm_api.kinds import Environment, Venue
from mm_api.kinds.venue_account import Endpoints
from mm_api.trader_config import TraderConfig
from mm_operator import names
from mm_operator.resources import trader
from mm_operator.resources.venues import NoAddressError, addresses, venue_config


def test_the_pod_is_restricted_in_every_way_it_can_be() -> None:
    pod = trader.stateful_set(definition())["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["fsGroup"] == 10001
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    security = pod["containers"][0]["securityContext"]
    assert security == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_the_statefulset_is_one_pod_that_never_rolls_by_itself() -> None:
    spec = trader.stateful_set(definition())["spec"]
    assert (spec["replicas"], spec["updateStrategy"], spec["podManagementPolicy"]) == (
        1,
        {"type": "OnDelete"},
        "Parallel",
    )
    assert spec["persistentVolumeClaimRetentionPolicy"] == {"whenDeleted": "Delete", "whenScaled": "Retain"}
    assert spec["selector"]["matchLabels"].items() <= spec["template"]["metadata"]["labels"].items()


def test_the_container_is_started_probed_and_told_who_it_is() -> None:
    container = trader.stateful_set(definition())["spec"]["template"]["spec"]["containers"][0]
    assert container["command"] == ["mm-trader", "--config", "/etc/mm/config.yaml"]
    assert container["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": "admin"}
    assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "admin"}
    assert container["env"][0] == {
        "name": "MM_HOLDER",
        "valueFrom": {"fieldRef": {"fieldPath": "metadata.uid"}},
    }
    mounts = {mount["mountPath"] for mount in container["volumeMounts"]}
    assert {
        "/etc/mm/credentials",
        "/etc/mm/redis",
        "/var/lib/mm",
        "/run/mm",
        "/tmp",
        "/etc/mm/config.yaml",
    } == mounts


def test_a_dead_man_of_its_own_shares_nothing_with_the_trader_but_config_keys_and_the_heartbeat() -> None:
    template = trader.stateful_set(definition())["spec"]["template"]
    first, dead_man = template["spec"]["containers"]
    assert (first["name"], dead_man["name"]) == ("trader", "dead-man")
    assert template["metadata"]["annotations"]["kubectl.kubernetes.io/default-container"] == "trader"
    assert dead_man["command"] == ["mm-trader", "dead-man", "--config", "/etc/mm/config.yaml"]
    assert dead_man["image"] == first["image"]
    assert dead_man["securityContext"] == first["securityContext"]
    assert dead_man["resources"]["limits"]["memory"] == "96Mi"
    mounts = {mount["mountPath"] for mount in dead_man["volumeMounts"]}
    assert mounts == {"/etc/mm/config.yaml", "/etc/mm/credentials", "/run/mm"}
    volumes = {volume["name"]: volume for volume in template["spec"]["volumes"]}
    assert volumes["heartbeat"]["emptyDir"] == {"medium": "Memory", "sizeLimit": "1Mi"}
    config = definition().config
    assert config.dead_man is not None
    assert config.dead_man.heartbeat_file == "/run/mm/heartbeat"


def test_the_configuration_is_read_back_as_it_was_meant_and_names_no_secret() -> None:
    made = trader.config_map(definition())
    assert made["immutable"] is True
    config = TraderConfig.model_validate(yaml.safe_load(made["data"]["config.yaml"]))
    assert config == definition().config
    assert config.venue.rest_url == "https://testnet.binance.vision"
    assert "password:" not in made["data"]["config.yaml"].replace("passwordFile:", "")


def test_another_content_is_another_configmap_and_the_same_content_the_same() -> None:
    assert trader.config_map_name(definition()) == trader.config_map_name(definition())
    assert trader.config_map_name(definition()) != trader.config_map_name(definition(epoch=4))
    assert trader.config_map_name(definition()) != trader.config_map_name(definition(dailyLossLimit="9"))


def test_nothing_of_the_operators_version_is_in_the_template() -> None:
    from mm_operator import __version__

    assert __version__ not in yaml.safe_dump(trader.stateful_set(definition())["spec"]["template"])


def test_children_belong_to_their_marketmaker() -> None:
    for body in (
        trader.config_map(definition()),
        trader.service(definition()),
        trader.stateful_set(definition()),
    ):
        assert body["metadata"]["ownerReferences"][0]["uid"] == "u1"
        assert body["metadata"]["labels"][names.LABEL_MARKET_MAKER] == "eth"


@pytest.mark.parametrize(
    ("environment", "rest"),
    [
        ("testnet", "https://testnet.binance.vision"),
        ("demo", "https://demo-api.binance.com"),
        ("mainnet", "https://api.binance.com"),
    ],
)
def test_each_environment_has_its_own_address(environment: str, rest: str) -> None:
    assert addresses(account(environment, allowRealMoney=True))[0] == rest


@pytest.mark.parametrize("environment", ["testnet", "demo", "mainnet"])
def test_futures_have_addresses_of_their_own(environment: str) -> None:
    rest, ws_api, stream = addresses(account(environment, venue="binance-usdm", allowRealMoney=True))
    assert "fapi" in rest and ws_api.endswith("/ws-fapi/v1") and "fstream" in stream
    own = account(environment, venue="binance-usdm", allowRealMoney=True)
    assert venue_config(own).kind is Venue.BINANCE_USDM


def test_an_environment_without_a_known_address_is_refused_by_name() -> None:
    with pytest.raises(NoAddressError, match="binance-usdm simulator"):
        addresses(account(venue="binance-usdm").model_copy(update={"environment": Environment.SIMULATOR}))


def test_mainnet_never_takes_another_address() -> None:
    evil = Endpoints(rest="http://evil", stream="ws://evil", ws_api="ws://evil")
    own = account("mainnet", allowRealMoney=True).model_copy(update={"endpoints": evil})
    assert addresses(own)[0] == "https://api.binance.com"


def test_long_names_stay_legal_and_apart() -> None:
    first, second = names.trader_name("m" * 60, "account-a"), names.trader_name("m" * 60, "account-b")
    assert first != second
    assert max(len(first), len(second)) <= names.MAX_NAME
