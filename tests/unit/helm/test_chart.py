"""What the chart renders: safe pods, secrets by reference, and nothing that restarts a trader or Redis on an upgrade."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from mm_operator.resources.trader import TraderDefinition
from mm_trader.venue.simulator.settings import load_config

from .rendering import CHART, ROOT, Chart, Refused

# building helm, on a machine that has none, takes minutes
pytestmark = pytest.mark.timeout(900)

DEMO = ("-f", str(ROOT / "configs/demo/values.yaml"))
EVERYTHING = (
    *DEMO,
    *("--set", "networkPolicy.enabled=true", "--set", "metrics.serviceMonitor.enabled=true"),
)
Object = dict[str, Any]


def find(objects: list[Object], kind: str, name: str) -> Object:
    """The one object of that kind and name."""
    (found,) = [item for item in objects if item["kind"] == kind and item["metadata"]["name"] == name]
    return found


def pods(objects: list[Object]) -> dict[str, Object]:
    """Pod specs by object, of workloads and of test pods."""
    found = {}
    for item in objects:
        if item["kind"] == "Pod":
            found[item["metadata"]["name"]] = item["spec"]
        elif item["kind"] in ("Deployment", "StatefulSet"):
            found[item["metadata"]["name"]] = item["spec"]["template"]["spec"]
    return found


def environment(pod: Object) -> dict[str, Any]:
    """Environment variables of a pod's first container: a value, or where it comes from."""
    return {item["name"]: item.get("value", item.get("valueFrom")) for item in pod["containers"][0]["env"]}


@pytest.mark.parametrize("values", [(), DEMO, EVERYTHING], ids=["defaults", "demo", "everything"])
def test_helm_lint_finds_nothing(chart: Chart, values: tuple[str, ...]) -> None:
    assert "0 chart(s) failed" in chart.run("lint", CHART, "--strict", "--kube-version", "1.34.0", *values)


def test_every_pod_runs_as_nobody_in_particular_and_writes_only_to_its_volumes(chart: Chart) -> None:
    for name, pod in pods(chart.render(*EVERYTHING)).items():
        security = pod["securityContext"]
        assert security["runAsNonRoot"] is True, name
        assert security["runAsUser"] > 0, name
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}, name
        for container in pod["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }, name
            assert "memory" in container["resources"]["limits"], name


def test_only_the_operator_gets_a_token_of_the_cluster(chart: Chart) -> None:
    for name, pod in pods(chart.render(*EVERYTHING)).items():
        assert pod.get("automountServiceAccountToken", True) is (name == "mm-operator"), name


def test_there_is_never_a_second_operator(chart: Chart) -> None:
    spec = find(chart.render(), "Deployment", "mm-operator")["spec"]
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})


def test_the_operator_has_at_least_the_memory_it_needs(chart: Chart) -> None:
    limit = pods(chart.render())["mm-operator"]["containers"][0]["resources"]["limits"]["memory"]
    assert int(limit.removesuffix("Mi")) >= 192


def test_no_secret_value_is_written_outside_of_secrets(chart: Chart) -> None:
    objects = chart.render(*EVERYTHING)
    values = [
        value for item in objects if item["kind"] == "Secret" for value in item.get("data", {}).values()
    ]
    assert len(values) >= 6
    rest = json.dumps([item for item in objects if item["kind"] != "Secret"])
    import base64

    for value in values:
        assert value not in rest
        assert base64.b64decode(value).decode() not in rest


def test_the_defaults_are_for_production(chart: Chart) -> None:
    objects = chart.render()
    names = {item["metadata"]["name"] for item in objects}
    assert "mm-redis" in names
    assert not any("simulator" in name for name in names)
    config = find(objects, "ConfigMap", "mm-redis")["data"]["redis.conf"]
    assert "appendonly yes" in config
    assert "appendfsync always" in config
    assert "aclfile /data/users.acl" in config
    assert "maxmemory-policy noeviction" in config


def test_redis_keeps_its_data_and_its_users_on_a_volume(chart: Chart) -> None:
    redis = find(chart.render("--set", "redis.persistence.size=5Gi"), "StatefulSet", "mm-redis")["spec"]
    (claim,) = redis["volumeClaimTemplates"]
    assert claim["spec"]["resources"]["requests"]["storage"] == "5Gi"
    mounts = {
        item["mountPath"]: item["name"] for item in redis["template"]["spec"]["containers"][0]["volumeMounts"]
    }
    assert mounts["/data"] == claim["metadata"]["name"]


def test_a_new_version_of_chart_and_image_leaves_redis_as_it_is(chart: Chart, tmp_path: Path) -> None:
    newer = tmp_path / "mm-rebuild"
    shutil.copytree(CHART, newer)
    meta = yaml.safe_load((newer / "Chart.yaml").read_text())
    (newer / "Chart.yaml").write_text(yaml.safe_dump({**meta, "version": "9.9.9", "appVersion": "9.9.9"}))
    text = chart.run("template", "mm", newer, "--namespace", "mm-system", "--kube-version", "1.34.0")
    after = [item for item in yaml.safe_load_all(text) if item]
    before = chart.render()
    spec = find(before, "StatefulSet", "mm-redis")["spec"]
    assert find(after, "StatefulSet", "mm-redis")["spec"] == spec
    operator = pods(after)["mm-operator"]["containers"][0]["image"]
    assert operator.endswith(":9.9.9")


def test_a_change_of_redis_settings_restarts_redis(chart: Chart) -> None:
    def template(*arguments: str) -> Object:
        found: Object = find(chart.render(*arguments), "StatefulSet", "mm-redis")["spec"]["template"]
        return found

    assert template("--set", "redis.maxMemory=512mb") != template()


def test_an_external_redis_replaces_the_own_one(chart: Chart) -> None:
    objects = chart.render(
        *("--set", "redis.enabled=false", "--set", "redis.external.url=rediss://redis.example:6380/0"),
        *("--set", "redis.external.username=mm", "--set", "redis.external.existingSecret=redis-login"),
    )
    assert not [item for item in objects if item["kind"] == "StatefulSet"]
    pod = pods(objects)["mm-operator"]
    seen = environment(pod)
    assert seen["MM_REDIS_URL"] == "rediss://redis.example:6380/0"
    assert seen["MM_REDIS_USERNAME"] == "mm"
    volume = next(item for item in pod["volumes"] if item["name"] == "redis")
    assert volume["secret"]["secretName"] == "redis-login"


def test_a_digest_wins_over_a_tag(chart: Chart) -> None:
    digest = "sha256:" + "a" * 64
    objects = chart.render("--set", f"image.digest={digest},image.tag=1.2,image.repository=example/mm")
    pod = pods(objects)["mm-operator"]
    assert pod["containers"][0]["image"] == f"example/mm@{digest}"
    assert environment(pod)["MM_TRADER_IMAGE"] == f"example/mm@{digest}"


def test_the_simulator_gets_its_accounts_keys_by_reference(chart: Chart) -> None:
    objects = chart.render(*DEMO)
    pod = pods(objects)["mm-simulator"]
    accounts = [word for word in pod["containers"][0]["args"] if word.startswith("--account=")]
    assert len(accounts) == 2
    for index, word in enumerate(accounts):
        assert re.fullmatch(
            rf"--account=[a-z-]+:\$\(ACCOUNT_{index}_KEY\):\$\(ACCOUNT_{index}_SECRET\):[A-Z]+=[0-9.]+(,[A-Z]+=[0-9.]+)*",
            word,
        )
    assert environment(pod)["ACCOUNT_1_KEY"] == {"secretKeyRef": {"name": "sim-main", "key": "apiKey"}}
    assert set(find(objects, "Secret", "sim-main")["data"]) == {"apiKey", "secretKey"}


def test_the_simulators_options_and_scenario_are_what_the_simulator_reads(
    chart: Chart, tmp_path: Path
) -> None:
    values = tmp_path / "values.yaml"
    step = {"at": 60, "action": "price", "symbol": "ETHUSDC", "by_bp": -50}
    options = {"speed": 5, "limits": {"orders-per-10s": 50}}
    values.write_text(
        yaml.safe_dump({"simulator": {"product": "usdm", "options": options, "scenario": [step]}})
    )
    objects = chart.render(*DEMO, "-f", str(values))
    pod = pods(objects)["mm-simulator"]
    data = find(objects, "ConfigMap", "mm-simulator")["data"]
    for name, text in data.items():
        (tmp_path / name).write_text(text)
    args = pod["containers"][0]["args"]
    given = {
        word.split("=", 1)[0].removeprefix("--"): word.split("=", 1)[1].replace(
            "/etc/simulator", str(tmp_path)
        )
        for word in args
    }
    assert given["config"] == str(tmp_path / "options.yaml")
    config, steps = load_config(
        {"config": given["config"], "scenario": given["scenario"], "product": given["product"]}, {}
    )
    assert (config.product, config.speed, config.limits.orders_per_10s) == ("usdm", 5.0, 50)
    assert steps == [step]
    assert pod["volumes"][0]["configMap"]["name"] == "mm-simulator"


def test_another_scenario_is_another_pod_of_the_simulator_and_none_changes_nothing(chart: Chart) -> None:
    def template(*more: str) -> Object:
        return find(chart.render(*DEMO, *more), "Deployment", "mm-simulator")["spec"]["template"]

    plain = template()
    assert "annotations" not in plain["metadata"]
    first, second = (template("--set", f"simulator.scenario[0].action={a}") for a in ("clear", "reset"))
    assert first["metadata"]["annotations"] != second["metadata"]["annotations"]


def test_the_simulator_may_have_an_image_of_its_own(chart: Chart) -> None:
    objects = chart.render(
        *DEMO, "--set", "simulator.image.repository=example/mm-simulator,simulator.image.tag=v3"
    )
    assert pods(objects)["mm-simulator"]["containers"][0]["image"] == "example/mm-simulator:v3"
    assert "example/mm-simulator" not in pods(objects)["mm-operator"]["containers"][0]["image"]


def test_an_accounts_secret_that_is_there_already_is_only_read(chart: Chart) -> None:
    objects = chart.render(
        "--set", "simulator.enabled=true",
        "--set", "simulator.accounts[0].name=own,simulator.accounts[0].balances.USDC=5",
        "--set", "simulator.accounts[0].existingSecret=true,simulator.accounts[0].secretName=my-keys",
        "--set-string", "simulator.accounts[0].balances.USDC=5",
    )  # fmt: skip
    assert "my-keys" not in {item["metadata"]["name"] for item in objects}
    reference = environment(pods(objects)["mm-simulator"])["ACCOUNT_0_SECRET"]
    assert reference == {"secretKeyRef": {"name": "my-keys", "key": "secretKey"}}


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ("operator.scope=Everywhere", "scope"),
        ("redis.appendfsync=no", "appendfsync"),
        ("image.digest=latest", "digest"),
        ("simulator.market.preset=rigged", "preset"),
        ("simulator.enabled=true", "accounts"),
        ("simulator.product=options", "product"),
        ("simulator.options.account=x", "options"),
        ("redis.enabled=false", "url"),
        ("replicas=2", "replicas"),
    ],
)
def test_a_wrong_value_is_refused_by_its_name(chart: Chart, values: str, said: str) -> None:
    with pytest.raises(Refused, match=said):
        chart.render("--set", values)


def test_policies_let_traders_and_operator_reach_redis_and_nobody_else(chart: Chart) -> None:
    policy = find(chart.render(*EVERYTHING), "NetworkPolicy", "mm-redis")["spec"]
    assert policy["egress"] == []
    (rule,) = policy["ingress"]
    peers = [peer["podSelector"]["matchLabels"] for peer in rule["from"]]
    who = {labels.get("app.kubernetes.io/component", labels["app.kubernetes.io/name"]) for labels in peers}
    assert who == {"operator", "mm-trader", "test"}


def test_policies_and_monitors_select_traders_by_the_label_that_the_operator_gives_them(chart: Chart) -> None:
    (monitor,) = [item for item in chart.render(*EVERYTHING) if item["kind"] == "PodMonitor"]
    trader = SimpleNamespace(name="eth-usdc", account="binance-main")
    assert TraderDefinition.labels.fget is not None
    labels = TraderDefinition.labels.fget(trader)
    assert monitor["spec"]["selector"]["matchLabels"].items() <= labels.items()
    policy = find(chart.render(*EVERYTHING), "NetworkPolicy", "mm-simulator")["spec"]
    assert policy["ingress"][0]["from"][0]["podSelector"]["matchLabels"].items() <= labels.items()


def test_two_releases_in_a_namespace_share_no_name(chart: Chart) -> None:
    def names(release: str) -> set[tuple[str, str]]:
        objects = chart.render("--set", "networkPolicy.enabled=true", release=release)
        return {(item["kind"], item["metadata"]["name"]) for item in objects}

    assert not names("one") & names("two")


def test_the_chart_speaks_of_the_version_that_the_project_has() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    meta = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert meta["version"] == meta["appVersion"] == project
